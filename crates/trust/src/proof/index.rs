//! Where to find a fact: by what an appraisal asks for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use casemate_cose::Digest;
use casemate_evidence::Vendor;

use super::{Fact, graph::Principal};
use crate::statement::{Identities, Kind, Measurement, Purpose, Sentence, Subject, Topic};

/// Facts by what they are about.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Keys and domains: the first fact for each purpose; of rights to publish, those that were settled.
    keys: BTreeMap<(Principal, Right), Vec<Held>>,
    measurements: BTreeMap<Kind, Measurements>,
    platforms: BTreeMap<Kind, Platforms>,
    /// Release by release.
    programs: BTreeMap<Digest, Vec<(Purpose, Fact)>>,
    properties: BTreeMap<Subject, Vec<Fact>>,
    vendors: BTreeMap<(Vendor, Option<Kind>), Fact>,
}

/// A purpose for which a key or domain is trusted.
#[derive(Clone, Debug)]
struct Held {
    fact: Fact,
    purpose: Arc<Purpose>,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Right {
    Attestation(Option<Kind>),
    Authentication,
    Contracts,
    KeyProvision,
    Publishing(Topic),
}

#[derive(Clone, Debug, Default)]
struct Measurements {
    /// Those trusted for execution.
    all: Vec<Fact>,
    /// Those trusted for attestation.
    attesting: Vec<Fact>,
    exact: BTreeMap<(Measurement, Purpose), Fact>,
    /// By the value of the register that the fewest others share.
    by_register: BTreeMap<String, BTreeMap<Vec<u8>, Vec<Fact>>>,
}

#[derive(Clone, Debug, Default)]
struct Platforms {
    all: Vec<Fact>,
    any: Vec<Fact>,
    listed: BTreeMap<Vec<u8>, Vec<Fact>>,
    rules: BTreeMap<Digest, Fact>,
}

impl Index {
    /// Adds a fact under what it says. Facts come in order; the first of several that say the same is kept.
    pub(super) fn add(&mut self, fact: Fact, sentence: &Sentence) {
        match sentence {
            Sentence::HasProperty { subject, .. } => {
                self.properties.entry(subject.clone()).or_default().push(fact);
            }
            Sentence::Trusted { subject, purpose } => self.add_trusted(fact, subject, purpose),
            _ => {}
        }
    }

    /// Adds a right to publish, which none that was added before covers. Limits are shared, and held against nothing.
    pub(super) fn add_right(&mut self, fact: Fact, holder: Principal, topic: Topic, purpose: Arc<Purpose>) {
        self.keys.entry((holder, Right::Publishing(topic))).or_default().push(Held { fact, purpose });
    }

    /// Once all facts are added: finds the register by which each measurement is looked for.
    pub(super) fn finish(&mut self) {
        for measurements in self.measurements.values_mut() {
            measurements.sort_out();
        }
    }

    pub(super) fn trusted(&self, subject: &Subject, purpose: &Purpose) -> Option<Fact> {
        match subject {
            Subject::Domain(_) | Subject::Key(_) => {
                let principal = Principal::of(subject)?;
                self.stated(principal, purpose).or_else(|| self.stated(principal, &wider(purpose)?))
            }
            Subject::Measurement(measurement) => {
                let exact = &self.measurements.get(&measurement.kind)?.exact;
                let from = (measurement.clone(), Purpose::Attestation(None));
                exact
                    .range(from..)
                    .take_while(|((other, _), _)| other == measurement)
                    .find(|((_, stated), _)| stated.covers(purpose))
                    .map(|(_, fact)| *fact)
            }
            Subject::Platform(rule) => {
                let rules = &self.platforms.get(&rule.kind)?.rules;
                rules
                    .get(&Digest::of(&casemate_cose::encode(rule)))
                    .copied()
                    .filter(|_| *purpose == Purpose::Execution(None))
            }
            Subject::Program(digest) => {
                self.programs.get(digest)?.iter().find(|(stated, _)| stated.covers(purpose)).map(|(_, fact)| *fact)
            }
            Subject::Vendor(vendor) => {
                let stated = |purpose: &Purpose| match purpose {
                    Purpose::Attestation(kind) => self.vendors.get(&(*vendor, *kind)).copied(),
                    _ => None,
                };
                stated(purpose).or_else(|| stated(&wider(purpose)?))
            }
            Subject::Environment(_) | Subject::Hardware(..) => None,
        }
    }

    /// That this key or domain is trusted for exactly this purpose; to publish, as deep at least and within its limits.
    pub(super) fn stated(&self, principal: Principal, purpose: &Purpose) -> Option<Fact> {
        let facts = self.keys.get(&(principal, right(purpose)?))?;
        facts.iter().find(|held| held.purpose.covers(purpose)).map(|held| held.fact)
    }

    /// Of which kinds some key or domain is trusted for attestation.
    pub(super) fn attestations(&self) -> BTreeSet<Option<Kind>> {
        let kind = |right: &Right| if let Right::Attestation(kind) = right { Some(*kind) } else { None };
        self.keys.keys().filter_map(|(_, right)| kind(right)).collect()
    }

