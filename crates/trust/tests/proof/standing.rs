//! Revocations and floors.

use casemate_cose::UnixTime;
use casemate_trust::{
    proof::{Facts, ProofError, Standing, State, check},
    statement::{Sentence, Topic, Validity},
};

use crate::{
    reference::{Off, Reference},
    rig::{NOW, Rig, floor, from, measurement, publishes, released, until},
};

fn delegated() -> Rig {
    Rig::new().root(publishes(1, Topic::Measurements, 1)).says(1, measurement(7))
}

/// Without revocations the goal follows; with them it doesn't.
#[track_caller]
fn revoked(rig: &Rig) {
    let statements = rig.statements();
    let naive = |off| Reference { statements: &statements, at: NOW, off }.saturate().contains_key(&measurement(7));
    assert!(naive(Off::Revocations));
    assert!(!naive(Off::Nothing));
    assert!(!rig.proves(&measurement(7)));
}

#[test]
fn the_root_revokes_anything() {
    let rig = delegated();
    let (delegation, said) = (rig.root[0].digest(), rig.signed[0].digest());
    revoked(&rig.clone().root(Sentence::Revokes(said)));
    revoked(&rig.clone().root(Sentence::Revokes(delegation)));
    assert!(rig.clone().root_in(Sentence::Revokes(said), from(1_001)).proves(&measurement(7)), "not yet");
    // A revocation doesn't expire.
    revoked(&rig.root_in(Sentence::Revokes(said), until(10)));
}

#[test]
fn a_key_revokes_its_own_and_nothing_else() {
    let rig = delegated();
    let (delegation, said) = (rig.root[0].digest(), rig.signed[0].digest());
    revoked(&rig.clone().says(1, Sentence::Revokes(said)));
    revoked(&rig.clone().says_in(1, Sentence::Revokes(said), until(10)));
    assert!(rig.clone().says(2, Sentence::Revokes(said)).proves(&measurement(7)));
    assert!(rig.says(1, Sentence::Revokes(delegation)).proves(&measurement(7)));
}

#[test]
fn a_delegate_revokes_everything_but_the_roots() {
    let rig = delegated().root(publishes(3, Topic::Revocations, 0));
    let (delegation, said) = (rig.root[0].digest(), rig.signed[0].digest());
    revoked(&rig.clone().says(3, Sentence::Revokes(said)));
    assert!(rig.clone().says(3, Sentence::Revokes(delegation)).proves(&measurement(7)));
    // Its own right may have been revoked, by the root alone.
    let right = rig.root[1].digest();
    assert!(rig.clone().says(3, Sentence::Revokes(said)).root(Sentence::Revokes(right)).proves(&measurement(7)));
    // And the root overrules it.
    let rig = rig.says(3, Sentence::Revokes(said));
    let revocation = rig.signed[1].digest();
    assert!(rig.root(Sentence::Revokes(revocation)).proves(&measurement(7)));
}

#[test]
fn what_was_revoked_does_not_come_back_when_the_delegates_time_is_up() {
    let rig = delegated().root_in(publishes(3, Topic::Revocations, 0), until(500));
    let said = rig.signed[0].digest();
    revoked(&rig.says_in(3, Sentence::Revokes(said), until(500)));
}

#[test]
fn two_who_revoke_each_other_are_both_revoked() {
    let rig = Rig::new()
        .root(publishes(1, Topic::Revocations, 1))
        .says(1, publishes(2, Topic::Revocations, 0))
        .says(1, publishes(3, Topic::Revocations, 0));
    let (two, three) = (rig.signed[0].digest(), rig.signed[1].digest());
    let rig = rig.says(2, Sentence::Revokes(three)).says(3, Sentence::Revokes(two));
    let standing = Standing::of(&rig.statements(), NOW).unwrap();
    assert_eq!(standing.state(two), State::Revoked(rig.signed[3].digest()));
    assert_eq!(standing.state(three), State::Revoked(rig.signed[2].digest()));
}

#[test]
fn a_floor_only_rises_and_does_not_expire() {
    let rig = Rig::new().root(released(1, 1)).root(released(2, 2)).root(released(3, 3)).root_in(floor(2), until(10));
    assert!(!rig.proves(&released(1, 1)));
    assert!(rig.proves(&released(2, 2)) && rig.proves(&released(3, 3)));
    let rig = rig.root(floor(3)).root(floor(1));
    assert!(!rig.proves(&released(2, 2)));
    assert!(rig.proves(&measurement(3)), "as a release it is trusted for execution of any");
    let standing = Standing::of(&rig.statements(), NOW).unwrap();
    assert_eq!(standing.floor("runtime"), Some(3));
    assert_eq!(standing.state(rig.root[0].digest()), State::BelowFloor { floor: 3 });
    let statements = rig.statements();
    let off = Reference { statements: &statements, at: NOW, off: Off::Floors }.saturate();
    assert!(off.contains_key(&released(1, 1)), "without floors it counts");
}

#[test]
fn only_publishers_of_measurements_raise_floors() {
    let rig = Rig::new().root(publishes(1, Topic::Measurements, 1)).says(1, publishes(2, Topic::Programs, 0));
    let rig = rig.says(1, released(1, 1)).says(2, floor(9));
    assert!(rig.proves(&released(1, 1)));
    assert!(rig.clone().says(3, floor(9)).proves(&released(1, 1)));
    assert!(!rig.says_in(1, floor(9), until(10)).proves(&released(1, 1)));
}

#[test]
fn the_window_is_as_wide_as_nothing_changes() {
    let rig = delegated()
        .root_in(measurement(1), from(2_000))
        .root_in(measurement(2), until(899))
        .root_in(measurement(3), Validity { not_before: UnixTime(100), not_after: UnixTime(3_000) });
    let effective = rig.effective();
    assert_eq!(effective.standing().window(), Validity { not_before: UnixTime(900), not_after: UnixTime(1_999) });
    let proof = effective.prove(&measurement(7), UnixTime(1_500)).unwrap().unwrap();
    assert!(check(&proof, effective.standing(), Facts::NONE, UnixTime(1_500)).is_ok());
    for at in [899, 2_000] {
        let error = effective.prove(&measurement(7), UnixTime(at)).unwrap_err();
        assert!(matches!(error, ProofError::Time { .. }));
    }
}

#[test]
fn a_leaf_says_how_its_statement_stands() {
    let rig = Rig::new().root(measurement(7));
    let proof = rig.prove(&measurement(7)).unwrap();
    let digest = rig.root[0].digest();
    let state = |rig: &Rig| match rig.check(&proof) {
        Err(ProofError::Statement { step: 0, digest: of, state }) if of == digest => state,
        other => panic!("{other:?}"),
    };
    assert_eq!(state(&Rig::new()), State::Unknown);
    let by = rig.clone().root(Sentence::Revokes(digest));
    assert_eq!(state(&by), State::Revoked(by.root[1].digest()));
}
