//! Nobody but `authenticate` makes an `Authenticated`.

use casemate_evidence::{Authenticated, Bound, Claims};

fn forge(binding: Bound, claims: Claims, evidence_digest: casemate_evidence::Evidence) -> Authenticated<Bound> {
    Authenticated { binding, claims, evidence_digest: evidence_digest.digest() }
}

fn main() {}
