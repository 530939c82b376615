//! Random bytes of the operating system, for nonces, session ids and salts.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use casemate_trust::Reason;

/// `N` fresh random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Reason> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map(|()| bytes).map_err(|_| {
        Reason::new(
            "randomness",
            "random bytes from the kernel",
            "none",
            "the owner's operator checks the broker's machine",
        )
    })
}
