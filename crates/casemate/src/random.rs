//! Random bytes of the operating system.

use crate::failure::Failure;

/// `N` fresh random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map(|()| bytes)
        .map_err(|error| Failure::machine(format!("the kernel gave no randomness: {error}")))
}
