//! The attested channel: TLS 1.3 between a keep and one owner's broker, and what they may say to each other when.
//!
//! The promise of the handshake is narrow on purpose: two fresh ends that hold the private halves of two Ed25519 keys. Who
//! the keep is, is told *after* it, by evidence bound to this one session. [docs/formats/channel.md]
//!
//! ```text
//! keep                                             broker
//! keep_side::connect                               broker_side::accept
//!   Connected   <───────── Challenge ──────────────  Arrived
//!   Challenged  ────────── Attest ─────────────────> Challenging
//!   Attested                                         Claimed      ── admit(Accepted<Bound>) ──> Admitted
//!               <───────── Decision ───────────────
//!   Decided     ────────── Decisions ──────────────> Decided
//!               <───────── Release ────────────────  Assembled
//!   Released    ────────── PermitRequest ──────────> Released
//!               <───────── Permit ─────────────────  PermitAsked
//! ```
//! Each state is a type, each step takes the state before by value, and a step that fails drops the connection. Only
//! [`broker_side::Claimed::admit`] leads to a state that can send a key, and it takes by value a verdict that names this
//! session. Keys and permits leave with a [`casemate_ledger::DurableReceipt`] of this session, taken by value too.

#![forbid(unsafe_code)]

pub mod broker_side;
mod certificate;
mod error;
pub mod keep_side;
pub mod mail;
pub mod message;
mod session;
mod tls;

pub use error::{CertificateFault, ChannelError};
pub use session::{ACCEPT_S_MAX, EXPORTER_LABEL, HANDSHAKE_S_MAX, SEND_S_MAX};

#[cfg(test)]
mod tests;
