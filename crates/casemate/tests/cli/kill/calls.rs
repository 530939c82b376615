//! Which system calls are steps, and what each is about: a file by its name, a socket, a pipe.

use std::{fs, os::unix::fs::FileExt as _};

use nix::{
    errno::Errno,
    libc::{self, c_long},
    sys::ptrace,
    unistd::Pid,
};

/// Whether the registers of a traced process are understood on this machine.
pub(crate) const IS_SUPPORTED: bool = cfg!(target_arch = "x86_64");

/// The longest path that is read from a process.
const PATH_BYTES_MAX: usize = 4096;

/// Where a call says what it is about.
#[derive(Clone, Copy)]
enum About {
    /// A descriptor, in this argument.
    Descriptor(usize),
    /// A path, in this argument.
    Path(usize),
    /// A path, and flags that say whether a file may be made.
    Open { path: usize, flags: usize },
    /// Nothing that has a name.
    Nothing,
}

const CALLS: &[(c_long, &str, About)] = &[
    (libc::SYS_write, "write", About::Descriptor(0)),
    (libc::SYS_writev, "write", About::Descriptor(0)),
    (libc::SYS_pwrite64, "pwrite", About::Descriptor(0)),
    (libc::SYS_pwritev, "pwrite", About::Descriptor(0)),
    (libc::SYS_pwritev2, "pwrite", About::Descriptor(0)),
    (libc::SYS_copy_file_range, "copy", About::Descriptor(2)),
    (libc::SYS_sendfile, "copy", About::Descriptor(0)),
    (libc::SYS_sendto, "send", About::Descriptor(0)),
    (libc::SYS_sendmsg, "send", About::Descriptor(0)),
    (libc::SYS_sendmmsg, "send", About::Descriptor(0)),
    (libc::SYS_connect, "connect", About::Descriptor(0)),
    (libc::SYS_listen, "listen", About::Descriptor(0)),
    (libc::SYS_accept4, "accept", About::Descriptor(0)),
    (libc::SYS_fsync, "fsync", About::Descriptor(0)),
    (libc::SYS_fdatasync, "fdatasync", About::Descriptor(0)),
    (libc::SYS_ftruncate, "truncate", About::Descriptor(0)),
    (libc::SYS_truncate, "truncate", About::Path(0)),
    (libc::SYS_fallocate, "allocate", About::Descriptor(0)),
    (libc::SYS_fchmod, "chmod", About::Descriptor(0)),
    (libc::SYS_fchmodat, "chmod", About::Path(1)),
    (libc::SYS_fchown, "chown", About::Descriptor(0)),
    (libc::SYS_fchownat, "chown", About::Path(1)),
    (libc::SYS_openat, "make", About::Open { path: 1, flags: 2 }),
    (libc::SYS_renameat, "rename to", About::Path(3)),
    (libc::SYS_renameat2, "rename to", About::Path(3)),
    (libc::SYS_linkat, "link to", About::Path(3)),
    (libc::SYS_symlinkat, "link to", About::Path(2)),
    (libc::SYS_unlinkat, "remove", About::Path(1)),
    (libc::SYS_mkdirat, "make folder", About::Path(1)),
    (libc::SYS_clone3, "start", About::Nothing),
    (libc::SYS_execve, "execute", About::Path(0)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, "make", About::Open { path: 0, flags: 1 }),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_creat, "make", About::Path(0)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chmod, "chmod", About::Path(0)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_rename, "rename to", About::Path(1)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_link, "link to", About::Path(1)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_symlink, "link to", About::Path(1)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_unlink, "remove", About::Path(0)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mkdir, "make folder", About::Path(0)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_rmdir, "remove", About::Path(0)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_fork, "start", About::Nothing),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_vfork, "start", About::Nothing),
];

/// What the thread is about to do, if it stands at the entry of a call that is a step.
pub(crate) fn step(thread: Pid) -> Option<String> {
    let info = ptrace::syscall_info(thread).ok()?;
    if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
        return None;
    }
    let (number, arguments) = call(thread)?;
    let (_, name, about) = CALLS.iter().find(|(known, ..)| *known == number)?;
    let about = match *about {
        About::Descriptor(at) => named(thread, arguments[at])?,
        About::Path(at) => path(thread, arguments[at]),
        About::Open { path: at, flags } => {
            if arguments[flags] & u64::from(libc::O_CREAT.cast_unsigned()) == 0 {
                return None;
            }
            path(thread, arguments[at])
        }
        About::Nothing => String::new(),
    };
    Some(format!("{name} {about}").trim_end().to_owned())
}

