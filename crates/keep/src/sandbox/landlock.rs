//! Landlock: no file by any name, no TCP port, no signal and no abstract socket beyond this process.
//!
//! A ruleset that handles everything and allows nothing. The seccomp list refuses the same calls by number; this refuses
//! them by meaning, should a kernel find another way to spell one. Descriptors that are open already stay usable.
//! Sources: landlock(7), Documentation/userspace-api/landlock.rst.

use landlock::{ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetError, RulesetStatus, Scope};

/// The newest version that is asked for. Older kernels deny what they know: files from 5.13, TCP from 6.7, signals and
/// abstract sockets from 6.12.
const NEWEST: ABI = ABI::V6;

/// Denies everything to this thread and those that it starts. Whether at least files are denied.
pub(super) fn deny_all() -> bool {
    restrict().is_ok_and(|status| status != RulesetStatus::NotEnforced)
}

fn restrict() -> Result<RulesetStatus, RulesetError> {
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?;
    Ok(ruleset.create()?.restrict_self()?.ruleset)
}
