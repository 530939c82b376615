//! Whom an owner believes, and what follows from it.
//!
//! A [`Domain`] is what one owner wrote into `domain.toml` and what others signed: [`statement`]s. [`appraise`] holds each
//! [`component`] of authentic evidence against what follows from them, and makes the only [`Accepted`] there is, with a checked
//! [`proof`], or says everything that is missing; [`shows`] checks a proof that anybody brings. [`draft`](fn@draft) goes the other way: from evidence to what accepts it.
//! [`Reason`] is the form in which every refusal of every crate travels.
#![forbid(unsafe_code)]

mod appraise;
pub mod component;
pub mod domain;
mod draft;
pub mod explain;
pub mod export;
pub mod import;
mod keep;
mod lapsed;
mod lent;
mod printable;
pub mod proof;
mod reason;
pub mod result;
mod scripts;
mod shown;
pub mod statement;
mod unmet;
mod verdict;

pub use appraise::{ACCEPTED_FOR_S, appraise};
pub use domain::{Domain, DomainError};
pub use draft::{Drafted, draft, machine_name};
pub use keep::Keep;
pub use reason::Reason;
pub use shown::shows;
pub use verdict::{Accepted, Believed, DenyReason, Hardware, Named, Note, Place, Verdict};
