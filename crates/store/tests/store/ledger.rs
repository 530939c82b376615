//! The stored log, its files, and what happens when either was tampered with or put back.

use std::{fs, path::Path};

use casemate_cose::Digest;
use casemate_ledger::{Comparison, compare, entry_bundle, leaf_hash, open_checkpoint};
use casemate_store::Store;
use casemate_testkit::{Folder, NOW};

use crate::{
    disk::sql,
    fixture::{LogKey, check, decided, message, refusal, release},
};

async fn refusals(store: &Store, log: &LogKey, numbers: std::ops::Range<u16>) {
    for number in numbers {
        let body = refusal(9, &format!("refusal {number}"));
        store.commit_refusal(&body, &[1; 32], &log.signer()).await.unwrap();
    }
}

/// What somebody finds who has the published files alone: entries, leaves, and the checkpoint.
fn published(folder: &Path) -> (Vec<u8>, Vec<u8>, String) {
    let read = |path: &str| fs::read(folder.join(path)).unwrap();
    (read("tile/entries/000"), read("tile/0/000"), fs::read_to_string(folder.join("checkpoint")).unwrap())
}

#[tokio::test]
async fn the_files_are_the_log() {
    let folder = Folder::new("ledger");
    let (store, log) = (Store::open(folder.path()).await.unwrap(), LogKey::new(1));
    refusals(&store, &log, 0..3).await;
    let files = folder.join("ledger");
    assert!(files.join("tile/0/000.p/3").exists() && files.join("tile/entries/000.p/3").exists());
    refusals(&store, &log, 3..258).await;

    let (bundle, tile, text) = published(&files);
    let entries: Vec<_> = bundle.chunks(34).map(|entry| Digest::from_bytes(entry[2..].try_into().unwrap())).collect();
    assert_eq!((entries.len(), entry_bundle(&entries)), (256, bundle));
    let leaves: Vec<u8> = entries.iter().flat_map(|entry| *leaf_hash(entry).as_bytes()).collect();
    assert_eq!(leaves, tile);
    assert_eq!(fs::read(files.join("tile/1/000.p/1")).unwrap().len(), 32);
    assert_eq!(fs::read(files.join("tile/0/001.p/2")).unwrap().len(), 64);
    assert!(!files.join("tile/0/000.p").exists() && !files.join("tile/entries/000.p").exists());
    let checkpoint = open_checkpoint(&text, log.origin(), &log.public()).unwrap();
    assert_eq!(checkpoint.size(), 258);

    let head = store.ledgers().await.unwrap().pop().unwrap();
    assert_eq!((head.size, &head.checkpoint), (258, &text));
    let receipts = store.receipts().await.unwrap();
    check(&store, &log, &receipts[257]).await;
    let old = open_checkpoint(&receipts[99].checkpoint, log.origin(), &log.public()).unwrap();
    let proof = store.consistency(&head, 100).await.unwrap();
    assert_eq!(compare(&old, &checkpoint, &proof), Ok(Comparison::Consistent));
    assert!(store.consistency(&head, 259).await.is_err());
}

#[tokio::test]
async fn missing_and_torn_files_are_written_again() {
    let folder = Folder::new("ledger");
    let (store, log) = (Store::open(folder.path()).await.unwrap(), LogKey::new(1));
    refusals(&store, &log, 0..258).await;
    store.close().await;
    let files = folder.join("ledger");
    let before = published(&files);
    fs::remove_file(files.join("tile/entries/000")).unwrap();
    fs::write(files.join("tile/0/000"), b"torn").unwrap();
    fs::write(files.join("checkpoint"), b"torn").unwrap();
    fs::write(files.join("tile/.part"), b"left by a crash").unwrap();
    Store::open(folder.path()).await.unwrap().close().await;
    assert_eq!(published(&files), before);
    fs::remove_dir_all(&files).unwrap();
    Store::open(folder.path()).await.unwrap();
    assert_eq!(published(&files), before);
}

