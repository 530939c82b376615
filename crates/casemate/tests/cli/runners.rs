//! Who may run, before a keep is started: everybody has signed, the contract lets this party run, and it names this host's
//! launcher. What is refused here starts nothing, asks no broker and leaves nothing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use casemate_store::Store;
use serde_json::{Value, json};

use crate::{
    party::{Answer, Broker, Party},
    study::Study,
};

/// What a refusal may not have added to: the files of all parties (but for locks, and SQLite's own, which come and go), and
/// the runs of one.
async fn traces(study: &Study, party: &Party) -> (Vec<PathBuf>, usize) {
    let is_data = |path: &PathBuf| {
        let path = path.to_string_lossy();
        !path.contains("state.db-") && !path.ends_with(".lock")
    };
    let files = study.folder.files().unwrap().into_iter().filter(is_data).collect();
    let store = Store::open(&party.join("state")).await.unwrap();
    let runs = store.study_runs().await.unwrap().len();
    store.close().await;
    (files, runs)
}

fn run(party: &Party, contract: &str) -> Answer {
    party.call(&["run", contract, "--data", ".", "--out", "results"])
}

#[track_caller]
fn asked_nobody(brokers: &[Broker]) {
    for broker in brokers {
        // What it says at its start: where it listens, and which domain is in force.
        let mut events = broker.events();
        events.retain(|told| told["event"] != "listening" && told["event"] != "domain");
        assert!(events.is_empty(), "a broker was asked: {events:?}");
    }
}

#[tokio::test]
async fn a_contract_that_not_all_have_signed_starts_nothing() {
    let study = Study::signed("unsigned");
    let brokers = study.brokers();
    let (researcher, clinic) = (&study.researcher, &study.clinic);
    researcher.expect(&["contract", "sign", "study.toml", "--out", "one.contract", "--yes"]);
    fs::copy(researcher.join("one.contract"), clinic.join("two.contract")).unwrap();
    clinic.expect(&["contract", "sign", "two.contract", "--out", "../researcher/two.contract", "--yes"]);
    let before = traces(&study, researcher).await;
    for (contract, missing) in [
        ("one.contract", &["`clinic`", "`registry`"][..]),
        ("two.contract", &["`registry`"]),
        // A text that nobody signed is no contract to run.
        ("study.toml", &[]),
    ] {
        let refused = run(researcher, contract);
        if missing.is_empty() {
            refused.fails(2, &["`study.toml` is no signed contract"]);
        } else {
            refused.refused(&["contract-signatures"]);
            refused.fails(1, &[&format!("`{contract}`: not signed by {}", missing.join(", ")), "to sign"]);
        }
        assert_eq!(traces(&study, researcher).await, before, "{contract} left something");
    }
    asked_nobody(&brokers);
    // With the last signature the same file runs.
    study.registry.expect(&["contract", "sign", "../researcher/two.contract", "--yes"]);
    let all = run(researcher, "two.contract");
    assert_eq!(all.code, Some(0), "{all:?}");
    assert_eq!(traces(&study, researcher).await.1, before.1 + 1);
}

/// Somebody else calls himself `researcher`, and has everything of the researcher's but the keys.
#[tokio::test]
async fn a_host_that_the_contract_does_not_name_starts_nothing() {
    let study = Study::signed("impostor");
    let brokers = study.brokers();
    let impostor = Party::new(study.folder.path(), "impostor");
    impostor.expect(&["init", "--name", "researcher"]);
    for file in ["study.contract", "measurements.parquet", "diagnoses.parquet"] {
        fs::copy(study.researcher.join(file), impostor.join(file)).unwrap();
    }
    let before = traces(&study, &impostor).await;
    let refused = run(&impostor, "study.contract");
    refused.refused(&["contract-launcher"]);
    refused.fails(1, &["does not let researcher run on this host", "casemate key card"]);
    let (own, other) = (launcher(&study.researcher), launcher(&impostor));
    assert_eq!(refused.json["reasons"][0]["expected"], json!(format!("a launcher of `researcher`: `{own}`")));
    assert_eq!(refused.json["reasons"][0]["actual"], json!(format!("the launcher `{other}`")));
    // A party of the contract that is no runner of it.
    for file in ["study.contract", "measurements.parquet", "diagnoses.parquet"] {
        fs::copy(study.researcher.join(file), study.clinic.join(file)).unwrap();
    }
    let after = traces(&study, &study.clinic).await;
    run(&study.clinic, "study.contract").fails(1, &["`clinic` may not run `by-diagnosis`"]);
    assert_eq!(traces(&study, &study.clinic).await, after);
    asked_nobody(&brokers);
    assert_eq!(traces(&study, &impostor).await.1, before.1);
    assert!(!impostor.join("results").exists());
    let honest = study.run();
    assert_eq!(honest.code, Some(0), "{honest:?}");
}

