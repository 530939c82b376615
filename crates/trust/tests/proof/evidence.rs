//! Rules about evidence: an honest proof, and the same proof held against evidence, or statements, of which it says too much.

use std::collections::BTreeSet;

use casemate_cose::Digest;
use casemate_evidence::Vendor;
use casemate_trust::{
    component::Component,
    proof::{Effective, Facts, Grounds, Proof, ProofError, Rule, check},
    statement::{
        Allowance, Demand, Identities, Kind, Measurement, PlatformRule, Purpose, Register, Sentence, Subject, Test,
        Topic, Value,
    },
};

use crate::rig::{NOW, Rig, id, publishes, registers, subject, trusted};

/// An AMD chip, of which a demanded region is said by others.
pub(crate) fn chip() -> Component {
    Component {
        name: "cpu".into(),
        kind: Kind::Snp,
        attester: Subject::Vendor(Vendor::Amd),
        identity: Some(vec![0xc0, 0xff, 0xee]),
        properties: vec![("microcode".into(), Value::Number(0xdb)), ("smt".into(), Value::Bool(false))],
        registers: vec![("host-data".into(), vec![9; 32]), ("measurement".into(), vec![7; 48])],
        dangers: BTreeSet::new(),
    }
}

/// A device whose maker's key the domain trusts.
pub(crate) fn device() -> Component {
    Component {
        name: "device-0".into(),
        kind: Kind::Dice,
        attester: subject(3),
        identity: None,
        properties: vec![],
        registers: vec![("firmware".into(), vec![8; 32])],
        dangers: BTreeSet::new(),
    }
}

fn rule(kind: Kind, identities: Identities, demands: Vec<Demand>) -> PlatformRule {
    PlatformRule { kind, identities, demands, allow: BTreeSet::new() }
}

fn chips() -> PlatformRule {
    let listed = Identities::Listed(BTreeSet::from([vec![0xc0, 0xff, 0xee].into(), vec![1].into()]));
    let demand = |property: &str, test| Demand { property: property.into(), test };
    rule(
        Kind::Snp,
        listed,
        vec![
            demand("microcode", Test::AtLeast(Value::Number(0xdb))),
            demand("region", Test::OneOf(vec![Value::Text("CH".into()), Value::Text("EU".into())])),
        ],
    )
}

fn runs(kind: Kind, name: &str, value: Vec<u8>) -> Sentence {
    let measurement = Measurement { kind, registers: vec![Register { name: name.into(), value }] };
    Sentence::Trusted { subject: Subject::Measurement(measurement), purpose: Purpose::Execution(None) }
}

fn carries(rule: PlatformRule) -> Sentence {
    Sentence::Trusted { subject: Subject::Platform(rule), purpose: Purpose::Execution(None) }
}

fn stands_in(region: &str) -> Sentence {
    let subject = Subject::Hardware(Kind::Snp, vec![0xc0, 0xff, 0xee]);
    Sentence::HasProperty { subject, name: "region".into(), value: Value::Text(region.into()) }
}

/// A domain that accepts chip and device.
pub(crate) fn rig() -> Rig {
    Rig::new()
        .root(Sentence::Trusted { subject: Subject::Vendor(Vendor::Amd), purpose: Purpose::Attestation(None) })
        .root(trusted(3, Purpose::Attestation(None)))
        .root(carries(chips()))
        .root(carries(rule(Kind::Dice, Identities::AnyGenuineChip, vec![])))
        .root(publishes(1, Topic::Measurements, 0))
        .root(publishes(2, Topic::Properties, 0))
        .says(1, runs(Kind::Snp, "measurement", vec![7; 48]))
        .says(1, runs(Kind::Dice, "firmware", vec![8; 32]))
        .says(2, stands_in("EU"))
}

pub(crate) fn grounds(effective: &Effective, components: &[Component]) -> Vec<Grounds> {
    let ground = |component: &Component| {
        let hardware = Subject::Hardware(component.kind, component.identity.clone().unwrap_or_default());
        let rule = effective.platform_rules_for(component.kind, component.identity.as_deref()).next().unwrap();
        Grounds {
            attester: effective.is_trusted(&component.attester, &Purpose::Attestation(Some(component.kind))).unwrap(),
            measurement: effective.measurements(component.kind, &component.registers).first().unwrap().0,
            platform: rule.0,
            properties: effective.properties(&hardware).map(|(fact, ..)| fact).collect(),
        }
    };
    components.iter().map(ground).collect()
}

/// The key to which the evidence is bound.
pub(crate) fn bound() -> Digest {
    id(9)
}

pub(crate) fn goal() -> Sentence {
    Sentence::Trusted { subject: Subject::Key(bound()), purpose: Purpose::KeyProvision }
}

/// The honest proof.
pub(crate) fn honest() -> (Rig, Vec<Component>, Proof) {
    let (rig, components) = (rig(), vec![chip(), device()]);
    let effective = rig.effective();
    let facts = Facts { components: &components, key: Some(bound()) };
    let proof = effective.prove_evidence(&goal(), &grounds(&effective, &components), facts, NOW).unwrap();
    (rig, components, proof)
}

