//! Evidence of every format: real, synthetic, and criminal.
//!
//! A crime is one mutation of a case that is otherwise accepted, and asserts the exact rule that refuses it.
#![expect(clippy::disallowed_methods, reason = "tests read recorded evidence from files")]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::type_complexity,
    clippy::unwrap_used,
    reason = "helpers of tests are as free as tests; tables of crimes are tuples"
)]

mod azure;
mod cca;
mod composite;
mod dcap;
mod dice;
mod eventlog;
mod go_tpm_tools;
mod gpu;
mod keys;
mod keystone;
mod nitro;
mod noise;
mod psa;
mod ratls;
mod snp;
mod tpm;

use std::path::Path;

use casemate_cose::UnixTime;
use casemate_evidence::{
    Authenticated, DangerouslyUnbound, Endorsements, Evidence, Expectation, Format, Refusal, authenticate,
};

/// Authenticates with nothing expected of the binding.
fn unbound(
    format: Format,
    bytes: &[u8],
    endorsements: &Endorsements,
    at: UnixTime,
) -> Result<Authenticated<DangerouslyUnbound>, Refusal> {
    authenticate(&Evidence::new(format, bytes.to_vec()), endorsements, &DangerouslyUnbound, at)
}

/// Asserts that `case` was accepted.
#[track_caller]
fn assert_accepted<B: Expectation>(case: &str, outcome: Result<Authenticated<B>, Refusal>) {
    if let Err(refusal) = outcome {
        panic!("`{case}` was refused: {refusal}");
    }
}

/// Asserts that `crime` was refused by exactly `rule`.
#[track_caller]
fn assert_refused<B: Expectation + std::fmt::Debug>(
    crime: &str,
    outcome: Result<Authenticated<B>, Refusal>,
    rule: &str,
) {
    match outcome {
        Ok(_) => panic!("`{crime}` was accepted"),
        Err(refusal) => assert_eq!(refusal.rule(), rule, "`{crime}`: {refusal}"),
    }
}

fn read(vectors: &Path, file: &str) -> Vec<u8> {
    std::fs::read(vectors.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}
