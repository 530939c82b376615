//! What is read after a run: receipts that verify offline or not at all, explanations, and what the machine can do.

use std::{fs, process::Command};

use casemate_contract::RunBundle;
use casemate_testkit::Folder;
use serde_json::json;

use crate::{
    party::{Answer, CASEMATE, Party},
    study::Study,
};

/// A process for each byte is slow: this many bytes of the receipt are left out between two that are changed.
const STRIDE: usize = 97;

#[test]
fn a_receipt_verifies_as_it_is_and_changed_nowhere() {
    let study = Study::signed("receipt");
    let brokers = study.brokers();
    let run = study.run();
    assert_eq!(run.code, Some(0), "{run:?}");
    drop(brokers);
    // Offline, with no state folder: in an empty one, by whoever has the contract.
    let stranger = Party::new(study.folder.path(), "stranger");
    fs::copy(study.researcher.join("results/run.receipt"), stranger.join("run.receipt")).unwrap();
    fs::copy(study.researcher.join("study.contract"), stranger.join("study.contract")).unwrap();
    let verify = ["receipt", "verify", "run.receipt", "--contract", "study.contract"];
    let verified = stranger.expect(&verify);
    assert_eq!(verified["owners"].as_array().unwrap().len(), 2);
    assert!(verified["summary"].to_string().contains("signed, not witnessed"));
    stranger.expect(&["receipt", "show", "run.receipt"]);
    // What lay outside secret memory: the runner is told the number that the owners signed, and any reader reads it.
    assert!(
        verified["ordinary_bytes"].is_u64() && verified["ordinary_bytes"] == run.json["ordinary_bytes"],
        "{verified}"
    );
    let is_lack = run.json["lacks"].as_array().unwrap().contains(&json!("secret-plaintext"));
    assert!(is_lack || verified["ordinary_bytes"] == 0, "{verified}");
    let words = String::from_utf8(stranger.people(&verify).output().unwrap().stdout).unwrap();
    assert!(words.contains("outside secret memory, as the keep counted it"), "{words}");

    let bytes = fs::read(stranger.join("run.receipt")).unwrap();
    for at in (0..bytes.len()).step_by(STRIDE) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        stranger.write("run.receipt", &changed);
        let answer = stranger.call(&verify);
        assert!(matches!(answer.code, Some(1 | 2)), "byte {at} of {}: {answer:?}", bytes.len());
    }
    for length in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        stranger.write("run.receipt", &bytes[..length]);
        assert!(matches!(stranger.call(&verify).code, Some(1 | 2)), "cut to {length}");
    }
    stranger.write("run.receipt", [&bytes[..], b"\0"].concat());
    assert!(matches!(stranger.call(&verify).code, Some(1 | 2)), "a byte too long");

    // Another contract than the one of the run.
    stranger.write("run.receipt", &bytes);
    let text = fs::read_to_string(study.researcher.join("study.toml")).unwrap();
    study.researcher.write("other.toml", text.replace("id = \"cohort\"", "id = \"other\""));
    study.sign("other.toml", "other.contract");
    fs::copy(study.researcher.join("other.contract"), stranger.join("study.contract")).unwrap();
    assert_eq!(stranger.call(&verify).code, Some(1));

    explained(&study);
}

