//! The process outside the keep that stands for it: it forks process 1, and waits.
//!
//! ```text
//! launcher ──executes──> stub (the launcher's PID namespace) ──forks──> process 1 of the keep
//! ```
//! Chain of deaths: the stub dies with the launcher (signal, or its end of the control socket hangs up) and kills
//! process 1; process 1 dies with the stub; the kernel then kills whatever else is in the PID namespace.
#![allow(unsafe_code, reason = "system calls between fork and the keep's first instruction")]

use std::{
    os::{
        fd::{AsFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    process::exit,
};

use casemate_attester::control::{CONTROL_FD, SIGNALLED};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        prctl,
        signal::{Signal, kill},
        socket::{AddressFamily, SockaddrLike as _, SockaddrStorage, getsockname},
        wait::{WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, fork, pipe},
};

use super::privileges;
use crate::Exit;

/// Descriptor 3, if it is a Unix socket. Called once.
pub(crate) fn control_socket() -> Option<UnixStream> {
    let name: SockaddrStorage = getsockname(CONTROL_FD).ok()?;
    if name.family() != Some(AddressFamily::Unix) {
        return None;
    }
    // SAFETY: the descriptor is open, as `getsockname` has shown, and the launcher gave it to this process to own; this
    // function is called once, from the one place where a keep begins.
    let socket = unsafe { OwnedFd::from_raw_fd(CONTROL_FD) };
    fcntl(&socket, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    Some(socket.into())
}

/// Asks the kernel to kill this process when its parent's thread ends.
pub(super) fn die_with_parent() -> Option<()> {
    prctl::set_pdeathsig(Signal::SIGKILL).ok()
}

/// Closes every descriptor above the control socket.
pub(super) fn close_others() -> Option<()> {
    let first = libc::c_uint::try_from(CONTROL_FD + 1).ok()?;
    // SAFETY: nothing in this process owns a descriptor above 3 yet: it has only just begun.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
    (closed == 0).then_some(())
}

/// Forks. Returns in the child; the parent waits and ends as the child ends.
pub(super) fn become_first(control: &UnixStream) -> Option<()> {
    let (alive, held) = pipe().ok()?;
    // SAFETY: this process has one thread, so the child's copy of every lock and of the heap is consistent.
    match unsafe { fork() }.ok()? {
        ForkResult::Child => {
            drop(held);
            die_with_parent()?;
            // The parent may have died before that call; then the pipe has hung up.
            (!hung_up(alive.as_fd(), PollTimeout::ZERO)?).then_some(())
        }
        ForkResult::Parent { child } => {
            drop(alive);
            crate::secret::let_go();
            exit(stand_by(child, control).unwrap_or(Exit::Broken.code()))
        }
    }
}

/// Waits for process 1 or for the launcher's end of the socket to hang up, which ends process 1.
fn stand_by(child: Pid, control: &UnixStream) -> Option<i32> {
    if privileges::drop_all().is_none() || prctl::set_dumpable(false).is_err() {
        kill(child, Signal::SIGKILL).ok()?;
    }
    if let Some(process) = pidfd(child) {
        let mut watched =
            [PollFd::new(process.as_fd(), PollFlags::POLLIN), PollFd::new(control.as_fd(), PollFlags::empty())];
        while poll(&mut watched, PollTimeout::NONE) == Err(Errno::EINTR) {}
        let [ended, _] = watched;
        if !ended.any().unwrap_or(false) {
            kill(child, Signal::SIGKILL).ok()?;
        }
    }
    match waitpid(child, None).ok()? {
        WaitStatus::Exited(_, code) => Some(code),
        WaitStatus::Signaled(_, Signal::SIGSYS, _) => Some(Exit::Trespassed.code()),
        WaitStatus::Signaled(_, signal, _) => Some(SIGNALLED.saturating_add(signal as i32)),
        _ => None,
    }
}

fn pidfd(process: Pid) -> Option<OwnedFd> {
    // SAFETY: takes numbers; a non-negative answer is a new descriptor that nothing else owns.
    unsafe {
        let descriptor = libc::syscall(libc::SYS_pidfd_open, process.as_raw(), 0);
        let descriptor = i32::try_from(descriptor).ok().filter(|descriptor| *descriptor >= 0)?;
        Some(OwnedFd::from_raw_fd(descriptor))
    }
}

fn hung_up(descriptor: BorrowedFd<'_>, wait: PollTimeout) -> Option<bool> {
    let mut watched = [PollFd::new(descriptor, PollFlags::empty())];
    poll(&mut watched, wait).ok()?;
    let [watched] = watched;
    watched.any()
}
