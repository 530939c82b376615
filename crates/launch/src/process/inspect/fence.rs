//! Looks at a keep's last fence from outside: system call filters, executable memory, descriptors.

use std::{collections::BTreeSet, fs, os::unix::fs::MetadataExt as _, path::Path};

use casemate_attester::control::{CONTROL_FD, SECCOMP_FILTERS};

use super::{Status, Subject};
use crate::LaunchError;

/// Sockets that a keep makes for itself, connected with each other: its runtime wakes itself by them.
const OWN_SOCKETS_MAX: usize = 3;
/// What else it makes for itself.
const OWN_KINDS: [&str; 2] = ["anon_inode:[eventfd]", "anon_inode:[eventpoll]"];

/// A file or socket as the kernel numbers it.
pub(crate) type Inode = (u64, u64);

/// Whether every thread has the filters of a keep on top of those that this launcher itself runs under.
pub(super) fn is_filtered(subject: Subject) -> bool {
    let Some(inherited) = filters(Path::new("/proc/thread-self")) else { return false };
    let Ok(threads) = fs::read_dir(subject.path("task")) else { return false };
    let mut threads = threads.flatten().map(|thread| filters(&thread.path())).peekable();
    threads.peek().is_some() && threads.all(|its| its.is_some_and(|its| its >= inherited + SECCOMP_FILTERS))
}

/// How many filters a thread has: none where it is in no mode or the strict one. Kernels before 5.9 do not tell.
fn filters(thread: &Path) -> Option<usize> {
    let status = Status(fs::read_to_string(thread.join("status")).ok()?);
    match status.field("Seccomp")? {
        "0" => Some(0),
        "2" => status.field("Seccomp_filters")?.parse().ok(),
        _ => None,
    }
}

/// That the keep holds what it was `given`, what it makes for itself, and nothing else.
///
/// Only a launcher that may trace everyone sees the descriptors of a process that cannot be dumped; for others nothing is
/// checked here, and that the kernel hands a keep descriptors from nobody else rests on its list of system calls.
///
/// # Errors
/// [`LaunchError::Inspection`] with the kind of what it should not have.
pub(crate) fn descriptors(subject: Subject, given: &BTreeSet<Inode>) -> Result<(), LaunchError> {
    let Ok(open) = fs::read_dir(subject.path("fd")) else { return Ok(()) };
    let mut sockets = 0;
    for entry in open.flatten() {
        let number = entry.file_name().to_str().and_then(|number| number.parse::<i32>().ok());
        let Ok(inode) = fs::metadata(entry.path()).map(|file| (file.dev(), file.ino())) else { continue };
        if number.is_some_and(|number| number <= CONTROL_FD) || given.contains(&inode) {
            continue;
        }
        let Ok(kind) = fs::read_link(entry.path()) else { continue };
        let kind = kind.to_string_lossy();
        sockets += usize::from(kind.starts_with("socket:"));
        let is_own = OWN_KINDS.contains(&kind.as_ref()) || (kind.starts_with("socket:") && sockets <= OWN_SOCKETS_MAX);
        if !is_own {
            return Err(LaunchError::Inspection(format!("it holds a descriptor that it was not given (`{kind}`)")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_no_more_filters_than_this_one_is_not_filtered() {
        let own = Subject { pid: std::process::id().cast_signed(), user: 0 };
        assert!(filters(Path::new("/proc/thread-self")).is_some());
        assert!(!is_filtered(own));
        assert!(!is_filtered(Subject { pid: i32::MAX, user: 0 }));
    }

    #[test]
    fn a_descriptor_that_was_not_given_is_named() {
        let own = Subject { pid: std::process::id().cast_signed(), user: 0 };
        // High enough to be no standard stream and no control socket.
        let held: Vec<fs::File> = (0..4).map(|_| fs::File::open("/bin/sh").unwrap()).collect();
        let inode = |file: &fs::File| file.metadata().map(|file| (file.dev(), file.ino())).unwrap();
        let shell = BTreeSet::from([inode(&held[0])]);
        let named =
            |given: &BTreeSet<Inode>| descriptors(own, given).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(named(&BTreeSet::new()).contains("not given"));
        assert!(!named(&shell).contains("/sh"));
    }
}
