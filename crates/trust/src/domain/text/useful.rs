//! Entries that can never count, each an error: whoever wrote them meant something that isn't so.
//!
//! What others may publish can't be known here: where a key may publish measurements, a platform without a runtime may count.

use std::collections::{BTreeMap, BTreeSet};

use casemate_cose::{Digest, UnixTime};

use super::{Demanded, Draft, Placed, require::REGION};
use crate::{
    component::{beside, registry},
    domain::{DomainError, check::launcher_without_process},
    printable::quoted,
    proof::Things,
    statement::{Demand, Identities, Kind, Limits, PlatformRule, Purpose, Release, Sentence, Subject, Topic, Value},
};

pub(super) fn check(draft: &Draft, sequence: u64) -> Result<(), DomainError> {
    let useful = Useful::of(draft);
    for placed in &draft.said {
        match &placed.statement.sentence {
            Sentence::Trusted { subject: Subject::Key(_), purpose: Purpose::Attestation(_) }
                if placed.word == "launcher" =>
            {
                useful.launcher(placed)?;
            }
            Sentence::Trusted { subject: Subject::Measurement(measurement), purpose: Purpose::Execution(release) } => {
                useful.runtime(placed, measurement.kind)?;
                useful.above_floor(placed, release.as_ref())?;
            }
            Sentence::Trusted { subject: Subject::Program(_), purpose: Purpose::Execution(release) } => {
                useful.above_floor(placed, release.as_ref())?;
            }
            Sentence::Trusted { subject: Subject::Platform(rule), .. } => {
                let demanded = draft.demanded.get(&placed.head.start).filter(|_| placed.word != "statement");
                useful.platform(placed, rule, demanded.map_or(&[], Vec::as_slice))?;
            }
            Sentence::HasProperty { subject, name, value } => useful.property(placed, subject, name, value)?,
            // Floors of a domain that replaced others stay, also where nothing of their line is left.
            Sentence::Floor(release) if sequence == 0 => useful.floor(placed, release)?,
            Sentence::Revokes(digest) => {
                if let Some(revoked) = useful.digests.get(digest) {
                    revocation(placed, revoked)?;
                }
            }
            _ => {}
        }
    }
    let distrusted = draft.said.iter().filter_map(|placed| match &placed.statement.sentence {
        Sentence::Distrusts(subject) => Some((subject, placed)),
        _ => None,
    });
    let gone = Things::of(distrusted);
    for revoked in draft.said.iter().filter(|_| !gone.is_empty()) {
        if let Some(placed) = gone.concern_trust(&revoked.statement, &mut 0) {
            revocation(placed, revoked)?;
        }
    }
    Ok(())
}

/// A revocation, and what it revokes of this very domain: only what begins before it ever counts.
fn revocation(placed: &Placed, revoked: &Placed) -> Result<(), DomainError> {
    if placed.statement.validity.not_before > revoked.statement.validity.not_before {
        return Ok(());
    }
    let label = revoked.statement.label.escape_debug();
    Err(DomainError::Contradiction {
        what: format!("it revokes `{label}`, which this very domain says"),
        remedy: format!("remove `{label}` and this entry"),
        span: Some(placed.mark.clone()),
    })
}

/// What of the whole file decides whether an entry can count.
struct Useful<'d> {
    /// About what keys may publish, and within which limits.
    topics: BTreeMap<Topic, Vec<Option<&'d Limits>>>,
    /// The kinds of which a runtime has registers.
    runtimes: BTreeSet<Kind>,
    platforms: BTreeSet<Kind>,
    lines: BTreeSet<&'d str>,
    /// By name: what some piece of hardware or some key has.
    properties: BTreeMap<&'d str, Properties<'d>>,
    /// By line: when floors begin, and the highest of those that have begun by then.
    floors: BTreeMap<&'d str, BTreeMap<UnixTime, u64>>,
    has_attesters: bool,
    /// By what has a property, and the property's name: the first value that is said.
    said: BTreeMap<(&'d Subject, &'d str), (&'d Value, &'d Placed)>,
    /// By digest: the owner's statements.
    digests: BTreeMap<Digest, &'d Placed>,
}

