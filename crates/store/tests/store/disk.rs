//! A full disk, and the file seen from outside.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use casemate_store::{Store, StoreError};
use casemate_testkit::{Folder, skip};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::fixture::{LogKey, refusal};

async fn connect(dir: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(dir.join("state.db")).connect().await.unwrap()
}

/// A folder with an empty `state.db`, for this user alone.
pub(crate) fn with_empty_file(name: &str) -> Folder {
    let folder = Folder::new(name);
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    folder.write("state.db", "").unwrap();
    folder
}

/// Runs statements on the state file as another program would.
pub(crate) async fn sql(dir: &Path, statements: &'static str) {
    let mut connection = connect(dir).await;
    sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

pub(crate) async fn number(dir: &Path, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&mut connect(dir).await).await.unwrap()
}

pub(crate) async fn text(dir: &Path, query: &'static str) -> String {
    sqlx::query_scalar(query).fetch_one(&mut connect(dir).await).await.unwrap()
}

/// Unmounts when the test ends, however it ends.
struct Mount(std::path::PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_loses_nothing() {
    let folder = Folder::new("disk");
    let dir = folder.join("state");
    std::fs::create_dir(&dir).unwrap();
    if mount(Some("tmpfs"), &dir, Some("tmpfs"), MsFlags::empty(), Some("size=1m,mode=0700")).is_err() {
        return skip("a full disk", "mounts are forbidden here", "run it as root");
    }
    let _mount = Mount(dir.clone());
    let log = LogKey::new(1);
    let store = Store::open(&dir).await.unwrap();
    let commit = async |number: u32| {
        let body = refusal(9, &format!("{number} {}", "x".repeat(20_000)));
        store.commit_refusal(&body, &[1; 32], &log.signer()).await
    };
    let mut receipts = Vec::new();
    let error = loop {
        match commit(receipts.len() as u32).await {
            Ok(receipt) => receipts.push(receipt),
            Err(error) => break error,
        }
    };
    assert!(receipts.len() > 3);
    let StoreError::Full { path } = &error else { panic!("{error:?}") };
    assert!(path.starts_with(&dir));
    assert!(error.remedy().unwrap().starts_with("free some space"));
    let held = store.receipts().await.unwrap();
    assert_eq!(held[..receipts.len()], receipts, "every receipt that was given is there");

    // More space, and the step that failed is repeated: once in the log, wherever it had stopped.
    mount(Some("tmpfs"), &dir, Some("tmpfs"), MsFlags::MS_REMOUNT, Some("size=8m,mode=0700")).unwrap();
    let repeated = commit(receipts.len() as u32).await.unwrap();
    receipts.push(repeated);
    assert_eq!(store.receipts().await.unwrap(), receipts);
    store.check_ledgers().await.unwrap();
    store.close().await;
    Store::open(&dir).await.unwrap().check_ledgers().await.unwrap();
}
