//! A contract as bytes: the deterministic CBOR that is shown, signed, shipped and digested.

use casemate_cose::{Digest, decode, encode};

use crate::{
    check::check,
    contract::{Body, Contract},
    policy,
    problem::{CompiledError, ContractError, ContractErrors},
};

/// The longest contract: 4 MiB.
pub const CONTRACT_BYTES_MAX: usize = 4 << 20;

/// A contract with the bytes that stand for it. What was received is kept as received.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Compiled {
    bytes: Vec<u8>,
    contract: Contract,
    digest: Digest,
}

impl Compiled {
    /// Compiles `contract`.
    #[must_use]
    pub fn new(contract: Contract) -> Self {
        let bytes = encode(&contract.body);
        Self { digest: Digest::of(&bytes), bytes, contract }
    }

    /// Reads a contract from the bytes that stand for it, under the same rules as one that is written in TOML, save
    /// that it may have expired: whether it has is for whoever acts on it to ask.
    ///
    /// # Errors
    /// [`CompiledError`]: not the deterministic CBOR of a contract, or a contract that makes no sense.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, CompiledError> {
        let body: Body = decode(&bytes, CONTRACT_BYTES_MAX)?;
        let errors: Vec<ContractError> = check(&body)
            .into_iter()
            .map(|finding| ContractError { problem: finding.problem, path: finding.path, span: None })
            .collect();
        if !errors.is_empty() {
            return Err(ContractErrors(errors).into());
        }
        let contract = policy::validated(Contract { body })?;
        Ok(Self { digest: Digest::of(&bytes), bytes, contract })
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// What the bytes say.
    #[must_use]
    pub const fn contract(&self) -> &Contract {
        &self.contract
    }
}
