//! Nobody but `appraise` calls the constructor of `Accepted`.

use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{Authenticated, Bound};
use casemate_trust::{Accepted, Keep};

fn construct(authenticated: Authenticated<Bound>, keep: Keep, domain: Digest, expires: UnixTime) -> Accepted<Bound> {
    Accepted::new(authenticated, keep, domain, expires)
}

fn main() {}
