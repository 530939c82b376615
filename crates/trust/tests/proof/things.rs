//! Revocations of keys, measurements and programs: whoever trusts them in whatever words.

use casemate_cose::{Digest, encode};
use casemate_trust::{
    component::Component,
    proof::{Facts, Grounds, ProofError, Standing, State, check},
    statement::{Kind, Measurement, Purpose, Register, Sentence, Statement, StatementError, Subject, Topic, Validity},
};

use crate::{
    evidence::{bound, chip, device, goal, grounds, honest, rig as evidence},
    reference::{Off, Reference},
    rig::{NOW, Rig, from, measurement, publishes, registers, said, speaks, subject, trusted, until},
};

fn gone(key: u8) -> Sentence {
    Sentence::Distrusts(subject(key))
}

fn runs(value: u8) -> Sentence {
    Sentence::Distrusts(Subject::Measurement(registers(value)))
}

/// Whether the goal follows; without revocations of things it does.
#[track_caller]
fn follows(rig: &Rig, goal: &Sentence) -> bool {
    let statements = rig.statements();
    let naive = |off| Reference { statements: &statements, at: NOW, off }.saturate().contains_key(goal);
    assert!(naive(Off::Things), "without it, it counts");
    assert_eq!(naive(Off::Nothing), rig.proves(goal), "{goal}");
    naive(Off::Nothing)
}

#[test]
fn who_says_the_same_in_other_words_is_refused_as_well() {
    let rig = Rig::new().root(publishes(1, Topic::Measurements, 0)).says(1, measurement(7));
    // The attack: a statement is revoked by its digest, and its speaker makes another, of another time.
    let by_digest = rig.clone().root(Sentence::Revokes(rig.signed[0].digest()));
    assert!(!by_digest.proves(&measurement(7)));
    let again = by_digest.says_in(1, measurement(7), until(2_000));
    assert!(again.proves(&measurement(7)));
    assert!(!follows(&again.clone().root(runs(7)), &measurement(7)));
    assert!(!follows(&again.root(gone(1)), &measurement(7)));
}

#[test]
fn a_revoked_key_says_nothing_any_more_whoever_trusts_it() {
    let rig = Rig::new()
        .root(publishes(1, Topic::Measurements, 1))
        .root(publishes(4, Topic::Measurements, 1))
        .root(speaks(3, 2))
        .says(1, publishes(2, Topic::Measurements, 0))
        .says(4, publishes(2, Topic::Measurements, 0));
    let own = rig.clone().says(2, measurement(7));
    let relayed = rig.clone().says(3, said(2, measurement(7)));
    let heir = rig.clone().says(3, measurement(7));
    for rig in [own, relayed, heir] {
        assert!(!follows(&rig.clone().root(gone(2)), &measurement(7)));
        assert!(rig.clone().root_in(gone(2), from(1_001)).proves(&measurement(7)), "not yet");
        // It doesn't expire.
        assert!(!follows(&rig.root_in(gone(2), until(10)), &measurement(7)));
    }
    // Who handed on to it keeps its own right.
    let rig = rig.root(gone(2)).says(1, measurement(8));
    assert!(rig.proves(&measurement(8)));
}

#[test]
fn a_revoked_key_is_trusted_for_nothing_nor_is_its_domain() {
    let domain = Subject::Domain(crate::rig::id(2));
    let contracts = |subject: &Subject| Sentence::Trusted { subject: subject.clone(), purpose: Purpose::Contracts };
    let by_domain = Rig::new().root(contracts(&domain));
    assert!(!follows(&by_domain.root(gone(2)), &trusted(2, Purpose::Contracts)));
    let own = Rig::new().root(publishes(1, Topic::Keys, 0)).says(1, trusted(2, Purpose::Contracts));
    assert!(!follows(&own.root(gone(2)), &trusted(2, Purpose::Contracts)));
    let heir = Rig::new().root(trusted(1, Purpose::Contracts)).root(speaks(2, 1));
    assert!(!follows(&heir.clone().root(gone(2)), &trusted(2, Purpose::Contracts)));
    assert!(heir.root(gone(2)).proves(&trusted(1, Purpose::Contracts)));
}

#[test]
fn a_delegate_revokes_things_for_all_but_the_root_and_a_stranger_for_nobody() {
    let rig = Rig::new()
        .root(publishes(1, Topic::Measurements, 0))
        .root(publishes(3, Topic::Revocations, 0))
        .says(1, measurement(7));
    assert!(!follows(&rig.clone().says(3, runs(7)), &measurement(7)));
    assert!(!follows(&rig.clone().says(3, gone(1)), &measurement(7)));
    assert!(follows(&rig.clone().root(measurement(7)).says(3, runs(7)), &measurement(7)));
    assert!(!follows(&rig.clone().root(measurement(7)).root(runs(7)), &measurement(7)));
    for stranger in [2, 4] {
        assert!(follows(&rig.clone().says(stranger, runs(7)).says(stranger, gone(1)), &measurement(7)));
    }
    // Its own word each takes back.
    let rig = rig.says(1, runs(7));
    assert!(!follows(&rig, &measurement(7)));
    let standing = Standing::of(&rig.statements(), NOW).unwrap();
    assert_eq!(standing.state(rig.signed[0].digest()), State::Revoked(rig.signed[1].digest()));
}

#[test]
fn a_program_is_revoked_by_its_digest() {
    let program = Subject::Program(Digest::of(b"program"));
    let trusted = Sentence::Trusted { subject: program.clone(), purpose: Purpose::Execution(None) };
    let rig = Rig::new().root(publishes(1, Topic::Programs, 0)).says(1, trusted.clone());
    assert!(!follows(&rig.root(Sentence::Distrusts(program)), &trusted));
}

