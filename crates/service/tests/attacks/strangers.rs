//! Strangers who want nothing but that others get nothing: they hold connections, and they make the ledger grow.

use std::net::Ipv4Addr;

use casemate_cose::{Digest, SigningKey};
use casemate_ledger::Event as Logged;
use casemate_service::Event;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
};

use crate::{
    keep::{Script, assert_undecided, assert_unheard, attest, attest_all, finish, rules},
    raw::Raw,
    study::{PARTIES, keys, signed_by, stranger, toml},
    world::{Owner, World, pass},
};

/// A connection whose other end sees it come from `127.0.0.host`.
async fn from(host: u8, owner: &Owner) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into()).unwrap();
    socket.connect(owner.address).await.unwrap()
}

fn turned_away(owner: &Owner) -> usize {
    owner.events.lock().unwrap().iter().filter(|event| matches!(event, Event::TurnedAway { .. })).count()
}

#[tokio::test]
async fn one_address_that_holds_connections_keeps_nobody_out() {
    let world = World::new().await;
    let mut held = Vec::new();
    for owner in &world.owners {
        for number in 0..200 {
            let mut slow = from(2, owner).await;
            // A ClientHello that begins, and never ends.
            let begun = slow.write_all(&[22, 3, 1, 2, 0][..number % 6]).await;
            drop(begun);
            held.push(slow);
        }
    }
    finish(&world, &Script::honest(&world.contract, 1)).await;
    assert!(turned_away(world.clinic()) > 0, "the broker had no more room for that address");
    drop(held);
}

#[tokio::test]
async fn many_addresses_that_hold_connections_make_room_for_one_more() {
    let world = World::new().await;
    let mut held = Vec::new();
    for number in 0..400 {
        held.push(from(2 + u8::try_from(number % 20).unwrap(), world.clinic()).await);
    }
    finish(&world, &Script::honest(&world.contract, 1)).await;
    assert!(turned_away(world.clinic()) > 0);
    drop(held);
}

#[tokio::test]
async fn sessions_that_never_attest_keep_nobody_out() {
    let world = World::new().await;
    let mut held = Vec::new();
    for host in 2..10 {
        for _ in 0..8 {
            held.push(Raw::over(from(host, world.clinic()).await, &stranger()).await);
        }
    }
    // Every place is taken by somebody who shook hands, took the challenge, and says nothing.
    finish(&world, &Script::honest(&world.contract, 1)).await;
    assert!(turned_away(world.clinic()) > 0, "one of them lost its place");
    drop(held);
}

#[tokio::test]
async fn keeps_in_a_run_hold_no_strangers_place() {
    let world = World::new().await;
    // More than one address may hold before it has shown what it is.
    let mut waiting = Vec::new();
    for run in 1..=10 {
        waiting.push(attest_all(&world, &Script::honest(&world.contract, run)).await.unwrap());
    }
    finish(&world, &Script::honest(&world.contract, 200)).await;
    assert_eq!(turned_away(world.clinic()), 0);
    drop(waiting);
}

#[tokio::test]
async fn a_place_is_for_a_time() {
    let world = World::new().await;
    // Those who leave make room: more than a source may hold, one after the other.
    for _ in 0..20 {
        let mut gone = Raw::over(from(2, world.clinic()).await, &stranger()).await;
        gone.send_bytes(b"no message").await;
        assert_eq!(gone.receive().await, None);
    }
    assert_eq!(turned_away(world.clinic()), 0);
}

#[tokio::test]
async fn attestations_under_no_contract_of_this_owners_leave_the_ledger_as_it_was() {
    let world = World::new().await;
    finish(&world, &Script::honest(&world.contract, 1)).await;
    let before = world.clinic().store.ledgers().await.unwrap();
    let mut contract = signed_by(&toml(), &PARTIES[1..]);
    let unsigned = contract.to_bytes();
    contract.sign(keys("clinic").identity()).unwrap();
    for number in 0..100 {
        let mut script = Script::honest(&world.contract, 2);
        script.contract = if number % 2 == 0 { unsigned.clone() } else { vec![number; usize::from(number)] };
        assert_eq!(rules(attest(world.clinic(), &script).await, "a stranger"), ["contract-signatures"]);
    }
    assert_eq!(world.clinic().store.ledgers().await.unwrap(), before, "not one entry, not one checkpoint");
    let events = world.clinic().events.lock().unwrap();
    let counts = events.iter().filter_map(|event| match event {
        Event::Unlogged { count, .. } => Some(*count),
        _ => None,
    });
    // The operator is told, and not a hundred times.
    assert_eq!(counts.collect::<Vec<_>>(), (1..=60).chain([61, 62, 64, 68, 76, 92]).collect::<Vec<_>>());
}

/// A host that no domain names, with the contract of others.
fn thief(world: &World, run: u8) -> Script {
    let key = SigningKey::from_seed(Digest::of(&[run]).as_bytes());
    Script { key, launcher: stranger(), ..Script::honest(&world.contract, run) }
}

#[tokio::test]
async fn whoever_has_the_contract_makes_the_ledger_grow_so_far_an_hour() {
    let world = World::new().await;
    let clinic = world.clinic();
    for run in 0..60 {
        assert_undecided(clinic, &thief(&world, run), &["software-launcher"], "within the quota").await;
    }
    for run in 60..100 {
        assert_unheard(clinic, &thief(&world, run), &["software-launcher"], "above the quota").await;
    }
    // What a keep that is believed is refused for is logged all the same, and so is what follows a decision.
    let mut lacking = Script::honest(&world.contract, 101);
    lacking.state = |s| s.lacks.extend([casemate_evidence::Lack::ResourceLimits]);
    assert_undecided(clinic, &lacking, &["contract-lack", "contract-cedar"], "believed").await;
    let alone = attest(clinic, &Script::honest(&world.contract, 102)).await.unwrap();
    assert_eq!(rules(alone.release(&[]).await, "no decisions"), ["peer-missing"]);
    clinic.assert_refusal(&["peer-missing"], "decided for").await;
    finish(&world, &Script::honest(&world.contract, 103)).await;
    // Another hour, another quota.
    pass(3600);
    assert_undecided(clinic, &thief(&world, 104), &["software-launcher"], "an hour later").await;
    assert_eq!(clinic.ledger().await.iter().filter(|body| body.event == Logged::Refusal).count(), 63);
}
