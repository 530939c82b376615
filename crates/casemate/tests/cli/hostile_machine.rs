//! A machine that gets in the way: folders that can't be written, full disks, two at once, clocks that are wrong.

use std::{
    fs::{self, Permissions},
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use casemate_store::{RunState, Store, StudyState};
use casemate_testkit::{Folder, skip};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::{
    party::{Answer, Broker, CASEMATE, Party},
    study::{Study, free_address},
};

#[test]
fn a_state_folder_that_cannot_be_written() {
    let folder = Folder::new("unwritable");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let party = Party::new(folder.path(), "clinic");
    fs::set_permissions(party.join("passphrase"), Permissions::from_mode(0o644)).unwrap();
    let locked = party.join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, Permissions::from_mode(0o555)).unwrap();
    // Root may write everywhere; so it becomes an ordinary user, for whom the program is put where it can be reached.
    let program = folder.join("casemate");
    fs::copy(CASEMATE, &program).unwrap();
    let ordinary = |args: &[&str]| {
        let mut command = Command::new(&program);
        if nix::unistd::geteuid().is_root() {
            command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        }
        command.args(args).arg("--json").env("CASEMATE_PASSPHRASE_FILE", party.join("passphrase"));
        command.current_dir(&party.folder);
        Answer::of(command)
    };
    let before = folder.files().unwrap();
    ordinary(&["--state", "locked", "init", "--name", "clinic"]).fails(3, &["`locked"]);
    ordinary(&["--state", "locked/deeper", "init", "--name", "clinic"]).fails(3, &["`locked/deeper`", "with --state"]);
    assert_eq!(folder.files().unwrap(), before);
}

