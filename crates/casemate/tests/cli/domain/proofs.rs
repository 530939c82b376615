//! Proofs of something else, of another time or by another domain, and what is said of evidence that is bound to nothing.

use std::fs;

use casemate_cose::{Digest, UnixTime};
use casemate_testkit::{Folder, NOW, vectors};
use casemate_trust::{
    proof::{Proof, Rule, Step},
    statement::{Purpose, Sentence, Subject},
};
use serde_json::Value;

use super::{World, account, casemate, printed, recorded_file};
use crate::party::{Answer, Party};

/// The fields of the one reason.
fn reason(answer: &Answer, field: &str) -> String {
    answer.json["reasons"][0][field].as_str().unwrap_or_default().to_owned()
}

/// Of a proof its first step alone, which the domain says: right, and about nothing of the evidence, which the domain denies.
#[test]
fn a_right_proof_of_something_else_shows_nothing() {
    let world = World::new("proof-goal");
    assert_eq!(world.appraise("report.bin", "domain.toml", &["--proof", "p.proof"]).code, Some(0));
    world.appraise("other.bin", "domain.toml", &[]).refused(&["domain-register"]);
    let mut proof = Proof::from_bytes(&fs::read(world.folder.join("p.proof")).unwrap()).unwrap();
    proof.steps.truncate(1);
    world.folder.write("first.proof", proof.to_bytes()).unwrap();
    for evidence in ["other.bin", "report.bin"] {
        let answer = world.check("first.proof", "domain.toml", evidence);
        answer.refused(&["proof-check"]);
        assert!(reason(&answer, "actual").contains("has to show that the evidence is trusted"), "{answer:?}");
    }
}

/// To which key a file of evidence is bound, nobody can see; the message says who can.
#[test]
fn a_proof_about_a_key_is_checked_in_its_session() {
    let world = World::new("proof-key");
    assert_eq!(world.appraise("report.bin", "domain.toml", &["--proof", "p.proof"]).code, Some(0));
    let mut proof = Proof::from_bytes(&fs::read(world.folder.join("p.proof")).unwrap()).unwrap();
    let key = Subject::Key(Digest::of(b"key"));
    let whole = u32::try_from(proof.steps.len() - 1).unwrap();
    let speaks = Sentence::SpeaksFor { speaker: key.clone(), principal: Subject::Environment(0) };
    let trusted = Sentence::Trusted { subject: key, purpose: Purpose::KeyProvision };
    proof.steps.push(Step { rule: Rule::Bound, premises: vec![], conclusion: speaks });
    proof.steps.push(Step { rule: Rule::Authenticate, premises: vec![whole, whole + 1], conclusion: trusted });
    world.folder.write("key.proof", proof.to_bytes()).unwrap();
    let answer = world.check("key.proof", "domain.toml", "report.bin");
    answer.refused(&["proof-check"]);
    assert!(reason(&answer, "remedy").contains("is seen in its session alone"), "{answer:?}");
}

#[test]
fn a_broken_step_is_told_in_words() {
    let world = World::new("proof-words");
    assert_eq!(world.appraise("report.bin", "domain.toml", &["--proof", "p.proof"]).code, Some(0));
    let answer = world.check("p.proof", "domain.toml", "other.bin");
    answer.refused(&["proof-check"]);
    let actual = reason(&answer, "actual");
    assert!(actual.contains("of the proof (what runs is what is trusted) does not follow"), "{actual}");
}

#[test]
fn a_denial_leaves_no_proof_of_before() {
    let world = World::new("proof-before");
    assert_eq!(world.appraise("report.bin", "domain.toml", &["--proof", "p.proof"]).code, Some(0));
    assert_eq!(world.appraise("report.bin", "domain.toml", &["--proof", "p.proof"]).code, Some(0), "written anew");
    world.appraise("other.bin", "domain.toml", &["--proof", "p.proof"]).refused(&["domain-register"]);
    assert!(!world.folder.join("p.proof").exists());
    let before = world.text("domain.toml");
    world.appraise("report.bin", "domain.toml", &["--proof", "domain.toml"]).fails(2, &["is no proof"]);
    assert_eq!(world.text("domain.toml"), before);
}

#[test]
fn nothing_is_said_to_hold_that_nobody_checked() {
    let world = World::new("proof-explained");
    assert_eq!(world.appraise("report.bin", "domain.toml", &["--proof", "p.proof"]).code, Some(0));
    let other = world.changed("product = \"Milan\"", "product = \"Genoa\"");
    let told = account(&casemate(world.path(), &["explain", "p.proof", "--domain", &other]).json);
    assert!(told.lines().next().unwrap().ends_with("if it does: nothing of it is checked here"), "{told}");
    assert!(told.contains("another domain's owner says") && told.contains("no such statement: sha256:"), "{told}");
    // Where it was checked, it holds.
    let checked = world.check("p.proof", "domain.toml", "report.bin");
    assert!(!account(&checked.json).contains("if it does"), "{checked:?}");
}

