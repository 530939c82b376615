//! Floors of delegates: for their own releases, and for nobody else's.

use casemate_trust::{
    proof::{Standing, State},
    statement::{Topic, Validity},
};

use crate::{
    reference::{Off, Reference},
    rig::{NOW, Rig, floor, from, publishes, released, until},
};
use casemate_cose::UnixTime;

const ALL: u64 = u64::MAX;

/// Whether version `value` of the line counts, published as measurement `value`; the naive prover says the same.
#[track_caller]
fn counts(rig: &Rig, value: u8) -> bool {
    let goal = released(value, u64::from(value));
    let statements = rig.statements();
    let naive = Reference { statements: &statements, at: NOW, off: Off::Nothing }.saturate().contains_key(&goal);
    let counts = rig.proves(&goal);
    assert_eq!(counts, naive);
    let off = Reference { statements: &statements, at: NOW, off: Off::Floors }.saturate();
    assert!(off.contains_key(&goal), "without floors it counts");
    counts
}

/// One delegate that published version 1.
fn delegate() -> Rig {
    Rig::new().root(publishes(1, Topic::Measurements, 1)).says(1, released(1, 1))
}

#[test]
fn a_delegate_retires_its_own_releases() {
    let rig = delegate();
    assert!(counts(&rig, 1));
    let rig = rig.says_in(1, floor(2), until(10)).says(1, released(2, 2));
    assert!(!counts(&rig, 1) && counts(&rig, 2), "a floor doesn't expire");
    let standing = Standing::of(&rig.statements(), NOW).unwrap();
    assert_eq!(standing.state(rig.signed[0].digest()), State::BelowFloor { floor: 2 });
    assert_eq!(standing.floor("runtime"), None, "it is nobody else's");
}

#[test]
fn a_delegate_retires_nothing_of_the_roots() {
    let rig = delegate().root(released(3, 3)).says(1, floor(ALL));
    assert!(!counts(&rig, 1) && counts(&rig, 3));
    // The root's floor is everybody's.
    let rig = rig.root(floor(ALL));
    assert!(!counts(&rig, 3));
}

#[test]
fn a_delegate_retires_nothing_of_another_delegates() {
    let rig = delegate().root(publishes(2, Topic::Measurements, 0)).says(2, released(2, 2)).says(1, floor(ALL));
    assert!(!counts(&rig, 1) && counts(&rig, 2));
    // Nor by handing on to it what it has already.
    let rig = rig.says(1, publishes(2, Topic::Measurements, 0));
    assert!(counts(&rig, 2));
}

#[test]
fn a_delegate_retires_what_those_published_to_whom_it_handed_on() {
    let rig = delegate().says(1, publishes(2, Topic::Measurements, 0)).says(2, released(2, 2));
    assert!(counts(&rig, 2));
    assert!(!counts(&rig.clone().says(1, floor(3)), 2));
    let rig = rig.says(2, floor(3));
    assert!(!counts(&rig, 2) && counts(&rig, 1), "and not the other way round");
}

#[test]
fn a_floor_begins_while_its_delegate_may_publish() {
    // It may until 500 and from 900 on.
    let rig = Rig::new()
        .root_in(publishes(1, Topic::Measurements, 0), until(500))
        .root_in(publishes(1, Topic::Measurements, 0), from(900))
        .says(1, released(1, 1));
    for (begins, held) in [(400, true), (500, true), (501, false), (899, false), (900, true)] {
        let rig = rig.clone().says_in(1, floor(2), from(begins));
        assert_eq!(!counts(&rig, 1), held, "{begins}");
        let over = Validity { not_before: UnixTime(begins), not_after: UnixTime(begins) };
        assert_eq!(!counts(&rig.says_in(1, floor(2), over), 1), held, "{begins}, and ends at once");
    }
}

#[test]
fn a_floor_begins_while_whoever_handed_on_may_publish() {
    let rig = Rig::new()
        .root_in(publishes(1, Topic::Measurements, 1), until(500))
        .root_in(publishes(1, Topic::Measurements, 1), from(900))
        .says(1, publishes(2, Topic::Measurements, 0))
        .says(2, released(2, 2));
    assert!(!counts(&rig.clone().says_in(2, floor(3), from(400)), 2));
    assert!(counts(&rig.says_in(2, floor(3), from(600)), 2));
}

/// Others' delegations and floors cut time into more periods than are looked at exactly. What began outside of every right counts in
/// none of them; what began within one counts in all.
#[test]
fn in_many_periods_a_floor_counts_no_more_than_in_few() {
    let rig = |begins: u64| {
        Rig::new()
            .root_in(publishes(1, Topic::Measurements, 1), until(500))
            .root_in(publishes(1, Topic::Measurements, 1), from(900))
            .says(1, publishes(2, Topic::Measurements, 0))
            .says(2, released(1, 1))
            .says_in(2, floor(2), from(begins))
    };
    let crowd = |rig: Rig| {
        (0..70_u64).fold(rig.root(publishes(3, Topic::Measurements, 0)), |rig, number| {
            let key = 10 + u8::try_from(number).unwrap();
            rig.root_in(publishes(key, Topic::Measurements, 0), from(number)).says_in(3, floor(1), from(number))
        })
    };
    for (begins, held) in [(400, true), (500, true), (501, false), (899, false), (900, true)] {
        assert_eq!(standing_holds(&rig(begins)), held, "{begins}");
        assert_eq!(standing_holds(&crowd(rig(begins))), held, "{begins}, in a crowd");
    }
}

/// Whether the release that is said at first is below a floor.
fn standing_holds(rig: &Rig) -> bool {
    let standing = Standing::of(&rig.statements(), NOW).unwrap();
    let is_below = |said: &casemate_trust::statement::Signed| {
        matches!(standing.state(said.digest()), State::BelowFloor { floor: 2 })
    };
    rig.signed.iter().any(is_below)
}
