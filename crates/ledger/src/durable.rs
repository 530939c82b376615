//! A receipt that is durable, as a type: nothing leaves a broker without one (invariant 5).
//!
//! What sends keys or permits takes a [`DurableReceipt`] by value and holds its body against the session. Two things make
//! one: the log's signed proof that it holds the receipt, which is verified here, and the word of the durable log that its
//! transaction is on the disk. The second can't be proved to a pure crate; [`DurableReceipt::after_commit`] is therefore
//! called at one place, behind the commit in `casemate-store`, and `clippy.toml` forbids it everywhere else.

use std::marker::PhantomData;

use casemate_cose::PublicKey;

use crate::{Event, Origin, Receipt, ReceiptBody, ReceiptError};

/// The receipt is of a release of keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OfRelease {}

/// The receipt is of a permit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OfPermit {}

/// What lets something leave: [`OfRelease`] or [`OfPermit`], and nothing else.
pub trait Leave: sealed::Sealed {
    /// The event in the receipt's body.
    const EVENT: Event;
}

impl Leave for OfRelease {
    const EVENT: Event = Event::Release;
}

impl Leave for OfPermit {
    const EVENT: Event = Event::Permit;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::OfRelease {}
    impl Sealed for super::OfPermit {}
}

/// A receipt of kind `K` that is on the disk. It can't be copied: it lets one thing leave, once.
///
/// It is no bytes,
/// ```compile_fail
/// # use casemate_ledger::{DurableReceipt, OfRelease};
/// fn forge(receipt: Vec<u8>) -> DurableReceipt<OfRelease> {
///     receipt.into()
/// }
/// ```
/// is not put together from parts,
/// ```compile_fail
/// # use casemate_ledger::{DurableReceipt, OfRelease, Receipt, ReceiptBody};
/// # use casemate_cose::PublicKey;
/// fn forge(receipt: Receipt, body: ReceiptBody, log: PublicKey) -> DurableReceipt<OfRelease> {
///     DurableReceipt { receipt, body, log, kind: std::marker::PhantomData }
/// }
/// ```
/// and one of a permit is none of a release:
/// ```compile_fail
/// # use casemate_ledger::{DurableReceipt, OfPermit, OfRelease};
/// fn pass_for(permit: DurableReceipt<OfPermit>) -> DurableReceipt<OfRelease> {
///     permit
/// }
/// ```
#[derive(Debug, Eq, PartialEq)]
pub struct DurableReceipt<K> {
    receipt: Receipt,
    body: ReceiptBody,
    log: PublicKey,
    kind: PhantomData<fn() -> K>,
}

impl<K: Leave> DurableReceipt<K> {
    /// For the durable log alone, once the transaction with `receipt` is on the disk.
    ///
    /// # Errors
    /// [`ReceiptError`]: not a receipt of the log of this name and key, or of another event.
    pub fn after_commit(receipt: Receipt, origin: &Origin, key: &PublicKey) -> Result<Self, ReceiptError> {
        let body = receipt.verify(origin, key)?.body().clone();
        if body.event != K::EVENT {
            return Err(ReceiptError::Event { expected: K::EVENT, actual: body.event });
        }
        Ok(Self { receipt, body, log: *key, kind: PhantomData })
    }
}

impl<K> DurableReceipt<K> {
    /// What was decided: the run, the session's evidence and keep key, the datasets.
    #[must_use]
    pub const fn body(&self) -> &ReceiptBody {
        &self.body
    }

    /// The key of the log that holds it.
    #[must_use]
    pub const fn log(&self) -> PublicKey {
        self.log
    }

    /// The receipt as it is handed out.
    #[must_use]
    pub const fn receipt(&self) -> &Receipt {
        &self.receipt
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use casemate_cose::SigningKey;

    use super::*;
    use crate::{Log, body::tests::release, commitment, sign_checkpoint};

    fn logged(body: &ReceiptBody, key: &SigningKey) -> (Receipt, Origin) {
        let (origin, body) = (Origin::of_key(&key.public()), body.to_bytes().unwrap());
        let hashes = Log::new(0, &BTreeMap::new()).unwrap().append(&commitment(&[1; 32], &body)).unwrap();
        let hashes = BTreeMap::from_iter(hashes);
        let log = Log::new(1, &hashes).unwrap();
        let checkpoint = sign_checkpoint(&origin, 1, &log.root().unwrap(), key);
        (Receipt { body, salt: [1; 32], index: 0, proof: log.inclusion(0).unwrap(), checkpoint }, origin)
    }

    #[test]
    fn only_what_the_log_holds_is_durable() {
        let (key, other) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
        let (receipt, origin) = logged(&release(), &key);
        let made = |receipt: &Receipt, origin: &Origin, key: &SigningKey| {
            DurableReceipt::<OfRelease>::after_commit(receipt.clone(), origin, &key.public())
        };
        let durable = made(&receipt, &origin, &key).unwrap();
        assert_eq!((durable.body(), durable.log(), durable.receipt()), (&release(), key.public(), &receipt));

        made(&receipt, &origin, &other).unwrap_err();
        made(&receipt, &Origin::of_key(&other.public()), &key).unwrap_err();
        made(&Receipt { salt: [2; 32], ..receipt.clone() }, &origin, &key).unwrap_err();
        let mut body = release();
        body.run = Some([2; 16]);
        made(&Receipt { body: body.to_bytes().unwrap(), ..receipt.clone() }, &origin, &key).unwrap_err();
    }

    #[test]
    fn a_receipt_is_durable_for_its_own_event_alone() {
        let key = SigningKey::from_seed(&[1; 32]);
        let refusal = ReceiptBody { event: Event::Refusal, ..release() };
        for (body, actual) in [(refusal, Event::Refusal), (release(), Event::Release)] {
            let (receipt, origin) = logged(&body, &key);
            let refused = DurableReceipt::<OfPermit>::after_commit(receipt, &origin, &key.public()).unwrap_err();
            assert_eq!(refused, ReceiptError::Event { expected: Event::Permit, actual });
        }
    }
}
