//! TPM 2.0 quotes with event logs.

mod claims;
mod flaw;
mod verify;

pub use claims::Claims;
pub use flaw::Flaw;
pub use verify::STEPS;

pub(crate) use verify::verify;
