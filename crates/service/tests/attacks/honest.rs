//! The honest run, from which every attack differs in one thing.

use casemate_contract::{DecisionStatement, PermitStatement};
use casemate_ledger::Event;
use casemate_service::{verify_result, verify_run};

use crate::{
    keep::{ORDINARY_BYTES, Script, finish, release_all, result},
    study::{OWNERS, data_key, dataset_of, keys, passed},
    world::World,
};

#[tokio::test]
async fn every_broker_decides_releases_and_permits_and_the_record_says_so() {
    let world = World::new().await;
    let script = Script::honest(&world.contract, 1);
    let (bundle, object) = finish(&world, &script).await;

    let run = verify_run(&bundle.to_bytes(), Some(world.contract.digest())).unwrap();
    let body = verify_result(&object, &run).unwrap();
    assert_eq!(body, result(&world.contract, script.run));
    assert_eq!(run.keep_key, script.key.public());
    assert_eq!(run.owners.iter().map(|owner| owner.owner.as_str()).collect::<Vec<_>>(), OWNERS);
    for verified in &run.owners {
        assert_eq!(verified.keep.launcher, Some(keys("researcher").launcher().public()));
        assert_eq!(verified.gates, passed(&world.contract));
        assert_eq!(verified.release.witnessing().to_string(), "signed, not witnessed");
    }
    for (owner, record) in world.owners.iter().zip(&bundle.brokers) {
        let events: Vec<_> = owner.ledger().await.iter().map(|body| body.event).collect();
        assert_eq!(events, [Event::Release, Event::Permit]);
        let key = keys(owner.name).broker().public();
        let decision = DecisionStatement::verify(&record.decision, &key).unwrap();
        let permit = PermitStatement::verify(&record.permit, &key).unwrap();
        assert_eq!((decision.run, permit.result), (script.run, body.digest()));
        assert_eq!((permit.ordinary_bytes, run.ordinary_bytes), (ORDINARY_BYTES, ORDINARY_BYTES));
    }
}

#[tokio::test]
async fn each_owner_releases_its_own_key_and_no_other() {
    let world = World::new().await;
    let keyed = release_all(&world, &Script::honest(&world.contract, 1)).await.unwrap();
    for (owner, keyed) in OWNERS.into_iter().zip(keyed) {
        let [only] = keyed.keys.as_slice() else { panic!("{owner} released {:?}", keyed.keys) };
        assert_eq!((only.dataset.as_str(), only.key), (dataset_of(owner), data_key(owner)));
    }
}

#[tokio::test]
async fn a_second_run_needs_nothing_but_a_new_run_id() {
    let world = World::new().await;
    for run in [1, 2] {
        let (bundle, _) = finish(&world, &Script::honest(&world.contract, run)).await;
        verify_run(&bundle.to_bytes(), None).unwrap();
    }
}
