//! Thousands of random small domains and random evidence: for each choice of grounds, prover and checker do what the naive rules
//! do; what is proved of one piece of evidence is accepted of another only where they say so; and so with damaged proofs.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use casemate_cose::Digest;
use casemate_evidence::Vendor;
use casemate_trust::{
    component::{Component, registry},
    proof::{Effective, Fact, Facts, Grounds, Proof, ProofError, Rule, check},
    statement::{
        Allowance, Demand, Identities, Kind, Measurement, PlatformRule, Purpose, Register, Release, Sentence, Speaker,
        Subject, Test, Topic, Value,
    },
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::{
    reference::{Off, Reference},
    rig::{NOW, Rig, floor, id, publishes, speaks, subject},
    seen::{OWN, Seen, steps_of_evidence},
};

/// Choices of grounds that are tried for one component.
const CHOICES_MAX: usize = 48;

/// Who says what: 0 is the root. What is revoked is an earlier line.
#[derive(Clone, Debug)]
struct Line(u8, Result<Sentence, prop::sample::Index>);

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![4 => Just(Kind::Snp), 1 => Just(Kind::Dice)]
}

fn attester() -> impl Strategy<Value = Subject> {
    prop_oneof![2 => Just(Subject::Vendor(Vendor::Amd)), 2 => (1..3_u8).prop_map(subject)]
}

fn danger() -> impl Strategy<Value = BTreeSet<Allowance>> {
    let some = prop::sample::select(vec![Allowance::Debug, Allowance::MaskedChip, Allowance::Migratable]);
    prop_oneof![3 => Just(BTreeSet::new()), 1 => prop::collection::btree_set(some, 1..3)]
}

/// A property and a value that it can have; one of another type now and then.
fn property() -> impl Strategy<Value = (&'static str, Value)> {
    let text = |text: &'static str| Value::Text(text.to_owned());
    let region = prop::sample::select(vec!["CH", "EU", "US"]);
    prop_oneof![
        4 => (0..3_u64).prop_map(|level| ("level", Value::Number(level))),
        4 => region.prop_map(move |region| ("region", text(region))),
        2 => prop::sample::select(vec!["Milan", "Genoa"]).prop_map(move |product| ("product", text(product))),
        1 => Just(("level", text("2"))),
        1 => prop::sample::subsequence(vec!["a".to_owned(), "b".to_owned()], 0..3).prop_map(|set| ("set", Value::Set(set))),
    ]
}

fn demand() -> impl Strategy<Value = Demand> {
    let of = |name: &str, test| Demand { property: name.to_owned(), test };
    let one_of = prop::collection::btree_set(property().prop_map(|(_, value)| value), 1..3);
    prop_oneof![
        3 => (0..3_u64).prop_map(move |level| of("level", Test::AtLeast(Value::Number(level)))),
        1 => (0..3_u64).prop_map(move |level| of("level", Test::AtMost(Value::Number(level)))),
        3 => property().prop_map(move |(name, value)| of(name, Test::Equals(value))),
        3 => property().prop_map(move |(name, value)| of(name, Test::NotEquals(value))),
        1 => prop::sample::subsequence(vec!["a".to_owned(), "b".to_owned()], 0..3).prop_map(move |set| of("set", Test::SubsetOf(set))),
        3 => (property(), one_of).prop_filter_map("of one type", move |((name, value), mut values)| {
            values.retain(|other| other.same_type(&value));
            values.insert(value);
            Some(of(name, Test::OneOf(values.into_iter().collect())))
        }),
    ]
}

fn rule() -> impl Strategy<Value = PlatformRule> {
    let listed = |all: &[u8]| Identities::Listed(all.iter().map(|one| vec![*one].into()).collect());
    let identities = prop_oneof![
        3 => Just(Identities::AnyGenuineChip),
        2 => Just(listed(&[1])),
        1 => Just(listed(&[1, 2])),
    ];
    let demands = prop_oneof![1 => Just(0..1), 3 => Just(1..4)]
        .prop_flat_map(|count| prop::collection::btree_set(demand(), count))
        .prop_map(|demands| demands.into_iter().collect());
    let parts = (kind(), identities, demands, danger());
    parts.prop_map(|(kind, identities, demands, allow)| PlatformRule { kind, identities, demands, allow })
}

