//! Prover and checker: rules and attacks on them, random domains against a naive prover, mutated proofs, hostile domains.
#![expect(clippy::disallowed_methods, reason = "signing in tests takes a source of randomness")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are as free as tests"
)]

mod evidence;
mod floors;
mod hostile;
mod limits;
mod lookup;
mod mutation;
mod random;
mod random_evidence;
mod reference;
mod rig;
mod rules;
mod seen;
mod standing;
mod things;
