//! Input that is wrong: the message names file and place, and nothing is left half-written.

use std::{fs, path::PathBuf};

use casemate_testkit::Folder;

use crate::{
    party::Party,
    study::{MEASUREMENTS, Study, free_address},
};

fn clinic(folder: &Folder) -> Party {
    let party = Party::new(folder.path(), "clinic");
    party.expect(&["init", "--name", "clinic", "--address", &free_address()]);
    party
}

/// Files that a refusal must not have added to; SQLite's own come and go.
fn files(folder: &Folder) -> Vec<PathBuf> {
    let is_data = |path: &PathBuf| !path.to_string_lossy().contains("state.db-");
    folder.files().unwrap().into_iter().filter(is_data).collect()
}

#[test]
fn tables_that_are_none() {
    let folder = Folder::new("bad-tables");
    let party = clinic(&folder);
    party.write("good.csv", "id,age\n1,50\n2,60\n");
    party.expect(&["dataset", "seal", "good.csv", "--entity", "id"]);
    let good = fs::read(party.join("state/datasets/good.parquet")).unwrap();
    let cases: &[(&str, &[u8], &[&str])] = &[
        ("empty.csv", b"", &["`empty.csv`", "empty"]),
        ("header_only.csv", b"id,age\n", &["`header_only.csv`", "no rows"]),
        ("ragged_row.csv", b"id,age\n1,50\n2\n", &["`ragged_row.csv`", "line 3", "1 fields where the header has 2"]),
        ("row_too_wide.csv", b"id,age\n1,50,x\n", &["`row_too_wide.csv`", "line 2"]),
        ("open_quote.csv", b"id,age\n1,\"50\n2,60\n", &["`open_quote.csv`", "never closed"]),
        ("column_twice.csv", b"id,id\n1,2\n", &["`column_twice.csv`", "two columns are named `id`"]),
        ("column_unnamed.csv", b"id,\n1,2\n", &["`column_unnamed.csv`", "column 2 has no name"]),
        ("not_text.csv", b"id,age\n1,\xff\xfe\n", &["`not_text.csv`", "line 2, column `age`", "not UTF-8"]),
        ("not_parquet.parquet", b"id,age\n1,50\n", &["`not_parquet.parquet`"]),
        ("empty.parquet", b"", &["`empty.parquet`"]),
        ("truncated.parquet", &good[..good.len() / 2], &["`truncated.parquet`"]),
        ("sealed_already.parquet", &good, &["`sealed_already.parquet`", "encrypted already"]),
        ("empty.bin", b"", &["`empty.bin` is empty"]),
    ];
    let names: Vec<_> = cases.iter().map(|(name, bytes, _)| party.write(name, bytes)).collect();
    let before = files(&folder);
    for (name, _, parts) in cases {
        party.call(&["dataset", "seal", name, "--entity", "id"]).fails(2, parts);
        assert_eq!(files(&folder), before, "{name} left something");
    }
    let list = party.expect(&["dataset", "list"]);
    assert_eq!(list["datasets"].as_array().unwrap().len(), 1, "{list} {names:?}");
    assert_eq!(fs::read(party.join("state/datasets/good.parquet")).unwrap(), good);
}

#[test]
fn options_that_name_nothing() {
    let folder = Folder::new("bad-options");
    let party = clinic(&folder);
    party.write("good.csv", "id,age\n1,50\n2,60\n");
    let before = files(&folder);
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["dataset", "seal", "good.csv"], 2, &["`good.csv` is a table, and no entity column", "one of id, age"]),
        (
            &["dataset", "seal", "good.csv", "--entity", "patient"],
            2,
            &["`good.csv` has no column `patient`", "id, age"],
        ),
        (&["dataset", "seal", "gone.csv", "--entity", "id"], 2, &["cannot read `gone.csv`", "check the path"]),
        (&["dataset", "seal", "good.csv", "--entity", "id", "--name", "No Name"], 2, &["the dataset's name", "--name"]),
        (&["dataset", "seal", ".", "--name", "folder"], 2, &["`.` is not a file"]),
        (&["dataset", "show", "gone"], 2, &["clinic has no dataset `gone`", "dataset list"]),
        (&["dataset", "revoke", "gone"], 1, &["gone"]),
        (&["domain", "init", "--host", "good.csv"], 2, &["`good.csv` is no party's card"]),
        (&["contract", "show", "good.csv"], 2, &["`good.csv` is no signed contract"]),
        (&["contract", "sign", "gone.contract", "--yes"], 2, &["cannot read `gone.contract`"]),
        (&["run", "good.csv"], 2, &["`good.csv` is no signed contract"]),
        (&["receipt", "verify", "good.csv"], 2, &["`good.csv` is neither"]),
        (&["explain", "good.csv"], 2, &["`good.csv` is nothing that Casemate writes"]),
        (&["init", "--name", "clinic"], 2, &["already holds a party"]),
        (&["--state", "gone", "dataset", "list"], 2, &["`gone` is no party's state folder", "casemate init"]),
        (&["--state", "gone", "broker", "run"], 2, &["`gone` is no party's state folder"]),
    ];
    for (args, code, parts) in cases {
        party.call(args).fails(*code, parts);
        assert_eq!(files(&folder), before, "{args:?} left something");
    }
}

