//! The query crate as its users see it: sealed files in, results or refusals out.

mod attacks;
mod fixture;
mod results;
mod sealed_files;
