//! A verdict is used up by what it leads to.

use casemate_evidence::Bound;
use casemate_trust::Accepted;

fn needs_bound(_: Accepted<Bound>) {}

fn twice(accepted: Accepted<Bound>) {
    needs_bound(accepted);
    needs_bound(accepted);
}

fn copied(accepted: &Accepted<Bound>) {
    needs_bound(accepted.clone());
}

fn main() {}
