//! What an owner's broker does, one use case a file, and the server over them.
//!
//! ```text
//! session ─ challenge ─ decide_run ─ release_key ─ permit_result
//!              │            │             │              │
//!              └────────────┴── refuse ───┴──────────────┘       every refusal has its receipt too
//! ```
//! [`verify_run`] is the same chain again, offline, from the record that the keep handed out.
#![forbid(unsafe_code)]

mod broker;
mod decide_run;
mod domain_file;
mod domain_in_force;
mod door;
mod end_run;
mod keep_evidence;
mod mail;
mod permit_result;
mod quota;
mod random;
mod refuse;
mod release_key;
mod revoke_dataset;
mod server;
mod session;
mod vault;
mod verify_run;

pub use broker::{Broker, Event, OnEvent};
pub use casemate_channel::ChannelError;
pub use mail::{MailError, WAITING_BYTES_MAX, WAITING_MAX, WAITING_OF_SENDER_MAX, deliver_contract, fetch_contracts};
pub use revoke_dataset::revoke_dataset;
pub use server::serve;
pub use verify_run::{VerifiedOwner, VerifiedRun, VerifyError, verify_result, verify_run};
