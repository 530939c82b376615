//! Thousands of random small domains: prover and naive prover agree on every goal, the checker accepts every proof, the order
//! of statements never matters, and a statement more takes nothing away unless it revokes or is a floor.

use std::{cell::RefCell, collections::BTreeMap};

use casemate_trust::{
    proof::{Facts, Proof, Rule, check},
    statement::{Kind, Limits, Purpose, Sentence, Subject, Topic, Validity},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::{
    reference::{Off, Reference},
    rig::{
        NOW, Rig, covers, floor, from, id, kinds, lines, measurement, properties, publishes, publishes_within, region,
        registers, released, said, speaks, subject, trusted, until,
    },
};

/// Keys 1 to this.
const KEYS: u8 = 3;
const TOPICS: [Topic; 4] = [Topic::Keys, Topic::Measurements, Topic::Properties, Topic::Revocations];

#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// 0 is the root.
    speaker: u8,
    nested: Vec<u8>,
    what: What,
    validity: Validity,
}

#[derive(Clone, Debug)]
enum What {
    Floor(u64),
    Measurement(u8),
    Owns(u8, Purpose),
    Publishes(u8, Topic, u16, Option<Limits>),
    Region(u8),
    Released(u8, u64),
    /// A key, or what runs.
    Distrusts(u8, bool),
    /// An earlier line.
    Revokes(prop::sample::Index),
    Speaks(u8, u8),
    SpeaksForDomain(u8, u8),
}

fn domains() -> impl Strategy<Value = Vec<Line>> {
    let key = 1..=KEYS;
    let what = prop_oneof![
        8 => (key.clone(), limited(), 0..3_u16).prop_map(|(key, (topic, limits), depth)| What::Publishes(key, topic, depth, limits)),
        4 => (key.clone(), key.clone()).prop_map(|(speaker, principal)| What::Speaks(speaker, principal)),
        1 => (key.clone(), key.clone()).prop_map(|(speaker, domain)| What::SpeaksForDomain(speaker, domain)),
        2 => (key.clone(), prop::sample::select(purposes().to_vec())).prop_map(|(key, purpose)| What::Owns(key, purpose)),
        2 => (1..3_u8).prop_map(What::Measurement),
        1 => (1..3_u8, 0..3_u64).prop_map(|(value, version)| What::Released(value, version)),
        1 => (0..3_u64).prop_map(What::Floor),
        1 => key.clone().prop_map(What::Region),
        2 => any::<prop::sample::Index>().prop_map(What::Revokes),
        1 => (key.clone(), prop::bool::weighted(0.3)).prop_map(|(number, runs)| What::Distrusts(number, runs)),
    ];
    let validity = prop_oneof![
        16 => Just(Validity::ALWAYS),
        1 => Just(until(999)),
        1 => Just(until(1_000)),
        1 => Just(from(1_000)),
        1 => Just(from(1_001)),
    ];
    let nested = prop_oneof![7 => Just(vec![]), 1 => prop::collection::vec(key, 1..3)];
    let speaker = prop_oneof![2 => Just(0), 3 => 1..=KEYS];
    let line = (speaker, nested, what, validity).prop_map(|(speaker, nested, what, validity)| Line {
        speaker,
        nested,
        what,
        validity,
    });
    prop::collection::vec(line, 2..14)
}

/// A topic, and limits that its statements can have: mostly such as some of them keep.
fn limited() -> impl Strategy<Value = (Topic, Option<Limits>)> {
    let some = [lines(&["runtime"]), lines(&["other"]), lines(&["other", "runtime"]), kinds(&[Kind::Software])];
    let more = [kinds(&[Kind::Snp, Kind::Software]), Limits { kinds: Some(vec![Kind::Snp]), ..lines(&["runtime"]) }];
    let own = [properties(&["region"]), properties(&["operator"]), properties(&["operator", "region"])];
    let of_keys = [kinds(&[Kind::Snp]), kinds(&[Kind::Snp, Kind::Software])];
    let of_measurements = [some.to_vec(), more.to_vec()].concat();
    let within =
        |topic: Topic, limits: Vec<Limits>| prop::sample::select(limits).prop_map(move |limits| (topic, Some(limits)));
    prop_oneof![
        5 => prop::sample::select(&TOPICS[..]).prop_map(|topic| (topic, None)),
        3 => within(Topic::Measurements, of_measurements),
        1 => within(Topic::Properties, own.to_vec()),
        1 => within(Topic::Keys, of_keys.to_vec()),
    ]
}

fn purposes() -> [Purpose; 6] {
    let [any, chips, launchers] = [None, Some(Kind::Snp), Some(Kind::Software)].map(Purpose::Attestation);
    [any, chips, launchers, Purpose::Authentication, Purpose::Contracts, Purpose::KeyProvision]
}

