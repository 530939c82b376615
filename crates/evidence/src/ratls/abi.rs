//! The bytes of `ratls` evidence: a certificate, and the quotes in its extensions. [docs/formats/evidence-ratls.md]
//!
//! ```text
//! 2.23.133.5.4.9          #6.60000([ quote: bytes, claims: bytes ])          claims = { "pubkey-hash": bytes, ? "nonce": bytes, * }
//!                                                                            pubkey-hash = [ algorithm: 1, 7 or 8, hash: bytes ]
//! 1.2.840.113741.1337.6   quote      Gramine; also misspelt with its own DER tag and length in front: 06 09 2a 86 48 …
//! 1.2.840.113741.1.13.1   quote      Intel's SGX SDK; in a PCK certificate the same name stands for something else
//! ```
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::Flaw;
use crate::{
    Hash, dcap,
    named::named,
    wire::{
        WireError,
        cbor::{Cbor, Head, Key},
        der::SEQUENCE,
    },
    x509::Certificate,
};

/// The tag of a TEE's quote [IANA, CBOR tags].
const QUOTE_TAG: u64 = 60_000;

/// The longest nonce that is read.
const NONCE_BYTES_MAX: usize = 1024;

/// How a quote was put into a certificate, and bound to its key.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Scheme {
    /// Gramine's older one: the report data is the SHA-256 of the `SubjectPublicKeyInfo`.
    Gramine,
    /// The Intel SGX SDK's older one: the report data is the SHA-256 of the key as OpenSSL's PEM text with a zero byte after it.
    IntelSdk,
    /// TCG DICE's conceptual message wrapper, as the interoperable RA-TLS formats have it: the report data is the SHA-256 of claims,
    /// which have the hash of the `SubjectPublicKeyInfo`.
    Interoperable,
}

named!(Scheme, UnknownScheme, "RA-TLS scheme", [
    Gramine => "gramine",
    IntelSdk => "intel-sdk",
    Interoperable => "interoperable",
]);

/// A quote in a certificate, in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried<'a> {
    pub(super) scheme: Scheme,
    pub(super) quote: &'a [u8],
    /// Of the interoperable scheme: the claims' bytes.
    pub(super) claims: &'a [u8],
}

/// The claims that the interoperable scheme has; others are covered by the report data too, and ignored.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyClaims<'a> {
    pub(super) algorithm: u64,
    pub(super) hash: &'a [u8],
    pub(super) nonce: Option<&'a [u8]>,
}

/// Whether a certificate has a quote in it, by the names of its extensions.
pub(crate) fn has_evidence(certificate: &Certificate<'_>) -> bool {
    certificate.extensions().any(|extension| match scheme(extension.oid) {
        Some(Scheme::IntelSdk) => is_not_pck(extension.value),
        found => found.is_some(),
    })
}

/// Extensions that mean something here, for those who mark them critical.
pub(super) const EXTENSIONS: [&[u8]; 4] = [oid::WRAPPER, oid::GRAMINE, oid::GRAMINE_MISSPELT, oid::INTEL];

/// The quotes of a certificate: the interoperable one and an older one, as far as they are there.
pub(super) fn carried<'a>(certificate: &Certificate<'a>) -> Result<(Option<Carried<'a>>, Option<Carried<'a>>), Flaw> {
    let (mut interoperable, mut older) = (None, None);
    for extension in certificate.extensions() {
        let Some(scheme) = scheme(extension.oid) else { continue };
        match scheme {
            Scheme::Interoperable => interoperable = Some(wrapped(extension.value)?),
            Scheme::IntelSdk if !is_not_pck(extension.value) => {}
            Scheme::Gramine | Scheme::IntelSdk => {
                let found = Carried { scheme, quote: extension.value, claims: &[] };
                if older.replace(found).is_some() {
                    return Err(Flaw::TwoQuotes { actual: "two extensions of older schemes" });
                }
            }
        }
    }
    Ok((interoperable, older))
}

