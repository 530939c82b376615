//! Limits of rights to publish: each attack succeeds against the naive prover without them, and against nothing else.

use casemate_cose::UnixTime;
use casemate_trust::{
    proof::{Effective, Proof, ProofError, RIGHTS_MAX, Rule, Step},
    statement::{Kind, Limits, Measurement, Purpose, Register, Release, Sentence, Subject, Topic, Value},
};

use crate::{
    reference::{Off, Reference},
    rig::{
        NOW, Rig, floor, from, kinds, lines, measurement, properties, publishes, publishes_within, region, registers,
        released, said, speaks, subject, trusted, until,
    },
};

/// A measurement of another line of releases.
fn of_line(line: &str) -> Sentence {
    let release = Release { line: line.into(), version: 7 };
    Sentence::Trusted { subject: Subject::Measurement(registers(7)), purpose: Purpose::Execution(Some(release)) }
}

fn of_kind(kind: Kind) -> Sentence {
    let registers = vec![Register { name: "measurement".into(), value: vec![7] }];
    let subject = Subject::Measurement(Measurement { kind, registers });
    Sentence::Trusted { subject, purpose: Purpose::Execution(None) }
}

/// Whether the goal follows; without limits it does.
#[track_caller]
fn follows(rig: &Rig, goal: &Sentence) -> bool {
    let statements = rig.statements();
    let naive = |off| Reference { statements: &statements, at: NOW, off }.saturate().contains_key(goal);
    assert!(naive(Off::Limits), "without limits it counts");
    assert_eq!(naive(Off::Nothing), rig.proves(goal), "{goal}");
    naive(Off::Nothing)
}

#[test]
fn a_limited_right_counts_for_what_it_names_and_nothing_else() {
    let rig = Rig::new().root(publishes_within(1, Topic::Measurements, 0, lines(&["runtime"])));
    let says = |sentence: &Sentence| follows(&rig.clone().says(1, sentence.clone()), sentence);
    assert!(says(&released(7, 3)) && says(&floor(2)));
    // Another line, and none.
    assert!(!says(&of_line("other")) && !says(&measurement(7)));
    let rig = Rig::new().root(publishes_within(1, Topic::Measurements, 0, kinds(&[Kind::Snp, Kind::Tdx])));
    let says = |sentence: &Sentence| follows(&rig.clone().says(1, sentence.clone()), sentence);
    assert!(says(&of_kind(Kind::Snp)) && says(&of_kind(Kind::Tdx)));
    // A floor is of no kind, so that it would reach others.
    assert!(!says(&of_kind(Kind::Sgx)) && !says(&measurement(7)) && !says(&floor(2)));
    let rig = Rig::new().root(publishes_within(1, Topic::Properties, 0, properties(&["region"])));
    let operator =
        Sentence::HasProperty { subject: subject(3), name: "operator".into(), value: Value::Text("me".into()) };
    let says = |sentence: &Sentence| follows(&rig.clone().says(1, sentence.clone()), sentence);
    assert!(says(&region(3, "EU")) && !says(&operator));
}

#[test]
fn a_key_limited_to_kinds_says_who_attests_these_and_no_other() {
    let rig = Rig::new().root(publishes_within(1, Topic::Keys, 0, kinds(&[Kind::Snp])));
    let says = |sentence: &Sentence| follows(&rig.clone().says(1, sentence.clone()), sentence);
    assert!(says(&trusted(2, Purpose::Attestation(Some(Kind::Snp)))));
    // Of every kind is of other kinds, too.
    assert!(!says(&trusted(2, Purpose::Attestation(None))));
    assert!(!says(&trusted(2, Purpose::Attestation(Some(Kind::Software)))));
    assert!(!says(&trusted(2, Purpose::Contracts)) && !says(&speaks(2, 3)));
    // What runs on one kind may not attest another.
    let Sentence::Trusted { subject, .. } = of_kind(Kind::Snp) else { unreachable!() };
    let attests = |kind| Sentence::Trusted { subject: subject.clone(), purpose: Purpose::Attestation(kind) };
    assert!(says(&attests(Some(Kind::Snp))) && !says(&attests(Some(Kind::Tdx))) && !says(&attests(None)));
}

