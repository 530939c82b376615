//! The honest study: seal, agree, run, open, and what it all meant.

use std::{
    fs,
    path::{Path, PathBuf},
};

use casemate_cose::Digest;
use serde_json::Value;

use super::{DIAGNOSES, MEASUREMENTS, roles::Roles, table};
use crate::failure::{Failure, Outcome};

pub(super) const OWNERS: [&str; 2] = ["clinic", "registry"];
const ALL: [&str; 3] = ["clinic", "registry", "researcher"];

const PURPOSE: &str = "Compare cell nuclei of malignant and benign breast tumours, as averages over patients.";
const LEGAL_BASIS: &str = "None needed: the data is public (Wisconsin diagnostic breast cancer, 1995).";

/// Per diagnosis: how many patients, and what their cell nuclei measure.
const COMPUTATIONS: &str = r#"
[computations.by-diagnosis]
sql = """
SELECT d.diagnosis,
       COUNT(*)               AS patients,
       AVG(m.mean_radius)     AS radius_mean,
       STDDEV(m.mean_radius)  AS radius_sd,
       AVG(m.mean_texture)    AS texture_mean,
       STDDEV(m.mean_texture) AS texture_sd,
       AVG(m.mean_area)       AS area_mean,
       STDDEV(m.mean_area)    AS area_sd
FROM measurements m
JOIN diagnoses d ON m.patient_id = d.patient_id
GROUP BY d.diagnosis
ORDER BY d.diagnosis
"""
runners = ["researcher"]
recipients = ["researcher"]
reads = { measurements = ["patient_id", "mean_radius", "mean_texture", "mean_area"], diagnoses = ["patient_id", "diagnosis"] }

# The demo's third attack: everybody signed it, and still nothing leaves, because one patient alone has so large a tumour.
[computations.largest-tumour]
sql = """
SELECT d.diagnosis, AVG(m.mean_area) AS area_mean
FROM measurements m
JOIN diagnoses d ON m.patient_id = d.patient_id
WHERE m.mean_area > 2500
GROUP BY d.diagnosis
"""
runners = ["researcher"]
recipients = ["researcher"]
reads = { measurements = ["patient_id", "mean_area"], diagnoses = ["patient_id", "diagnosis"] }
"#;

/// The second computation, a program in Wasm; its source and how it is built: `examples/`.
const TRAIN: &str = include_str!("../../demo/train.toml");
const PROGRAM: &[u8] = include_bytes!("../../../../examples/logistic/logistic.wasm");
const PROGRAM_NAME: &str = "logistic.wasm";
/// Rows of the model that the screen shows.
const MODEL_ROWS: usize = 6;

/// What the honest runs left.
pub(super) struct Run {
    pub(super) object: Value,
    pub(super) opened: Value,
    pub(super) trained: Value,
    pub(super) contract: PathBuf,
    pub(super) receipt: PathBuf,
    result: PathBuf,
}

/// Runs the study from plaintext to opened result.
pub(super) fn run(roles: &mut Roles) -> Result<Run, Failure> {
    join(roles)?;
    seal(roles)?;
    let lacks = believe(roles)?;
    let contract = agree(roles, &lacks)?;
    let results = roles.folder("researcher").join("results");
    let object = roles.expect(
        "researcher",
        &["run", &text(&contract), "--computation", "by-diagnosis", "--data", ".", "--out", &text(&results)],
    )?;
    for owner in object.get("owners").and_then(Value::as_array).into_iter().flatten() {
        let name = string(owner, "owner");
        roles.say(
            &name,
            &format!(
                "decided, then released its key to the keep, then permitted the result ({})",
                string(owner, "why")
            ),
        );
    }
    let receipt = PathBuf::from(string(&object, "receipt"));
    let result = results.join("researcher.result");
    roles.say("researcher", &format!("got {} and {}", shown(roles, &result), shown(roles, &receipt)));
    roles.wrote(&result, "the result, encrypted to the researcher");
    roles.wrote(&receipt, "the receipts, for anyone");
    let opened = roles.expect("researcher", &["result", "open", &text(&result)])?;
    roles.say("researcher", "decrypted the result, verified its signature, receipts and permits");
    let verified = roles.expect("registry", &["receipt", "verify", &text(&receipt), "--contract", &text(&contract)])?;
    roles.say("registry", &format!("verified the receipts offline: {}", string(&verified, "summary")));
    let trained = train(roles, &contract)?;
    Ok(Run { object, opened, trained, contract, receipt, result })
}

