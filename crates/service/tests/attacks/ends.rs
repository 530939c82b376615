//! What an owner learns of a keep that it had decided for: one end for each run, and none that a stranger can write.

use std::time::Duration;

use casemate_channel::message::{AbandonReason, FromBroker, ToBroker};
use casemate_ledger::{Event, ReceiptBody};
use minicbor::bytes::ByteVec;

use crate::{
    keep::{Script, attest, decisions, finish, release_all, rules},
    raw::Raw,
    world::{Owner, World},
};

/// The ends of this run in the ledger, once the broker has noticed that the session is over.
async fn ends(owner: &Owner, run: u8) -> Vec<ReceiptBody> {
    let of_run = |body: &ReceiptBody| body.event == Event::End && body.run == Some([run; 16]);
    for _ in 0..3000 {
        let ends: Vec<_> = owner.ledger().await.into_iter().filter(of_run).collect();
        if !ends.is_empty() {
            return ends;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Vec::new()
}

/// A session that the clinic has decided for.
async fn decided(world: &World, script: &Script) -> (Raw, ToBroker) {
    let mut raw = Raw::connect(world.clinic(), &script.key).await;
    raw.send(&raw.attest(world.clinic(), script)).await;
    let Some(FromBroker::Decision { statement }) = raw.receive().await else { panic!("no decision") };
    let mut others = Vec::new();
    for owner in &world.owners[1..] {
        others.push(attest(owner, script).await.unwrap());
    }
    let all = [vec![statement], decisions(&others)].concat();
    (raw, ToBroker::Decisions { all: all.into_iter().map(ByteVec::from).collect() })
}

#[tokio::test]
async fn a_keep_that_ends_its_run_is_in_the_ledger_once() {
    let world = World::new().await;
    type Crime = (&'static str, Option<ToBroker>, &'static str);
    let abandon = ToBroker::Abandon { reason: AbandonReason::GateRefused };
    let crimes: [Crime; 3] = [
        ("abandoned", Some(abandon.clone()), "keep-abandoned: the keep gave the run up: a gate refused the result"),
        ("hung_up", None, "keep-lost: "),
        ("out_of_turn", Some(ToBroker::Decisions { all: Vec::new() }), "keep-out-of-turn: "),
    ];
    for (run, (crime, message, why)) in (1..).zip(crimes) {
        // Before the keys, where this message is in turn, and after them.
        for (run, with_keys) in [(run, false), (run + 100, true)] {
            if crime == "out_of_turn" && !with_keys {
                continue;
            }
            let script = Script::honest(&world.contract, run);
            let (mut raw, all) = decided(&world, &script).await;
            if with_keys {
                raw.send(&all).await;
                assert!(matches!(raw.receive().await, Some(FromBroker::Release(_))), "{crime}");
            }
            if let Some(message) = &message {
                raw.send(message).await;
                assert_eq!(raw.receive().await, None, "{crime}");
            }
            drop(raw);
            let [end] = ends(world.clinic(), run).await.try_into().unwrap();
            assert!(end.reasons[0].starts_with(why), "{crime}: {:?}", end.reasons);
            assert_eq!(world.clinic().logged(Event::Release, [run; 16]).await, usize::from(with_keys), "{crime}");
            assert_eq!(end.keep_key, Some(script.key.public().spki_digest()), "{crime}");
            // It stays one, and the run has ended.
            assert_eq!(rules(attest(world.clinic(), &script).await, crime), ["run-reused"]);
            assert_eq!(ends(world.clinic(), run).await.len(), 1, "{crime}");
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_message_after_the_decision_are_an_end() {
    let world = World::new().await;
    let (mut raw, _) = decided(&world, &Script::honest(&world.contract, 1)).await;
    raw.send_bytes(&[0xff; 64]).await;
    assert_eq!(raw.receive().await, None);
    let [end] = ends(world.clinic(), 1).await.try_into().unwrap();
    assert!(end.reasons[0].starts_with("keep-out-of-turn: "), "{:?}", end.reasons);
}

#[tokio::test]
async fn who_was_not_decided_for_writes_no_end_and_neither_does_a_refused_or_finished_run() {
    let world = World::new().await;
    let clinic = world.clinic();
    // Gives up before its evidence, and with a claim that is refused.
    let mut early = Raw::connect(clinic, &Script::honest(&world.contract, 1).key).await;
    early.send(&ToBroker::Abandon { reason: AbandonReason::Stopped }).await;
    assert_eq!(early.receive().await, None);
    let mut bad = Script::honest(&world.contract, 2);
    bad.bind = |b| b.nonce[0] ^= 1;
    assert_eq!(rules(attest(clinic, &bad).await, "refused"), ["evidence-binding"]);
    // Refused after the decision: the refusal is the end.
    let alone = attest(clinic, &Script::honest(&world.contract, 3)).await.unwrap();
    assert_eq!(rules(alone.release(&[]).await, "alone"), ["peer-missing"]);
    // Finished: the permit is the end.
    finish(&world, &Script::honest(&world.contract, 4)).await;
    // One more end, of a session that began after all of these.
    drop(release_all(&world, &Script::honest(&world.contract, 5)).await.unwrap());
    assert_eq!(ends(clinic, 5).await.len(), 1);
    assert_eq!(clinic.ledger().await.iter().filter(|body| body.event == Event::End).count(), 1);
}
