//! Wasm programs as people meet them: looked at, tried, compiled; and one that its author shows to nobody.

use std::fs;

use casemate_testkit::Folder;
use serde_json::json;

use crate::{
    party::{Answer, Party},
    study::{MEASUREMENTS, free_address, lacks},
};

const LOGISTIC: &[u8] = include_bytes!("../../../../examples/logistic/logistic.wasm");
/// A piece of the program's own text, which nobody but its author may see.
const CANARY: &[u8] = b"training does not converge: raise --l2";
const CARDS: [&str; 3] = ["../clinic.card", "../author.card", "../researcher.card"];

fn alone(name: &str) -> (Folder, Party) {
    let folder = Folder::new(name);
    let party = Party::new(folder.path(), "researcher");
    party.write("logistic.wasm", LOGISTIC);
    (folder, party)
}

#[test]
fn a_program_is_looked_at() {
    let (_folder, party) = alone("program-show");
    let shown = party.expect(&["program", "show", "logistic.wasm"]);
    assert_eq!(shown["kind"], "module, WASI preview 1");
    assert!(shown["imports"].as_array().unwrap().contains(&json!("wasi_snapshot_preview1.path_open")), "{shown}");
    party.write("elf.wasm", &fs::read("/proc/self/exe").unwrap()[..4096]);
    party.call(&["program", "show", "elf.wasm"]).refused(&["program-format"]);
    party.call(&["program", "show", "none.wasm"]).fails(2, &["cannot read `none.wasm`"]);
}

#[test]
fn a_program_is_tried_on_data_that_need_no_protection() {
    let (_folder, party) = alone("program-try");
    let rows = "id,ill,size\n1,0,1.5\n2,1,3.5\n3,0,1.0\n4,1,3.0\n5,0,2.0\n6,1,4.0\n7,0,1.25\n8,1,3.25\n9,0,3.1\n";
    party.write("patients.csv", rows);
    let model = "model.csv=feature:utf8,mean:float64,deviation:float64,coefficient:float64,odds:float64";
    let report = "report.csv=rows:int64,trained:int64,held_back:int64,auc:float64,accuracy:float64,log_loss:float64";
    let tried = ["program", "try", "logistic.wasm", "--in", "patients.csv", "--out", "tried", "--csv", model];
    // What stands behind `--` is the program's.
    let attempt = |more: &[&str]| Answer::of(party.people(&[&["--json"], &tried[..], more].concat()));
    let left = attempt(&["--csv", report, "--", "--label", "ill"]);
    assert_eq!(left.code, Some(0), "{left:?}");
    let left = left.json;
    assert_eq!(left["outputs"].as_array().unwrap().len(), 2, "{left}");
    assert!(fs::read_to_string(party.join("tried/report.csv")).unwrap().contains("\n9,6,3,"));
    // As in a keep: what isn't declared isn't left, and what goes wrong says no more than that.
    attempt(&["--", "--label", "ill"]).refused(&["program-output-files"]);
    let wrong = attempt(&["--csv", report, "--", "--label", "none"]);
    wrong.refused(&["program-exit"]);
    wrong.fails(1, &["the program said: logistic: no column"]);
    attempt(&["--csv", "model.csv:utf8"]).fails(2, &["there is no `=`"]);
}

#[test]
fn a_program_is_compiled_to_the_same_bytes_each_time() {
    let (_folder, party) = alone("program-compile");
    let compile = |out: &str| party.expect(&["program", "compile", "logistic.wasm", "--out", out])["digest"].clone();
    assert_eq!(compile("one.cwasm"), compile("two.cwasm"));
    party.call(&["program", "show", "one.cwasm"]).refused(&["program-format"]);
}

#[test]
fn explain_says_who_knows_more_of_a_program() {
    let (_folder, party) = alone("program-explain");
    assert_eq!(party.expect(&["explain", "logistic.wasm"])["kind"], "Wasm program");
    let said = String::from_utf8(party.people(&["explain", "logistic.wasm"]).output().unwrap().stdout).unwrap();
    assert!(said.contains("casemate program show"), "{said}");
}

