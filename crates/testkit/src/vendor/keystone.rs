//! A Keystone device of our own: its key, its security monitor, its enclaves' reports.

use aws_lc_rs::digest::{SHA3_512, digest};
use curve25519_dalek::{EdwardsPoint, Scalar};

use crate::der;

/// A key pair of Keystone's Ed25519, which hashes with SHA3-512.
#[derive(Clone, Debug)]
pub struct Key {
    scalar: Scalar,
    prefix: [u8; 32],
    /// The public key.
    pub public: [u8; 32],
}

impl Key {
    /// The `n`th deterministic key.
    #[must_use]
    pub fn new(n: u8) -> Self {
        let wide = digest(&SHA3_512, &crate::seed(n));
        let mut low: [u8; 32] = wide.as_ref()[..32].try_into().unwrap();
        low[0] &= 248;
        low[31] = (low[31] & 63) | 64;
        // Reduced here, where Keystone multiplies by the clamped number: the point is the same.
        let scalar = Scalar::from_bytes_mod_order(low);
        let public = EdwardsPoint::mul_base(&scalar).compress().to_bytes();
        Self { scalar, prefix: wide.as_ref()[32..].try_into().unwrap(), public }
    }

    /// Signs as Keystone does.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let r = hash(&[&self.prefix, message]);
        let big_r = EdwardsPoint::mul_base(&r).compress().to_bytes();
        let s = r + hash(&[&big_r, &self.public, message]) * self.scalar;
        [big_r, s.to_bytes()].concat().try_into().unwrap()
    }

    /// Its `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        der::sequence(&[der::sequence(&[der::oid("1.3.101.112")]), der::bits(&self.public)])
    }
}

fn hash(parts: &[&[u8]]) -> Scalar {
    let wide = digest(&SHA3_512, &parts.concat());
    Scalar::from_bytes_mod_order_wide(wide.as_ref().try_into().unwrap())
}

/// A report before it is signed. [`Report::honest`] is.
#[derive(Clone, Debug)]
pub struct Report {
    /// Hash of the enclave.
    pub enclave_hash: [u8; 64],
    /// What the enclave has stated.
    pub data: Vec<u8>,
    /// The length that the report gives for it.
    pub data_len: u64,
    /// What lies after the data, up to 1024 bytes.
    pub padding: u8,
    /// Hash of the security monitor.
    pub monitor_hash: [u8; 64],
    /// Whose key the report says the monitor's is.
    pub monitor_key: [u8; 32],
    /// Whose key the report says the device's is.
    pub device_key: [u8; 32],
    /// Who signs the monitor's hash and key.
    pub device: Key,
    /// Who signs the enclave's hash and data.
    pub monitor: Key,
}

impl Report {
    /// An honest one.
    #[must_use]
    pub fn honest() -> Self {
        let (device, monitor) = (Key::new(200), Key::new(201));
        Self {
            enclave_hash: [0xe0; 64],
            data: vec![7; 64],
            data_len: 64,
            padding: 0,
            monitor_hash: [0x50; 64],
            monitor_key: monitor.public,
            device_key: device.public,
            device,
            monitor,
        }
    }

    /// `struct report`, signed: 1352 bytes.
    #[must_use]
    pub fn sign(&self) -> Vec<u8> {
        let signed = [self.enclave_hash.as_slice(), &self.data_len.to_le_bytes(), &self.data].concat();
        let sm = [self.monitor_hash.as_slice(), &self.monitor_key].concat();
        let mut enclave = signed.clone();
        enclave.resize(64 + 8 + 1024, self.padding);
        let (by_monitor, by_device) = (self.monitor.sign(&signed), self.device.sign(&sm));
        [enclave.as_slice(), &by_monitor, &sm, &by_device, &self.device_key].concat()
    }
}