#[test]
fn nobody_hands_on_more_than_they_have() {
    let right = |depth| publishes_within(1, Topic::Measurements, depth, lines(&["casemate", "runtime"]));
    let goal = released(7, 3);
    let handed = |limits: Option<Limits>| {
        let purpose = Purpose::Publishing { topic: Topic::Measurements, depth: 0, limits: limits.map(Box::new) };
        let rig = Rig::new().root(right(1)).says(1, trusted(2, purpose)).says(2, goal.clone());
        follows(&rig, &goal)
    };
    assert!(handed(Some(lines(&["runtime"]))) && handed(Some(lines(&["casemate", "runtime"]))));
    assert!(handed(Some(Limits { kinds: Some(vec![Kind::Software]), ..lines(&["runtime"]) })));
    // All of it; more than its own; another list in place of its own.
    assert!(!handed(None));
    assert!(!handed(Some(lines(&["other", "runtime"]))));
    assert!(!handed(Some(kinds(&[Kind::Software]))));
    // Two rights that reach as far only together are not one.
    let rig = Rig::new()
        .root(publishes_within(1, Topic::Measurements, 1, lines(&["runtime"])))
        .root(publishes_within(1, Topic::Measurements, 1, lines(&["other"])))
        .says(1, publishes_within(2, Topic::Measurements, 0, lines(&["other", "runtime"])))
        .says(2, goal.clone());
    assert!(!follows(&rig, &goal));
    let rig = rig.says(1, publishes_within(2, Topic::Measurements, 0, lines(&["runtime"])));
    assert!(follows(&rig, &goal));
}

#[test]
fn who_speaks_for_a_limited_key_inherits_its_limits() {
    let rig = Rig::new().root(publishes_within(1, Topic::Measurements, 0, lines(&["runtime"]))).root(speaks(2, 1));
    assert!(follows(&rig.clone().says(2, released(7, 3)), &released(7, 3)));
    assert!(!follows(&rig.says(2, of_line("other")), &of_line("other")));
}

#[test]
fn a_wider_right_of_less_depth_and_a_narrower_one_of_more_both_count() {
    let rig = Rig::new()
        .root(publishes(1, Topic::Measurements, 0))
        .root(publishes_within(1, Topic::Measurements, 2, lines(&["runtime"])))
        .says(1, of_line("other"))
        .says(1, publishes_within(2, Topic::Measurements, 1, lines(&["runtime"])))
        .says(2, released(7, 3));
    assert!(follows(&rig, &of_line("other")) && follows(&rig, &released(7, 3)));
    assert!(!follows(&rig.says(2, of_line("third")), &of_line("third")));
}

#[test]
fn a_floor_reaches_as_far_as_the_right_that_was_handed_on() {
    let goal = released(1, 1);
    let rig = |own: Limits, handed: Limits| {
        Rig::new()
            .root(publishes(1, Topic::Measurements, 1))
            .root(publishes_within(2, Topic::Measurements, 0, own))
            .says(1, publishes_within(2, Topic::Measurements, 0, handed))
            .says(1, floor(9))
            .says(2, goal.clone())
    };
    // Key 2 has this line of key 1, which retires it, whatever else it has of the root.
    assert!(!follows_off(&rig(lines(&["other"]), lines(&["runtime"])), &goal));
    assert!(!follows_off(&rig(kinds(&[Kind::Snp]), lines(&["runtime"])), &goal));
    // It has it of the root: nobody retires it by handing it on once more.
    assert!(follows_off(&rig(lines(&["runtime"]), lines(&["runtime"])), &goal));
    assert!(follows_off(&rig(kinds(&[Kind::Software]), kinds(&[Kind::Snp])), &goal));
}

/// As `follows`; without floors it does.
#[track_caller]
fn follows_off(rig: &Rig, goal: &Sentence) -> bool {
    let statements = rig.statements();
    let naive = |off| Reference { statements: &statements, at: NOW, off }.saturate().contains_key(goal);
    assert!(naive(Off::Floors), "without floors it counts");
    assert_eq!(naive(Off::Nothing), rig.proves(goal));
    naive(Off::Nothing)
}

/// A proof made by hand: it holds but for what lies outside of the limits.
#[test]
fn the_checker_refuses_what_lies_outside() {
    let outside = [of_line("other"), measurement(7), publishes(2, Topic::Measurements, 0), floor_of("other")];
    for sentence in outside {
        let right = publishes_within(1, Topic::Measurements, 1, lines(&["runtime"]));
        let rig = Rig::new().root(right.clone()).says(1, sentence.clone());
        let leaf = |rule, conclusion| Step { rule, premises: vec![], conclusion };
        let steps = vec![
            leaf(Rule::Domain(rig.root[0].digest()), right),
            leaf(Rule::Signed(rig.signed[0].digest()), said(1, sentence.clone())),
            Step { rule: Rule::Believe, premises: vec![0, 1], conclusion: sentence },
        ];
        let proof = Proof { at: NOW, steps };
        let statements = rig.statements();
        let naive = |off| Reference { statements: &statements, at: NOW, off }.accepts(&proof, NOW);
        assert!(naive(Off::Limits) && !naive(Off::Nothing));
        let why = "the key may publish within limits, and this lies outside";
        assert_eq!(rig.check(&proof), Err(ProofError::Step { step: 2, rule: Rule::Believe, why }));
    }
}

fn floor_of(line: &str) -> Sentence {
    Sentence::Floor(Release { line: line.into(), version: 1 })
}

