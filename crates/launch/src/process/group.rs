//! A control group for one keep: bounds on all of it together, where this launcher may make one.
//!
//! 1. Version 2: a group beside this launcher's own, or within it, where the memory and process controllers are switched on.
//! 2. Version 1: a group within this launcher's own in the memory hierarchy, and one in that of processes.
//! 3. Neither: the keep's own limits (`RLIMIT_DATA`, `RLIMIT_NPROC`) hold alone; it maps no shared memory and makes no process,
//!    so that they bound all of it too.
//!
//! A group is named after its launcher, and goes when the keep has gone. A launcher that was killed leaves an empty one,
//! which the next launcher of its PID namespace removes, wherever in the hierarchy it is: others can't tell whether it lives.
//! Sources: cgroups(7), Documentation/admin-guide/cgroup-v2.rst, Documentation/admin-guide/cgroup-v1/.

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread::sleep,
    time::Duration,
};

use casemate_attester::control::{Limits, THREADS_MAX};

/// How groups of keeps are named: `casemate-keep-PID-START-NAMESPACE-NUMBER`, of the launcher's process.
const PREFIX: &str = "casemate-keep-";
/// What a group may use above the manifest's limit: code, stacks of threads, page tables, what the kernel holds for it.
const MARGIN_BYTES: u64 = 512 << 20;
/// Groups that are looked through for what dead launchers left, in one hierarchy.
const SWEPT_MAX: usize = 10_000;
/// How often removing a group is tried, every 5 ms, while the kernel ends the last of its processes.
const REMOVALS_MAX: u32 = 400;

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// What one hierarchy offers: its folder here, and the files that take the two limits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    folder: PathBuf,
    memory: Option<&'static str>,
    processes: Option<&'static str>,
}

/// The groups of one keep; removed when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Group(Vec<PathBuf>);

impl Group {
    /// Makes a group with the limits, after it has removed those of launchers that have died. Nothing where none may be made.
    pub(super) fn make(limits: Limits) -> Self {
        sweep_all();
        let places = places();
        let name = format!("{PREFIX}{}-{}", this_launcher(), NUMBER.fetch_add(1, Ordering::Relaxed));
        // Of the version 2 places, the first that can be used; of version 1, all.
        let mut group = Self::default();
        for place in &places {
            if place.is_whole() && !group.0.is_empty() {
                break;
            }
            group.0.extend(place.open(&name, limits));
        }
        group
    }

    /// Moves `process` in. What cannot be entered is given up, and removed.
    pub(super) fn admit(&mut self, process: i32) {
        self.0.retain(|folder| {
            let entered = fs::write(folder.join("cgroup.procs"), process.to_string()).is_ok();
            if !entered {
                let _empty = fs::remove_dir(folder);
            }
            entered
        });
    }
}

impl Group {
    /// Whether the kernel killed something in it for want of memory.
    pub(super) fn ran_out_of_memory(&self) -> bool {
        let counts =
            self.0.iter().flat_map(|folder| ["memory.events", "memory.oom_control"].map(|file| folder.join(file)));
        counts.filter_map(|file| fs::read_to_string(file).ok()).any(|text| {
            let kills = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
            kills.is_some_and(|number| number.trim() != "0")
        })
    }
}

impl Drop for Group {
    /// Waits for the last process to end, a moment at most; what then stays, the next launcher removes.
    fn drop(&mut self) {
        for folder in &self.0 {
            for _ in 0..REMOVALS_MAX {
                match fs::remove_dir(folder) {
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy => sleep(Duration::from_millis(5)),
                    _ => break,
                }
            }
        }
    }
}

impl Place {
    /// Both limits in one: a place of version 2.
    fn is_whole(&self) -> bool {
        self.memory.is_some() && self.processes.is_some()
    }

    /// A new group here, its limits set; `None` and nothing left where that is not allowed.
    fn open(&self, name: &str, limits: Limits) -> Option<PathBuf> {
        let folder = self.folder.join(name);
        fs::create_dir(&folder).ok()?;
        if self.limit(&folder, limits).is_err() {
            let _empty = fs::remove_dir(&folder);
            return None;
        }
        Some(folder)
    }

