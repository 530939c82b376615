//! Signatures under a contract: all of them, or nothing runs.
//!
//! ```text
//! file      = { 0: "casemate/signed-contract/1", 1: contract bytes, 2: [ { 0: party, 1: COSE_Sign1 }, … ] }   parties ascending
//! signature = COSE_Sign1 of kind "casemate/contract/1" by the party's identity key over { 0: contract digest, 1: party }
//! ```

use std::collections::BTreeMap;

use casemate_cose::{CborError, CoseError, Digest, Kind, SigningKey, claimed_signer, decode, encode, sign, verify};
use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::{
    compiled::{CONTRACT_BYTES_MAX, Compiled},
    contract::{Contract, Party},
    name::PartyName,
    problem::CompiledError,
};

const FORMAT: &str = "casemate/signed-contract/1";
/// The longest file of a signed contract: 5 MiB.
pub const SIGNED_CONTRACT_BYTES_MAX: usize = CONTRACT_BYTES_MAX + (1 << 20);
/// The longest payload of a signature: a digest and a name.
const AGREEMENT_BYTES_MAX: usize = 256;

/// Why signatures under a contract were refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SignatureError {
    /// The contract itself is not one.
    #[error(transparent)]
    Contract(#[from] CompiledError),
    /// Two files hold different contracts.
    #[error("these are two contracts: `{ours}` and `{theirs}`")]
    DifferentContract {
        /// The contract that was there.
        ours: Digest,
        /// The other one.
        theirs: Digest,
    },
    /// The file is not a signed contract.
    #[error("not a signed contract: {0}")]
    File(CborError),
    /// The signature is not one.
    #[error("not a signature under a contract: {0}")]
    Invalid(CoseError),
    /// Parties have not signed.
    #[error("not signed by {}", list(.0))]
    Missing(Vec<PartyName>),
    /// What was signed is not an agreement.
    #[error("what was signed is not an agreement to a contract: {0}")]
    Payload(CborError),
    /// The signature stands beside another name than the one that it was made under.
    #[error("the signature of `{actual}` stands under the name `{expected}`")]
    Party {
        /// The name beside the signature.
        expected: PartyName,
        /// The name that was signed.
        actual: PartyName,
    },
    /// Nobody in the contract has the key that signed.
    #[error("the key `{0}` is no party's in this contract")]
    Stranger(String),
    /// Signed under another contract.
    #[error("signed another contract: `{actual}`, not `{expected}`")]
    WrongContract {
        /// This contract.
        expected: Digest,
        /// The one that was signed.
        actual: Digest,
    },
}

impl SignatureError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Contract(_) | Self::File(_) => "ask whoever sent it for the file again".into(),
            Self::DifferentContract { .. } | Self::WrongContract { .. } => {
                "compare the digests with `casemate contract show`; everyone signs the same file".into()
            }
            Self::Invalid(_) | Self::Party { .. } | Self::Payload(_) => {
                "ask the party to sign again with `casemate contract sign`".into()
            }
            Self::Missing(parties) => format!("send the file to {} to sign", list(parties)),
            Self::Stranger(_) => "sign with the key that the contract names, or put this key into the contract".into(),
        }
    }
}

fn list(parties: &[PartyName]) -> String {
    parties.iter().map(|party| format!("`{party}`")).collect::<Vec<_>>().join(", ")
}

/// What a party signs: not the contract's bytes again, but their digest.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
struct Agreement {
    #[n(0)]
    contract: Digest,
    #[n(1)]
    party: PartyName,
}

#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
struct File {
    #[n(0)]
    format: String,
    #[cbor(n(1), with = "minicbor::bytes")]
    contract: Vec<u8>,
    #[n(2)]
    signatures: Vec<PartySignature>,
}

/// One party's signature, as it stands in the file.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
struct PartySignature {
    #[n(0)]
    party: PartyName,
    #[cbor(n(1), with = "minicbor::bytes")]
    object: Vec<u8>,
}

/// A contract with the signatures collected so far. Each was verified when it came in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedContract {
    compiled: Compiled,
    signatures: BTreeMap<PartyName, Vec<u8>>,
}

impl SignedContract {
    /// A contract that nobody has signed yet.
    #[must_use]
    pub const fn new(compiled: Compiled) -> Self {
        Self { compiled, signatures: BTreeMap::new() }
    }

