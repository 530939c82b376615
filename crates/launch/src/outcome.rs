//! What comes out of a run: events on the way, and the outcome at its end.

use std::collections::BTreeSet;

pub use casemate_attester::control::PartyResult;
use casemate_attester::control::Step;
use casemate_cose::{Digest, PublicKey};
use casemate_evidence::{Isolation, Lack};
use casemate_trust::Reason;

use crate::Libraries;

/// Something happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// The launcher signed evidence for the `count`-th time.
    EvidenceSigned {
        /// Statements signed so far.
        count: u32,
    },
    /// The keep is isolated, and was looked at from outside.
    Isolated {
        /// How, and what is lacking.
        report: Report,
    },
    /// The digests that evidence will state.
    Measured {
        /// Of the runtime binary.
        runtime: Digest,
        /// Of the program.
        program: Digest,
        /// Of the manifest.
        manifest: Digest,
    },
    /// The keep did a step.
    Step {
        /// Which.
        step: Step,
        /// With whose broker.
        owner: Option<String>,
    },
}

/// How a keep is isolated, as its evidence states it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// The kind of isolation.
    pub isolation: Isolation,
    /// What it promises and this machine did not give.
    pub lacks: BTreeSet<Lack>,
    /// Bytes of secret memory that the keep has: for keys, stacks, its heap and the memories of programs.
    pub secret_bytes: u64,
    /// Digest of the runtime binary.
    pub runtime: Digest,
    /// The host's libraries that run within it.
    pub libraries: Libraries,
    /// Digest of the program.
    pub program: Digest,
    /// Digest of the manifest.
    pub manifest: Digest,
    /// Whose signature the evidence carries.
    pub launcher: PublicKey,
}

/// How a run ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// A result left the keep.
    Done {
        /// One age file for each recipient.
        results: Vec<PartyResult>,
        /// Everything that verifies the run offline.
        bundle: Vec<u8>,
        /// How the keep was isolated.
        report: Report,
        /// The most bytes of ordinary memory that it says it used at once because its secret memory was full.
        ordinary_bytes: u64,
    },
    /// Nothing left the keep.
    Refused {
        /// The owner whose broker refused; `None` when the keep itself did.
        owner: Option<String>,
        /// Every reason.
        reasons: Vec<Reason>,
        /// How the keep was isolated.
        report: Report,
    },
}