    pub(super) fn platforms(&self, kind: Kind) -> impl Iterator<Item = Fact> {
        self.platforms.get(&kind).into_iter().flat_map(|platforms| &platforms.all).copied()
    }

    pub(super) fn platforms_for(&self, kind: Kind, identity: Option<&[u8]>) -> impl Iterator<Item = Fact> {
        let platforms = self.platforms.get(&kind);
        let hidden = platforms.filter(|_| identity.is_none()).map(|platforms| &platforms.all);
        let shown = platforms.zip(identity);
        let any = shown.map(|(platforms, _)| &platforms.any);
        let listed = shown.and_then(|(platforms, identity)| platforms.listed.get(identity));
        [hidden, any, listed].into_iter().flatten().flatten().copied()
    }

    /// Those that may be met: one of their registers has that value.
    pub(super) fn measurements(&self, kind: Kind, registers: &[(String, Vec<u8>)]) -> impl Iterator<Item = Fact> {
        let measurements = self.measurements.get(&kind);
        registers
            .iter()
            .filter_map(move |(name, value)| measurements?.by_register.get(name)?.get(value))
            .flatten()
            .copied()
    }

    pub(super) fn all_measurements(&self, kind: Kind) -> impl Iterator<Item = Fact> {
        self.measurements.get(&kind).into_iter().flat_map(|measurements| &measurements.all).copied()
    }

    /// Those that are trusted to say what is genuine.
    pub(super) fn attesting(&self, kind: Kind) -> impl Iterator<Item = Fact> {
        self.measurements.get(&kind).into_iter().flat_map(|measurements| &measurements.attesting).copied()
    }

    pub(super) fn properties(&self, subject: &Subject) -> impl Iterator<Item = Fact> {
        self.properties.get(subject).into_iter().flatten().copied()
    }

    fn add_trusted(&mut self, fact: Fact, subject: &Subject, purpose: &Purpose) {
        match subject {
            Subject::Domain(_) | Subject::Key(_) => {
                let Some(key) = Principal::of(subject).zip(right(purpose)) else { return };
                // Rights to publish are added once they are settled.
                if !matches!(purpose, Purpose::Publishing { .. }) {
                    let facts = self.keys.entry(key).or_default();
                    if !facts.iter().any(|held| held.purpose.covers(purpose)) {
                        facts.push(Held { fact, purpose: Arc::new(purpose.clone()) });
                    }
                }
            }
            Subject::Measurement(measurement) => {
                let measurements = self.measurements.entry(measurement.kind).or_default();
                match purpose {
                    Purpose::Attestation(_) => measurements.attesting.push(fact),
                    _ => measurements.all.push(fact),
                }
                measurements.exact.entry((measurement.clone(), purpose.clone())).or_insert(fact);
            }
            Subject::Platform(rule) => {
                let platforms = self.platforms.entry(rule.kind).or_default();
                platforms.all.push(fact);
                platforms.rules.entry(Digest::of(&casemate_cose::encode(rule))).or_insert(fact);
                match &rule.identities {
                    Identities::AnyGenuineChip => platforms.any.push(fact),
                    Identities::Listed(identities) => {
                        for identity in identities {
                            platforms.listed.entry(identity.to_vec()).or_default().push(fact);
                        }
                    }
                }
            }
            Subject::Program(digest) => self.programs.entry(*digest).or_default().push((purpose.clone(), fact)),
            Subject::Vendor(vendor) => {
                if let Purpose::Attestation(kind) = purpose {
                    self.vendors.entry((*vendor, *kind)).or_insert(fact);
                }
            }
            Subject::Environment(_) | Subject::Hardware(..) => {}
        }
    }
}

impl Measurements {
    fn sort_out(&mut self) {
        let mut shared: BTreeMap<(&str, &[u8]), usize> = BTreeMap::new();
        for (measurement, _) in self.exact.keys() {
            for register in &measurement.registers {
                let count = shared.entry((&register.name, &register.value)).or_default();
                *count = count.saturating_add(1);
            }
        }
        for ((measurement, purpose), fact) in &self.exact {
            if !matches!(purpose, Purpose::Execution(_)) {
                continue;
            }
            let rarest = measurement
                .registers
                .iter()
                .min_by_key(|register| shared.get(&(register.name.as_str(), register.value.as_slice())));
            if let Some(register) = rarest {
                let values = self.by_register.entry(register.name.clone()).or_default();
                values.entry(register.value.clone()).or_default().push(*fact);
            }
        }
    }
}

/// What covers this purpose and is looked for under its own name: attestation of any kind but a launcher's word.
fn wider(purpose: &Purpose) -> Option<Purpose> {
    let any = Purpose::Attestation(None);
    (*purpose != any && any.covers(purpose)).then_some(any)
}

const fn right(purpose: &Purpose) -> Option<Right> {
    match purpose {
        Purpose::Attestation(kind) => Some(Right::Attestation(*kind)),
        Purpose::Authentication => Some(Right::Authentication),
        Purpose::Contracts => Some(Right::Contracts),
        Purpose::Execution(_) => None,
        Purpose::KeyProvision => Some(Right::KeyProvision),
        Purpose::Publishing { topic, .. } => Some(Right::Publishing(*topic)),
    }
}
