//! How many rights to publish one key may have of the owner.

use std::{collections::BTreeMap, ops::Range};

use super::DomainError;
use crate::{
    proof::RIGHTS_MAX,
    statement::{Purpose, Sentence, Statement, Subject, Topic},
};

/// Refuses what the prover would not look at: more rights within limits about one topic than it does of one key, whenever they begin and
/// end. Each statement comes with its place in the text.
pub(super) fn check<'s>(
    statements: impl Iterator<Item = (&'s Statement, Option<Range<usize>>)>,
) -> Result<(), DomainError> {
    let mut rights: BTreeMap<(&Subject, Topic), usize> = BTreeMap::new();
    for (statement, span) in statements {
        if let Sentence::Trusted { subject, purpose: Purpose::Publishing { topic, limits: Some(_), .. } } =
            &statement.sentence
        {
            let count = rights.entry((subject, *topic)).or_default();
            *count = count.saturating_add(1);
            if *count > RIGHTS_MAX {
                let what = format!(
                    "`{}` gives {subject} one more right within limits to publish {topic} than the {RIGHTS_MAX} that are looked at",
                    statement.label.escape_debug()
                );
                let remedy = "put limits of several entries into one, or remove some".to_owned();
                return Err(DomainError::Never { what, remedy, span });
            }
        }
    }
    Ok(())
}
