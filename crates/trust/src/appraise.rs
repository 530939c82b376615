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
//! 6. No debug mode, whatever the evidence's type: domains have no word to admit it.
//!
//! Program and manifest are not the domain's: the contract names the one, each broker derives the other.

use casemate_cose::UnixTime;
use casemate_evidence::{Attester, Authenticated, Claims};

use crate::{Accepted, DenyReason, Domain, Verdict};

/// For how long, in seconds, a verdict counts, and how far from its appraisal evidence may be dated.
pub const ACCEPTED_FOR_S: u64 = 300;

/// Appraises `evidence` under `domain` at the verifier's time `at`. The same input gives the same verdict.
pub fn appraise<B>(evidence: Authenticated<B>, domain: &Domain, at: UnixTime) -> Verdict<B> {
    let denials = unmet(evidence.claims(), domain, at);
    if denials.is_empty() {
        Verdict::Accepted(Accepted::new(evidence, domain.digest(), at.plus_s(ACCEPTED_FOR_S)))
    } else {
        Verdict::Denied(denials)
    }
}

fn unmet(claims: &Claims, domain: &Domain, at: UnixTime) -> Vec<DenyReason> {
    let mut denials = Vec::new();
    // 1
    for lack in &claims.lacks {
        if !domain.accepts_lack(*lack) {
            denials.push(DenyReason::Lack { actual: *lack, accepted: domain.accepted_lacks() });
        }
    }
    // 2
    if claims.at.distance_s(at) > ACCEPTED_FOR_S {
        denials.push(DenyReason::Time { at, actual: claims.at });
    }
    // 3
    if !domain.runtimes().iter().any(|runtime| runtime.digest == claims.runtime) {
        denials.push(DenyReason::Runtime { actual: claims.runtime, accepted: domain.runtimes().to_vec() });
    }
    // 4
    let Attester::Launcher(key) = claims.attester;
    if !domain.launchers().iter().any(|launcher| launcher.key == key) {
        denials.push(DenyReason::Launcher { actual: key, accepted: domain.launchers().to_vec() });
    }
    // 5
    let accepted = domain.accepted_isolations();
    if !accepted.contains(&claims.isolation) {
        denials.push(DenyReason::Isolation { actual: claims.isolation, accepted });
    }
    // 6
    if claims.debug {
        denials.push(DenyReason::Debug);
    }
    denials
}
