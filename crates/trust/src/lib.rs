//! Whom an owner believes, and what follows from it.
//!
//! A [`Domain`] is what one owner wrote into `domain.toml`: launchers, runtimes, isolations, lacks. [`appraise`] holds
//! authentic evidence against it and makes the only [`Accepted`] there is, or says everything that is missing.
//! [`Reason`] is the form in which every refusal of every crate travels.
#![forbid(unsafe_code)]

mod appraise;
pub mod domain;
mod keep;
mod printable;
mod reason;
mod verdict;

pub use appraise::{ACCEPTED_FOR_S, appraise};
pub use domain::{Domain, DomainError};
pub use keep::Keep;
pub use reason::Reason;
pub use verdict::{Accepted, DenyReason, Verdict};