/// The process that a thread belongs to.
pub(crate) fn process_of(thread: Pid) -> Pid {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    let group = status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok());
    group.map_or(thread, Pid::from_raw)
}

#[cfg(target_arch = "x86_64")]
fn call(thread: Pid) -> Option<(c_long, [u64; 6])> {
    let registers = ptrace::getregs(thread).ok()?;
    let arguments = [registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9];
    Some((registers.orig_rax.cast_signed(), arguments))
}

#[cfg(not(target_arch = "x86_64"))]
fn call(_thread: Pid) -> Option<(c_long, [u64; 6])> {
    None
}

/// Has a thread that stands at the entry of a call make another, which changes nothing, in its place. One that a keep's
/// sandbox admits: no call at all (-1) would end it.
#[cfg(target_arch = "x86_64")]
pub(crate) fn skip(thread: Pid) -> bool {
    let Ok(mut registers) = ptrace::getregs(thread) else { return false };
    registers.orig_rax = libc::SYS_getpid.cast_unsigned();
    ptrace::setregs(thread, registers).is_ok()
}

/// Has a call that is over have failed. A thread that is gone by now needs nothing more.
#[cfg(target_arch = "x86_64")]
pub(crate) fn answer(thread: Pid, errno: Errno) {
    if let Ok(mut registers) = ptrace::getregs(thread) {
        registers.rax = i64::from(-(errno as i32)).cast_unsigned();
        let _ = ptrace::setregs(thread, registers);
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn skip(_thread: Pid) -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn answer(_thread: Pid, _errno: Errno) {}

/// What a descriptor is of. One that only wakes a thread of the same process is nothing.
fn named(thread: Pid, descriptor: u64) -> Option<String> {
    let link = fs::read_link(format!("/proc/{thread}/fd/{descriptor}"));
    let Ok(link) = link else { return Some("unseen".to_owned()) };
    let text = link.to_string_lossy();
    match text.split_once(':') {
        Some(("anon_inode", _)) => None,
        Some((kind, _)) if !kind.contains('/') => Some(kind.to_owned()),
        _ => Some(short(&text)),
    }
}

fn path(thread: Pid, at: u64) -> String {
    let mut bytes = vec![0; PATH_BYTES_MAX];
    let read = fs::File::open(format!("/proc/{thread}/mem")).and_then(|memory| memory.read_at(&mut bytes, at));
    let Ok(length) = read else { return "unseen".to_owned() };
    let end = bytes[..length].iter().position(|byte| *byte == 0).unwrap_or(length);
    short(&String::from_utf8_lossy(&bytes[..end]))
}

/// The last two parts of a path, without what is drawn at random in it.
pub(crate) fn short(path: &str) -> String {
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    let parts: Vec<_> = path.rsplit('/').take(2).map(steady).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

fn steady(part: &str) -> String {
    let is_number = |piece: &str| !piece.is_empty() && piece.chars().all(|c| c.is_ascii_digit());
    let is_drawn =
        |piece: &str| piece.len() >= 6 && piece.chars().any(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
    let is_random =
        |piece: &str| is_number(piece) || is_drawn(piece) || piece.starts_with("tmp") || piece.starts_with('#');
    let pieces = part.split('.').map(|piece| if is_random(piece) { "*" } else { piece });
    pieces.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_every_run() {
        assert_eq!(short("/tmp/casemate-kill-x1/clinic/state/state.db-wal"), "state/state.db-wal");
        assert_eq!(short("/a/state/.tmpQhT2x1"), "state/.*");
        assert_eq!(short("/a/ledger/tile/0/000.p/12"), "*.p/*");
        assert_eq!(short("/a/results/4be10c77aa/run.receipt (deleted)"), "*/run.receipt");
        assert_eq!(short("/a/state/#9 (deleted)"), "state/*");
        assert_eq!(short("passphrase"), "passphrase");
    }
}
