//! Runs a function with another user's rights, on one thread.
#![allow(unsafe_code, reason = "raw credential calls change one thread; the C library's would change all")]

use crate::LaunchError;

/// Runs `look` on a thread whose effective user and group are `user`, and which ends after it.
///
/// The kernel shows a process's insides to its own user. A launcher that is root without `CAP_SYS_PTRACE`, as in many
/// containers, may look at its keep only in this way. The raw calls change this thread alone; the C library's would
/// change every thread.
pub(super) fn as_user<T: Send>(user: u32, look: impl FnOnce() -> T + Send) -> Result<T, LaunchError> {
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            // SAFETY: system calls on numbers. They change the credentials of this thread only, which was made for this
            // and is joined below. Where they are refused, the look sees less, which counts against the keep.
            unsafe {
                libc::syscall(libc::SYS_setresgid, -1, user, -1);
                libc::syscall(libc::SYS_setresuid, -1, user, -1);
            }
            look()
        });
        looking.join().map_err(|_| LaunchError::Inspection("the inspection failed".into()))
    })
}
