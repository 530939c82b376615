//! What this machine has for isolating keeps, found by trying in a child process that ends at once.

use std::fs;

use casemate_attester::{Presence, Row, probe::hardware_rows};
use casemate_evidence::Lack;
use nix::{
    sched::CloneFlags,
    sys::resource::{Resource, getrlimit},
};

mod trial;

use trial::{Trial, succeeds};

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
        ("secret memory", Lack::SecretKeys, Trial::SecretMemory),
    ]
    .into_iter()
    .map(|(what, lack, trial)| tried(what, lack, trial))
    .collect();
    rows.extend([executable_memory(), swap(), tracing(), control_groups()]);
    rows
}

fn tried(what: &str, lack: Lack, trial: Trial) -> Row {
    let (presence, detail) = match succeeds(trial) {
        Some(true) if trial == Trial::SecretMemory => (Presence::Present, locked_memory()),
        Some(true) => (Presence::Present, "tried it".to_owned()),
        Some(false) => (Presence::Absent, format!("the kernel refused; runs lack `{lack}`")),
        None => (Presence::Unknown, "could not try it".to_owned()),
    };
    let explanation = lack.explain();
    Row::new(what, presence, detail, &format!("without it, {}", explanation.means), explanation.remedy)
}

fn locked_memory() -> String {
    match getrlimit(Resource::RLIMIT_MEMLOCK) {
        Ok((soft, _)) if soft == libc::RLIM_INFINITY => "no limit on its size".to_owned(),
        Ok((soft, _)) => format!("up to {} KiB for each process", soft >> 10),
        Err(error) => error.to_string(),
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
        "tables lie in ordinary memory, which the kernel may write to swap",
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

fn control_groups() -> Row {
    let (presence, detail) = match fs::read_to_string("/sys/fs/cgroup/cgroup.controllers") {
        Ok(controllers) => (Presence::Present, controllers.trim().to_owned()),
        Err(_) => (Presence::Absent, "no unified hierarchy".to_owned()),
    };
    Row::new(
        "control groups v2",
        presence,
        detail,
        "limits on a whole keep; without them, each process of it is limited by itself",
        "boot with `systemd.unified_cgroup_hierarchy=1`",
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
    fn trying_leaves_this_process_as_it_was() {
        let before = fs::read_link("/proc/self/ns/user").unwrap();
        let _rows = process_rows();
        assert_eq!(fs::read_link("/proc/self/ns/user").unwrap(), before);
        assert!(fs::read_dir("/proc").unwrap().count() > 1);
        assert!(!nix::sys::prctl::get_no_new_privs().unwrap());
    }
}