#[tokio::test]
async fn a_rotated_launcher_runs_once_a_successor_names_it() {
    let study = Study::signed("rotate-launcher");
    let researcher = &study.researcher;
    let old = launcher(researcher);
    let kept = researcher.expect(&["key", "rotate"]);
    assert_eq!((&kept["launcher"], &kept["contracts"]), (&Value::Null, &json!([])));
    assert_eq!(launcher(researcher), old);
    let said = plain(researcher, &["key", "rotate"]);
    assert!(said.contains("the launcher's among them"), "{said}");

    let rotated = researcher.expect(&["key", "rotate", "--launcher"]);
    let new = launcher(researcher);
    assert_ne!(new, old);
    assert_eq!(
        (&rotated["launcher"], &rotated["contracts"]),
        (&json!(new), &json!([{"study": "cohort", "sequence": 1}]))
    );
    let party = fs::read_to_string(researcher.join("state/party.toml")).unwrap();
    assert!(party.contains(&new) && !party.contains(&old), "{party}");
    let brokers = study.brokers();
    let before = traces(&study, researcher).await;
    study.run().refused(&["contract-launcher"]);
    assert_eq!(traces(&study, researcher).await, before);
    asked_nobody(&brokers);

    succeed(&study);
    let run = study.run();
    assert_eq!(run.code, Some(0), "{run:?}");
    study.open();
    // The old contract is history, and the next rotation names the one in force.
    let said = plain(researcher, &["key", "rotate", "--launcher"]);
    for part in [new.as_str(), "Each needs a successor", "study cohort, sequence 2", "domain.toml", "casemate key card"]
    {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    assert!(!said.contains("sequence 1"), "{said}");
}

/// The study's second contract, with the researcher's new card in it, signed by all; the owners believe the new launcher.
fn succeed(study: &Study) {
    let first = study.researcher.expect(&["contract", "show", "study.contract"]);
    study.researcher.expect(&["key", "card", "../researcher.card"]);
    let text = fs::read_to_string(study.researcher.join("study.toml")).unwrap();
    let computations = text.find("[computations.").unwrap();
    let second = study.write_contract(&text[computations..]);
    let sequence = format!("\nsequence = 2\nsupersedes = \"{}\"\n", first["digest"].as_str().unwrap());
    assert!(second.contains("\nsequence = 1\n"));
    study.researcher.write("study.toml", second.replacen("\nsequence = 1\n", &sequence, 1));
    study.sign("study.toml", "second.contract");
    fs::rename(study.researcher.join("second.contract"), study.researcher.join("study.contract")).unwrap();
    for owner in [&study.clinic, &study.registry] {
        let path: &Path = &owner.join("state/domain.toml");
        let domain = fs::read_to_string(path).unwrap();
        let known = domain.lines().find(|line| line.starts_with("key = ")).unwrap();
        fs::write(path, domain.replace(known, &format!("key = \"{}\"", launcher(&study.researcher)))).unwrap();
    }
}

#[track_caller]
fn launcher(party: &Party) -> String {
    party.expect(&["key", "card"])["launcher"].as_str().unwrap().to_owned()
}

/// What the verb says to people.
fn plain(party: &Party, args: &[&str]) -> String {
    let mut command = party.people(args);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
