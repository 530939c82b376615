//! Attestation results and SVIDs of real verdicts: what software that knows nothing of Casemate makes of them.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are as free as tests; nginx, curl and openssl are other processes, with files and a clock"
)]

mod admitted;
#[path = "../recorded/files.rs"]
mod files;
mod handshake;
mod jwt;
mod key_bound;
mod mtls;
mod named;
mod openssl;
mod read;
mod recorded;
mod told;
mod x509;

use casemate_evidence::{AllowDebug, Authenticated, DangerouslyUnbound};

/// Recorded evidence: nobody here was asked, so that it is bound to nothing.
type Recorded = Authenticated<AllowDebug<DangerouslyUnbound>>;