#[tokio::test]
async fn an_older_state_put_back_is_refused() {
    let folder = Folder::new("ledger");
    let (store, log) = (Store::open(folder.path()).await.unwrap(), LogKey::new(1));
    refusals(&store, &log, 0..2).await;
    store.close().await;
    let backup = fs::read(folder.join("state.db")).unwrap();
    let old_files = fs::read(folder.join("ledger/checkpoint")).unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    refusals(&store, &log, 2..5).await;
    store.close().await;

    // With the files rolled back as well, nothing on this machine shows it: this is what witnesses are for.
    let new_files = fs::read(folder.join("ledger/checkpoint")).unwrap();
    let new_state = fs::read(folder.join("state.db")).unwrap();
    fs::write(folder.join("state.db"), &backup).unwrap();
    fs::write(folder.join("ledger/checkpoint"), &old_files).unwrap();
    Store::open(folder.path()).await.unwrap().close().await;

    fs::write(folder.join("state.db"), &backup).unwrap();
    fs::write(folder.join("ledger/checkpoint"), &new_files).unwrap();
    let refused = message(Store::open(folder.path()).await);
    assert_eq!(refused, "the state is older than its ledger's files: 2 entries, and 5 were published");

    // Appending other entries to the older state first does not hide it.
    fs::write(folder.join("ledger/checkpoint"), &old_files).unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    refusals(&store, &log, 10..16).await;
    store.close().await;
    fs::write(folder.join("ledger/checkpoint"), &new_files).unwrap();
    let refused = message(Store::open(folder.path()).await);
    assert_eq!(refused, "the state is older than its ledger's files: 8 entries, and 5 were published");

    fs::write(folder.join("state.db"), &new_state).unwrap();
    Store::open(folder.path()).await.unwrap().check_ledgers().await.unwrap();
}

#[tokio::test]
async fn a_damaged_log_takes_no_entry() {
    for (crime, statement, noticed_by_append) in [
        ("a hash changed", "UPDATE hashes SET hash = zeroblob(32) WHERE number = 2", true),
        ("a hash lost", "DELETE FROM hashes WHERE number = 2", true),
        ("the head set back", "UPDATE logs SET size = 2", true),
        ("the checkpoint exchanged", "UPDATE logs SET checkpoint = 'nothing'", true),
        ("an entry lost", "DELETE FROM entries WHERE number = 1", false),
        ("an entry changed", "UPDATE entries SET entry = zeroblob(32) WHERE number = 1", false),
        (
            "receipts exchanged",
            "UPDATE entries SET receipt = (SELECT receipt FROM entries WHERE number = 0) WHERE number = 1",
            false,
        ),
    ] {
        let folder = Folder::new("ledger");
        let (store, log) = (Store::open(folder.path()).await.unwrap(), LogKey::new(1));
        refusals(&store, &log, 0..3).await;
        store.check_ledgers().await.unwrap();
        decided(&store, 1).await;
        sql(folder.path(), statement).await;
        let check = message(store.check_ledgers().await);
        assert!(check.contains("ledger is damaged"), "{crime}: {check}");
        let release = store.commit_release(&release(1), &[1; 32], &log.signer()).await;
        assert_eq!(release.is_err(), noticed_by_append, "{crime}");
    }
}

#[tokio::test]
async fn a_log_belongs_to_one_key_until_it_is_closed() {
    let folder = Folder::new("ledger");
    let (store, log, other) = (Store::open(folder.path()).await.unwrap(), LogKey::new(1), LogKey::new(2));
    refusals(&store, &log, 0..1).await;
    let refused = message(store.commit_refusal(&refusal(9, "why"), &[1; 32], &other.signer()).await);
    assert!(refused.starts_with("the log `casemate/ledger/"), "{refused}");

    store.close_ledger(NOW).await.unwrap();
    refusals(&store, &other, 5..7).await;
    let heads = store.ledgers().await.unwrap();
    let sizes: Vec<_> = heads.iter().map(|head| (head.size, head.closed_at.is_some())).collect();
    assert_eq!(sizes, [(1, true), (2, false)]);
    assert!(folder.join("ledger/checkpoint").exists() && folder.join("ledger-2/checkpoint").exists());
    store.check_ledgers().await.unwrap();

    store.close_ledger(NOW).await.unwrap();
    let refused = message(store.commit_refusal(&refusal(9, "why"), &[1; 32], &log.signer()).await);
    assert!(refused.ends_with("was closed"), "{refused}");
}

#[tokio::test]
async fn appends_at_once_leave_no_gap() {
    let folder = Folder::new("ledger");
    let log = LogKey::new(1);
    let store = Store::open(folder.path()).await.unwrap();
    // A second process is as good as a second store.
    let second = Store::open(folder.path()).await.unwrap();
    let (one, other) = (refusals(&store, &log, 0..20), refusals(&second, &log, 20..40));
    tokio::join!(one, other);
    store.check_ledgers().await.unwrap();
    let text = fs::read_to_string(folder.join("ledger/checkpoint")).unwrap();
    assert_eq!(open_checkpoint(&text, log.origin(), &log.public()).unwrap().size(), 40);
}

#[test]
fn operations_can_be_spawned() {
    fn spawnable(_: impl Send) {}
    let log = LogKey::new(1);
    spawnable(async {
        let store = Store::open(Path::new("never")).await.unwrap();
        store.commit_release(&release(1), &[1; 32], &log.signer()).await.unwrap();
        store.merge_contract(&Digest::of(b""), "study", 1, NOW, |_| Ok::<_, ()>(vec![])).await.unwrap();
    });
}
