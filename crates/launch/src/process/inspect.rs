//! Looks at a keep from outside, through `/proc`. What cannot be seen counts as lacking.
//!
//! Twice: while the keep can still be looked at ([`isolated`]), and after it has closed itself ([`hardened`]).

use std::{
    collections::BTreeSet,
    fs,
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::fs::MetadataExt as _,
    },
    path::{Path, PathBuf},
};

use casemate_attester::control::{CONTROL_FD, Limits, THREADS_MAX};
use casemate_evidence::Lack;

use super::disguise::as_user;
use crate::LaunchError;

mod code;
mod elf;
mod fence;

pub(crate) use code::Code;
pub(super) use fence::{Inode, descriptors};

const NAMESPACES: [(&str, Lack); 5] = [
    ("ipc", Lack::IpcNamespace),
    ("mnt", Lack::MountNamespace),
    ("net", Lack::NetworkNamespace),
    ("pid", Lack::PidNamespace),
    ("user", Lack::UserNamespace),
];

/// A process under inspection, running as `user`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject {
    pub(super) pid: i32,
    pub(super) user: u32,
}

impl Subject {
    fn path(self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.pid.to_string()).join(name)
    }
}

/// What the first look found.
pub(super) struct Isolated {
    pub(super) lacks: BTreeSet<Lack>,
    pub(super) secret_bytes: u64,
    pub(super) code: Code,
}

/// The first look: what it lacks of namespaces, empty root and renounced privileges, how much secret memory it has, and which
/// of the host's libraries.
///
/// # Errors
/// [`LaunchError::Inspection`] when the process is not the measured image, or holds what no keep holds;
/// [`LaunchError::Unmeasured`] when anything else runs in it.
pub(super) fn isolated(subject: Subject, image: BorrowedFd<'_>) -> Result<Isolated, LaunchError> {
    let file = fs::File::from(image.as_fd().try_clone_to_owned().map_err(LaunchError::Spawn)?);
    let image = file.metadata().map_err(LaunchError::Spawn)?;
    let own: Vec<Option<PathBuf>> =
        NAMESPACES.iter().map(|(name, _)| fs::read_link(Path::new("/proc/self/ns").join(name)).ok()).collect();
    let (mut lacks, seen) = as_user(subject.user, || (namespaces(subject, &own), look(subject)))?;
    let seen = seen.ok_or_else(|| LaunchError::Inspection("it cannot be looked at from outside".into()))?;
    if (seen.image.dev(), seen.image.ino()) != (image.dev(), image.ino()) {
        return Err(LaunchError::Inspection("it does not execute the measured image".into()));
    }
    if !seen.environment.is_empty() {
        return Err(LaunchError::Inspection("its environment is not empty".into()));
    }
    if seen.descriptors.iter().any(|descriptor| *descriptor > CONTROL_FD) {
        return Err(LaunchError::Inspection("it holds descriptors that it was not given".into()));
    }
    if code::has_writable_code(&seen.maps) {
        return Err(LaunchError::Inspection("it has memory that is writable and executable at once".into()));
    }
    let code = Code::of(&seen.maps, &file)?;
    let status = Status::of(subject)?;
    let renounced = status.field("NoNewPrivs") == Some("1");
    if !renounced {
        lacks.insert(Lack::NoNewPrivileges);
    }
    if ["CapInh", "CapPrm", "CapEff", "CapAmb"].iter().any(|set| !status.is_zero(set)) {
        return Err(LaunchError::Inspection("it has capabilities".into()));
    }
    // An ordinary user without a user namespace cannot empty the bounding set; renounced, it bounds nothing.
    if !renounced && !status.is_zero("CapBnd") {
        return Err(LaunchError::Inspection("it could gain capabilities".into()));
    }
    if status.field("NSpid").and_then(|pids| pids.split_whitespace().nth(1)) != Some("1") {
        lacks.insert(Lack::PidNamespace);
    }
    if seen.root_entries != Some(0) {
        lacks.insert(Lack::EmptyRoot);
    }
    Ok(Isolated { lacks, secret_bytes: code::secret_bytes(&seen.maps), code })
}

/// The second look: that it can no longer be looked into, that its limits hold, and that its system calls are filtered.
///
/// # Errors
/// [`LaunchError::Inspection`] when the process is gone; [`LaunchError::Unmeasured`] when anything runs in it that did not before.
pub(super) fn hardened(subject: Subject, limits: Limits, code: &Code) -> Result<BTreeSet<Lack>, LaunchError> {
    let mut lacks = BTreeSet::new();
    let status = fs::metadata(subject.path("status")).map_err(gone)?;
    // The kernel gives the files of a process that cannot be dumped to root. Of one that runs as root it cannot be seen.
    if status.uid() == subject.user && subject.user != 0 {
        lacks.insert(Lack::Undumpable);
    }
    let table = fs::read_to_string(subject.path("limits")).map_err(gone)?;
    let wanted = [
        ("Max core file size", Some(0)),
        ("Max cpu time", nonzero(limits.cpu_s)),
        ("Max data size", nonzero(limits.memory_bytes)),
        ("Max open files", nonzero(limits.open_files)),
        ("Max processes", Some(THREADS_MAX)),
    ];
    for (name, most) in wanted {
        if most.is_some_and(|most| hard_limit(&table, name).is_none_or(|limit| limit > most)) {
            lacks.insert(Lack::ResourceLimits);
        }
    }
    if !fence::is_filtered(subject) {
        lacks.insert(Lack::Seccomp);
    }
    // Few launchers can still see this of a process that cannot be dumped.
    if let Ok(maps) = fs::read_to_string(subject.path("maps")) {
        if code::has_writable_code(&maps) {
            return Err(LaunchError::Inspection("it has memory that is writable and executable at once".into()));
        }
        code.is_all_of(&maps)?;
    }
    Ok(lacks)
}

