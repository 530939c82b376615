//! OCSP answers for device certificates. [RFC 6960]
//!
//! 1. A successful basic response, signed with ECDSA by a responder whose certificate is in it. [§4.2.1]
//! 2. The responder was named by the certificate's own issuer: issued by it for `OCSPSigning`, or it is the issuer. [§4.2.2.2]
//! 3. The answer is for this certificate: hashes of the issuer's name and key, and the serial number. [§4.1.1]
//! 4. It is of now. [§4.2.2.1]
//! 5. It says `good`: revoked, on hold and unknown are refused.

use casemate_cose::UnixTime;
use thiserror::Error;

use crate::{
    Support, Window,
    crypto::Hash,
    wire::{
        WireError,
        der::{
            BIT_STRING, Der, ENUMERATED, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, SEQUENCE, context,
            context_primitive,
        },
    },
    x509::{Certificate, Spki, common_name, oid, scheme_of, time},
};

/// `id-pkix-ocsp-basic`.
const BASIC: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01];
/// `id-kp-OCSPSigning`.
const OCSP_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09];
/// `id-sha1`, which names issuers in answers and protects nothing.
const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
const FIELD: &str = "OCSPResponse";
/// The most issuers of one name and key that are tried for one answer.
const ISSUERS_MAX: usize = 16;

/// Why an OCSP answer is refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum OcspFlaw {
    /// It can't be read.
    #[error("the OCSP answer is malformed: {0}")]
    Malformed(#[from] WireError),
    /// The certificate is on hold.
    #[error("it is on hold (certificateHold)")]
    OnHold,
    /// The answer is not of now.
    #[error("the OCSP answer holds from {} to {}, not at {at}", window.not_before, window.not_after)]
    Outdated {
        /// When it holds.
        window: Window,
        /// The verifier's time.
        at: UnixTime,
    },
    /// The signer is not one that the issuer named.
    #[error("the OCSP answer's signer was not named by the certificate's issuer")]
    Responder,
    /// The certificate was revoked.
    #[error("it was revoked")]
    Revoked,
    /// The signature does not verify.
    #[error("the OCSP answer's signature does not verify")]
    Signature,
    /// The responder does not know the certificate.
    #[error("the responder does not know it")]
    Unknown,
}

/// An issuer, as answers name it and as responders are issued.
#[derive(Clone, Copy)]
pub(super) struct Issuer<'a> {
    pub(super) name: &'a [u8],
    pub(super) spki: Spki<'a>,
}

/// Who signed an answer, among some signers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Answered {
    /// Those of it are not here that it speaks for; the name is its responder's issuer's, if it says one.
    Absent(String),
    /// Those at these places signed it, or named who did.
    By(Vec<usize>),
}

/// Steps 1 and 2 without a time: who of `signers` (name and key) signed the answer, or named its responder.
pub(crate) fn answered<'s>(
    bytes: &[u8],
    signers: impl Iterator<Item = (&'s [u8], Spki<'s>)>,
) -> Result<Answered, OcspFlaw> {
    let answer = Answer::parse(bytes)?;
    let responder = answer.certificate.map(Certificate::parse).transpose()?;
    // Whoever names it: a responder that is in the answer signed the answer.
    if let Some(responder) = &responder {
        answer.signed_by(responder.spki)?;
    }
    let mut singles = Vec::new();
    let mut der = Der::new(answer.singles);
    while !der.is_empty() {
        singles.push(Single::read(&mut der)?);
    }
    let issuers: Vec<(usize, Issuer<'_>)> = signers
        .map(|(name, spki)| Issuer { name, spki })
        .enumerate()
        .filter(|(_, issuer)| singles.iter().any(|single| single.is_of(*issuer).unwrap_or(false)))
        .collect();
    let named = responder.map_or_else(|| "the certificate's issuer".to_owned(), |own| common_name(own.issuer));
    let is_whole =
        singles.iter().all(|single| issuers.iter().any(|(_, issuer)| single.is_of(*issuer).unwrap_or(false)));
    if issuers.is_empty() || !is_whole {
        return Ok(Answered::Absent(named));
    }
    let mut flaw = None;
    let mut places = Vec::new();
    for (place, issuer) in issuers.into_iter().take(ISSUERS_MAX) {
        match answer.signed_for(issuer) {
            Ok(_) => places.push(place),
            Err(error) => flaw = Some(error),
        }
    }
    match flaw {
        Some(flaw) if places.is_empty() => Err(flaw),
        _ => Ok(Answered::By(places)),
    }
}

/// The time in which the responder's certificate holds, where the answer carries one.
pub(crate) fn responder_window(bytes: &[u8]) -> Option<Window> {
    let responder = Certificate::parse(Answer::parse(bytes).ok()?.certificate?).ok()?;
    Some(Window { not_before: responder.not_before, not_after: responder.not_after })
}

/// Whom each answer in it is about (hashes of the issuer's name and key, serial number), and when it was given.
pub(crate) fn answers(bytes: &[u8]) -> Result<Vec<(Vec<u8>, UnixTime)>, OcspFlaw> {
    let mut der = Der::new(Answer::parse(bytes)?.singles);
    let mut answers = Vec::new();
    while !der.is_empty() {
        let single = Single::read(&mut der)?;
        let about = [single.issuer_name_hash, single.issuer_key_hash, single.serial].concat();
        answers.push((about, single.window.not_before));
    }
    Ok(answers)
}

/// What the answers say about `certificate`. `false` if none of them is about it.
pub(super) fn check<'a>(
    answers: impl Iterator<Item = &'a [u8]>,
    certificate: &Certificate<'_>,
    issuer: Issuer<'_>,
    at: UnixTime,
    support: &mut Support,
) -> Result<bool, OcspFlaw> {
    let mut is_found = false;
    for bytes in answers {
        let answer = Answer::parse(bytes)?;
        let mut singles = Der::new(answer.singles);
        while !singles.is_empty() {
            let single = Single::read(&mut singles)?;
            // 3
            if !single.is_about(certificate, issuer)? {
                continue;
            }
            // 1, 2
            if answer.signed_for(issuer)?.is_some_and(|window| !window.contains(at)) {
                return Err(OcspFlaw::Responder);
            }
            // 4
            if !single.window.contains(at) {
                return Err(OcspFlaw::Outdated { window: single.window, at });
            }
            // 5
            single.status?;
            is_found = true;
            support.add("ocsp", certificate.common_name(), bytes, single.window);
        }
    }
    Ok(is_found)
}

