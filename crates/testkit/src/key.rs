//! Keys and seeds that are the same in every run.

use casemate_cose::{Digest, SigningKey};

/// The `n`th deterministic seed: SHA-256 of a label and `n`, so that seeds share no pattern.
#[must_use]
pub fn seed(n: u8) -> [u8; 32] {
    *Digest::of_parts(&[b"casemate-testkit/seed", &[n]]).as_bytes()
}

/// The `n`th deterministic signing key.
#[must_use]
pub fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&seed(n))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_repeat_and_differ() {
        assert_eq!(key(7).public(), key(7).public());
        let distinct: BTreeSet<_> = (0..=255).map(|n| *key(n).public().as_bytes()).collect();
        assert_eq!(distinct.len(), 256);
    }
}
