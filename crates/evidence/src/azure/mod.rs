//! Azure confidential VM evidence: HCL report and vTPM quote over SNP or TDX.

mod claims;
mod flaw;
mod verify;

pub use claims::Claims;
pub use flaw::Flaw;
pub use verify::STEPS;

pub(crate) use verify::verify;