/// A data owner, the owner of a program, and who runs it on the data: neither owner sees anything of the other's.
#[test]
fn neither_the_data_nor_the_program_is_seen_by_the_other() {
    let folder = Folder::new("program-sealed");
    let [clinic, author, researcher] = ["clinic", "author", "researcher"].map(|party| Party::new(folder.path(), party));
    for (owner, file, bytes, entity) in [
        (&clinic, "measurements.csv", MEASUREMENTS.as_bytes(), &["--entity", "patient_id"][..]),
        (&author, "logistic.wasm", LOGISTIC, &[]),
    ] {
        owner.expect(&["init", "--name", &owner.name, "--address", &free_address()]);
        owner.write(file, bytes);
        owner.expect(&[&["dataset", "seal", file], entity].concat());
    }
    researcher.expect(&["init", "--name", "researcher"]);
    for party in [&clinic, &author, &researcher] {
        party.expect(&["key", "card", &format!("../{}.card", party.name)]);
    }
    let lacks = lacks(&researcher);
    let accepted: Vec<&str> = lacks.iter().flat_map(|lack| ["--accept-lack", lack]).collect();
    for (owner, sealed) in [(&clinic, "measurements.parquet"), (&author, "logistic.age")] {
        owner.expect(&[&["domain", "init", "--host", "../researcher.card"], &accepted[..]].concat());
        owner.expect(&[&["party", "add"][..], &CARDS].concat());
        fs::copy(owner.join("state/datasets").join(sealed), researcher.join(sealed)).unwrap();
    }
    contract(&researcher, &accepted);
    let shared = folder.join("study.contract");
    let shared = shared.to_str().unwrap();
    researcher.expect(&["contract", "sign", "study.toml", "--out", shared, "--yes"]);
    for party in [&clinic, &author] {
        party.expect(&["contract", "sign", shared, "--yes"]);
    }

    let (clinics, authors) = (clinic.broker(), author.broker());
    let run = ["run", shared, "--data", ".", "--out", "results"];
    researcher.expect(&run);
    let opened = researcher.expect(&["result", "open", "results/researcher.result"]);
    let report = fs::read_to_string(researcher.join("results/researcher.files/report.csv")).unwrap();
    assert!(report.contains("\n569,380,189,"), "{report}");
    assert!(opened["free_form"].as_str().unwrap().contains("every signer trusts"));
    let verified = researcher.expect(&["receipt", "verify", "results/run.receipt", "--contract", shared]);
    assert!(verified.to_string().contains("author"), "{verified}");

    for party in [&clinic, &researcher] {
        for file in files(party) {
            let bytes = fs::read(&file).unwrap();
            let is_result = file.to_string_lossy().contains("results");
            assert!(is_result || !bytes.windows(CANARY.len()).any(|window| window == CANARY), "{}", file.display());
        }
    }
    // The author's broker decides as every owner's does: without it nothing runs.
    drop(authors);
    let _gone = fs::remove_dir_all(researcher.join("results"));
    assert_ne!(researcher.call(&run).code, Some(0));
    drop(clinics);
}

fn contract(researcher: &Party, accepted: &[&str]) {
    let said = ["--purpose", "Score tumours.", "--legal-basis", "Consent of the patients."];
    researcher.expect(&[&["contract", "new", "--study", "scores"][..], &said, &CARDS, accepted].concat());
    let template = fs::read_to_string(researcher.join("study.toml")).unwrap();
    let head = template.split("[computations.").next().unwrap();
    let computation = r#"
[computations.score]
wasm = { dataset = "logistic" }
arguments = ["--label", "large"]
max_output_bytes = 65536
clock_rounds_to_s = 3600
seed = 1
limits = { memory_mib = 64, seconds = 60 }
free_form = true
runners = ["researcher"]
recipients = ["researcher"]
reads = { measurements = ["patient_id", "mean_radius", "mean_texture", "mean_area"] }

[computations.score.inputs]
"patients.csv" = """
SELECT patient_id, CASE WHEN mean_area > 600 THEN 1 ELSE 0 END AS large, mean_radius, mean_texture
FROM measurements ORDER BY patient_id
"""

[computations.score.outputs]
"model.csv" = { feature = "utf8", mean = "float64", deviation = "float64", coefficient = "float64", odds = "float64" }
"report.csv" = { rows = "int64", trained = "int64", held_back = "int64", auc = "float64", accuracy = "float64", log_loss = "float64" }
"#;
    researcher.write("study.toml", format!("{head}{computation}"));
}

fn files(party: &Party) -> Vec<std::path::PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![party.folder.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}
