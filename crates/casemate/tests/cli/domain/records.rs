//! Records of runs, beside evidence in files: what `domain diff` can't read or judge of them is named, and no success.

use std::fs;

use casemate_contract::{BrokerRecord, RunBundle};
use casemate_cose::SigningKey;
use casemate_evidence::{Evidence, Format};
use casemate_testkit::NOW;
use serde_json::json;

use super::World;
use crate::party::{Answer, Party};

const PATH: &str = "state/results/1f/run.receipt";

/// The record of a run, of which one broker saw this evidence.
fn record(evidence: Vec<u8>) -> Vec<u8> {
    let broker = BrokerRecord {
        owner: "registry".parse().unwrap(),
        challenge: vec![],
        evidence,
        exporter: [0; 32],
        decision: vec![],
        release_receipt: vec![],
        permit: vec![],
        permit_receipt: vec![],
    };
    RunBundle::new(vec![], vec![], SigningKey::from_seed(&[7; 32]).public(), vec![broker]).to_bytes()
}

struct Analyst {
    world: World,
    party: Party,
}

impl Analyst {
    fn new(name: &str) -> Self {
        let world = World::new(name);
        let party = Party::new(world.path(), "analyst");
        party.expect(&["init", "--name", "analyst"]);
        world.changed("product = \"Milan\"", "product = \"Genoa\"");
        fs::create_dir_all(party.join("state/results/1f")).unwrap();
        Self { world, party }
    }

    fn evidence(&self) -> Vec<u8> {
        Evidence::new(Format::Snp, fs::read(self.world.folder.join("report.bin")).unwrap()).to_bytes()
    }

    fn diff(&self, more: &[&str]) -> Answer {
        let args = ["domain", "diff", "../domain.toml", "../changed.toml", "--endorsements", "../certificates"];
        self.party.call(&[&args[..], &["--trust-root", "amd=../root.der"], more].concat())
    }
}

#[track_caller]
fn damaged(answer: &Answer, path: &str, why: &str) {
    assert_eq!((answer.code, &answer.json["judged"]), (Some(1), &json!([])), "{answer:?}");
    let found = answer.json["damaged"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{answer:?}");
    assert!(found[0]["path"].as_str().unwrap().ends_with(path), "{answer:?}");
    assert!(found[0]["why"].as_str().unwrap().contains(why), "{answer:?}");
}

#[test]
fn what_can_not_be_read_is_named() {
    let analyst = Analyst::new("records-unread");
    let (whole, evidence) = (record(analyst.evidence()), analyst.evidence());
    for (bytes, why) in [
        (&whole[..whole.len() - 1], "no record of a run"),
        (b"", "no record of a run"),
        (&record(evidence[..evidence.len() - 1].to_vec()), "the broker of registry"),
    ] {
        analyst.party.write(PATH, bytes);
        damaged(&analyst.diff(&[]), PATH, why);
    }
    let people = analyst.party.people(&["domain", "diff", "../domain.toml", "../changed.toml"]).output().unwrap();
    let said = String::from_utf8(people.stdout).unwrap();
    assert!(said.contains("1 piece could not be judged") && said.contains("run.receipt: "), "{said}");
    // Where it is named, as well.
    fs::rename(analyst.party.join(PATH), analyst.party.join("run.receipt")).unwrap();
    damaged(&analyst.diff(&["--evidence", "run.receipt"]), "run.receipt", "the broker of registry");
    // A place of records that is none.
    fs::remove_dir_all(analyst.party.join("state/results")).unwrap();
    assert_eq!(analyst.diff(&[]).code, Some(0), "no run was made");
    analyst.party.write("state/results", "");
    damaged(&analyst.diff(&[]), "state/results", "");
}

/// Hardware's evidence says no time of its own.
#[test]
fn what_has_no_time_is_judged_at_the_verbs() {
    let analyst = Analyst::new("records-time");
    analyst.party.write(PATH, record(analyst.evidence()));
    let answer = analyst.diff(&[]);
    damaged(&answer, PATH, "when it was made");
    let at = NOW.0.to_string();
    // What is found with a time elsewhere needs no other.
    let named = analyst.diff(&["--evidence", "../report.bin"]);
    assert_eq!(named.json["damaged"], json!([]), "{named:?}");
    let answer = analyst.diff(&["--at", &at]);
    assert_eq!((answer.code, &answer.json["changed"]), (Some(0), &json!(1)), "{answer:?}");
    assert_eq!(answer.json["judged"][0]["at"], NOW.0);
}
