//! Predicts what a launch will report, from the bytes that are launched: pure functions, for reference values.
//!
//! | platform | what | module |
//! | --- | --- | --- |
//! | AMD SEV-SNP | launch digest (`MEASUREMENT`) | [`snp`] |
//! | Intel TDX | MRTD | [`tdx`] |
//! | AWS Nitro | PCR 0, 1, 2 and 8 | [`nitro`] |
//! | TPM, and TDX's RTMR 2 | PCR 4, 9, 11, 12, and the events as the log has them | [`pcr`] |
//!
//! What a prediction rests on is read strictly: where loaders could differ in what they make of an image (overlapping sections,
//! bytes between them, a part twice), it is refused with [`MeasureError`] instead of measured in one of the ways.

mod error;
mod footer;
mod kernel;
pub mod nitro;
pub mod pcr;
mod pe;
pub mod snp;
pub mod tdx;

pub use error::MeasureError;
pub use footer::FIRMWARE_BYTES_MAX;
pub use kernel::{COMMAND_LINE_BYTES_MAX, Kernel};
pub use pe::{IMAGE_BYTES_MAX, SECTIONS_MAX, authenticode};
