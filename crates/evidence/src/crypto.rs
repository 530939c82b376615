//! Signature checks, by aws-lc-rs, over bytes as received.

use aws_lc_rs::{digest, signature as lc};

/// A hash function of the SHA-2 family, or SHA-1 where only old event logs have it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Hash {
    /// Event logs' and PCRs' oldest bank only; never under a signature.
    Sha1,
    /// FIPS 180-4.
    Sha256,
    /// FIPS 180-4.
    Sha384,
    /// FIPS 180-4.
    Sha512,
}

impl Hash {
    /// Every one, the shortest first.
    pub const ALL: &'static [Self] = &[Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Bytes of a digest.
    #[must_use]
    pub const fn size_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of the concatenation of `parts`.
    pub(crate) fn of(self, parts: &[&[u8]]) -> digest::Digest {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        let mut context = digest::Context::new(algorithm);
        for part in parts {
            context.update(part);
        }
        context.finish()
    }
}

/// How a signature was made. `Fixed` is `r ‖ s`, `Der` is ECDSA-Sig-Value [RFC 3279 §2.2.3].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Scheme {
    EcdsaP256Sha256Der,
    EcdsaP256Sha256Fixed,
    EcdsaP256Sha384Der,
    EcdsaP384Sha256Der,
    EcdsaP384Sha384Der,
    EcdsaP384Sha384Fixed,
    EcdsaP521Sha512Der,
    EcdsaP521Sha512Fixed,
    Ed25519,
    RsaPkcs1Sha256,
    RsaPkcs1Sha384,
    RsaPkcs1Sha512,
    RsaPssSha256,
    RsaPssSha384,
    RsaPssSha512,
}

impl Scheme {
    fn algorithm(self) -> &'static dyn lc::VerificationAlgorithm {
        match self {
            Self::EcdsaP256Sha256Der => &lc::ECDSA_P256_SHA256_ASN1,
            Self::EcdsaP256Sha256Fixed => &lc::ECDSA_P256_SHA256_FIXED,
            Self::EcdsaP256Sha384Der => &lc::ECDSA_P256_SHA384_ASN1,
            Self::EcdsaP384Sha256Der => &lc::ECDSA_P384_SHA256_ASN1,
            Self::EcdsaP384Sha384Der => &lc::ECDSA_P384_SHA384_ASN1,
            Self::EcdsaP384Sha384Fixed => &lc::ECDSA_P384_SHA384_FIXED,
            Self::EcdsaP521Sha512Der => &lc::ECDSA_P521_SHA512_ASN1,
            Self::EcdsaP521Sha512Fixed => &lc::ECDSA_P521_SHA512_FIXED,
            Self::Ed25519 => &lc::ED25519,
            Self::RsaPkcs1Sha256 => &lc::RSA_PKCS1_2048_8192_SHA256,
            Self::RsaPkcs1Sha384 => &lc::RSA_PKCS1_2048_8192_SHA384,
            Self::RsaPkcs1Sha512 => &lc::RSA_PKCS1_2048_8192_SHA512,
            Self::RsaPssSha256 => &lc::RSA_PSS_2048_8192_SHA256,
            Self::RsaPssSha384 => &lc::RSA_PSS_2048_8192_SHA384,
            Self::RsaPssSha512 => &lc::RSA_PSS_2048_8192_SHA512,
        }
    }

    /// The kind of key that makes such signatures.
    pub(crate) const fn key_kind(self) -> KeyKind {
        match self {
            Self::EcdsaP256Sha256Der | Self::EcdsaP256Sha256Fixed | Self::EcdsaP256Sha384Der => KeyKind::P256,
            Self::EcdsaP384Sha256Der | Self::EcdsaP384Sha384Der | Self::EcdsaP384Sha384Fixed => KeyKind::P384,
            Self::EcdsaP521Sha512Der | Self::EcdsaP521Sha512Fixed => KeyKind::P521,
            Self::Ed25519 => KeyKind::Ed25519,
            Self::RsaPkcs1Sha256
            | Self::RsaPkcs1Sha384
            | Self::RsaPkcs1Sha512
            | Self::RsaPssSha256
            | Self::RsaPssSha384
            | Self::RsaPssSha512 => KeyKind::Rsa,
        }
    }
}

/// The kinds of public keys that are read.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum KeyKind {
    /// RFC 8032.
    Ed25519,
    /// NIST P-256 (secp256r1).
    P256,
    /// NIST P-384 (secp384r1).
    P384,
    /// NIST P-521 (secp521r1).
    P521,
    /// RSA of 2048 to 8192 bits.
    Rsa,
}

impl KeyKind {
    /// Every one, in the order of the names.
    pub const ALL: &'static [Self] = &[Self::Ed25519, Self::P256, Self::P384, Self::P521, Self::Rsa];
}

/// A public key: for EC the uncompressed point, for RSA the `RSAPublicKey`, for Ed25519 the 32 bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Key<'a> {
    pub(crate) kind: KeyKind,
    pub(crate) bytes: &'a [u8],
}

/// A signature does not verify. There is nothing more to say about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BadSignature;

impl Key<'_> {
    /// Verifies `signature` over `message`. A scheme for another kind of key is a bad signature.
    pub(crate) fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        if scheme.key_kind() != self.kind {
            return Err(BadSignature);
        }
        lc::UnparsedPublicKey::new(scheme.algorithm(), self.bytes).verify(message, signature).map_err(|_| BadSignature)
    }

    /// As [`Self::verify`], over a message of which this is the digest: none that the scheme hashes itself (Ed25519).
    pub(crate) fn verify_digest(
        &self,
        scheme: Scheme,
        digest: &digest::Digest,
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        if scheme.key_kind() != self.kind {
            return Err(BadSignature);
        }
        lc::UnparsedPublicKey::new(scheme.algorithm(), self.bytes)
            .verify_digest(digest, signature)
            .map_err(|_| BadSignature)
    }

    /// This key parsed once, for many signatures of one scheme.
    pub(crate) fn parse(&self, scheme: Scheme) -> Result<ParsedKey, BadSignature> {
        if scheme.key_kind() != self.kind {
            return Err(BadSignature);
        }
        lc::ParsedPublicKey::new(scheme.algorithm(), self.bytes).map(ParsedKey).map_err(|_| BadSignature)
    }
}

/// A public key that is ready to verify signatures of one scheme.
#[derive(Debug)]
pub(crate) struct ParsedKey(lc::ParsedPublicKey);

impl ParsedKey {
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.0.verify_sig(message, signature).map_err(|_| BadSignature)
    }

    /// As [`Self::verify`], over a message of which this is the digest.
    pub(crate) fn verify_digest(&self, digest: &digest::Digest, signature: &[u8]) -> Result<(), BadSignature> {
        self.0.verify_digest_sig(digest, signature).map_err(|_| BadSignature)
    }
}