fn measurement() -> impl Strategy<Value = Measurement> {
    let registers = prop::collection::btree_map(prop::sample::select(vec!["m", "n"]), 0..2_u8, 1..3);
    (kind(), registers).prop_map(|(kind, registers)| {
        let register = |(name, value): (&str, u8)| Register { name: name.to_owned(), value: vec![value] };
        Measurement { kind, registers: registers.into_iter().map(register).collect() }
    })
}

fn sentence() -> impl Strategy<Value = Sentence> {
    let trusted = |subject, purpose| Sentence::Trusted { subject, purpose };
    let key = || 1..4_u8;
    let topic = prop::sample::select(vec![
        Topic::Keys,
        Topic::Measurements,
        Topic::Platforms,
        Topic::Properties,
        Topic::Revocations,
    ]);
    let release = prop::option::weighted(0.3, 0..3_u64);
    let release = release.prop_map(|it| it.map(|version| Release { line: "runtime".to_owned(), version }));
    let of = prop_oneof![
        3 => (kind(), 1..3_u8).prop_map(|(kind, chip)| Subject::Hardware(kind, vec![chip])),
        1 => (1..3_u8).prop_map(subject),
    ];
    prop_oneof![
        5 => (attester(), attested()).prop_map(move |(attester, purpose)| trusted(attester, purpose)),
        6 => rule().prop_map(move |rule| trusted(Subject::Platform(rule), Purpose::Execution(None))),
        6 => (measurement(), release).prop_map(move |(it, release)| trusted(Subject::Measurement(it), Purpose::Execution(release))),
        1 => (measurement(), attested()).prop_map(move |(it, purpose)| trusted(Subject::Measurement(it), purpose)),
        1 => (0..3_u64).prop_map(floor),
        1 => measurement().prop_map(|it| Sentence::Distrusts(Subject::Measurement(it))),
        4 => (of, property()).prop_map(|(subject, (name, value))| Sentence::HasProperty { subject, name: name.to_owned(), value }),
        3 => (key(), topic, 0..2_u16).prop_map(|(key, topic, depth)| publishes(key, topic, depth)),
        1 => (key(), key()).prop_map(|(speaker, principal)| speaks(speaker, principal)),
    ]
}

/// Lines that get evidence accepted, of which each domain has some.
fn usual() -> Vec<Line> {
    let trusted = |subject, purpose| Line(0, Ok(Sentence::Trusted { subject, purpose }));
    let region = |region: &str| Value::Text(region.to_owned());
    let here = Demand { property: "region".to_owned(), test: Test::OneOf(vec![region("CH"), region("EU")]) };
    let rule = |demands| {
        let (identities, allow) = (Identities::AnyGenuineChip, BTreeSet::from([Allowance::Migratable]));
        PlatformRule { kind: Kind::Snp, identities, demands, allow }
    };
    let stands =
        |subject, text| Line(0, Ok(Sentence::HasProperty { subject, name: "region".to_owned(), value: region(text) }));
    let runs = |value| {
        let registers = vec![Register { name: "m".to_owned(), value: vec![value] }];
        Subject::Measurement(Measurement { kind: Kind::Snp, registers })
    };
    let attesters = [Subject::Vendor(Vendor::Amd), subject(1), subject(2)];
    let mut lines: Vec<Line> =
        attesters.into_iter().map(|attester| trusted(attester, Purpose::Attestation(None))).collect();
    lines.extend((0..2).map(|value| trusted(runs(value), Purpose::Execution(None))));
    lines.push(trusted(runs(1), Purpose::Attestation(None)));
    lines.push(trusted(Subject::Platform(rule(vec![here])), Purpose::Execution(None)));
    lines.push(trusted(Subject::Platform(rule(vec![])), Purpose::Execution(None)));
    lines.push(stands(Subject::Hardware(Kind::Snp, vec![1]), "EU"));
    lines.push(stands(subject(1), "CH"));
    lines
}

