//! Log before release: a broker that is killed, whose disk is full or whose store fails gives no key without its receipt.

use std::{fs, path::Path};

use casemate_cose::encode;
use casemate_ledger::Event as Logged;
use casemate_service::Event;
use casemate_store::Store;
use casemate_testkit::{Folder, skip};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use crate::{
    keep::{Agreed, Script, assert_undecided, attest, attest_all, decisions, finish, reasons, result, rules},
    study::passed,
    world::{Owner, World, die_at, die_no_more, domain, sealed},
};

/// A run at all brokers up to their decisions: the clinic's session, all decisions, and the others' sessions, which end
/// their runs when they are dropped.
async fn decided(world: &World, run: u8) -> (Script, Agreed, Vec<Vec<u8>>, Vec<Agreed>) {
    let script = Script::honest(&world.contract, run);
    let mut agreed = attest_all(world, &script).await.unwrap();
    let all = decisions(&agreed);
    (script, agreed.remove(0), all, agreed)
}

#[tokio::test]
async fn killed_between_commit_and_send_the_receipt_is_there_and_the_key_is_not() {
    let mut world = World::new().await;
    // The broker looks at its clock when it begins to release, and once more when the receipt is durable.
    for (run, reading, receipts) in [(1, 0, 0), (2, 1, 1)] {
        let (script, clinic, all, _others) = decided(&world, run).await;
        die_at(reading);
        assert!(clinic.release(&all).await.is_err(), "the broker died");
        assert!(!die_no_more(), "it died where it should");
        let clinic = world.owners.remove(0).restarted().await;
        world.owners.insert(0, clinic);
        assert_eq!(world.clinic().logged(Logged::Release, [run; 16]).await, receipts);
        assert_undecided_again(world.clinic(), &script, receipts).await;
    }
    finish(&world, &Script::honest(&world.contract, 200)).await;
}

async fn assert_undecided_again(owner: &Owner, script: &Script, receipts: usize) {
    assert_eq!(rules(attest(owner, script).await, "again"), ["run-reused"]);
    assert_eq!(owner.logged(Logged::Release, *script.run.as_bytes()).await, receipts, "none is added");
}

/// How far a run came: from how many brokers the keep had its keys and its permit, in their order.
async fn came_to(world: &World, script: &Script) -> (Vec<bool>, Vec<bool>) {
    let none = (vec![false; 3], vec![false; 3]);
    let Ok(agreed) = attest_all(world, script).await else { return none };
    let (all, body, gates) =
        (decisions(&agreed), result(&world.contract, script.run), encode(&passed(&world.contract)));
    let (mut keys, mut permits) = none;
    for (place, one) in agreed.into_iter().enumerate() {
        let Ok(keyed) = one.release(&all).await else { continue };
        keys[place] = !keyed.keys.is_empty();
        permits[place] = keyed.permit(body.digest(), gates.clone()).await.is_ok();
    }
    (keys, permits)
}

#[tokio::test]
async fn killed_at_any_point_no_key_and_no_permit_is_without_its_receipt() {
    let world = World::new().await;
    let mut deaths = 0;
    for run in 1..100 {
        die_at(deaths);
        let script = Script::honest(&world.contract, run);
        let (keys, permits) = came_to(&world, &script).await;
        for (place, owner) in world.owners.iter().enumerate() {
            let (released, permitted) =
                (owner.logged(Logged::Release, [run; 16]).await, owner.logged(Logged::Permit, [run; 16]).await);
            assert!(usize::from(keys[place]) <= released && released <= 1, "{}, death {deaths}", owner.name);
            assert!(usize::from(permits[place]) <= permitted && permitted <= 1, "{}, death {deaths}", owner.name);
        }
        if die_no_more() {
            assert_eq!((keys, permits), (vec![true; 3], vec![true; 3]), "the run that nobody died in");
            break;
        }
        deaths += 1;
    }
    assert!(deaths >= 15, "each broker reads its clock at each of its five steps, not {deaths} times in all");
}

/// Runs statements on the clinic's state as another program would.
pub(crate) async fn sql(owner: &Owner, statements: &'static str) {
    let path = owner.folder.join("state/state.db");
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// What the operator was told of the store, each once.
fn failures(owner: &Owner) -> Vec<(String, String)> {
    let events = owner.events.lock().unwrap();
    let failures = events.iter().filter_map(|event| match event {
        Event::StoreFailed { cause, remedy } => Some((cause.clone(), remedy.clone())),
        _ => None,
    });
    failures.collect()
}

#[tokio::test]
async fn a_store_that_fails_is_told_of_once_until_it_has_worked() {
    let world = World::new().await;
    for time in 1..=2 {
        sql(
            world.clinic(),
            "CREATE TRIGGER no_runs BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'broken'); END;
             CREATE TRIGGER no_entries BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'broken'); END",
        )
        .await;
        for session in 0..3 {
            let script = Script::honest(&world.contract, time + 10 * session);
            assert_eq!(rules(attest(world.clinic(), &script).await, "decision"), ["broker-store"]);
        }
        assert_eq!(failures(world.clinic()).len(), usize::from(time));
        sql(world.clinic(), "DROP TRIGGER no_runs; DROP TRIGGER no_entries").await;
        finish(&world, &Script::honest(&world.contract, 100 + time)).await;
    }
}

