//! SGX and TDX quotes as Intel's DCAP makes them.

mod claims;
mod flaw;
mod verify;

pub use claims::Claims;
pub use flaw::Flaw;
pub use verify::STEPS;

pub(crate) use verify::verify;