fn line() -> impl Strategy<Value = Line> {
    let what = prop_oneof![12 => sentence().prop_map(Ok), 1 => any::<prop::sample::Index>().prop_map(Err)];
    (prop_oneof![3 => Just(0), 1 => 1..4_u8], what).prop_map(|(speaker, what)| Line(speaker, what))
}

fn component() -> impl Strategy<Value = Component> {
    let properties = prop::collection::btree_map(Just(()), property(), 0..2);
    let level = prop::option::weighted(0.8, (0..3_u64).prop_map(|level| ("level", Value::Number(level))));
    let identity = prop_oneof![3 => Just(Some(vec![1])), 1 => Just(Some(vec![2])), 1 => Just(None)];
    let registers = (0..2_u8, 0..2_u8).prop_map(|(m, n)| vec![("m".to_owned(), vec![m]), ("n".to_owned(), vec![n])]);
    let registers = prop_oneof![8 => registers, 1 => Just(vec![])];
    (kind(), attester(), identity, level, properties, registers, danger()).prop_map(
        |(kind, attester, identity, level, more, registers, dangers)| {
            let properties: BTreeMap<&str, Value> = more.into_values().chain(level).collect();
            let properties = properties.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
            Component { name: "one".to_owned(), kind, attester, identity, properties, registers, dangers }
        },
    )
}

fn domain(lines: &[Line]) -> Rig {
    let (mut rig, mut digests) = (Rig::new(), Vec::new());
    for Line(speaker, what) in lines {
        let sentence = match what {
            Ok(sentence) => sentence.clone(),
            Err(_) if digests.is_empty() => continue,
            Err(index) => Sentence::Revokes(*index.get(&digests)),
        };
        if *speaker == 0 {
            rig = rig.root(sentence);
            digests.push(rig.root.last().unwrap().digest());
        } else {
            rig = rig.says(*speaker, sentence);
            digests.push(rig.signed.last().unwrap().digest());
        }
    }
    rig
}

/// A choice of grounds for one component, and the sentences on which they rest.
struct Choice {
    grounds: Grounds,
    properties: Vec<Sentence>,
}

/// Attestation of any kind, of the right one, of others.
fn attested() -> impl Strategy<Value = Purpose> {
    let kinds = vec![None, Some(Kind::Snp), Some(Kind::Snp), Some(Kind::Dice), Some(Kind::Software)];
    prop::sample::select(kinds).prop_map(Purpose::Attestation)
}

/// Every choice that the domain offers for a component of this kind and attester, fitting or not.
fn choices(effective: &Effective, component: &Component) -> Vec<Choice> {
    let Some(attester) = effective.is_trusted(&component.attester, &Purpose::Attestation(Some(component.kind))) else {
        return Vec::new();
    };
    let platforms: Vec<Fact> =
        Kind::ALL.iter().flat_map(|kind| effective.platform_rules(*kind)).map(|(fact, _)| fact).collect();
    let measurements: Vec<Fact> =
        Kind::ALL.iter().flat_map(|kind| effective.all_measurements(*kind)).map(|(fact, ..)| fact).collect();
    let chips = [Kind::Snp, Kind::Dice]
        .into_iter()
        .flat_map(|kind| (1..3).map(move |chip| Subject::Hardware(kind, vec![chip])));
    let said: Vec<Fact> = chips
        .chain((1..3).map(subject))
        .flat_map(|subject| effective.properties(&subject).map(|(fact, ..)| fact).collect::<Vec<_>>())
        .collect();
    let pairs = said.iter().flat_map(|one| said.iter().map(move |other| vec![*one, *other]));
    let lent: Vec<Vec<Fact>> = std::iter::once(vec![]).chain(said.iter().map(|one| vec![*one])).chain(pairs).collect();
    let mut choices = Vec::new();
    for platform in &platforms {
        for properties in &lent {
            for measurement in &measurements {
                let grounds = Grounds {
                    attester,
                    measurement: *measurement,
                    platform: *platform,
                    properties: properties.clone(),
                };
                let properties = properties.iter().map(|fact| effective.sentence(*fact).unwrap()).collect();
                choices.push(Choice { grounds, properties });
            }
        }
    }
    choices
}

