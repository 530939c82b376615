//! Closes what is still open, after the launcher has looked: limits, secret memory, no dumps and no tracers.

use std::collections::BTreeSet;

use casemate_attester::control::{Harden, Limits};
use casemate_evidence::Lack;
use nix::sys::{
    prctl,
    resource::{Resource, getrlimit, setrlimit},
};

use crate::secret::SecretPool;

/// Limits, `secret_bytes` of secret memory, then not dumpable. `None` where not even ordinary memory was left.
pub(crate) fn harden(order: Harden, secret_bytes: usize) -> Option<(BTreeSet<Lack>, SecretPool)> {
    let mut lacks = BTreeSet::new();
    let secrets = SecretPool::reserve(secret_bytes).ok()?;
    if secrets.secret_bytes() == 0 {
        lacks.insert(Lack::SecretKeys);
    }
    if limit(order.limits).is_none() {
        lacks.insert(Lack::ResourceLimits);
    }
    if order.debug || prctl::set_dumpable(false).is_err() || prctl::get_dumpable() != Ok(false) {
        lacks.insert(Lack::Undumpable);
    }
    Some((lacks, secrets))
}

fn limit(limits: Limits) -> Option<()> {
    let Limits { cpu_s, memory_bytes, open_files, wall_s: _ } = limits;
    for (resource, most) in
        [(Resource::RLIMIT_CPU, cpu_s), (Resource::RLIMIT_DATA, memory_bytes), (Resource::RLIMIT_NOFILE, open_files)]
    {
        if most > 0 {
            let (_, hard) = getrlimit(resource).ok()?;
            setrlimit(resource, most.min(hard), most.min(hard)).ok()?;
        }
    }
    // A keep writes no file, whatever it can reach.
    setrlimit(Resource::RLIMIT_FSIZE, 0, 0).ok()
}
