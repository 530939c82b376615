//! Things that are revoked: keys, measurements and programs, in whatever words somebody trusts them.
//!
//! - A key: what it says, what is said in its name, and every statement that it, or the domain of which it is the policy key, is trusted
//!   or speaks for anybody.
//! - A program: every statement that it is trusted.
//! - A measurement: every statement that trusts what meets it, which names these registers and maybe more. Who trusts the same in fewer
//!   words, of fewer registers, trusts more than what is revoked: such a statement stands, and does not do for evidence that meets what is
//!   revoked.

use std::collections::BTreeMap;

use casemate_cose::Digest;

use crate::statement::{Kind, Measurement, Said, Sentence, Speaker, Statement, Subject};

/// Measurements by a register's value.
type ByValue = BTreeMap<Vec<u8>, Vec<Measurement>>;

/// Things, and by what each is revoked.
#[derive(Clone, Debug)]
pub(crate) struct Things<T> {
    keys: BTreeMap<Digest, T>,
    programs: BTreeMap<Digest, T>,
    measurements: BTreeMap<Measurement, T>,
    /// By the register that the fewest others share: kind and name, then value.
    by_register: BTreeMap<Kind, BTreeMap<String, ByValue>>,
}

/// What runs is revoked, by the statement of this digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ran {
    /// The root's: nobody's trust in it counts.
    ByRoot(Digest),
    /// Of somebody who may publish revocations: the root's trust in it counts.
    ByOthers(Digest),
}

impl<T> Default for Things<T> {
    fn default() -> Self {
        let (keys, programs) = (BTreeMap::new(), BTreeMap::new());
        Self { keys, programs, measurements: BTreeMap::new(), by_register: BTreeMap::new() }
    }
}

impl<T: Copy> Things<T> {
    /// These things; of several that are the same, the first.
    pub(crate) fn of<'s>(things: impl IntoIterator<Item = (&'s Subject, T)>) -> Self {
        let mut all = Self::default();
        for (subject, by) in things {
            match subject {
                Subject::Key(digest) => _ = all.keys.entry(*digest).or_insert(by),
                Subject::Program(digest) => _ = all.programs.entry(*digest).or_insert(by),
                Subject::Measurement(measurement) => _ = all.measurements.entry(measurement.clone()).or_insert(by),
                _ => {}
            }
        }
        all.sort_out();
        all
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.programs.is_empty() && self.measurements.is_empty()
    }

    /// By what this very thing is revoked.
    pub(crate) fn find(&self, subject: &Subject) -> Option<T> {
        match subject {
            Subject::Domain(digest) | Subject::Key(digest) => self.keys.get(digest).copied(),
            Subject::Program(digest) => self.programs.get(digest).copied(),
            Subject::Measurement(measurement) => self.measurements.get(measurement).copied(),
            _ => None,
        }
    }

    /// By what a statement counts no more, since it trusts one of these, or one of these says it. Adds to `tests` how many measurements
    /// it was held against.
    pub(crate) fn concern(&self, said: &Said, tests: &mut u64) -> Option<T> {
        let (keys, _) = said.statement().sentence.unnested();
        let speaker = if let Speaker::Key(key) = said.speaker() { Some(key) } else { None };
        let by_speaker = speaker.into_iter().chain(keys).find_map(|key| self.keys.get(&key).copied());
        by_speaker.or_else(|| self.concern_trust(said.statement(), tests))
    }

    /// The same for a statement of the root's.
    pub(crate) fn concern_trust(&self, statement: &Statement, tests: &mut u64) -> Option<T> {
        match statement.sentence.unnested().1 {
            Sentence::Trusted { subject: Subject::Measurement(measurement), .. } => {
                let registers = measurement.registers.iter().map(|one| (one.name.as_str(), one.value.as_slice()));
                let within = |gone: &Measurement| {
                    gone.registers.iter().all(|register| measurement.registers.binary_search(register).is_ok())
                };
                self.first(measurement.kind, registers, within, tests)
            }
            Sentence::Trusted { subject, .. } | Sentence::SpeaksFor { speaker: subject, .. } => self.find(subject),
            _ => None,
        }
    }

    /// By what it is revoked to run this: registers ascending by name.
    pub(crate) fn run(&self, kind: Kind, registers: &[(String, Vec<u8>)]) -> Option<T> {
        let named = registers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        self.first(kind, named, |gone| gone.is_met_by(kind, registers), &mut 0)
    }

    /// The first measurement of those with one of these registers that is `gone`.
    fn first<'r>(
        &self,
        kind: Kind,
        registers: impl Iterator<Item = (&'r str, &'r [u8])>,
        is_gone: impl Fn(&Measurement) -> bool,
        tests: &mut u64,
    ) -> Option<T> {
        let of_kind = self.by_register.get(&kind)?;
        for gone in registers.filter_map(|(name, value)| of_kind.get(name)?.get(value)).flatten() {
            *tests = tests.saturating_add(1);
            if is_gone(gone) {
                return self.measurements.get(gone).copied();
            }
        }
        None
    }

    fn sort_out(&mut self) {
        let mut shared: BTreeMap<(Kind, &str, &[u8]), usize> = BTreeMap::new();
        for measurement in self.measurements.keys() {
            for register in &measurement.registers {
                let count = shared.entry((measurement.kind, &register.name, &register.value)).or_default();
                *count = count.saturating_add(1);
            }
        }
        for measurement in self.measurements.keys() {
            let kind = measurement.kind;
            let count = |name: &str, value: &[u8]| shared.get(&(kind, name, value)).copied();
            let rarest = measurement.registers.iter().min_by_key(|one| count(&one.name, &one.value));
            if let Some(register) = rarest {
                let values = self.by_register.entry(kind).or_default().entry(register.name.clone()).or_default();
                values.entry(register.value.clone()).or_default().push(measurement.clone());
            }
        }
    }
}

impl Ran {
    /// Whether trust in what runs counts no more: the root's, or anybody else's.
    pub(crate) const fn refuses(self, trust: TrustBy) -> bool {
        matches!((self, trust), (Self::ByRoot(_), _) | (_, TrustBy::Others))
    }

    /// The statement by which it is revoked.
    pub(crate) const fn by(self) -> Digest {
        match self {
            Self::ByRoot(digest) | Self::ByOthers(digest) => digest,
        }
    }
}

/// On whose word something is trusted.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum TrustBy {
    /// Somebody else's.
    Others,
    /// The root's alone.
    Root,
}

impl From<Speaker> for TrustBy {
    fn from(speaker: Speaker) -> Self {
        if speaker == Speaker::Root { Self::Root } else { Self::Others }
    }
}
