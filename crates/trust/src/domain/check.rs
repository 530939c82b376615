//! What no domain can say, whether it was read from text or not.

use std::ops::Range;

use casemate_cose::Digest;

use super::{DomainError, check_name};
use crate::statement::{Sentence, Statement, StatementError, Subject};

/// The highest sequence number: that of TOML's whole numbers.
const SEQUENCE_MAX: u64 = i64::MAX.unsigned_abs();

pub(super) fn sequence(actual: u64) -> Result<(), DomainError> {
    if actual <= SEQUENCE_MAX {
        return Ok(());
    }
    let (word, expected) = ("sequence".to_owned(), format!("a number of at most {SEQUENCE_MAX}"));
    Err(DomainError::Value { word, expected, actual: actual.to_string(), span: None })
}

/// A statement of the owner's has a name, and says something that can be said.
pub(super) fn statement(statement: &Statement) -> Result<(), DomainError> {
    check_name(&statement.label)?;
    let hearsay = || match statement.sentence {
        Sentence::Says { .. } => Err(StatementError::Hearsay),
        _ => Ok(()),
    };
    statement.check().and_then(|()| hearsay()).map_err(|error| DomainError::Statement {
        label: statement.label.clone(),
        why: error.to_string(),
        span: None,
    })
}

/// The keys that a statement is about: a domain may know these in full.
pub(super) fn keys_of(statement: &Statement) -> impl Iterator<Item = Digest> {
    let subjects = match &statement.sentence {
        Sentence::Distrusts(subject) | Sentence::HasProperty { subject, .. } | Sentence::Trusted { subject, .. } => {
            [Some(subject), None]
        }
        Sentence::SpeaksFor { speaker, principal } => [Some(speaker), Some(principal)],
        _ => [None, None],
    };
    subjects.into_iter().flatten().filter_map(|subject| match subject {
        Subject::Key(digest) => Some(*digest),
        _ => None,
    })
}

pub(super) fn launcher_without_process(span: Option<Range<usize>>) -> DomainError {
    DomainError::Never {
        what: "a launcher counts only with a table `[process]`, and there is none".to_owned(),
        remedy: "add `[process]`, or remove the launcher".to_owned(),
        span,
    }
}
