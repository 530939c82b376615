//! What options write: nothing but what they wrote before gives way, and nothing of before stays where nothing was judged so.

use std::fs;

use casemate_testkit::NOW;
use serde_json::Value;

use super::{World, account, casemate};
use crate::party::{Answer, Party};

/// The appraisal by a party, with its state in `state`.
fn judged(party: &Party, evidence: &str, more: &[&str]) -> Answer {
    let at = NOW.0.to_string();
    let evidence = format!("../{evidence}");
    let mut command = party.command(&["appraise", &evidence, "--domain", "../domain.toml", "--dangerously-unbound"]);
    command.args(["--endorsements", "../certificates", "--trust-root", "amd=../root.der", "--at", &at]).args(more);
    Answer::of(command)
}

fn claims(party: &Party, file: &str) -> Value {
    let token = fs::read_to_string(party.join(file)).unwrap();
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

#[test]
fn no_option_takes_a_file_of_somebody_elses() {
    let world = World::new("outputs");
    let party = Party::new(world.path(), "clinic");
    party.expect(&["init", "--name", "clinic"]);
    let state = party.join("state");
    fs::write(party.join("notes.txt"), "of a person").unwrap();
    fs::copy(world.folder.join("domain.toml"), party.join("d.toml")).unwrap();
    assert_eq!(judged(&party, "report.bin", &["--proof", "p.proof"]).code, Some(0));
    let before = fs::read(state.join("keys.age")).unwrap();
    let in_state = |name: &str| state.join(name).display().to_string();
    for target in ["keys.age", "party.toml", "state.db", "authority.pem", "bundle.json", "domain.signed"].map(in_state)
    {
        let target = target.as_str();
        for option in ["--ear", "--svg", "--proof"] {
            judged(&party, "report.bin", &[option, target]).fails(2, &["state folder", "another file"]);
        }
        for verb in [
            &["explain", "p.proof", "--svg", target][..],
            &["domain", "export", "d.toml", "--out", target],
            &["domain", "export", "d.toml", "--as", "json", "--out", target],
            &["key", "card", target],
            &["key", "backup", target],
            &["domain", "say", "d.toml", "--out", target],
        ] {
            assert_eq!(party.call(verb).code, Some(2), "{verb:?}");
        }
    }
    assert_eq!(fs::read(state.join("keys.age")).unwrap(), before);
    assert!(!state.join("authority.pem").exists() && !state.join("bundle.json").exists());
    for verb in [
        &["explain", "p.proof", "--svg", "notes.txt"][..],
        &["domain", "export", "d.toml", "--out", "notes.txt"],
        &["domain", "export", "d.toml", "--as", "compiled", "--out", "notes.txt"],
        &["domain", "export", "d.toml", "--as", "json", "--out", "d.toml"],
        &["key", "card", "notes.txt"],
    ] {
        party.call(verb).fails(2, &["exists and is no", "move that one away"]);
    }
    judged(&party, "report.bin", &["--ear", "notes.txt"]).fails(2, &["`notes.txt` exists and is no EAR"]);
    judged(&party, "report.bin", &["--ear", "x", "--svg", "x"]).fails(2, &["two things"]);
    assert_eq!(fs::read(party.join("notes.txt")).unwrap(), b"of a person");
}

#[test]
fn nothing_of_before_stays_where_something_else_was_judged() {
    let world = World::new("outputs-stale");
    let party = Party::new(world.path(), "clinic");
    party.expect(&["init", "--name", "clinic"]);
    let mut flipped = fs::read(world.folder.join("report.bin")).unwrap();
    flipped[0x90] ^= 1;
    world.folder.write("flipped.bin", flipped).unwrap();
    let all = ["--ear", "r.jwt", "--svg", "r.svg", "--proof", "r.proof"];
    for more in [&[][..], &["--ear-form", "cwt"]] {
        let accepting = [&all[..], more].concat();
        assert_eq!(judged(&party, "report.bin", &accepting).code, Some(0));
        assert!(["r.jwt", "r.svg", "r.proof"].iter().all(|file| party.join(file).exists()));
        judged(&party, "flipped.bin", &accepting).refused(&["snp-signature"]);
        for file in ["r.jwt", "r.svg", "r.proof"] {
            assert!(!party.join(file).exists(), "{file} of before says that it was accepted");
        }
    }
    // One that may not go, and all stay.
    assert_eq!(judged(&party, "report.bin", &all).code, Some(0));
    fs::write(party.join("other.svg"), "<svg/>").unwrap();
    let answer = judged(&party, "flipped.bin", &["--ear", "r.jwt", "--proof", "r.proof", "--svg", "other.svg"]);
    answer.fails(2, &["other.svg"]);
    assert!(party.join("r.jwt").exists() && party.join("r.proof").exists());
}

/// Software that knows nothing of `casemate-unbound` reads the status.
#[test]
fn what_may_be_a_replay_is_never_affirmed() {
    let world = World::new("outputs-unbound");
    let party = Party::new(world.path(), "clinic");
    party.expect(&["init", "--name", "clinic"]);
    assert_eq!(judged(&party, "report.bin", &["--ear", "r.jwt", "--svg", "r.svg", "--proof", "r.proof"]).code, Some(0));
    let found = claims(&party, "r.jwt");
    assert_eq!((&found["ear_status"], &found["submods"]["cpu"]["ear_status"]), (&"warning".into(), &"warning".into()));
    let svg = fs::read_to_string(party.join("r.svg")).unwrap();
    assert!(svg.contains(">beware: perhaps a replay") && !svg.contains("#e3f4e3"), "{svg}");
    // A proof alone says nothing of the evidence.
    let explained =
        casemate(party.folder.as_path(), &["explain", "r.proof", "--domain", "../domain.toml", "--svg", "e.svg"]);
    assert!(explained.json["notes"].to_string().contains("the evidence was not given"), "{explained:?}");
    let svg = fs::read_to_string(party.join("e.svg")).unwrap();
    assert!(svg.contains(">beware: the evidence was not given"), "{svg}");
    assert!(!account(&explained.json).is_empty());
}

#[test]
fn a_label_hides_no_allowance() {
    let world = World::new("outputs-label");
    let text = world.text("domain.toml");
    let name = text[text.find("[[platform]]").unwrap()..].lines().find(|line| line.starts_with("name = ")).unwrap();
    let label = "w".repeat(120);
    let domain = world.changed("kind = \"snp\"", "kind = \"snp\"\nallow = [\"debug\", \"migratable\"]");
    let text = world.text(&domain).replace(name, &format!("name = \"{label}\""));
    world.folder.write("long.toml", text).unwrap();
    let answer = world.appraise("report.bin", "long.toml", &["--svg", "long.svg"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let svg = world.text("long.svg");
    assert!(svg.contains(">allowing `debug`<") && svg.contains(">allowing `migratable`<"), "{svg}");
}
