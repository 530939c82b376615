//! Of what statements speak.

use casemate_cose::Digest;
use casemate_evidence::Vendor;
use minicbor::{Decode, Encode};

use super::{Kind, Measurement, PlatformRule};

/// What a sentence is about.
#[derive(Clone, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Subject {
    /// A domain, by the SHA-256 of its policy key's `SubjectPublicKeyInfo`.
    #[n(0)]
    Domain(#[n(0)] Digest),
    /// One component of the evidence at hand: the CPU is 0, devices follow in their order. Only evidence speaks of it; a
    /// statement that does is refused.
    #[n(1)]
    Environment(#[n(0)] u16),
    /// One piece of hardware, by the identity that its evidence proves: a chip id, a platform instance id, a GPU's.
    #[n(2)]
    Hardware(
        #[n(0)] Kind,
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        Vec<u8>,
    ),
    /// A key, by the SHA-256 of its `SubjectPublicKeyInfo`.
    #[n(3)]
    Key(#[n(0)] Digest),
    /// What runs.
    #[n(4)]
    Measurement(#[n(0)] Measurement),
    /// All platforms that fit a rule.
    #[n(5)]
    Platform(#[n(0)] PlatformRule),
    /// A program, by the SHA-256 of its bytes.
    #[n(6)]
    Program(#[n(0)] Digest),
    /// Whoever holds one of a vendor's pinned roots, or one that the verifier was given as that vendor's.
    #[n(7)]
    Vendor(#[n(0)] Vendor),
}

impl Subject {
    /// What it is called.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Domain(_) => "a domain",
            Self::Environment(_) => "the evidence at hand",
            Self::Hardware(..) => "hardware",
            Self::Key(_) => "a key",
            Self::Measurement(_) => "a measurement",
            Self::Platform(_) => "a platform",
            Self::Program(_) => "a program",
            Self::Vendor(_) => "a vendor",
        }
    }
}
