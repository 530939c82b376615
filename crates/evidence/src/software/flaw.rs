//! Why `software` evidence was refused.

use casemate_cose::{CborError, Kind, PublicKey, UnixTime};
use thiserror::Error;

use super::{AT_DISTANCE_S_MAX, STATEMENT_VERSION};
use crate::Isolation;

/// Why `software` evidence was refused. Exhaustive, so that a new reason breaks every consumer at compile time.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Flaw {
    /// The statement is from the verifier's future.
    /// Fault: one of the two clocks. Remedy: set both by NTP.
    #[error("the evidence is dated `{actual}`, more than {AT_DISTANCE_S_MAX} s after `{at}`")]
    Future {
        /// The verifier's time.
        at: UnixTime,
        /// The statement's time.
        actual: UnixTime,
    },
    /// A launcher speaks for an isolation that it can't attest.
    /// Fault: the launcher. Remedy: that isolation's own evidence.
    #[error("a launcher can't attest isolation `{actual}`")]
    Isolation {
        /// The isolation that it claims.
        actual: Isolation,
    },
    /// The launcher signed this object as something else.
    /// Fault: whoever sent it. Remedy: ask for evidence.
    #[error("the object is a signed `{}`, not evidence", actual.as_str())]
    Kind {
        /// The kind that the signature covers.
        actual: Kind,
    },
    /// The lacks are not in ascending order, each once.
    /// Fault: the launcher. Remedy: update it.
    #[error("the lacks are not in ascending order, each once")]
    LacksOrder {
        /// The lacks as listed.
        actual: Vec<String>,
    },
    /// No endorsed launcher has this key.
    /// Fault: the host is not one that the verifier believes. Remedy: add its key, or run elsewhere.
    #[error("no endorsed launcher has key `{actual}`")]
    Launcher {
        /// The key that the evidence names.
        actual: PublicKey,
    },
    /// The signed payload is not a statement.
    /// Fault: the launcher. Remedy: update it.
    #[error("the statement is malformed: {0}")]
    Payload(CborError),
    /// The bytes are no COSE_Sign1 object as Casemate writes it.
    /// Fault: whoever sent it. Remedy: get it again.
    #[error("the evidence is malformed: {0}")]
    Shape(String),
    /// The signature does not verify.
    /// Fault: whoever sent it. Remedy: get it again from the launcher.
    #[error("the signature of launcher `{launcher}` does not verify")]
    Signature {
        /// The launcher that the evidence names.
        launcher: PublicKey,
    },
    /// The statement is too old.
    /// Fault: a replay, a slow link, or a clock. Remedy: ask for new evidence; set both clocks by NTP.
    #[error("the evidence is dated `{actual}`, more than {AT_DISTANCE_S_MAX} s before `{at}`")]
    Stale {
        /// The verifier's time.
        at: UnixTime,
        /// The statement's time.
        actual: UnixTime,
    },
    /// The statement names an isolation that this version does not know.
    /// Fault: nobody's. Remedy: update Casemate.
    #[error("unknown isolation `{}`", actual.escape_default())]
    UnknownIsolation {
        /// The name.
        actual: String,
    },
    /// The statement names a lack that this version does not know.
    /// Fault: nobody's. Remedy: update Casemate.
    #[error("unknown lack `{}`", actual.escape_default())]
    UnknownLack {
        /// The name.
        actual: String,
    },
    /// The statement has another version.
    /// Fault: nobody's. Remedy: update the older side.
    #[error("the statement has version {actual}, this Casemate reads version {STATEMENT_VERSION}")]
    Version {
        /// The version found.
        actual: u64,
    },
}

