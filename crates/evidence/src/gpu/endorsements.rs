//! What endorses a GPU: its chain to NVIDIA's device root, OCSP answers, and the firmware id in its certificate.

use casemate_cose::Digest;

use super::{
    Flaw,
    ocsp::{self, Issuer},
};
use crate::{
    ChainFlaw, Support, Vendor, WireError,
    cache::Context,
    crypto::{ParsedKey, Scheme},
    pem::blocks,
    wire::der::{Der, OCTET_STRING, OID, SEQUENCE, context},
    x509::{Certificate, Chain, CrlRule, Lists},
};

/// `tcg-dice-TcbInfo` [TCG DICE Attestation Architecture §6.1.1].
const TCB_INFO: &[u8] = &[0x67, 0x81, 0x05, 0x05, 0x04, 0x01];
/// `fwids`, the row of firmware digests.
const FWIDS: u8 = 6;

/// A device whose certificates hold.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) key: ParsedKey,
    pub(super) identity: Digest,
    pub(super) name: String,
    pub(super) firmware_id: Option<Vec<u8>>,
    pub(super) is_revocation_checked: bool,
    pub(super) support: Support,
}

/// Verifies the device's certificates, PEM.
pub(super) fn device(pem: &[u8], context: &Context<'_>) -> Result<Device, Flaw> {
    let refuse = |actual: &str| WireError::Value {
        field: "certificates",
        expected: "PEM certificates",
        actual: actual.to_owned(),
    };
    let text = std::str::from_utf8(pem).map_err(|_| refuse("bytes"))?;
    let blocks = blocks(text).ok_or_else(|| refuse("broken blocks"))?;
    if blocks.iter().any(|block| block.label != "CERTIFICATE") {
        return Err(refuse("another block").into());
    }
    let certificates: Vec<Certificate<'_>> = blocks
        .iter()
        .map(|block| Certificate::parse(&block.bytes))
        .collect::<Result<_, _>>()
        .map_err(ChainFlaw::Malformed)?;
    let anchors = context.endorsements.anchors(Vendor::NvidiaDevice);
    let crls = Lists::of(context.endorsements.crls());
    let chain = Chain { anchors: &anchors, crls: &crls, crl_rule: CrlRule::IfGiven, critical: &[], at: context.at };
    let verified = chain.verify(&certificates)?;
    let mut support = verified.support;
    let leaf = certificates.first().ok_or(ChainFlaw::Empty)?;
    // The leaf signs for the firmware; the certificate above it is the chip's own identity.
    let identity = certificates.get(1).ok_or(ChainFlaw::Empty)?;
    let is_answered = revocation(&certificates, context, &mut support)?;
    let key = leaf.spki.key.parse(Scheme::EcdsaP384Sha384Fixed).map_err(|_| Flaw::Signature {})?;
    Ok(Device {
        key,
        identity: Digest::of(identity.spki.raw),
        name: leaf.common_name(),
        firmware_id: firmware_id(leaf)?,
        is_revocation_checked: verified.is_revocation_checked || is_answered,
        support,
    })
}

/// Looks for answers about every certificate below the root. Whether there was one for each but the leaf, which the device
/// itself issues for its firmware.
fn revocation(certificates: &[Certificate<'_>], context: &Context<'_>, support: &mut Support) -> Result<bool, Flaw> {
    let mut is_answered = true;
    for (place, certificate) in certificates.iter().enumerate() {
        let above = certificates.get(place + 1);
        let anchors = context.endorsements.anchors(Vendor::NvidiaDevice);
        let issuer = match above {
            Some(above) => Issuer { name: above.subject, spki: above.spki },
            None => match anchors.iter().find(|anchor| anchor.subject() == certificate.issuer) {
                // The chain ends in the root's own certificate: nobody answers for it.
                Some(anchor) if anchor.is(certificate) => continue,
                Some(anchor) => Issuer { name: anchor.subject(), spki: anchor.spki()? },
                None => continue,
            },
        };
        let answers = context.endorsements.ocsp_answers();
        let found = ocsp::check(answers, certificate, issuer, context.at, support)
            .map_err(|error| Flaw::Ocsp { certificate: certificate.common_name(), error })?;
        is_answered &= found || place < 1;
    }
    Ok(is_answered)
}

/// The one firmware digest in the leaf's `tcg-dice-TcbInfo`, if it is of the standard's shape.
fn firmware_id(leaf: &Certificate<'_>) -> Result<Option<Vec<u8>>, WireError> {
    let Some(extension) = leaf.extension(TCB_INFO) else { return Ok(None) };
    let mut info = Der::only(extension.value, "DiceTcbInfo", SEQUENCE)?;
    while !info.is_empty() {
        let element = info.next("DiceTcbInfo")?;
        if element.tag == context(FWIDS) {
            let mut fwid = Der::new(element.content).sequence("fwids")?;
            fwid.expect("hashAlg", OID)?;
            return fwid.expect("digest", OCTET_STRING).map(|digest| Some(digest.to_vec()));
        }
    }
    Ok(None)
}