/// The second run: a program that everybody signed, over rows that nobody sees.
fn train(roles: &mut Roles, contract: &Path) -> Result<Value, Failure> {
    let results = roles.folder("researcher").join("model");
    let contract = text(contract);
    let object = roles
        .expect("researcher", &["run", &contract, "--computation", "train", "--data", ".", "--out", &text(&results)])?;
    roles.say(
        "researcher",
        "ran a program in the keep: logistic regression in Wasm, trained on two thirds of the patients",
    );
    let result = results.join("researcher.result");
    let files = results.join("opened");
    let opened = roles.expect("researcher", &["result", "open", &text(&result), "--out", &text(&files)])?;
    let receipt = PathBuf::from(string(&object, "receipt"));
    roles.expect("clinic", &["receipt", "verify", &text(&receipt), "--contract", &contract])?;
    roles.say("clinic", "verified the receipts of this run too, offline");
    roles.wrote(&files, "the model and what it is worth, as the program wrote them");
    Ok(opened)
}

fn join(roles: &mut Roles) -> Outcome {
    for who in ALL {
        roles.make(who)?;
        let mut args = vec!["init", "--name", who];
        let address = Roles::free_address()?;
        if OWNERS.contains(&who) {
            args.extend(["--address", &address]);
        }
        roles.expect(who, &args)?;
        roles.say(who, &format!("made its keys in {}", shown(roles, &roles.folder(who).join("state"))));
        roles.wrote(roles.folder(who).join("state"), "keys, store and ledger of one party; passphrase beside it");
    }
    Ok(())
}

fn seal(roles: &mut Roles) -> Outcome {
    for (who, name, csv) in [("clinic", "measurements", MEASUREMENTS), ("registry", "diagnoses", DIAGNOSES)] {
        let plain = roles.folder(who).join(format!("{name}.csv"));
        fs::write(&plain, csv).map_err(|e| Failure::io("write", &plain, &e))?;
        let sealed = roles.expect(who, &["dataset", "seal", &text(&plain), "--entity", "patient_id"])?;
        let path = PathBuf::from(string(&sealed, "sealed"));
        let copy = roles.folder("researcher").join(format!("{name}.parquet"));
        fs::copy(&path, &copy).map_err(|e| Failure::io("copy", &path, &e))?;
        roles.say(
            who,
            &format!(
                "sealed {} rows into {}, gave the file (not the key) to the researcher",
                number(&sealed, "rows"),
                shown(roles, &path)
            ),
        );
        roles.wrote(&path, "sealed table: encrypted Parquet, opens in pyarrow with the key");
    }
    Ok(())
}