#[test]
fn passphrases_that_are_wrong() {
    let folder = Folder::new("bad-passphrase");
    let party = clinic(&folder);
    party.write("good.csv", "id,age\n1,50\n2,60\n");
    party.write("wrong", "not it\n");
    party.write("blank", "\nthe second line does not count\n");
    let before = files(&folder);
    let seal = ["dataset", "seal", "good.csv", "--entity", "id"];
    let cases = [
        ("wrong", 2, vec!["keys.age", "wrong passphrase"]),
        ("blank", 2, vec!["the first line of `blank` is empty"]),
        ("gone", 2, vec!["cannot read `gone`"]),
    ];
    for (file, code, parts) in cases {
        party.call(&[&seal[..], &["--passphrase-file", file]].concat()).fails(code, &parts);
        assert_eq!(files(&folder), before, "{file} left something");
    }
    // The key file cut short, one byte changed, and gone.
    let path = party.join("state/keys.age");
    let keys = fs::read(&path).unwrap();
    let mut changed = keys.clone();
    let middle = changed.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    for damaged in [&keys[..keys.len() / 2], &changed, b""] {
        fs::write(&path, damaged).unwrap();
        party.call(&seal).fails(2, &["keys.age"]);
    }
    fs::remove_file(&path).unwrap();
    party.call(&seal).fails(3, &["keys.age"]);
    fs::write(&path, &keys).unwrap();
    party.expect(&seal);
}

#[test]
fn a_study_with_the_wrong_files_and_parties() {
    let study = Study::signed("bad-run");
    let researcher = &study.researcher;
    researcher.call(&["run", "gone.contract", "--data", "."]).fails(2, &["cannot read `gone.contract`"]);

    let sealed = fs::read(researcher.join("measurements.parquet")).unwrap();
    fs::remove_file(researcher.join("measurements.parquet")).unwrap();
    let missing = ["no sealed file of `measurements` was given"];
    study.run().fails(2, &missing);
    // One byte changed, cut short, another owner's file under its name: none is the agreed one.
    let mut changed = sealed.clone();
    *changed.last_mut().unwrap() ^= 1;
    let other = fs::read(researcher.join("diagnoses.parquet")).unwrap();
    for wrong in [&changed[..], &sealed[..sealed.len() - 1], &other, MEASUREMENTS.as_bytes()] {
        researcher.write("measurements.parquet", wrong);
        study.run().fails(2, &missing);
    }
    researcher.write("measurements.parquet", &sealed);
    researcher
        .call(&["run", "study.contract", "--computation", "gone", "--data", "."])
        .fails(2, &["no computation `gone`", "by-diagnosis"]);
    assert!(!researcher.join("results").exists());

    // No broker listens.
    let unreachable = study.run();
    assert_ne!(unreachable.code, Some(0));
    assert!(!researcher.join("results/researcher.result").exists(), "{unreachable:?}");

    let _brokers = study.brokers();
    let run = study.run();
    assert_eq!(run.code, Some(0), "{run:?}");
    study.open();
    let result = researcher.join("results/researcher.result");
    let result = result.to_str().unwrap();
    study.clinic.call(&["result", "open", result]).fails(2, &["researcher.result", "not encrypted to this party"]);
    let bytes = fs::read(result).unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 16) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        researcher.write("changed.result", &changed);
        let opened = researcher.call(&["result", "open", "changed.result", "--csv", "changed.csv"]);
        assert!(matches!(opened.code, Some(1 | 2)), "byte {at}: {opened:?}");
        assert!(!researcher.join("changed.csv").exists());
    }
}
