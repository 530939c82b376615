//! A domain that its policy key signed, for others to hold on to: it never goes back.
//!
//! ```text
//! COSE_Sign1 of kind `casemate/domain/1`; the payload is the compiled form
//! ```

use std::collections::{BTreeMap, BTreeSet};

use casemate_cose::{Digest, Kind, PublicKey, SigningKey, UnixTime, sign, verify};

use super::{Domain, DomainError};
use crate::{
    printable::quoted,
    proof::{ProofError, Standing},
    statement::{Release, Said, Sentence, Signed, Speaker, Subject},
};

/// What [`Domain::supersedes_dropping`] calls all signers of contracts.
pub const SIGNERS: &str = "signers";
/// What it calls all programs.
pub const PROGRAMS: &str = "programs";

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
    /// lowers no floor and drops nothing by which `old` refused.
    ///
    /// # Errors
    /// [`DomainError::Rollback`].
    pub fn supersedes(&self, old: &Self) -> Result<(), DomainError> {
        self.supersedes_dropping(old, &BTreeSet::new())
    }

    /// The same, where what is named may be dropped: [`SIGNERS`], [`PROGRAMS`], the digest of a statement, which `old` revoked or which
    /// was a delegate's floor or revocation, or the digest of a key or program that it revoked; of a measurement, the one that the error
    /// tells.
    ///
    /// # Errors
    /// [`DomainError::Rollback`].
    pub fn supersedes_dropping(&self, old: &Self, dropped: &BTreeSet<String>) -> Result<(), DomainError> {
        self.supersedes_as_signed(old)?;
        if self.digest() == old.digest() {
            return Ok(());
        }
        match self.missing(old)?.into_iter().find(|missing| !dropped.contains(&missing.name)) {
            Some(missing) => Err(DomainError::Rollback {
                what: missing.what,
                remedy: format!("leave it in, or say that it goes: --drop {}", missing.name),
            }),
            None => Ok(()),
        }
    }

    /// The same, where the owner's signature says that whatever can be dropped goes on purpose: the same again, or a later one of the same
    /// owner that lowers no floor.
    ///
    /// # Errors
    /// [`DomainError::Rollback`].
    pub fn supersedes_as_signed(&self, old: &Self) -> Result<(), DomainError> {
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

    /// By what `old` refused and this domain doesn't.
    fn missing(&self, old: &Self) -> Result<Vec<Missing>, DomainError> {
        let mut missing = Vec::new();
        let revoked: BTreeMap<Digest, UnixTime> = revocations(self).collect();
        for (digest, begins) in revocations(old) {
            if revoked.get(&digest).is_none_or(|now| *now > begins) {
                let what = format!("statement {} was revoked, and now is not, or only later", digest.short());
                missing.push(Missing { name: digest.to_string(), what });
            }
        }
        let gone: BTreeMap<&Subject, UnixTime> = things(self);
        for (subject, begins) in things(old) {
            if gone.get(subject).is_none_or(|now| *now > begins) {
                let what = format!("{subject} was revoked, and now is not, or only later");
                missing.push(Missing { name: thing(subject).to_string(), what });
            }
        }
        if old.names_signers().map_err(unsaid)? && !self.names_signers().map_err(unsaid)? {
            let what =
                "signers of contracts were named, and now there are none: anybody's signature would do".to_owned();
            missing.push(Missing { name: SIGNERS.to_owned(), what });
        }
        if old.names_programs() && !self.names_programs() {
            let what = "programs were named, and now there are none: any would do".to_owned();
            missing.push(Missing { name: PROGRAMS.to_owned(), what });
        }
        self.missing_of_others(old, &mut missing)?;
        Ok(missing)
    }

    /// By what others refused in `old`, as it counts in the end, once everything has begun, and nobody does here: revocations and floors
    /// that counted, and revocations by a key of what it says itself.
    fn missing_of_others(&self, old: &Self, missing: &mut Vec<Missing>) -> Result<(), DomainError> {
        if old.signed().iter().all(|signed| !is_refusal(signed.statement().sentence.unnested().1)) {
            return Ok(());
        }
        let end = |domain: &Self| Standing::of(&domain.statements, UnixTime(u64::MAX)).map_err(unsaid);
        let (then, now) = (end(old)?, end(self)?);
        let kept: BTreeSet<Digest> = now.refusals_of_others().map(Said::digest).collect();
        let refusing: BTreeSet<Digest> = then.refusals_of_others().map(Said::digest).collect();
        let (floors, revoked, gone) = (self.floors(), revocations(self).collect::<BTreeMap<_, _>>(), things(self));
        for signed in old.signed() {
            let (digest, begins) = (signed.digest(), signed.statement().validity.not_before);
            let is_there = self.statements().find(digest).is_some();
            let is_own = !is_there && self.is_revoked_by_its_speaker(signed);
            if !is_own && (!refusing.contains(&digest) || kept.contains(&digest)) {
                continue;
            }
            let begun = |at: Option<&UnixTime>| at.is_some_and(|at| *at <= begins);
            let (is_kept, said) = match signed.statement().sentence.unnested().1 {
                Sentence::Floor(Release { line, version }) => {
                    let own = floors.get(line.as_str()).and_then(|floors| floors.range(..=begins).next_back());
                    (own.is_some_and(|(_, own)| own >= version), format!("a floor, {version} for {},", quoted(line)))
                }
                Sentence::Revokes(target) => {
                    (begun(revoked.get(target)), format!("a revocation, of statement {},", target.short()))
                }
                Sentence::Distrusts(subject) => (begun(gone.get(subject)), format!("a revocation, of {subject},")),
                _ => continue,
            };
            if !is_kept {
                let fate = if is_there { "counts no more" } else { "is not there" };
                let what = format!("{said} that somebody else published {fate}");
                missing.push(Missing { name: digest.to_string(), what });
            }
        }
        Ok(())
    }

    /// Whether this domain has what a key took back by this: the statement, or, where the key took a thing back, anything that it says.
    fn is_revoked_by_its_speaker(&self, signed: &Signed) -> bool {
        let speaker = Speaker::Key(signed.speaker());
        match &signed.statement().sentence {
            Sentence::Revokes(target) => self.statements().find(*target).is_some_and(|said| said.speaker() == speaker),
            Sentence::Distrusts(_) => self.statements().said().iter().any(|said| said.speaker() == speaker),
            _ => false,
        }
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

/// Whether a sentence takes something away.
const fn is_refusal(sentence: &Sentence) -> bool {
    matches!(sentence, Sentence::Distrusts(_) | Sentence::Floor(_) | Sentence::Revokes(_))
}

fn unsaid(error: ProofError) -> DomainError {
    DomainError::Rollback { what: error.to_string(), remedy: "make the domain simpler".to_owned() }
}

/// Something by which a domain refused and the next one doesn't.
struct Missing {
    /// By which its owner says that it goes.
    name: String,
    what: String,
}

/// What the owner revokes, and from when on at the latest.
fn revocations(domain: &Domain) -> impl Iterator<Item = (Digest, UnixTime)> {
    let mut revoked: BTreeMap<Digest, UnixTime> = BTreeMap::new();
    for statement in domain.own().map(Said::statement) {
        if let Sentence::Revokes(digest) = statement.sentence {
            let begins = statement.validity.not_before;
            revoked.entry(digest).and_modify(|first| *first = begins.min(*first)).or_insert(begins);
        }
    }
    revoked.into_iter()
}

/// The keys, measurements and programs that the owner revokes, and from when on at the latest.
fn things(domain: &Domain) -> BTreeMap<&Subject, UnixTime> {
    let mut revoked: BTreeMap<&Subject, UnixTime> = BTreeMap::new();
    for statement in domain.own().map(Said::statement) {
        if let Sentence::Distrusts(subject) = &statement.sentence {
            let begins = statement.validity.not_before;
            revoked.entry(subject).and_modify(|first| *first = begins.min(*first)).or_insert(begins);
        }
    }
    revoked
}

/// The digest by which an owner says of which of them: a key's or program's own, or that of what is measured.
fn thing(subject: &Subject) -> Digest {
    match subject {
        Subject::Key(digest) | Subject::Program(digest) => *digest,
        _ => Digest::of(&casemate_cose::encode(subject)),
    }
}

fn each((line, floors): (&str, BTreeMap<UnixTime, u64>)) -> impl Iterator<Item = (&str, UnixTime, u64)> {
    floors.into_iter().map(move |(begins, version)| (line, begins, version))
}
