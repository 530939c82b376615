//! Executes the sealed image with an empty environment and one socket.
#![allow(unsafe_code, reason = "descriptors are placed between fork and exec")]

use std::{
    io,
    os::{
        fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd},
        unix::{net::UnixStream, process::CommandExt as _},
    },
    process::{Child, Command, Stdio},
};

use casemate_attester::control::{CONTROL_FD, KEEP_NAME};
use nix::{
    fcntl::{FcntlArg, fcntl},
    unistd::{geteuid, getpid},
};

/// Users of keeps that root starts: the range of systemd's dynamic users, which no account has.
const KEEP_USERS: std::ops::Range<u32> = 61_184..65_520;

/// `_LINUX_CAPABILITY_VERSION_3` [capset(2)].
const CAPABILITY_VERSION: u32 = 0x2008_0522;
/// [capabilities(7)]
const CAP_IPC_LOCK: libc::c_ulong = 14;
const LOCK_MEMORY: u32 = 1 << CAP_IPC_LOCK;

#[repr(C)]
struct Header {
    version: u32,
    pid: libc::c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// A child that was executed, and the user that it runs as.
pub(super) struct Born {
    pub(super) child: Child,
    pub(super) user: u32,
}

/// Executes `image` with `control` as its descriptor 3. Root gives it an unprivileged user where the machine lets it, and
/// with it, for the moment until it has isolated itself, the capability to lock memory: secret memory counts as locked.
pub(super) fn execute(image: BorrowedFd<'_>, control: &OwnedFd) -> io::Result<Born> {
    // While this is held, descriptor 3 is taken: neither the image nor the pipe on which `Command` hears of a failed exec
    // can have the number that the child gives to the socket.
    let _third = above(control.as_fd(), CONTROL_FD)?;
    let image = above(image, CONTROL_FD + 1)?;
    let image = image.as_fd();
    let own = geteuid().as_raw();
    if geteuid().is_root() {
        let span = KEEP_USERS.end - KEEP_USERS.start;
        let user = KEEP_USERS.start + getpid().as_raw().unsigned_abs() % span;
        match command(image, control, Some(user)).spawn() {
            Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput) => {}
            spawned => return spawned.map(|child| Born { child, user }),
        }
    }
    command(image, control, None).spawn().map(|child| Born { child, user: own })
}

/// A duplicate whose number is `least` or above, closed on execution.
fn above(descriptor: BorrowedFd<'_>, least: RawFd) -> io::Result<OwnedFd> {
    let duplicate = fcntl(descriptor, FcntlArg::F_DUPFD_CLOEXEC(least))?;
    // SAFETY: `fcntl` has just made this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(duplicate) })
}

fn command(image: BorrowedFd<'_>, control: &OwnedFd, user: Option<u32>) -> Command {
    let mut command = Command::new(format!("/proc/self/fd/{}", image.as_raw_fd()));
    command.arg0(KEEP_NAME).env_clear().current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let control = control.as_raw_fd();
    // SAFETY: the closure runs between fork and exec and calls only async-signal-safe system calls; it allocates nothing
    // and touches no lock. The descriptor stays open in the parent until `spawn` has returned.
    unsafe {
        command.pre_exec(move || {
            // First: the kernel forgets with whom a process dies when it becomes another user.
            user.map_or(Ok(()), become_user)?;
            hand_over(control)
        });
    }
    command
}

/// Becomes `user` and nobody else, keeping of root's capabilities the one to lock memory, if it has that.
fn become_user(user: u32) -> io::Result<()> {
    let kernel = |answer: libc::c_long| if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
    // SAFETY: plain system calls on numbers, and on two values that live in this frame. The raw ones, as the C library's
    // would look for this process's other threads, which the child does not have.
    unsafe {
        kernel(libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0).into())?;
        kernel(libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<libc::gid_t>()))?;
        kernel(libc::syscall(libc::SYS_setresgid, user, user, user))?;
        kernel(libc::syscall(libc::SYS_setresuid, user, user, user))?;
        let header = Header { version: CAPABILITY_VERSION, pid: 0 };
        let mut sets = [Sets::default(); 2];
        kernel(libc::syscall(libc::SYS_capget, &raw const header, sets.as_mut_ptr()))?;
        let [low, high] = &mut sets;
        let held = low.permitted & LOCK_MEMORY;
        *low = Sets { effective: held, permitted: held, inheritable: held };
        *high = Sets::default();
        kernel(libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr()))?;
        if held != 0 {
            // Refused, the keep has what its limit on locked memory gives, and says so.
            libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, CAP_IPC_LOCK, 0, 0);
        }
    }
    Ok(())
}

/// Makes `control` descriptor 3 and has every other above 2 closed at exec.
fn hand_over(control: RawFd) -> io::Result<()> {
    // SAFETY: plain system calls on numbers; none touches memory.
    unsafe {
        if control == CONTROL_FD {
            if libc::fcntl(control, libc::F_SETFD, 0) < 0 {
                return Err(io::Error::last_os_error());
            }
        } else if libc::dup2(control, CONTROL_FD) < 0 {
            return Err(io::Error::last_os_error());
        }
        let first = libc::c_uint::try_from(CONTROL_FD + 1).unwrap_or(4);
        // Kernels before 5.11 do not know the flag: descriptors that lack close-on-exec are then closed by the keep.
        libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
        if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// A pair of connected sockets: the launcher's end, on which the kernel names the sender, and the keep's.
pub(super) fn control_pair() -> io::Result<(UnixStream, OwnedFd)> {
    let (launcher, keep) = UnixStream::pair()?;
    nix::sys::socket::setsockopt(&launcher, nix::sys::socket::sockopt::PassCred, &true)?;
    Ok((launcher, keep.into()))
}
