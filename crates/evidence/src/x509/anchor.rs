//! Trust anchors: a vendor's root by name and key [RFC 5280 §6.1.1 (d)]. Those of the vendors are built in.

use casemate_cose::Digest;

use super::{Certificate, Spki};
use crate::{
    named::named,
    wire::{
        WireError,
        der::{Der, SEQUENCE},
    },
};

/// Whose root it is. Evidence of a format chains to a root of its vendor and to no other.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Vendor {
    /// AMD's ARK, one for each product line: SEV-SNP.
    Amd,
    /// AWS's root for Nitro enclaves.
    Aws,
    /// A DICE hierarchy's root: the device maker's.
    Dice,
    /// Intel's SGX root CA: SGX and TDX.
    Intel,
    /// NVIDIA's root for devices and their OCSP answers.
    NvidiaDevice,
    /// NVIDIA's root for reference integrity manifests.
    NvidiaRim,
    /// A TPM maker's or a cloud's root for attestation keys.
    Tpm,
}

named!(Vendor, UnknownVendor, "vendor", [
    Amd => "amd",
    Aws => "aws",
    Dice => "dice",
    Intel => "intel",
    NvidiaDevice => "nvidia-device",
    NvidiaRim => "nvidia-rim",
    Tpm => "tpm",
]);

/// A root: its name and its key. Whether its self-signed certificate has expired is nobody's business.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Anchor {
    vendor: Vendor,
    subject: Vec<u8>,
    spki: Vec<u8>,
}

impl Anchor {
    /// Takes name and key of a root's certificate (DER). Its signature is not looked at: the caller trusts these bytes.
    ///
    /// # Errors
    /// Not an X.509 version 3 certificate in DER.
    pub fn of_certificate(vendor: Vendor, der: &[u8]) -> Result<Self, WireError> {
        let certificate = Certificate::parse(der)?;
        Ok(Self { vendor, subject: certificate.subject.to_vec(), spki: certificate.spki.raw.to_vec() })
    }

    /// Name and key, one after the other, both DER.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.subject.as_slice(), &self.spki].concat()
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// Not a `Name` and a `SubjectPublicKeyInfo`.
    pub fn from_bytes(vendor: Vendor, bytes: &[u8]) -> Result<Self, WireError> {
        let mut der = Der::new(bytes);
        let name = der.expect_element("name", SEQUENCE)?;
        let spki = der.expect_element("subjectPublicKeyInfo", SEQUENCE)?;
        der.end("root")?;
        Spki::parse(spki.raw)?;
        Ok(Self { vendor, subject: name.raw.to_vec(), spki: spki.raw.to_vec() })
    }

    /// Whose it is.
    #[must_use]
    pub const fn vendor(&self) -> Vendor {
        self.vendor
    }

    /// SHA-256 of its `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn key_digest(&self) -> Digest {
        Digest::of(&self.spki)
    }

    /// The name, for people.
    #[must_use]
    pub fn name(&self) -> String {
        super::certificate::common_name(&self.subject)
    }

    pub(crate) fn subject(&self) -> &[u8] {
        &self.subject
    }

    pub(crate) fn spki(&self) -> Result<Spki<'_>, WireError> {
        Spki::parse(&self.spki)
    }

    pub(crate) fn digest_into(&self, parts: &mut Vec<Digest>) {
        parts.push(Digest::of(format!("{:?}", self.vendor).as_bytes()));
        parts.push(Digest::of(&self.subject));
        parts.push(Digest::of(&self.spki));
    }

    /// Whether `certificate` is this root's own certificate.
    pub(crate) fn is(&self, certificate: &Certificate<'_>) -> bool {
        certificate.subject == self.subject && certificate.spki.raw == self.spki
    }
}
