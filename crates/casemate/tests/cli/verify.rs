//! `casemate verify` and `casemate endorsements`: evidence recorded by others, and that of a vendor of our own.

mod recorded;
mod synthetic;

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::party::{Answer, CASEMATE};

/// Any evidence that is judged without a nonce.
const UNBOUND: &str = "--dangerously-unbound";

/// The command under `--json`, in `folder`. It has neither a state nor a passphrase: it needs none.
#[track_caller]
fn casemate(folder: &Path, args: &[&str]) -> Answer {
    let mut command = Command::new(CASEMATE);
    command.args(args).arg("--json").current_dir(folder).env("CASEMATE_STATE", folder.join("no-state"));
    let answer = Answer::of(command);
    assert!(answer.json.is_object(), "no object: {args:?}: {answer:?}");
    answer
}

/// The value of a claim of the first piece of evidence.
fn claim(object: &Value, name: &str) -> Option<String> {
    let claims = object["evidence"][0]["claims"].as_array()?;
    let claim = claims.iter().find(|claim| claim["name"] == name)?;
    claim["value"].as_str().map(str::to_owned)
}

/// Outcomes of the checks of the first piece of evidence.
fn outcomes(object: &Value) -> Vec<&str> {
    let checks = object["evidence"][0]["checks"].as_array().into_iter().flatten();
    checks.filter_map(|check| check["outcome"].as_str()).collect()
}