    fn limit(&self, folder: &Path, limits: Limits) -> io::Result<()> {
        if let (Some(file), 1..) = (self.memory, limits.memory_bytes) {
            fs::write(folder.join(file), limits.memory_bytes.saturating_add(MARGIN_BYTES).to_string())?;
        }
        if let Some(file) = self.processes {
            fs::write(folder.join(file), THREADS_MAX.to_string())?;
        }
        Ok(())
    }

    /// Whether a group can be made here, by making one.
    pub(crate) fn works(&self) -> bool {
        let name = format!("{PREFIX}{}-trial", this_launcher());
        let made = self.open(&name, Limits { memory_bytes: 1 << 30, ..Limits::default() });
        made.is_some_and(|folder| fs::remove_dir(folder).is_ok())
    }

    /// Its folder, for people.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Where groups may be tried, of this process: version 2 first.
pub(crate) fn places() -> Vec<Place> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let own = own.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let mut places = Vec::new();
    for (controllers, path) in own {
        match controllers {
            "" => {
                let Some(here) = folder(&mounts, "cgroup2", "", path) else { continue };
                let beside = here.parent().map(Path::to_path_buf);
                let usable = beside.into_iter().chain([here]).filter(|folder| delegates(folder)).map(|folder| Place {
                    folder,
                    memory: Some("memory.max"),
                    processes: Some("pids.max"),
                });
                places.splice(0..0, usable);
            }
            "memory" | "pids" => {
                let Some(folder) = folder(&mounts, "cgroup", controllers, path) else { continue };
                let memory = (controllers == "memory").then_some("memory.limit_in_bytes");
                let processes = (controllers == "pids").then_some("pids.max");
                places.push(Place { folder, memory, processes });
            }
            _ => {}
        }
    }
    places
}

/// The mount point of every hierarchy that a group may be in.
fn hierarchies(mounts: &str) -> Vec<PathBuf> {
    let point = |line: &str| {
        let (mount, source) = line.split_once(" - ")?;
        let mut source = source.split(' ');
        let is_one = match source.next()? {
            "cgroup2" => true,
            "cgroup" => source.nth(1)?.split(',').any(|option| matches!(option, "memory" | "pids")),
            _ => false,
        };
        is_one.then(|| mount.split(' ').nth(4).map(PathBuf::from))?
    };
    mounts.lines().filter_map(point).collect()
}

/// Whether groups within `folder` get both controllers.
fn delegates(folder: &Path) -> bool {
    let active = fs::read_to_string(folder.join("cgroup.subtree_control")).unwrap_or_default();
    ["memory", "pids"].iter().all(|needed| active.split_whitespace().any(|controller| controller == *needed))
}

/// The folder of the group `path` in the hierarchy of `controller`, of `kind`: the mount's point, and what of the path lies
/// below the mount's root [proc(5), mountinfo].
fn folder(mounts: &str, kind: &str, controller: &str, path: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (root, point) = (mount.next()?, mount.next()?);
        let mut source = source.split(' ');
        let is_it = source.next()? == kind
            && (controller.is_empty() || source.nth(1)?.split(',').any(|option| option == controller));
        let below = Path::new(path).strip_prefix(root).ok()?;
        is_it.then(|| Path::new(point).join(below))
    })
}

fn sweep_all() {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    hierarchies(&mounts).into_iter().for_each(sweep);
}

/// Removes groups of launchers that have ended, here and below. One that still holds a process stays: the kernel does not
/// remove it.
fn sweep(hierarchy: PathBuf) {
    let mut folders = VecDeque::from([hierarchy]);
    for _ in 0..SWEPT_MAX {
        let Some(folder) = folders.pop_front() else { return };
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            match name.to_str().and_then(launcher_of) {
                Some(launcher) if launcher.has_ended() => {
                    let _stays_if_used = fs::remove_dir(entry.path());
                }
                Some(_) => {}
                None if entry.file_type().is_ok_and(|kind| kind.is_dir()) => folders.push_back(entry.path()),
                None => {}
            }
        }
    }
}

/// The process that made a group, as the group's name tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Launcher<'a> {
    process: u32,
    start: &'a str,
    /// The PID namespace in which the process has this number.
    namespace: &'a str,
}

