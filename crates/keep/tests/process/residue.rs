//! Keeps that are started and ended at any moment leave nothing: no process, namespace, mount, control group, socket or file.
#![allow(unsafe_code, reason = "a session is entered between fork and exec")]

use std::{
    collections::BTreeSet,
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use casemate_launch::{Event, launch};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, setsid},
};

use crate::{
    death::{comes_true, session},
    launcher::{CHILD, as_ordinary_user, is_child, look, run, spec},
};

/// How many keeps the child that starts them is to start.
const COUNT: &str = "CASEMATE_KEEP_TEST_COUNT";
/// Longer than a keep takes to begin its work, on a machine that does nothing else.
const LIFE_MS_MAX: u64 = 700;

#[test]
fn sixty_keeps_leave_nothing() {
    leaves_nothing(60);
}

#[test]
#[ignore = "long: a thousand keeps, one after another"]
fn a_thousand_keeps_leave_nothing() {
    if !is_child() {
        leaves_nothing(1000);
    }
}

#[test]
fn an_ordinary_users_keeps_leave_nothing() {
    as_ordinary_user("residue::twenty_keeps_leave_nothing");
}

#[test]
#[ignore = "run as an ordinary user by the test above"]
fn twenty_keeps_leave_nothing() {
    if is_child() {
        leaves_nothing(20);
    }
}

/// Half of `count` keeps by one launcher that ends each in another way; half by launchers that are killed.
fn leaves_nothing(count: u64) {
    let before = host();
    let mut launchers = BTreeSet::new();
    let mut namespaces = BTreeSet::new();
    let mut moments = Moments(count);
    let watch = |id: i32, namespaces: &mut BTreeSet<PathBuf>| {
        namespaces.extend(session(id).into_iter().flat_map(namespaces_of));
    };

    let mut many = started("residue::starts_keeps_and_ends_them", count / 2);
    let id = many.id().cast_signed();
    launchers.insert(id);
    while many.try_wait().unwrap().is_none() {
        watch(id, &mut namespaces);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(many.wait().unwrap().success(), "the launcher of many keeps failed");

    for _ in 0..count - count / 2 {
        let mut one = started("residue::starts_keeps_and_ends_them", 1);
        let id = one.id().cast_signed();
        launchers.insert(id);
        std::thread::sleep(moments.next());
        watch(id, &mut namespaces);
        kill(Pid::from_raw(id), Signal::SIGKILL).unwrap();
        one.wait().unwrap();
    }

    for id in &launchers {
        assert!(comes_true(|| session(*id).is_empty()), "{:?} are left", session(*id));
    }
    // The groups of killed launchers go with the next.
    let (_, _) = look(spec("look"));
    let groups = groups_of(Path::new("/sys/fs/cgroup"), &launchers);
    assert!(groups.is_empty(), "{groups:?} are left");
    let own: BTreeSet<PathBuf> = namespaces_of(std::process::id().cast_signed()).collect();
    let theirs: BTreeSet<_> = namespaces.difference(&own).cloned().collect();
    // The namespaces of a process that cannot be dumped are root's to see.
    assert!(theirs.len() > 5 || !nix::unistd::geteuid().is_root(), "no keep was ever seen in its namespaces");
    let used: BTreeSet<PathBuf> = processes().flat_map(namespaces_of).collect();
    assert_eq!(theirs.intersection(&used).collect::<Vec<_>>(), Vec::<&PathBuf>::new(), "namespaces are left");
    assert_eq!(host(), before);
}

/// A test of this binary as a launcher: in a session, and with a folder for files, of its own.
fn started(test: &str, count: u64) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored"]).env(CHILD, "1").env(COUNT, count.to_string());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    // SAFETY: one system call between fork and exec.
    unsafe { command.pre_exec(|| setsid().map(drop).map_err(Into::into)) };
    command.spawn().unwrap()
}

#[test]
#[ignore = "the launcher that the tests above start"]
fn starts_keeps_and_ends_them() {
    let Some(count) = std::env::var(COUNT).ok().filter(|_| is_child()) else { return };
    let count: u64 = count.parse().unwrap();
    let mut moments = Moments(count ^ 0x5eed);
    // What a process opens once and keeps is opened before it is counted.
    let (_, _) = look(spec("look"));
    let before = descriptors();
    for number in 0..count {
        let moment = if count == 1 { Duration::from_secs(600) } else { moments.next() };
        if number % 2 == 0 {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let ended =
                runtime.block_on(async { tokio::time::timeout(moment, launch(spec("sleep"), |_: Event| {})).await });
            assert!(ended.is_err(), "{ended:?}");
        } else {
            let killer = std::thread::spawn(move || {
                std::thread::sleep(moment);
                // One of its processes, whichever the kernel lists last; when there is none yet, it is waited for.
                comes_true(|| {
                    let last = session(own()).into_iter().rfind(|pid| *pid != own());
                    last.is_some_and(|pid| kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok())
                })
            });
            assert!(run(spec("sleep")).is_err());
            assert!(killer.join().unwrap());
        }
        assert!(comes_true(|| session(own()) == [own()]), "{:?} outlived their keep", session(own()));
        assert_eq!(groups_of(Path::new("/sys/fs/cgroup"), &BTreeSet::from([own()])), Vec::<PathBuf>::new());
    }
    assert_eq!(descriptors(), before);
}

fn own() -> i32 {
    std::process::id().cast_signed()
}

/// What of the host keeps could leave: mounts, shared memory, queues, files in the usual places.
fn host() -> BTreeSet<String> {
    let lines = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let mounts = lines("/proc/self/mountinfo");
    let sockets = lines("/proc/net/unix");
    let named = sockets.lines().filter(|line| line.contains("casemate-keep"));
    let segments = lines("/proc/sysvipc/shm").lines().count() + lines("/proc/sysvipc/msg").lines().count();
    let folders = ["/", "/tmp", "/run", "/dev/shm", "/var/tmp", "."].into_iter();
    let files = folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let files = files.map(|file| file.path().display().to_string()).filter(|path| path.contains("keep"));
    let kept = mounts.lines().chain(named).map(str::to_owned).chain(files);
    kept.chain([format!("{segments} segments and queues")]).collect()
}

/// This process's descriptors, by number and kind.
fn descriptors() -> BTreeSet<(PathBuf, String)> {
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let kind = |path: PathBuf| {
        let target = fs::read_link(&path).ok()?.display().to_string();
        Some((path, target.split(':').next()?.to_owned()))
    };
    open.filter_map(|entry| kind(entry.path())).filter(|(_, kind)| !kind.starts_with("/proc")).collect()
}

/// Those that have not ended: one that nobody has waited for yet still shows its last PID and user namespace, and holds none.
fn processes() -> impl Iterator<Item = i32> {
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with(['Z', 'X']))
    })
}

fn namespaces_of(pid: i32) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/ns")).into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read_link(entry.path()).ok())
}

/// Control groups that are named after one of these launchers.
fn groups_of(folder: &Path, launchers: &BTreeSet<i32>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let name = entry.file_name();
        let launcher =
            name.to_str().and_then(|name| name.strip_prefix("casemate-keep-")?.split('-').next()?.parse().ok());
        if launcher.is_some_and(|launcher| launchers.contains(&launcher)) {
            found.push(entry.path());
        }
        found.extend(groups_of(&entry.path(), launchers));
    }
    found
}

/// Moments of a life, spread evenly, the same in each run of the tests.
struct Moments(u64);

impl Moments {
    fn next(&mut self) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis((self.0 >> 33) % LIFE_MS_MAX)
    }
}
