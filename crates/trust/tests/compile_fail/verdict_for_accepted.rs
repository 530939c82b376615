//! A verdict that nobody looked at is no acceptance, nor is evidence that was only authenticated.

use casemate_evidence::{Authenticated, Bound};
use casemate_trust::{Accepted, Verdict};

fn needs_bound(_: Accepted<Bound>) {}

fn unseen(verdict: Verdict<Bound>) {
    needs_bound(verdict);
}

fn unappraised(authenticated: Authenticated<Bound>) {
    needs_bound(authenticated);
}

fn main() {}
