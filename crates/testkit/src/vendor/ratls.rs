//! An enclave of [our own Intel's](super::intel) with a TLS key, which has its quote put into its certificate: RA-TLS.
//!
//! Each part of a certificate is made by its own function, so that a crime replaces one of them.

use casemate_cose::Digest;

use super::intel::{Case, Intel, pem};
use crate::{
    cbor,
    pki::{Algorithm, Authority, Certificate},
};

/// Where the interoperable scheme has quote and claims.
pub const WRAPPER: &str = "2.23.133.5.4.9";
/// Where Gramine has a quote.
pub const GRAMINE: &str = "1.2.840.113741.1337.6";
/// Where Intel's SDK has a quote.
pub const INTEL_SDK: &str = "1.2.840.113741.1.13.1";
/// The tag of a quote.
pub const QUOTE_TAG: u64 = 60_000;

const NAME: &str = "RATLS";

/// An enclave on a platform of our own Intel's.
#[derive(Debug)]
pub struct RaTls {
    /// Who makes the platform.
    pub intel: Intel,
    /// The enclave's TLS key, which signs its own certificate.
    pub own: Authority,
}

impl Default for RaTls {
    fn default() -> Self {
        Self::new(Algorithm::P384)
    }
}

impl RaTls {
    /// An enclave with a TLS key of this kind.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self { intel: Intel::default(), own: Authority::new(NAME, algorithm) }
    }

    /// Claims as the interoperable scheme has them, with the SHA-256 of this enclave's key.
    #[must_use]
    pub fn claims(&self) -> cbor::Map {
        claims(1, Digest::of(&self.own.key.spki()).as_bytes())
    }

    /// The certificate, without an extension.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        Certificate::of(NAME, 1, &self.own.key)
    }

    /// A quote whose report data is the SHA-256 of `over`, then zeros.
    #[must_use]
    pub fn quote(&self, case: &Case, over: &[u8]) -> Vec<u8> {
        let mut report_data = [0; 64];
        report_data[..32].copy_from_slice(Digest::of(over).as_bytes());
        self.quote_stating(case, &report_data)
    }

    /// A quote with this report data: of an enclave, or of a trust domain without what TDX 1.5 adds.
    #[must_use]
    pub fn quote_stating(&self, case: &Case, report_data: &[u8; 64]) -> Vec<u8> {
        let mut case = case.clone();
        let end = case.body.len();
        case.body[end - 64..].copy_from_slice(report_data);
        self.intel.make(&case).quote
    }

    /// The honest certificate by the interoperable scheme, over an enclave's quote.
    #[must_use]
    pub fn interoperable(&self, claims: &cbor::Map) -> Vec<u8> {
        let claims = claims.encode();
        let wrapped = wrapped(QUOTE_TAG, &self.quote(&self.intel.sgx(3), &claims), &claims);
        self.own.issue(&self.certificate().with_extension(WRAPPER, false, wrapped))
    }

    /// What Intel's SDK hashed before: the key as PEM, and a zero byte.
    #[must_use]
    pub fn pem_of_key(&self) -> Vec<u8> {
        [pem("PUBLIC KEY", &self.own.key.spki()).as_bytes(), &[0]].concat()
    }
}

/// Claims with the hash of a key, by the function of this number.
#[must_use]
pub fn claims(algorithm: u64, hash: &[u8]) -> cbor::Map {
    let entry = cbor::array(&[cbor::head(0, algorithm), cbor::bytes(hash)]);
    cbor::Map::of_texts(&[("pubkey-hash", cbor::bytes(&entry))])
}

/// Quote and claims under a tag.
#[must_use]
pub fn wrapped(tag: u64, quote: &[u8], claims: &[u8]) -> Vec<u8> {
    cbor::tag(tag, &cbor::array(&[cbor::bytes(quote), cbor::bytes(claims)]))
}
