//! Contracts from strangers, contracts that would take another's place, and who is known.

use std::fs;

use casemate_testkit::Folder;
use serde_json::{Value, json};

use crate::{
    party::Party,
    study::{COMPUTATIONS, SAID, Study, lacks},
};

/// A party that nobody knows, with its card beside the others'.
pub(crate) fn eve(study: &Study, name: &str) -> Party {
    let eve = Party::new(study.folder.path(), "eve");
    eve.expect(&["init", "--name", name]);
    eve.expect(&["key", "card", "../eve.card"]);
    eve
}

/// Writes and signs a contract of the study `cohort` with these cards.
fn signed_by(party: &Party, cards: &[&str], purpose: &str, computations: &str) -> String {
    let _ = fs::remove_file(party.join("study.toml"));
    let said = ["--purpose", purpose, SAID[2], SAID[3]];
    let lacks = lacks(party);
    let mut args = [&["contract", "new", "--study", "cohort"][..], &said, cards].concat();
    args.extend(lacks.iter().flat_map(|lack| ["--accept-lack", lack]));
    party.expect(&args);
    let template = fs::read_to_string(party.join("study.toml")).unwrap();
    party.write("study.toml", format!("{}{computations}", template.split("[computations.").next().unwrap()));
    let signed = party.expect(&["contract", "sign", "study.toml", "--yes"]);
    signed["digest"].as_str().unwrap().to_owned()
}

fn received(party: &Party) -> Vec<String> {
    let received = party.expect(&["contract", "receive"]);
    let paths = received["contracts"].as_array().unwrap().iter().map(|contract| contract["path"].as_str().unwrap());
    paths.map(str::to_owned).collect()
}

#[test]
fn a_stranger_takes_nobodys_place() {
    let study = Study::sealed("strangers");
    let (clinic, researcher) = (&study.clinic, &study.researcher);
    let eve = eve(&study, "eve");
    let brokers = study.brokers();
    // With the owners' public keys, in the study's very name.
    let computations = COMPUTATIONS.replace("researcher", "eve");
    signed_by(&eve, &["../clinic.card", "../registry.card", "../eve.card"], "Steal.", &computations);
    eve.call(&["contract", "send", "study.contract"]).refused(&["mail-unknown"]);
    assert_eq!(received(clinic), Vec::<String>::new());
    assert!(!clinic.join("cohort.contract").exists());

    study.write_contract(COMPUTATIONS);
    researcher.expect(&["contract", "sign", "study.toml", "--yes"]);
    researcher.expect(&["contract", "send", "study.contract"]);
    assert_eq!(received(clinic), ["cohort.contract"]);

    // Once she is known, she is as any other.
    clinic.expect(&["party", "add", "../eve.card"]);
    study.registry.expect(&["party", "add", "../eve.card"]);
    eve.expect(&["contract", "send", "study.contract"]);
    clinic.expect(&["party", "remove", "eve"]);
    let before = fs::read(clinic.join("cohort.contract")).unwrap();
    let paths = received(clinic);
    assert!(paths.contains(&"cohort.contract".to_owned()) && paths.len() == 2, "{paths:?}");
    assert_eq!(fs::read(clinic.join("cohort.contract")).unwrap(), before);
    drop(brokers);
}

#[test]
fn nothing_received_replaces_another_contract() {
    let study = Study::sealed("receive");
    let (clinic, researcher) = (&study.clinic, &study.researcher);
    let _brokers = study.brokers();
    let cards = crate::study::CARDS;
    let send = |purpose: &str| {
        let digest = signed_by(researcher, &cards, purpose, COMPUTATIONS);
        researcher.expect(&["contract", "send", "study.contract"]);
        digest
    };
    let name = |digest: &str| format!("cohort-1-{}.contract", &digest["sha256:".len()..][..12]);
    let first = send("One.");
    clinic.write("cohort.contract", "something of the clinic's own");
    assert_eq!(received(clinic), [name(&first)]);
    assert_eq!(fs::read(clinic.join("cohort.contract")).unwrap(), b"something of the clinic's own");
    // People are told why.
    let said = clinic.people(&["contract", "receive"]).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(
        said.contains("`cohort.contract` is another contract and stays as it is") && said.contains(&first),
        "{said}"
    );

    // Two of one study: neither takes the plain name. One that is there keeps it, and its signatures.
    fs::remove_file(clinic.join("cohort.contract")).unwrap();
    let second = send("Two.");
    let mut expected = [name(&first), name(&second)];
    let mut paths = received(clinic);
    expected.sort();
    paths.sort();
    assert_eq!(paths, expected);
    clinic.expect(&["contract", "sign", &name(&first), "--out", "cohort.contract", "--yes"]);
    let signed = fs::read(clinic.join("cohort.contract")).unwrap();
    assert!(received(clinic).contains(&"cohort.contract".to_owned()));
    assert_eq!(fs::read(clinic.join("cohort.contract")).unwrap(), signed);

    // Not even one that has the digest's own name.
    clinic.write(&name(&second), "in the way");
    clinic.call(&["contract", "receive"]).fails(2, &[&name(&second), "is not replaced", "move the file away"]);
    assert_eq!(fs::read(clinic.join(&name(&second))).unwrap(), b"in the way");
    fs::remove_file(clinic.join(&name(&second))).unwrap();

    // What waits can be thrown away; what is signed can't.
    received(clinic);
    clinic.call(&["contract", "discard", "cohort.contract"]).fails(1, &["this party's own contract", "superseded"]);
    clinic.expect(&["contract", "discard", &name(&second)]);
    clinic.call(&["contract", "discard", &name(&second)]).fails(2, &["does not wait"]);
    assert_eq!(received(clinic), ["cohort.contract"]);
}

#[test]
fn a_name_stands_for_one_key() {
    let study = Study::sealed("names");
    let clinic = &study.clinic;
    let names = |value: Value| -> Vec<String> {
        let parties = value["parties"].as_array().unwrap().clone();
        parties.iter().map(|party| party["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(clinic.expect(&["party", "list"])), ["registry", "researcher"], "not the clinic itself");
    let impostor = eve(&study, "registry");
    let identity = impostor.expect(&["key", "card"])["identity"].as_str().unwrap().to_owned();
    clinic
        .call(&["party", "add", "../eve.card"])
        .fails(1, &["`registry` is known with the key", &identity, "party remove registry"]);
    let own = Folder::new("own-name");
    let other = Party::new(own.path(), "other");
    other.expect(&["init", "--name", "clinic"]);
    other.expect(&["key", "card", "other.card"]);
    let card = other.join("other.card");
    clinic.call(&["party", "add", card.to_str().unwrap()]).fails(1, &["is not this party's", "another name"]);
    clinic.call(&["party", "remove", "nobody"]).fails(1, &["no party `nobody` is known here"]);
    assert_eq!(names(clinic.expect(&["party", "list"])), ["registry", "researcher"]);
    clinic.expect(&["party", "remove", "registry"]);
    assert_eq!(names(clinic.expect(&["party", "add", "../eve.card"])), ["registry"]);
    // A contract is written from cards: whoever writes one has looked at them.
    let known = study.researcher.expect(&["party", "list"]);
    assert_eq!(known["parties"], json!([]));
    study.write_contract(COMPUTATIONS);
    assert_eq!(names(study.researcher.expect(&["party", "list"])), ["clinic", "registry"]);
}
