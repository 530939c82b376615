//! The registry of properties: its page in the documentation is the registry's, and each of its rows is a row of `casemate verify`
//! or a part of one, seen in evidence.

#![expect(clippy::disallowed_methods, reason = "tests read recorded evidence from files")]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are as free as tests"
)]

#[path = "../recorded/files.rs"]
mod files;
mod page;
mod seen;

use casemate_evidence::{AllowDebug, Authenticated, DangerouslyUnbound};

/// Recorded evidence: nobody here was asked, so that it is bound to nothing.
type Recorded = Authenticated<AllowDebug<DangerouslyUnbound>>;
