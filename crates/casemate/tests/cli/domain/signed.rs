//! A broker whose owner signs its domain: what it says at its start, and what it does when somebody puts yesterday's files back.

use std::fs;

use casemate_cose::Digest;
use casemate_store::{DomainMark, Seal, Store};
use casemate_testkit::{Folder, NOW};
use casemate_trust::Domain;
use serde_json::{Value, json};

use crate::{
    party::{Broker, Party},
    study::Study,
};

fn write(clinic: &Party, sequence: u64) {
    let text = fs::read_to_string(clinic.join("domain.toml")).unwrap();
    clinic.write("state/domain.toml", text.replacen("[domain]\n", &format!("[domain]\nsequence = {sequence}\n"), 1));
}

/// What the broker told of its domain.
fn told(broker: &Broker, event: &str) -> Vec<Value> {
    let events = broker.events();
    events.into_iter().filter(|told| told["event"] == event).collect()
}

#[test]
fn a_broker_goes_by_what_is_signed_and_never_back() {
    let study = Study::signed("domain-signed");
    let clinic = &study.clinic;
    fs::copy(clinic.join("state/domain.toml"), clinic.join("domain.toml")).unwrap();
    let _registry = study.registry.broker();
    let started = |event: &str| {
        let mut broker = clinic.broker();
        broker.until(event);
        (told(&broker, event).remove(0), broker)
    };
    let (domain, broker) = started("domain");
    assert_eq!((&domain["signed"], &domain["sequence"]), (&json!(false), &json!(0)));
    drop(broker);

    write(clinic, 1);
    clinic.expect(&["domain", "sign"]);
    let yesterdays = ["domain.toml", "domain.signed"].map(|file| fs::read(clinic.join("state").join(file)).unwrap());
    let (domain, mut broker) = started("domain");
    assert_eq!((&domain["signed"], &domain["sequence"]), (&json!(true), &json!(1)));
    assert_eq!(study.run().code, Some(0));

    // An edit: until it is signed, nobody is believed, and everybody says what to do.
    write(clinic, 2);
    let refused = study.run();
    refused.refused(&["domain-unsigned"]);
    let remedy = refused.json["reasons"][0]["remedy"].as_str().unwrap();
    assert!(remedy.contains("`casemate domain sign`"), "{remedy}");
    broker.until("no-domain");
    let told = told(&broker, "no-domain").remove(0);
    assert!(told["detail"].as_str().unwrap().contains("sequence 2, sha256:"), "{told}");
    assert_eq!(clinic.expect(&["domain", "show"])["broker"]["signed"], "differs");
    drop(broker);
    let (told, _) = started("no-domain");
    assert_eq!(told["reasons"][0]["rule"], "domain-unsigned", "said at its start, too");
    clinic.expect(&["domain", "sign"]);
    let shown = clinic.expect(&["domain", "show"]);
    assert_eq!((&shown["broker"]["signed"], &shown["broker"]["in_force"]["sequence"]), (&json!("same"), &json!(1)));
    let (_, broker) = started("domain");
    assert_eq!(study.run().code, Some(0));
    drop(broker);

    // Yesterday's files, both of them, and signed by the owner.
    for (file, bytes) in ["domain.toml", "domain.signed"].iter().zip(&yesterdays) {
        clinic.write(&format!("state/{file}"), bytes);
    }
    let (told, broker) = started("no-domain");
    assert_eq!(told["reasons"][0]["rule"], "domain-rollback");
    study.run().refused(&["domain-rollback"]);
    drop(broker);
    // Nor is anything older signed again where domain.signed is gone: the store remembers what was in force.
    fs::remove_file(clinic.join("state/domain.signed")).unwrap();
    clinic.call(&["domain", "sign"]).refused(&["domain-rollback"]);
    let (told, _) = started("no-domain");
    assert_eq!(told["reasons"][0]["rule"], "domain-signed-missing");
    write(clinic, 3);
    clinic.expect(&["domain", "sign"]);
    let (domain, _broker) = started("domain");
    assert_eq!(domain["sequence"], 3);
    assert_eq!(study.run().code, Some(0));
}

#[test]
fn a_broker_says_which_domain_is_in_force_to_people() {
    let study = Study::sealed("domain-told");
    let clinic = &study.clinic;
    fs::copy(clinic.join("state/domain.toml"), clinic.join("domain.toml")).unwrap();
    write(clinic, 4);
    let signed = clinic.people(&["domain", "sign"]).output().unwrap();
    let said = String::from_utf8(signed.stdout).unwrap();
    assert!(said.contains("broker goes by what is signed from now on"), "{said}");
    // Another file than domain.toml is signed: both can't be meant.
    let other = clinic.write(
        "other.toml",
        fs::read_to_string(clinic.join("state/domain.toml")).unwrap().replace("sequence = 4", "sequence = 5"),
    );
    let answer = clinic.expect(&["domain", "sign", &other]);
    assert!(answer["warnings"][0].as_str().unwrap().contains("refuses every keep"), "{answer}");
    let shown = clinic.people(&["domain", "show"]).output().unwrap();
    let said = String::from_utf8(shown.stdout).unwrap();
    assert!(said.contains("not signed: domain.signed says something else (sequence 5, sha256:"), "{said}");
    let checked = clinic.expect(&["domain", "check"]);
    let warned = checked["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .any(|warning| warning["text"].as_str().unwrap().starts_with("not signed: "));
    assert!(warned, "{checked}");
    // Without domain.toml, what is signed is shown.
    fs::remove_file(clinic.join("state/domain.toml")).unwrap();
    assert_eq!(clinic.expect(&["domain", "show"])["sequence"], 5);
}

/// Where nobody can read what was in force, nobody can see that nothing of it is taken back.
#[tokio::test]
async fn nothing_is_signed_over_what_can_not_be_read() {
    let folder = Folder::new("domain-signed-damaged");
    let clinic = Party::new(folder.path(), "clinic");
    clinic.expect(&["init", "--name", "clinic"]);
    let revoking =
        format!("[domain]\nowner = \"clinic\"\nsequence = 1\n\n[[revoke]]\nprogram = \"sha256:{}\"\n", "42".repeat(32));
    let compiled = Domain::parse(&revoking).unwrap().to_bytes();
    clinic.write("state/domain.toml", "[domain]\nowner = \"clinic\"\nsequence = 9\n");
    let sign = || clinic.call(&["domain", "sign"]);
    let mut damaged = compiled.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let in_force = async |sequence: u64, bytes: &[u8]| {
        let store = Store::open(&clinic.join("state")).await.unwrap();
        let mark = DomainMark { digest: Digest::of(&sequence.to_be_bytes()), sequence, seal: Seal::Signed };
        store.raise_domain(mark, || bytes.to_vec(), NOW, |_| Ok::<_, ()>(())).await.unwrap();
    };
    for (sequence, bytes) in [(1, &damaged[..compiled.len() - 1]), (2, &damaged), (3, b"")] {
        in_force(sequence, bytes).await;
        sign().fails(3, &["in force last", "backup"]);
        assert!(!clinic.join("state/domain.signed").exists(), "{sequence}");
    }
    in_force(4, &compiled).await;
    sign().fails(3, &["in force last", "its digest"]);
    // That of another version can't be compared, which is no damage.
    in_force(5, &[&[compiled[0], 0, 0x18, 0xff], &compiled[3..]].concat()).await;
    assert_eq!(sign().code, Some(0));
}
