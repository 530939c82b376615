//! The owner's keys inside a broker. No dataset key comes out of here before the receipt of its release is durable.

use casemate_channel::message::DatasetKey;
use casemate_cose::{PublicKey, SigningKey};
use casemate_keyring::{KeyringError, PartyKeys, WrappedKey};
use casemate_ledger::{DurableReceipt, OfRelease};

/// An owner's keys, of which the rest of the broker sees what signs, and dataset keys only against a receipt.
pub(crate) struct Vault(PartyKeys);

impl Vault {
    pub(crate) const fn new(keys: PartyKeys) -> Self {
        Self(keys)
    }

    /// What the broker signs with.
    pub(crate) const fn broker(&self) -> &SigningKey {
        self.0.broker()
    }

    /// The owner's identity.
    pub(crate) fn public(&self) -> PublicKey {
        self.0.public()
    }

    /// Whether a key could be released. It is wiped again at once.
    pub(crate) fn opens(&self, wrapped: &WrappedKey) -> Result<(), KeyringError> {
        self.0.unwrap(wrapped).map(drop)
    }

    /// The key of `dataset`, which the receipt says is released. None where the receipt is of other datasets.
    pub(crate) fn release(
        &self,
        dataset: &str,
        wrapped: &WrappedKey,
        receipt: &DurableReceipt<OfRelease>,
    ) -> Result<Option<DatasetKey>, KeyringError> {
        if !receipt.body().datasets.iter().any(|logged| logged == dataset) {
            return Ok(None);
        }
        let key = self.0.unwrap(wrapped)?;
        Ok(Some(DatasetKey { dataset: dataset.to_owned(), key: *key }))
    }
}
