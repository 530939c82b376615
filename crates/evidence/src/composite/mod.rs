//! Evidence of a CPU and of devices bound to it.

mod claims;
mod flaw;
mod verify;

pub use claims::Claims;
pub use flaw::Flaw;
pub use verify::STEPS;

pub(crate) use verify::verify;