/// The lines' statements; each after those that it may revoke.
fn domain(lines: &[Line]) -> Rig {
    let (mut rig, mut digests) = (Rig::new(), Vec::new());
    for Line { speaker, nested, what, validity } in lines {
        let sentence = match what {
            What::Distrusts(key, false) => Sentence::Distrusts(subject(*key)),
            What::Distrusts(value, true) => Sentence::Distrusts(Subject::Measurement(registers(*value))),
            What::Floor(version) => floor(*version),
            What::Measurement(value) => measurement(*value),
            What::Owns(key, purpose) => trusted(*key, purpose.clone()),
            What::Publishes(key, topic, depth, None) => publishes(*key, *topic, *depth),
            What::Publishes(key, topic, depth, Some(limits)) => publishes_within(*key, *topic, *depth, limits.clone()),
            What::Region(key) => region(*key, "EU"),
            What::Released(value, version) => released(*value, *version),
            What::Revokes(_) if digests.is_empty() => continue,
            What::Revokes(index) => Sentence::Revokes(*index.get(&digests)),
            What::Speaks(speaker, principal) => speaks(*speaker, *principal),
            What::SpeaksForDomain(speaker, domain) => {
                Sentence::SpeaksFor { speaker: subject(*speaker), principal: Subject::Domain(id(*domain)) }
            }
        };
        if *speaker == 0 {
            rig = rig.root_in(sentence, *validity);
            digests.push(rig.root.last().unwrap().digest());
        } else {
            let sentence = nested.iter().rev().fold(sentence, |inner, key| said(*key, inner));
            rig = rig.says_in(*speaker, sentence, *validity);
            digests.push(rig.signed.last().unwrap().digest());
        }
    }
    rig
}

fn goals() -> Vec<Sentence> {
    let mut goals = Vec::new();
    for key in 1..=KEYS {
        goals.extend(purposes().map(|purpose| trusted(key, purpose)));
        goals.extend(TOPICS.iter().flat_map(|topic| (0..3).map(move |depth| publishes(key, *topic, depth))));
        goals.push(region(key, "EU"));
        for other in 1..=KEYS {
            goals.push(speaks(key, other));
            goals.push(Sentence::SpeaksFor { speaker: subject(key), principal: Subject::Domain(id(other)) });
            goals.push(said(key, publishes(other, Topic::Keys, 0)));
        }
        goals.extend((1..3).map(|value| said(key, measurement(value))));
    }
    for value in 1..3 {
        goals.push(measurement(value));
        goals.extend((0..3).map(|version| released(value, version)));
    }
    goals.extend((0..3).map(floor));
    goals
}

/// Runs a property on many domains, the same ones each time.
fn on_domains(cases: u32, property: impl Fn(&[Line])) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    runner
        .run(&domains(), |lines| {
            property(&lines);
            Ok(())
        })
        .unwrap();
}

#[test]
fn prover_and_naive_prover_agree_on_thousands_of_domains() {
    let (rules, goals) = (RefCell::new(BTreeMap::new()), goals());
    on_domains(3_000, |lines| {
        let rig = domain(lines);
        let (statements, effective) = (rig.statements(), rig.effective());
        let reference = Reference { statements: &statements, at: NOW, off: Off::Nothing };
        let known = reference.saturate();
        let standing = reference.standing();
        for said in statements.said() {
            let stands = effective.standing().find(said.digest()).is_some();
            assert_eq!(stands, standing.contains(&said.digest()), "{said:?}");
        }
        for goal in goals.iter().chain(known.keys()) {
            let expected = known.keys().any(|known| covers(known, goal));
            let proof = effective.prove(goal, NOW).unwrap();
            assert_eq!(proof.is_some(), expected, "{goal}");
            let Some(proof) = proof else { continue };
            assert!(covers(check(&proof, effective.standing(), Facts::NONE, NOW).unwrap(), goal));
            assert!(reference.accepts(&proof, NOW));
            for step in &proof.steps {
                *rules.borrow_mut().entry(name(step.rule)).or_insert(0_u32) += 1;
            }
        }
    });
    // The domains are worth their name: every rule was at work, often.
    let rules = rules.into_inner();
    for rule in ["domain", "signed", "policy", "believe", "relay", "inherit", "transit"] {
        assert!(rules.get(rule).is_some_and(|count| *count > 500), "{rules:?}");
    }
}

#[test]
fn the_order_of_statements_never_matters() {
    let goals = goals();
    on_domains(500, |lines| {
        let rig = domain(lines);
        let mut turned = rig.clone();
        turned.root.reverse();
        turned.signed.rotate_left(rig.signed.len() / 2);
        turned.signed.extend(rig.signed.first().cloned());
        let (one, other) = (rig.effective(), turned.effective());
        assert_eq!(one.len(), other.len());
        for goal in &goals {
            let bytes = |proof: Option<Proof>| proof.map(|proof| proof.to_bytes());
            assert_eq!(bytes(one.prove(goal, NOW).unwrap()), bytes(other.prove(goal, NOW).unwrap()));
        }
    });
}

#[test]
fn a_statement_more_takes_nothing_away_unless_it_revokes_or_is_a_floor() {
    let (goals, taken) = (goals(), RefCell::new(0));
    on_domains(1_500, |lines| {
        let Some((last, before)) = lines.split_last() else { return };
        let takes = matches!(last.what, What::Distrusts(..) | What::Floor(_) | What::Revokes(_))
            // What hands on the right to revoke, or to set floors, may make a revocation or floor count.
            || lines.iter().any(|line| matches!(line.what, What::Distrusts(..) | What::Floor(_) | What::Revokes(_)) && line.speaker != 0);
        let (less, more) = (domain(before).effective(), domain(lines).effective());
        for goal in &goals {
            if less.prove(goal, NOW).unwrap().is_some() && more.prove(goal, NOW).unwrap().is_none() {
                assert!(takes, "{last:?} takes away {goal}");
                *taken.borrow_mut() += 1;
            }
        }
    });
    assert!(*taken.borrow() > 20, "revocations and floors do take away: {taken:?}");
}

fn name(rule: Rule) -> &'static str {
    match rule {
        Rule::Domain(_) => "domain",
        Rule::Signed(_) => "signed",
        Rule::Policy => "policy",
        Rule::Believe => "believe",
        Rule::Relay => "relay",
        Rule::Inherit => "inherit",
        Rule::Transit => "transit",
        _ => "of evidence",
    }
}
