//! Nobody but `appraise` calls the constructor of `Accepted`.

use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{Authenticated, Bound};
use casemate_trust::{Accepted, Believed, component::Component, proof::Proof};

fn construct(
    authenticated: Authenticated<Bound>,
    components: Vec<Component>,
    believed: Vec<Believed>,
    proof: Proof,
    domain: Digest,
    expires: UnixTime,
) -> Accepted<Bound> {
    Accepted::new(authenticated, components, believed, None, proof, domain, expires)
}

fn main() {}
