//! The rules about evidence once more, naively: what each makes of its premises, all that follows, and a checker. Shares types
//! with the product, no code.

use std::collections::BTreeSet;

use casemate_cose::Digest;
use casemate_trust::{
    component::Component,
    proof::{Proof, Rule},
    statement::{
        Allowance, Demand, Identities, Kind, Measurement, PlatformRule, Purpose, Sentence, Subject, Test, Value,
    },
};

/// Evidence.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) components: &'a [Component],
    pub(crate) key: Option<Digest>,
    /// Measurements that are revoked, and whether by the root.
    pub(crate) gone: &'a [(Measurement, bool)],
    /// What the root says.
    pub(crate) own: &'a [Sentence],
}

/// What only evidence says of components of a kind, among the names that the tests use.
pub(crate) const OWN: [(Kind, &str); 1] = [(Kind::Snp, "product")];

impl Seen<'_> {
    pub(crate) const NOTHING: Seen<'static> = Seen { components: &[], key: None, gone: &[], own: &[] };

    /// All that follows from evidence and from what is known by statements.
    pub(crate) fn saturate(&self, known: &[&Sentence]) -> BTreeSet<Sentence> {
        let mut all: BTreeSet<Sentence> = self.makes(Rule::Bound, &[]).into_iter().collect();
        for one in known {
            all.extend(self.makes(Rule::Vouch, &[one]));
        }
        let environments: Vec<Sentence> =
            all.iter().filter(|it| matches!(it, Sentence::IsEnvironment(_))).cloned().collect();
        let properties: Vec<&Sentence> =
            known.iter().copied().filter(|it| matches!(it, Sentence::HasProperty { .. })).collect();
        for environment in &environments {
            for one in known {
                if let Sentence::IsEnvironment(place) = environment
                    && !self.refuses(*place, self.own.contains(one))
                {
                    all.extend(self.makes(Rule::Measured, &[environment, one]));
                }
                if !matches!(one, Sentence::Trusted { subject: Subject::Platform(_), .. }) {
                    continue;
                }
                for few in up_to_two(&properties) {
                    let premises: Vec<&Sentence> = [environment, *one].into_iter().chain(few).collect();
                    all.extend(self.makes(Rule::PlatformMeets, &premises));
                }
            }
        }
        let places = 0..u16::try_from(self.components.len()).unwrap();
        for place in places.clone() {
            let (platform, measurement) = (Sentence::PlatformTrusted(place), Sentence::MeasurementTrusted(place));
            if all.contains(&platform) && all.contains(&measurement) {
                all.extend(self.makes(Rule::Compose, &[&platform, &measurement]));
            }
        }
        let parts: Vec<Sentence> = places.map(runs).collect();
        if parts.iter().all(|part| all.contains(part)) {
            all.extend(self.makes(Rule::Whole, &parts.iter().collect::<Vec<_>>()));
        }
        let bound: Vec<Sentence> = self.makes(Rule::Bound, &[]);
        if let (true, [bound]) = (all.contains(&Sentence::EvidenceTrusted), bound.as_slice()) {
            all.extend(self.makes(Rule::Authenticate, &[&Sentence::EvidenceTrusted, bound]));
            for one in known {
                if !self.refuses(0, self.own.contains(one)) {
                    all.extend(self.makes(Rule::Authenticate, &[&Sentence::EvidenceTrusted, bound, one]));
                }
            }
        }
        all
    }

    /// What a rule about evidence makes of premises.
    pub(crate) fn makes(&self, rule: Rule, premises: &[&Sentence]) -> Vec<Sentence> {
        match (rule, premises) {
            (Rule::Bound, []) => {
                let speaks =
                    |key| Sentence::SpeaksFor { speaker: Subject::Key(key), principal: Subject::Environment(0) };
                self.key.map(speaks).into_iter().collect()
            }
            (Rule::Vouch, [Sentence::Trusted { subject, purpose: Purpose::Attestation(kind) }]) => {
                let vouched = (0..)
                    .zip(self.components)
                    .filter(|(_, component)| component.attester == *subject && may_attest(*kind, component.kind));
                vouched.map(|(place, _)| Sentence::IsEnvironment(place)).collect()
            }
            (
                Rule::PlatformMeets,
                [
                    Sentence::IsEnvironment(place),
                    Sentence::Trusted { subject: Subject::Platform(rule), purpose: Purpose::Execution(None) },
                    lent @ ..,
                ],
            ) => {
                let meets = self.component(*place).is_some_and(|component| meets(component, rule, lent));
                if meets { vec![Sentence::PlatformTrusted(*place)] } else { vec![] }
            }
            (
                Rule::Measured,
                [
                    Sentence::IsEnvironment(place),
                    Sentence::Trusted { subject: Subject::Measurement(measurement), purpose: Purpose::Execution(_) },
                ],
            ) => {
                let is = self.component(*place).is_some_and(|component| is_measured(component, measurement));
                if is { vec![Sentence::MeasurementTrusted(*place)] } else { vec![] }
            }
            (Rule::Compose, [Sentence::PlatformTrusted(one), Sentence::MeasurementTrusted(other)]) if one == other => {
                vec![runs(*one)]
            }
            (Rule::Whole, parts) if !parts.is_empty() && parts.len() == self.components.len() => {
                let all = (0..).zip(parts).all(|(place, part)| **part == runs(place));
                if all { vec![Sentence::EvidenceTrusted] } else { vec![] }
            }
            (
                Rule::Authenticate,
                [
                    Sentence::EvidenceTrusted,
                    Sentence::SpeaksFor { speaker, principal: Subject::Environment(0) },
                    rest @ ..,
                ],
            ) => {
                let trusted = |purpose| Sentence::Trusted { subject: speaker.clone(), purpose };
                match rest {
                    [] => vec![trusted(Purpose::Authentication), trusted(Purpose::KeyProvision)],
                    [
                        Sentence::Trusted {
                            subject: Subject::Measurement(measurement),
                            purpose: Purpose::Attestation(kind),
                        },
                    ] if is_measured(&self.components[0], measurement) => {
                        let narrower = Kind::ALL.iter().filter(|other| may_attest(*kind, **other));
                        let narrower = narrower.map(|other| trusted(Purpose::Attestation(Some(*other))));
                        narrower.chain([trusted(Purpose::Attestation(*kind))]).collect()
                    }
                    _ => vec![],
                }
            }
            _ => vec![],
        }
    }

    /// Whether what runs there is revoked to who trusts it on this word.
    pub(crate) fn refuses(&self, place: u16, by_root: bool) -> bool {
        let Some(component) = self.component(place) else { return false };
        self.gone.iter().any(|(gone, for_all)| is_measured(component, gone) && (*for_all || !by_root))
    }

    fn component(&self, place: u16) -> Option<&Component> {
        self.components.get(usize::from(place))
    }
}

