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
//!
//! The steps themselves are in `protocol`, without a connection: [`keep_side`] and [`broker_side`] carry their messages, and an
//! exhaustive model of the handshake tries attacks on them. [docs/handshake.md]

#![forbid(unsafe_code)]

pub mod broker_side;
mod certificate;
mod error;
pub mod keep_side;
pub mod mail;
pub mod message;
mod protocol;
mod session;
mod tls;

pub use error::{CertificateFault, ChannelError};
pub use session::{ACCEPT_S_MAX, EXPORTER_LABEL, HANDSHAKE_S_MAX, SEND_S_MAX};

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
