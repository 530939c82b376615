//! What ends meanwhile: a dataset revoked, a contract expired or replaced, before and after each step.

use casemate_contract::FullySigned;
use casemate_cose::{Digest, UnixTime, encode};
use casemate_ledger::Event;
use casemate_service::deliver_contract;
use casemate_trust::Domain;

use crate::{
    keep::{Keyed, Script, assert_undecided, attest, attest_all, decisions, finish, release_all, result, rules},
    study::{EXPIRES, RUNTIME, keys, passed, successor},
    world::{Owner, World, domain, now, pass, set_clock},
};

async fn permit(contract: &FullySigned, script: &Script, keyed: Keyed) -> Vec<String> {
    let result = result(contract, script.run).digest();
    rules(keyed.permit(result, encode(&passed(contract))).await, "permit")
}

/// Fails unless the run had this many releases and no permit at `owner`.
async fn assert_unpermitted(owner: &Owner, script: &Script, releases: usize) {
    let run = *script.run.as_bytes();
    assert_eq!((owner.logged(Event::Release, run).await, owner.logged(Event::Permit, run).await), (releases, 0));
}

#[tokio::test]
async fn a_dataset_revoked_before_the_decision() {
    let world = World::new().await;
    let script = Script::honest(&world.contract, 1);
    world.clinic().revoke().await;
    assert_undecided(world.clinic(), &script, &["dataset-revoked"], "before").await;
    // It is the clinic's alone; but nobody releases without the clinic.
    let hospital = attest(&world.owners[1], &script).await.unwrap();
    let registry = attest(&world.owners[2], &script).await.unwrap();
    let two = [hospital.decision(), registry.decision()];
    assert_eq!(rules(hospital.release(&two).await, "hospital"), ["peer-missing"]);
    assert_unpermitted(&world.owners[1], &script, 0).await;
}

#[tokio::test]
async fn a_dataset_revoked_between_decision_and_release() {
    let world = World::new().await;
    let script = Script::honest(&world.contract, 1);
    let agreed = attest_all(&world, &script).await.unwrap();
    let all = decisions(&agreed);
    world.clinic().revoke().await;
    assert_eq!(rules(agreed.into_iter().next().unwrap().release(&all).await, "release"), ["dataset-revoked"]);
    world.clinic().assert_refusal(&["dataset-revoked"], "release").await;
    assert_unpermitted(world.clinic(), &script, 0).await;
}

#[tokio::test]
async fn a_dataset_revoked_between_release_and_permit() {
    let world = World::new().await;
    let script = Script::honest(&world.contract, 1);
    let keyed = release_all(&world, &script).await.unwrap().remove(0);
    world.clinic().revoke().await;
    assert_eq!(permit(&world.contract, &script, keyed).await, ["dataset-revoked"]);
    world.clinic().assert_refusal(&["dataset-revoked"], "permit").await;
    assert_unpermitted(world.clinic(), &script, 1).await;
}

#[tokio::test]
async fn a_launcher_struck_from_the_domain_between_decision_and_release() {
    let world = World::new().await;
    let script = Script::honest(&world.contract, 1);
    let agreed = attest_all(&world, &script).await.unwrap();
    let all = decisions(&agreed);
    world.clinic().write_domain(&Domain::new("clinic", vec![], vec![], None).unwrap().to_toml());
    assert_eq!(rules(agreed.into_iter().next().unwrap().release(&all).await, "release"), ["domain-changed"]);
    world.clinic().assert_refusal(&["domain-changed"], "release").await;
    assert_unpermitted(world.clinic(), &script, 0).await;
}

#[tokio::test]
async fn a_launcher_struck_from_the_domain_between_release_and_permit() {
    let world = World::new().await;
    let script = Script::honest(&world.contract, 1);
    let keyed = release_all(&world, &script).await.unwrap().remove(0);
    world.clinic().write_domain(&Domain::new("clinic", vec![], vec![], None).unwrap().to_toml());
    assert_eq!(permit(&world.contract, &script, keyed).await, ["domain-changed"]);
    world.clinic().assert_refusal(&["domain-changed"], "permit").await;
    assert_unpermitted(world.clinic(), &script, 1).await;
}

