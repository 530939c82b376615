//! Evidence for a key, and for no session: whoever holds the key is taken for the keep that had it attested.
//!
//! ```text
//! ratls       the certificate's key, of which the quote's report data have a digest
//! nitro       public_key of the document; without one, user_data
//! others      report data = SHA-256, SHA-384 or SHA-512 of the SubjectPublicKeyInfo (DER), zeros up to its length
//! ```
//! Nobody vouches for the certificate around a quote, and whoever has a key signs one: if the quote's report data are what somebody asked
//! for, so is the certificate's key.
//!
//! This is worth less than [`Bound`](crate::Bound): it can be as old as what vouches for it, and be relayed (CVE-2026-33697). It is for
//! naming a keep's key to others, and nothing that releases anything accepts what it leads to.

use casemate_cose::Digest;

use crate::{
    Claims, Expectation, Hash, Platform, Refusal, WireError,
    crypto::KeyKind,
    expectation::{refuse_debug, sealed},
    nitro,
    wire::der::{Der, SEQUENCE},
    x509::Spki,
};

/// The shortest RSA modulus of a key that is named, in bits. [NIST SP 800-131A r2 §3]
pub const RSA_BITS_MIN: usize = 2048;
/// The longest, in bits.
pub const RSA_BITS_MAX: usize = 16_384;

/// Expects evidence for exactly this key, from a keep that is not in debug mode.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BoundToKey {
    spki: Vec<u8>,
    nonce: Option<Vec<u8>>,
}

/// Where evidence names the key that it is for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Tie {
    /// The evidence lies in a certificate of the key, and its report data have a digest that names it. Whoever has somebody's digest
    /// stated makes such a certificate: it is worth no more than [`Tie::ReportData`].
    Certificate,
    /// The attester's own field for a key holds it.
    Field,
    /// The report data are its digest. They are whatever the workload asked to have stated: where it states what others ask
    /// for, others' keys are tied to it as well.
    ReportData,
}

impl BoundToKey {
    /// Expects evidence for the key of this `SubjectPublicKeyInfo`, in DER.
    ///
    /// # Errors
    /// Those of [`check_named_key`].
    pub fn new(spki: Vec<u8>) -> Result<Self, WireError> {
        check_named_key(&spki)?;
        Ok(Self { spki, nonce: None })
    }

    /// Expects besides that the evidence states `nonce`, where its format has a nonce beside the key: the claims of an
    /// interoperable RA-TLS certificate, a Nitro document. Other evidence is refused.
    #[must_use]
    pub fn with_nonce(self, nonce: Vec<u8>) -> Self {
        Self { nonce: Some(nonce), ..self }
    }

    /// The key, as `SubjectPublicKeyInfo` in DER.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of the `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn key_digest(&self) -> Digest {
        Digest::of(&self.spki)
    }

    /// Where these claims name the key; `None` where they name another, or none.
    #[must_use]
    pub fn tie(&self, claims: &Claims) -> Option<Tie> {
        match &claims.platform {
            Platform::Ratls(own) => (own.key == self.key_digest()).then_some(Tie::Certificate),
            Platform::Nitro(own) => self.tie_of_document(own),
            _ => self.is_digest(&claims.report_data.bytes).then_some(Tie::ReportData),
        }
    }

    /// A document that has a key names no other by its user data. The nonce is the verifier's, and names nothing.
    fn tie_of_document(&self, document: &nitro::Claims) -> Option<Tie> {
        match &document.public_key {
            Some(key) => (*key == self.spki).then_some(Tie::Field),
            None => document.user_data.as_deref().is_some_and(|data| self.is_digest(data)).then_some(Tie::ReportData),
        }
    }

    fn is_digest(&self, stated: &[u8]) -> bool {
        [Hash::Sha256, Hash::Sha384, Hash::Sha512].into_iter().any(|hash| {
            let digest = hash.of(&[&self.spki]);
            stated.strip_prefix(digest.as_ref()).is_some_and(|rest| rest.iter().all(|byte| *byte == 0))
        })
    }

    fn check_nonce(&self, claims: &Claims) -> Result<(), Refusal> {
        let Some(expected) = &self.nonce else { return Ok(()) };
        let actual = match &claims.platform {
            Platform::Nitro(own) => own.nonce.as_ref(),
            Platform::Ratls(own) => own.nonce.as_ref(),
            _ => None,
        };
        if actual == Some(expected) {
            return Ok(());
        }
        let actual = actual.cloned().unwrap_or_default();
        Err(Refusal::Binding { field: "nonce", expected: expected.clone(), actual })
    }
}

/// Whether a key of this `SubjectPublicKeyInfo`, in DER, may be named to others: an RSA modulus of [`RSA_BITS_MIN`] to [`RSA_BITS_MAX`] bits
/// and an odd exponent of at least 3; any key on a curve that is known here.
///
/// # Errors
/// [`WireError`] for what is no key, of a kind that is not known here, or weaker.
pub fn check_named_key(spki: &[u8]) -> Result<(), WireError> {
    let key = Spki::parse(spki)?.key;
    if key.kind != KeyKind::Rsa {
        return Ok(());
    }
    let mut numbers = Der::only(key.bytes, "RSAPublicKey", SEQUENCE)?;
    let (modulus, exponent) = (numbers.integer("modulus")?, numbers.integer("publicExponent")?);
    numbers.end("RSAPublicKey")?;
    let bits = bits_of(modulus);
    if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
        let expected = "an RSA key of 2048 to 16384 bits";
        return Err(WireError::Value { field: "key", expected, actual: format!("one of {bits} bits") });
    }
    if bits_of(exponent) < 2 || exponent.last().is_none_or(|last| last % 2 == 0) {
        let (expected, actual) = ("an odd public exponent of at least 3", hex::encode(exponent));
        return Err(WireError::Value { field: "key", expected, actual });
    }
    Ok(())
}

/// How many bits a number has, of an INTEGER's content; 0 for a negative one.
fn bits_of(content: &[u8]) -> usize {
    let digits = match content {
        [0, rest @ ..] => rest,
        [first, ..] if *first >= 0x80 => &[],
        all => all,
    };
    let unused = digits.first().map_or(0, |first| first.leading_zeros());
    digits.len().saturating_mul(8).saturating_sub(usize::try_from(unused).unwrap_or(0))
}

/// It names no key to which keys may be given: [`Expectation::key`] stays empty.
impl Expectation for BoundToKey {}

impl sealed::Check for BoundToKey {
    fn binding(&self, claims: &Claims) -> Result<(), Refusal> {
        if self.tie(claims).is_none() {
            return Err(Refusal::OtherKey { expected: self.key_digest(), actual: named(claims) });
        }
        self.check_nonce(claims)
    }

    fn debug(&self, claims: &Claims) -> Result<(), Refusal> {
        refuse_debug(claims)
    }
}

/// What the claims say in the place where they would name a key.
fn named(claims: &Claims) -> String {
    let of_bytes = |field: &str, bytes: &[u8]| match bytes {
        [] => format!("nothing as {field}"),
        bytes => format!("{field} {}", hex::encode(bytes)),
    };
    match &claims.platform {
        Platform::Ratls(own) => format!("the key {}", own.key),
        Platform::Nitro(own) => match &own.public_key {
            Some(key) => format!("the key {}", Digest::of(key)),
            None => of_bytes("user data", own.user_data.as_deref().unwrap_or_default()),
        },
        _ => of_bytes("report data", &claims.report_data.bytes),
    }
}