impl Launcher<'_> {
    fn has_ended(&self) -> bool {
        namespace().as_deref() == Some(self.namespace)
            && start_of(&self.process.to_string()).as_deref() != Some(self.start)
    }
}

fn launcher_of(name: &str) -> Option<Launcher<'_>> {
    let mut fields = name.strip_prefix(PREFIX)?.split('-');
    let (process, start, namespace) = (fields.next()?.parse().ok()?, fields.next()?, fields.next()?);
    fields.next()?;
    Some(Launcher { process, start, namespace })
}

fn this_launcher() -> String {
    let (start, namespace) = (start_of("self").unwrap_or_default(), namespace().unwrap_or_default());
    format!("{}-{start}-{namespace}", std::process::id())
}

/// The number of this process's PID namespace, of `pid:[4026531836]` [namespaces(7)].
fn namespace() -> Option<String> {
    let link = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(link.to_str()?.strip_prefix("pid:[")?.strip_suffix(']')?.to_owned())
}

/// When a process started, in clock ticks since the machine did: tells it from a later one of the same number.
fn start_of(process: &str) -> Option<String> {
    let stat = fs::read_to_string(Path::new("/proc").join(process).join("stat")).ok()?;
    // After the name, which is in parentheses and may hold anything, the start is the 20th field [proc(5)].
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const MOUNTS: &str = "\
        30 23 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755\n\
        31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n\
        34 30 0:30 /docker/ab /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        35 30 0:31 / /sys/fs/cgroup/cpu,pids rw - cgroup cgroup rw,cpu,pids\n";

    #[test]
    fn finds_the_own_group_below_each_mount() {
        let found = |kind, controller, path| folder(MOUNTS, kind, controller, path);
        assert_eq!(found("cgroup2", "", "/a.slice/b").unwrap(), Path::new("/sys/fs/cgroup/unified/a.slice/b"));
        assert_eq!(found("cgroup", "memory", "/docker/ab/c").unwrap(), Path::new("/sys/fs/cgroup/memory/c"));
        assert_eq!(found("cgroup", "memory", "/elsewhere"), None);
        assert_eq!(found("cgroup", "pids", "/").unwrap(), Path::new("/sys/fs/cgroup/cpu,pids"));
        assert_eq!(found("cgroup", "freezer", "/"), None);
    }

    #[test]
    fn finds_the_hierarchies() {
        let found = hierarchies(MOUNTS);
        assert_eq!(found, ["unified", "memory", "cpu,pids"].map(|name| Path::new("/sys/fs/cgroup").join(name)));
    }

    #[test]
    fn reads_a_launcher_from_its_groups_name_and_nothing_from_others() {
        let launcher = Launcher { process: 12, start: "3456", namespace: "4026531836" };
        assert_eq!(launcher_of("casemate-keep-12-3456-4026531836-0"), Some(launcher));
        for name in ["", "12", "x-1-2-3", "12-3456", "12-3456-4026531836"].map(|rest| format!("{PREFIX}{rest}")) {
            assert_eq!(launcher_of(&name), None, "{name}");
        }
        assert_eq!(launcher_of("user.slice"), None);
    }

    #[test]
    fn sweeps_what_the_dead_left_and_nothing_else() {
        let (place, here) = (tempfile::tempdir().unwrap(), namespace().unwrap());
        let own = format!("{PREFIX}{}-0", this_launcher());
        let reused = format!("{PREFIX}{}-1-{here}-0", std::process::id());
        let dead = format!("{PREFIX}{}-1-{here}-0", u32::MAX);
        let deep = format!("user.slice/session-2.scope/{PREFIX}{}-1-{here}-1", u32::MAX);
        // In another container this may be a launcher whose keep isn't in its group yet.
        let elsewhere = format!("{PREFIX}{}-1-1-0", u32::MAX);
        for name in [&own, &reused, &dead, &deep, &elsewhere] {
            fs::create_dir_all(place.path().join(name)).unwrap();
        }
        sweep(place.path().to_path_buf());
        assert!(!place.path().join(deep).exists(), "those of other sessions, too");
        assert!(place.path().join("user.slice/session-2.scope").exists());
        let left: BTreeSet<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [own, elsewhere, "user.slice".to_owned()].map(Into::into).into());
    }
}
