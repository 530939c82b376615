//! Rules for platforms against components: whether one is met and, of denied evidence, all that is not.

use std::collections::BTreeSet;

use casemate_cose::{Digest, UnixTime};
use casemate_evidence::Claims;
use minicbor::bytes::{ByteSlice, ByteVec};

use crate::{
    DenyReason, Domain,
    component::{Component, beside, registry},
    domain::Runtime,
    lapsed::{DELEGATION, Lapsed, lapsed, outside},
    lent::{LENT_TESTS_MAX, Lent},
    proof::{Effective, Fact, State},
    scripts,
    shown::is_fresh,
    statement::{
        Allowance, Demand, Identities, Kind, Measurement, Names, PlatformRule, Purpose, Release, Said, Sentence,
        Speaker, Statement, Subject, Test, Topic, Value,
    },
    verdict::Place,
};

/// What a denial is made from.
pub(crate) struct Asked<'a> {
    pub(crate) claims: &'a Claims,
    pub(crate) domain: &'a Domain,
    pub(crate) effective: &'a Effective,
    pub(crate) at: UnixTime,
}

/// The rule that a statement is about.
pub(crate) fn rule(said: &Said) -> Option<&PlatformRule> {
    match said.statement().sentence.unnested().1 {
        Sentence::Trusted { subject: Subject::Platform(rule), .. } => Some(rule),
        _ => None,
    }
}

/// The measurement that a statement is about.
pub(crate) fn measurement(said: &Said) -> Option<&Measurement> {
    match said.statement().sentence.unnested().1 {
        Sentence::Trusted { subject: Subject::Measurement(measurement), .. } => Some(measurement),
        _ => None,
    }
}

/// Whether a component meets a rule and, if so, on whose word besides its own.
pub(crate) fn meets(lent: &Lent<'_>, rule: &PlatformRule) -> Option<Vec<Fact>> {
    let component = lent.component;
    if rule.kind != component.kind || !is_identified(component, rule) || dangers(component, rule).next().is_some() {
        return None;
    }
    let mut properties = Vec::new();
    let mut own = component.ascending();
    for (place, demand) in rule.demands.iter().enumerate() {
        if let Some(value) = own.property(&demand.property) {
            if demand.test.is_met_by(value) {
                continue;
            }
            return None;
        }
        // Several demands of one name are looked at together.
        if is_first(rule, place) || component.property(&demand.property).is_some() {
            match found(lent, rule, demand) {
                Found::Own(value) if demand.test.is_met_by(value) => {}
                Found::Said(Some(fact)) => properties.push(fact),
                _ => return None,
            }
        }
    }
    Some(properties)
}

/// Everything that is not met, nearest miss first.
pub(crate) fn of(asked: &Asked<'_>, components: &[Component]) -> Vec<DenyReason> {
    let mut denials: Vec<DenyReason> = components.iter().flat_map(|component| of_component(asked, component)).collect();
    if !is_fresh(asked.claims.at, asked.at) {
        denials.push(DenyReason::Time { at: asked.at, actual: asked.claims.at });
    }
    // Sorting is stable: within one rank they stay in the order of components and of what a rule asks.
    denials.sort_by_key(DenyReason::distance);
    if denials.is_empty() {
        denials.push(DenyReason::Proof { why: "no rule was met, and none was found to lack anything".to_owned() });
    }
    denials
}

fn of_component(asked: &Asked<'_>, component: &Component) -> Vec<DenyReason> {
    let lent = Lent::new(component, asked.effective);
    let mut denials = platform(asked, &lent);
    if lent.is_exhausted() {
        let why = format!("more than {LENT_TESTS_MAX} values said of `{}` were held against demands", component.name);
        denials.push(DenyReason::Proof { why });
    }
    denials.extend(measured(asked, component));
    denials.extend(attester(asked, component));
    denials
}

fn attester(asked: &Asked<'_>, component: &Component) -> Vec<DenyReason> {
    let needed = Purpose::Attestation(Some(component.kind));
    if asked.effective.is_trusted(&component.attester, &needed).is_some() {
        return Vec::new();
    }
    let trusted = |sentence: &Sentence| match sentence {
        Sentence::Trusted { subject, purpose } => *subject == component.attester && purpose.covers(&needed),
        _ => false,
    };
    if let Some(lapsed) = first(lapsed(asked, Topic::Keys, trusted)) {
        return lapsed.reasons(asked, component, "attester");
    }
    if let Some(denial) = not_theirs(asked, component, ("attester", Topic::Keys), trusted) {
        return vec![denial];
    }
    vec![match asked.claims.software() {
        Some(own) => DenyReason::Launcher { actual: own.launcher, accepted: asked.domain.launchers() },
        None => DenyReason::Attester {
            component: component.name.clone(),
            kind: component.kind,
            actual: component.attester.clone(),
        },
    }]
}

