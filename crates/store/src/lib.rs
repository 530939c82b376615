//! Durable state of a party in one folder: datasets, known parties, contracts and their floors, the domain in force, runs, judged
//! evidence, the ledger.
//!
//! ```text
//! DIR/            mode 0700
//!   state.db      SQLite, write-ahead log, synced at every commit; the truth
//!   NAME.lock     held while `casemate NAME` uses the folder
//!   ledger/       the log's files [C2SP tlog-tiles]: derived from state.db, written again where they are missing
//! ```
//! Every operation is one transaction: after `kill -9` it has happened or it has not. A step that the ledger must tell of
//! and its receipt are one transaction too ([`Store::commit_release`] and its siblings), so nothing is released without
//! one (invariant 5), and repeating the step returns the same receipt.

mod append;
mod contract;
mod dataset;
mod domain;
mod error;
mod export;
mod judged;
mod ledger;
mod lock;
mod mail;
mod open;
mod party;
mod row;
mod run;
mod study;

pub use contract::{Floor, FloorError, MergeError, StoredContract};
pub use dataset::{Dataset, DatasetError, DatasetVersion, SealedDataset};
pub use domain::{DOMAINS_KEPT_BYTES_MAX, DOMAINS_KEPT_MAX, DomainMark, DomainMarkError, RaiseError, Seal};
pub use error::StoreError;
pub use judged::{JUDGED_BYTES_MAX, JUDGED_MAX, Judged};
pub use ledger::{LedgerError, LedgerHead, LogSigner};
pub use lock::StateLock;
pub use mail::{Discarded, Mail, MailQuota, Merged, QuotaError};
pub use open::{FORMAT, Store};
pub use party::{KnownParty, PartyError};
pub use run::{Run, RunError, RunState, RunTerms};
pub use study::{StudyRun, StudyState};