impl<'d> Useful<'d> {
    fn of(draft: &'d Draft) -> Self {
        let mut useful = Self {
            topics: BTreeMap::new(),
            runtimes: BTreeSet::new(),
            platforms: BTreeSet::new(),
            lines: BTreeSet::new(),
            properties: BTreeMap::new(),
            floors: BTreeMap::new(),
            has_attesters: false,
            said: BTreeMap::new(),
            digests: BTreeMap::new(),
        };
        for placed in &draft.said {
            useful.digests.insert(placed.statement.digest(), placed);
            match &placed.statement.sentence {
                Sentence::Trusted { subject, purpose } => useful.trusted(subject, purpose),
                Sentence::HasProperty { subject, name, value } => {
                    useful.properties.entry(name).or_default().add(subject, value);
                    useful.said.entry((subject, name)).or_insert((value, placed));
                }
                Sentence::Floor(release) => {
                    let floors = useful.floors.entry(&release.line).or_default();
                    let floor = floors.entry(placed.statement.validity.not_before).or_default();
                    *floor = release.version.max(*floor);
                }
                _ => {}
            }
        }
        for floors in useful.floors.values_mut() {
            let mut highest = 0;
            for floor in floors.values_mut() {
                highest = highest.max(*floor);
                *floor = highest;
            }
        }
        useful
    }

    fn trusted(&mut self, subject: &'d Subject, purpose: &'d Purpose) {
        match (subject, purpose) {
            (Subject::Measurement(measurement), _) => _ = self.runtimes.insert(measurement.kind),
            (Subject::Platform(rule), _) => _ = self.platforms.insert(rule.kind),
            _ => {}
        }
        match purpose {
            Purpose::Publishing { topic, limits, .. } => {
                self.topics.entry(*topic).or_default().push(limits.as_deref());
            }
            Purpose::Execution(Some(release)) => _ = self.lines.insert(&release.line),
            Purpose::Attestation(_) => self.has_attesters = true,
            _ => {}
        }
    }

    /// Whether somebody may publish about a topic what `admits` asks of the limits.
    fn may_publish(&self, topic: Topic, admits: impl Fn(&Limits) -> bool) -> bool {
        self.topics.get(&topic).into_iter().flatten().any(|limits| limits.is_none_or(&admits))
    }

