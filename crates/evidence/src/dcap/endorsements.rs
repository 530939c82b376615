//! What Intel says about a platform: found among the endorsements, chained to the root, verified over the received bytes.
//!
//! All of it depends on the endorsements and on the certificates that the quote carries, and is kept as long as it holds.

use std::sync::Arc;

use casemate_cose::UnixTime;

use super::{
    EnclaveId, Flaw, Pck, QeIdentity, TcbInfo, Tee,
    abi::{Certification, Quote},
    json::{Hex, Signed},
    pck::SGX_EXTENSION,
    tcb_info::About,
};
use crate::{
    ChainFlaw, Support, Vendor, Window,
    cache::Context,
    crypto::{KeyKind, ParsedKey, Scheme},
    pem,
    wire::{WireError, der::SEQUENCE},
    x509::{Certificate, Chain, Crl, CrlRule, Lists},
};

const PCK_NAME: &str = "Intel SGX PCK Certificate";
const PCK_CA_NAMES: [&str; 2] = ["Intel SGX PCK Processor CA", "Intel SGX PCK Platform CA"];
/// Whose name the certificate has that signs TCB info and identities.
pub(crate) const TCB_SIGNER_NAME: &str = "Intel SGX TCB Signing";

/// The most TCB infos or identities about one platform, and signers of one name, that are tried.
const TRIES_MAX: usize = 16;

/// A platform that Intel's root vouches for, and how it stands.
#[derive(Debug)]
pub(super) struct Endorsed {
    pub(super) pck: Pck,
    pub(super) pck_key: ParsedKey,
    pub(super) tcb_info: TcbInfo,
    pub(super) qe_identity: QeIdentity,
    pub(super) support: Support,
}

/// Steps 3 to 6, or what they came to before. Says whether step 7 had to be taken to find the certificate.
pub(super) fn endorsed(quote: &Quote<'_>, context: &Context<'_>) -> Result<(Arc<Endorsed>, bool), Flaw> {
    let tee = quote.body.tee();
    let found;
    let (carried, is_signed) = match quote.certification {
        Certification::Chain(pem) => (pem, false),
        Certification::Leaf(leaf) => (leaf, false),
        Certification::Platform { ppid, pce_id } => {
            found = external(quote, ppid, pce_id, context)?;
            (found.as_slice(), true)
        }
    };
    let kind: &[u8] = if matches!(quote.certification, Certification::Chain(_)) { b"chain" } else { b"leaf" };
    let endorsed = context.cached("dcap", &[tee.as_str().as_bytes(), kind, carried], || {
        let endorsed = verify(tee, carried, quote.certification, context)?;
        let window = endorsed.support.window;
        Ok::<_, Flaw>((endorsed, window))
    })?;
    Ok((endorsed, is_signed))
}

fn verify(tee: Tee, carried: &[u8], kind: Certification<'_>, context: &Context<'_>) -> Result<Endorsed, Flaw> {
    // 3
    let is_whole = matches!(kind, Certification::Chain(_));
    let ders = certificates(carried, if is_whole { 3 } else { 1 })?;
    let chain = pck_chain(&ders, is_whole, context)?;
    let crls = current_crls(&chain, context)?;
    let mut support = chain_of(&chain, &crls, context).map_err(|flaw| Flaw::PckChain { flaw })?;
    names(&chain)?;
    // 4
    let leaf = chain.first().ok_or(Flaw::PckChain { flaw: ChainFlaw::Empty })?;
    let pck = Pck::of(leaf).map_err(|error| Flaw::PckExtension { error })?;
    let pck_key =
        leaf.spki.key.parse(Scheme::EcdsaP256Sha256Fixed).map_err(|_| Flaw::PckCertificate { error: not_p256() })?;
    // 5
    let mut signers = Signers::of(&crls, context);
    let tcb_info = tcb_info(tee, &pck, &mut signers, &mut support, context)?;
    // 6
    let qe_identity = qe_identity(tee, &mut signers, &mut support, context)?;
    Ok(Endorsed { pck, pck_key, tcb_info, qe_identity, support })
}

