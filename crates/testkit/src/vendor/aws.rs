//! An AWS of our own: a root, a region, a zone, an instance, and a hypervisor that signs attestation documents.

use crate::{
    NOW,
    cbor::{self, Map},
    cose::Envelope,
    der,
    pki::{Algorithm, Authority, Certificate, Key},
};

/// Its authorities and the hypervisor's key for one enclave.
#[derive(Debug)]
pub struct Aws {
    /// `aws.nitro-enclaves`.
    pub root: Authority,
    /// Below it.
    pub region: Authority,
    /// Below the region.
    pub zone: Authority,
    /// Below the zone.
    pub instance: Authority,
    /// What signs documents, below the instance.
    pub key: Key,
}

/// What the certificates of a document say. Change a field for a crime; [`Aws::certificates`] are honest.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The root's own.
    pub root: Certificate,
    /// The region's, by the root.
    pub region: Certificate,
    /// The zone's, by the region.
    pub zone: Certificate,
    /// The instance's, by the zone.
    pub instance: Certificate,
    /// The enclave's, by the instance.
    pub leaf: Certificate,
}

/// A document in the making. Change its map or envelope for a crime; [`Aws::document`] is honest.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its fields.
    pub map: Map,
    /// Whether the map is written with an indefinite length, as the hypervisor does.
    pub is_indefinite: bool,
    /// Its envelope: ES384.
    pub envelope: Envelope,
    /// What follows the map in the payload.
    pub trailing: Vec<u8>,
}

impl Default for Aws {
    fn default() -> Self {
        Self::new()
    }
}

impl Aws {
    /// An AWS with new keys.
    #[must_use]
    pub fn new() -> Self {
        let authority = |name: &str| Authority::new(name, Algorithm::P384);
        Self {
            root: authority("aws.nitro-enclaves"),
            region: authority("region.aws.nitro-enclaves"),
            zone: authority("zone.region.aws.nitro-enclaves"),
            instance: authority("instance.zone.region.aws.nitro-enclaves"),
            key: Key::new(Algorithm::P384),
        }
    }

    /// What the certificates say when nothing is wrong with them: each a day before and after [`NOW`].
    #[must_use]
    pub fn certificates(&self) -> Certificates {
        let ca = |authority: &Authority, serial| Certificate::of_ca(&authority.name, serial, &authority.key);
        Certificates {
            root: ca(&self.root, 1),
            region: ca(&self.region, 2),
            zone: ca(&self.zone, 3),
            instance: ca(&self.instance, 4),
            leaf: self.leaf_of(&self.key),
        }
    }

    /// A leaf's certificate for another key.
    #[must_use]
    pub fn leaf_of(&self, key: &Key) -> Certificate {
        let digital_signature = der::element(3, &[7, 0x80]);
        Certificate::of("enclave.instance.zone.region.aws", 5, key).with_extension(
            "2.5.29.15",
            false,
            digital_signature,
        )
    }

    /// The bundle: the root first.
    #[must_use]
    pub fn bundle(&self, certificates: &Certificates) -> Vec<Vec<u8>> {
        vec![
            self.root.issue(&certificates.root),
            self.root.issue(&certificates.region),
            self.region.issue(&certificates.zone),
            self.zone.issue(&certificates.instance),
        ]
    }

    /// An honest document of [`NOW`] with these certificates.
    #[must_use]
    pub fn document_of(&self, certificates: &Certificates) -> Document {
        let pcrs: Vec<(i64, Vec<u8>)> = (0..16).map(|number| (number, cbor::bytes(&pcr(number)))).collect();
        let bundle: Vec<Vec<u8>> = self.bundle(certificates).iter().map(|bytes| cbor::bytes(bytes)).collect();
        let map = Map::of_texts(&[
            ("module_id", cbor::text("i-0123456789abcdef0-enc0123456789abcdef")),
            ("digest", cbor::text("SHA384")),
            ("timestamp", cbor::head(0, NOW.0 * 1000)),
            ("pcrs", Map::of_numbers(&pcrs).encode()),
            ("certificate", cbor::bytes(&self.instance.issue(&certificates.leaf))),
            ("cabundle", cbor::array(&bundle)),
            ("public_key", cbor::null()),
            ("user_data", cbor::bytes(&[0x5a; 64])),
            ("nonce", cbor::bytes(b"nonce")),
        ]);
        let envelope = Envelope { tag: None, ..Envelope::of(Algorithm::P384) };
        Document { map, is_indefinite: true, envelope, trailing: Vec::new() }
    }

    /// An honest document.
    #[must_use]
    pub fn document(&self) -> Document {
        self.document_of(&self.certificates())
    }

    /// Signs a document.
    #[must_use]
    pub fn sign(&self, document: &Document) -> Vec<u8> {
        document.seal(&self.key)
    }
}

impl Document {
    /// Changes a field, or adds it.
    pub fn set(&mut self, field: &str, value: Vec<u8>) {
        self.map.set(&cbor::text(field), value);
    }

    /// Takes out a field.
    pub fn remove(&mut self, field: &str) {
        self.map.remove(&cbor::text(field));
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        let map = if self.is_indefinite { self.map.encode_indefinite() } else { self.map.encode() };
        [map.as_slice(), &self.trailing].concat()
    }

    /// Signs it by any key.
    #[must_use]
    pub fn seal(&self, key: &Key) -> Vec<u8> {
        self.envelope.seal(&self.payload(), key)
    }
}

/// A register of an honest enclave: none is zero.
#[must_use]
pub fn pcr(number: i64) -> [u8; 48] {
    [u8::try_from(number).unwrap_or(0xff) | 0x40; 48]
}