impl Flaw {
    /// The step that refused: its number at the head of `verify.rs`.
    #[must_use]
    pub const fn step(&self) -> u8 {
        match self {
            Self::Shape(_) => 2,
            Self::Launcher { .. } => 3,
            Self::Kind { .. } | Self::Signature { .. } => 4,
            Self::Version { .. } => 5,
            Self::Payload(_) => 6,
            Self::Future { .. } | Self::Stale { .. } => 7,
            Self::Isolation { .. }
            | Self::LacksOrder { .. }
            | Self::UnknownIsolation { .. }
            | Self::UnknownLack { .. } => 8,
        }
    }

    /// The rule that was broken, a stable name.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Future { .. } => "software-future",
            Self::Isolation { .. } => "software-isolation",
            Self::Kind { .. } => "software-kind",
            Self::LacksOrder { .. } => "software-lacks-order",
            Self::Launcher { .. } => "software-launcher",
            Self::Payload(_) => "software-payload",
            Self::Shape(_) => "software-shape",
            Self::Signature { .. } => "software-signature",
            Self::Stale { .. } => "software-stale",
            Self::UnknownIsolation { .. } => "software-isolation-name",
            Self::UnknownLack { .. } => "software-lack-name",
            Self::Version { .. } => "software-version",
        }
    }

    /// What would have been accepted.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Future { at, .. } => format!("a time until {}", at.plus_s(AT_DISTANCE_S_MAX)),
            Self::Isolation { .. } | Self::UnknownIsolation { .. } => "isolation `process`".to_owned(),
            Self::Kind { .. } => format!("a signed `{}`", Kind::Evidence.as_str()),
            Self::LacksOrder { .. } => "lacks in ascending order, each once".to_owned(),
            Self::Launcher { .. } => "the key of an endorsed launcher".to_owned(),
            Self::Payload(_) => "a statement in deterministic CBOR".to_owned(),
            Self::Shape(_) => "a COSE_Sign1 object as Casemate writes it".to_owned(),
            Self::Signature { launcher } => format!("a signature of {launcher}"),
            Self::Stale { at, .. } => format!("a time from {}", UnixTime(at.0.saturating_sub(AT_DISTANCE_S_MAX))),
            Self::UnknownLack { .. } => "names of lacks that this version knows".to_owned(),
            Self::Version { .. } => format!("version {STATEMENT_VERSION}"),
        }
    }

    /// What was found.
    #[must_use]
    pub fn actual(&self) -> String {
        match self {
            Self::Future { actual, .. } | Self::Stale { actual, .. } => actual.to_string(),
            Self::Isolation { actual } => format!("isolation `{actual}`"),
            Self::Kind { actual } => format!("a signed `{}`", actual.as_str()),
            Self::LacksOrder { actual } => actual.join(", "),
            Self::Launcher { actual } => actual.to_string(),
            Self::Payload(error) => error.to_string(),
            Self::Shape(error) => error.clone(),
            Self::Signature { .. } => "a signature that does not verify".to_owned(),
            Self::UnknownIsolation { actual } => format!("isolation `{}`", actual.escape_default()),
            Self::UnknownLack { actual } => format!("lack `{}`", actual.escape_default()),
            Self::Version { actual } => format!("version {actual}"),
        }
    }

    /// Whose move it is, and what to do.
    #[must_use]
    pub fn remedy(&self) -> String {
        let remedy = match self {
            Self::Future { .. } => "set both machines' clocks by NTP",
            Self::Isolation { .. } => "send that isolation's own evidence",
            Self::Kind { .. } => "ask the launcher for evidence",
            Self::LacksOrder { .. } | Self::Payload(_) => "update Casemate on the launcher's host",
            Self::Launcher { .. } => "run on a host that the domain names, or add this launcher's key to the domain",
            Self::Shape(_) | Self::Signature { .. } => "get the evidence again from the launcher",
            Self::Stale { .. } => "ask for new evidence; if it is new, set both machines' clocks by NTP",
            Self::UnknownIsolation { .. } | Self::UnknownLack { .. } => "update Casemate on the verifier's side",
            Self::Version { .. } => "update Casemate on the older side",
        };
        remedy.to_owned()
    }
}
