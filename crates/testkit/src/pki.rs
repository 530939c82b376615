//! Authorities of our own: keys, certificates and revocation lists as vendors make them, each field open to a crime.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa,
    signature::{self as lc, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair},
};

use crate::der;

/// A kind of key, and how it signs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// Ed25519.
    Ed25519,
    /// ECDSA P-256 with SHA-256.
    P256,
    /// ECDSA P-384 with SHA-384.
    P384,
    /// ECDSA P-521 with SHA-512.
    P521,
    /// RSA 2048, PKCS #1 v1.5 with SHA-256.
    RsaPkcs1Sha256,
    /// RSA 2048, RSASSA-PSS with SHA-384 and a salt of 48 bytes: AMD's.
    RsaPssSha384,
}

/// A private key.
#[derive(Debug)]
pub struct Key {
    algorithm: Algorithm,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Ec { der: EcdsaKeyPair, fixed: EcdsaKeyPair },
    Ed(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl Key {
    /// A new key.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        let ec = |der, fixed| {
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(der, &SystemRandom::new()).unwrap();
            let pair = |signing| EcdsaKeyPair::from_pkcs8(signing, pkcs8.as_ref()).unwrap();
            Pair::Ec { der: pair(der), fixed: pair(fixed) }
        };
        let pair = match algorithm {
            Algorithm::Ed25519 => Pair::Ed(Ed25519KeyPair::generate().unwrap()),
            Algorithm::P256 => ec(&lc::ECDSA_P256_SHA256_ASN1_SIGNING, &lc::ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::P384 => ec(&lc::ECDSA_P384_SHA384_ASN1_SIGNING, &lc::ECDSA_P384_SHA384_FIXED_SIGNING),
            Algorithm::P521 => ec(&lc::ECDSA_P521_SHA512_ASN1_SIGNING, &lc::ECDSA_P521_SHA512_FIXED_SIGNING),
            Algorithm::RsaPkcs1Sha256 | Algorithm::RsaPssSha384 => {
                Pair::Rsa(RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap())
            }
        };
        Self { algorithm, pair }
    }

    /// The public key: for EC the uncompressed point (`04 ‖ x ‖ y`), for RSA the `RSAPublicKey`, for Ed25519 its 32 bytes.
    #[must_use]
    pub fn public(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Ec { der, .. } => der.public_key().as_ref().to_vec(),
            Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Rsa(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// An EC key in PKCS #8, as servers and clients load it; `None` for others.
    #[must_use]
    pub fn pkcs8(&self) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Ec { der, .. } => Some(der.to_pkcs8v1().unwrap().as_ref().to_vec()),
            Pair::Ed(_) | Pair::Rsa(_) => None,
        }
    }

    /// Its `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        let algorithm = match self.algorithm {
            Algorithm::Ed25519 => vec![der::oid("1.3.101.112")],
            Algorithm::P256 => vec![der::oid("1.2.840.10045.2.1"), der::oid("1.2.840.10045.3.1.7")],
            Algorithm::P384 => vec![der::oid("1.2.840.10045.2.1"), der::oid("1.3.132.0.34")],
            Algorithm::P521 => vec![der::oid("1.2.840.10045.2.1"), der::oid("1.3.132.0.35")],
            Algorithm::RsaPkcs1Sha256 | Algorithm::RsaPssSha384 => {
                vec![der::oid("1.2.840.113549.1.1.1"), vec![5, 0]]
            }
        };
        der::sequence(&[der::sequence(&algorithm), der::bits(&self.public())])
    }

    /// A signature as X.509 carries it: DER for ECDSA.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec { der, .. } => der.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let encoding: &'static dyn lc::RsaEncoding = match self.algorithm {
                    Algorithm::RsaPssSha384 => &lc::RSA_PSS_SHA384,
                    _ => &lc::RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// An ECDSA signature as `r ‖ s`, big-endian; others as [`Self::sign`].
    #[must_use]
    pub fn sign_fixed(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ec { fixed, .. } => fixed.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            _ => self.sign(message),
        }
    }

    /// The `AlgorithmIdentifier` of its signatures.
    #[must_use]
    pub fn signature_algorithm(&self) -> Vec<u8> {
        der::sequence(&match self.algorithm {
            Algorithm::Ed25519 => vec![der::oid("1.3.101.112")],
            Algorithm::P256 => vec![der::oid("1.2.840.10045.4.3.2")],
            Algorithm::P384 => vec![der::oid("1.2.840.10045.4.3.3")],
            Algorithm::P521 => vec![der::oid("1.2.840.10045.4.3.4")],
            Algorithm::RsaPkcs1Sha256 => vec![der::oid("1.2.840.113549.1.1.11"), vec![5, 0]],
            Algorithm::RsaPssSha384 => {
                let hash = der::sequence(&[der::oid("2.16.840.1.101.3.4.2.2"), vec![5, 0]]);
                let mask = der::sequence(&[der::oid("1.2.840.113549.1.1.8"), hash.clone()]);
                let parameters = [der::context(0, &hash), der::context(1, &mask), der::context(2, &der::integer(48))];
                vec![der::oid("1.2.840.113549.1.1.10"), der::sequence(&parameters)]
            }
        })
    }
}

