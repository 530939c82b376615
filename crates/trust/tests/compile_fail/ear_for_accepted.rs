//! What a verifier says about a keep, however well signed, is no acceptance, nor does anything make one of it.

use casemate_evidence::Bound;
use casemate_trust::{
    Accepted,
    result::{AttestationResult, Received},
};

fn needs_bound(_: Accepted<Bound>) {}

fn told(result: AttestationResult, received: Received) {
    needs_bound(result);
    needs_bound(received);
}

fn turned(result: AttestationResult, received: Received) {
    needs_bound(result.into());
    needs_bound(received.into());
}

fn main() {}
