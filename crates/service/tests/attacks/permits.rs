//! Crimes at the permit: gates that failed or were not asked, a second result.

use casemate_channel::message::PermitRequest;
use casemate_contract::GateOutcome;
use casemate_cose::encode;
use casemate_ledger::Event;

use crate::{
    keep::{Script, attest, finish, release_all, result, rules},
    study::{passed, stranger},
    world::World,
};

type Crime = (&'static str, fn(&mut Vec<GateOutcome>), &'static [&'static str]);

const CRIMES: [Crime; 8] = [
    ("one_rule_missing", |g| drop(g.remove(0)), &["gate-missing"]),
    ("no_outcome_at_all", Vec::clear, &["gate-missing"]),
    ("one_rule_failed", |g| g[1].passed = false, &["gate-failed"]),
    ("another_owners_gate_failed", |g| g.last_mut().unwrap().passed = false, &["gate-failed"]),
    (
        "failed_and_passed",
        |g| {
            let failed = GateOutcome { passed: false, ..g[0].clone() };
            g.push(failed);
        },
        &["gate-failed"],
    ),
    (
        "a_weaker_rule",
        |g| g.iter_mut().for_each(|outcome| outcome.gate = outcome.gate.replace("at least 10", "at least 2")),
        &["gate-missing"],
    ),
    (
        "another_datasets_outcomes",
        |g| g.iter_mut().for_each(|o| o.dataset = "stays".parse().unwrap()),
        &["gate-missing"],
    ),
    (
        "a_rule_that_failed_and_one_missing",
        |g| {
            g[0].passed = false;
            g.retain(|outcome| !outcome.gate.contains("rows"));
        },
        &["gate-failed", "gate-missing"],
    ),
];

#[tokio::test]
async fn every_gate_was_asked_and_passed() {
    let world = World::new().await;
    let digest = |script: &Script| result(&world.contract, script.run).digest();
    for (run, (crime, commit, expected)) in (1..).zip(CRIMES) {
        let script = Script::honest(&world.contract, run);
        let mut gates = passed(&world.contract);
        // The clinic's dataset first: it is the clinic that is asked.
        gates.sort_by_key(|outcome| outcome.dataset.as_str() != "measurements");
        commit(&mut gates);
        let keyed = release_all(&world, &script).await.unwrap().remove(0);
        assert_eq!(rules(keyed.permit(digest(&script), encode(&gates)).await, crime), expected, "{crime}");
        world.clinic().assert_refusal(expected, crime).await;
        assert_eq!(world.clinic().logged(Event::Permit, *script.run.as_bytes()).await, 0, "{crime}: permitted");
    }
    finish(&world, &Script::honest(&world.contract, 200)).await;
}

#[tokio::test]
async fn bytes_outside_secret_memory_are_a_lack_that_evidence_named() {
    let world = World::new().await;
    let asked = |script: &Script, ordinary_bytes| PermitRequest {
        result: result(&world.contract, script.run).digest(),
        gates: encode(&passed(&world.contract)),
        ordinary_bytes,
    };
    let all_secret =
        |run| Script { state: |statement| statement.lacks.clear(), ..Script::honest(&world.contract, run) };
    let script = all_secret(1);
    let keyed = release_all(&world, &script).await.unwrap().remove(0);
    assert_eq!(rules(keyed.permit_with(asked(&script, 1)).await, "outside"), ["permit-memory"]);
    world.clinic().assert_refusal(&["permit-memory"], "outside").await;
    for (script, bytes) in [(all_secret(2), 0), (Script::honest(&world.contract, 3), 1 << 20)] {
        let keyed = release_all(&world, &script).await.unwrap().remove(0);
        keyed.permit_with(asked(&script, bytes)).await.unwrap();
        let permits = world.clinic().ledger().await.into_iter().filter(|body| body.run == Some(*script.run.as_bytes()));
        let said: Vec<_> = permits.filter_map(|body| body.ordinary_bytes).collect();
        assert_eq!(said, [bytes], "the receipt says it");
    }
}

#[tokio::test]
async fn outcomes_have_one_encoding() {
    let world = World::new().await;
    for (run, gates) in (1..).zip([
        b"all passed".to_vec(),
        Vec::new(),
        [encode(&passed(&world.contract)), vec![0]].concat(),
        encode(&passed(&world.contract)[0]),
    ]) {
        let script = Script::honest(&world.contract, run);
        let keyed = release_all(&world, &script).await.unwrap().remove(0);
        let refused = keyed.permit(result(&world.contract, script.run).digest(), gates).await;
        assert_eq!(rules(refused, "gates"), ["gate-outcomes"]);
        world.clinic().assert_refusal(&["gate-outcomes"], "gates").await;
    }
}

#[tokio::test]
async fn a_run_that_was_refused_or_ended_does_not_start_again() {
    let world = World::new().await;
    let script = Script::honest(&world.contract, 1);
    finish(&world, &script).await;
    // Another keep and another session for the same run: a second result has no way out.
    let again = Script { key: stranger(), ..Script::honest(&world.contract, 1) };
    for script in [script, again] {
        for owner in &world.owners {
            assert_eq!(rules(attest(owner, &script).await, owner.name), ["run-reused"]);
            assert_eq!(owner.logged(Event::Permit, [1; 16]).await, 1);
            assert_eq!(owner.logged(Event::Release, [1; 16]).await, 1);
        }
    }
}
