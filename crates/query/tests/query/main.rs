//! The query crate as its users see it: sealed files in, results or refusals out.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test support: a fixture that can't be made fails the test"
)]

mod attacks;
mod fixture;
mod inputs;
mod results;
mod sealed_files;
