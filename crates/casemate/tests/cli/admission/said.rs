//! The authority itself, its names, and what `explain` says of what it wrote.

use std::fs;

use super::World;
use crate::party::Answer;

#[test]
fn an_authority_is_made_once() {
    let Some(world) = World::without_authority("admission-init") else { return };
    world.call(&["admission", "init", "--trust-domain", "Clinic"]).fails(2, &["--trust-domain", "a-z"]);
    let made = world.expect(&["admission", "init", "--trust-domain", "clinic.example", "--days", "30"]);
    assert_eq!(made["until"].as_u64().unwrap() - made["from"].as_u64().unwrap(), 30 * 86_400);
    assert!(made["key"].as_str().unwrap().starts_with("p256:"), "tokens can be signed with it");
    world.call(&["admission", "init", "--trust-domain", "bank.example"]).fails(2, &["has an authority"]);
    let bundle = fs::read_to_string(world.clinic.join("state/bundle.json")).unwrap();
    let bundle: serde_json::Value = serde_json::from_str(&bundle).unwrap();
    assert_eq!(bundle["keys"].as_array().unwrap().len(), 2);
    let shown = world.expect(&["admission", "show"]);
    assert_eq!((&shown["key"], &shown["trust_domain"]), (&made["key"], &"clinic.example".into()));

    // Another certificate of the same key, then another key: what the old one signed is nobody's any more.
    let renewed = world.expect(&["admission", "renew"]);
    assert_eq!(renewed["key"], made["key"]);
    world.name_it();
    assert_eq!(world.issue("server.ratls", "server.pem", &[]).code, Some(0));
    let replaced = world.expect(&["admission", "renew", "--new-key"]);
    assert_ne!(replaced["key"], made["key"]);
    world.check("server.pem", &[]).refused(&["svid-form"]);
    assert_eq!(world.issue("server.ratls", "server.pem", &[]).code, Some(0));
    assert_eq!(world.check("server.pem", &[]).code, Some(0));
}

/// The key is a party's as the others are: in its backup, through its rotation.
#[test]
fn the_key_stays_with_the_others() {
    let Some(world) = World::new("admission-keys") else { return };
    world.name_it();
    world.expect(&["key", "rotate"]);
    assert_eq!(world.issue("server.ratls", "server.pem", &[]).code, Some(0));
    world.expect(&["key", "backup", "keys.age"]);
    fs::remove_file(world.clinic.join("state/keys.age")).unwrap();
    world.expect(&["key", "restore", "keys.age"]);
    assert_eq!(world.issue("server.ratls", "server.pem", &[]).code, Some(0));
    // The wrong passphrase, and a certificate of another key than the party's.
    let mut wrong = world.clinic.command(&["admission", "renew"]);
    world.clinic.write("wrong", "another passphrase\n");
    wrong.env("CASEMATE_PASSPHRASE_FILE", world.clinic.join("wrong"));
    assert_eq!(Answer::of(wrong).code, Some(2));
    let before = fs::read(world.clinic.join("state/authority.pem")).unwrap();
    world.expect(&["admission", "renew", "--new-key"]);
    fs::write(world.clinic.join("state/authority.pem"), before).unwrap();
    world.issue("server.ratls", "server.pem", &[]).fails(2, &["another key", "admission renew"]);
}

#[test]
fn names_that_are_wrong_are_shown_where() {
    let Some(world) = World::new("admission-names") else { return };
    world.add("name = \"cohort\"\nruns = \"sha256:07\"");
    let refused = world.call(&["admission", "show"]);
    refused.fails(2, &["admission.toml", "line ", "sha256"]);
    assert!(refused.json["marks"][0]["offset"].is_number(), "{refused:?}");
}

#[test]
fn explain_tells_what_it_is_and_believes_nothing() {
    let Some(world) = World::new("admission-explain") else { return };
    world.name_it();
    assert_eq!(world.issue("server.ratls", "server.pem", &[]).code, Some(0));
    assert_eq!(world.issue("server.ratls", "server.jwt", &["--jwt", "--audience", "reports"]).code, Some(0));
    let svid = world.check("server.pem", &[]);
    for (file, kind, parts) in [
        (
            "server.pem",
            "X.509-SVID",
            vec!["spiffe://clinic.example/keep/cohort", "nothing of it is verified", "cohort.clinic.example"],
        ),
        ("server.jwt", "JWT-SVID", vec!["spiffe://clinic.example/keep/cohort", "nothing of it is verified", "reports"]),
        ("state/authority.pem", "authority", vec!["spiffe://clinic.example", "p256:", "can name anything"]),
    ] {
        assert_eq!(world.expect(&["explain", file])["kind"], kind);
        let said = world.clinic.people(&["explain", file]).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        for part in parts {
            assert!(said.contains(part), "`{part}` is not in {said}");
        }
        if kind != "authority" {
            assert!(said.contains(&svid.text("evidence")), "{said}");
        }
    }
    // What is no certificate of this kind is nothing that Casemate writes.
    world.call(&["explain", "server.ratls"]).fails(2, &["nothing that Casemate writes"]);
}

#[test]
fn people_read_whom_it_names() {
    let Some(world) = World::new("admission-people") else { return };
    world.name_it();
    let args = ["admission", "issue", "server.ratls", "--domain", "domain.toml", "--out", "server.pem"];
    let endorsed = ["--endorsements", "collateral", "--trust-root", "intel=root.der"];
    let said = world.at(super::STARTS, world.clinic.people(&[&args, &endorsed[..]].concat())).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    for part in
        ["an RA-TLS certificate", "accepted by the domain of clinic", "named      spiffe://", "until 2026-11-22T02:0"]
    {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
    let check = world.clinic.people(&["admission", "check", "server.pem", "--authority", "state/authority.pem"]);
    let said = world.at(super::LATER, check).output().unwrap();
    assert!(String::from_utf8(said.stdout).unwrap().contains("holds at 2026-11-22T01:56"));
}
