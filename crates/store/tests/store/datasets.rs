//! Datasets, contracts, floors and a runner's own runs.

use casemate_cose::{Digest, UnixTime};
use casemate_store::{
    DatasetError, DatasetVersion, FloorError, MergeError, SealedDataset, Store, StoreError, StudyState,
};
use casemate_testkit::{Folder, NOW};

use crate::fixture::{message, visits};

#[tokio::test]
async fn a_newer_version_supersedes_and_the_older_stays() {
    let folder = Folder::new("datasets");
    let store = Store::open(folder.path()).await.unwrap();
    store.put_dataset(&visits(1)).await.unwrap();
    store.put_dataset(&visits(1)).await.unwrap();
    assert_eq!(store.datasets().await.unwrap().len(), 1, "repeating it changes nothing");
    store.put_dataset(&visits(2)).await.unwrap();
    assert_eq!(store.dataset("visits").await.unwrap().unwrap().sealed, visits(2));
    let old = store.dataset_version(&visits(1).version).await.unwrap().unwrap();
    assert_eq!((old.sealed, old.superseded_at, old.revoked_at), (visits(1), Some(visits(2).sealed_at), None));
    assert_eq!(store.dataset("none").await.unwrap(), None);
    let of_other_id = DatasetVersion { id: [9; 16], ..visits(1).version };
    assert_eq!(store.dataset_version(&of_other_id).await.unwrap(), None);
}

#[tokio::test]
async fn a_dataset_that_contradicts_a_stored_one_is_refused() {
    let folder = Folder::new("datasets");
    let store = Store::open(folder.path()).await.unwrap();
    store.put_dataset(&visits(1)).await.unwrap();
    let version = |id, version| DatasetVersion { id: [id; 16], version: [version; 16] };
    for (crime, dataset, expected) in [
        (
            "another file under one version",
            SealedDataset { digest: Digest::of(b"swapped"), ..visits(1) },
            DatasetError::Version("visits".into()),
        ),
        (
            "another identifier under one name",
            SealedDataset { version: version(9, 2), ..visits(2) },
            DatasetError::Identity("visits".into()),
        ),
        (
            "another name under one identifier",
            SealedDataset { name: "labs".into(), ..visits(2) },
            DatasetError::Identity("labs".into()),
        ),
    ] {
        let refused = store.put_dataset(&dataset).await;
        assert!(matches!(&refused, Err(StoreError::Dataset(error)) if *error == expected), "{crime}: {refused:?}");
    }
    assert_eq!(store.datasets().await.unwrap().len(), 1, "nothing of it was stored");
}

#[tokio::test]
async fn the_floor_only_rises() {
    let folder = Folder::new("floor");
    let store = Store::open(folder.path()).await.unwrap();
    let digest = |sequence: u64| Digest::of(&sequence.to_be_bytes());
    store.raise_floor("survival", 2, &digest(2)).await.unwrap();
    store.raise_floor("survival", 2, &digest(2)).await.unwrap();
    store.raise_floor("survival", u64::MAX, &digest(7)).await.unwrap();
    store.raise_floor("other", 1, &digest(1)).await.unwrap();
    let older = store.raise_floor("survival", u64::MAX - 1, &digest(3)).await;
    assert!(matches!(&older, Err(StoreError::Floor(FloorError::Older { current, .. })) if current.digest == digest(7)));
    let other = store.raise_floor("survival", u64::MAX, &digest(8)).await;
    assert!(matches!(&other, Err(StoreError::Floor(FloorError::Other { .. }))), "{other:?}");
    assert_eq!(store.floor("survival").await.unwrap().unwrap().digest, digest(7));
    assert_eq!(store.floor("unknown").await.unwrap(), None);
}

#[tokio::test]
async fn contracts_are_merged_in_one_transaction() {
    let folder = Folder::new("contracts");
    let store = Store::open(folder.path()).await.unwrap();
    let digest = Digest::of(b"contract");
    let add = |signature: u8| {
        let merge = move |old: Option<&[u8]>| Ok::<_, ()>([old.unwrap_or_default(), &[signature]].concat());
        store.merge_contract(&digest, "survival", 3, UnixTime(NOW.0 + u64::from(signature)), merge)
    };
    // Two parties' signatures arrive at once: neither is lost.
    let (one, other) = tokio::join!(add(1), add(2));
    assert_eq!(one.unwrap().bytes.len() + other.unwrap().bytes.len(), 3);
    let stored = store.contract(&digest).await.unwrap().unwrap();
    assert_eq!(stored.bytes.len(), 2);
    let refused = store.merge_contract(&digest, "survival", 3, NOW, |_| Err("forged")).await;
    assert!(matches!(refused, Err(MergeError::Merge("forged"))));
    let moved = store.merge_contract(&digest, "survival", 4, NOW, |_| Ok::<_, ()>(vec![])).await;
    assert!(matches!(moved, Err(MergeError::Store(StoreError::Floor(FloorError::Stored(_))))));
    assert_eq!(store.contracts().await.unwrap(), [stored]);
}

#[tokio::test]
async fn a_runner_remembers_its_runs() {
    let folder = Folder::new("study");
    let store = Store::open(folder.path()).await.unwrap();
    let contract = Digest::of(b"contract");
    store.start_study_run(&[1; 16], &contract, "survival", NOW).await.unwrap();
    let again = store.start_study_run(&[1; 16], &contract, "survival", NOW).await;
    assert!(message(again).contains("01010101010101010101010101010101"));
    let done = StudyState::Done { result_path: "result.age".into() };
    store.end_study_run(&[1; 16], &done).await.unwrap();
    store.end_study_run(&[1; 16], &done).await.unwrap();
    store.end_study_run(&[1; 16], &StudyState::Failed { error: "late".into() }).await.unwrap_err();
    store.end_study_run(&[2; 16], &done).await.unwrap_err();
    let runs = store.study_runs().await.unwrap();
    assert_eq!((runs.len(), &runs[0].state), (1, &done));
}
