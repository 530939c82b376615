//! Folders and files that cannot be a party's state: refused by name, with what to do, and left as they are.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use casemate_store::{FORMAT, Store, StoreError};
use casemate_testkit::{Folder, skip};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::{
    disk::{sql, with_empty_file},
    fixture::{LogKey, decided, refusal},
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn refused(dir: &Path) -> (String, String) {
    let error = Store::open(dir).await.map(drop).unwrap_err();
    (error.to_string(), error.remedy().unwrap_or_default())
}

#[tokio::test]
async fn makes_its_folder_for_this_user_alone() {
    let folder = Folder::new("open");
    let dir = folder.join("deep/state");
    Store::open(&dir).await.unwrap();
    assert_eq!((mode(&dir), mode(&dir.join("state.db"))), (0o700, 0o600));
    let existing = folder.join("existing");
    fs::create_dir(&existing).unwrap();
    fs::set_permissions(&existing, fs::Permissions::from_mode(0o755)).unwrap();
    Store::open(&existing).await.unwrap();
    assert_eq!(mode(&existing), 0o700);
}

#[tokio::test]
async fn refuses_state_that_others_could_have_read() {
    let folder = Folder::new("open");
    let dir = folder.join("state");
    Store::open(&dir).await.unwrap().close().await;
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o750)).unwrap();
    let (error, remedy) = refused(&dir).await;
    assert_eq!(error, format!("other users of this machine can enter `{}` (mode 750)", dir.display()));
    assert_eq!(remedy, format!("run `chmod 700 {}`", dir.display()));
}

#[tokio::test]
async fn refuses_what_is_not_a_folder() {
    let folder = Folder::new("open");
    let file = folder.write("file", "text").unwrap();
    assert_eq!(
        refused(&file).await,
        (format!("`{}` is not a folder", file.display()), "name another state folder".into())
    );
    let below = file.join("state");
    assert_eq!(refused(&below).await.0, format!("`{}` is not a folder", below.display()));
    symlink("nowhere", folder.join("dangling")).unwrap();
    assert!(refused(&folder.join("dangling")).await.0.contains("dangling"));
}

#[tokio::test]
async fn refuses_a_folder_that_cannot_be_written() {
    let folder = Folder::new("open");
    let dir = folder.join("state");
    fs::create_dir(&dir).unwrap();
    let root = nix::unistd::geteuid().is_root();
    if root {
        let nothing: Option<&str> = None;
        if mount(Some("tmpfs"), &dir, Some("tmpfs"), MsFlags::MS_RDONLY, nothing).is_err() {
            return skip("an unwritable state folder, as root", "mounts are forbidden here", "run it as another user");
        }
    } else {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    }
    let below = folder.join(if root { "state/below" } else { "below" });
    let outcome = refused(&below).await;
    if root {
        umount2(&dir, MntFlags::MNT_DETACH).unwrap();
    } else {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    }
    assert_eq!(outcome.0, format!("`{}` cannot be written", below.display()));
    assert!(outcome.1.starts_with("make `"), "{}", outcome.1);
}

#[tokio::test]
async fn refuses_a_newer_format_by_name() {
    let folder = Folder::new("open");
    Store::open(folder.path()).await.unwrap().close().await;
    sql(folder.path(), "PRAGMA user_version = 99").await;
    let before = fs::read(folder.join("state.db")).unwrap();
    let path = folder.join("state.db");
    let (error, remedy) = refused(folder.path()).await;
    assert_eq!(error, format!("`{}` has format 99, and this Casemate knows formats up to {FORMAT}", path.display()));
    assert_eq!(remedy, "use the newer Casemate that wrote it");
    assert_eq!(fs::read(path).unwrap(), before, "it is left as it is");
}

#[tokio::test]
async fn refuses_the_database_of_another_program() {
    for statement in ["CREATE TABLE theirs (x)", "PRAGMA application_id = 7", "PRAGMA user_version = 1"] {
        let folder = with_empty_file("open");
        sql(folder.path(), statement).await;
        let before = fs::read(folder.join("state.db")).unwrap();
        let path = folder.join("state.db");
        assert_eq!(refused(folder.path()).await.0, format!("`{}` is not a state file of Casemate", path.display()));
        assert_eq!(fs::read(path).unwrap(), before, "{statement}: it is left as it is");
    }
}

#[tokio::test]
async fn refuses_damaged_files() {
    let folder = Folder::new("open");
    let log = LogKey::new(1);
    let store = Store::open(folder.path()).await.unwrap();
    decided(&store, 1).await;
    for number in 0..20 {
        let body = refusal(9, &format!("refusal {number}"));
        store.commit_refusal(&body, &[1; 32], &log.signer()).await.unwrap();
    }
    store.close().await;
    let sound = fs::read(folder.join("state.db")).unwrap();
    let mut overwritten = sound.clone();
    overwritten[4096..12_288].fill(0xff);
    for (crime, bytes) in [
        ("text", b"this is not a database, but it is long enough to have a header of one".repeat(20)),
        ("cut in the middle", sound[..sound.len() / 2].to_vec()),
        ("pages overwritten", overwritten),
    ] {
        fs::write(folder.join("state.db"), &bytes).unwrap();
        let error = Store::open(folder.path()).await.map(drop).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{crime}: {error:?}");
        assert!(error.to_string().contains(&folder.join("state.db").display().to_string()), "{crime}: {error}");
        assert!(error.remedy().unwrap().starts_with("put back a copy"), "{crime}");
    }
    fs::write(folder.join("state.db"), &sound).unwrap();
    assert_eq!(Store::open(folder.path()).await.unwrap().receipts().await.unwrap().len(), 20);
}
