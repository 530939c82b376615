//! Obtains evidence inside a keep, and says what a machine can attest with.
//!
//! One file for each way: today the launcher's socket ([`software`]); the configuration file systems and devices of
//! hardware come beside it. [`control`] is the conversation on that socket, which launcher and keep share.

pub mod control;
pub mod probe;
pub mod software;

pub use probe::{Presence, Row};

use casemate_evidence::Evidence;
use thiserror::Error;

/// Why no evidence was obtained.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AttesterError {
    /// The launcher's socket failed or its message was not understood.
    #[error(transparent)]
    Control(#[from] control::ControlError),
    /// The launcher refused: it signs at most one statement for each broker of a run.
    #[error("the launcher signed no evidence: the run's statements are used up")]
    Exhausted,
    /// What the launcher sent is not evidence.
    #[error("what the launcher sent as evidence is not evidence")]
    NotEvidence,
    /// The launcher sent another message where evidence was due.
    #[error("the launcher sent another message where evidence was due")]
    OutOfTurn,
}

/// Something that makes evidence about the keep it is in.
#[expect(
    async_fn_in_trait,
    reason = "each keep has one attester, known at compile time; no caller needs `dyn` or `Send`"
)]
pub trait Attester {
    /// Evidence whose report data are exactly these 64 bytes.
    ///
    /// # Errors
    /// [`AttesterError`].
    async fn evidence(&self, report_data: [u8; 64]) -> Result<Evidence, AttesterError>;
}
