//! What appraisal found to run, in the words that contracts use, whatever evidence it was told by.

use casemate_cose::{Digest, PublicKey};
use casemate_evidence::{Claims, Isolation, Lack};

use crate::statement::Measurement;

/// A keep as its evidence tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Keep {
    /// How it is isolated.
    pub isolation: Isolation,
    /// The runtime inside: the digest of its binary or, where hardware measures registers, of the
    /// [`Measurement`] that names them, in deterministic CBOR.
    pub runtime: Digest,
    /// The digest of the program that the runtime was given; `None` where the manifest alone says it, and the evidence has
    /// the manifest.
    pub program: Option<Digest>,
    /// The digest of the manifest's bytes; `None` where it went into a register, which [`Claims::is_manifest`] compares.
    pub manifest: Option<Digest>,
    /// What the isolation promises and the machine did not give; sorted, each once. Hardware keeps what it promises or doesn't run.
    pub lacks: Vec<Lack>,
    /// The launcher that vouches for all this; `None` where hardware does.
    pub launcher: Option<PublicKey>,
}

impl Keep {
    /// The keep of these claims by a launcher's word; `None` for other evidence, of which only a domain can say what runs.
    #[must_use]
    pub fn of(claims: &Claims) -> Option<Self> {
        let software = claims.software()?;
        Some(Self {
            isolation: claims.isolation?,
            runtime: software.runtime,
            program: Some(software.program),
            manifest: claims.manifest,
            lacks: software.lacks.clone(),
            launcher: Some(software.launcher),
        })
    }

    /// The keep of accepted claims, which runs what `measured` names; `None` for evidence of what is no place for a keep.
    pub(crate) fn measured(claims: &Claims, measured: &Measurement) -> Option<Self> {
        if claims.software().is_some() {
            return Self::of(claims);
        }
        Some(Self {
            isolation: claims.isolation?,
            runtime: Digest::of(&casemate_cose::encode(measured)),
            program: None,
            manifest: claims.manifest,
            lacks: Vec::new(),
            launcher: None,
        })
    }
}
