//! Unbound and debug evidence are other types than bound evidence.

use casemate_evidence::{AllowDebug, Authenticated, Bound, DangerouslyUnbound};

fn needs_bound(_: Authenticated<Bound>) {}

fn unbound(authenticated: Authenticated<DangerouslyUnbound>) {
    needs_bound(authenticated);
}

fn debug(authenticated: Authenticated<AllowDebug<Bound>>) {
    needs_bound(authenticated);
}

fn main() {}
