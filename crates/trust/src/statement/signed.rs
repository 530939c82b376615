//! Statements of others: COSE_Sign1 with ES256, ES384 or Ed25519. [docs/formats/statement.md]
//!
//! ```text
//! payload = { 0: label, 1: sentence, 2: validity, 3: speaker }     speaker = SHA-256 of the signer's SubjectPublicKeyInfo
//! ```
//! The object carries the signer's key, and the key fixes the algorithm. A signature shows who spoke, not that anybody
//! believes it. The digest is that of the payload as received: signatures with ECDSA vary, what is said does not.

use aws_lc_rs::rand::SecureRandom;
use casemate_cose::{Digest, Kind, Signer, VerifyingKey, encode, sign_keyed, verify_keyed};
use minicbor::{Decode, Encode};

use super::{STATEMENT_BYTES_MAX, Sentence, Statement, StatementError, Validity, decode_nested};

/// The longest signed statement: its payload, the key, the signature and what COSE puts around them.
pub const SIGNED_BYTES_MAX: usize = STATEMENT_BYTES_MAX + 1024;

/// "K says S", its signature checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signed {
    digest: Digest,
    object: Vec<u8>,
    signer: VerifyingKey,
    speaker: Digest,
    statement: Statement,
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct Payload {
    #[n(0)]
    label: String,
    #[n(1)]
    sentence: Sentence,
    #[n(2)]
    validity: Validity,
    #[n(3)]
    speaker: Digest,
}

impl Signed {
    /// Signs a statement. `random` is drawn from for ECDSA alone.
    ///
    /// # Errors
    /// [`StatementError`]: what can't be said, or a failure of the cryptographic library.
    pub fn sign(statement: &Statement, signer: &Signer, random: &dyn SecureRandom) -> Result<Self, StatementError> {
        statement.check()?;
        let Statement { label, sentence, validity } = statement.clone();
        let payload = encode(&Payload { label, sentence, validity, speaker: signer.public().spki_digest() });
        let object = sign_keyed(Kind::Statement, &payload, signer, random).map_err(|_| StatementError::Library)?;
        Self::verify(&object)
    }

    /// Checks a signed statement as received.
    ///
    /// # Errors
    /// [`StatementError`]: another form, a signature that does not verify, or a statement that says what can't be said.
    pub fn verify(object: &[u8]) -> Result<Self, StatementError> {
        if object.len() > SIGNED_BYTES_MAX {
            return Err(StatementError::TooLong {
                what: "signed statement",
                actual: object.len(),
                max: SIGNED_BYTES_MAX,
            });
        }
        let verified = verify_keyed(Kind::Statement, object)?;
        let payload: Payload = decode_nested(verified.payload(), STATEMENT_BYTES_MAX)?;
        let speaker = verified.signer().spki_digest();
        if payload.speaker != speaker {
            return Err(StatementError::Speaker { stated: payload.speaker, signer: speaker });
        }
        let statement = Statement { label: payload.label, sentence: payload.sentence, validity: payload.validity };
        statement.check()?;
        Ok(Self {
            digest: Digest::of(verified.payload()),
            object: object.to_vec(),
            signer: *verified.signer(),
            speaker,
            statement,
        })
    }

    /// SHA-256 of the payload as received: names the statement in proofs, revocations and denials.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The signed object as received.
    #[must_use]
    pub fn object(&self) -> &[u8] {
        &self.object
    }

    /// The key that signed it.
    #[must_use]
    pub const fn signer(&self) -> &VerifyingKey {
        &self.signer
    }

    /// Who says it: SHA-256 of the signer's `SubjectPublicKeyInfo`.
    #[must_use]
    pub const fn speaker(&self) -> Digest {
        self.speaker
    }

    /// What is said, and when it counts.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }
}

impl PartialOrd for Signed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Signed {
    /// By digest, then by the bytes: two signatures under one statement are two objects.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.digest, &self.object).cmp(&(other.digest, &other.object))
    }
}
