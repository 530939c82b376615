//! Verifies AMD SEV-SNP attestation reports.
//!
//! 1. Layout.

use super::Flaw;
use crate::{Step, Verified, cache::Context, wire::WireError};

/// The steps, in order.
pub const STEPS: &[Step] = &[Step { number: 1, text: "layout", source: "" }];

/// SKELETON: to be written.
pub(crate) fn verify(_bytes: &[u8], _context: &Context<'_>) -> Result<Verified, Flaw> {
    Err(WireError::Truncated { field: "snp", wanted: 1, left: 0 }.into())
}