/// The owners believe the researcher's host with what `doctor` says that it lacks, which the contract has to accept as well.
fn believe(roles: &mut Roles) -> Result<Vec<String>, Failure> {
    for who in ALL {
        let card = roles.dir.join(format!("{who}.card"));
        roles.expect(who, &["key", "card", &text(&card)])?;
        roles.wrote(&card, "what a party tells the others: public keys, address, schemas");
    }
    let host = roles.dir.join("researcher.card");
    let doctor = roles.expect("researcher", &["doctor"])?;
    let lacks: Vec<_> = doctor
        .get("lacks")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|lack| lack.get("name").and_then(Value::as_str))
        .map(str::to_owned)
        .collect();
    for owner in OWNERS {
        let host = text(&host);
        let mut args = vec!["domain", "init", "--host", &host];
        for lack in &lacks {
            args.extend(["--accept-lack", lack]);
        }
        let domain = roles.expect(owner, &args)?;
        let accepts = match lacks.as_slice() {
            [] => "which lacks nothing".to_owned(),
            lacks => format!("lacks accepted by name: {}", lacks.join(", ")),
        };
        roles.say(owner, &format!("believes the researcher's host, {accepts}"));
        roles.wrote(string(&domain, "path"), "whom this owner believes");
        let cards: Vec<_> = ALL.iter().map(|who| text(&roles.dir.join(format!("{who}.card")))).collect();
        let mut args = vec!["party", "add"];
        args.extend(cards.iter().map(String::as_str));
        roles.expect(owner, &args)?;
        roles.say(owner, "knows the others by their cards: its broker takes contracts from nobody else");
        roles.start_broker(owner)?;
    }
    roles.say("brokers", "both listen, TLS 1.3 only");
    Ok(lacks)
}

fn agree(roles: &mut Roles, lacks: &[String]) -> Result<PathBuf, Failure> {
    let study = roles.folder("researcher").join("study.toml");
    let cards: Vec<_> = ALL.iter().map(|who| text(&roles.dir.join(format!("{who}.card")))).collect();
    let mut args = vec!["contract", "new", "--study", "breast-cancer"];
    args.extend(["--purpose", PURPOSE, "--legal-basis", LEGAL_BASIS]);
    args.extend(cards.iter().map(String::as_str));
    for lack in lacks {
        args.extend(["--accept-lack", lack]);
    }
    roles.expect("researcher", &args)?;
    let template = fs::read_to_string(&study).map_err(|e| Failure::io("read", &study, &e))?;
    let head = template.split("[computations.").next().unwrap_or_default();
    let program = roles.folder("researcher").join(PROGRAM_NAME);
    fs::write(&program, PROGRAM).map_err(|e| Failure::io("write", &program, &e))?;
    roles.wrote(&program, "the program that everybody signs, by its digest");
    let train = TRAIN.replace("{digest}", &Digest::of(PROGRAM).to_string());
    fs::write(&study, format!("{head}{COMPUTATIONS}{train}")).map_err(|e| Failure::io("write", &study, &e))?;
    roles.expect("researcher", &["contract", "check", "study.toml"])?;
    roles.say("researcher", &format!("wrote and checked {}", shown(roles, &study)));
    roles.wrote(&study, "the contract as a person writes it");
    roles.expect("researcher", &["contract", "sign", "study.toml", "--yes"])?;
    roles.expect("researcher", &["contract", "send", "study.contract"])?;
    for owner in OWNERS {
        let received = roles.expect(owner, &["contract", "receive"])?;
        let path = received
            .get("contracts")
            .and_then(Value::as_array)
            .and_then(|contracts| contracts.first())
            .map(|contract| string(contract, "path"))
            .unwrap_or_default();
        let signed = roles.expect(owner, &["contract", "sign", &path, "--yes"])?;
        roles.say(owner, &format!("received, checked and signed the contract {}", short(&string(&signed, "digest"))));
    }
    let received = roles.expect("researcher", &["contract", "receive", "study.contract"])?;
    let contract = roles.folder("researcher").join("study.contract");
    roles.say("researcher", "collected all three signatures");
    roles.wrote(&contract, "the contract as everybody signed it");
    let _ = received;
    Ok(contract)
}

