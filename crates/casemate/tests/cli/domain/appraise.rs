//! Verdicts: accepted with a proof, denied with every reason, and what becomes of proofs that are tampered with.

use std::fs;

use serde_json::Value;

use super::{World, account, casemate, printed};
use crate::party::Party;

/// The reasons' texts.
fn told(answer: &crate::party::Answer) -> Vec<String> {
    let reasons = answer.json["reasons"].as_array().into_iter().flatten();
    reasons.map(|reason| format!("{} {} {}", reason["expected"], reason["actual"], reason["remedy"])).collect()
}

#[test]
fn what_a_draft_accepts_has_a_proof_that_others_check() {
    let world = World::new("appraise-accepted");
    let answer = world.appraise("report.bin", "domain.toml", &["--proof", "p.proof", "--svg", "p.svg"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(answer.text("verdict"), "accepted");
    assert!(account(&answer.json).contains("clinic says, line "), "{answer:?}");
    assert!(account(&answer.json).ends_with("the evidence is trusted as a whole"), "{answer:?}");
    let svg = world.text("p.svg");
    assert!(svg.starts_with("<svg") && svg.contains("all components are trusted") && !svg.contains("<script"), "{svg}");

    let checked = world.check("p.proof", "domain.toml", "report.bin");
    assert_eq!((checked.code, &checked.json["holds"]), (Some(0), &Value::Bool(true)), "{checked:?}");
    assert_eq!(checked.text("proof"), answer.text("proof"));

    // The same input, the same bytes.
    world.appraise("report.bin", "domain.toml", &["--proof", "again.proof", "--svg", "again.svg"]);
    assert_eq!(fs::read(world.folder.join("again.proof")).unwrap(), fs::read(world.folder.join("p.proof")).unwrap());
    assert_eq!(world.text("again.svg"), svg);

    let explained = casemate(world.path(), &["explain", "p.proof", "--domain", "domain.toml", "--svg", "e.svg"]);
    assert_eq!((explained.code, explained.text("kind")), (Some(0), "proof".to_owned()), "{explained:?}");
    assert!(account(&explained.json).contains("may carry what is secret"), "{explained:?}");
    assert!(world.text("e.svg").starts_with("<svg"));
    let alone = casemate(world.path(), &["explain", "p.proof"]);
    assert!(account(&alone.json).contains("nothing of it is checked here"), "{alone:?}");
}

#[test]
fn one_word_in_the_domain_denies_with_that_reason() {
    let world = World::new("appraise-denied");
    let text = world.text("domain.toml");
    let microcode = text.lines().find(|line| line.starts_with("\"reported-tcb.microcode\"")).unwrap().to_owned();
    let value: u64 = microcode.split("at_least = ").nth(1).unwrap().trim_end_matches([' ', '}']).parse().unwrap();
    let line = text.lines().position(|line| line == microcode).unwrap() + 1;
    for (from, to, rule, part) in [
        (
            &*microcode,
            format!("\"reported-tcb.microcode\" = {{ at_least = {} }}", value + 1),
            "domain-property",
            "update the host's firmware",
        ),
        ("\"policy.smt\" = true", "\"policy.smt\" = false".to_owned(), "domain-property", "policy.smt"),
        ("product = \"Milan\"", "product = \"Genoa\"".to_owned(), "domain-property", "Genoa"),
        ("snp = { measurement = \"", "snp = { measurement = \"00ff".to_owned(), "domain-register", "measurement"),
        ("chips = [\"", "chips = [\"00ff".to_owned(), "domain-identity", "hardware that is listed"),
    ] {
        // Of a digest or an identity, the first digits.
        let replaced = if to.ends_with("00ff") {
            let at = text.find(from).unwrap() + from.len();
            format!("{from}{}", &text[at..at + 4])
        } else {
            from.to_owned()
        };
        let domain = world.changed(&replaced, &to);
        let answer = world.appraise("report.bin", &domain, &["--svg", "denied.svg"]);
        answer.refused(&[rule]);
        assert_eq!(answer.text("verdict"), "denied");
        let told = told(&answer).concat();
        assert!(told.contains(part), "{to}: {told}");
        assert!(world.text("denied.svg").contains("so not"));
    }
    // The shortfall names values, line and remedy.
    let domain = world.changed(&microcode, &format!("\"reported-tcb.microcode\" = {{ at_least = {} }}", value + 1));
    let told = told(&world.appraise("report.bin", &domain, &[])).concat();
    let shown = |number: u64| format!("{number:#x}");
    for part in [shown(value), shown(value + 1), format!("line {line}")] {
        assert!(told.contains(&part), "`{part}` is not in {told}");
    }
}

#[test]
fn every_unmet_condition_is_told_and_explained() {
    let world = World::new("appraise-all");
    let domain = world.changed("product = \"Milan\"", "product = \"Genoa\"");
    let answer = world.appraise("other.bin", &domain, &["--proof", "none.proof"]);
    answer.refused(&["domain-property", "domain-register"]);
    assert!(!world.folder.join("none.proof").exists(), "there is no proof of a denial");
    world.folder.write("verdict.json", answer.json.to_string()).unwrap();
    let explained = casemate(world.path(), &["explain", "verdict.json", "--svg", "verdict.svg"]);
    assert_eq!((explained.code, explained.text("kind")), (Some(0), "denial".to_owned()), "{explained:?}");
    assert!(account(&explained.json).contains("2 things are missing"), "{explained:?}");
    assert!(world.text("verdict.svg").contains("domain-register"));
    // What is neither has no picture.
    casemate(world.path(), &["explain", "domain.toml", "--svg", "x.svg"]).fails(2, &["neither a proof nor a denial"]);
}

#[test]
fn exit_codes() {
    let world = World::new("appraise-codes");
    let mut flipped = fs::read(world.folder.join("report.bin")).unwrap();
    flipped[0x90] ^= 1;
    world.folder.write("flipped.bin", flipped).unwrap();
    world.appraise("flipped.bin", "domain.toml", &[]).refused(&["snp-signature"]);
    world.appraise("debug.bin", "domain.toml", &[]).refused(&["evidence-debug"]);
    // Allowed to be looked at, and still not accepted: the domain doesn't admit it.
    let debug = world.appraise("debug.bin", "domain.toml", &["--allow-debug"]);
    assert_eq!(debug.code, Some(1), "{debug:?}");
    assert!(debug.rules().contains(&"domain-debug".to_owned()), "{debug:?}");
    let nonce = "07".repeat(64);
    let bound = world.judged(&["appraise", "report.bin", "--domain", "domain.toml", "--report-data", &nonce]);
    assert_eq!(bound.code, Some(0), "{bound:?}");
    let other = world.judged(&["appraise", "report.bin", "--domain", "domain.toml", "--report-data", &"08".repeat(64)]);
    other.refused(&["evidence-binding"]);

    assert_eq!(world.judged(&["appraise", "report.bin", "--domain", "domain.toml"]).code, Some(2), "bound to what?");
    world.appraise("domain.toml", "domain.toml", &[]).fails(2, &["is not understood"]);
    world.appraise("report.bin", "report.bin", &[]).fails(2, &["report.bin"]);
    world.appraise("report.bin", "absent.toml", &[]).fails(2, &["absent.toml", "check the path"]);
    let domain = world.changed("[[platform]]", "[[plattform]]");
    world.appraise("report.bin", &domain, &[]).fails(2, &["plattform", "line "]);
    world.appraise("report.bin", "domain.toml", &["--ear", "x.jwt"]).fails(2, &["no party's state folder"]);
}

#[test]
fn a_proof_proves_nothing_else() {
    let world = World::new("proof-else");
    assert_eq!(world.appraise("report.bin", "domain.toml", &["--proof", "p.proof"]).code, Some(0));
    world.check("p.proof", "domain.toml", "other.bin").refused(&["proof-check"]);
    let domain = world.changed("product = \"Milan\"", "product = [\"Genoa\", \"Milan\"]");
    world.check("p.proof", &domain, "report.bin").refused(&["proof-check"]);
    let later = (casemate_testkit::NOW.0 + 1).to_string();
    let args =
        ["proof", "check", "p.proof", "--domain", "domain.toml", "--evidence", "report.bin", "--dangerously-unbound"];
    let mut at_another_time = args.to_vec();
    at_another_time.extend(["--endorsements", "certificates", "--trust-root", "amd=root.der", "--at", &later]);
    casemate(world.path(), &at_another_time).refused(&["proof-check"]);

    let proof = fs::read(world.folder.join("p.proof")).unwrap();
    world.folder.write("cut.proof", &proof[..proof.len() - 1]).unwrap();
    world.check("cut.proof", "domain.toml", "report.bin").fails(2, &["is no proof"]);
    // Each byte changed: what is still a proof proves nothing.
    for place in (0..proof.len()).step_by(11) {
        let mut forged = proof.clone();
        forged[place] ^= 1;
        world.folder.write("forged.proof", &forged).unwrap();
        let answer = world.check("forged.proof", "domain.toml", "report.bin");
        assert!(matches!(answer.code, Some(1 | 2)), "byte {place}: {answer:?}");
    }
}

#[test]
fn people_read_who_said_what() {
    let world = World::new("appraise-people");
    let at = casemate_testkit::NOW.0.to_string();
    let common =
        ["--endorsements", "certificates", "--trust-root", "amd=root.der", "--at", &at, "--dangerously-unbound"];
    let mut args = vec!["appraise", "report.bin", "--domain", "domain.toml"];
    args.extend(common);
    let (code, said, _) = printed(world.path(), &args);
    assert_eq!(code, Some(0), "{said}");
    for part in
        ["an SEV-SNP report", "under the domain of clinic", "accepted until", "1. ", "from ", "perhaps a replay"]
    {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
    let domain = world.changed("product = \"Milan\"", "product = \"Genoa\"");
    args[3] = &domain;
    let (code, _, errors) = printed(world.path(), &args);
    assert_eq!(code, Some(1));
    for part in ["the domain of clinic denies it", "expected", "Genoa", "actual", "remedy"] {
        assert!(errors.replace('\n', " ").contains(part), "`{part}` is not in {errors}");
    }
}

#[test]
fn an_ear_is_the_partys_word() {
    let world = World::new("appraise-ear");
    let party = Party::new(world.path(), "clinic");
    party.expect(&["init", "--name", "clinic"]);
    let at = casemate_testkit::NOW.0.to_string();
    for (domain, names, status, claim) in [
        ("domain.toml".to_owned(), "ietf", "warning", "ear_status"),
        (world.changed("product = \"Milan\"", "product = \"Genoa\""), "dotted", "contraindicated", "ear.status"),
    ] {
        let domain = world.folder.join(&domain).display().to_string();
        let mut command =
            party.command(&["appraise", "../report.bin", "--domain", &domain, "--ear", "r.jwt", "--ear-names", names]);
        command.args([
            "--endorsements",
            "../certificates",
            "--trust-root",
            "amd=../root.der",
            "--at",
            &at,
            "--dangerously-unbound",
        ]);
        let answer = crate::party::Answer::of(command);
        let token = fs::read_to_string(party.join("r.jwt")).unwrap_or_else(|_| panic!("{answer:?}"));
        let claims = token.split('.').nth(1).unwrap();
        let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["submods"]["cpu"][claim], status, "{claims:#}");
    }
}
