//! Keys and datasets through their lives: backup, restore, rotation, a crash within it, new versions, revocation.

use std::fs;

use casemate_testkit::Folder;
use serde_json::json;

use crate::{party::Party, study::Study};

const TABLE: &str = "id,age\n1,50\n2,60\n";

fn party(folder: &Folder) -> Party {
    let party = Party::new(folder.path(), "clinic");
    party.expect(&["init", "--name", "clinic", "--address", "127.0.0.1:7701"]);
    party.write("ages.csv", TABLE);
    party.expect(&["dataset", "seal", "ages.csv", "--entity", "id"]);
    party
}

/// The plaintext of the one dataset, as its owner gets it back.
#[track_caller]
fn opened(party: &Party) -> String {
    let _ = fs::remove_file(party.join("opened.csv"));
    party.expect(&["dataset", "open", "ages", "--out", "opened.csv"]);
    fs::read_to_string(party.join("opened.csv")).unwrap()
}

#[test]
fn a_lost_key_file_comes_back_from_its_backup() {
    let folder = Folder::new("backup");
    let party = party(&folder);
    party.expect(&["key", "backup", "backup.age"]);
    party.call(&["key", "backup", "backup.age"]).fails(2, &["`backup.age`", "a backup replaces no file"]);
    let kept = fs::read(party.join("backup.age")).unwrap();
    party.call(&["key", "restore", "backup.age"]).fails(2, &["keys.age` is there", "replaces no keys"]);

    let keys = party.join("state/keys.age");
    let card = party.expect(&["key", "card"]);
    fs::remove_file(&keys).unwrap();
    party.write("wrong", "not it\n");
    let wrong = party.call(&["key", "restore", "backup.age", "--passphrase-file", "wrong"]);
    wrong.fails(2, &["backup.age", "wrong passphrase"]);
    party.write("cut.age", &kept[..kept.len() / 2]);
    party.call(&["key", "restore", "cut.age"]).fails(2, &["cut.age"]);
    party.call(&["key", "restore", "ages.csv"]).fails(2, &["ages.csv"]);
    assert!(!keys.exists());
    party.expect(&["key", "restore", "backup.age"]);
    assert_eq!(party.expect(&["key", "card"]), card);
    assert_eq!(opened(&party), TABLE);
}

#[test]
fn a_backup_from_before_a_rotation_still_restores() {
    let folder = Folder::new("backup-rotate");
    let party = party(&folder);
    party.expect(&["key", "backup", "backup.age"]);
    party.write("later.csv", TABLE);
    party.expect(&["dataset", "seal", "later.csv", "--entity", "id"]);
    party.expect(&["key", "rotate"]);
    fs::remove_file(party.join("state/keys.age")).unwrap();
    let restored = party.expect(&["key", "restore", "backup.age"]);
    assert_eq!(restored["lost"], json!(1), "what was sealed after the backup is named as lost, not passed over");
    assert_eq!(opened(&party), TABLE);
    party.call(&["dataset", "open", "later", "--out", "never.csv"]).fails(2, &["not this party's"]);
}

#[test]
fn after_rotation_only_the_new_key_file_opens() {
    let folder = Folder::new("rotate");
    let party = party(&folder);
    let keys = party.join("state/keys.age");
    let old = fs::read(&keys).unwrap();
    party.write("new", "another passphrase\n");
    let rotated = party.expect(&["key", "rotate", "--new-passphrase-file", "new"]);
    assert_eq!(rotated["rotated"], json!(1));
    let open = ["dataset", "open", "ages", "--out", "never.csv"];
    party.call(&open).fails(2, &["keys.age", "wrong passphrase"]);
    fs::copy(party.join("new"), party.join("passphrase")).unwrap();
    assert_eq!(opened(&party), TABLE);
    let new = fs::read(&keys).unwrap();
    fs::write(&keys, &old).unwrap();
    party.write("passphrase", "the passphrase of clinic\n");
    party.call(&open).fails(2, &["not this party's"]);
    assert!(!party.join("never.csv").exists());
    fs::write(&keys, new).unwrap();
}

/// A rotation writes `keys.age.next`, then the store, then renames. Each state that a crash leaves is made by hand.
#[test]
fn a_crash_within_a_rotation_loses_no_key() {
    let folder = Folder::new("rotate-crash");
    let party = party(&folder);
    let (keys, next) = (party.join("state/keys.age"), party.join("state/keys.age.next"));
    let (old, store) = (fs::read(&keys).unwrap(), party.join("state"));
    let saved = folder.join("saved");
    copy_folder(&store, &saved);
    party.expect(&["key", "rotate"]);
    let new = fs::read(&keys).unwrap();
    assert_ne!(old, new);

    // After the store, before the rename: the old file is in place, the store wants the new one.
    fs::write(&keys, &old).unwrap();
    fs::write(&next, &new).unwrap();
    assert_eq!(opened(&party), TABLE);
    assert!(!next.exists());
    assert_eq!(fs::read(&keys).unwrap(), new);

    // After the new file, before the store: the store still wants the old one.
    fs::remove_dir_all(&store).unwrap();
    copy_folder(&saved, &store);
    fs::write(&next, &new).unwrap();
    assert_eq!(opened(&party), TABLE);
    assert!(!next.exists());
    assert_eq!(fs::read(&keys).unwrap(), old);
    party.expect(&["key", "rotate"]);
    assert_eq!(opened(&party), TABLE);
}

