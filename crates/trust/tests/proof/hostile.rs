//! Hostile domains: what they cost is counted in facts, steps, visits and bytes, never in seconds.

use std::sync::Arc;

use casemate_cose::{Digest, SigningKey, UnixTime};
use casemate_trust::{
    proof::{Effective, FACTS_MAX, Facts, PROOF_BYTES_MAX, Proof, ProofError, Rule, STEPS_MAX, Step, check},
    statement::{
        Limits, Purpose, Release, STATEMENTS_MAX, Sentence, Signed, Statement, StatementError, Statements, Subject,
        Topic, VALUES_MAX, Validity, Value,
    },
};

use crate::rig::NOW;

/// The most bytes that the prover may hold for a statement; a domain of 10,000 statements stays below 40 MB.
const BYTES_PER_STATEMENT: u64 = 4_000;

/// A key of many: its digest is made up, for statements *about* it.
fn id(number: usize) -> Digest {
    Digest::of(&number.to_be_bytes())
}

fn subject(number: usize) -> Subject {
    Subject::Key(id(number))
}

fn speaks(speaker: usize, principal: usize) -> Sentence {
    Sentence::SpeaksFor { speaker: subject(speaker), principal: subject(principal) }
}

fn trusted(number: usize, purpose: Purpose) -> Sentence {
    Sentence::Trusted { subject: subject(number), purpose }
}

fn of(root: Vec<Sentence>, signed: &[Signed]) -> Arc<Statements> {
    let root = root.into_iter().map(|sentence| Statement::always("", sentence)).collect();
    Arc::new(Statements::new(root, signed).unwrap())
}

/// A key of many that signs.
fn signing(number: usize) -> SigningKey {
    SigningKey::from_seed(Digest::of(&number.to_be_bytes()).as_bytes())
}

fn signs(number: usize, sentence: Sentence) -> Signed {
    let statement = Statement::always("", sentence);
    Signed::sign(&statement, &signing(number).into(), &aws_lc_rs::rand::SystemRandom::new()).unwrap()
}

fn signing_id(number: usize) -> Digest {
    signing(number).public().spki_digest()
}

fn publishes(key: Digest, topic: Topic, depth: u16) -> Sentence {
    Sentence::Trusted { subject: Subject::Key(key), purpose: Purpose::Publishing { topic, depth, limits: None } }
}

/// What follows, within the bytes that its statements allow.
#[track_caller]
fn effective(statements: &Arc<Statements>) -> Effective {
    let mut made = None;
    let info = allocation_counter::measure(|| made = Some(Effective::of(statements, NOW).unwrap()));
    let most = BYTES_PER_STATEMENT * statements.said().len() as u64;
    assert!(info.bytes_max <= most, "{} bytes where {most} are allowed", info.bytes_max);
    let effective = made.unwrap();
    assert!(effective.len() <= FACTS_MAX);
    effective
}

#[track_caller]
fn proof(effective: &Effective, goal: &Sentence) -> Proof {
    let proof = effective.prove(goal, NOW).unwrap().expect("provable");
    assert_eq!(check(&proof, effective.standing(), Facts::NONE, NOW), Ok(goal));
    assert!(Proof::from_bytes(&proof.to_bytes()).is_ok(), "what is made is read");
    proof
}

#[test]
fn ten_thousand_speak_for_one_another_in_a_chain() {
    let chain = (0..10_000).map(|key| speaks(key, key + 1));
    let purposes = [Purpose::Contracts, Purpose::Publishing { topic: Topic::Programs, depth: 3, limits: None }];
    let trust = purposes.iter().map(|purpose| trusted(10_000, purpose.clone()));
    let statements = of(chain.chain(trust).collect(), &[]);
    let effective = effective(&statements);
    // One for each statement, one for each key that inherits, of two rights.
    assert_eq!(effective.len(), 10_002 + 2 * 10_000);
    for purpose in purposes {
        assert_eq!(proof(&effective, &trusted(6_000, purpose.clone())).steps.len(), 8_001);
        // It would follow, in 20,001 steps, and be longer than any proof that is read.
        let error = effective.prove(&trusted(0, purpose), NOW).unwrap_err();
        assert!(matches!(error, ProofError::TooMany { what: "bytes of proof", max: PROOF_BYTES_MAX, .. }), "{error}");
    }
    assert_eq!(proof(&effective, &speaks(6_000, 10_000)).steps.len(), 7_999);
    assert_eq!(effective.prove(&speaks(10_000, 0), NOW).unwrap(), None);
}

