//! Messages out of turn, and the wrong broker: the connection ends, nothing is given.

use casemate_channel::{
    CertificateFault, ChannelError, keep_side,
    message::{AbandonReason, FromBroker, PermitRequest, ToBroker},
};
use casemate_cose::{Digest, SigningKey, encode};
use casemate_ledger::Event;
use minicbor::bytes::ByteVec;
use tokio::net::TcpStream;

use crate::{
    keep::{Script, attest, decisions, finish, result, rules},
    raw::Raw,
    study::{keys, passed},
    world::{Owner, World},
};

/// A keep with manners at hospital and registry, without at the clinic: what it can send there.
struct Turns {
    attest: ToBroker,
    decisions: ToBroker,
    permit: ToBroker,
}

/// Sends what `pick` chooses, after an honest start of so many messages, and tells what the clinic answered to it.
async fn answer(world: &World, run: u8, honest: usize, pick: fn(&Turns) -> &ToBroker) -> Option<FromBroker> {
    let script = Script::honest(&world.contract, run);
    let mut raw = Raw::connect(world.clinic(), &script.key).await;
    let (result, gates) = (result(&world.contract, script.run).digest(), encode(&passed(&world.contract)));
    let request = PermitRequest { result, gates, ordinary_bytes: 0 };
    let mut turns = Turns {
        attest: raw.attest(world.clinic(), &script),
        decisions: ToBroker::Decisions { all: Vec::new() },
        permit: ToBroker::PermitRequest(request),
    };
    if honest > 0 {
        raw.send(&turns.attest).await;
        let Some(FromBroker::Decision { statement }) = raw.receive().await else { panic!("no decision") };
        let mut others = Vec::new();
        for owner in &world.owners[1..] {
            others.push(attest(owner, &script).await.unwrap());
        }
        let all = [vec![statement], decisions(&others)].concat();
        turns.decisions = ToBroker::Decisions { all: all.into_iter().map(ByteVec::from).collect() };
    }
    if honest > 1 {
        raw.send(&turns.decisions).await;
        let Some(FromBroker::Release(_)) = raw.receive().await else { panic!("no keys") };
    }
    if honest > 2 {
        raw.send(&turns.permit).await;
        let Some(FromBroker::Permit(_)) = raw.receive().await else { panic!("no permit") };
    }
    raw.send(pick(&turns)).await;
    raw.receive().await
}

async fn events(owner: &Owner, run: u8) -> (usize, usize) {
    (owner.logged(Event::Release, [run; 16]).await, owner.logged(Event::Permit, [run; 16]).await)
}

#[tokio::test]
async fn a_message_out_of_turn_is_answered_with_silence() {
    let world = World::new().await;
    type Crime = (&'static str, usize, fn(&Turns) -> &ToBroker, (usize, usize));
    let crimes: [Crime; 8] = [
        ("permit_before_evidence", 0, |t| &t.permit, (0, 0)),
        ("decisions_before_evidence", 0, |t| &t.decisions, (0, 0)),
        ("permit_before_release", 1, |t| &t.permit, (0, 0)),
        ("evidence_twice", 1, |t| &t.attest, (0, 0)),
        ("decisions_twice", 2, |t| &t.decisions, (1, 0)),
        ("evidence_after_the_keys", 2, |t| &t.attest, (1, 0)),
        ("a_second_permit", 3, |t| &t.permit, (1, 1)),
        ("decisions_after_the_permit", 3, |t| &t.decisions, (1, 1)),
    ];
    for (run, (crime, honest, pick, expected)) in (1..).zip(crimes) {
        assert_eq!(answer(&world, run, honest, pick).await, None, "{crime}");
        assert_eq!(events(world.clinic(), run).await, expected, "{crime}");
    }
    // In turn, the same client is served: it was not its certificate or its framing.
    assert!(matches!(answer(&world, 100, 0, |t| &t.attest).await, Some(FromBroker::Decision { .. })));
    assert!(matches!(answer(&world, 101, 1, |t| &t.decisions).await, Some(FromBroker::Release(_))));
    assert!(matches!(answer(&world, 102, 2, |t| &t.permit).await, Some(FromBroker::Permit(_))));
    finish(&world, &Script::honest(&world.contract, 200)).await;
}

#[tokio::test]
async fn a_keep_that_gives_up_gets_nothing() {
    let world = World::new().await;
    let script = Script::honest(&world.contract, 1);
    let mut raw = Raw::connect(world.clinic(), &script.key).await;
    raw.send(&raw.attest(world.clinic(), &script)).await;
    assert!(matches!(raw.receive().await, Some(FromBroker::Decision { .. })));
    raw.send(&ToBroker::Abandon { reason: AbandonReason::BrokerRefused }).await;
    assert_eq!(raw.receive().await, None);
    assert_eq!(events(world.clinic(), 1).await, (0, 0));
    assert_eq!(rules(attest(world.clinic(), &script).await, "again"), ["run-reused"]);
}

#[tokio::test]
async fn bytes_that_are_no_message_are_answered_with_silence() {
    let world = World::new().await;
    let script = Script::honest(&world.contract, 1);
    for change in [
        (|_| Vec::new()) as fn(Vec<u8>) -> Vec<u8>,
        |_| vec![0xff; 64],
        |bytes| [bytes, vec![0]].concat(),
        |bytes| bytes[..bytes.len() / 2].to_vec(),
    ] {
        let mut raw = Raw::connect(world.clinic(), &script.key).await;
        let message = encode(&raw.attest(world.clinic(), &script));
        raw.send_bytes(&change(message)).await;
        assert_eq!(raw.receive().await, None);
    }
    finish(&world, &script).await;
}

#[tokio::test]
async fn evidence_over_the_key_of_another_keeps_connection() {
    let world = World::new().await;
    // The launcher vouches for an honest keep's key; the connection is somebody else's.
    let (script, thief) = (Script::honest(&world.contract, 1), SigningKey::from_seed(&[66; 32]));
    let mut raw = Raw::connect(world.clinic(), &thief).await;
    raw.send(&raw.attest(world.clinic(), &script)).await;
    let Some(FromBroker::Refused { reasons }) = raw.receive().await else { panic!("not refused") };
    assert_eq!(reasons.iter().map(|reason| reason.rule.as_str()).collect::<Vec<_>>(), ["evidence-binding"]);
    world.clinic().assert_refusal(&["evidence-binding"], "another key").await;
    // The thief could not end the honest keep's run either.
    finish(&world, &script).await;
}

#[tokio::test]
async fn a_fake_broker_is_refused_by_its_key() {
    let world = World::new().await;
    let (registry, key) = (&world.owners[2], SigningKey::from_seed(&[67; 32]));
    let connect = async |expected: Digest| {
        keep_side::connect(TcpStream::connect(registry.address).await.unwrap(), &key, expected).await
    };
    // Who answers at the clinic's address is not the clinic's broker.
    let fault = connect(world.clinic().broker).await.unwrap_err();
    let ChannelError::Certificate(CertificateFault::Key { expected, actual }) = fault else { panic!("{fault}") };
    assert_eq!((expected, actual), (world.clinic().broker, registry.broker));
    // Without the pin the keep would not have noticed.
    assert_eq!(connect(registry.broker).await.unwrap().broker(), keys("registry").broker().public());
}