/// What came out, and what it is worth.
pub(super) fn summary(roles: &Roles, run: &Run) -> Outcome {
    let say = |line: &str| roles.screen.line(line);
    say("");
    say("Result");
    table::print(roles.screen, run.opened.get("table"));
    model(roles, &run.trained);
    say("");
    say("Gates");
    for gate in run.opened.get("gates").and_then(Value::as_array).into_iter().flatten() {
        say(&format!("  {:<14} {:<46} {}", string(gate, "dataset"), string(gate, "gate"), string(gate, "outcome")));
    }
    say("");
    say("Keys");
    for owner in run.object.get("owners").and_then(Value::as_array).into_iter().flatten() {
        say(&format!("  {:<14} released the key of {}", string(owner, "owner"), string(owner, "released")));
        say(&format!("  {:<14} because {}", "", string(owner, "why")));
    }
    say("");
    say("Isolation");
    for line in run.object.get("trust").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        say(&format!("  {line}"));
    }
    Ok(())
}

/// The trained model's report, and its strongest features.
fn model(roles: &Roles, trained: &Value) {
    let say = |line: &str| roles.screen.line(line);
    let file = |name: &str| {
        let files = trained.get("files").and_then(Value::as_array);
        let found = files.into_iter().flatten().find(|file| string(file, "name") == name);
        found.map(|file| string(file, "text")).unwrap_or_default()
    };
    say("");
    say(
        "Model (a Wasm program over rows that nobody sees; no gate reads what it writes, every signer trusts its code)",
    );
    table::print_csv(roles.screen, &file("report.csv"), usize::MAX);
    say("");
    table::print_csv(roles.screen, &file("model.csv"), MODEL_ROWS);
}

/// The commands to go on with.
pub(super) fn by_hand(roles: &Roles, run: &Run) {
    let say = |line: &str| roles.screen.line(line);
    say("");
    say("Written");
    for (path, what) in roles.written() {
        say(&format!("  {:<58} {what}", shown(roles, path)));
    }
    say("");
    say("Go on by hand");
    for command in commands(roles, run) {
        say(&format!("  {command}"));
    }
    say("The two brokers go on in the background of your shell; `jobs` names them, `kill %1 %2` stops them.");
}

/// Commands that work when they are pasted, in this order: first the brokers, then all that anyone would try.
pub(super) fn commands(roles: &Roles, run: &Run) -> Vec<String> {
    let casemate = roles.typed_program();
    let quoted = |path: &std::path::Path| quote(&text(path));
    let of = |who: &str| {
        let folder = roles.folder(who);
        let (state, passphrase) = (quoted(&folder.join("state")), quoted(&folder.join("passphrase")));
        format!("{casemate} --state {state} --passphrase-file {passphrase}")
    };
    let (contract, receipt) = (quoted(&run.contract), quoted(&run.receipt));
    let brokers = OWNERS.iter().map(|owner| format!("{} broker run &", of(owner)));
    let rest = [
        format!("{} result open {}", of("researcher"), quoted(&run.result)),
        format!("{casemate} receipt verify {receipt} --contract {contract}"),
        format!("{casemate} contract show {contract} --cedar"),
        format!("{casemate} explain {receipt}"),
        format!("{casemate} program show {}", quoted(&roles.folder("researcher").join(PROGRAM_NAME))),
        format!("{casemate} doctor"),
        format!(
            "{} run {contract} --computation by-diagnosis --data {}",
            of("researcher"),
            quoted(&roles.folder("researcher"))
        ),
    ];
    brokers.chain(rest).collect()
}

/// A word as a shell takes it.
pub(super) fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A path as the reader's shell would take it: relative to where the demo was started.
pub(super) fn shown(roles: &Roles, path: &std::path::Path) -> String {
    let base = roles.dir.parent().unwrap_or(&roles.dir);
    path.strip_prefix(base).unwrap_or(path).display().to_string()
}

pub(super) fn string(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn number(value: &Value, field: &str) -> u64 {
    value.get(field).and_then(Value::as_u64).unwrap_or_default()
}

pub(super) fn text(path: &std::path::Path) -> String {
    path.display().to_string()
}

fn short(digest: &str) -> String {
    digest.chars().take("sha256:".len() + 12).collect()
}
