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

/// A child that was executed, and the user that it runs as.
pub(super) struct Born {
    pub(super) child: Child,
    pub(super) user: u32,
}

/// Executes `image` with `control` as its descriptor 3. Root gives it an unprivileged user where the machine lets it.
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
        match command(image, control).uid(user).gid(user).spawn() {
            Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput) => {}
            spawned => return spawned.map(|child| Born { child, user }),
        }
    }
    command(image, control).spawn().map(|child| Born { child, user: own })
}

/// A duplicate whose number is `least` or above, closed on execution.
fn above(descriptor: BorrowedFd<'_>, least: RawFd) -> io::Result<OwnedFd> {
    let duplicate = fcntl(descriptor, FcntlArg::F_DUPFD_CLOEXEC(least))?;
    // SAFETY: `fcntl` has just made this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(duplicate) })
}

fn command(image: BorrowedFd<'_>, control: &OwnedFd) -> Command {
    let mut command = Command::new(format!("/proc/self/fd/{}", image.as_raw_fd()));
    command.arg0(KEEP_NAME).env_clear().current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let control = control.as_raw_fd();
    // SAFETY: the closure runs between fork and exec and calls only async-signal-safe system calls; it allocates nothing
    // and touches no lock. The descriptor stays open in the parent until `spawn` has returned.
    unsafe { command.pre_exec(move || hand_over(control)) };
    command
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