#[test]
fn cycles_of_speaking_end() {
    let ring = (0..5_000).map(|key| speaks(key, (key + 1) % 5_000));
    let chords = (0..5_000).map(|key| speaks(key, (key * 7 + 3) % 5_000));
    let statements = of(ring.chain(chords).chain([trusted(0, Purpose::Attestation(None))]).collect(), &[]);
    let effective = effective(&statements);
    assert_eq!(effective.len(), statements.said().len() + 4_999);
    for key in [1, 2_500, 4_999] {
        assert!(
            proof(&effective, &trusted(key, Purpose::Attestation(None))).steps.len() < 100,
            "the shortest way round"
        );
    }
    assert!(proof(&effective, &speaks(17, 17)).steps.len() < 100);
}

/// One speaks for itself, two for each other, one for nobody.
#[test]
fn small_cycles_end() {
    let statements = of(vec![speaks(1, 1), speaks(2, 3), speaks(3, 2), trusted(2, Purpose::Contracts)], &[]);
    let effective = effective(&statements);
    assert_eq!(effective.len(), 5);
    assert_eq!(proof(&effective, &speaks(1, 1)).steps.len(), 1);
}

#[test]
fn delegations_a_thousand_deep() {
    let (root, last) = (publishes(signing_id(0), Topic::Measurements, 1_000), 1_000);
    let mut signed: Vec<Signed> = (0..last)
        .map(|key| signs(key, publishes(signing_id(key + 1), Topic::Measurements, 999 - key as u16)))
        .collect();
    let goal = publishes(signing_id(last), Topic::Measurements, 0);
    let statements = of(vec![root.clone()], &signed);
    let whole = effective(&statements);
    assert_eq!(whole.len(), 1_001);
    assert_eq!(proof(&whole, &goal).steps.len(), 1 + 2 * 1_000);
    // One statement less, and nothing after it follows.
    signed.remove(500);
    let cut = effective(&of(vec![root], &signed));
    assert_eq!(cut.len(), 501);
    assert_eq!(cut.prove(&goal, NOW).unwrap(), None);
}

/// Each of a hundred keys hands on to each, as deep as it may: every key is settled once, at its deepest.
#[test]
fn everyone_delegates_to_everyone() {
    let keys = 60;
    let root = publishes(signing_id(0), Topic::Keys, 50);
    let mut signed = Vec::new();
    for from in 0..keys {
        for to in 0..keys {
            signed.push(signs(from, publishes(signing_id(to), Topic::Keys, 49_u16.saturating_sub(from as u16))));
        }
    }
    let effective = effective(&of(vec![root], &signed));
    // A statement is a fact if who says it may hand on so deep. Nobody holds more than one right but by statements.
    assert!(effective.len() <= 1 + signed.len());
    assert_eq!(effective.visits(), 0);
}

#[test]
fn ten_thousand_statements_of_everything() {
    let mut root =
        vec![publishes(signing_id(0), Topic::Measurements, 1), publishes(signing_id(1), Topic::Revocations, 0)];
    root.extend((0..5_000).map(|number| match number % 3 {
        0 => speaks(number, number / 2),
        1 => trusted(number, Purpose::Attestation(None)),
        _ => Sentence::Revokes(id(number)),
    }));
    let floor = |number| Sentence::Floor(Release { line: format!("line {number}"), version: 1 });
    let signed: Vec<Signed> = (0..4_998)
        .map(|number| match number % 3 {
            0 => signs(0, floor(number)),
            1 => signs(1, Sentence::Revokes(id(number))),
            _ => signs(number, Sentence::Says { key: signing_id(0), sentence: Box::new(floor(number)) }),
        })
        .collect();
    let statements = of(root, &signed);
    assert_eq!(statements.said().len(), 10_000);
    let effective = effective(&statements);
    // Two thirds of what others say is believed: floors and revocations of who may; nobody speaks for the first key.
    assert!(effective.prove(&floor(0), NOW).unwrap().is_some());
    assert!(effective.prove(&floor(2), NOW).unwrap().is_none());
    assert!(effective.len() < 2 * 10_000);
}

