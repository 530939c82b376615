//! Two keeps at once for one run id: at most one gets keys, wherever they meet.

use casemate_ledger::Event;

use crate::{
    keep::{Agreed, Keyed, Script, attest, decisions, release_all, rules},
    study::stranger,
    world::World,
};

/// Everybody's keys that a keep came to have.
fn keys(released: &[Keyed]) -> usize {
    released.iter().map(|keyed| keyed.keys.len()).sum()
}

#[tokio::test]
async fn two_keeps_of_one_run_at_once() {
    let world = World::new().await;
    for run in 1..6 {
        let one = Script::honest(&world.contract, run);
        let other = Script { key: stranger(), ..Script::honest(&world.contract, run) };
        let (one, other) = tokio::join!(release_all(&world, &one), release_all(&world, &other));
        let (won, lost) = match (one, other) {
            (Ok(won), lost @ Err(_)) | (lost @ Err(_), Ok(won)) => (won, lost),
            (Ok(_), Ok(_)) => panic!("both have keys"),
            (Err(one), Err(other)) => panic!("neither has: {one}; {other}"),
        };
        assert_eq!(keys(&won), 3);
        assert_eq!(rules(lost, "the slower"), ["run-reused"]);
        for owner in &world.owners {
            assert_eq!(owner.logged(Event::Release, [run; 16]).await, 1, "{}", owner.name);
        }
    }
}

#[tokio::test]
async fn two_sessions_of_one_keep_at_once() {
    let world = World::new().await;
    let (one, other) = (Script::honest(&world.contract, 1), Script::honest(&world.contract, 1));
    let (one, other) = tokio::join!(attest(world.clinic(), &one), attest(world.clinic(), &other));
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1);
    assert_eq!(rules(if one.is_ok() { other } else { one }, "the slower"), ["run-reused"]);
}

#[tokio::test]
async fn two_keeps_that_each_won_at_one_broker_get_no_key_at_any() {
    let world = World::new().await;
    let one = Script::honest(&world.contract, 1);
    let other = Script { key: stranger(), ..Script::honest(&world.contract, 1) };
    let [clinic, hospital, registry] = world.owners.as_slice() else { panic!("three owners") };
    let (first, second) = (attest(clinic, &one).await.unwrap(), attest(hospital, &other).await.unwrap());
    assert_eq!(rules(attest(hospital, &one).await, "hospital"), ["run-reused"]);
    assert_eq!(rules(attest(clinic, &other).await, "clinic"), ["run-reused"]);
    let third = attest(registry, &one).await.unwrap();
    // They put together what they have: every owner has decided for this run, only not for one keep.
    let all: Vec<Agreed> = vec![first, second, third];
    let decisions = decisions(&all);
    for agreed in all {
        assert_eq!(rules(agreed.release(&decisions).await, "together"), ["peer-differs"]);
    }
    for owner in &world.owners {
        assert_eq!(owner.logged(Event::Release, [1; 16]).await, 0, "{}", owner.name);
    }
}