struct Answer<'a> {
    tbs: &'a [u8],
    singles: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
    certificate: Option<&'a [u8]>,
}

impl<'a> Answer<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, OcspFlaw> {
        let mut response = Der::only(bytes, FIELD, SEQUENCE)?;
        if response.expect("responseStatus", ENUMERATED)? != [0] {
            return Err(OcspFlaw::Unknown);
        }
        let mut typed = Der::only(response.expect("responseBytes", context(0))?, "responseBytes", SEQUENCE)?;
        response.end(FIELD)?;
        if typed.expect("responseType", OID)? != BASIC {
            let actual = "another".to_owned();
            return Err(WireError::Value { field: "responseType", expected: "id-pkix-ocsp-basic", actual }.into());
        }
        let mut basic = Der::only(typed.expect("response", OCTET_STRING)?, "BasicOCSPResponse", SEQUENCE)?;
        typed.end("responseBytes")?;
        let tbs = basic.expect_element("tbsResponseData", SEQUENCE)?;
        let algorithm = basic.expect("signatureAlgorithm", SEQUENCE)?;
        let signature = basic.bit_string("signature")?;
        let certificate = match basic.optional("certs", context(0))? {
            Some(bytes) => {
                let mut list = Der::only(bytes, "certs", SEQUENCE)?;
                let first = list.expect_element("certs", SEQUENCE)?.raw;
                Some(first)
            }
            None => None,
        };
        basic.end("BasicOCSPResponse")?;
        let mut data = Der::new(tbs.content);
        data.optional("version", context(0))?;
        if !matches!(data.peek(), Some(0xa1 | 0xa2)) {
            return Err(WireError::Value {
                field: "responderID",
                expected: "a name or a key",
                actual: "none".to_owned(),
            }
            .into());
        }
        data.next("responderID")?;
        time(&mut data, "producedAt")?;
        let singles = data.expect("responses", SEQUENCE)?;
        data.optional("responseExtensions", context(1))?;
        data.end("tbsResponseData")?;
        Ok(Self { tbs: tbs.raw, singles, algorithm, signature, certificate })
    }

    /// Steps 1 and 2, without a time: that of a delegated responder's certificate comes back.
    fn signed_for(&self, issuer: Issuer<'_>) -> Result<Option<Window>, OcspFlaw> {
        let (signer, window) = match self.certificate {
            None => (issuer.spki, None),
            Some(bytes) => {
                let responder = Certificate::parse(bytes)?;
                let is_issuer = responder.subject == issuer.name && responder.spki == issuer.spki;
                if !is_issuer && !is_delegate(&responder, issuer)? {
                    return Err(OcspFlaw::Responder);
                }
                let window = Window { not_before: responder.not_before, not_after: responder.not_after };
                (responder.spki, (!is_issuer).then_some(window))
            }
        };
        self.signed_by(signer).map(|()| window)
    }

    fn signed_by(&self, signer: Spki<'_>) -> Result<(), OcspFlaw> {
        let scheme = scheme_of(self.algorithm, signer.key.kind)?;
        signer.key.verify(scheme, self.tbs, self.signature).map_err(|_| OcspFlaw::Signature)
    }
}