    /// Reads a file, verifying every signature in it.
    ///
    /// # Errors
    /// [`SignatureError`]: the file, the contract or any one signature is refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SignatureError> {
        let file: File = decode(bytes, SIGNED_CONTRACT_BYTES_MAX).map_err(SignatureError::File)?;
        if file.format != FORMAT {
            return Err(SignatureError::File(CborError::Malformed(format!("its format is not `{FORMAT}`"))));
        }
        if !file.signatures.is_sorted_by(|a, b| a.party < b.party) {
            return Err(SignatureError::File(CborError::NotDeterministic));
        }
        let mut signed = Self::new(Compiled::from_bytes(file.contract)?);
        for PartySignature { party, object } in file.signatures {
            let actual = signed.add_signature(object)?;
            if actual != party {
                return Err(SignatureError::Party { expected: party, actual });
            }
        }
        Ok(signed)
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let signatures = self
            .signatures
            .iter()
            .map(|(party, object)| PartySignature { party: party.clone(), object: object.clone() })
            .collect();
        encode(&File { format: FORMAT.to_owned(), contract: self.compiled.bytes().to_vec(), signatures })
    }

    /// Signs as the party that `key` belongs to, and says which one that is.
    ///
    /// # Errors
    /// [`SignatureError::Stranger`] where the contract names no party with this key.
    pub fn sign(&mut self, key: &SigningKey) -> Result<PartyName, SignatureError> {
        let party = self.party_of(key.public())?.name.clone();
        let payload = encode(&Agreement { contract: self.compiled.digest(), party: party.clone() });
        self.signatures.insert(party.clone(), sign(Kind::Contract, &payload, key));
        Ok(party)
    }

    /// Adds a signature that came from elsewhere, after verifying it, and says whose it is.
    ///
    /// # Errors
    /// [`SignatureError`]: a key that is no party's, another contract, another party's name, or not a signature.
    pub fn add_signature(&mut self, object: Vec<u8>) -> Result<PartyName, SignatureError> {
        let party = self.verified_signer(&object)?;
        self.signatures.insert(party.clone(), object);
        Ok(party)
    }

    /// Adds what another copy of the same contract has collected, and says whose signatures are new.
    ///
    /// # Errors
    /// [`SignatureError::DifferentContract`].
    pub fn merge(&mut self, other: &Self) -> Result<Vec<PartyName>, SignatureError> {
        if self.compiled.bytes() != other.compiled.bytes() {
            return Err(SignatureError::DifferentContract {
                ours: self.compiled.digest(),
                theirs: other.compiled.digest(),
            });
        }
        let mut new = Vec::new();
        for (party, object) in &other.signatures {
            if !self.signatures.contains_key(party) {
                self.signatures.insert(party.clone(), object.clone());
                new.push(party.clone());
            }
        }
        Ok(new)
    }

    /// The stored copy with the signatures of this one; this one where none is stored. No signature is ever lost.
    ///
    /// # Errors
    /// [`SignatureError`]: the stored file is refused, or holds another contract.
    pub fn merged_into(&self, stored: Option<&[u8]>) -> Result<Self, SignatureError> {
        let Some(stored) = stored else { return Ok(self.clone()) };
        let mut merged = Self::from_bytes(stored)?;
        merged.merge(self)?;
        Ok(merged)
    }

    /// The contract.
    #[must_use]
    pub const fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// Who has signed, ascending.
    pub fn signed(&self) -> impl Iterator<Item = &PartyName> {
        self.signatures.keys()
    }

    /// Who has not, ascending.
    #[must_use]
    pub fn missing(&self) -> Vec<PartyName> {
        let parties = self.compiled.contract().parties().iter().map(|party| &party.name);
        parties.filter(|party| !self.signatures.contains_key(*party)).cloned().collect()
    }

    fn party_of(&self, key: casemate_cose::PublicKey) -> Result<&Party, SignatureError> {
        let mut parties = self.compiled.contract().parties().iter();
        parties.find(|party| party.key == key).ok_or_else(|| SignatureError::Stranger(key.to_string()))
    }

    fn verified_signer(&self, object: &[u8]) -> Result<PartyName, SignatureError> {
        let signer = claimed_signer(object).map_err(SignatureError::Invalid)?;
        let party = self.party_of(signer)?;
        let verified = verify(Kind::Contract, object, &party.key).map_err(SignatureError::Invalid)?;
        let agreement: Agreement = decode(verified.payload(), AGREEMENT_BYTES_MAX).map_err(SignatureError::Payload)?;
        if agreement.contract != self.compiled.digest() {
            return Err(SignatureError::WrongContract { expected: self.compiled.digest(), actual: agreement.contract });
        }
        if agreement.party != party.name {
            return Err(SignatureError::Party { expected: party.name.clone(), actual: agreement.party });
        }
        Ok(agreement.party)
    }
}

/// A contract that every party of it has signed. Only [`FullySigned::check`] makes one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FullySigned {
    signed: SignedContract,
}

impl FullySigned {
    /// Verifies that every party has signed, and nobody else.
    ///
    /// # Errors
    /// [`SignatureError`], as [`SignedContract::from_bytes`], and [`SignatureError::Missing`].
    pub fn check(signed: SignedContract) -> Result<Self, SignatureError> {
        for (name, object) in &signed.signatures {
            let actual = signed.verified_signer(object)?;
            if actual != *name {
                return Err(SignatureError::Party { expected: name.clone(), actual });
            }
        }
        let missing = signed.missing();
        if missing.is_empty() { Ok(Self { signed }) } else { Err(SignatureError::Missing(missing)) }
    }

    /// Reads a file and verifies that every party has signed: [`SignedContract::from_bytes`], then [`Self::check`].
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SignatureError> {
        Self::check(SignedContract::from_bytes(bytes)?)
    }

    /// What was agreed.
    #[must_use]
    pub const fn contract(&self) -> &Contract {
        self.signed.compiled().contract()
    }

    /// The contract with its bytes.
    #[must_use]
    pub const fn compiled(&self) -> &Compiled {
        self.signed.compiled()
    }

    /// SHA-256 of the contract's bytes.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.signed.compiled().digest()
    }

    /// The file with its signatures.
    #[must_use]
    pub const fn signed(&self) -> &SignedContract {
        &self.signed
    }
}
