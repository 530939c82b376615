//! A domain that its policy key signed, for others to hold on to: it never goes back.
//!
//! ```text
//! COSE_Sign1 of kind `casemate/domain/1`; the payload is the compiled form
//! ```

use std::collections::BTreeMap;

use casemate_cose::{Kind, PublicKey, SigningKey, UnixTime, sign, verify};

use super::{Domain, DomainError};
use crate::statement::{Release, Said, Sentence};

impl Domain {
    /// The domain signed by its policy key.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        sign(Kind::Domain, &self.to_bytes(), key)
    }

    /// Reads a signed domain of the policy key `key`.
    ///
    /// # Errors
    /// [`DomainError`]: signed by another key, a signature that does not verify, or no domain.
    pub fn open(object: &[u8], key: &PublicKey) -> Result<Self, DomainError> {
        let verified =
            verify(Kind::Domain, object, key).map_err(|error| DomainError::Seal { why: error.to_string() })?;
        Self::from_bytes(verified.payload())
    }

    /// Whether this domain may take the place of `old`, which was in force: the same again, or a later one of the same owner that
    /// lowers no floor.
    ///
    /// # Errors
    /// [`DomainError::Rollback`].
    pub fn supersedes(&self, old: &Self) -> Result<(), DomainError> {
        let refuse = |what: String, remedy: &str| Err(DomainError::Rollback { what, remedy: remedy.to_owned() });
        if self.owner != old.owner {
            let what =
                format!("it is a domain of `{}`, not of `{}`", self.owner.escape_debug(), old.owner.escape_debug());
            return refuse(what, "ask its owner for the right one");
        }
        if self.digest() == old.digest() {
            return Ok(());
        }
        if self.sequence < old.sequence {
            let what = format!("its sequence number is {}, and {} was in force", self.sequence, old.sequence);
            return refuse(what, "use the latest domain");
        }
        if self.sequence == old.sequence {
            let what = format!("another domain with the same sequence number, {}, was in force", self.sequence);
            return refuse(what, "raise `sequence` under `[domain]` with each change");
        }
        let floors = self.floors();
        for (line, begins, version) in old.floors().into_iter().flat_map(each) {
            let now =
                floors.get(line).and_then(|floors| floors.range(..=begins).next_back()).map(|(_, version)| *version);
            if now.is_none_or(|now| now < version) {
                let now = now.map_or("there is none".to_owned(), |now| format!("it is {now}"));
                let what = format!("the floor of `{}` was {version}, and now {now}", line.escape_debug());
                return refuse(what, "floors only rise: leave the `[[floor]]` in");
            }
        }
        Ok(())
    }

    /// By line: when the owner's floors begin, and the highest of those that have begun by then.
    fn floors(&self) -> BTreeMap<&str, BTreeMap<UnixTime, u64>> {
        let mut lines: BTreeMap<&str, BTreeMap<UnixTime, u64>> = BTreeMap::new();
        for statement in self.own().map(Said::statement) {
            if let Sentence::Floor(Release { line, version }) = &statement.sentence {
                let floor = lines.entry(line).or_default().entry(statement.validity.not_before).or_default();
                *floor = (*version).max(*floor);
            }
        }
        for floors in lines.values_mut() {
            let mut highest = 0;
            for floor in floors.values_mut() {
                highest = highest.max(*floor);
                *floor = highest;
            }
        }
        lines
    }
}

fn each((line, floors): (&str, BTreeMap<UnixTime, u64>)) -> impl Iterator<Item = (&str, UnixTime, u64)> {
    floors.into_iter().map(move |(begins, version)| (line, begins, version))
}
