//! What changed from one domain to another, statement by statement.

use std::{collections::BTreeMap, fmt};

use casemate_cose::Digest;

use super::Domain;
use crate::{
    printable::{called, quoted},
    statement::{Names, Said, Sentence, Speaker, Statement},
};

/// One difference between two domains.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// The new domain says it, the old one did not.
    Added {
        /// The statement, in plain words.
        what: String,
        /// Its digest.
        statement: Digest,
    },
    /// What is said under this name by the same speaker is something else, or at another time.
    Changed {
        /// What the old domain says.
        old: String,
        /// What the new domain says.
        new: String,
    },
    /// The domains are of different owners.
    Owner {
        /// The old owner.
        old: String,
        /// The new owner.
        new: String,
    },
    /// The same is said under another name.
    Relabelled {
        /// The old name.
        old: String,
        /// The new name.
        new: String,
        /// What is said, in plain words.
        what: String,
    },
    /// The old domain said it, the new one does not.
    Removed {
        /// The statement, in plain words.
        what: String,
        /// Its digest.
        statement: Digest,
    },
    /// The sequence number differs.
    Sequence {
        /// The old number.
        old: u64,
        /// The new number.
        new: u64,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { what, .. } => write!(f, "added: {what}"),
            Self::Changed { old, new } => write!(f, "changed: {old}; now: {new}"),
            Self::Owner { old, new } => {
                write!(f, "the owner was `{}`, is `{}`", old.escape_debug(), new.escape_debug())
            }
            Self::Relabelled { old, new, what } => {
                write!(f, "{} is now called {}: {what}", quoted(old), quoted(new))
            }
            Self::Removed { what, .. } => write!(f, "removed: {what}"),
            Self::Sequence { old, new } => write!(f, "the sequence number was {old}, is {new}"),
        }
    }
}

impl Domain {
    /// What changed from this domain to `new`: nothing where both say the same. The same two domains give the same list.
    #[must_use]
    pub fn diff(&self, new: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.owner() != new.owner() {
            changes.push(Change::Owner { old: self.owner().to_owned(), new: new.owner().to_owned() });
        }
        if self.sequence() != new.sequence() {
            changes.push(Change::Sequence { old: self.sequence(), new: new.sequence() });
        }
        let gone = |from: &Self, to: &Self| -> Vec<Said> {
            from.statements()
                .said()
                .iter()
                .filter(|said| to.statements().find(said.digest()).is_none())
                .cloned()
                .collect()
        };
        let (removed, added) = (gone(self, new), gone(new, self));
        let names = Names::of(self.own().chain(new.own()).map(Said::statement));
        let (removed, added) = pair(removed, added, same_said, |old, new| {
            let (old, new, what) = (old.statement().label.clone(), new.statement().label.clone(), words(new, &names));
            changes.push(Change::Relabelled { old, new, what });
        });
        let (removed, added) = pair(removed, added, same_name, |old, new| {
            changes.push(Change::Changed { old: words(old, &names), new: words(new, &names) });
        });
        let entry = |said: &Said| (words(said, &names), said.digest());
        changes.extend(removed.iter().map(entry).map(|(what, statement)| Change::Removed { what, statement }));
        changes.extend(added.iter().map(entry).map(|(what, statement)| Change::Added { what, statement }));
        changes
    }
}

fn words(said: &Said, names: &Names) -> String {
    let Statement { label, sentence, .. } = said.statement();
    let validity = said.statement().counts();
    match said.speaker() {
        Speaker::Root => format!("{}: {}{validity}", quoted(label), names.sentence(sentence)),
        Speaker::Key(key) => {
            format!("{}, signed by key {}: {}{validity}", called(label), key.short(), names.sentence(sentence))
        }
    }
}

/// Two statements of one key say the same of the same time.
fn same_said(said: &Said) -> Vec<u8> {
    casemate_cose::encode(&(speaker(said), &said.statement().sentence, said.statement().validity))
}

/// Two statements of one key have the same name and are of one form.
fn same_name(said: &Said) -> Vec<u8> {
    let (subject, purpose) = match &said.statement().sentence {
        Sentence::Trusted { subject, purpose } => (subject.kind(), purpose.kind()),
        Sentence::Floor(_) => ("floor", ""),
        Sentence::HasProperty { .. } => ("property", ""),
        Sentence::Distrusts(_) | Sentence::Revokes(_) => ("revocation", ""),
        Sentence::SpeaksFor { .. } => ("speaks", ""),
        _ => ("other", ""),
    };
    casemate_cose::encode(&(speaker(said), &said.statement().label, subject, purpose))
}

fn speaker(said: &Said) -> Option<Digest> {
    match said.speaker() {
        Speaker::Root => None,
        Speaker::Key(key) => Some(key),
    }
}

/// Takes out the pairs of one removed and one added statement that alone have the same `key`.
fn pair(
    removed: Vec<Said>,
    added: Vec<Said>,
    key: impl Fn(&Said) -> Vec<u8>,
    mut found: impl FnMut(&Said, &Said),
) -> (Vec<Said>, Vec<Said>) {
    let mut by_key: BTreeMap<Vec<u8>, (Vec<Said>, Vec<Said>)> = BTreeMap::new();
    for said in removed {
        by_key.entry(key(&said)).or_default().0.push(said);
    }
    for said in added {
        by_key.entry(key(&said)).or_default().1.push(said);
    }
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    for (old, new) in by_key.into_values() {
        match (old.as_slice(), new.as_slice()) {
            ([old], [new]) => found(old, new),
            _ => {
                removed.extend(old);
                added.extend(new);
            }
        }
    }
    (removed, added)
}
