//! Evidence for a key, even accepted, leads to nothing that asks for evidence of a session.

use casemate_evidence::{Bound, BoundToKey};
use casemate_trust::{Accepted, Verdict};

fn needs_bound(_: Accepted<Bound>) {}

fn release(verdict: Verdict<BoundToKey>) {
    if let Verdict::Accepted(accepted) = verdict {
        needs_bound(accepted);
    }
}

fn main() {}
