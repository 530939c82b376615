//! Closes what is still open, after the launcher has looked: limits, secret memory, no dumps and no tracers, and
//! [`sandbox`] last.

use std::collections::BTreeSet;

use casemate_attester::control::{Harden, Limits, THREADS_MAX};
use casemate_evidence::Lack;
use nix::sys::{
    prctl,
    resource::{Resource, getrlimit, setrlimit},
};

use crate::{
    sandbox,
    secret::{Claim, Secrecy, switch_on},
};

/// Ordinary memory that is left to the program itself where all plaintext is secret: what it had before, and compiled code.
const PROGRAM_BYTES: u64 = 256 << 20;

/// Secret memory for everything from here on, limits, then not dumpable, then the sandbox. `None` where not even ordinary
/// memory was left.
pub(crate) fn harden(order: Harden, claim: Option<Claim>) -> Option<(BTreeSet<Lack>, Secrecy)> {
    let mut lacks = BTreeSet::new();
    let secrecy = switch_on(claim, order.limits.memory_bytes, order.may_spill)?;
    if secrecy.pool.secret_bytes() == 0 {
        lacks.insert(Lack::SecretKeys);
    }
    if !secrecy.is_complete {
        lacks.insert(Lack::SecretPlaintext);
    }
    if limit(order.limits, &secrecy).is_none() {
        lacks.insert(Lack::ResourceLimits);
    }
    if order.debug || prctl::set_dumpable(false).is_err() || prctl::get_dumpable() != Ok(false) {
        lacks.insert(Lack::Undumpable);
    }
    // Last: it takes away what the steps before needed.
    lacks.extend(sandbox::enter());
    Some((lacks, secrecy))
}

/// The limit on memory is for secret and ordinary memory together; the kernel's counts the ordinary alone.
fn limit(limits: Limits, secrecy: &Secrecy) -> Option<()> {
    let Limits { cpu_s, memory_bytes, open_files, wall_s: _ } = limits;
    let spilled = if secrecy.is_complete { 0 } else { memory_bytes.saturating_sub(secrecy.heap_bytes) };
    let ordinary = spilled.saturating_add(PROGRAM_BYTES).min(memory_bytes);
    for (resource, most) in [
        (Resource::RLIMIT_CPU, cpu_s),
        (Resource::RLIMIT_DATA, ordinary),
        (Resource::RLIMIT_NOFILE, open_files),
        (Resource::RLIMIT_NPROC, THREADS_MAX),
    ] {
        if most > 0 {
            let (_, hard) = getrlimit(resource).ok()?;
            setrlimit(resource, most.min(hard), most.min(hard)).ok()?;
        }
    }
    // A keep writes no file, whatever it can reach.
    setrlimit(Resource::RLIMIT_FSIZE, 0, 0).ok()
}