/// Whether a rule of a proof is about evidence.
pub(crate) fn is_of_evidence(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::Bound
            | Rule::Vouch
            | Rule::PlatformMeets
            | Rule::Measured
            | Rule::Compose
            | Rule::Whole
            | Rule::Authenticate
    )
}

/// How many steps of a proof are about evidence.
pub(crate) fn steps_of_evidence(proof: &Proof) -> Vec<usize> {
    (0..proof.steps.len()).filter(|place| is_of_evidence(proof.steps[*place].rule)).collect()
}

fn runs(place: u16) -> Sentence {
    Sentence::Trusted { subject: Subject::Environment(place), purpose: Purpose::Execution(None) }
}

/// Every choice of none, of one, and of two in either order.
fn up_to_two<'s>(all: &[&'s Sentence]) -> Vec<Vec<&'s Sentence>> {
    let ones = all.iter().map(|one| vec![*one]);
    let twos = all.iter().flat_map(|one| all.iter().map(move |other| vec![*one, *other]));
    std::iter::once(vec![]).chain(ones).chain(twos).collect()
}

fn is_measured(component: &Component, measurement: &Measurement) -> bool {
    let mut registers = measurement.registers.iter();
    component.kind == measurement.kind
        && !measurement.registers.is_empty()
        && registers
            .all(|asked| component.registers.iter().any(|(name, value)| (name, value) == (&asked.name, &asked.value)))
}

fn meets(component: &Component, rule: &PlatformRule, lent: &[&Sentence]) -> bool {
    let is_this_one = match (&rule.identities, &component.identity) {
        (Identities::AnyGenuineChip, _) => true,
        (Identities::Listed(listed), Some(own)) => listed.iter().any(|one| one.to_vec() == *own),
        (Identities::Listed(_), None) => rule.allow.contains(&Allowance::MaskedChip),
    };
    let is_safe =
        component.dangers.iter().all(|danger| *danger == Allowance::MaskedChip || rule.allow.contains(danger));
    let mut values: Vec<(&str, &Value)> = Vec::new();
    for one in lent {
        let Sentence::HasProperty { subject, name, value } = one else { return false };
        let is_of_it = match subject {
            Subject::Hardware(kind, identity) => {
                (kind, Some(identity)) == (&component.kind, component.identity.as_ref())
            }
            other => matches!(other, Subject::Key(_)) && *other == component.attester,
        };
        let is_asked = rule.demands.iter().any(|demand| demand.property == *name);
        let is_own = component.properties.iter().any(|(own, _)| own == name) || OWN.contains(&(component.kind, name));
        let is_next = values.last().is_none_or(|(before, _)| *before < name.as_str());
        if !is_of_it || !is_asked || is_own || !is_next {
            return false;
        }
        values.push((name, value));
    }
    values.extend(component.properties.iter().map(|(name, value)| (&**name, value)));
    let is_met = |demand: &Demand| {
        let found = values.iter().find(|(name, _)| *name == demand.property);
        let is_lent = !component.properties.iter().any(|(own, _)| *own == demand.property);
        // What is only said of it is excluded by nothing.
        let is_shown = !(is_lent && matches!(demand.test, Test::NotEquals(_)));
        is_shown && found.is_some_and(|(_, value)| passes(&demand.test, value))
    };
    component.kind == rule.kind && is_this_one && is_safe && rule.demands.iter().all(is_met)
}

fn passes(test: &Test, value: &Value) -> bool {
    let rank = |one: &Value| match one {
        Value::Number(number) => Some((0, *number)),
        Value::Time(time) => Some((1, time.0)),
        _ => None,
    };
    let ordered = |one: &Value| rank(one).zip(rank(value)).filter(|(one, other)| one.0 == other.0);
    match test {
        Test::AtLeast(least) => ordered(least).is_some_and(|(least, own)| own.1 >= least.1),
        Test::AtMost(most) => ordered(most).is_some_and(|(most, own)| own.1 <= most.1),
        Test::Equals(one) => one == value,
        Test::NotEquals(one) => one != value && std::mem::discriminant(one) == std::mem::discriminant(value),
        Test::OneOf(all) => all.iter().any(|one| one == value),
        Test::SubsetOf(all) => matches!(value, Value::Set(own) if own.iter().all(|one| all.contains(one))),
    }
}

/// Whether trust for attestation of this kind, or of any, is trust for that of the other.
fn may_attest(trusted: Option<Kind>, of: Kind) -> bool {
    trusted.map_or(of != Kind::Software, |kind| kind == of)
}
