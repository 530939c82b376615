//! The floor: signature checks alone, by aws-lc-rs, over the same bytes with the same keys as the evidence beside them.

use aws_lc_rs::signature::{self as lc, ParsedPublicKey, UnparsedPublicKey, VerificationAlgorithm};

/// One signature, ready to be checked.
#[derive(Clone)]
pub(crate) struct Check {
    algorithm: &'static dyn VerificationAlgorithm,
    key: Vec<u8>,
    /// The key as a verifier keeps it that knew it before.
    parsed: Option<ParsedPublicKey>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Check {
    /// A check with a key that comes with the evidence.
    pub(crate) fn new(
        algorithm: &'static dyn VerificationAlgorithm,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Self {
        let check = Self {
            algorithm,
            key: key.to_vec(),
            parsed: None,
            message: message.to_vec(),
            signature: signature.to_vec(),
        };
        check.run();
        check
    }

    /// The check of a certificate's or revocation list's signature by the key of `issuer`, a certificate.
    pub(crate) fn of_signed(der: &[u8], issuer: &[u8]) -> Self {
        let (tbs, signature) = signed(der);
        let (kind, key) = public_key(issuer);
        Self::new(kind.of_certificates(), key, tbs, signature)
    }

    /// The same, the key known before.
    pub(crate) fn with_known_key(mut self) -> Self {
        self.parsed = ParsedPublicKey::new(self.algorithm, &self.key).ok();
        self
    }

    /// Checks it.
    pub(crate) fn run(&self) {
        match &self.parsed {
            Some(key) => key.verify_sig(&self.message, &self.signature).expect("a genuine signature"),
            None => UnparsedPublicKey::new(self.algorithm, &self.key)
                .verify(&self.message, &self.signature)
                .expect("a genuine signature"),
        }
    }
}

/// A kind of key.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    P256,
    P384,
    Rsa,
}

impl Kind {
    fn of_certificates(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::P256 => &lc::ECDSA_P256_SHA256_ASN1,
            Self::P384 => &lc::ECDSA_P384_SHA384_ASN1,
            Self::Rsa => &lc::RSA_PSS_2048_8192_SHA384,
        }
    }
}

/// What is signed, and the signature, of a certificate or a revocation list.
pub(crate) fn signed(der: &[u8]) -> (&[u8], &[u8]) {
    let (content, _) = element(der);
    let tbs = whole(content);
    let algorithm = whole(&content[tbs.len()..]);
    let (bits, _) = element(&content[tbs.len() + algorithm.len()..]);
    (tbs, &bits[1..])
}

/// The public key in a certificate.
pub(crate) fn public_key(certificate: &[u8]) -> (Kind, &[u8]) {
    let (mut fields, _) = element(element(certificate).0);
    // Version, serial number, algorithm, issuer, validity, subject.
    for _ in 0..6 {
        fields = &fields[whole(fields).len()..];
    }
    let (spki, _) = element(fields);
    let algorithm = whole(spki);
    let (bits, _) = element(&spki[algorithm.len()..]);
    let has = |oid: &[u8]| algorithm.windows(oid.len()).any(|window| window == oid);
    let kind = if has(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]) {
        Kind::P256
    } else if has(&[0x2b, 0x81, 0x04, 0x00, 0x22]) {
        Kind::P384
    } else {
        Kind::Rsa
    };
    (kind, &bits[1..])
}

/// The content of the element at the start, and where the next begins.
fn element(der: &[u8]) -> (&[u8], usize) {
    let (start, length) = match der[1] {
        short @ 0..=0x7f => (2, usize::from(short)),
        long => {
            let count = usize::from(long & 0x7f);
            (2 + count, der[2..2 + count].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
        }
    };
    (&der[start..start + length], start + length)
}

fn whole(der: &[u8]) -> &[u8] {
    &der[..element(der).1]
}