#[test]
fn two_of_one_role_on_one_state_folder() {
    let study = Study::signed("two-at-once");
    let brokers = study.brokers();
    let pid = brokers[0].child.id().to_string();
    let another = ["broker", "run", "--listen", &free_address()];
    study.clinic.call(&another).fails(3, &["another `casemate broker` uses this state folder", &pid, "kill"]);
    study.clinic.call(&["key", "rotate"]).fails(3, &["another `casemate broker`", &pid]);
    // The same address from another state folder.
    let address = fs::read_to_string(study.clinic.join("state/party.toml")).unwrap();
    let address =
        address.lines().find_map(|line| line.strip_prefix("address = ")).unwrap().trim_matches('"').to_owned();
    study.researcher.call(&["broker", "run", "--listen", &address]).fails(3, &["cannot listen on", &address]);

    let mut first = study.researcher.command(&["run", "study.contract", "--data", ".", "--out", "first"]);
    let mut first = first.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let lock = study.researcher.join("state/run.lock");
    while fs::read_to_string(&lock).map_or(true, |pid| pid.trim() != first.id().to_string()) {
        assert!(first.try_wait().unwrap().is_none(), "the first run ended before its lock was seen");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let second = study.researcher.call(&["run", "study.contract", "--data", ".", "--out", "second"]);
    second.fails(3, &["another `casemate run` uses this state folder", &first.id().to_string()]);
    assert!(first.wait().unwrap().success(), "the first run is not harmed by the second");
    assert!(study.researcher.join("first/researcher.result").exists());
    assert!(!study.researcher.join("second").exists());
}

/// A verb whose standard output is on a full disk.
fn unread(mut command: Command) -> (Option<i32>, String) {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command.stdin(Stdio::null()).stdout(full).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_cannot_be_printed_is_no_success() {
    let folder = Folder::new("unprinted");
    let party = Party::new(folder.path(), "clinic");
    party.expect(&["init", "--name", "clinic", "--address", &free_address()]);
    // Where nothing is wrong but that it can't be told.
    for command in [party.command(&["dataset", "list"]), party.people(&["dataset", "list"])] {
        let (code, said) = unread(command);
        assert!(code == Some(3) && said.contains("cannot write to standard output"), "{code:?} {said}");
    }
    // A refusal stays one, and is told elsewhere.
    let (code, said) = unread(party.command(&["dataset", "open", "gone", "--out", "gone.csv"]));
    assert!(matches!(code, Some(1 | 2)) && said.contains("`gone`"), "{code:?} {said}");
    // A reader who has had enough is no failure.
    let mut tired = party.command(&["dataset", "list"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert!(tired.stdin(Stdio::null()).stdout(writer).status().unwrap().success());
}

#[test]
fn a_broker_whose_log_is_full_goes_on() {
    let study = Study::signed("full-log");
    let _registry = study.registry.broker();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = study.clinic.command(&["broker", "run"]);
    let mut broker = command.stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    // What it can't write there it tells here.
    let mut lines = BufReader::new(broker.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("listening")));
    let run = study.run();
    assert!(broker.try_wait().unwrap().is_none());
    broker.kill().unwrap();
    broker.wait().unwrap();
    assert_eq!(run.code, Some(0), "{run:?}");
    let told: Vec<_> = lines.collect();
    assert!(told.iter().any(|line| line.contains("permitted")), "{told:?}");
}

/// A small disk over a folder; unmounted when the test ends, however it ends.
struct Disk(PathBuf);

impl Disk {
    /// Mounts over `path`, keeping what is in it.
    fn over(path: &Path, size: &str) -> Option<Self> {
        let saved = path.with_extension("saved");
        let options = format!("size={size},mode=0700");
        fs::rename(path, &saved).unwrap();
        fs::create_dir(path).unwrap();
        if mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::empty(), Some(options.as_str())).is_err() {
            return None;
        }
        let disk = Self(path.to_owned());
        let copied = Command::new("cp").arg("-a").arg(saved.join(".")).arg(path).status().unwrap();
        assert!(copied.success());
        Some(disk)
    }

    /// Takes what space is left.
    fn fill(&self) {
        let mut size = 1 << 20;
        let mut file = fs::File::create(self.0.join("filler")).unwrap();
        while size > 0 {
            if std::io::Write::write_all(&mut file, &vec![0; size]).is_err() {
                size /= 2;
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

#[tokio::test]
async fn a_full_disk_seals_nothing_and_releases_nothing() {
    let study = Study::signed("full-disk");
    let state = study.clinic.join("state");
    let Some(disk) = Disk::over(&state, "4m") else {
        return skip("a full disk", "mounts are forbidden here", "run it as root");
    };
    let [clinic, registry] = study.brokers();
    disk.fill();
    study.clinic.write("more.csv", format!("id,text\n1,{}\n", "x".repeat(200_000)));
    let before = study.clinic.expect(&["dataset", "list"]);
    let full = study.clinic.call(&["dataset", "seal", "more.csv", "--entity", "id"]);
    assert_eq!(full.code, Some(3), "{full:?}");
    assert!(format!("{}{}", full.text("message"), full.text("help")).contains("space"), "{full:?}");
    assert_eq!(study.clinic.expect(&["dataset", "list"]), before);
    let left: Vec<_> = fs::read_dir(state.join("datasets")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["measurements.parquet"]);

    let run = study.run();
    // Neither the decision nor the refusal of it could be written down.
    run.refused(&["broker-store", "broker-store"]);
    assert!(run.json["reasons"][0]["remedy"].to_string().contains("operator must look"), "{run:?}");
    assert!(!run.json["reasons"].to_string().contains("space"), "nothing of the owner's machine: {run:?}");
    assert_eq!(clinic.count("store-failed"), 1, "the operator is told what is wrong, once");
    assert!(!study.researcher.join("results/researcher.result").exists());
    assert_eq!((clinic.count("released"), registry.count("released")), (0, 0), "nobody's key, not only the full one's");

    // With space again the same broker goes on where it was.
    fs::remove_file(state.join("filler")).unwrap();
    let run = study.run();
    assert_eq!(run.code, Some(0), "{run:?}");
    drop((clinic, registry));
    let store = Store::open(&state).await.unwrap();
    store.check_ledgers().await.unwrap();
    let released = store.runs().await.unwrap().iter().filter(|run| run.state == RunState::Permitted).count();
    assert_eq!(released, 1);
    store.close().await;
}

#[tokio::test]
async fn a_result_that_cannot_be_written_is_a_failed_run() {
    let study = Study::signed("full-results");
    let results = study.researcher.join("results");
    fs::create_dir(&results).unwrap();
    let Some(disk) = Disk::over(&results, "64k") else {
        return skip("a full disk for results", "mounts are forbidden here", "run it as root");
    };
    disk.fill();
    let brokers = study.brokers();
    let run = study.researcher.call(&["run", "study.contract", "--data", ".", "--out", "results"]);
    run.fails(3, &["results/", "space"]);
    drop(brokers);
    let store = Store::open(&study.researcher.join("state")).await.unwrap();
    let runs = store.study_runs().await.unwrap();
    let StudyState::Failed { error } = &runs[0].state else { panic!("{runs:?}") };
    assert!(error.starts_with("could not write: ") && error.contains("researcher.result"), "{error}");
    store.close().await;
    drop(disk);

    // A run that is refused leaves no empty folder, in place of one that was there it takes nothing away.
    fs::create_dir(study.researcher.join("mine")).unwrap();
    for (out, stays) in [("gone", false), ("mine", true)] {
        let refused = study.researcher.call(&["run", "study.contract", "--data", ".", "--out", out]);
        assert_ne!(refused.code, Some(0), "no broker runs");
        assert_eq!(study.researcher.join(out).exists(), stays, "{out}");
    }
}

/// The library of Debian's `faketime` that shifts a program's clock.
pub(crate) fn faketime(test: &str) -> Option<PathBuf> {
    let found = fs::read_dir("/usr/lib").into_iter().flatten().filter_map(Result::ok);
    let found = found.map(|entry| entry.path().join("faketime/libfaketime.so.1")).find(|path| path.exists());
    if found.is_none() {
        skip(test, "`libfaketime` is not installed", "install the package `faketime`");
    }
    found
}

pub(crate) fn shifted(mut command: Command, library: &Path, by: &str) -> Command {
    command.env("LD_PRELOAD", library).env("FAKETIME", by).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    command
}

#[test]
fn a_clock_that_is_a_day_off() {
    let Some(library) = faketime("a clock that is a day off") else { return };
    let study = Study::signed("clock");
    for by in ["-1d", "+1d"] {
        // The runner's: its launcher signs evidence for another day.
        let brokers = study.brokers();
        let command = study.researcher.command(&["run", "study.contract", "--data", ".", "--out", "results"]);
        let run = Answer::of(shifted(command, &library, by));
        assert_eq!(run.code, Some(1), "{by} {run:?}");
        assert!(run.json.to_string().contains("clock"), "{by} {run:?}");
        assert_eq!(brokers.iter().map(|broker| broker.count("released")).sum::<usize>(), 0);
        drop(brokers);

        // An owner's.
        let clinic = Broker::start(shifted(study.clinic.command(&["broker", "run"]), &library, by));
        let registry = study.registry.broker();
        let run = study.run();
        assert_eq!(run.code, Some(1), "{by} {run:?}");
        assert!(run.json.to_string().contains("clock"), "{by} {run:?}");
        assert_eq!((clinic.count("released"), registry.count("released")), (0, 0));
        assert!(!study.researcher.join("results/researcher.result").exists());
    }
}
