//! Receipts that pass for durable, of a log of one entry, for tests that have no store.

use std::collections::BTreeMap;

use casemate_cose::SigningKey;
use casemate_ledger::{DurableReceipt, Leave, Log, Origin, Receipt, ReceiptBody, commitment, sign_checkpoint};

/// The receipt of `body` in a log of `key` that holds nothing else.
///
/// # Panics
/// Where the body is none of a `K`.
#[expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests only, and they choose the body")]
pub fn durable<K: Leave>(body: &ReceiptBody, key: &SigningKey) -> DurableReceipt<K> {
    let (origin, body, salt) = (Origin::of_key(&key.public()), body.to_bytes().unwrap(), [1; 32]);
    let hashes = Log::new(0, &BTreeMap::new()).unwrap().append(&commitment(&salt, &body)).unwrap();
    let hashes = BTreeMap::from_iter(hashes);
    let log = Log::new(1, &hashes).unwrap();
    let checkpoint = sign_checkpoint(&origin, 1, &log.root().unwrap(), key);
    let receipt = Receipt { body, salt, index: 0, proof: log.inclusion(0).unwrap(), checkpoint };
    DurableReceipt::after_commit(receipt, &origin, &key.public()).unwrap()
}