#[test]
fn a_replay_may_be_one_and_that_is_told() {
    let world = World::new("proof-unbound");
    let party = Party::new(world.path(), "clinic");
    party.expect(&["init", "--name", "clinic"]);
    let ear = |more: &[&str]| {
        let at = NOW.0.to_string();
        let mut command = party.command(&["appraise", "../report.bin", "--domain", "../domain.toml", "--ear", "r.jwt"]);
        command.args(["--endorsements", "../certificates", "--trust-root", "amd=../root.der", "--at", &at]).args(more);
        let answer = Answer::of(command);
        assert_eq!(answer.code, Some(0), "{answer:?}");
        let token = fs::read_to_string(party.join("r.jwt")).unwrap();
        let claims = token.split('.').nth(1).unwrap();
        let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
        (answer, serde_json::from_slice::<Value>(&claims).unwrap()["submods"]["cpu"].clone())
    };
    let (answer, cpu) = ear(&["--dangerously-unbound"]);
    assert!(answer.json["notes"].to_string().contains("perhaps a replay"), "{answer:?}");
    assert_eq!(cpu["ear_attester_claims"]["casemate-unbound"], true, "{cpu:#}");
    assert_eq!(cpu["ear_trustworthiness_vector"]["instance-identity"], 0, "{cpu:#}");
    let data = "07".repeat(64);
    let (answer, cpu) = ear(&["--report-data", &data]);
    assert_eq!(answer.json["notes"], serde_json::json!([]), "{answer:?}");
    assert_eq!(cpu["ear_attester_claims"]["casemate-unbound"], Value::Null, "{cpu:#}");
    assert_eq!(cpu["ear_trustworthiness_vector"]["instance-identity"], 2, "{cpu:#}");

    world.appraise("report.bin", "domain.toml", &["--proof", "p.proof"]);
    let checked = world.check("p.proof", "domain.toml", "report.bin");
    assert!(checked.json["notes"].to_string().contains("perhaps a replay"), "{checked:?}");

    // In words, and as CBOR.
    let (code, said, _) = printed(party.folder.as_path(), &["explain", "r.jwt"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("an attestation result") && said.contains("cpu: affirming"), "{said}");
    ear(&["--report-data", &data, "--ear-form", "jwt"]);
    let at = NOW.0.to_string();
    let mut command = party.command(&["appraise", "../report.bin", "--domain", "../domain.toml", "--ear", "r.cwt"]);
    command.args(["--endorsements", "../certificates", "--trust-root", "amd=../root.der", "--at", &at]);
    command.args(["--report-data", &data, "--ear-form", "cwt"]);
    assert_eq!(Answer::of(command).code, Some(0));
    assert!(fs::read(party.join("r.cwt")).unwrap().starts_with(&[0xd2, 0x84]), "a tagged COSE_Sign1");
    assert_eq!(casemate(party.folder.as_path(), &["explain", "r.cwt"]).text("kind"), "CWT");
}

#[test]
fn programs_are_told_where_a_reason_comes_from_and_of_typing_errors() {
    let world = World::new("proof-json");
    let domain = world.changed("product = \"Milan\"", "product = \"Genoa\"");
    let line = world.text(&domain).lines().position(|line| line == "product = \"Genoa\"").unwrap() + 1;
    let answer = world.appraise("report.bin", &domain, &[]);
    answer.refused(&["domain-property"]);
    let reason = &answer.json["reasons"][0];
    assert_eq!((&reason["component"], &reason["property"]), (&Value::from("cpu"), &Value::from("product")), "{reason}");
    assert_eq!(reason["line"], line, "{reason}");
    let named = format!("name = {}", reason["label"]);
    assert!(world.text(&domain).contains(&named), "{reason}");
    for args in [&["appraise", "report.bin", "--domain", "domain.toml"][..], &["appraise", "--surprise"], &["domain"]] {
        let answer = casemate(world.path(), args);
        assert_eq!((answer.code, answer.text("error")), (Some(2), "input".to_owned()), "{args:?}: {answer:?}");
        assert!(!answer.text("message").is_empty(), "{answer:?}");
    }
    // What a person typed stays for people.
    let (code, said, errors) = printed(world.path(), &["appraise", "--surprise"]);
    assert_eq!((code, said.as_str()), (Some(2), ""));
    assert!(errors.contains("unexpected argument"), "{errors}");
}

#[test]
fn numbers_are_shown_as_files_have_them() {
    let world = World::new("proof-numbers");
    let line =
        world.text("domain.toml").lines().find(|line| line.contains("reported-tcb.microcode")).unwrap().to_owned();
    let domain = world.changed(&line, "\"reported-tcb.microcode\" = { at_least = 0xe0 }");
    let (_, said, _) = printed(world.path(), &["domain", "show", &domain]);
    let told = said.lines().find(|line| line.contains("reported-tcb.microcode")).unwrap_or_default();
    assert!(told.ends_with("at least 0xe0"), "{said}");
}

#[test]
fn a_draft_of_a_keep_in_debug_mode_is_asked_for() {
    let world = World::new("draft-debug");
    let draft = ["domain", "init", "--from", "debug.bin", "--owner", "clinic", "--out", "debug.toml"];
    world.judged(&draft).refused(&["evidence-debug"]);
    let mut allowed = draft.to_vec();
    allowed.push("--allow-debug");
    assert_eq!(world.judged(&allowed).code, Some(0));
    assert!(world.text("debug.toml").contains("allow = [\"debug\"]"), "{}", world.text("debug.toml"));
    assert_eq!(world.appraise("debug.bin", "debug.toml", &["--allow-debug"]).code, Some(0));
}

/// A document with a clock of its own: 2025-12-25T13:17:00Z, or near it.
#[test]
fn a_recording_counts_at_its_own_time() {
    let Some(recorded) = vectors("a Nitro document at other times") else { return };
    let folder = Folder::new("proof-nitro");
    let evidence = recorded_file(&recorded, "nitro/attestation.bin");
    let with = |at: &str, args: &[&str]| {
        let mut all = args.to_vec();
        all.extend(["--at", at]);
        casemate(folder.path(), &all)
    };
    const OWN: &str = "2025-12-25T13:17:00Z";
    const LATER: &str = "2025-12-25T13:31:00Z";
    // A draft that denies what it was drafted from says so, and what to do.
    let init = ["domain", "init", "--from", &evidence, "--owner", "clinic", "--out"];
    let late = with(LATER, &[&init[..], &["late.toml"]].concat());
    let notes = late.json["notes"].to_string();
    assert!(notes.contains("denies this very evidence") && notes.contains("use --at 2025-12-25T13:1"), "{late:?}");
    let made = with(OWN, &[&init[..], &["domain.toml"]].concat());
    assert_eq!((made.code, &made.json["notes"]), (Some(0), &serde_json::json!([])), "{made:?}");

    let appraise = ["appraise", &evidence, "--domain", "domain.toml"];
    let unbound = [&appraise[..], &["--dangerously-unbound"]].concat();
    let denied = with(LATER, &unbound);
    denied.refused(&["domain-time"]);
    assert!(reason(&denied, "remedy").contains("use --at 2025-12-25T13:1"), "{denied:?}");
    assert_eq!(with(OWN, &[&unbound[..], &["--proof", "p.proof"]].concat()).code, Some(0));

    // The time in the proof is anybody's to change.
    let check =
        ["proof", "check", "p.proof", "--domain", "domain.toml", "--evidence", &evidence, "--dangerously-unbound"];
    assert_eq!(casemate(folder.path(), &check).code, Some(0));
    with(LATER, &check).refused(&["proof-check"]);
    let mut proof = Proof::from_bytes(&fs::read(folder.join("p.proof")).unwrap()).unwrap();
    proof.at = UnixTime(proof.at.0 + 840);
    folder.write("p.proof", proof.to_bytes()).unwrap();
    let answer = casemate(folder.path(), &check);
    answer.refused(&["proof-check"]);
    assert!(reason(&answer, "actual").contains("more than 300 s from"), "{answer:?}");

    let answer = with(OWN, &[&appraise[..], &["--nonce", "00"]].concat());
    answer.refused(&["evidence-binding"]);
    assert_eq!(reason(&answer, "expected"), "nonce 00");
    assert!(reason(&answer, "actual").contains("nonce") && !reason(&answer, "actual").ends_with(' '), "{answer:?}");
}

#[test]
fn one_of_several_pieces_is_chosen() {
    let Some(recorded) = vectors("several quotes in one file") else { return };
    let folder = Folder::new("proof-piece");
    folder.write("domain.toml", "[domain]\nowner = \"clinic\"\n").unwrap();
    let evidence = recorded_file(&recorded, "tpm/gce/gce-cos-85-nonce9009.pb");
    let with = |more: &[&str]| {
        let args = ["appraise", &evidence, "--domain", "domain.toml", "--dangerously-unbound", "--at", "2022-01-01"];
        casemate(folder.path(), &[&args[..], more].concat())
    };
    with(&[]).fails(2, &["pieces of evidence", "choose one with --piece: 1"]);
    for piece in ["0", "99", "no such name"] {
        with(&["--piece", piece]).fails(2, &["holds no piece", piece]);
    }
    with(&["--piece", "2"]).refused(&["tpm-ak-chain"]);
}