/// What the nearest rule for platforms lacks; nothing if one is met.
fn platform(asked: &Asked<'_>, lent: &Lent<'_>) -> Vec<DenyReason> {
    let component = lent.component;
    let rules = || asked.effective.platform_rules(component.kind).filter_map(|(_, said)| Some((rule(said)?, said)));
    if rules().any(|(rule, _)| meets(lent, rule).is_some()) {
        return Vec::new();
    }
    // Of two that lack as much, the one that agrees with more; then the first, in the statements' own order.
    let of_kind = |sentence: &Sentence| matches!(sentence, Sentence::Trusted { subject: Subject::Platform(rule), .. } if rule.kind == component.kind);
    let lapsed = lapsed(asked, Topic::Platforms, of_kind);
    let standing = rules().map(|(rule, said)| Near { rule, said, lapsed: None });
    let lapsed = lapsed
        .iter()
        .filter_map(|lapsed| Some(Near { rule: rule(lapsed.said)?, said: lapsed.said, lapsed: Some(lapsed) }));
    let near = standing.chain(lapsed).min_by_key(|near| near.distance(lent));
    let would_do = |sentence: &Sentence| matches!(sentence, Sentence::Trusted { subject: Subject::Platform(rule), .. } if lacking(lent, rule) == 0);
    let is_near = near.as_ref().is_some_and(|near| near.distance(lent).0 == 0);
    if let Some(denial) = not_theirs(asked, component, ("platform", Topic::Platforms), would_do).filter(|_| !is_near) {
        return vec![denial];
    }
    let Some(near) = near else { return no_platform(asked, component) };
    let mut denials = of_rule(asked, lent, near.rule, near.said);
    denials.extend(near.lapsed.into_iter().flat_map(|lapsed| lapsed.reasons(asked, component, "platform")));
    denials
}

/// A rule that may be the nearest: one that counts, or one that would.
struct Near<'a> {
    rule: &'a PlatformRule,
    said: &'a Said,
    lapsed: Option<&'a Lapsed<'a>>,
}

impl Near<'_> {
    /// A rule that would do if it counted is nearer than one that counts and lacks something.
    fn distance(&self, lent: &Lent<'_>) -> (usize, bool, usize) {
        let (lacking, lapsed) = (lacking(lent, self.rule), self.lapsed.map_or(0, Lapsed::len));
        let is_near = lapsed > 0 && lacking == 0;
        (
            if is_near { 0 } else { lacking.saturating_add(lapsed) },
            !is_near && lapsed > 0,
            usize::MAX.saturating_sub(self.rule.demands.len()),
        )
    }
}

