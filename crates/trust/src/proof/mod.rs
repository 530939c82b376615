//! Proofs: what follows from statements and evidence, step by step. [docs/formats/proof.md]
//!
//! [`Statements`](crate::statement::Statements) are what a domain has; [`Standing`] says which of them count at a time;
//! [`Effective`] is all that follows from them, and makes [`Proof`]s; [`check`] accepts or refuses a proof without search.

mod check;
mod derive;
mod effective;
mod error;
mod ever;
mod floors;
mod form;
mod graph;
mod index;
mod lasting;
mod overruled;
mod prove;
mod publishers;
mod rests;
mod standing;
mod things;

pub use check::{Facts, check};
pub use effective::{Effective, FACTS_MAX, Fact};
pub use error::ProofError;
pub(crate) use ever::Ever;
pub use form::{PREMISES_MAX, PROOF_BYTES_MAX, Proof, Rule, STEPS_MAX, Step};
pub use prove::Grounds;
pub use publishers::RIGHTS_MAX;
pub(crate) use rests::Lapses;
pub(crate) use standing::believed_ever;
pub use standing::{Standing, State};
pub(crate) use things::Things;
