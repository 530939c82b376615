//! Who may run: a party that the contract lets run, on a host whose launcher the contract names for that very party. Every
//! owner's domain believes several hosts here, as it does where several parties run studies: it is not the domain that refuses.

use casemate_contract::FullySigned;
use casemate_cose::{Digest, SigningKey};
use casemate_evidence::Lack;
use casemate_ledger::Event;
use casemate_service::verify_run;
use casemate_trust::{
    Domain,
    domain::{Launcher, Process, Runtime},
};

use crate::{
    keep::{Script, assert_undecided, attest, finish, reasons},
    study::{RUNTIME, edited, keys, manifest_by, signed},
    world::World,
};

const REFUSED: [&str; 2] = ["contract-launcher", "contract-cedar"];

/// Every owner believes the hosts of these parties.
fn believe(world: &World, parties: &[&str]) {
    let launcher = |party: &&str| Launcher { name: format!("host of {party}"), key: keys(party).launcher().public() };
    let runtime = Runtime { name: "casemate".into(), digest: Digest::of(RUNTIME) };
    let process = Process { accept_lacks: [Lack::SecretPlaintext].into() };
    for owner in &world.owners {
        let launchers = parties.iter().map(launcher).collect();
        let domain = Domain::new(owner.name, launchers, vec![runtime.clone()], Some(process.clone())).unwrap();
        owner.write_domain(&domain.to_toml());
    }
}

/// A run by `runner` on the host of `host`, true in every other respect.
fn script(contract: &FullySigned, run: u8, runner: &str, host: &str) -> Script {
    let launcher = SigningKey::from_seed(keys(host).launcher().seed());
    let honest = Script::honest(contract, run);
    let manifest = manifest_by(contract, honest.run, runner).bytes().to_vec();
    Script { launcher, manifest, ..honest }
}

#[tokio::test]
async fn no_host_runs_in_another_partys_name() {
    let world = World::new().await;
    believe(&world, &["researcher", "hospital", "eve"]);
    for (run, (crime, host)) in (1..).zip([("a party's that may not run", "hospital"), ("no party's", "eve")]) {
        let script = script(&world.contract, run, "researcher", host);
        for owner in &world.owners {
            assert_undecided(owner, &script, &REFUSED, crime).await;
        }
    }
    finish(&world, &Script::honest(&world.contract, 100)).await;
}

#[tokio::test]
async fn the_refusal_says_whose_launcher_it_should_be_and_the_ledger_keeps_it() {
    let world = World::new().await;
    believe(&world, &["researcher", "eve"]);
    let clinic = world.clinic();
    let script = script(&world.contract, 1, "researcher", "eve");
    let reasons = reasons(attest(clinic, &script).await, "another's host");
    let (own, other) = (keys("researcher").launcher().public(), keys("eve").launcher().public());
    assert_eq!(reasons[0].rule, "contract-launcher");
    assert_eq!(reasons[0].expected, format!("a launcher of `researcher`: `{own}`"));
    assert_eq!(reasons[0].actual, format!("the launcher `{other}`"));
    clinic.assert_refusal(&REFUSED, "another's host").await;
    let ledger = clinic.ledger().await;
    let [entry] = ledger.as_slice() else { panic!("{ledger:?}") };
    assert_eq!((entry.event, entry.run), (Event::Refusal, Some(*script.run.as_bytes())));
    assert_eq!(entry.reasons[0], reasons[0].to_string());
}

#[tokio::test]
async fn two_runners_run_each_on_its_own_host() {
    let world = World::new().await;
    believe(&world, &["researcher", "hospital"]);
    let both = signed(&edited(&[("runners = [\"researcher\"]", "runners = [\"hospital\", \"researcher\"]")]));
    let world = World { contract: both, ..world };
    for (run, (runner, host)) in (1..).zip([("researcher", "hospital"), ("hospital", "researcher")]) {
        let script = script(&world.contract, run, runner, host);
        assert_undecided(world.clinic(), &script, &REFUSED, "the other runner's host").await;
    }
    for (run, party) in (10..).zip(["researcher", "hospital"]) {
        let (bundle, _) = finish(&world, &script(&world.contract, run, party, party)).await;
        let verified = verify_run(&bundle.to_bytes(), None).unwrap();
        assert_eq!(verified.manifest.fields().runner.as_str(), party);
        assert!(verified.owners.iter().all(|owner| owner.keep.launcher == Some(keys(party).launcher().public())));
    }
}

/// Before a successor names the new key, neither the new launcher runs, nor, after it does, the old one.
#[tokio::test]
async fn a_new_launcher_needs_a_successor_and_ends_the_old_one() {
    let world = World::new().await;
    believe(&world, &["researcher", "eve"]);
    let clinic = world.clinic();
    // `eve` stands for the researcher after its launcher's key was rotated.
    let (old, new) = (keys("researcher").launcher().public(), keys("eve").launcher().public());
    assert_undecided(clinic, &script(&world.contract, 1, "researcher", "eve"), &REFUSED, "before").await;
    let sequence = format!("sequence = 2\nsupersedes = \"{}\"", world.contract.digest());
    let second = signed(&edited(&[(&old.to_string(), &new.to_string()), ("sequence = 1", &sequence)]));
    assert_undecided(clinic, &script(&second, 2, "researcher", "researcher"), &REFUSED, "after").await;
    attest(clinic, &script(&second, 3, "researcher", "eve")).await.unwrap();
}

#[tokio::test]
async fn owners_that_believe_a_host_cannot_do_without_the_contract_nor_the_contract_without_them() {
    let world = World::new().await;
    believe(&world, &["eve"]);
    let honest = Script::honest(&world.contract, 1);
    assert_undecided(world.clinic(), &honest, &["software-launcher"], "named by the contract alone").await;
    let script = script(&world.contract, 2, "researcher", "eve");
    assert_undecided(world.clinic(), &script, &REFUSED, "named by the domain alone").await;
}