/// What a certificate says. Change a field for a crime; [`Certificate::of`] is honest.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Common name of the subject.
    pub subject: String,
    /// Serial number.
    pub serial: u64,
    /// First second.
    pub not_before: u64,
    /// Last second.
    pub not_after: u64,
    /// The subject's `SubjectPublicKeyInfo`.
    pub spki: Vec<u8>,
    /// `None` for a leaf; for a CA the number of CAs that may be below it.
    pub ca: Option<u64>,
    /// Further extensions: name, criticality, content of the OCTET STRING.
    pub extensions: Vec<(String, bool, Vec<u8>)>,
}

impl Certificate {
    /// A leaf's certificate for `key`, valid from [`crate::NOW`] less a day until a day after it.
    #[must_use]
    pub fn of(subject: &str, serial: u64, key: &Key) -> Self {
        Self {
            subject: subject.to_owned(),
            serial,
            not_before: crate::NOW.0 - 86_400,
            not_after: crate::NOW.0 + 86_400,
            spki: key.spki(),
            ca: None,
            extensions: Vec::new(),
        }
    }

    /// The same for a CA.
    #[must_use]
    pub fn of_ca(subject: &str, serial: u64, key: &Key) -> Self {
        Self { ca: Some(3), ..Self::of(subject, serial, key) }
    }

    /// This with one more extension.
    #[must_use]
    pub fn with_extension(mut self, oid: &str, is_critical: bool, value: Vec<u8>) -> Self {
        self.extensions.push((oid.to_owned(), is_critical, value));
        self
    }
}

/// Somebody who issues certificates and lists.
#[derive(Debug)]
pub struct Authority {
    /// Its common name.
    pub name: String,
    /// Its key.
    pub key: Key,
}

impl Authority {
    /// An authority with a new key.
    #[must_use]
    pub fn new(name: &str, algorithm: Algorithm) -> Self {
        Self { name: name.to_owned(), key: Key::new(algorithm) }
    }

    /// Its `Name`, DER.
    #[must_use]
    pub fn subject(&self) -> Vec<u8> {
        name(&self.name)
    }

    /// Its own certificate, self-signed.
    #[must_use]
    pub fn root(&self) -> Vec<u8> {
        self.issue(&Certificate::of_ca(&self.name, 1, &self.key))
    }

    /// Signs a certificate, DER.
    #[must_use]
    pub fn issue(&self, certificate: &Certificate) -> Vec<u8> {
        let mut extensions = Vec::new();
        if let Some(length) = certificate.ca {
            let constraints = der::sequence(&[der::yes(), der::integer(length)]);
            extensions.push(extension("2.5.29.19", true, &constraints));
            extensions.push(extension("2.5.29.15", true, &der::element(3, &[1, 0x06])));
        }
        for (oid, is_critical, value) in &certificate.extensions {
            extensions.push(extension(oid, *is_critical, value));
        }
        let mut tbs = vec![
            der::context(0, &der::integer(2)),
            der::integer(certificate.serial),
            self.key.signature_algorithm(),
            name(&self.name),
            der::sequence(&[der::time(certificate.not_before), der::time(certificate.not_after)]),
            name(&certificate.subject),
            certificate.spki.clone(),
        ];
        if !extensions.is_empty() {
            tbs.push(der::context(3, &der::sequence(&extensions)));
        }
        self.seal(der::sequence(&tbs))
    }

    /// Signs a revocation list of `serials`, DER, valid from `this_update` to `next_update`.
    #[must_use]
    pub fn crl(&self, serials: &[u64], this_update: u64, next_update: u64) -> Vec<u8> {
        let mut tbs = vec![
            der::integer(1),
            self.key.signature_algorithm(),
            name(&self.name),
            der::time(this_update),
            der::time(next_update),
        ];
        if !serials.is_empty() {
            let entry = |serial: &u64| der::sequence(&[der::integer(*serial), der::time(this_update)]);
            tbs.push(der::sequence(&serials.iter().map(entry).collect::<Vec<_>>()));
        }
        // Every list has a number [RFC 5280 §5.2.3].
        tbs.push(der::context(0, &der::sequence(&[extension("2.5.29.20", false, &der::integer(1))])));
        self.seal(der::sequence(&tbs))
    }

    /// A list that is current at [`crate::NOW`].
    #[must_use]
    pub fn crl_now(&self, serials: &[u64]) -> Vec<u8> {
        self.crl(serials, crate::NOW.0 - 3600, crate::NOW.0 + 3600)
    }

    /// Signs `tbs` as certificates and lists are signed.
    #[must_use]
    pub fn seal(&self, tbs: Vec<u8>) -> Vec<u8> {
        let signature = der::bits(&self.key.sign(&tbs));
        der::sequence(&[tbs, self.key.signature_algorithm(), signature])
    }
}

fn extension(oid: &str, is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if is_critical { der::yes() } else { Vec::new() };
    der::sequence(&[der::oid(oid), critical, der::octets(value)])
}

fn name(common: &str) -> Vec<u8> {
    let pair = der::sequence(&[der::oid("2.5.4.3"), der::element(0x0c, common.as_bytes())]);
    der::sequence(&[der::set(&pair)])
}