fn wrapped(bytes: &[u8]) -> Result<Carried<'_>, Flaw> {
    let malformed = |error: WireError| Flaw::Evidence { error };
    let mut cbor = Cbor::new(bytes);
    match cbor.head("evidence").map_err(malformed)? {
        Head::Tag(QUOTE_TAG) => {}
        Head::Tag(actual) => return Err(Flaw::Tag { actual: actual.to_string() }),
        other => return Err(Flaw::Tag { actual: format!("{other:?}") }),
    }
    let mut read = || {
        crate::tpm::elements(&mut cbor, "evidence", 2)?;
        let quote = cbor.bytes("quote")?;
        let claims = cbor.bytes("claims")?;
        cbor.end("evidence")?;
        Ok(Carried { scheme: Scheme::Interoperable, quote, claims })
    };
    read().map_err(malformed)
}

impl<'a> KeyClaims<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Flaw> {
        let malformed = |error: WireError| Flaw::Claims { error };
        let mut cbor = Cbor::new(bytes);
        let (mut hash, mut nonce) = (None, None);
        cbor.entries::<WireError>("claims", |key, value| {
            match key {
                Key::Text("pubkey-hash") => hash = Some(value.bytes("pubkey-hash")?),
                Key::Text("nonce") => nonce = Some(value.bytes("nonce")?),
                _ => {
                    value.skip("claim")?;
                }
            }
            Ok(())
        })
        .map_err(malformed)?;
        cbor.end("claims").map_err(malformed)?;
        if let Some(actual) = nonce.map(<[u8]>::len).filter(|length| *length > NONCE_BYTES_MAX) {
            return Err(malformed(WireError::TooMany { field: "nonce", actual, max: NONCE_BYTES_MAX }));
        }
        let entry = hash.ok_or(Flaw::NoKeyHash {})?;
        let mut cbor = Cbor::new(entry);
        let mut read = || {
            crate::tpm::elements(&mut cbor, "pubkey-hash", 2)?;
            let algorithm = cbor.unsigned("hash-alg-id")?;
            let hash = cbor.bytes("hash-value")?;
            cbor.end("pubkey-hash")?;
            Ok((algorithm, hash))
        };
        let (algorithm, hash) = read().map_err(malformed)?;
        Ok(Self { algorithm, hash, nonce })
    }

    /// [IANA, Named Information Hash Algorithm Registry]
    pub(super) fn function(&self) -> Result<Hash, Flaw> {
        match self.algorithm {
            1 => Ok(Hash::Sha256),
            7 => Ok(Hash::Sha384),
            8 => Ok(Hash::Sha512),
            actual => Err(Flaw::HashAlgorithm { actual }),
        }
    }
}

/// What a bare quote speaks of; nothing is verified.
pub(super) fn spoken_of(quote: &[u8]) -> Result<dcap::Body, crate::Refusal> {
    let (body, trailing) = dcap::spoken_of(quote)?;
    if trailing == 0 { Ok(body) } else { Err(Flaw::QuoteTrailing { left: trailing }.into()) }
}

/// In a PCK certificate the extension of this name is a SEQUENCE; no version of a quote begins so.
fn is_not_pck(value: &[u8]) -> bool {
    value.first() != Some(&SEQUENCE)
}

fn scheme(name: &[u8]) -> Option<Scheme> {
    match name {
        oid::WRAPPER => Some(Scheme::Interoperable),
        oid::GRAMINE | oid::GRAMINE_MISSPELT => Some(Scheme::Gramine),
        oid::INTEL => Some(Scheme::IntelSdk),
        _ => None,
    }
}

/// Object identifiers, as DER contents.
mod oid {
    pub(super) const WRAPPER: &[u8] = &[0x67, 0x81, 0x05, 0x05, 0x04, 0x09];
    pub(super) const GRAMINE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x8a, 0x39, 0x06];
    pub(super) const GRAMINE_MISSPELT: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x8a, 0x39, 0x06];
    pub(super) const INTEL: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01];
}
