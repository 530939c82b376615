//! NVIDIA GPU evidence: SPDM measurements.

mod claims;
mod flaw;
mod verify;

pub use claims::Claims;
pub use flaw::Flaw;
pub use verify::STEPS;

pub(crate) use verify::verify;
