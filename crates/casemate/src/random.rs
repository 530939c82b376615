//! Random bytes of the operating system.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

use crate::failure::Failure;

/// `N` fresh random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map(|()| bytes)
        .map_err(|_| Failure::machine("the kernel gave no randomness"))
}
