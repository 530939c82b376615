//! Isolates this process: first thing in `main`, while it has one thread.
//!
//! 1. Die with the launcher. Close every descriptor above the control socket.
//! 2. New user namespace; the own user and group become 0 of it.
//! 3. New mount, network (with no interface up), IPC, UTS and PID namespaces, each on its own.
//! 4. Fork: the child is process 1 of the keep; the parent stays outside it and only waits ([`stub`]).
//! 5. An empty, read-only root: tmpfs, `pivot_root`, the old root detached ([`root`]).
//! 6. No new privileges, no capabilities, no core ([`privileges`]).
//!
//! What the kernel refuses becomes a [`Lack`] and the rest goes on: whether a lack is acceptable is the contract's to say
//! and the launcher's to check. What must never fail (1, 4, 6's capabilities) ends the process.
//! Sources: user_namespaces(7), pid_namespaces(7), pivot_root(2), prctl(2), capabilities(7).

mod privileges;
mod root;
mod stub;

use std::{collections::BTreeSet, fs, os::unix::net::UnixStream};

use casemate_evidence::Lack;
use nix::{
    sched::{CloneFlags, unshare},
    unistd::{getegid, geteuid, sethostname},
};

pub(crate) use stub::control_socket;

/// Runs the steps. Returns in process 1 of the keep, with what is lacking; `None` where a step failed that must not.
pub(crate) fn isolate(control: &UnixStream) -> Option<BTreeSet<Lack>> {
    stub::die_with_parent()?;
    stub::close_others()?;
    let mut lacks = BTreeSet::new();
    if user_namespace().is_none() {
        lacks.insert(Lack::UserNamespace);
    }
    for (flag, lack) in [
        (CloneFlags::CLONE_NEWNS, Lack::MountNamespace),
        (CloneFlags::CLONE_NEWNET, Lack::NetworkNamespace),
        (CloneFlags::CLONE_NEWIPC, Lack::IpcNamespace),
        (CloneFlags::CLONE_NEWPID, Lack::PidNamespace),
    ] {
        if unshare(flag).is_err() {
            lacks.insert(lack);
        }
    }
    if unshare(CloneFlags::CLONE_NEWUTS).is_ok() {
        // Only a name; no promise depends on it.
        let _unnamed = sethostname("keep");
    }
    if !privileges::renounce_new() {
        lacks.insert(Lack::NoNewPrivileges);
    }
    stub::become_first(control)?;
    // Without a mount namespace of its own, mounting would change the host.
    if lacks.contains(&Lack::MountNamespace) || root::empty().is_none() {
        lacks.insert(Lack::EmptyRoot);
    }
    privileges::drop_all()?;
    Some(lacks)
}

/// A user namespace in which this user is 0, and nobody else is anybody.
fn user_namespace() -> Option<()> {
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER).ok()?;
    fs::write("/proc/self/setgroups", "deny").ok()?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1")).ok()?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1")).ok()
}