/// That somebody says what would do who may publish other things alone.
fn not_theirs<'a>(
    asked: &Asked<'a>,
    component: &Component,
    (what, topic): (&'static str, Topic),
    would_do: impl Fn(&'a Sentence) -> bool,
) -> Option<DenyReason> {
    let (said, rights) = outside(asked, topic, would_do)?;
    let rights = rights.iter().map(Names::published).collect();
    let (what, says) = match said.statement().sentence.unnested().1 {
        Sentence::Trusted { purpose: purpose @ Purpose::Publishing { .. }, .. } => {
            (DELEGATION, Some(format!("lets another key publish {}", Names::published(purpose))))
        }
        Sentence::Trusted { purpose: Purpose::Execution(Some(Release { line, .. })), .. } => {
            (what, Some(format!("says so of a release of {}", scripts::told(line))))
        }
        _ => (what, None),
    };
    Some(DenyReason::Outside { component: component.name.clone(), place: place(asked, said), what, says, rights })
}

/// Of statements that would do, the one for which the least is missing; then the first.
fn first(lapsed: Vec<Lapsed<'_>>) -> Option<Lapsed<'_>> {
    lapsed.into_iter().min_by_key(Lapsed::len)
}

/// How much of a rule is not met.
fn lacking(lent: &Lent<'_>, rule: &PlatformRule) -> usize {
    let component = lent.component;
    let demands = rule.demands.iter().enumerate().filter(|(place, demand)| match found(lent, rule, demand) {
        Found::Own(value) => !demand.test.is_met_by(value),
        Found::Said(said) => is_first(rule, *place) && said.is_none(),
        Found::Nothing => true,
    });
    let identity = usize::from(!is_identified(component, rule));
    demands.count().saturating_add(dangers(component, rule).count()).saturating_add(identity)
}

fn no_platform(asked: &Asked<'_>, component: &Component) -> Vec<DenyReason> {
    match (asked.claims.isolation, component.kind, asked.claims.software()) {
        (Some(actual), Kind::Software, Some(own)) => {
            let lacks = own.lacks.iter().map(|lack| DenyReason::Lack { actual: *lack, accepted: Vec::new() });
            let debug = asked.claims.debug.then_some(DenyReason::Debug);
            lacks
                .chain([DenyReason::Isolation { actual, accepted: asked.domain.accepted_isolations() }])
                .chain(debug)
                .collect()
        }
        _ => {
            let accepted =
                Kind::ALL.iter().copied().filter(|kind| asked.effective.platform_rules(*kind).next().is_some());
            vec![DenyReason::Platform {
                component: component.name.clone(),
                actual: component.kind,
                accepted: accepted.collect(),
            }]
        }
    }
}

fn of_rule(asked: &Asked<'_>, lent: &Lent<'_>, rule: &PlatformRule, said: &Said) -> Vec<DenyReason> {
    let component = lent.component;
    let mut denials = Vec::new();
    for place in 0..rule.demands.len() {
        denials.extend(of_demand(asked, lent, rule, place, said));
    }
    let masked = dangers(component, rule).any(|danger| danger == Allowance::MaskedChip);
    if !masked && !is_identified(component, rule) {
        denials.push(DenyReason::Identity {
            component: component.name.clone(),
            kind: component.kind,
            place: place(asked, said),
            actual: component.identity.clone(),
        });
    }
    for danger in dangers(component, rule) {
        denials.push(match (danger, component.kind) {
            (Allowance::Debug, Kind::Software) => DenyReason::Debug,
            _ => DenyReason::Danger { component: component.name.clone(), place: place(asked, said), actual: danger },
        });
    }
    denials
}

fn of_demand(asked: &Asked<'_>, lent: &Lent<'_>, rule: &PlatformRule, place: usize, said: &Said) -> Vec<DenyReason> {
    let component = lent.component;
    let Some(demand) = rule.demands.get(place) else { return Vec::new() };
    let actual = match found(lent, rule, demand) {
        Found::Own(value) if demand.test.is_met_by(value) => return Vec::new(),
        Found::Said(Some(_)) => return Vec::new(),
        // No one value meets all that is demanded: told once.
        Found::Said(None) if !is_first(rule, place) => return Vec::new(),
        Found::Own(value) => Some(value.clone()),
        Found::Said(None) => lent.first(&demand.property).cloned(),
        Found::Nothing => None,
    };
    if let (Kind::Software, Some(Value::Set(names)), Test::SubsetOf(accepted)) = (component.kind, &actual, &demand.test)
    {
        let known = |names: &[String]| names.iter().filter_map(|name| name.parse().ok()).collect::<Vec<_>>();
        let extra: Vec<String> = names.iter().filter(|name| !accepted.contains(name)).cloned().collect();
        let accepted = known(accepted);
        return known(&extra)
            .into_iter()
            .map(|actual| DenyReason::Lack { actual, accepted: accepted.clone() })
            .collect();
    }
    if let (Some(kind), Test::AtLeast(Value::Number(demanded))) = (beside::kind_of(&demand.property), &demand.test) {
        let actual = if let Some(Value::Number(actual)) = actual { actual } else { 0 };
        let place = place_of(asked, said, &demand.property);
        return vec![DenyReason::Beside {
            component: component.name.clone(),
            place,
            kind,
            actual,
            demanded: *demanded,
        }];
    }
    vec![DenyReason::Property {
        component: component.name.clone(),
        kind: component.kind,
        place: place_of(asked, said, &demand.property),
        property: demand.property.clone(),
        actual,
        demanded: demand.test.clone(),
    }]
}

/// What the nearest measurement differs in; nothing if one is met.
fn measured(asked: &Asked<'_>, component: &Component) -> Vec<DenyReason> {
    let (kind, name) = (component.kind, &component.name);
    if !asked.effective.measurements(kind, &component.registers).is_empty() {
        return Vec::new();
    }
    let same = |sentence: &Sentence| match sentence {
        Sentence::Trusted { subject: Subject::Measurement(measurement), purpose: Purpose::Execution(_) } => {
            measurement.kind == kind && differing(component, measurement).next().is_none()
        }
        _ => false,
    };
    if let Some(lapsed) = first(lapsed(asked, Topic::Measurements, same)) {
        return lapsed.reasons(asked, component, "runtime");
    }
    let mut revoked = asked.effective.revoked_measurements(kind, &component.registers);
    if let Some((said, by)) = revoked.next() {
        let (component, place, state) = (component.name.clone(), place(asked, said), State::Revoked(by));
        return vec![DenyReason::Lapsed { component, place, what: "runtime", state }];
    }
    if let Some(denial) = not_theirs(asked, component, ("runtime", Topic::Measurements), same) {
        return vec![denial];
    }
    if let Some(own) = asked.claims.software().filter(|_| kind == Kind::Software) {
        return vec![DenyReason::Runtime { actual: own.runtime, accepted: runtimes(asked) }];
    }
    let nearest = asked.effective.all_measurements(kind).min_by_key(|(_, said, measurement)| {
        let differing = differing(component, measurement).count();
        (differing, measurement.registers.len().saturating_sub(differing) == 0, said.digest())
    });
    let Some((_, said, measurement)) = nearest else {
        return vec![DenyReason::NoRuntime { component: name.clone(), kind }];
    };
    differing(component, measurement)
        .map(|register| DenyReason::Register {
            component: name.clone(),
            place: place(asked, said),
            register: register.name.clone(),
            actual: component.register(&register.name).map(<[u8]>::to_vec),
            demanded: register.value.clone(),
        })
        .collect()
}

fn differing<'a>(
    component: &'a Component,
    measurement: &'a Measurement,
) -> impl Iterator<Item = &'a crate::statement::Register> {
    measurement
        .registers
        .iter()
        .filter(|register| component.register(&register.name) != Some(register.value.as_slice()))
}

