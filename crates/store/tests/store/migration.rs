//! State files of format 1 are migrated with everything in them.

use std::fs;

use casemate_cose::Digest;
use casemate_store::{DatasetVersion, RunState, RunTerms, Store, StudyState};
use casemate_testkit::{Folder, NOW};

use crate::{
    disk::{number, sql, text, with_empty_file},
    fixture::{LogKey, decided, message, permit, release, terms, visits},
};

/// The schema of format 1 as it was, and two datasets, a floor and a decided run.
const FORMAT_1: &str = include_str!("../format_1.sql");

async fn format_1() -> Folder {
    let folder = with_empty_file("migration");
    sql(folder.path(), FORMAT_1).await;
    folder
}

#[tokio::test]
async fn format_1_keeps_its_datasets_and_runs_and_goes_on() {
    let folder = format_1().await;
    let store = Store::open(folder.path()).await.unwrap();
    assert_eq!(number(folder.path(), "PRAGMA user_version").await, casemate_store::FORMAT);

    let datasets = store.datasets().await.unwrap();
    let names: Vec<_> = datasets.iter().map(|dataset| (dataset.sealed.name.as_str(), dataset.revoked_at)).collect();
    assert_eq!(names, [("labs", Some(NOW)), ("visits", None)]);
    assert_eq!(datasets[1].sealed, visits(1));
    assert_eq!(store.floor("survival").await.unwrap().unwrap().sequence, 3);

    // The run of format 1 goes on, and what format 2 adds works on its data.
    let run = store.run(&[1; 16]).await.unwrap().unwrap();
    assert_eq!((run.state, run.terms.datasets), (RunState::Decided, vec![visits(1).version]));
    let log = LogKey::new(1);
    store.commit_release(&release(1), &[1; 32], &log.signer()).await.unwrap();
    store.put_dataset(&visits(2)).await.unwrap();
    assert_eq!(store.datasets().await.unwrap().len(), 3);
    store.commit_permit(&permit(1), &[2; 32], &log.signer()).await.unwrap();
    store.start_study_run(&[7; 16], &Digest::of(b"c"), "survival", NOW).await.unwrap();
    assert_eq!(store.study_runs().await.unwrap()[0].state, StudyState::Running);
    // Of domains and evidence of before, nothing is known.
    assert_eq!((store.domain_mark().await.unwrap(), store.judged().await.unwrap()), (None, vec![]));
    store.check_ledgers().await.unwrap();
}

#[tokio::test]
async fn a_migration_that_fails_changes_nothing() {
    let folder = format_1().await;
    sql(folder.path(), "CREATE TABLE dataset_versions (in_the_way)").await;
    let before = fs::read(folder.join("state.db")).unwrap();
    Store::open(folder.path()).await.unwrap_err();
    assert_eq!(fs::read(folder.join("state.db")).unwrap(), before);
    sql(folder.path(), "DROP TABLE dataset_versions").await;
    assert_eq!(Store::open(folder.path()).await.unwrap().datasets().await.unwrap().len(), 2);
}

#[tokio::test]
async fn opening_twice_at_once_migrates_once() {
    let folder = format_1().await;
    let (one, other) = tokio::join!(Store::open(folder.path()), Store::open(folder.path()));
    assert_eq!(one.unwrap().datasets().await.unwrap(), other.unwrap().datasets().await.unwrap());
}

#[tokio::test]
async fn a_fresh_file_has_the_schema_of_a_migrated_one() {
    let (fresh, migrated) = (Folder::new("migration"), format_1().await);
    Store::open(fresh.path()).await.unwrap().close().await;
    Store::open(migrated.path()).await.unwrap().close().await;
    let schema = "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY name)";
    assert_eq!(text(fresh.path(), schema).await, text(migrated.path(), schema).await);
}

#[tokio::test]
async fn what_format_1_revoked_and_decided_still_counts() {
    let folder = format_1().await;
    let store = Store::open(folder.path()).await.unwrap();
    // The file's run and dataset are those of the fixture: storing and deciding them again is no conflict.
    decided(&store, 1).await;
    let other = RunTerms { datasets: vec![DatasetVersion { id: [2; 16], version: [9; 16] }], run: [2; 16], ..terms(2) };
    assert_eq!(message(store.decide(&other).await), "the dataset `labs` was revoked at 2026-11-22T01:54:56Z");
}