/// As many rights of one key as there may be, each of as many names, and thousands of statements that just miss each of them.
#[test]
fn thousands_of_statements_within_most_limits_are_bounded() {
    let names = |right: usize| -> Vec<String> { (0..64).map(|name| format!("{right:02} {name:02}")).collect() };
    let mut rig = Rig::new();
    for right in 0..64 {
        let limits = Limits { releases: Some(names(right)), ..Limits::default() };
        rig = rig.root(publishes_within(1, Topic::Measurements, 1, limits));
    }
    for miss in 0..1_000_usize {
        let mut releases = names(miss % 64);
        releases[63] = format!("{:02} 63 {miss}", miss % 64);
        let limits = Limits { releases: Some(releases), ..Limits::default() };
        rig = rig.says(1, publishes_within(2, Topic::Measurements, 0, limits));
    }
    let statements = rig.statements();
    let mut facts = 0;
    let info = allocation_counter::measure(|| facts = Effective::of(&statements, NOW).unwrap().len());
    assert_eq!(facts, 64);
    assert!(info.bytes_max <= 8 << 20, "{}", info.bytes_max);
}

/// How many of the rights to lines that are numbered a key has.
fn rights(rig: &Rig, key: u8, depth: u16) -> usize {
    let effective = rig.effective();
    let right = |number: &u32| {
        let limits = Some(Box::new(lines(&[&line(*number)])));
        let purpose = Purpose::Publishing { topic: Topic::Measurements, depth, limits };
        effective.is_trusted(&subject(key), &purpose).is_some()
    };
    (0..90).filter(right).count()
}

fn line(number: u32) -> String {
    format!("line {number:02}")
}

fn numbered(key: u8, depth: u16, number: u32) -> Sentence {
    publishes_within(key, Topic::Measurements, depth, lines(&[&line(number)]))
}

#[test]
fn of_more_rights_than_are_looked_at_the_last_are_not() {
    let given = |count| (0..count).fold(Rig::new(), |rig, number| rig.root(numbered(1, 0, number)));
    assert_eq!(rights(&given(64), 1, 0), 64);
    assert_eq!(rights(&given(90), 1, 0), 64);
    // Those that another covers are none.
    assert_eq!(rights(&given(90).root(publishes(1, Topic::Measurements, 0)), 1, 0), 90);
}

/// A delegate can hand on what it likes: deeper rights, and more than are looked at. The domain goes on, and so does what its owner says.
#[test]
fn what_a_delegate_hands_on_takes_nothing_from_the_owners() {
    let rig = Rig::new()
        .root(publishes(1, Topic::Measurements, 3))
        .root(publishes_within(2, Topic::Measurements, 0, lines(&["runtime"])))
        .root(speaks(4, 2))
        .root(publishes(3, Topic::Measurements, 0))
        .says(2, released(2, 3))
        .says(4, released(4, 3))
        .says(3, released(3, 3));
    let rig = (0..90).fold(rig, |rig, number| rig.says(1, numbered(2, 2, number)));
    assert_eq!(rights(&rig, 2, 2), 64);
    for value in [2, 3, 4] {
        assert!(rig.proves(&released(value, 3)), "{value}");
    }
}

/// Rights that ended count for floors. Were a floor's own right among those that are not looked at, it would be gone.
#[test]
fn a_floor_counts_for_all_the_rights_that_somebody_else_hands_to_its_key() {
    let rig = Rig::new()
        .root(publishes(1, Topic::Measurements, 3))
        .root(publishes(3, Topic::Measurements, 1))
        .says(3, publishes_within(2, Topic::Measurements, 0, lines(&["runtime"])))
        .says(2, released(1, 1))
        .says(2, floor(2));
    let goal = released(1, 1);
    assert!(!follows_off(&rig, &goal));
    let crowd = (0..65).fold(rig, |rig, number| rig.says_in(1, numbered(2, 2, number), until(500)));
    assert!(!follows_off(&crowd, &goal));
}

/// Of a key's rights, no more than so many are looked at, deepest first. What is believed now by another must not seem to last.
#[test]
fn rights_that_crowd_another_out_hide_no_end() {
    let later = from(NOW.0 + 200);
    let mut rig = Rig::new()
        .root(publishes(1, Topic::Measurements, 1))
        .root(publishes(2, Topic::Measurements, 9))
        .says(1, publishes_within(3, Topic::Measurements, 0, lines(&["runtime"])))
        .says_in(3, released(7, 3), until(NOW.0 + 10));
    for number in 0..RIGHTS_MAX {
        let line = format!("line {number}");
        rig = rig.says_in(2, publishes_within(3, Topic::Measurements, 5, lines(&[&line])), later);
    }
    assert!(rig.proves(&released(7, 3)));
    assert_eq!(rig.effective().lasts(UnixTime(NOW.0 + 100)), UnixTime(NOW.0 + 10));
}
