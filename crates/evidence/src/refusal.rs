//! Why evidence was refused: data that says which rule, what was expected, what was found, and what to do.

use casemate_cose::{CborError, Digest};
use thiserror::Error;

use crate::software::Flaw;

/// Why evidence was refused. Exhaustive, so that a new reason breaks every consumer at compile time.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Refusal {
    /// The evidence was made for something else: another nonce, session, key, role, or a replay.
    /// Fault: whoever sent it. Remedy: ask for evidence over this session's challenge.
    #[error("the evidence is bound to something else than this session")]
    Binding {
        /// The report data that this session's binding gives.
        expected: Box<[u8; 64]>,
        /// The report data in the evidence.
        actual: Box<[u8; 64]>,
    },
    /// The keep can be looked into by design.
    /// Fault: whoever launched it. Remedy: launch it without debug mode.
    #[error("the keep runs in debug mode")]
    Debug,
    /// The bytes are not a frame `[format, bytes]`.
    /// Fault: whoever wrote the file. Remedy: get it again.
    #[error("the evidence is no frame of a format and its bytes: {0}")]
    Frame(CborError),
    /// The keep runs under another manifest than the verifier derived.
    /// Fault: whoever launched it. Remedy: launch with the manifest that follows from contract, computation and run.
    #[error("the keep runs under manifest `{actual}`, expected `{expected}`")]
    Manifest {
        /// The digest of the manifest that the verifier expects.
        expected: Digest,
        /// The digest of the manifest that the evidence states.
        actual: Digest,
    },
    /// `software` evidence was refused.
    #[error(transparent)]
    Software(#[from] Flaw),
    /// The evidence is longer than anything this format needs.
    /// Fault: whoever sent it. Remedy: none; honest evidence is shorter.
    #[error("{actual} bytes of evidence where at most {max} are read")]
    TooLong {
        /// Bytes received.
        actual: usize,
        /// Bytes read at most.
        max: usize,
    },
    /// The frame names a format that this version does not know.
    /// Fault: nobody's. Remedy: update Casemate, or use an isolation that both sides know.
    #[error("unknown evidence format `{}`", .0.escape_default())]
    UnknownFormat(String),
}

impl Refusal {
    /// The rule that was broken, a stable name.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Binding { .. } => "evidence-binding",
            Self::Debug => "evidence-debug",
            Self::Frame(_) => "evidence-frame",
            Self::Manifest { .. } => "evidence-manifest",
            Self::Software(flaw) => flaw.rule(),
            Self::TooLong { .. } => "evidence-size",
            Self::UnknownFormat(_) => "evidence-format",
        }
    }

    /// What would have been accepted.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Binding { expected, .. } => format!("report data {}", hex::encode(expected.as_slice())),
            Self::Debug => "a keep without debug mode".to_owned(),
            Self::Frame(_) => "a frame of format and bytes in deterministic CBOR".to_owned(),
            Self::Manifest { expected, .. } => format!("manifest {expected}"),
            Self::Software(flaw) => flaw.expected(),
            Self::TooLong { max, .. } => format!("at most {max} bytes"),
            Self::UnknownFormat(_) => "format `software`".to_owned(),
        }
    }

    /// What was found.
    #[must_use]
    pub fn actual(&self) -> String {
        match self {
            Self::Binding { actual, .. } => format!("report data {}", hex::encode(actual.as_slice())),
            Self::Debug => "a keep in debug mode".to_owned(),
            Self::Frame(error) => error.to_string(),
            Self::Manifest { actual, .. } => format!("manifest {actual}"),
            Self::Software(flaw) => flaw.actual(),
            Self::TooLong { actual, .. } => format!("{actual} bytes"),
            Self::UnknownFormat(format) => format!("format `{}`", format.escape_default()),
        }
    }

    /// Whose move it is, and what to do.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Binding { .. } => "ask for new evidence over this session's challenge; if that is what was sent, \
                                     something between the two ends relays or replays"
                .to_owned(),
            Self::Debug => "launch the keep without debug mode".to_owned(),
            Self::Frame(_) => "get the evidence again from where it was made".to_owned(),
            Self::Manifest { .. } => {
                "launch the keep with the manifest that follows from contract, computation and run".to_owned()
            }
            Self::Software(flaw) => flaw.remedy(),
            Self::TooLong { .. } => "none: honest evidence is shorter".to_owned(),
            Self::UnknownFormat(_) => "update Casemate, or use an isolation that both sides know".to_owned(),
        }
    }
}