/// What the naive rules say of a choice, the component alone.
fn carries(seen: &Seen<'_>, effective: &Effective, choice: &Choice, known: &BTreeSet<&Sentence>) -> bool {
    let sentence = |fact| {
        let sentence = effective.sentence(fact).unwrap();
        assert!(known.contains(&sentence), "{sentence} is not known");
        sentence
    };
    let Grounds { attester, measurement, platform, .. } = choice.grounds;
    let vouched = seen.makes(Rule::Vouch, &[&sentence(attester)]);
    let environment = Sentence::IsEnvironment(0);
    let rule = sentence(platform);
    let premises: Vec<&Sentence> = [&environment, &rule].into_iter().chain(&choice.properties).collect();
    vouched.contains(&environment)
        && !seen.makes(Rule::PlatformMeets, &premises).is_empty()
        && !seen.makes(Rule::Measured, &[&environment, &sentence(measurement)]).is_empty()
        && !seen.refuses(0, is_own(effective, measurement))
}

/// Whether the root says it.
fn is_own(effective: &Effective, fact: Fact) -> bool {
    effective.said(fact).is_some_and(|said| said.speaker() == Speaker::Root)
}

fn goals() -> Vec<Sentence> {
    let key = |purpose| Sentence::Trusted { subject: Subject::Key(bound()), purpose };
    let kinds = [None, Some(Kind::Snp), Some(Kind::Software)].map(Purpose::Attestation);
    let purposes = [Purpose::Authentication, Purpose::Contracts, Purpose::KeyProvision].into_iter().chain(kinds);
    std::iter::once(Sentence::EvidenceTrusted).chain(purposes.map(key)).collect()
}

fn bound() -> Digest {
    id(9)
}

/// How often what happened.
#[derive(Default)]
struct Tally(RefCell<BTreeMap<String, u32>>);

impl Tally {
    fn add(&self, what: &str) {
        *self.0.borrow_mut().entry(what.to_owned()).or_insert(0) += 1;
    }

    #[track_caller]
    fn at_least(&self, what: &str, least: u32) {
        let tally = self.0.borrow();
        assert!(tally.get(what).is_some_and(|count| *count >= least), "{what} of {tally:#?}");
    }
}

fn why(error: &ProofError) -> &'static str {
    match error {
        ProofError::Step { why, .. } => why,
        ProofError::Foreign => "foreign",
        other => panic!("{other}"),
    }
}

/// Changes of steps about evidence.
fn damaged(proof: &Proof) -> Vec<Proof> {
    let mut all = Vec::new();
    let mut with = |place: usize, change: &dyn Fn(&mut casemate_trust::proof::Step)| {
        let mut changed = proof.clone();
        change(&mut changed.steps[place]);
        all.push(changed);
    };
    for place in steps_of_evidence(proof) {
        for premise in 0..proof.steps[place].premises.len() {
            with(place, &|step| {
                step.premises.remove(premise);
            });
            for other in 0..place {
                with(place, &|step| step.premises[premise] = u32::try_from(other).unwrap());
            }
        }
        with(place, &|step| step.premises.reverse());
        for rule in [
            Rule::Vouch,
            Rule::PlatformMeets,
            Rule::Measured,
            Rule::Compose,
            Rule::Whole,
            Rule::Authenticate,
            Rule::Bound,
        ] {
            with(place, &|step| step.rule = rule);
        }
        let places = [Sentence::IsEnvironment(1), Sentence::PlatformTrusted(1), Sentence::MeasurementTrusted(1)];
        for sentence in places.into_iter().chain(goals()) {
            with(place, &|step| step.conclusion = sentence.clone());
        }
    }
    all.retain(|changed| changed != proof);
    all
}