    fn may_publish_of(&self, topic: Topic, kind: Kind) -> bool {
        self.may_publish(topic, |limits| limits.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind)))
    }

    fn launcher(&self, placed: &Placed) -> Result<(), DomainError> {
        if self.platforms.contains(&Kind::Software) || self.may_publish_of(Topic::Platforms, Kind::Software) {
            return Ok(());
        }
        Err(launcher_without_process(Some(placed.mark.clone())))
    }

    fn runtime(&self, placed: &Placed, kind: Kind) -> Result<(), DomainError> {
        if self.platforms.contains(&kind) || self.may_publish_of(Topic::Platforms, kind) {
            return Ok(());
        }
        let (what, remedy) = if kind == Kind::Software {
            let what = "a runtime for isolation `process` counts only with a table `[process]`, and there is none";
            (what.to_owned(), "add `[process]`, or remove the runtime's `digest`".to_owned())
        } else {
            let what = format!("the runtime has registers of {kind}, and no `[[platform]]` of that kind is accepted");
            (what, format!("add a `[[platform]]` with kind = \"{kind}\", or remove the runtime's `{kind}`"))
        };
        Err(never(what, remedy, placed))
    }

    fn platform(&self, placed: &Placed, rule: &PlatformRule, demanded: &[Demanded]) -> Result<(), DomainError> {
        let kind = rule.kind;
        for demand in &rule.demands {
            if let Some(other) = beside::kind_of(&demand.property)
                && !self.platforms.contains(&other)
                && !self.may_publish_of(Topic::Platforms, other)
            {
                let what = format!("`with` asks for a {other} as well, and no `[[platform]]` of that kind is accepted");
                let remedy = format!("add a `[[platform]]` with kind = \"{other}\", or remove it from `with`");
                let place = demanded.iter().find(|own| own.property == demand.property).map(|own| own.place.clone());
                let span = Some(place.unwrap_or_else(|| placed.mark.clone()));
                return Err(DomainError::Never { what, remedy, span });
            }
            let place = demanded.iter().find(|own| own.property == demand.property).map(|own| own.place.clone());
            self.demand(rule, demand).map_err(|(what, remedy)| {
                let span = Some(place.unwrap_or_else(|| placed.mark.clone()));
                DomainError::Never { what, remedy: remedy.to_owned(), span }
            })?;
        }
        if kind == Kind::Software {
            return Ok(());
        }
        if !self.runtimes.contains(&kind) && !self.may_publish_of(Topic::Measurements, kind) {
            let what = format!("no `[[runtime]]` has registers of {kind}: whatever runs there is refused");
            let remedy = format!("add `{kind} = {{ … }}` to a `[[runtime]]`, or remove the platform");
            return Err(never(what, remedy, placed));
        }
        if !self.has_attesters && !self.may_publish_of(Topic::Keys, kind) {
            let what = format!("nobody is believed about what is genuine {kind}");
            return Err(never(what, "name `attesters`: keys, or a vendor".to_owned(), placed));
        }
        Ok(())
    }

    /// A property that the evidence of a kind doesn't have has to be said of something that can meet the rule.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    fn demand(&self, rule: &PlatformRule, demand: &Demand) -> Result<(), (String, &'static str)> {
        let is_lent = |limits: &Limits| {
            limits.properties.as_ref().is_none_or(|names| names.contains(&demand.property))
                && limits.kinds.as_ref().is_none_or(|kinds| kinds.contains(&rule.kind))
        };
        if registry::property(rule.kind, &demand.property).is_some() || self.may_publish(Topic::Properties, is_lent) {
            return Ok(());
        }
        let said = self.properties.get(demand.property.as_str());
        if said.is_some_and(|said| said.meets(rule, demand)) {
            return Ok(());
        }
        let what = format!("nobody says that any of these has the `{}` that is demanded", demand.property);
        let remedy = if demand.property == REGION {
            "add a `[[region]]` with their `chips` or `hosts`, or remove the demand"
        } else {
            "add a `[[property]]` with their `chips` or `hosts`, or remove the demand"
        };
        Err((what, remedy))
    }

    /// A chip or host that stands in two places at once stands nowhere.
    fn property(&self, placed: &Placed, subject: &Subject, name: &str, value: &Value) -> Result<(), DomainError> {
        let Some((other, first)) = self.said.get(&(subject, name)).filter(|(other, _)| *other != value) else {
            return Ok(());
        };
        let (one, another) = (placed.statement.validity, first.statement.validity);
        if one.not_before > another.not_after || another.not_before > one.not_after {
            return Ok(());
        }
        Err(DomainError::Contradiction {
            what: format!("{subject} has the `{name}` {value} here, and {other} in {}", quoted(&first.statement.label)),
            remedy: "remove it from one of the two".to_owned(),
            span: Some(placed.mark.clone()),
        })
    }

    fn floor(&self, placed: &Placed, release: &Release) -> Result<(), DomainError> {
        let of_line = |limits: &Limits| limits.releases.as_ref().is_none_or(|lines| lines.contains(&release.line));
        let published = self.may_publish(Topic::Measurements, of_line) || self.may_publish(Topic::Programs, of_line);
        if published || self.lines.contains(release.line.as_str()) {
            return Ok(());
        }
        let what = format!("no runtime or program is of the release `{}`", release.line.escape_debug());
        Err(never(what, "write the `release` as its `[[runtime]]` does, or remove the floor".to_owned(), placed))
    }

    /// A floor never ends, so that what is below one when it begins never counts.
    fn above_floor(&self, placed: &Placed, release: Option<&Release>) -> Result<(), DomainError> {
        let Some(release) = release else { return Ok(()) };
        let begun =
            self.floors.get(release.line.as_str()).map(|floors| floors.range(..=placed.statement.validity.not_before));
        let floor = begun.and_then(|mut floors| floors.next_back()).map(|(_, floor)| *floor);
        let Some(floor) = floor.filter(|floor| *floor > release.version) else { return Ok(()) };
        let (version, line) = (release.version, release.line.escape_debug());
        let what = format!("version {version} of `{line}` is below the floor of this very domain, {floor}");
        Err(never(what, "remove it, or lower the floor".to_owned(), placed))
    }
}

/// Who or what has one property, and with which values.
#[derive(Default)]
struct Properties<'d> {
    of_chips: BTreeMap<(Kind, &'d [u8]), Vec<&'d Value>>,
    of_kinds: BTreeSet<(Kind, &'d Value)>,
    of_keys: BTreeSet<&'d Value>,
}

impl<'d> Properties<'d> {
    fn add(&mut self, subject: &'d Subject, value: &'d Value) {
        match subject {
            Subject::Hardware(kind, chip) => {
                self.of_chips.entry((*kind, chip)).or_default().push(value);
                self.of_kinds.insert((*kind, value));
            }
            Subject::Key(_) => _ = self.of_keys.insert(value),
            _ => {}
        }
    }

    /// Whether something has it that can meet the rule: a chip that it lists, or any key, which may be an attester's.
    fn meets(&self, rule: &PlatformRule, demand: &Demand) -> bool {
        let is_met = |value: &Value| demand.test.is_met_by(value);
        let by_chips = match &rule.identities {
            Identities::Listed(chips) => chips.iter().any(|chip| {
                self.of_chips
                    .get(&(rule.kind, chip.as_slice()))
                    .is_some_and(|values| values.iter().any(|value| is_met(value)))
            }),
            Identities::AnyGenuineChip => self.of_kinds.iter().any(|(kind, value)| *kind == rule.kind && is_met(value)),
        };
        by_chips || self.of_keys.iter().any(|value| is_met(value))
    }
}

fn never(what: String, remedy: String, placed: &Placed) -> DomainError {
    DomainError::Never { what, remedy, span: Some(placed.mark.clone()) }
}
