//! Names for whoever asked an enclave to state something, keys that would speak in two trust domains, and ends that come too late.

use std::fs;

use super::World;
use crate::party::Answer;

/// An enclave states what it is asked to state: a certificate around its quote is made by whoever asked, for a key of his own.
#[test]
fn a_certificate_that_anybody_signs_leads_to_no_name() {
    let Some(world) = World::new("admission-asked") else { return };
    world.name_it();
    assert_eq!(world.issue("server.ratls", "x.pem", &[]).code, Some(0), "with the word for it");
    let path = world.clinic.join("state/admission.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\nreport_data = \"key-digest\"\n", "\n")).unwrap();
    world.issue("server.ratls", "x.pem", &[]).refused(&["admission-report-data"]);
    world.issue("server.ratls", "x.pem", &["--key", "server.pub"]).refused(&["admission-report-data"]);
    world.issue("server.ratls", "x.jwt", &["--jwt", "--audience", "a"]).refused(&["admission-report-data"]);
    assert!(!world.clinic.join("x.pem").exists() && !world.clinic.join("x.jwt").exists());
}

/// Whoever believes a key in one trust domain would believe it in the other.
#[test]
fn a_key_is_for_one_trust_domain() {
    let Some(world) = World::new("admission-two-domains") else { return };
    let path = world.clinic.join("state/admission.toml");
    let key = world.expect(&["admission", "show"])["key"].clone();
    let names = fs::read_to_string(&path).unwrap();
    let bundle = fs::read(world.clinic.join("state/bundle.json")).unwrap();
    fs::write(&path, names.replace("clinic.example", "bank.example")).unwrap();
    for args in [["admission", "renew"], ["admission", "show"]] {
        world.call(&args).fails(2, &["clinic.example", "bank.example", "one trust domain", "--new-key"]);
    }
    world.issue("server.ratls", "x.pem", &[]).fails(2, &["one trust domain"]);
    // The names gone, the key is still the one that others believe.
    fs::remove_file(&path).unwrap();
    let other = ["admission", "init", "--trust-domain", "bank.example"];
    world.call(&other).fails(2, &["one trust domain"]);
    assert_eq!(fs::read(world.clinic.join("state/bundle.json")).unwrap(), bundle, "nothing was written");
    assert_eq!(world.expect(&["admission", "init", "--trust-domain", "clinic.example"])["key"], key);
    // Of a certificate that is gone nobody knows the trust domain.
    fs::remove_file(world.clinic.join("state/authority.pem")).unwrap();
    assert_eq!(world.call(&["admission", "renew"]).code, Some(2));
    fs::remove_file(&path).unwrap();
    let drawn = world.expect(&other)["key"].clone();
    assert_ne!(drawn, key);
    // Another key may be for another trust domain.
    let names = fs::read_to_string(&path).unwrap();
    fs::write(&path, names.replace("bank.example", "shop.example")).unwrap();
    let replaced = world.expect(&["admission", "renew", "--new-key"]);
    assert_eq!(replaced["trust_domain"], "shop.example");
    assert_ne!(replaced["key"], drawn);
    assert_eq!(world.expect(&["admission", "show"])["key"], replaced["key"]);
}

/// The authority's certificate ends a minute and a half later, and so does what it names.
#[test]
fn no_svid_outlasts_its_authority() {
    let Some(world) = World::without_authority("admission-short") else { return };
    let init = ["admission", "init", "--trust-domain", "clinic.example", "--days", "1"];
    let made = Answer::of(world.at("@2026-11-21 01:56:30", world.clinic.command(&init)));
    assert_eq!(made.code, Some(0), "{made:?}");
    world.name_it();
    let issued = world.issue("server.ratls", "server.pem", &[]);
    assert_eq!((issued.code, &issued.json["until"]), (Some(0), &made.json["until"]), "{issued:?}");
    let last = made.json["until"].as_u64().unwrap();
    let at = |second: u64| {
        let time = casemate_cose::UnixTime(second).to_string();
        world.check("server.pem", &["--at", &time])
    };
    assert_eq!(at(last).code, Some(0));
    at(last + 1).refused(&["svid-expired"]);
}
