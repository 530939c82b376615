//! Holds authentic evidence against a domain.
//!
//! Every condition is looked at, so that a denial lists all that is missing. Conditions, in the order of a denial,
//! nearest miss first: what one word in the domain or one more try would mend, then what needs another program, another
//! host, another isolation, and last what nothing mends.
//!
//! 1. Each lack is accepted by name.
//! 2. The evidence is at most [`ACCEPTED_FOR_S`] from `at`.
//! 3. The runtime is one that the domain names.
//! 4. The launcher is one that the domain names.
//! 5. The isolation is accepted.
//! 6. The evidence is of a format about which domains can say something: so far, `software`.
//! 7. No debug mode, whatever the evidence's type: domains have no word to admit it.
//!
//! Program and manifest are not the domain's: the contract names the one, each broker derives the other.

use casemate_cose::UnixTime;
use casemate_evidence::{Authenticated, Claims};

use crate::{Accepted, DenyReason, Domain, Keep, Verdict};

/// For how long, in seconds, a verdict counts, and how far from its appraisal evidence may be dated.
pub const ACCEPTED_FOR_S: u64 = 300;

/// Appraises `evidence` under `domain` at the verifier's time `at`. The same input gives the same verdict.
pub fn appraise<B>(evidence: Authenticated<B>, domain: &Domain, at: UnixTime) -> Verdict<B> {
    let keep = Keep::of(evidence.claims());
    let denials = unmet(evidence.claims(), keep.as_ref(), domain, at);
    match keep {
        Some(keep) if denials.is_empty() => {
            Verdict::Accepted(Accepted::new(evidence, keep, domain.digest(), at.plus_s(ACCEPTED_FOR_S)))
        }
        _ => Verdict::Denied(denials),
    }
}

fn unmet(claims: &Claims, keep: Option<&Keep>, domain: &Domain, at: UnixTime) -> Vec<DenyReason> {
    let mut denials = Vec::new();
    // 1
    for lack in keep.iter().flat_map(|keep| &keep.lacks) {
        if !domain.accepts_lack(*lack) {
            denials.push(DenyReason::Lack { actual: *lack, accepted: domain.accepted_lacks() });
        }
    }
    // 2
    if claims.at.distance_s(at) > ACCEPTED_FOR_S {
        denials.push(DenyReason::Time { at, actual: claims.at });
    }
    if let Some(keep) = keep {
        // 3
        if !domain.runtimes().iter().any(|runtime| runtime.digest == keep.runtime) {
            denials.push(DenyReason::Runtime { actual: keep.runtime, accepted: domain.runtimes().to_vec() });
        }
        // 4
        if !domain.launchers().iter().any(|launcher| launcher.key == keep.launcher) {
            denials.push(DenyReason::Launcher { actual: keep.launcher, accepted: domain.launchers().to_vec() });
        }
    }
    // 5
    let accepted = domain.accepted_isolations();
    if let Some(actual) = claims.isolation.filter(|isolation| !accepted.contains(isolation)) {
        denials.push(DenyReason::Isolation { actual, accepted });
    }
    // 6
    if keep.is_none() {
        denials.push(DenyReason::Format { actual: claims.format() });
    }
    // 7
    if claims.debug {
        denials.push(DenyReason::Debug);
    }
    denials
}