/// The same crash while the passphrase changes too: the person remembers the old one or the new one.
#[test]
fn a_crash_while_the_passphrase_changes_loses_no_key() {
    let folder = Folder::new("rotate-passphrase");
    let party = party(&folder);
    let (keys, next) = (party.join("state/keys.age"), party.join("state/keys.age.next"));
    let old = fs::read(&keys).unwrap();
    party.write("new", "another passphrase\n");
    party.expect(&["key", "rotate", "--new-passphrase-file", "new"]);
    let new = fs::read(&keys).unwrap();
    fs::write(&keys, &old).unwrap();
    fs::write(&next, &new).unwrap();
    // The old passphrase opens the old file, which opens nothing of the store: no file may go now.
    let open = ["dataset", "open", "ages", "--out", "opened.csv"];
    let early = party.call(&open);
    assert_eq!(early.code, Some(2), "{early:?}");
    assert!(next.exists() && keys.exists());
    fs::copy(party.join("new"), party.join("passphrase")).unwrap();
    assert_eq!(opened(&party), TABLE);
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

#[test]
fn a_dry_run_writes_nothing_and_other_files_seal_too() {
    let folder = Folder::new("dry-run");
    let party = party(&folder);
    let image: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    party.write("scan.dcm", &image);
    let files = || -> Vec<_> {
        let all = folder.files().unwrap().into_iter();
        all.filter(|path| !path.to_string_lossy().contains("state.db-")).collect()
    };
    let (before, list) = (files(), party.expect(&["dataset", "list"]));
    let dry = party.expect(&["dataset", "seal", "ages.csv", "--entity", "id", "--dry-run"]);
    assert_eq!(dry["columns"], json!([{"name": "id", "type": "int64"}, {"name": "age", "type": "int64"}]));
    party.expect(&["dataset", "seal", "scan.dcm", "--dry-run"]);
    assert_eq!((files(), party.expect(&["dataset", "list"])), (before, list));

    party.expect(&["dataset", "seal", "scan.dcm"]);
    party.expect(&["dataset", "open", "scan", "--out", "scan.open"]);
    assert_eq!(fs::read(party.join("scan.open")).unwrap(), image);
    party.call(&["dataset", "open", "ages", "--out", "scan.open"]).fails(2, &["`scan.open` exists"]);
    let shown = party.expect(&["dataset", "show", "ages"]);
    assert_eq!((&shown["entity"], &shown["standing"]), (&json!("id"), &json!("current")));
}

#[test]
fn a_revoked_dataset_stays_at_home() {
    let study = Study::signed("revoke");
    let [clinic, registry] = study.brokers();
    let revoked = study.clinic.expect(&["dataset", "revoke", "measurements"]);
    assert_eq!(revoked["entry"], json!(0));
    assert_eq!(study.clinic.expect(&["dataset", "show", "measurements"])["standing"], json!("revoked"));
    study.run().refused(&["dataset-revoked"]);
    assert_eq!((clinic.count("released"), registry.count("released")), (0, 0));
    assert!(!study.researcher.join("results/researcher.result").exists());
    // Its owner still reads it, and offers it to nobody.
    study.clinic.expect(&["dataset", "open", "measurements", "--out", "mine.csv"]);
    let card = study.clinic.expect(&["key", "card"]);
    assert_eq!(card["datasets"], json!([]));
}

#[test]
fn a_new_version_needs_a_new_contract() {
    let study = Study::signed("reseal");
    let first = study.clinic.expect(&["dataset", "show", "measurements"]);
    study.clinic.expect(&["dataset", "seal", "measurements.csv", "--entity", "patient_id"]);
    let second = study.clinic.expect(&["dataset", "show", "measurements"]);
    assert_eq!(first["id"], second["id"]);
    assert_ne!((&first["version"], &first["digest"]), (&second["version"], &second["digest"]));
    let _brokers = study.brokers();
    let new = study.clinic.join("state/datasets/measurements.parquet");
    let agreed = study.researcher.join("measurements.parquet");
    let old = fs::read(&agreed).unwrap();
    fs::copy(new, &agreed).unwrap();
    study.run().fails(2, &["no sealed file of `measurements` was given"]);
    // The version that all agreed on still runs: its key is kept.
    fs::write(&agreed, old).unwrap();
    let run = study.run();
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[test]
fn rotation_between_runs_changes_nothing_for_the_others() {
    let study = Study::signed("rotate-run");
    study.clinic.expect(&["key", "rotate"]);
    let _brokers = study.brokers();
    let run = study.run();
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(study.open()["table"]["rows"].as_array().unwrap().len(), 2);
}
