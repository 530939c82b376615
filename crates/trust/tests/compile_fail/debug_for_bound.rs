//! Debug evidence, even bound and accepted, leads to nothing that asks for bound evidence.

use casemate_evidence::{AllowDebug, Bound};
use casemate_trust::{Accepted, Verdict};

fn needs_bound(_: Accepted<Bound>) {}

fn release(verdict: Verdict<AllowDebug<Bound>>) {
    if let Verdict::Accepted(accepted) = verdict {
        needs_bound(accepted);
    }
}

fn main() {}
