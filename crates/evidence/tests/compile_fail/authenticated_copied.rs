//! One piece of evidence gives one `Authenticated`, once.

use casemate_evidence::{Authenticated, Bound};

fn copy(authenticated: &Authenticated<Bound>) -> Authenticated<Bound> {
    authenticated.clone()
}

fn main() {}
