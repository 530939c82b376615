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
    Landlock,
    NoNewPrivileges,
    Seccomp,
    /// This many bytes of it, whole pages.
    SecretMemory(usize),
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
        Trial::Landlock => landlock(),
        Trial::Seccomp => seccomp(),
        Trial::Undumpable => prctl::set_dumpable(false).ok(),
        Trial::SecretMemory(bytes) => secret_memory(bytes),
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

/// Mapped, not touched: the descriptor alone says nothing of the limit on locked memory.
fn secret_memory(bytes: usize) -> Option<()> {
    let length = libc::off_t::try_from(bytes).ok()?;
    // SAFETY: system calls on numbers; the mapping is at an address of the kernel's choice, and the process ends next.
    unsafe {
        let file = i32::try_from(libc::syscall(libc::SYS_memfd_secret, 0)).ok().filter(|file| *file >= 0)?;
        (libc::ftruncate(file, length) == 0).then_some(())?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let base = libc::mmap(std::ptr::null_mut(), bytes, protection, libc::MAP_SHARED, file, 0);
        (base != libc::MAP_FAILED).then_some(())
    }
}

/// A filter that admits everything.
fn seccomp() -> Option<()> {
    prctl::set_no_new_privs().ok()?;
    let mut all = libc::sock_filter { code: RETURN, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW };
    let program = libc::sock_fprog { len: 1, filter: &raw mut all };
    // SAFETY: the kernel copies the one instruction that the program says it has; both outlive the call.
    let set = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    (set == 0).then_some(())
}

/// `BPF_RET | BPF_K` [linux/bpf_common.h].
const RETURN: u16 = 0x06;

/// A ruleset that denies to execute files.
fn landlock() -> Option<()> {
    let execute: u64 = 1;
    prctl::set_no_new_privs().ok()?;
    // SAFETY: the attributes of version 1 are this one number of eight bytes, which outlives the call.
    let ruleset = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const execute, size_of::<u64>(), 0) };
    // SAFETY: takes numbers.
    let set = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0) };
    (set == 0).then_some(())
}

/// The version of Landlock; below 1 where there is none.
pub(super) fn landlock_abi() -> i64 {
    /// `LANDLOCK_CREATE_RULESET_VERSION` [linux/landlock.h].
    const VERSION: libc::c_uint = 1;
    // SAFETY: with this flag the call reads no memory and makes no descriptor.
    unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u64>(), 0, VERSION) }
}

/// Whether the kernel can forbid to make memory executable.
pub(super) fn knows_sealed_code() -> bool {
    // SAFETY: `prctl` with this operation takes numbers and changes nothing.
    unsafe { libc::prctl(libc::PR_GET_MDWE, 0, 0, 0, 0) >= 0 }
}
