//! Unbound evidence, even accepted, leads to nothing that asks for bound evidence.

use casemate_evidence::{Bound, DangerouslyUnbound};
use casemate_trust::{Accepted, Verdict};

fn needs_bound(_: Accepted<Bound>) {}

fn release(verdict: Verdict<DangerouslyUnbound>) {
    if let Verdict::Accepted(accepted) = verdict {
        needs_bound(accepted);
    }
}

fn main() {}
