//! Tries one thing in a child process, which ends at once: a setting says what should be, only trying says what is.
#![allow(unsafe_code, reason = "a trial in a forked child")]

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::{
        prctl,
        wait::{WaitStatus, waitpid},
    },
    unistd::{ForkResult, chdir, fork, getegid, geteuid, pivot_root},
};

/// What is tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Trial {
    EmptyRoot,
    NoNewPrivileges,
    SecretMemory,
    Undumpable,
    Unshare(CloneFlags),
}

/// Whether it succeeds; `None` where no child could be made.
pub(super) fn succeeds(trial: Trial) -> Option<bool> {
    let (user, group) = (format!("0 {} 1", geteuid()), format!("0 {} 1", getegid()));
    // SAFETY: the child makes system calls on memory that was prepared above, allocates nothing, and leaves by `_exit`.
    match unsafe { fork() }.ok()? {
        ForkResult::Child => {
            let done = attempt(trial, &user, &group).is_some();
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(i32::from(!done)) }
        }
        ForkResult::Parent { child } => match waitpid(child, None).ok()? {
            WaitStatus::Exited(_, code) => Some(code == 0),
            _ => Some(false),
        },
    }
}

fn attempt(trial: Trial, user: &str, group: &str) -> Option<()> {
    match trial {
        Trial::NoNewPrivileges => prctl::set_no_new_privs().ok(),
        Trial::Undumpable => prctl::set_dumpable(false).ok(),
        Trial::SecretMemory => secret_memory(),
        Trial::Unshare(CloneFlags::CLONE_NEWUSER) => user_namespace(user, group),
        Trial::Unshare(flag) => {
            let _as_before = user_namespace(user, group);
            unshare(flag).ok()
        }
        Trial::EmptyRoot => {
            let _as_before = user_namespace(user, group);
            unshare(CloneFlags::CLONE_NEWNS).ok()?;
            const NOTHING: Option<&str> = None;
            mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING).ok()?;
            mount(Some("keep"), "/proc", Some("tmpfs"), MsFlags::empty(), Some("size=4k,nr_inodes=2")).ok()?;
            chdir("/proc").ok()?;
            pivot_root(".", ".").ok()
        }
    }
}

fn user_namespace(user: &str, group: &str) -> Option<()> {
    unshare(CloneFlags::CLONE_NEWUSER).ok()?;
    write(c"/proc/self/setgroups", "deny")?;
    write(c"/proc/self/uid_map", user)?;
    write(c"/proc/self/gid_map", group)
}

fn write(path: &std::ffi::CStr, text: &str) -> Option<()> {
    // SAFETY: the path ends in a zero byte and the text is as long as is said; both outlive the calls.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY);
        (file >= 0 && libc::write(file, text.as_ptr().cast(), text.len()) > 0).then_some(())
    }
}

/// One page, mapped: the descriptor alone says nothing of the limit on locked memory.
fn secret_memory() -> Option<()> {
    const BYTES: usize = 4096;
    // SAFETY: system calls on numbers; the mapping is at an address of the kernel's choice, and the process ends next.
    unsafe {
        let file = i32::try_from(libc::syscall(libc::SYS_memfd_secret, 0)).ok().filter(|file| *file >= 0)?;
        (libc::ftruncate(file, 4096) == 0).then_some(())?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let base = libc::mmap(std::ptr::null_mut(), BYTES, protection, libc::MAP_SHARED, file, 0);
        (base != libc::MAP_FAILED).then_some(())
    }
}