fn explained(study: &Study) {
    let clinic = &study.clinic;
    let record = RunBundle::from_bytes(&fs::read(study.researcher.join("results/run.receipt")).unwrap()).unwrap();
    let broker = &record.brokers[0];
    let parts = [
        ("lone.manifest", &record.manifest),
        ("lone.evidence", &broker.evidence),
        ("lone.decision", &broker.decision),
        ("lone.permit", &broker.permit),
        ("release.receipt", &broker.release_receipt),
        ("permit.receipt", &broker.permit_receipt),
    ];
    for (name, bytes) in parts {
        clinic.write(name, bytes);
    }
    // File, kind, and words that only somebody who has read it could say.
    let cases: &[(&str, &str, &[&str])] = &[
        ("../clinic.card", "card", &["the card of clinic", "identity   ed25519:"]),
        ("../study.contract", "contract", &["every signature in it is valid", "by-diagnosis"]),
        ("../researcher/study.toml", "contract", &["nobody has signed it", "by-diagnosis"]),
        ("../researcher/results/run.receipt", "record of a run", &["nothing of it is verified", "keep's key", "gate "]),
        ("../researcher/results/researcher.result", "age file", &["a result"]),
        ("state/domain.toml", "domain", &["the domain of clinic", "host of researcher"]),
        ("state/keys.age", "age file", &["passphrase"]),
        ("state/datasets/measurements.parquet", "sealed table", &["only its dataset's key"]),
        ("lone.manifest", "manifest", &["of cohort by-diagnosis", "reads measurements", "result for researcher"]),
        (
            "lone.evidence",
            "evidence",
            &["of kind software", "isolation process, runtime sha256:", "KiB of secret memory"],
        ),
        ("lone.decision", "decision", &["the decision of clinic", "is accepted, under the domain sha256:"]),
        ("lone.permit", "permit", &["the permit of clinic", "aggregates only: passed", "outside secret memory"]),
        ("release.receipt", "receipt", &["release by clinic", "about measurements"]),
        ("permit.receipt", "receipt", &["permit by clinic", "outside secret memory"]),
    ];
    for (file, kind, words) in cases {
        assert_eq!(clinic.expect(&["explain", file])["kind"], json!(kind), "{file}");
        let text = String::from_utf8(clinic.people(&["explain", file]).output().unwrap().stdout).unwrap();
        for word in *words {
            assert!(text.contains(word), "{file}: `{word}` is not in\n{text}");
        }
    }
    // One byte changed: a signed thing is not taken for what it was; nothing of it is shown as signed.
    for (name, bytes) in parts.iter().filter(|(name, _)| ["lone.decision", "lone.permit"].contains(name)) {
        let mut changed = (*bytes).clone();
        *changed.last_mut().unwrap() ^= 1;
        clinic.write(name, &changed);
        clinic.call(&["explain", name]).fails(2, &["is nothing that Casemate writes"]);
    }
}

#[test]
fn shells_get_their_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let output = Command::new(CASEMATE).args(["completions", shell]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("casemate") && text.contains("broker"), "{shell}");
        assert!(text.contains("passphrase-file"), "{shell}: the options of every verb");
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
        assert!(!words.any(|word| word == "attack"), "{shell} offers `attack`, which --help hides");
    }
    // A reader that goes away ends it as it ends `cat`, not as a defect.
    let piped = Command::new("sh")
        .args(["-c", "\"$CASEMATE\" completions bash | head -1 >/dev/null"])
        .env("CASEMATE", CASEMATE)
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&piped.stderr).contains("panicked"));
}

#[test]
fn the_doctor_names_what_lacks_and_why() {
    let folder = Folder::new("doctor");
    let party = Party::new(folder.path(), "anyone");
    let doctor = party.expect(&["doctor"]);
    let rows = doctor["rows"].as_array().unwrap();
    assert!(rows.len() >= 5, "{rows:?}");
    for row in rows {
        assert!(row["what"].is_string() && row["why"].is_string(), "{row}");
        assert!(
            row["present"] == json!(true) || row["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()),
            "{row}"
        );
    }
    assert_eq!(doctor["error"], json!(null));
    assert!(doctor["runtime"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(folder.files().unwrap(), ["anyone/passphrase"].map(std::path::PathBuf::from), "it writes nothing");
}

#[test]
fn every_verb_has_help_with_an_example() {
    let verbs = [
        "demo",
        "init",
        "key backup",
        "key restore",
        "key rotate",
        "key card",
        "dataset seal",
        "dataset list",
        "dataset show",
        "dataset open",
        "dataset revoke",
        "party add",
        "party list",
        "party remove",
        "domain init",
        "domain check",
        "domain sign",
        "domain show",
        "domain import",
        "domain export",
        "domain diff",
        "appraise",
        "proof check",
        "contract new",
        "contract check",
        "contract show",
        "contract sign",
        "contract send",
        "contract receive",
        "contract discard",
        "broker run",
        "run",
        "result open",
        "receipt show",
        "receipt verify",
        "explain",
        "doctor",
        "completions",
    ];
    for verb in verbs {
        let output = Command::new(CASEMATE).args(verb.split(' ')).arg("--help").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{verb}");
        assert!((text.contains("Example:") || text.contains("Examples:")) && text.contains("--json"), "{verb}: {text}");
    }
    let mut unknown = Command::new(CASEMATE);
    unknown.arg("frobnicate");
    assert_eq!(Answer::of(unknown).code, Some(2));
}
