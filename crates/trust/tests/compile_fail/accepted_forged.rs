//! Nobody but `appraise` fills in an `Accepted`.

use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{Authenticated, Bound};
use casemate_trust::Accepted;

fn forge(authenticated: Authenticated<Bound>, domain_digest: Digest, expires: UnixTime) -> Accepted<Bound> {
    Accepted { authenticated, domain_digest, expires }
}

fn main() {}