fn why(proof: &Proof, rig: &Rig, components: &[Component], key: Option<Digest>) -> &'static str {
    match check(proof, rig.effective().standing(), Facts { components, key }, NOW) {
        Err(ProofError::Step { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

/// The honest proof against a changed chip.
fn against(change: impl Fn(&mut Component)) -> &'static str {
    let (rig, mut components, proof) = honest();
    change(&mut components[0]);
    why(&proof, &rig, &components, Some(bound()))
}

#[test]
fn the_honest_proof_is_accepted() {
    let (rig, components, proof) = honest();
    let effective = rig.effective();
    let facts = Facts { components: &components, key: Some(bound()) };
    assert_eq!(check(&proof, effective.standing(), facts, NOW), Ok(&goal()));
    for goal in [
        Sentence::EvidenceTrusted,
        Sentence::Trusted { subject: Subject::Key(bound()), purpose: Purpose::Authentication },
    ] {
        let proof = effective.prove_evidence(&goal, &grounds(&effective, &components), facts, NOW).unwrap();
        assert_eq!(check(&proof, effective.standing(), facts, NOW), Ok(&goal));
    }
    for purpose in [
        Purpose::Attestation(None),
        Purpose::Contracts,
        Purpose::Publishing { topic: Topic::Keys, depth: 0, limits: None },
    ] {
        let goal = Sentence::Trusted { subject: Subject::Key(bound()), purpose };
        assert!(effective.prove_evidence(&goal, &grounds(&effective, &components), facts, NOW).is_err());
    }
}

/// A program of which the domain says so may say in its turn what is genuine; no other that is trusted to run may.
#[test]
fn an_attested_program_attests_only_if_its_measurement_may() {
    let attests = |value: u8| {
        let Sentence::Trusted { subject, .. } = runs(Kind::Snp, "measurement", vec![value; 48]) else { unreachable!() };
        Sentence::Trusted { subject, purpose: Purpose::Attestation(None) }
    };
    let components = vec![chip()];
    let facts = Facts { components: &components, key: Some(bound()) };
    let goal = Sentence::Trusted { subject: Subject::Key(bound()), purpose: Purpose::Attestation(None) };
    let prove = |rig: &Rig| {
        let effective = rig.effective();
        effective.prove_evidence(&goal, &grounds(&effective, &components), facts, NOW)
    };
    assert!(prove(&rig()).is_err());
    assert!(prove(&rig().root(attests(6))).is_err());
    // It takes the right to publish about keys: that about measurements doesn't do.
    assert!(prove(&rig().says(1, attests(7))).is_err());
    let rig = rig().root(attests(7));
    let proof = prove(&rig).unwrap();
    assert_eq!(check(&proof, rig.effective().standing(), facts, NOW), Ok(&goal));
    let other = Sentence::Trusted { subject: Subject::Measurement(registers(1)), purpose: Purpose::Execution(None) };
    assert!(!rig.proves(&other));
    let mut without = proof;
    without.steps.last_mut().unwrap().premises.pop();
    assert_eq!(why(&without, &rig, &components, Some(bound())), "evidence makes no key trusted for this");
}

#[test]
fn more_registers_and_properties_than_asked_for_do_no_harm() {
    let (rig, mut components, proof) = honest();
    components[0].registers[0].1 = vec![0; 32];
    components[0].properties[0].1 = Value::Number(0xff);
    let facts = Facts { components: &components, key: Some(bound()) };
    assert_eq!(check(&proof, rig.effective().standing(), facts, NOW), Ok(&goal()));
}

#[test]
fn demands_identities_dangers_registers_attesters_are_looked_at() {
    assert_eq!(against(|chip| chip.properties[0].1 = Value::Number(0xda)), "a property is not as demanded");
    assert_eq!(against(|chip| chip.properties[0].1 = Value::Text("0xff".into())), "a property is not as demanded");
    assert_eq!(against(|chip| chip.properties.clear()), "a property is missing");
    assert_eq!(against(|chip| chip.identity = None), "the evidence hides which hardware it is");
    assert_eq!(against(|chip| chip.identity = Some(vec![0xc0, 0xff, 0xef])), "the hardware is not among those listed");
    assert_eq!(against(|chip| chip.identity = Some(vec![1])), "a property is of something else");
    assert_eq!(against(|chip| chip.registers[1].1[0] = 0), "a register has another value");
    assert_eq!(against(|chip| chip.registers.clear()), "a register has another value");
    assert_eq!(against(|chip| chip.attester = Subject::Vendor(Vendor::Intel)), "another attested this component");
    assert_eq!(against(|chip| chip.attester = subject(3)), "another attested this component");
    assert_eq!(against(|chip| chip.kind = Kind::Tdx), "the rule is for another kind of platform");
    for danger in Allowance::ALL.iter().filter(|danger| **danger != Allowance::MaskedChip) {
        let why = against(|chip| chip.dangers = BTreeSet::from([*danger]));
        assert_eq!(why, "the rule does not allow a danger of the component", "{danger}");
    }
    // A property of the evidence's own is not replaced by what others say.
    let own = |chip: &mut Component| chip.properties.insert(1, ("region".into(), Value::Text("US".into())));
    assert_eq!(against(own), "a property is not asked for");
}

#[test]
fn a_danger_is_admitted_by_name_and_no_other() {
    let mut allowing = chips();
    allowing.allow = BTreeSet::from([Allowance::Migratable]);
    let (_, mut components, _) = honest();
    let rig = {
        let mut rig = rig();
        rig.root[2].sentence = carries(allowing);
        rig
    };
    let effective = rig.effective();
    let mut prove = |danger| {
        components[0].dangers = BTreeSet::from([danger]);
        let facts = Facts { components: &components, key: Some(bound()) };
        effective.prove_evidence(&goal(), &grounds(&effective, &components), facts, NOW)
    };
    assert!(prove(Allowance::Migratable).is_ok());
    assert!(prove(Allowance::Debug).is_err());
}

#[test]
fn a_chip_that_hides_is_admitted_by_name() {
    let mut components = vec![chip()];
    components[0].identity = None;
    let listed = Identities::Listed(BTreeSet::from([vec![1].into()]));
    let mut masked = rule(Kind::Snp, listed, vec![]);
    let prove = |masked: &PlatformRule| {
        let mut rig = rig();
        rig.root[2].sentence = carries(masked.clone());
        let effective = rig.effective();
        let facts = Facts { components: &components, key: None };
        effective.prove_evidence(&Sentence::EvidenceTrusted, &grounds(&effective, &components), facts, NOW).map(drop)
    };
    assert!(matches!(prove(&masked), Err(ProofError::Step { why: "the evidence hides which hardware it is", .. })));
    masked.allow.insert(Allowance::MaskedChip);
    prove(&masked).unwrap();
}

#[test]
fn every_component_counts_and_the_key_is_the_evidences() {
    let (rig, components, proof) = honest();
    assert_eq!(why(&proof, &rig, &components[..1], Some(bound())), "the evidence has no such component");
    assert_eq!(why(&proof, &rig, &[], Some(bound())), "the evidence has no such component");
    let more = [components.clone(), vec![device()]].concat();
    assert_eq!(why(&proof, &rig, &more, Some(bound())), "a component is left out");
    let swapped = [components[1].clone(), components[0].clone()];
    assert_eq!(why(&proof, &rig, &swapped, Some(bound())), "another attested this component");
    assert_eq!(why(&proof, &rig, &components, None), "the evidence is not bound to this key");
    assert_eq!(why(&proof, &rig, &components, Some(id(8))), "the evidence is not bound to this key");
}

#[test]
fn nothing_is_proved_of_no_evidence() {
    let effective = rig().effective();
    let facts = Facts { components: &[], key: Some(bound()) };
    let error = effective.prove_evidence(&goal(), &[], facts, NOW).unwrap_err();
    assert!(matches!(error, ProofError::Step { rule: Rule::Whole, why: "a component is left out", .. }));
}

/// An attester's right may be inherited; a key that only speaks for a chip's vendor is no vendor.
#[test]
fn an_attester_may_speak_for_one_that_is_trusted() {
    let mut components = vec![device()];
    components[0].attester = subject(4);
    let rig = rig().root(crate::rig::speaks(4, 3));
    let effective = rig.effective();
    let facts = Facts { components: &components, key: Some(bound()) };
    let proof = effective.prove_evidence(&goal(), &grounds(&effective, &components), facts, NOW).unwrap();
    assert!(proof.steps.iter().any(|step| step.rule == Rule::Inherit));
}

/// What is asked of one property is met by one value: not one half here, the other there.
#[test]
fn all_demands_of_a_property_are_met_by_one_value() {
    let demand = |test| Demand { property: "region".into(), test };
    let rule = rule(
        Kind::Snp,
        Identities::AnyGenuineChip,
        vec![
            demand(Test::OneOf(vec![Value::Text("DE".into()), Value::Text("EU".into())])),
            demand(Test::OneOf(vec![Value::Text("EU".into()), Value::Text("US".into())])),
        ],
    );
    let mut rig = rig().says(2, stands_in("US")).says(2, stands_in("CH"));
    rig.root[2].sentence = carries(rule);
    let (effective, components) = (rig.effective(), vec![chip()]);
    let facts = Facts { components: &components, key: Some(bound()) };
    let regions: Vec<_> = effective.properties(&Subject::Hardware(Kind::Snp, vec![0xc0, 0xff, 0xee])).collect();
    assert_eq!(regions.len(), 3);
    for (fact, _, value) in regions {
        let mut grounds = grounds(&effective, &components);
        grounds[0].properties = vec![fact];
        let proof = effective.prove_evidence(&goal(), &grounds, facts, NOW);
        assert_eq!(proof.is_ok(), *value == Value::Text("EU".into()), "{value}");
    }
    let both = grounds(&effective, &components);
    let error = effective.prove_evidence(&goal(), &both, facts, NOW).unwrap_err();
    assert!(matches!(error, ProofError::Step { why: "the properties are not in order, each once", .. }));
}
