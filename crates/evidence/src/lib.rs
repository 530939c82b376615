//! Parse and authenticate any isolation's evidence.
//!
//! Bytes, [`Endorsements`], an [`Expectation`] and a time go in; [`Authenticated`] claims or a [`Refusal`] come out.
//! This crate judges whether a statement is genuine, fresh and bound; whether what it says is good enough is
//! appraisal's business, one layer up.
//!
//! - [`authenticate`] is the only maker of [`Authenticated`], and checks every step that its file numbers.
//! - Each format has one folder of the same files: `abi`, `endorsements`, `verify`, `claims`. So far: [`software`].
//! - Unbound and debug evidence come out as other types ([`DangerouslyUnbound`], [`AllowDebug`]) than [`Bound`].
#![forbid(unsafe_code)]

mod authenticate;
mod binding;
mod claims;
mod endorsements;
mod evidence;
mod expectation;
mod isolation;
mod lack;
mod named;
mod refusal;
pub mod software;

pub use authenticate::{Authenticated, authenticate};
pub use binding::{Binding, Role, UnknownRole};
pub use claims::{Attester, Claims};
pub use endorsements::Endorsements;
pub use evidence::{EVIDENCE_BYTES_MAX, Evidence};
pub use expectation::{AllowDebug, Bound, DangerouslyUnbound, Expectation};
pub use isolation::{Isolation, UnknownIsolation};
pub use lack::{Explanation, Lack, UnknownLack};
pub use refusal::Refusal;