/// The runtimes for isolation `process` that count, ordered by digest.
fn runtimes(asked: &Asked<'_>) -> Vec<Runtime> {
    let mut runtimes: Vec<Runtime> = asked
        .effective
        .all_measurements(Kind::Software)
        .filter_map(|(_, said, measurement)| {
            let register = measurement.registers.iter().find(|register| register.name == "runtime")?;
            let digest = <[u8; 32]>::try_from(register.value.as_slice()).ok()?;
            let digest = Digest::from_bytes(digest);
            let name = match said.speaker() {
                Speaker::Root => said.statement().label.clone(),
                Speaker::Key(_) => said.name(),
            };
            Some(Runtime { name, digest })
        })
        .collect();
    runtimes.sort_by(|one, other| (one.digest, &one.name).cmp(&(other.digest, &other.name)));
    runtimes
}

fn is_identified(component: &Component, rule: &PlatformRule) -> bool {
    match (&rule.identities, &component.identity) {
        (Identities::AnyGenuineChip, _) => true,
        // A list is of no use against hardware that hides: that is a danger, admitted by name or not.
        (Identities::Listed(_), None) => component.dangers.contains(&Allowance::MaskedChip),
        (Identities::Listed(listed), Some(actual)) => is_listed(listed, actual),
    }
}

fn is_listed(listed: &BTreeSet<ByteVec>, actual: &[u8]) -> bool {
    let actual: &ByteSlice = actual.into();
    listed.contains(actual)
}

/// The dangers that a rule does not admit. That a chip is masked matters to lists alone.
fn dangers(component: &Component, rule: &PlatformRule) -> impl Iterator<Item = Allowance> {
    let matters =
        move |danger: &Allowance| *danger != Allowance::MaskedChip || matches!(rule.identities, Identities::Listed(_));
    component.dangers.iter().copied().filter(matters).filter(|danger| !rule.allow.contains(danger))
}

/// Where the value that a demand asks for comes from.
enum Found<'a> {
    /// Neither the evidence nor anybody else may say it.
    Nothing,
    /// The evidence.
    Own(&'a Value),
    /// Others: the first value that meets all demands of this name.
    Said(Option<Fact>),
}

/// What evidence of a kind can say, it alone says: otherwise a key that may say where a chip stands could say how patched it is.
fn found<'a>(lent: &Lent<'a>, rule: &PlatformRule, demand: &Demand) -> Found<'a> {
    if let Some(value) = lent.component.property(&demand.property) {
        return Found::Own(value);
    }
    if registry::property(lent.component.kind, &demand.property).is_some() {
        return Found::Nothing;
    }
    Found::Said(lent.meeting(rule, &demand.property))
}

/// Whether the demand is the rule's first of its property.
fn is_first(rule: &PlatformRule, place: usize) -> bool {
    let name = |place: usize| rule.demands.get(place).map(|demand| &demand.property);
    place.checked_sub(1).is_none_or(|before| name(before) != name(place))
}

pub(crate) fn place(asked: &Asked<'_>, said: &Said) -> Place {
    let speaker = match said.speaker() {
        Speaker::Root => None,
        Speaker::Key(key) => Some(key_name(asked.domain, key)),
    };
    let (label, statement) = (said.statement().label.clone(), said.digest());
    Place { label, line: asked.domain.line_of(&statement), speaker, statement }
}

fn place_of(asked: &Asked<'_>, said: &Said, property: &str) -> Place {
    Place { line: asked.domain.line_of_demand(&said.digest(), property), ..place(asked, said) }
}

/// A key by the owner's name for it, if there is one, and its digest.
fn key_name(domain: &Domain, key: Digest) -> String {
    let is_name = |statement: &&Statement| {
        statement.sentence.about() == Some(key) && !matches!(statement.sentence, Sentence::HasProperty { .. })
    };
    Names::of(domain.own().map(Said::statement).find(is_name)).subject(&Subject::Key(key))
}
