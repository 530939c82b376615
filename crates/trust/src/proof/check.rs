//! The checker: accepts or refuses a proof, without search.
//!
//! 1. The proof is for this time, and `standing` holds at it; it has at least one step and at most [`STEPS_MAX`].
//! 2. Each step's premises are earlier steps; no step is there twice.
//! 3. Each step's conclusion is what its rule makes of its premises, and nothing else. Leaves are statements that stand, and
//!    the evidence at hand.
//! 4. Something rests on every step but the last, whose conclusion is what is proved.
//!
//! What a rule needs beyond the sentences of its premises is one bit: whether a premise rests on the root's word alone. Others may say
//! who speaks for whom, and keys inherit by it what those others could have said outright (attestation, authentication, contracts, key
//! provision); rights to publish pass, and words are relayed, by the root's word only. And who may publish revocations revokes what runs
//! for all but the root: which measurements are revoked, `standing` says.

use std::collections::BTreeSet;

use casemate_cose::{Digest, UnixTime};

use super::{PREMISES_MAX, Proof, ProofError, Rule, STEPS_MAX, Standing, State, Step, things::TrustBy};
use crate::{
    component::{Component, registry},
    statement::{
        Allowance, Demand, Identities, PlatformRule, Purpose, Sentence, Speaker, Subject, Test, Value, limits,
    },
};

/// What authentic evidence says, as rules see it. Whoever makes this has `Authenticated` evidence.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its components, in their order; at most [`u16::MAX`].
    pub components: &'a [Component],
    /// SHA-256 of the `SubjectPublicKeyInfo` of the key that the evidence is bound to, if it is.
    pub key: Option<Digest>,
}

impl Facts<'_> {
    /// No evidence: for proofs about statements alone.
    pub const NONE: Facts<'static> = Facts { components: &[], key: None };
}

/// Accepts a proof and says what it proves, or refuses it.
///
/// # Errors
/// [`ProofError`]: the first thing that is wrong.
pub fn check<'p>(
    proof: &'p Proof,
    standing: &Standing,
    evidence: Facts<'_>,
    at: UnixTime,
) -> Result<&'p Sentence, ProofError> {
    // 1
    if proof.at != at || !standing.window().holds(at) {
        return Err(ProofError::Time { expected: at, actual: proof.at });
    }
    if proof.steps.len() > STEPS_MAX {
        return Err(ProofError::TooMany { what: "steps", actual: proof.steps.len(), max: STEPS_MAX });
    }
    let (mut seen, mut used) = (BTreeSet::new(), vec![false; proof.steps.len()]);
    let mut proved: Vec<Proved<'p>> = Vec::with_capacity(proof.steps.len());
    for (place, step) in (0..).zip(&proof.steps) {
        let refuse = |why| ProofError::Step { step: place, rule: step.rule, why };
        // 2
        if step.premises.len() > PREMISES_MAX {
            return Err(refuse("it has more than 1,024 premises"));
        }
        let premises = earlier(step, &proved, &mut used).ok_or_else(|| refuse("a premise is no earlier step"))?;
        if !seen.insert(step) {
            return Err(refuse("it is there twice"));
        }
        // 3
        let by_root = match step.rule {
            Rule::Domain(digest) | Rule::Signed(digest) => {
                let state = standing.state(digest);
                if state != State::Stands {
                    return Err(ProofError::Statement { step: place, digest, state });
                }
                stated(step, digest, &premises, standing)
            }
            _ => follows(step, &premises, evidence, standing),
        };
        proved.push(Proved { sentence: &step.conclusion, by_root: by_root.map_err(refuse)? });
    }
    // 4
    let last = proved.len().checked_sub(1).ok_or(ProofError::Empty)?;
    if let Some((place, _)) = (0..).zip(&used).take(last).find(|(_, used)| !**used) {
        return Err(ProofError::Unused { step: place });
    }
    proved.pop().map(|proved| proved.sentence).ok_or(ProofError::Empty)
}

/// What a step proved.
#[derive(Clone, Copy)]
struct Proved<'p> {
    sentence: &'p Sentence,
    /// It rests on the root's word alone.
    by_root: bool,
}

