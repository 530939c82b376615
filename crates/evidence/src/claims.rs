//! What authentic evidence says, in the words that all formats share.

use casemate_cose::{Digest, PublicKey, UnixTime};

use crate::{Isolation, Lack};

/// Who vouched for the keep.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Attester {
    /// The launcher of the keep's host, by its key. Whoever holds that key can claim anything.
    Launcher(PublicKey),
}

/// The claims of one piece of evidence. Those inside [`crate::Authenticated`] are genuine; others are just words.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Claims {
    /// How the keep is isolated.
    pub isolation: Isolation,
    /// The digest of the runtime that runs inside.
    pub runtime: Digest,
    /// The digest of the program that the runtime was given.
    pub program: Digest,
    /// The digest of the manifest's bytes.
    pub manifest: Digest,
    /// What the keep asked to have stated: see [`crate::Binding::report_data`].
    pub report_data: [u8; 64],
    /// What the isolation promises and this machine did not give; sorted, each once.
    pub lacks: Vec<Lack>,
    /// How many bytes of the keep's memory are secret memory.
    pub secret_bytes: u64,
    /// Who vouched for all this.
    pub attester: Attester,
    /// When it was stated, by the attester's clock; the time of authentication where a format has no clock.
    pub at: UnixTime,
    /// Whether the keep can be looked into by design.
    pub debug: bool,
}
