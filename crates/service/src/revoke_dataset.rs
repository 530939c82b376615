//! Revokes a dataset: no release and no permit follows, and the ledger says so.

use casemate_cose::UnixTime;
use casemate_keyring::PartyKeys;
use casemate_ledger::{Event, Origin, Receipt, ReceiptBody};
use casemate_store::{LogSigner, Store, StoreError};

/// Revokes every version of the dataset `name` of `owner`. Repeating it returns the first receipt.
///
/// # Errors
/// [`StoreError`]: no such dataset, or the store failed and nothing changed.
pub async fn revoke_dataset(
    store: &Store,
    keys: &PartyKeys,
    owner: &str,
    name: &str,
    salt: [u8; 32],
    at: UnixTime,
) -> Result<Receipt, StoreError> {
    let body = ReceiptBody {
        datasets: vec![name.to_owned()],
        reasons: vec!["revoked by the owner".to_owned()],
        ..ReceiptBody::new(Event::Revocation, owner, at)
    };
    let key = keys.broker();
    let origin = Origin::of_key(&key.public());
    store.commit_revocation(name, &body, &salt, &LogSigner { origin: &origin, key }).await
}