fn earlier<'p>(step: &Step, proved: &[Proved<'p>], used: &mut [bool]) -> Option<Vec<Proved<'p>>> {
    let mut premises = Vec::with_capacity(step.premises.len());
    for premise in &step.premises {
        let place = usize::try_from(*premise).ok()?;
        premises.push(*proved.get(place)?);
        *used.get_mut(place)? = true;
    }
    Some(premises)
}

/// Statements that stand: what the root says is so; what a key says, it says.
fn stated(step: &Step, digest: Digest, premises: &[Proved<'_>], standing: &Standing) -> Result<bool, &'static str> {
    let said = standing.find(digest).ok_or("the statement does not stand")?;
    let sentence = &said.statement().sentence;
    let holds = match (step.rule, said.speaker(), &step.conclusion) {
        (Rule::Domain(_), Speaker::Root, conclusion) => conclusion == sentence,
        (Rule::Signed(_), Speaker::Key(speaker), Sentence::Says { key, sentence: conclusion }) => {
            *key == speaker && **conclusion == *sentence
        }
        _ => return Err("the statement is not of this speaker"),
    };
    require(premises.is_empty(), "a statement has no premises")?;
    require(holds, "the statement does not say this")?;
    Ok(said.speaker() == Speaker::Root)
}

/// Whether the conclusion follows; then, whether it rests on the root's word alone.
fn follows(
    step: &Step,
    premises: &[Proved<'_>],
    evidence: Facts<'_>,
    standing: &Standing,
) -> Result<bool, &'static str> {
    let sentences: Vec<&Sentence> = premises.iter().map(|premise| premise.sentence).collect();
    let by_root = premises.first().is_some_and(|premise| premise.by_root);
    match (step.rule, sentences.as_slice()) {
        (Rule::Policy, []) => policy(&step.conclusion).map(|()| true),
        (Rule::Believe, [trust, says]) => believe(trust, says, &step.conclusion).map(|()| false),
        (Rule::Relay, [speaks, says]) => {
            require(by_root, "only the root says whose words are relayed")?;
            relay(speaks, says, &step.conclusion).map(|()| false)
        }
        (Rule::Inherit, [speaks, trust]) => inherit(speaks, trust, by_root, &step.conclusion).map(|()| false),
        (Rule::Transit, [left, right]) => {
            transit(left, right, &step.conclusion)?;
            Ok(premises.iter().all(|premise| premise.by_root))
        }
        (Rule::Bound, []) => bound(&step.conclusion, evidence).map(|()| false),
        (Rule::Vouch, [trust]) => vouch(trust, &step.conclusion, evidence).map(|()| false),
        (Rule::PlatformMeets, [environment, trust, properties @ ..]) => {
            platform_meets(environment, trust, properties, &step.conclusion, evidence).map(|()| false)
        }
        (Rule::Measured, [environment, trust]) => {
            let place = measured(environment, trust, &step.conclusion, evidence)?;
            not_revoked(place, premises.last(), evidence, standing).map(|()| false)
        }
        (Rule::Compose, [platform, measurement]) => compose(platform, measurement, &step.conclusion).map(|()| false),
        (Rule::Whole, parts) => whole(parts, &step.conclusion, evidence).map(|()| false),
        (Rule::Authenticate, [whole, speaks, trust @ ..]) => {
            authenticate(whole, speaks, trust, &step.conclusion, evidence)?;
            let measurement = if trust.is_empty() { None } else { premises.last() };
            not_revoked(0, measurement, evidence, standing).map(|()| false)
        }
        _ => Err("the number of premises is not that of the rule"),
    }
}

/// A domain is its key.
fn policy(conclusion: &Sentence) -> Result<(), &'static str> {
    match conclusion {
        Sentence::SpeaksFor { speaker: Subject::Key(key), principal: Subject::Domain(domain) } if key == domain => {
            Ok(())
        }
        _ => Err("only its own key speaks for a domain of itself"),
    }
}

/// K may publish about S's topic, within limits that S keeps; K says S → S.
fn believe(trust: &Sentence, says: &Sentence, conclusion: &Sentence) -> Result<(), &'static str> {
    let Sentence::Trusted { subject: Subject::Key(trusted), purpose: Purpose::Publishing { topic, depth, limits } } =
        trust
    else {
        return Err("the first premise trusts no key to publish");
    };
    let Sentence::Says { key, sentence } = says else { return Err("the second premise is nothing that a key says") };
    require(trusted == key, "another key says it")?;
    require(sentence.topic() == Some(*topic), "the key may not publish about this")?;
    require(limits::admit(limits.as_deref(), sentence), "the key may publish within limits, and this lies outside")?;
    if let Sentence::Trusted { purpose: Purpose::Publishing { depth: handed, .. }, .. } = &**sentence {
        require(handed < depth, "the key may not hand this on so deep")?;
    }
    require(**sentence == *conclusion, "the key says something else")
}