#[tokio::test]
async fn a_store_that_fails_at_the_receipt_releases_nothing() {
    let world = World::new().await;
    let (_, clinic, all, _others) = decided(&world, 1).await;
    sql(world.clinic(), "CREATE TRIGGER broken BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'broken'); END")
        .await;
    assert_eq!(rules(clinic.release(&all).await, "release"), ["broker-store"]);
    let [(cause, remedy)] = failures(world.clinic()).try_into().unwrap();
    assert!(cause.contains("state.db`: ") && cause.contains("broken") && !remedy.is_empty(), "{cause}; {remedy}");
    // Not even the refusal could be logged; but nothing left.
    assert_eq!(world.clinic().ledger().await, []);
    sql(world.clinic(), "DROP TRIGGER broken").await;
    assert_undecided_again(world.clinic(), &Script::honest(&world.contract, 1), 0).await;
    finish(&world, &Script::honest(&world.contract, 200)).await;
}

#[tokio::test]
async fn a_store_that_fails_at_the_decision_decides_nothing() {
    let world = World::new().await;
    sql(world.clinic(), "CREATE TRIGGER broken BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'broken'); END").await;
    assert_undecided(world.clinic(), &Script::honest(&world.contract, 1), &["broker-store"], "decision").await;
}

#[tokio::test]
async fn a_ledger_that_cannot_be_published_releases_nothing() {
    let world = World::new().await;
    // The ledger's folder is there from the first entry on.
    finish(&world, &Script::honest(&world.contract, 1)).await;
    let (_, clinic, all, _others) = decided(&world, 2).await;
    let folder = world.clinic().folder.join("state/ledger");
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "in the way").unwrap();
    assert_eq!(rules(clinic.release(&all).await, "release"), ["broker-store"]);
    // A receipt without a key, never a key without a receipt.
    assert_eq!(world.clinic().logged(Logged::Release, [2; 16]).await, 1);
    assert_eq!(world.clinic().logged(Logged::Refusal, [2; 16]).await, 1);
}

/// Unmounts when the test ends, however it ends.
struct Mount(std::path::PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

/// A clinic whose state folder is a disk of 2 MiB.
async fn clinic_on_a_small_disk() -> Option<(Owner, Mount)> {
    let folder = Folder::new("clinic");
    let state = folder.join("state");
    fs::create_dir(&state).unwrap();
    let mounted = mount(Some("tmpfs"), &state, Some("tmpfs"), MsFlags::empty(), Some("size=2m,mode=0700"));
    if mounted.is_err() {
        skip("a broker's full disk", "mounts are forbidden here", "run it as root");
        return None;
    }
    let guard = Mount(state);
    let owner = Owner::start("clinic", folder).await;
    owner.store.put_dataset(&sealed("clinic")).await.unwrap();
    owner.write_domain(&domain("clinic").to_toml());
    Some((owner, guard))
}

fn fill(path: &Path) {
    let mut bytes = vec![0; 4 << 20];
    while !bytes.is_empty() && fs::write(path, &bytes).is_err() {
        bytes.truncate(bytes.len() - 4096);
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_between_decision_and_release_releases_nothing() {
    let mut world = World::new().await;
    let Some((clinic, _mount)) = clinic_on_a_small_disk().await else { return };
    world.owners[0] = clinic;
    let (_, clinic, all, _others) = decided(&world, 1).await;
    let filler = world.clinic().folder.join("state/filler");
    // A failed connection is closed, and the last one's end would free the space of SQLite's log. A connection of another process stays.
    let beside = Store::open(&world.clinic().folder.join("state")).await.unwrap();
    fill(&filler);
    for outcome in [
        clinic.release(&all).await.map(drop),
        attest(world.clinic(), &Script::honest(&world.contract, 2)).await.map(drop),
    ] {
        for reason in reasons(outcome, "full") {
            assert_eq!((reason.rule.as_str(), reason.actual.as_str()), ("broker-store", "none"));
            assert!(reason.remedy.starts_with("the owner's operator must look"), "{reason}");
            assert!(!reason.to_string().contains("state"), "no path of the owner's: {reason}");
        }
    }
    let [(cause, remedy)] = failures(world.clinic()).try_into().unwrap();
    assert!(cause.starts_with("no space is left for `") && cause.contains("state.db"), "{cause}");
    assert!(remedy.starts_with("free space on the disk of `"), "{remedy}");
    fs::remove_file(&filler).unwrap();
    beside.close().await;
    let clinic = world.owners.remove(0).restarted().await;
    world.owners.insert(0, clinic);
    for run in [1, 2] {
        assert_eq!(world.clinic().logged(Logged::Release, [run; 16]).await, 0);
    }
    finish(&world, &Script::honest(&world.contract, 200)).await;
}