/// Certificates as a quote carries them, at most so many: PEM, ended by a zero byte or not; one alone may be in DER.
fn certificates(carried: &[u8], max: usize) -> Result<Vec<Vec<u8>>, Flaw> {
    if max == 1 && carried.first() == Some(&SEQUENCE) {
        return Ok(vec![carried.to_vec()]);
    }
    let refuse = |actual: &str| {
        let actual = actual.to_owned();
        Flaw::PckCertificate { error: WireError::Value { field: "PCK certificate chain", expected: "PEM", actual } }
    };
    let text = std::str::from_utf8(carried).map_err(|_| refuse("no text"))?;
    let blocks = pem::blocks(text.trim_end_matches('\0')).ok_or_else(|| refuse("a broken block"))?;
    if blocks.is_empty() || blocks.len() > max || blocks.iter().any(|block| block.label != "CERTIFICATE") {
        return Err(refuse(&format!("{} blocks, or others than certificates", blocks.len())));
    }
    Ok(blocks.into_iter().map(|block| block.bytes).collect())
}

/// The PCK certificate and the PCK CA's; what follows them in a quote is the root, which is pinned.
fn pck_chain<'a>(ders: &'a [Vec<u8>], is_whole: bool, context: &Context<'a>) -> Result<Vec<Certificate<'a>>, Flaw> {
    let carried = ders.iter().map(|der| Certificate::parse(der)).collect::<Result<Vec<_>, _>>();
    let mut chain = carried.map_err(|error| Flaw::PckCertificate { error })?;
    if is_whole {
        return Ok(chain);
    }
    let issuer = chain.first().map(|leaf| leaf.issuer).unwrap_or_default();
    let mut issuers: Vec<_> = context
        .endorsements
        .certificates()
        .filter_map(|der| Certificate::parse(der).ok())
        .filter(|certificate| certificate.subject == issuer)
        .collect();
    issuers.sort_by_key(|certificate| !window(certificate).contains(context.at));
    let issuer = issuers.into_iter().next();
    chain.push(issuer.ok_or_else(|| Flaw::PckMissing { wanted: "certificate of the PCK CA".to_owned() })?);
    Ok(chain)
}

/// A platform that names itself only: the endorsed PCK certificate whose key signed the QE report.
fn external(
    quote: &Quote<'_>,
    ppid: Option<[u8; 16]>,
    pce_id: [u8; 2],
    context: &Context<'_>,
) -> Result<Vec<u8>, Flaw> {
    let known = context.cached("dcap-pck", &[], || Ok::<_, Flaw>((pcks(context), Window::ALWAYS)))?;
    if known.is_empty() {
        return Err(Flaw::PckMissing { wanted: "PCK certificate of the platform".to_owned() });
    }
    known
        .iter()
        .filter(|(pck, _, _)| pck.pce_id == pce_id && ppid.is_none_or(|ppid| ppid == pck.ppid))
        .find(|(_, key, _)| key.verify(quote.qe_report_bytes, quote.qe_report_signature).is_ok())
        .map(|(_, _, der)| der.clone())
        .ok_or(Flaw::QeReportSignature {})
}

/// All endorsed PCK certificates, with their keys. Nothing of them is believed yet.
fn pcks(context: &Context<'_>) -> Vec<(Pck, ParsedKey, Vec<u8>)> {
    let read = |der: &[u8]| {
        let certificate = Certificate::parse(der).ok()?;
        certificate.extension(SGX_EXTENSION)?;
        let key = certificate.spki.key.parse(Scheme::EcdsaP256Sha256Fixed).ok()?;
        Some((Pck::of(&certificate).ok()?, key, der.to_vec()))
    };
    context.endorsements.certificates().filter_map(read).collect()
}