/// K speaks for L; K says S → L says S. Where S is "L says T" → L says T.
fn relay(speaks: &Sentence, says: &Sentence, conclusion: &Sentence) -> Result<(), &'static str> {
    let Sentence::SpeaksFor { speaker: Subject::Key(speaker), principal: Subject::Key(principal) } = speaks else {
        return Err("the first premise is not of one key that speaks for another");
    };
    let Sentence::Says { key, sentence } = says else { return Err("the second premise is nothing that a key says") };
    let Sentence::Says { key: other, sentence: relayed } = conclusion else {
        return Err("what is relayed is nothing that a key says");
    };
    require(speaker == key, "another key says it")?;
    require(principal == other, "the key speaks for another")?;
    require(sentence == relayed || **sentence == *conclusion, "the key says something else")
}

/// A speaks for B; B is trusted for a purpose → A is.
fn inherit(speaks: &Sentence, trust: &Sentence, by_root: bool, conclusion: &Sentence) -> Result<(), &'static str> {
    let (speaker, principal) = speaking(speaks)?;
    let (Sentence::Trusted { subject, purpose }, Sentence::Trusted { subject: heir, purpose: inherited }) =
        (trust, conclusion)
    else {
        return Err("it is not about trust");
    };
    require(principal == subject, "another is trusted")?;
    require(speaker == heir && purpose == inherited, "this is not what is inherited")?;
    match purpose {
        Purpose::Attestation(_) | Purpose::Authentication | Purpose::Contracts | Purpose::KeyProvision => Ok(()),
        Purpose::Execution(_) => Err("execution is not inherited"),
        Purpose::Publishing { .. } => require(by_root, "a right to publish passes by the root's word only"),
    }
}

/// A speaks for B; B speaks for C → A speaks for C.
fn transit(left: &Sentence, right: &Sentence, conclusion: &Sentence) -> Result<(), &'static str> {
    let ((first, over), (again, last)) = (speaking(left)?, speaking(right)?);
    require(over == again, "the two do not meet")?;
    require(speaking(conclusion)? == (first, last), "this is not from the one end to the other")
}

/// Who speaks for whom: keys and domains.
fn speaking(sentence: &Sentence) -> Result<(&Subject, &Subject), &'static str> {
    match sentence {
        Sentence::SpeaksFor {
            speaker: speaker @ (Subject::Domain(_) | Subject::Key(_)),
            principal: principal @ (Subject::Domain(_) | Subject::Key(_)),
        } => Ok((speaker, principal)),
        _ => Err("it is not of a key or domain that speaks for another"),
    }
}

