//! The last fence: what the kernel still does for a keep's own code once namespaces, root and privileges are gone.
//!
//! 1. [`enter`], before the launcher says what is to be run: Landlock ([`landlock`]) denies every file, every TCP port,
//!    and signals and abstract sockets beyond the keep; then seccomp ([`filter`]) admits the listed system calls ([`calls`])
//!    and ends the process at any other. Threads may be started and programs compiled.
//! 2. [`seal`], after the program was compiled and before any broker is spoken to: on all threads, no page becomes
//!    executable any more, and no filter can be added.
//!
//! Invariants: no page is ever writable and executable at once; no memory but private memory can be mapped besides the
//! secret memory that is there, so that the limits bound all; no step is undone by anything that the process can still call.
//! The launcher sees the first step from outside (`/proc/PID/status`, `Seccomp_filters`), not Landlock, and not the
//! second: for these the measured runtime's own word counts, and it ends itself where the second fails.
//! Sources: seccomp(2), landlock(7), `PR_SET_MDWE` in prctl(2), Documentation/userspace-api/seccomp_filter.rst.
#![allow(unsafe_code, reason = "a system call that no library wraps")]

mod calls;
mod filter;
mod landlock;

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};

use casemate_evidence::Lack;
use thiserror::Error;

/// Whether step one took hold and step two is to come. Where the first did not, the lack stands in the evidence, and there
/// is nothing to seal.
static ENTERED: AtomicBool = AtomicBool::new(false);

/// Why the sandbox could not be sealed. The keep must end: fault of the host's kernel; remedy: `casemate doctor`.
#[derive(Debug, Error)]
#[error("the kernel did not seal the sandbox: {0}")]
pub struct SealError(#[from] filter::FilterError);

/// Step one, on every thread. What the kernel refused is lacking.
pub(crate) fn enter() -> BTreeSet<Lack> {
    let mut lacks = BTreeSet::new();
    if !landlock::deny_all() {
        lacks.insert(Lack::Landlock);
    }
    match filter::enter(std::process::id()) {
        Ok(()) => ENTERED.store(true, Ordering::Release),
        Err(_) => {
            lacks.insert(Lack::Seccomp);
        }
    }
    lacks
}

/// Step two, on every thread: no new executable page from here on. A second call does nothing.
///
/// Does nothing where the kernel refused step one, which the evidence then says.
///
/// # Errors
/// [`SealError`]: the process is as it was before, and must not get a key.
pub fn seal() -> Result<(), SealError> {
    // Sealing takes away what sealing needs: it is done once.
    if !ENTERED.swap(false, Ordering::AcqRel) {
        return Ok(());
    }
    // The same promise a second time, kept by the memory manager; kernels before 6.3 do not know it.
    // SAFETY: `prctl` with this operation takes numbers only.
    let _also = unsafe { libc::prctl(libc::PR_SET_MDWE, libc::PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) };
    Ok(filter::seal()?)
}
