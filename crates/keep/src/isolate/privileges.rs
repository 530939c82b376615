//! Gives up every privilege, for good.
#![allow(unsafe_code, reason = "system calls that no library wraps")]

use nix::sys::{
    prctl,
    resource::{Resource, setrlimit},
};

/// `_LINUX_CAPABILITY_VERSION_3` [capset(2)].
const CAPABILITY_VERSION: u32 = 0x2008_0522;
/// More capabilities than any kernel has; those it does not have answer `EINVAL`.
const CAPABILITIES_MAX: libc::c_ulong = 64;

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

/// No program executed from here on gains privileges.
pub(super) fn renounce_new() -> bool {
    prctl::set_no_new_privs().is_ok()
}

/// Empties every capability set and forbids core files. `None` where anything remains.
pub(super) fn drop_all() -> Option<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0).ok()?;
    // SAFETY: `prctl` with these operations takes numbers only.
    unsafe {
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        for capability in 0..CAPABILITIES_MAX {
            libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0);
        }
    }
    let header = Header { version: CAPABILITY_VERSION, pid: 0 };
    let none = [Sets::default(); 2];
    // SAFETY: version 3 reads one header and two sets, which both live on this stack frame.
    let dropped = unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) };
    (dropped == 0 && bounding_is_empty()).then_some(())
}

/// An ordinary user's process without a user namespace may not drop what it never could use: no new privileges, then, is
/// what keeps the bounding set from mattering. The launcher looks at all sets from outside.
fn bounding_is_empty() -> bool {
    // SAFETY: as above.
    let is_held = |capability: libc::c_ulong| unsafe { libc::prctl(libc::PR_CAPBSET_READ, capability, 0, 0, 0) } == 1;
    (0..CAPABILITIES_MAX).all(|capability| !is_held(capability)) || prctl::get_no_new_privs().unwrap_or(false)
}