fn names(chain: &[Certificate<'_>]) -> Result<(), Flaw> {
    let name = |place: usize| chain.get(place).map(Certificate::common_name).unwrap_or_default();
    if name(0) != PCK_NAME {
        return Err(Flaw::PckName { expected: PCK_NAME, actual: name(0) });
    }
    if !PCK_CA_NAMES.contains(&name(1).as_str()) {
        return Err(Flaw::PckName { expected: "Intel SGX PCK Processor CA, or Platform CA", actual: name(1) });
    }
    Ok(())
}

fn chain_of(chain: &[Certificate<'_>], crls: &Lists<'_>, context: &Context<'_>) -> Result<Support, ChainFlaw> {
    let anchors = context.endorsements.anchors(Vendor::Intel);
    let rules = Chain { anchors: &anchors, crls, crl_rule: CrlRule::Required, critical: &[], at: context.at };
    rules.verify(chain).map(|verified| verified.support)
}

/// Lists of the root and of the issuers in `chain`. Where an issuer has a list of now, its older ones don't count.
fn current_crls<'a>(chain: &[Certificate<'_>], context: &Context<'a>) -> Result<Lists<'a>, Flaw> {
    let anchors = context.endorsements.anchors(Vendor::Intel);
    let mut lists = Vec::new();
    for bytes in context.endorsements.crls() {
        let list = Crl::parse(bytes).map_err(|error| Flaw::PckChain { flaw: error.into() })?;
        let is_ours = anchors.iter().any(|anchor| anchor.subject() == list.issuer)
            || chain.iter().any(|certificate| certificate.issuer == list.issuer);
        if is_ours {
            lists.push(list);
        }
    }
    let is_now = |list: &Crl<'_>| list.window().contains(context.at);
    let counts =
        |list: &&Crl<'a>| is_now(list) || !lists.iter().any(|other| other.issuer == list.issuer && is_now(other));
    Ok(Lists::of_read(lists.iter().filter(counts).copied()))
}

/// Who signs TCB info and identities. Each is chained to the root once.
struct Signers<'a, 'c> {
    certificates: Vec<Certificate<'a>>,
    crls: &'c Lists<'a>,
    verified: Vec<&'a [u8]>,
}

impl<'a, 'c> Signers<'a, 'c> {
    fn of(crls: &'c Lists<'a>, context: &Context<'a>) -> Self {
        let mut certificates: Vec<_> = context
            .endorsements
            .certificates()
            .filter_map(|der| Certificate::parse(der).ok())
            .filter(|certificate| {
                certificate.common_name() == TCB_SIGNER_NAME && certificate.spki.key.kind == KeyKind::P256
            })
            .collect();
        // A signer's certificate is renewed for the same key: the one of now goes first.
        certificates.sort_by_key(|certificate| !window(certificate).contains(context.at));
        certificates.dedup_by_key(|certificate| certificate.raw);
        certificates.truncate(TRIES_MAX);
        Self { certificates, crls, verified: Vec::new() }
    }

    /// Verifies `signed`, and that Intel's root vouches for whoever signed it; `forged` is the flaw of another signature.
    fn verify(
        &mut self,
        signed: &Signed<'_>,
        forged: Flaw,
        support: &mut Support,
        context: &Context<'_>,
    ) -> Result<(), Flaw> {
        if self.certificates.is_empty() {
            return Err(Flaw::TcbSignerMissing {});
        }
        let mut flaw = forged;
        for certificate in &self.certificates {
            if !signed.is_by(certificate.spki.key) {
                continue;
            }
            if self.verified.contains(&certificate.raw) {
                return Ok(());
            }
            match self.chain(certificate, context) {
                Ok(more) => {
                    support.extend(&more);
                    self.verified.push(certificate.raw);
                    return Ok(());
                }
                Err(error) => flaw = Flaw::TcbSignerChain { flaw: error },
            }
        }
        Err(flaw)
    }

    fn chain(&self, certificate: &Certificate<'_>, context: &Context<'_>) -> Result<Support, ChainFlaw> {
        if !certificate.may_sign_data()? {
            return Err(ChainFlaw::Signature { certificate: certificate.common_name() });
        }
        chain_of(std::slice::from_ref(certificate), self.crls, context)
    }
}

/// Step 5: TCB info for this TEE and platform, signed, and of now.
fn tcb_info(
    tee: Tee,
    pck: &Pck,
    signers: &mut Signers<'_, '_>,
    support: &mut Support,
    context: &Context<'_>,
) -> Result<TcbInfo, Flaw> {
    let malformed = |error| Flaw::TcbInfoJson { error };
    let mut abouts = Vec::new();
    let is_only_one = context.endorsements.tcb_infos().nth(1).is_none();
    // One that doesn't even say whom it is about: if none is found, it may have been the one.
    let mut unread = None;
    for bytes in context.endorsements.tcb_infos() {
        let read = Signed::tcb_info(bytes).and_then(|signed| {
            // One alone is read at once; of several, only those about this platform are read to the end.
            let whole = if is_only_one { TcbInfo::of(&signed).ok() } else { None };
            let about = whole.as_ref().map_or_else(|| About::of(&signed), |info| Ok(About::of_read(info)))?;
            Ok((about, whole, signed, bytes))
        });
        match read {
            Ok(read) => abouts.push(read),
            Err(error) => unread = unread.or(Some(malformed(error))),
        }
    }
    let fallback = |flaw| Err(unread.clone().unwrap_or(flaw));
    if abouts.is_empty() {
        return fallback(Flaw::TcbInfoMissing { tee, fmspc: hex::encode(pck.fmspc) });
    }
    abouts.retain(|(about, ..)| about.tee() == tee);
    if abouts.is_empty() {
        return fallback(Flaw::TcbInfoTee { expected: tee });
    }
    let others: Vec<String> = abouts.iter().map(|(about, ..)| hex::encode(about.fmspc.0)).take(TRIES_MAX).collect();
    abouts.retain(|(about, ..)| about.fmspc == Hex(pck.fmspc));
    if abouts.is_empty() {
        return fallback(Flaw::Fmspc { expected: hex::encode(pck.fmspc), actual: others.join(", ") });
    }
    let mut infos = Vec::new();
    for (_, whole, signed, bytes) in abouts.into_iter().take(TRIES_MAX) {
        infos.push((whole.map_or_else(|| TcbInfo::of(&signed), Ok).map_err(malformed)?, signed, bytes));
    }
    let actual = infos.first().and_then(|(info, ..)| info.pce_id).map_or("not there".to_owned(), hex::encode);
    infos.retain(|(info, ..)| info.pce_id == Some(pck.pce_id));
    let newest =
        infos.into_iter().max_by_key(|(info, ..)| rank(info.window(), info.tcb_evaluation_data_number, context.at));
    let Some((info, signed, bytes)) = newest else {
        return Err(Flaw::PceId { expected: hex::encode(pck.pce_id), actual });
    };
    signers.verify(&signed, Flaw::TcbInfoSignature {}, support, context)?;
    if !info.window().contains(context.at) {
        return Err(Flaw::TcbInfoWindow { from: info.issue_date, to: info.next_update, at: context.at });
    }
    support.add("tcb-info", format!("{tee} {}", hex::encode(info.fmspc)), bytes, info.window());
    Ok(info)
}

/// Step 6: the identity of this TEE's quoting enclave, signed, and of now.
fn qe_identity(
    tee: Tee,
    signers: &mut Signers<'_, '_>,
    support: &mut Support,
    context: &Context<'_>,
) -> Result<QeIdentity, Flaw> {
    let expected = EnclaveId::of(tee);
    let malformed = |error| Flaw::QeIdentityJson { error };
    let mut identities = Vec::new();
    let mut unread = None;
    for bytes in context.endorsements.qe_identities().take(TRIES_MAX) {
        let read = Signed::qe_identity(bytes).and_then(|signed| Ok((QeIdentity::of(&signed)?, signed, bytes)));
        match read {
            Ok(read) => identities.push(read),
            Err(error) => unread = unread.or(Some(malformed(error))),
        }
    }
    if identities.is_empty() {
        return Err(unread.unwrap_or(Flaw::QeIdentityMissing { expected }));
    }
    let others: Vec<&str> = identities.iter().map(|(identity, ..)| identity.id.as_str()).collect();
    let actual = others.join(", ");
    identities.retain(|(identity, ..)| identity.id == expected);
    let newest = identities
        .into_iter()
        .max_by_key(|(identity, ..)| rank(identity.window(), identity.tcb_evaluation_data_number, context.at));
    let Some((identity, signed, bytes)) = newest else {
        return Err(unread.unwrap_or(Flaw::QeIdentityId { expected, actual }));
    };
    signers.verify(&signed, Flaw::QeIdentitySignature {}, support, context)?;
    if !identity.window().contains(context.at) {
        return Err(Flaw::QeIdentityWindow { from: identity.issue_date, to: identity.next_update, at: context.at });
    }
    support.add("qe-identity", expected.to_string(), bytes, identity.window());
    Ok(identity)
}

/// What of several about the same counts: of now, of the latest evaluation, the latest issued.
fn rank(window: Window, number: u32, at: UnixTime) -> (bool, u32, UnixTime) {
    (window.contains(at), number, window.not_before)
}

const fn window(certificate: &Certificate<'_>) -> Window {
    Window { not_before: certificate.not_before, not_after: certificate.not_after }
}

fn not_p256() -> WireError {
    WireError::Value { field: "subjectPublicKeyInfo", expected: "a P-256 key", actual: "another".to_owned() }
}