/// The domain's words stay the same; what follows from them does not.
#[tokio::test]
async fn what_the_domain_says_of_the_time_between_release_and_permit() {
    let world = World::new().await;
    let clinic = world.clinic();
    let own = domain("clinic").to_toml();
    let at = |seconds: u64| UnixTime(now().0 + seconds).to_string();
    let runtime = format!("\n[[revoke]]\nruntime = \"{}\"\nfrom = {}\n", Digest::of(RUNTIME), at(600));
    let launcher = own.replacen("[[launcher]]", &format!("[[launcher]]\nuntil = {}", at(600)), 1);
    for (run, text) in (1..).zip([own.clone() + &runtime, launcher]) {
        let before = now().0;
        clinic.write_domain(&text);
        let script = Script::honest(&world.contract, run);
        let keyed = release_all(&world, &script).await.unwrap().remove(0);
        pass(700);
        assert_eq!(permit(&world.contract, &script, keyed).await, ["domain-changed"]);
        clinic.assert_refusal(&["domain-changed"], "permit").await;
        assert_unpermitted(clinic, &script, 1).await;
        set_clock(before);
    }
    // A clock that was set back to before the launcher was believed.
    let launcher = own.replacen("[[launcher]]", &format!("[[launcher]]\nfrom = {}", at(0)), 1);
    clinic.write_domain(&launcher);
    let script = Script::honest(&world.contract, 9);
    let keyed = release_all(&world, &script).await.unwrap().remove(0);
    set_clock(now().0 - 60);
    assert_eq!(permit(&world.contract, &script, keyed).await, ["domain-changed"]);
    pass(60);
    // What begins later changes nothing yet.
    clinic.write_domain(&(own + &format!("\n[[revoke]]\nruntime = \"{}\"\nfrom = {}\n", Digest::of(RUNTIME), at(900))));
    let script = Script::honest(&world.contract, 10);
    let keyed = release_all(&world, &script).await.unwrap().remove(0);
    pass(700);
    let result = result(&world.contract, script.run).digest();
    keyed.permit(result, encode(&passed(&world.contract))).await.unwrap();
}

#[tokio::test]
async fn a_contract_that_expired_before_the_decision() {
    let world = World::new().await;
    let expected = ["contract-expired", "contract-cedar"];
    for (run, at) in [(1, EXPIRES), (2, EXPIRES + 1), (3, EXPIRES * 2)] {
        set_clock(at);
        assert_undecided(world.clinic(), &Script::honest(&world.contract, run), &expected, "expired").await;
    }
    set_clock(EXPIRES - 1);
    finish(&world, &Script::honest(&world.contract, 200)).await;
}

#[tokio::test]
async fn a_contract_that_expires_between_decision_and_release() {
    let world = World::new().await;
    set_clock(EXPIRES - 1);
    let script = Script::honest(&world.contract, 1);
    let agreed = attest_all(&world, &script).await.unwrap();
    let all = decisions(&agreed);
    pass(1);
    let expected = ["contract-expired", "contract-cedar"];
    assert_eq!(rules(agreed.into_iter().next().unwrap().release(&all).await, "release"), expected);
    world.clinic().assert_refusal(&expected, "release").await;
    assert_unpermitted(world.clinic(), &script, 0).await;
}

#[tokio::test]
async fn a_contract_that_expires_between_release_and_permit() {
    let world = World::new().await;
    set_clock(EXPIRES - 1);
    let script = Script::honest(&world.contract, 1);
    let keyed = release_all(&world, &script).await.unwrap().remove(0);
    pass(1);
    let expected = ["contract-expired", "contract-cedar"];
    assert_eq!(permit(&world.contract, &script, keyed).await, expected);
    world.clinic().assert_refusal(&expected, "permit").await;
    assert_unpermitted(world.clinic(), &script, 1).await;
}

async fn deliver(owner: &Owner, contract: &FullySigned) {
    let researcher = keys("researcher");
    let (address, bytes) = (owner.address.to_string(), contract.signed().to_bytes());
    deliver_contract(&address, owner.broker, researcher.identity(), bytes).await.unwrap();
}

#[tokio::test]
async fn a_contract_replaced_between_decision_and_release() {
    let world = World::new().await;
    let script = Script::honest(&world.contract, 1);
    let agreed = attest_all(&world, &script).await.unwrap();
    let all = decisions(&agreed);
    deliver(world.clinic(), &successor(&world.contract)).await;
    assert_eq!(rules(agreed.into_iter().next().unwrap().release(&all).await, "release"), ["contract-superseded"]);
    world.clinic().assert_refusal(&["contract-superseded"], "release").await;
    assert_unpermitted(world.clinic(), &script, 0).await;
}

#[tokio::test]
async fn a_contract_replaced_between_release_and_permit() {
    let world = World::new().await;
    let script = Script::honest(&world.contract, 1);
    let keyed = release_all(&world, &script).await.unwrap().remove(0);
    deliver(world.clinic(), &successor(&world.contract)).await;
    assert_eq!(permit(&world.contract, &script, keyed).await, ["contract-superseded"]);
    world.clinic().assert_refusal(&["contract-superseded"], "permit").await;
    assert_unpermitted(world.clinic(), &script, 1).await;
}
