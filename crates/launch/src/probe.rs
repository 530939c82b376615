//! What this machine has for isolating keeps, found by trying in a child process that ends at once.

use std::{fs, io::ErrorKind};

use casemate_attester::{Presence, Row, probe::hardware_rows};
use casemate_evidence::Lack;
use nix::{
    sched::CloneFlags,
    sys::resource::{Resource, getrlimit},
};

mod trial;

use crate::process::group;
use trial::{Trial, succeeds};

const PAGE_BYTES: usize = 4096;
const PRELOAD: &str = "/etc/ld.so.preload";
/// How many preloaded libraries are named at most.
const PRELOADS_SHOWN_MAX: usize = 8;

/// Every row, for `casemate doctor`.
#[must_use]
pub fn probe() -> Vec<Row> {
    let mut rows = process_rows();
    rows.extend(hardware_rows());
    rows
}

pub(crate) fn process_rows() -> Vec<Row> {
    let mut rows: Vec<Row> = [
        ("user namespace", Lack::UserNamespace, Trial::Unshare(CloneFlags::CLONE_NEWUSER)),
        ("PID namespace", Lack::PidNamespace, Trial::Unshare(CloneFlags::CLONE_NEWPID)),
        ("mount namespace", Lack::MountNamespace, Trial::Unshare(CloneFlags::CLONE_NEWNS)),
        ("network namespace", Lack::NetworkNamespace, Trial::Unshare(CloneFlags::CLONE_NEWNET)),
        ("IPC namespace", Lack::IpcNamespace, Trial::Unshare(CloneFlags::CLONE_NEWIPC)),
        ("empty root", Lack::EmptyRoot, Trial::EmptyRoot),
        ("no new privileges", Lack::NoNewPrivileges, Trial::NoNewPrivileges),
        ("not dumpable", Lack::Undumpable, Trial::Undumpable),
        ("secret memory", Lack::SecretKeys, Trial::SecretMemory(PAGE_BYTES)),
        ("system call filters", Lack::Seccomp, Trial::Seccomp),
        ("Landlock", Lack::Landlock, Trial::Landlock),
    ]
    .into_iter()
    .map(|(what, lack, trial)| tried(what, lack, trial))
    .collect();
    rows.extend([preloaded(), sealed_code(), executable_memory(), swap(), tracing(), control_groups()]);
    rows
}

fn tried(what: &str, lack: Lack, trial: Trial) -> Row {
    let (presence, detail) = match succeeds(trial) {
        Some(true) if trial == Trial::SecretMemory(PAGE_BYTES) => (Presence::Present, locked_memory()),
        Some(true) if trial == Trial::Landlock => (Presence::Present, landlock_version()),
        Some(true) => (Presence::Present, "tried it".to_owned()),
        Some(false) => (Presence::Absent, format!("the kernel refused; runs lack `{lack}`")),
        None => (Presence::Unknown, "could not try it".to_owned()),
    };
    let explanation = lack.explain();
    Row::new(what, presence, detail, &format!("without it, {}", explanation.means), explanation.remedy)
}

/// How much a keep can have. A process with `CAP_IPC_LOCK` in the first user namespace has no limit, whatever the number says;
/// whether this one has it is found by going beyond.
fn locked_memory() -> String {
    const UNLIMITED: &str = "no limit for this user; a keep takes at most half of the memory that is available";
    let limit = match getrlimit(Resource::RLIMIT_MEMLOCK) {
        Ok((limit, _)) if limit == libc::RLIM_INFINITY => return UNLIMITED.to_owned(),
        Ok((limit, _)) => limit,
        Err(error) => return error.to_string(),
    };
    let beyond = usize::try_from(limit).unwrap_or(usize::MAX) / PAGE_BYTES + 1;
    match beyond.checked_mul(PAGE_BYTES).and_then(|bytes| succeeds(Trial::SecretMemory(bytes))) {
        Some(true) => format!("{UNLIMITED} (it has `CAP_IPC_LOCK`)"),
        _ => format!("up to {} KiB for each process", limit >> 10),
    }
}

fn executable_memory() -> Row {
    let (presence, detail) = match setting("/proc/sys/vm/memfd_noexec") {
        Some(value) if value >= 2 => (Presence::Absent, format!("`vm.memfd_noexec` is {value}")),
        _ => (Presence::Present, "memory files may be executed".to_owned()),
    };
    Row::new(
        "executable memory files",
        presence,
        detail,
        "the measured copy of the runtime is executed from memory, so that replacing the file has no effect",
        "`sysctl vm.memfd_noexec=0`",
    )
}

fn swap() -> Row {
    let devices = fs::read_to_string("/proc/swaps").map(|text| text.lines().count().saturating_sub(1));
    let (presence, detail) = match devices {
        Ok(0) => (Presence::Present, "swap is off".to_owned()),
        Ok(count) => (Presence::Absent, format!("{count} swap areas are on")),
        Err(error) => (Presence::Unknown, error.to_string()),
    };
    Row::new(
        "no swap",
        presence,
        detail,
        "secret memory never gets there; what lies outside may: where a run lacks `secret-plaintext`, what did not fit, and the \
         code of a sealed program",
        "`swapoff -a`, or swap to an encrypted device",
    )
}