/// The evidence is bound to a key → the key speaks for component 0.
fn bound(conclusion: &Sentence, evidence: Facts<'_>) -> Result<(), &'static str> {
    match conclusion {
        Sentence::SpeaksFor { speaker: Subject::Key(key), principal: Subject::Environment(0) }
            if evidence.key == Some(*key) =>
        {
            Ok(())
        }
        _ => Err("the evidence is not bound to this key"),
    }
}

/// The attester of component c is trusted for attestation of c's kind → c is an environment.
fn vouch(trust: &Sentence, conclusion: &Sentence, evidence: Facts<'_>) -> Result<(), &'static str> {
    let Sentence::Trusted { subject, purpose } = trust else {
        return Err("the premise trusts nobody for attestation");
    };
    let Sentence::IsEnvironment(place) = conclusion else { return Err("it concludes something else") };
    let component = component(evidence, *place)?;
    require(component.attester == *subject, "another attested this component")?;
    let needed = Purpose::Attestation(Some(component.kind));
    require(purpose.covers(&needed), "the premise trusts nobody for attestation of this kind")
}

/// c is an environment; a platform rule is trusted; one premise for each demanded property that the evidence lacks
/// → c's platform is trusted.
fn platform_meets(
    environment: &Sentence,
    trust: &Sentence,
    properties: &[&Sentence],
    conclusion: &Sentence,
    evidence: Facts<'_>,
) -> Result<(), &'static str> {
    let (Sentence::IsEnvironment(place), Sentence::PlatformTrusted(concluded)) = (environment, conclusion) else {
        return Err("it is not from an environment to its platform");
    };
    require(place == concluded, "it concludes about another component")?;
    let Sentence::Trusted { subject: Subject::Platform(rule), purpose: Purpose::Execution(_) } = trust else {
        return Err("the second premise trusts no platforms for execution");
    };
    let component = component(evidence, *place)?;
    require(component.kind == rule.kind, "the rule is for another kind of platform")?;
    identity_meets(rule, component)?;
    let mut dangers = component.dangers.iter().filter(|danger| **danger != Allowance::MaskedChip);
    require(dangers.all(|danger| rule.allow.contains(danger)), "the rule does not allow a danger of the component")?;
    let lent = properties.iter().map(|property| lent(property, component)).collect::<Result<Vec<_>, _>>()?;
    require(lent.is_sorted_by(|left, right| left.0 < right.0), "the properties are not in order, each once")?;
    for (name, _) in &lent {
        let demanded = rule.demands.iter().any(|demand| demand.property == *name);
        require(demanded && own(component, name).is_none(), "a property is not asked for")?;
        // Otherwise a key that may say where a chip stands could say how patched it is.
        require(registry::property(component.kind, name).is_none(), "only evidence can say such a property")?;
    }
    for Demand { property, test } in &rule.demands {
        let found = lent.iter().find(|(name, _)| name == property).map(|(_, value)| *value);
        // That nobody says otherwise is shown by no proof.
        let is_excluded = found.is_some() && matches!(test, Test::NotEquals(_));
        require(!is_excluded, "what is only said of a component is excluded by nothing")?;
        let value = own(component, property).or(found).ok_or("a property is missing")?;
        require(test.is_met_by(value), "a property is not as demanded")?;
    }
    Ok(())
}

fn identity_meets(rule: &PlatformRule, component: &Component) -> Result<(), &'static str> {
    match (&rule.identities, &component.identity) {
        (Identities::AnyGenuineChip, _) => Ok(()),
        (Identities::Listed(listed), Some(identity)) => {
            require(listed.iter().any(|listed| listed.as_slice() == identity), "the hardware is not among those listed")
        }
        (Identities::Listed(_), None) => {
            require(rule.allow.contains(&Allowance::MaskedChip), "the evidence hides which hardware it is")
        }
    }
}

/// A property that is said of the component's hardware or of its attester.
fn lent<'p>(sentence: &'p Sentence, component: &Component) -> Result<(&'p str, &'p Value), &'static str> {
    let Sentence::HasProperty { subject, name, value } = sentence else { return Err("a premise is no property") };
    let fits = match subject {
        Subject::Hardware(kind, identity) => *kind == component.kind && component.identity.as_ref() == Some(identity),
        Subject::Key(_) => component.attester == *subject,
        _ => false,
    };
    require(fits, "a property is of something else")?;
    Ok((name, value))
}

/// A property that the evidence has.
fn own<'c>(component: &'c Component, name: &str) -> Option<&'c Value> {
    component.properties.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
}

