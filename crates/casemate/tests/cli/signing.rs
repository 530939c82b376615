//! `contract sign`: what it shows and asks, and what it does not sign.

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use crate::{
    party::{CASEMATE, Party},
    strangers::eve,
    study::{CARDS, COMPUTATIONS, SAID, Study},
};

/// The command at a terminal, where somebody types `answer`. None where there is no `script` to make one.
fn typed(party: &Party, args: &str, answer: &str) -> Option<(Option<i32>, String)> {
    let script = casemate_testkit::tool("a question at a terminal", "script", "bsdutils")?;
    let mut child = Command::new(script)
        .args(["--quiet", "--return", "--command", &format!("{CASEMATE} {args}"), "/dev/null"])
        .env("CASEMATE_STATE", party.join("state"))
        .env("CASEMATE_PASSPHRASE_FILE", party.join("passphrase"))
        .current_dir(&party.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Some((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[test]
fn a_person_reads_and_says_yes() {
    let study = Study::sealed("sign-asks");
    let (clinic, researcher) = (&study.clinic, &study.researcher);
    study.write_contract(COMPUTATIONS);
    fs::copy(researcher.join("study.toml"), clinic.join("study.toml")).unwrap();
    let before = study.folder.files().unwrap();
    for args in [&["contract", "sign", "study.toml"][..], &["contract", "sign", "study.toml", "--out", "x.contract"]] {
        clinic.call(args).fails(2, &["no terminal to ask on", "--yes"]);
        let output = clinic.people(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("--yes"));
    }
    assert_eq!(study.folder.files().unwrap(), before);
    for answer in ["n\n", "\n", "yesterday\n", "sign\n"] {
        let Some((code, text)) = typed(clinic, "contract sign study.toml", answer) else { return };
        assert_eq!(code, Some(1), "{answer:?}: {text}");
        assert!(text.contains("Sign this as clinic? [y/N]") && text.contains("not signed"), "{text}");
        assert!(!clinic.join("study.contract").exists());
    }
    assert_eq!(clinic.expect(&["contract", "receive"])["contracts"], serde_json::json!([]));

    let (code, text) = typed(clinic, "contract sign study.toml", "y\n").unwrap();
    assert_eq!(code, Some(0), "{text}");
    let mut rest = &*text;
    for part in [
        "What clinic would agree to: study cohort, sequence 1",
        "purpose      Compare tumours.",
        "legal basis  Consent of the patients.",
        "expires      20",
        "isolations   process",
        "may lack     ",
        "clinic       ed25519:",
        "this is you",
        "registry     ed25519:",
        "known since 20",
        "diagnoses    of registry; entity patient_id",
        "columns    diagnosis, patient_id",
        "measurements of you; entity patient_id",
        "aggregates only; at least 10 distinct entities",
        "by-diagnosis run by researcher",
        "result for researcher",
        "reads      measurements (mean_radius, patient_id)",
        "FROM measurements m JOIN diagnoses d",
        "Sign this as clinic? [y/N]",
        "clinic signed sha256:",
    ] {
        let at = rest.find(part);
        assert!(at.is_some(), "`{part}` is missing, or not in its place, in\n{text}");
        rest = &rest[at.unwrap()..];
    }
    assert!(clinic.join("study.contract").exists());
}

#[test]
fn what_is_not_as_this_party_knows_it_is_not_signed() {
    let study = Study::sealed("sign-checks");
    let clinic = &study.clinic;
    let honest = study.write_contract(COMPUTATIONS);
    let eve = eve(&study, "eve");
    let field = |name: &str, key: &str| -> String {
        let section = honest.split(&format!("[{name}]\n")).nth(1).unwrap();
        let line = section.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let identity = eve.expect(&["key", "card"])["identity"].as_str().unwrap().to_owned();
    let party = fs::read_to_string(eve.join("state/party.toml")).unwrap();
    let hers = |key: &str| {
        let line = party.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let hex = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    let digest = field("datasets.measurements", "digest");
    let (id, version) = (field("datasets.measurements", "id"), field("datasets.measurements", "version"));
    let crimes = [
        ("party-key", field("parties.registry", "key"), identity),
        ("party-broker", field("parties.registry", "broker"), hers("broker")),
        ("party-recipient", field("parties.researcher", "recipient"), hers("recipient")),
        ("own-broker", field("parties.clinic", "broker"), hers("broker")),
        ("own-recipient", field("parties.clinic", "recipient"), hers("recipient")),
        ("own-dataset-digest", digest.clone(), format!("sha256:{}", hex(&digest["sha256:".len()..]))),
        ("own-dataset-id", id.clone(), hex(&id)),
        ("own-dataset-version", version.clone(), hex(&version)),
        ("own-dataset-columns", "\nmean_area = \"float64\"".to_owned(), "\nmean_area = \"int64\"".to_owned()),
    ];
    for (rule, from, to) in &crimes {
        assert!(honest.contains(from) && from != to, "{rule}: `{from}` is not in the template any more");
        clinic.write("crime.toml", honest.replace(from, to));
        clinic.call(&["contract", "sign", "crime.toml", "--yes"]).refused(&[rule]);
        assert!(!clinic.join("crime.contract").exists(), "{rule}");
    }
    let own_name =
        honest.replace("parties.clinic]", "parties.hospital]").replace("owner = \"clinic\"", "owner = \"hospital\"");
    clinic.write("crime.toml", own_name);
    clinic.call(&["contract", "sign", "crime.toml", "--yes"]).refused(&["own-name"]);
    // Whoever is known by name only through the contract itself is not known.
    clinic.expect(&["party", "remove", "registry"]);
    clinic.write("study.toml", &honest);
    clinic.call(&["contract", "sign", "study.toml", "--yes"]).refused(&["party-unknown"]);
    clinic.expect(&["party", "add", "../registry.card"]);
    assert_eq!(clinic.expect(&["contract", "receive"])["contracts"], serde_json::json!([]), "something was stored");
    clinic.expect(&["contract", "sign", "study.toml", "--yes"]);
    clinic.expect(&["dataset", "revoke", "measurements"]);
    clinic.call(&["contract", "sign", "study.toml", "--yes"]).refused(&["own-dataset-revoked"]);
}

#[test]
fn the_templates_own_words_are_not_signed() {
    let study = Study::sealed("placeholders");
    let researcher = &study.researcher;
    for (said, fields) in [(&SAID[..0], &["purpose", "legal_basis"][..]), (&SAID[..2], &["legal_basis"])] {
        let _ = fs::remove_file(researcher.join("study.toml"));
        researcher.expect(&[&["contract", "new", "--study", "cohort"][..], said, &CARDS].concat());
        let text = fs::read_to_string(researcher.join("study.toml")).unwrap();
        let checked = researcher.call(&["contract", "check", "study.toml"]);
        checked.fails(2, &["`study.toml` says nothing of its own for", &fields.join(" and ")]);
        let marks = checked.json["marks"].as_array().unwrap();
        assert_eq!(marks.len(), fields.len(), "{marks:?}");
        for (mark, field) in marks.iter().zip(fields) {
            let offset = mark["offset"].as_u64().unwrap() as usize;
            let line = text[..offset].rsplit('\n').next().unwrap();
            assert_eq!(line, format!("{field} = "), "the mark is not at its line");
        }
        researcher.call(&["contract", "sign", "study.toml", "--yes"]).fails(2, fields);
        researcher.expect(&["contract", "show", "study.toml"]);
        assert!(!researcher.join("study.contract").exists());
    }
    let _ = fs::remove_file(researcher.join("study.toml"));
    researcher.expect(&[&["contract", "new", "--study", "cohort"][..], &SAID, &CARDS].concat());
    researcher.expect(&["contract", "check", "study.toml"]);
    researcher.expect(&["contract", "sign", "study.toml", "--yes"]);
}