#[test]
fn prover_checker_and_naive_rules_agree_about_evidence() {
    let cases = 2_600;
    for (kind, name) in OWN {
        assert!(registry::property(kind, name).is_some());
    }
    assert!(["level", "region", "set"].iter().all(|name| registry::property(Kind::Snp, name).is_none()));
    let tally = Tally::default();
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let given = (
        prop::sample::subsequence(usual(), 0..=usual().len()),
        prop::collection::vec(line(), 2..14),
        prop::collection::vec(component(), 1..3),
        component(),
        prop::option::weighted(0.8, Just(bound())),
    );
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
        .run(&given, |(usual, lines, components, other, key)| {
            let lines = [usual, lines].concat();
            of_case(&lines, &components, &other, key, &tally);
            Ok(())
        })
        .unwrap();
    for what in ["accepted", "denied", "whole", "two accepted", "other evidence accepted", "other evidence denied"] {
        tally.at_least(what, 100);
    }
    for why in [
        "a property is missing",
        "a property is not as demanded",
        "a property is not asked for",
        "a property is of something else",
        "a register has another value",
        "only evidence can say such a property",
        "the evidence hides which hardware it is",
        "the hardware is not among those listed",
        "the properties are not in order, each once",
        "the rule does not allow a danger of the component",
        "the rule is for another kind of platform",
        "what runs is revoked",
        "what is only said of a component is excluded by nothing",
    ] {
        tally.at_least(why, 5);
    }
    tally.at_least("lent", 100);
    tally.at_least("attests", 10);
    tally.at_least("damaged accepted", 30);
    tally.at_least("damaged denied", 10_000);
}

