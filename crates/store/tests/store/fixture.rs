//! A clinic with one dataset and one decided run.

use casemate_cose::{Digest, PublicKey, SigningKey, UnixTime};
use casemate_ledger::{Event, Origin, Receipt, ReceiptBody};
use casemate_store::{DatasetVersion, LogSigner, RunTerms, SealedDataset, Store, StoreError};
use casemate_testkit::NOW;

/// The broker's log: its key and the name that follows from it.
pub(crate) struct LogKey {
    key: SigningKey,
    origin: Origin,
}

impl LogKey {
    pub(crate) fn new(seed: u8) -> Self {
        let key = SigningKey::from_seed(&[seed; 32]);
        let origin = Origin::of_key(&key.public());
        Self { key, origin }
    }

    pub(crate) fn signer(&self) -> LogSigner<'_> {
        LogSigner { origin: &self.origin, key: &self.key }
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn public(&self) -> PublicKey {
        self.key.public()
    }
}

pub(crate) fn visits(version: u8) -> SealedDataset {
    SealedDataset {
        name: "visits".into(),
        version: DatasetVersion { id: [1; 16], version: [version; 16] },
        format: "parquet".into(),
        entity: Some("patient".into()),
        columns: vec![1, 2, 3],
        sealed_path: "/data/visits.parquet".into(),
        digest: Digest::of(&[version]),
        wrapped_key: vec![version; 60],
        sealed_at: UnixTime(NOW.0 + u64::from(version)),
    }
}

pub(crate) fn terms(run: u8) -> RunTerms {
    RunTerms {
        run: [run; 16],
        study: "survival".into(),
        sequence: 3,
        contract: Digest::of(b"contract 3"),
        manifest: Digest::of(&[run, 0]),
        keep_key: Digest::of(&[run, 1]),
        evidence: Digest::of(&[run, 2]),
        datasets: vec![visits(1).version],
        decided_at: NOW,
    }
}

pub(crate) fn release(run: u8) -> ReceiptBody {
    let terms = terms(run);
    ReceiptBody {
        study: Some(terms.study),
        contract: Some(terms.contract),
        run: Some(terms.run),
        manifest: Some(terms.manifest),
        evidence: Some(terms.evidence),
        domain: Some(Digest::of(b"domain")),
        keep_key: Some(terms.keep_key),
        isolation: Some("process".into()),
        datasets: vec!["visits".into()],
        ..ReceiptBody::new(Event::Release, "clinic", NOW)
    }
}

pub(crate) fn permit(run: u8) -> ReceiptBody {
    let result = Some(Digest::of(b"result"));
    let gates = vec!["minimum 10: passed".into()];
    ReceiptBody { event: Event::Permit, result, gates, ordinary_bytes: Some(0), ..release(run) }
}

pub(crate) fn refusal(run: u8, why: &str) -> ReceiptBody {
    ReceiptBody { event: Event::Refusal, reasons: vec![why.into()], ..release(run) }
}

pub(crate) fn revocation() -> ReceiptBody {
    ReceiptBody { datasets: vec!["visits".into()], ..ReceiptBody::new(Event::Revocation, "clinic", NOW) }
}

pub(crate) async fn decided(store: &Store, run: u8) {
    store.put_dataset(&visits(1)).await.unwrap();
    store.decide(&terms(run)).await.unwrap();
}

/// Fails unless `receipt` verifies and the whole ledger does.
pub(crate) async fn check(store: &Store, log: &LogKey, receipt: &Receipt) {
    receipt.verify(log.origin(), &log.public()).unwrap();
    store.check_ledgers().await.unwrap();
    assert!(store.receipts().await.unwrap().contains(receipt));
}

/// What the user reads.
pub(crate) fn message<T>(outcome: Result<T, StoreError>) -> String {
    outcome.map(drop).unwrap_err().to_string()
}