/// A responder that `issuer` itself issued, for signing OCSP answers.
fn is_delegate(responder: &Certificate<'_>, issuer: Issuer<'_>) -> Result<bool, OcspFlaw> {
    let scheme = scheme_of(responder.algorithm, issuer.spki.key.kind)?;
    let is_issued =
        responder.issuer == issuer.name && issuer.spki.key.verify(scheme, responder.tbs, responder.signature).is_ok();
    let Some(usage) = responder.extension(oid::EXTENDED_KEY_USAGE) else { return Ok(false) };
    let mut usages = Der::only(usage.value, "extKeyUsage", SEQUENCE)?;
    let mut is_for_ocsp = false;
    while !usages.is_empty() {
        is_for_ocsp |= usages.expect("extKeyUsage", OID)? == OCSP_SIGNING;
    }
    Ok(is_issued && is_for_ocsp)
}

struct Single<'a> {
    hash: Hash,
    issuer_name_hash: &'a [u8],
    issuer_key_hash: &'a [u8],
    serial: &'a [u8],
    status: Result<(), OcspFlaw>,
    window: Window,
}

impl<'a> Single<'a> {
    fn read(der: &mut Der<'a>) -> Result<Self, OcspFlaw> {
        let mut single = der.sequence("SingleResponse")?;
        let mut id = single.sequence("CertID")?;
        let hash = match id.sequence("hashAlgorithm")?.expect("hashAlgorithm", OID)? {
            SHA1 => Hash::Sha1,
            oid::SHA256 => Hash::Sha256,
            oid::SHA384 => Hash::Sha384,
            other => {
                let actual = hex::encode(other);
                return Err(
                    WireError::Value { field: "hashAlgorithm", expected: "SHA-1, SHA-256 or SHA-384", actual }.into()
                );
            }
        };
        let issuer_name_hash = id.expect("issuerNameHash", OCTET_STRING)?;
        let issuer_key_hash = id.expect("issuerKeyHash", OCTET_STRING)?;
        let serial = id.expect("serialNumber", INTEGER)?;
        id.end("CertID")?;
        let status = single.next("certStatus")?;
        let status = match status.tag {
            tag if tag == context_primitive(0) => Ok(()),
            tag if tag == context(1) => Err(revocation(status.content)?),
            _ => Err(OcspFlaw::Unknown),
        };
        if single.peek() != Some(GENERALIZED_TIME) {
            return Err(WireError::Value { field: "thisUpdate", expected: "a time", actual: "none".to_owned() }.into());
        }
        let not_before = time(&mut single, "thisUpdate")?;
        // Without it newer information is available all the time [§4.2.2.1]: such an answer can't be kept.
        let next = single.expect("nextUpdate", context(0))?;
        let not_after = time(&mut Der::new(next), "nextUpdate")?;
        single.optional("singleExtensions", context(1))?;
        single.end("SingleResponse")?;
        let window = Window { not_before, not_after };
        Ok(Self { hash, issuer_name_hash, issuer_key_hash, serial, status, window })
    }

    fn is_about(&self, certificate: &Certificate<'_>, issuer: Issuer<'_>) -> Result<bool, OcspFlaw> {
        Ok(self.serial == certificate.serial && self.is_of(issuer)?)
    }

    /// Whether it is about a certificate of this issuer.
    fn is_of(&self, issuer: Issuer<'_>) -> Result<bool, OcspFlaw> {
        // The hash covers the BIT STRING of the key without tag, length and unused bits [§4.1.1].
        let mut spki = Der::only(issuer.spki.raw, "subjectPublicKeyInfo", SEQUENCE)?;
        spki.sequence("algorithm")?;
        let key = spki.expect("subjectPublicKey", BIT_STRING)?.get(1..).unwrap_or_default();
        Ok(self.issuer_name_hash == self.hash.of(&[issuer.name]).as_ref()
            && self.issuer_key_hash == self.hash.of(&[key]).as_ref())
    }
}

/// `RevokedInfo`: when, and why if it says so; reason 6 is `certificateHold`.
fn revocation(content: &[u8]) -> Result<OcspFlaw, OcspFlaw> {
    let mut info = Der::new(content);
    time(&mut info, "revocationTime")?;
    let reason = info.optional("revocationReason", context(0))?;
    let is_hold = match reason {
        Some(bytes) => Der::new(bytes).expect("revocationReason", ENUMERATED)? == [6],
        None => false,
    };
    Ok(if is_hold { OcspFlaw::OnHold } else { OcspFlaw::Revoked })
}