fn of_case(lines: &[Line], components: &[Component], other: &Component, key: Option<Digest>, tally: &Tally) {
    let rig = domain(lines);
    let (statements, effective) = (rig.statements(), rig.effective());
    let reference = Reference { statements: &statements, at: NOW, off: Off::Nothing };
    let (saturated, stands) = (reference.saturate(), reference.standing());
    let known: Vec<&Sentence> = saturated.keys().collect();
    let set: BTreeSet<&Sentence> = known.iter().copied().collect();
    let (gone, own) = (reference.gone(), rig.root.iter().map(|own| own.sentence.clone()).collect::<Vec<_>>());
    let whole = Seen { components, key, gone: &gone, own: &own };
    // Each component alone: every choice, and whether there is one.
    let mut chosen = Vec::new();
    for component in components {
        let alone = [component.clone()];
        let (facts, seen) = (Facts { components: &alone, key }, Seen { components: &alone, ..whole });
        let choices = choices(&effective, component);
        let follows = seen.saturate(&known).contains(&Sentence::EvidenceTrusted);
        let holds: Vec<bool> = choices.iter().map(|choice| carries(&seen, &effective, choice, &set)).collect();
        assert_eq!(follows, holds.contains(&true), "a choice is missing");
        // What the indexes offer: of two statements that say the same, one will do.
        let says = |fact| effective.sentence(fact).unwrap();
        let rules = effective.platform_rules_for(component.kind, component.identity.as_deref());
        let listed: BTreeSet<Sentence> = rules.map(|(fact, _)| says(fact)).collect();
        let measured = effective.measurements(component.kind, &component.registers);
        for (fact, _) in &measured {
            assert!(!seen.makes(Rule::Measured, &[&Sentence::IsEnvironment(0), &says(*fact)]).is_empty());
            assert!(!seen.refuses(0, is_own(&effective, *fact)));
        }
        // Every choice that holds is tried; of the others, some of all.
        let step = choices.len().div_ceil(CHOICES_MAX).max(1);
        for (place, (choice, holds)) in choices.iter().zip(&holds).enumerate() {
            if !holds && place % step != 0 {
                continue;
            }
            let grounds = std::slice::from_ref(&choice.grounds);
            let proved = effective.prove_evidence(&Sentence::EvidenceTrusted, grounds, facts, NOW);
            assert_eq!(proved.is_ok(), *holds, "{proved:?} of {component:?}");
            match proved {
                Ok(proof) => {
                    tally.add("accepted");
                    assert!(reference.accepts_of(&seen, &stands, &proof, NOW));
                    assert!(listed.contains(&says(choice.grounds.platform)) && !measured.is_empty());
                    if !choice.properties.is_empty() {
                        tally.add("lent");
                    }
                }
                Err(error) => {
                    tally.add("denied");
                    tally.add(why(&error));
                }
            }
        }
        chosen.extend(choices.into_iter().zip(holds).find(|(_, holds)| *holds).map(|(choice, _)| choice.grounds));
    }
    // All of them together, for every goal.
    let (facts, seen) = (Facts { components, key }, whole);
    let follows = seen.saturate(&known);
    assert_eq!(follows.contains(&Sentence::EvidenceTrusted), chosen.len() == components.len());
    for goal in goals() {
        let proved = effective.prove_evidence(&goal, &chosen, facts, NOW);
        assert_eq!(proved.is_ok(), follows.contains(&goal), "{goal}: {proved:?}");
        let Ok(proof) = proved else { continue };
        tally.add(if components.len() == 2 { "two accepted" } else { "whole" });
        if matches!(goal, Sentence::Trusted { purpose: Purpose::Attestation(_), .. }) {
            tally.add("attests");
        }
        of_other((&reference, &stands, &seen), &effective, &proof, (components, other), tally);
        of_damaged((&reference, &stands, &seen), &effective, &proof, tally);
    }
}

/// A damaged proof, held against its own evidence.
fn of_damaged(
    (reference, stands, seen): (&Reference<'_>, &[Digest], &Seen<'_>),
    effective: &Effective,
    proof: &Proof,
    tally: &Tally,
) {
    let facts = Facts { components: seen.components, key: seen.key };
    for changed in damaged(proof) {
        let accepted = check(&changed, effective.standing(), facts, NOW).is_ok();
        assert_eq!(accepted, reference.accepts_of(seen, stands, &changed, NOW), "{changed:?}");
        tally.add(if accepted { "damaged accepted" } else { "damaged denied" });
    }
}

/// A proof of some evidence, held against other evidence.
fn of_other(
    (reference, stands, seen): (&Reference<'_>, &[Digest], &Seen<'_>),
    effective: &Effective,
    proof: &Proof,
    (components, other): (&[Component], &Component),
    tally: &Tally,
) {
    let mut others = vec![vec![other.clone()], [components, std::slice::from_ref(other)].concat(), Vec::new()];
    let mut with = |change: &dyn Fn(&mut Component)| {
        let mut changed = components.to_vec();
        change(&mut changed[0]);
        others.push(changed);
    };
    with(&|own| own.attester = other.attester.clone());
    with(&|own| own.dangers = other.dangers.clone());
    with(&|own| own.identity = other.identity.clone());
    with(&|own| own.kind = other.kind);
    with(&|own| own.properties = other.properties.clone());
    with(&|own| own.registers = other.registers.clone());
    for components in &others {
        for key in [None, Some(bound()), Some(id(8))] {
            let accepted = check(proof, effective.standing(), Facts { components, key }, NOW).is_ok();
            let expected = reference.accepts_of(&Seen { components, key, ..*seen }, stands, proof, NOW);
            assert_eq!(accepted, expected, "{proof:?} of {components:?}");
            tally.add(if accepted { "other evidence accepted" } else { "other evidence denied" });
        }
    }
}