/// c is an environment; a measurement is trusted → c's measurement is trusted.
fn measured(
    environment: &Sentence,
    trust: &Sentence,
    conclusion: &Sentence,
    evidence: Facts<'_>,
) -> Result<u16, &'static str> {
    let (Sentence::IsEnvironment(place), Sentence::MeasurementTrusted(concluded)) = (environment, conclusion) else {
        return Err("it is not from an environment to its measurement");
    };
    require(place == concluded, "it concludes about another component")?;
    let Sentence::Trusted { subject: Subject::Measurement(measurement), purpose: Purpose::Execution(_) } = trust else {
        return Err("the second premise trusts no measurement for execution");
    };
    let component = component(evidence, *place)?;
    require(measurement.is_met_by(component.kind, &component.registers), "a register has another value")?;
    Ok(*place)
}

/// What runs on c is not revoked, also where a measurement of other registers would do: by the root, or, unless the root itself trusts
/// that measurement, by whoever may publish revocations.
fn not_revoked(
    place: u16,
    trust: Option<&Proved<'_>>,
    evidence: Facts<'_>,
    standing: &Standing,
) -> Result<(), &'static str> {
    let Some(trust) = trust else { return Ok(()) };
    let component = component(evidence, place)?;
    let by = if trust.by_root { TrustBy::Root } else { TrustBy::Others };
    let ran = standing.ran(component.kind, &component.registers);
    require(!ran.is_some_and(|ran| ran.refuses(by)), "what runs is revoked")
}

/// c's platform is trusted; c's measurement is trusted → c is trusted for execution.
fn compose(platform: &Sentence, measurement: &Sentence, conclusion: &Sentence) -> Result<(), &'static str> {
    match (platform, measurement, conclusion) {
        (
            Sentence::PlatformTrusted(left),
            Sentence::MeasurementTrusted(right),
            Sentence::Trusted { subject: Subject::Environment(both), purpose: Purpose::Execution(None) },
        ) if left == both && right == both => Ok(()),
        _ => Err("it is not from a component's platform and measurement to that component"),
    }
}

/// Every component, in order, is trusted for execution → the evidence is trusted.
fn whole(parts: &[&Sentence], conclusion: &Sentence, evidence: Facts<'_>) -> Result<(), &'static str> {
    require(*conclusion == Sentence::EvidenceTrusted, "it concludes something else")?;
    require(!parts.is_empty() && parts.len() == evidence.components.len(), "a component is left out")?;
    let in_order = (0..).zip(parts).all(|(place, part)| match part {
        Sentence::Trusted { subject: Subject::Environment(trusted), purpose: Purpose::Execution(_) } => {
            *trusted == place
        }
        _ => false,
    });
    require(in_order, "a component is not trusted for execution")
}

/// The evidence is trusted; a key speaks for component 0 → the key is trusted for authentication, or for key provision; and
/// for attestation, if a third premise trusts a measurement for it that component 0 meets.
fn authenticate(
    whole: &Sentence,
    speaks: &Sentence,
    trust: &[&Sentence],
    conclusion: &Sentence,
    evidence: Facts<'_>,
) -> Result<(), &'static str> {
    require(*whole == Sentence::EvidenceTrusted, "the evidence is not trusted")?;
    let Sentence::SpeaksFor { speaker, principal: Subject::Environment(0) } = speaks else {
        return Err("no key speaks for the evidence");
    };
    let Sentence::Trusted { subject, purpose } = conclusion else { return Err("it concludes something else") };
    require(subject == speaker, "another key speaks for the evidence")?;
    match (purpose, trust) {
        (Purpose::Authentication | Purpose::KeyProvision, []) => Ok(()),
        (
            Purpose::Attestation(_),
            [Sentence::Trusted { subject: Subject::Measurement(measurement), purpose: granted }],
        ) => {
            require(granted.covers(purpose), "what runs is not trusted for this")?;
            let component = component(evidence, 0)?;
            require(measurement.is_met_by(component.kind, &component.registers), "a register has another value")
        }
        _ => Err("evidence makes no key trusted for this"),
    }
}

fn component(evidence: Facts<'_>, place: u16) -> Result<&Component, &'static str> {
    evidence.components.get(usize::from(place)).ok_or("the evidence has no such component")
}

const fn require(holds: bool, why: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(why) }
}