/// Each nested statement needs a walk; together they are bounded, and what is beyond is refused, not waited for.
#[test]
fn walks_for_nested_statements_are_bounded() {
    let chain: Vec<Sentence> = (0..8_000).map(|key| speaks(key, key + 1)).collect();
    let nested = |count: usize| -> Vec<Signed> {
        let inner = || Sentence::Says {
            key: id(0),
            sentence: Box::new(Sentence::Says { key: id(4_000), sentence: Box::new(trusted(1, Purpose::Contracts)) }),
        };
        (0..count)
            .map(|number| signs(number, Sentence::Says { key: id(number * 7), sentence: Box::new(inner()) }))
            .collect()
    };
    let few = of(chain.clone(), &nested(100));
    assert!(Effective::of(&few, NOW).unwrap().visits() < 1 << 22);
    // Edges from each signer into the chain make each walk long.
    let signers = 1_000;
    let mut chain = chain;
    chain.extend(
        (0..signers)
            .map(|number| Sentence::SpeaksFor { speaker: Subject::Key(signing_id(number)), principal: subject(0) }),
    );
    let many = of(chain, &nested(signers));
    let info = allocation_counter::measure(|| {
        assert!(matches!(Effective::of(&many, NOW), Err(ProofError::Entangled { .. })));
    });
    assert!(info.bytes_max <= BYTES_PER_STATEMENT * many.said().len() as u64);
}

/// Walks cost what they reach: a stranger's sixteen thousand statements, nested over keys of which each is there once, reach nothing.
#[test]
fn a_strangers_nested_statements_cost_what_they_reach() {
    let nested = |number: usize| {
        (0..8).fold(Sentence::Revokes(id(number)), |inner, level| Sentence::Says {
            key: id(1_000_000 + number * 8 + level),
            sentence: Box::new(inner),
        })
    };
    let signed: Vec<Signed> = (0..STATEMENTS_MAX - 1).map(|number| signs(1, nested(number))).collect();
    let statements = of(vec![trusted(0, Purpose::Contracts)], &signed);
    let (mut made, mut visits) = (None, 0);
    let info = allocation_counter::measure(|| {
        let effective = Effective::of(&statements, NOW).unwrap();
        visits = effective.visits();
        made = Some(effective.len());
    });
    assert_eq!(made, Some(1));
    assert_eq!(visits, 1 + 7 * signed.len() as u64, "one for each key that says something of another's");
    // A vector of all nodes for each key would be 130,000 times 130,000 entries long.
    assert!(info.bytes_total < 4 * BYTES_PER_STATEMENT * STATEMENTS_MAX as u64, "{}", info.bytes_total);
}

#[test]
fn more_statements_than_are_read_are_refused() {
    let root: Vec<Statement> =
        (0..=STATEMENTS_MAX).map(|key| Statement::always("", trusted(key, Purpose::Contracts))).collect();
    assert!(matches!(
        Statements::new(root, &[]),
        Err(StatementError::TooMany { what: "statements", actual, .. }) if actual == STATEMENTS_MAX + 1
    ));
}

/// Statements that all begin and end at other times leave a window of one second.
#[test]
fn ten_thousand_windows() {
    let root = (0..10_000_u64)
        .map(|number| Statement {
            label: String::new(),
            sentence: trusted(number as usize, Purpose::Contracts),
            validity: Validity { not_before: UnixTime(number), not_after: UnixTime(number + 500) },
        })
        .collect();
    let statements = Arc::new(Statements::new(root, &[]).unwrap());
    let effective = effective(&statements);
    assert_eq!(effective.len(), 501);
    assert_eq!(effective.standing().window(), Validity { not_before: NOW, not_after: NOW });
}

