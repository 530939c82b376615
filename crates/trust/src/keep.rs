//! What appraisal found to run, in the words that contracts use, whatever evidence it was told by.

use casemate_cose::{Digest, PublicKey};
use casemate_evidence::{Claims, Isolation, Lack};

/// A keep as its evidence tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Keep {
    /// How it is isolated.
    pub isolation: Isolation,
    /// The digest of the runtime inside.
    pub runtime: Digest,
    /// The digest of the program that the runtime was given.
    pub program: Digest,
    /// The digest of the manifest's bytes.
    pub manifest: Digest,
    /// What the isolation promises and the machine did not give; sorted, each once.
    pub lacks: Vec<Lack>,
    /// The launcher that vouches for all this.
    pub launcher: PublicKey,
}

impl Keep {
    /// The keep of these claims; `None` for evidence of which no domain can say yet what runs.
    #[must_use]
    pub fn of(claims: &Claims) -> Option<Self> {
        let software = claims.software()?;
        Some(Self {
            isolation: claims.isolation?,
            runtime: software.runtime,
            program: software.program,
            manifest: claims.manifest?,
            lacks: software.lacks.clone(),
            launcher: software.launcher,
        })
    }
}