fn tracing() -> Row {
    let (presence, detail) = match setting("/proc/sys/kernel/yama/ptrace_scope") {
        Some(0) => (Presence::Absent, "`kernel.yama.ptrace_scope` is 0".to_owned()),
        Some(value) => (Presence::Present, format!("`kernel.yama.ptrace_scope` is {value}")),
        None => (Presence::Absent, "the kernel has no Yama".to_owned()),
    };
    Row::new(
        "restricted tracing",
        presence,
        detail,
        "a second fence against debuggers; a keep is not traceable by its user in any case, only by root",
        "`sysctl kernel.yama.ptrace_scope=1`",
    )
}

/// What of Landlock the kernel knows [landlock(7), VERSIONS].
fn landlock_version() -> String {
    match trial::landlock_abi() {
        version @ ..4 => format!("version {version}: files, neither TCP (Linux 6.7) nor signals (6.12)"),
        version @ 4..6 => format!("version {version}: files and TCP, no signals (Linux 6.12)"),
        version => format!("version {version}: files, TCP, signals and abstract sockets"),
    }
}

/// What the dynamic loader puts into every program [ld.so(8), FILES].
fn preloaded() -> Row {
    let (presence, detail) = match fs::read_to_string(PRELOAD) {
        Ok(text) => match preloads(&text).as_slice() {
            [] => (Presence::Present, format!("`{PRELOAD}` names nothing")),
            names => (Presence::Absent, format!("`{PRELOAD}` names {}", names.join(", "))),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => (Presence::Present, format!("there is no `{PRELOAD}`")),
        Err(error) => (Presence::Unknown, format!("`{PRELOAD}`: {error}")),
    };
    Row::new(
        "no preloaded libraries",
        presence,
        detail,
        "a library that is loaded into every program would run in a keep unmeasured; no keep starts with one",
        "find out who put it there (a security agent?), and take it out of `/etc/ld.so.preload`",
    )
}

/// The names in a list of libraries: divided by white space or colons, up to `#` in a line.
fn preloads(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.split('#').next());
    let names = lines.flat_map(|line| line.split([' ', '\t', ':'])).filter(|name| !name.is_empty());
    names.take(PRELOADS_SHOWN_MAX).map(|name| format!("`{}`", name.escape_default())).collect()
}

fn sealed_code() -> Row {
    let (presence, detail) = if trial::knows_sealed_code() {
        (Presence::Present, "the kernel knows `PR_SET_MDWE`".to_owned())
    } else {
        (Presence::Absent, "the kernel does not know `PR_SET_MDWE`".to_owned())
    };
    Row::new(
        "no new executable memory",
        presence,
        detail,
        "a second fence, behind the system call filters, against a program that makes its data executable",
        "run Linux 6.3 or later; until then the filters alone forbid it",
    )
}

fn control_groups() -> Row {
    let places = group::places();
    let working: Vec<String> =
        places.iter().filter(|place| place.works()).map(|place| format!("`{}`", place.folder().display())).collect();
    let (presence, detail) = if working.is_empty() {
        (Presence::Absent, "this user may make none here; each keep's own limits hold".to_owned())
    } else {
        (Presence::Present, format!("made one in {}", working.join(" and ")))
    };
    Row::new(
        "control group of a keep",
        presence,
        detail,
        "one bound on all memory and threads of a keep, kernel's share included; without it, a keep's own limits bound \
         its memory and threads",
        "run it as root, or in a group that was delegated with the controllers `memory` and `pids`: \
         `systemd-run --user --scope -p Delegate=yes casemate …`",
    )
}

fn setting(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_absent_thing_has_a_remedy_and_no_present_one() {
        for row in probe() {
            assert_eq!(row.remedy.is_empty(), row.presence == Presence::Present, "{}", row.what);
            assert!(!row.why.is_empty() && !row.detail.is_empty(), "{}", row.what);
        }
    }

    #[test]
    fn preloaded_libraries_are_named_and_comments_are_not() {
        assert_eq!(preloads("# none\n \t\n:\n"), Vec::<String>::new());
        assert_eq!(preloads("/a/p.so q.so:r.so # s.so\nt.so\n"), ["`/a/p.so`", "`q.so`", "`r.so`", "`t.so`"]);
    }

    #[test]
    fn trying_leaves_this_process_as_it_was() {
        let before = fs::read_link("/proc/self/ns/user").unwrap();
        let _rows = process_rows();
        assert_eq!(fs::read_link("/proc/self/ns/user").unwrap(), before);
        assert!(fs::read_dir("/proc").unwrap().count() > 1);
        assert!(!nix::sys::prctl::get_no_new_privs().unwrap());
    }
}