fn nonzero(limit: u64) -> Option<u64> {
    (limit > 0).then_some(limit)
}

/// The hard limit in a line like `Max cpu time              60                   60                   seconds`.
fn hard_limit(table: &str, name: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The namespaces that the subject shares with the launcher, or that cannot be seen.
fn namespaces(subject: Subject, own: &[Option<PathBuf>]) -> BTreeSet<Lack> {
    let mut lacks = BTreeSet::new();
    for ((name, lack), own) in NAMESPACES.iter().zip(own) {
        match (fs::read_link(subject.path("ns").join(name)), own) {
            (Ok(its), Some(own)) if its != *own => {}
            _ => {
                lacks.insert(*lack);
            }
        }
    }
    lacks
}

struct Seen {
    image: fs::Metadata,
    environment: Vec<u8>,
    /// Its mappings, each with what was changed of it.
    maps: String,
    descriptors: Vec<i32>,
    root_entries: Option<usize>,
}

fn look(subject: Subject) -> Option<Seen> {
    let numbers = fs::read_dir(subject.path("fd")).ok()?;
    Some(Seen {
        image: fs::metadata(subject.path("exe")).ok()?,
        environment: fs::read(subject.path("environ")).ok()?,
        maps: fs::read_to_string(subject.path("smaps")).ok()?,
        descriptors: numbers.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect(),
        root_entries: fs::read_dir(subject.path("root")).ok().map(Iterator::count),
    })
}

struct Status(String);

impl Status {
    fn of(subject: Subject) -> Result<Self, LaunchError> {
        fs::read_to_string(subject.path("status")).map(Self).map_err(gone)
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }

    fn is_zero(&self, name: &str) -> bool {
        self.field(name).is_some_and(|set| !set.is_empty() && set.bytes().all(|digit| digit == b'0'))
    }
}

fn gone(error: std::io::Error) -> LaunchError {
    LaunchError::Inspection(format!("it is gone: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "Limit                     Soft Limit           Hard Limit           Units     \n\
                         Max cpu time              60                   90                   seconds   \n\
                         Max data size             unlimited            unlimited            bytes     \n";

    #[test]
    fn reads_the_hard_limit_and_nothing_from_unlimited() {
        assert_eq!(hard_limit(TABLE, "Max cpu time"), Some(90));
        assert_eq!(hard_limit(TABLE, "Max data size"), None);
        assert_eq!(hard_limit(TABLE, "Max open files"), None);
    }

    #[test]
    fn this_process_is_no_keep() {
        let own = Subject { pid: std::process::id().cast_signed(), user: nix::unistd::geteuid().as_raw() };
        let shared: Vec<Option<PathBuf>> =
            NAMESPACES.iter().map(|(name, _)| fs::read_link(Path::new("/proc/self/ns").join(name)).ok()).collect();
        assert_eq!(namespaces(own, &shared), NAMESPACES.iter().map(|(_, lack)| *lack).collect());
        let image = fs::File::open("/bin/sh").unwrap();
        assert!(matches!(isolated(own, image.as_fd()), Err(LaunchError::Inspection(_))));
    }

    #[test]
    fn only_mappings_of_secret_memory_count() {
        let maps = "7f0000000000-7f0000004000 rw-s 00000000 00:0e 1042       /secretmem (deleted)\n\
                    7f0000004000-7f0000006000 r--s 00000000 00:0e 1042       /secretmem (deleted)\n\
                    7f0000006000-7f0000008000 rw-s 00000000 00:01 7          /memfd:/secretmem (deleted)\n\
                    7f0000008000-7f000000a000 rw-s 00000000 00:01 7          /tmp/secretmem\n\
                    7f000000a000-7f000000c000 rw-p 00000000 00:00 0\n";
        assert_eq!(code::secret_bytes(maps), 0x4000);
    }

    #[test]
    fn what_cannot_be_seen_counts_as_lacking() {
        let nobody = Subject { pid: i32::MAX, user: 0 };
        let own = vec![Some(PathBuf::from("x")); NAMESPACES.len()];
        assert_eq!(namespaces(nobody, &own).len(), NAMESPACES.len());
        let own = fs::File::open("/proc/self/exe").unwrap();
        let code = Code::of(&fs::read_to_string("/proc/self/smaps").unwrap(), &own).unwrap();
        assert!(hardened(nobody, Limits::default(), &code).is_err());
    }

    #[test]
    fn capability_sets_are_zero_only_when_they_are_there() {
        let status = Status("CapEff:\t0000000000000000\nCapBnd:\t0000000000000001\nCapAmb:\t\n".into());
        assert!(status.is_zero("CapEff"));
        assert!(!status.is_zero("CapBnd") && !status.is_zero("CapAmb") && !status.is_zero("CapPrm"));
    }
}
