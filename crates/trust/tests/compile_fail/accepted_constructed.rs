//! Nobody but `appraise` calls the constructor of `Accepted`.

use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{Authenticated, Bound};
use casemate_trust::Accepted;

fn construct(authenticated: Authenticated<Bound>, domain_digest: Digest, expires: UnixTime) -> Accepted<Bound> {
    Accepted::new(authenticated, domain_digest, expires)
}

fn main() {}
