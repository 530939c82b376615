//! Everything that it takes to verify one run offline, as bytes. Verifying is the service's: it knows ledgers.

use casemate_cose::{CborError, PublicKey, decode, encode};
use minicbor::{Decode, Encode};

use crate::{contract::Contract, name::PartyName};

const FORMAT: &str = "casemate/bundle/1";
/// The longest bundle: 16 MiB.
pub const BUNDLE_BYTES_MAX: usize = 16 << 20;

/// The record of one run.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct RunBundle {
    #[n(0)]
    format: String,
    /// The file of the signed contract.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub contract: Vec<u8>,
    /// The manifest's bytes.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub manifest: Vec<u8>,
    /// The key of the keep.
    #[n(3)]
    pub keep_key: PublicKey,
    /// What passed between the keep and each owner's broker, ascending by owner.
    #[n(4)]
    pub brokers: Vec<BrokerRecord>,
}

/// What passed between a keep and one owner's broker, every part as received.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct BrokerRecord {
    /// The owner.
    #[n(0)]
    pub owner: PartyName,
    /// The broker's signed challenge.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub challenge: Vec<u8>,
    /// The framed evidence that answered it.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub evidence: Vec<u8>,
    /// The exporter value of the TLS session that both belong to.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub exporter: [u8; 32],
    /// The broker's signed decision.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub decision: Vec<u8>,
    /// The receipt of the release.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub release_receipt: Vec<u8>,
    /// The broker's signed permit.
    #[cbor(n(6), with = "minicbor::bytes")]
    pub permit: Vec<u8>,
    /// The receipt of the permit.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub permit_receipt: Vec<u8>,
}

impl RunBundle {
    /// The record of a run. The brokers' parts are put in order.
    #[must_use]
    pub fn new(contract: Vec<u8>, manifest: Vec<u8>, keep_key: PublicKey, mut brokers: Vec<BrokerRecord>) -> Self {
        brokers.sort_by(|a, b| a.owner.cmp(&b.owner));
        Self { format: FORMAT.to_owned(), contract, manifest, keep_key, brokers }
    }

    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a bundle. Nothing in it is verified.
    ///
    /// # Errors
    /// [`CborError`], also where owners are not strictly ascending.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CborError> {
        let bundle: Self = decode(bytes, BUNDLE_BYTES_MAX)?;
        if bundle.format != FORMAT {
            return Err(CborError::Malformed(format!("its format is not `{FORMAT}`")));
        }
        if !bundle.brokers.is_sorted_by(|a, b| a.owner < b.owner) {
            return Err(CborError::NotDeterministic);
        }
        Ok(bundle)
    }

    /// The record of `owner`'s broker.
    #[must_use]
    pub fn broker(&self, owner: &PartyName) -> Option<&BrokerRecord> {
        self.brokers.iter().find(|record| record.owner == *owner)
    }

    /// The owners of `computation` in `contract` that have no record here: a bundle without them proves nothing.
    #[must_use]
    pub fn missing(&self, contract: &Contract, computation: &str) -> Vec<PartyName> {
        let Some(computation) = contract.computation(computation) else { return Vec::new() };
        let owners = contract.owners(computation).into_iter().map(|owner| owner.name.clone());
        owners.filter(|owner| self.broker(owner).is_none()).collect()
    }
}