fn of(names: &[(&str, u8)]) -> Measurement {
    let registers = names.iter().map(|(name, value)| Register { name: (*name).to_owned(), value: vec![*value; 48] });
    Measurement { kind: Kind::Snp, registers: registers.collect() }
}

fn trusts(names: &[(&str, u8)]) -> Sentence {
    Sentence::Trusted { subject: Subject::Measurement(of(names)), purpose: Purpose::Execution(None) }
}

/// The proof of evidence of which two registers count, by what is said of one of them or of both.
#[test]
fn evidence_that_meets_what_is_revoked_is_refused_in_fewer_and_in_more_words() {
    let mut chip = chip();
    chip.registers = vec![("launch".into(), vec![6; 48]), ("measurement".into(), vec![7; 48])];
    let components = [chip, device()];
    let facts = Facts { components: &components, key: Some(bound()) };
    let both = [("launch", 6), ("measurement", 7)];
    for words in [&both[..], &both[..1], &both[1..]] {
        for revoked in [&both[..], &both[..1], &both[1..]] {
            let rig = evidence().says(1, trusts(words));
            let effective = rig.effective();
            let grounds: Vec<Grounds> = grounds(&effective, &components);
            let proof = effective.prove_evidence(&goal(), &grounds, facts, NOW).unwrap();
            let rig = rig.root(Sentence::Distrusts(Subject::Measurement(of(revoked))));
            let (statements, effective) = (rig.statements(), rig.effective());
            // The attack: without a look at the evidence itself, fewer words do.
            let naive = |off| {
                let reference = Reference { statements: &statements, at: NOW, off };
                let (gone, own) =
                    (reference.gone(), rig.root.iter().map(|own| own.sentence.clone()).collect::<Vec<_>>());
                let seen = crate::seen::Seen { components: &components, key: Some(bound()), gone: &gone, own: &own };
                reference.accepts_of(&seen, &reference.standing(), &proof, NOW)
            };
            assert!(naive(Off::Things) && !naive(Off::Nothing), "{words:?} {revoked:?}");
            let error = check(&proof, effective.standing(), facts, NOW).unwrap_err();
            assert!(
                matches!(
                    error,
                    ProofError::Step { why: "what runs is revoked", .. }
                        | ProofError::Statement { state: State::Revoked(_), .. }
                ),
                "{error}"
            );
            assert!(effective.measurements(Kind::Snp, &components[0].registers).is_empty());
        }
    }
    // What does not run is no matter.
    let (rig, components, proof) = honest();
    let other = Sentence::Distrusts(Subject::Measurement(of(&[("launch", 1), ("measurement", 7)])));
    let rig = rig.root(other);
    let facts = Facts { components: &components, key: Some(bound()) };
    check(&proof, rig.effective().standing(), facts, NOW).unwrap();
}

#[test]
fn what_runs_and_is_revoked_by_a_delegate_is_refused_unless_the_root_trusts_it() {
    let component = Component { registers: vec![("measurement".into(), vec![7; 48])], ..chip() };
    let registers = &component.registers;
    let rig = evidence().root(publishes(5, Topic::Revocations, 0));
    let rig = rig.says(5, Sentence::Distrusts(Subject::Measurement(of(&[("measurement", 7)]))));
    assert!(rig.effective().measurements(Kind::Snp, registers).is_empty());
    let rig = rig.root(trusts(&[("measurement", 7)]));
    assert_eq!(rig.effective().measurements(Kind::Snp, registers).len(), 1);
}

#[test]
fn only_keys_measurements_and_programs_are_revoked_as_such() {
    let statement = |subject| Statement::always("gone", Sentence::Distrusts(subject));
    for subject in [subject(1), Subject::Measurement(registers(1)), Subject::Program(Digest::of(b""))] {
        let statement = statement(subject);
        statement.check().unwrap();
        assert_eq!(Statement::from_bytes(&statement.to_bytes()).unwrap(), statement);
    }
    let refused = |subject| statement(subject).check().unwrap_err();
    assert!(matches!(refused(Subject::Domain(Digest::of(b""))), StatementError::Subject { .. }));
    assert!(matches!(refused(Subject::Hardware(Kind::Snp, vec![1])), StatementError::Subject { .. }));
    assert_eq!(refused(Subject::Environment(0)), StatementError::Environment);
    let none = Measurement { kind: Kind::Snp, registers: vec![] };
    assert_eq!(refused(Subject::Measurement(none)), StatementError::None { what: "registers" });
    assert_eq!(hex::encode(encode(&gone(1)))[..8], *"820a8182");
}

#[test]
fn ten_thousand_revoked_measurements_cost_as_much_as_they_are() {
    let measurement = |number: u32| Measurement {
        kind: Kind::Snp,
        registers: (0..8)
            .map(|register| Register { name: format!("r{register}"), value: number.to_be_bytes().to_vec() })
            .collect(),
    };
    let mut rig = Rig::new();
    for number in 0..5_000 {
        rig = rig.root(Sentence::Distrusts(Subject::Measurement(measurement(number))));
        let subject = Subject::Measurement(measurement(number));
        rig = rig.root_in(Sentence::Trusted { subject, purpose: Purpose::Execution(None) }, Validity::ALWAYS);
    }
    let standing = Standing::of(&rig.statements(), NOW).unwrap();
    assert!(rig.root.iter().skip(1).step_by(2).all(|own| matches!(standing.state(own.digest()), State::Revoked(_))));
}