/// The checker walks each step once and holds no more than the proof's size.
#[test]
fn the_checker_is_bounded_by_the_proof() {
    let statements = of(vec![], &[]);
    let effective = effective(&statements);
    let steps = (0..STEPS_MAX)
        .map(|number| Step {
            rule: Rule::Policy,
            premises: vec![],
            conclusion: Sentence::SpeaksFor { speaker: subject(number), principal: Subject::Domain(id(number)) },
        })
        .collect();
    let hostile = Proof { at: NOW, steps };
    let info = allocation_counter::measure(|| {
        let error = check(&hostile, effective.standing(), Facts::NONE, NOW).unwrap_err();
        assert_eq!(error, ProofError::Unused { step: 0 });
    });
    assert!(info.bytes_max < 64 * STEPS_MAX as u64);
}

/// A list's length is looked at before its items: each is many times as long in memory.
#[test]
fn long_lists_of_a_proof_are_refused_unread() {
    let honest = Proof {
        at: NOW,
        steps: vec![Step { rule: Rule::Policy, premises: vec![], conclusion: Sentence::EvidenceTrusted }],
    };
    let bytes = honest.to_bytes();
    assert_eq!(Proof::from_bytes(&bytes).unwrap(), honest);
    let step = casemate_cose::encode(&honest.steps[0]);
    let head = bytes.len() - step.len() - 1;
    let many = STEPS_MAX as u32 + 1;
    let hostile = [&bytes[..head], &[0x9a], &many.to_be_bytes(), &step.repeat(many as usize)].concat();
    let info = allocation_counter::measure(|| assert!(Proof::from_bytes(&hostile).is_err()));
    assert!(info.bytes_max < 1 << 16, "{}", info.bytes_max);
}

/// One set of a million empty names is a megabyte of proof, and would be 24 in memory.
#[test]
fn long_sets_of_a_proof_are_refused_unread() {
    let said = |members: Vec<String>| Proof {
        at: NOW,
        steps: vec![Step {
            rule: Rule::Policy,
            premises: vec![],
            conclusion: Sentence::HasProperty { subject: subject(1), name: "n".into(), value: Value::Set(members) },
        }],
    };
    let read = |count: usize| {
        let bytes = said(vec![String::new(); count]).to_bytes();
        let mut read = None;
        let info = allocation_counter::measure(|| read = Some(Proof::from_bytes(&bytes).is_ok()));
        (read, info.bytes_max)
    };
    assert_eq!(read(VALUES_MAX).0, Some(true));
    for count in [VALUES_MAX + 1, PROOF_BYTES_MAX - 200, PROOF_BYTES_MAX] {
        let (read, held) = read(count);
        assert_eq!(read, Some(false));
        assert!(held < 1 << 12, "{held}");
    }
}

/// As many rights of one key as are looked at, of as many names of as many bytes as there may be, for all who speak for it: in a chain, and
/// in a star. Their names are there once, and most of what would follow is not looked at.
#[test]
fn limits_are_inherited_at_bounded_cost() {
    let right = |number: usize| {
        let shared = (0..63).map(|name| format!("a{name:02}{}", "x".repeat(125)));
        let mut releases: Vec<String> = shared.chain([format!("z{number:02}{}", "x".repeat(125))]).collect();
        releases.sort();
        let limits = Limits { releases: Some(releases), ..Limits::default() };
        Purpose::Publishing { topic: Topic::Measurements, depth: 3, limits: Some(Box::new(limits)) }
    };
    for principal in [(|key| key - 1) as fn(usize) -> usize, |_| 0] {
        let rights = (0..64).map(|number| trusted(0, right(number)));
        let speak = (1..=5_000).map(|key| speaks(key, principal(key)));
        let statements = of(rights.chain(speak).collect(), &[]);
        let effective = effective(&statements);
        assert_eq!(effective.len(), 5_064 + (1 << 14));
        // What is proved is refused before it is longer than is read.
        let mut outcome = Ok(None);
        let info = allocation_counter::measure(|| outcome = effective.prove(&trusted(900, right(0)), NOW));
        assert!(info.bytes_max <= 16 << 20, "{}", info.bytes_max);
        match outcome {
            Ok(proof) => assert!(proof.is_some()),
            Err(error) => {
                assert!(matches!(error, ProofError::TooMany { what: "bytes of proof", .. }), "{error}");
            }
        }
    }
}
