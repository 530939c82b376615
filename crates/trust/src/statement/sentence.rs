//! What statements say.

use casemate_cose::Digest;
use casemate_evidence::named;
use minicbor::{Decode, Encode};

use super::{Kind, Limits, Subject, Value, limits};

/// The deepest delegation: how many keys may lie between who delegates and who publishes.
pub const DEPTH_MAX: u16 = 1024;
/// How deep sentences may be nested: "A says (B says (…))".
pub const NESTING_MAX: usize = 8;

/// What is said.
#[derive(Clone, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Sentence {
    /// Releases of this line with a lower version count no more, whoever published them. Of several floors the highest counts;
    /// a floor doesn't expire.
    #[n(0)]
    Floor(#[n(0)] Release),
    /// The subject has this property: a chip stands in a region, a key is of an operator.
    #[n(1)]
    HasProperty {
        /// What has it: hardware or a key.
        #[n(0)]
        subject: Subject,
        /// Its name, kebab-case.
        #[n(1)]
        name: String,
        /// Its value.
        #[n(2)]
        value: Value,
    },
    /// The component of the evidence at hand is a genuine environment: hardware and what runs on it. Only evidence says so.
    #[n(2)]
    IsEnvironment(#[n(0)] u16),
    /// The statement of this digest counts no more. A revocation doesn't expire.
    #[n(3)]
    Revokes(#[n(0)] Digest),
    /// Another key says something.
    #[n(4)]
    Says {
        /// Who, by the SHA-256 of the key's `SubjectPublicKeyInfo`.
        #[n(0)]
        key: Digest,
        /// What.
        #[n(1)]
        sentence: Box<Sentence>,
    },
    /// What the one does counts as done by the other.
    #[n(5)]
    SpeaksFor {
        /// Who speaks.
        #[n(0)]
        speaker: Subject,
        /// For whom.
        #[n(1)]
        principal: Subject,
    },
    /// The subject is trusted for a purpose.
    #[n(6)]
    Trusted {
        /// What is trusted.
        #[n(0)]
        subject: Subject,
        /// For what, and for nothing else.
        #[n(1)]
        purpose: Purpose,
    },
    /// The evidence at hand is trusted to run what is secret, all its components together. Only proofs say so.
    #[n(7)]
    EvidenceTrusted,
    /// What runs on the component of the evidence at hand is trusted. Only proofs say so.
    #[n(8)]
    MeasurementTrusted(#[n(0)] u16),
    /// The platform of the component of the evidence at hand fits a rule that is trusted. Only proofs say so.
    #[n(9)]
    PlatformTrusted(#[n(0)] u16),
    /// The subject counts no more, whoever says otherwise: a key, nothing that it says and no trust in it; a measurement or program, no
    /// trust in it. It doesn't expire.
    #[n(10)]
    Distrusts(#[n(0)] Subject),
}

/// For what something is trusted.
#[derive(Clone, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Purpose {
    /// Keys, vendors: that what they say of environments is so. Measurements: that the keys of environments that run them may
    /// say so. Of environments of this kind; without one, of every kind but [`Kind::Software`], where a key's word is all there is.
    #[n(0)]
    Attestation(#[n(0)] Option<Kind>),
    /// Keys: to act as a peer.
    #[n(1)]
    Authentication,
    /// Keys: that their signatures under contracts count.
    #[n(2)]
    Contracts,
    /// Measurements, programs, platforms, environments: to run what is secret. A measurement or program may be of a release.
    #[n(3)]
    Execution(#[n(0)] Option<Release>),
    /// Keys: to be given keys.
    #[n(4)]
    KeyProvision,
    /// Keys: that what they say about a topic counts.
    #[n(5)]
    Publishing {
        /// About what.
        #[n(0)]
        topic: Topic,
        /// How many keys deep they may hand this on: 0, not at all.
        #[n(1)]
        depth: u16,
        /// Of that topic, only what these name; without them, all of it.
        #[n(2)]
        limits: Option<Box<Limits>>,
    },
}

/// A release: a line of versions of which later ones replace earlier ones.
#[derive(Clone, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cbor(map)]
pub struct Release {
    /// The line's name.
    #[n(0)]
    pub line: String,
    /// The version.
    #[n(1)]
    pub version: u64,
}

/// About what a key may be trusted to publish.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Topic {
    /// Which keys are trusted for attestation, authentication, contracts and key provision, and who speaks for whom.
    Keys,
    /// Which measurements are trusted to run, and floors of releases.
    Measurements,
    /// Which platforms are trusted.
    Platforms,
    /// Which programs are trusted.
    Programs,
    /// Which properties hardware and keys have: regions, operators.
    Properties,
    /// Which statements are revoked, except the root's own, and which keys, measurements and programs, except by the root's own word.
    Revocations,
}

impl Sentence {
    /// What is said in the end, and the keys in between: of "K says (L says S)", S and K, L.
    pub(crate) fn unnested(&self) -> (Vec<Digest>, &Self) {
        let (mut keys, mut said) = (Vec::new(), self);
        while let Self::Says { key, sentence } = said {
            keys.push(*key);
            said = sentence;
        }
        (keys, said)
    }

    /// Whether it never ends, whatever end its statement has: floors and revocations.
    #[must_use]
    pub(crate) fn is_for_good(&self) -> bool {
        matches!(self.unnested().1, Self::Distrusts(_) | Self::Floor(_) | Self::Revokes(_))
    }

    /// What a key has to be trusted to publish about for this to be believed of it. Nothing makes a nested sentence, or one
    /// about the evidence at hand, be believed.
    #[must_use]
    pub const fn topic(&self) -> Option<Topic> {
        match self {
            Self::Floor(_) => Some(Topic::Measurements),
            Self::HasProperty { .. } => Some(Topic::Properties),
            Self::Distrusts(_) | Self::Revokes(_) => Some(Topic::Revocations),
            Self::SpeaksFor { .. } => Some(Topic::Keys),
            Self::Trusted { purpose: Purpose::Publishing { topic, .. }, .. } => Some(*topic),
            // Whose word counts is a matter of keys, also where it is a program's.
            Self::Trusted { purpose: Purpose::Attestation(_), subject: Subject::Measurement(_) } => Some(Topic::Keys),
            Self::Trusted { subject, .. } => match subject {
                Subject::Domain(_) | Subject::Key(_) | Subject::Vendor(_) => Some(Topic::Keys),
                Subject::Measurement(_) => Some(Topic::Measurements),
                Subject::Platform(_) => Some(Topic::Platforms),
                Subject::Program(_) => Some(Topic::Programs),
                Subject::Environment(_) | Subject::Hardware(..) => None,
            },
            Self::EvidenceTrusted
            | Self::IsEnvironment(_)
            | Self::MeasurementTrusted(_)
            | Self::PlatformTrusted(_)
            | Self::Says { .. } => None,
        }
    }

    /// The key, domain, program or statement that the sentence is about.
    #[must_use]
    pub const fn about(&self) -> Option<Digest> {
        match self {
            Self::Trusted { subject, .. }
            | Self::HasProperty { subject, .. }
            | Self::SpeaksFor { speaker: subject, .. } => match subject {
                Subject::Domain(digest) | Subject::Key(digest) | Subject::Program(digest) => Some(*digest),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Purpose {
    /// What it is called.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Attestation(_) => "attestation",
            Self::Authentication => "authentication",
            Self::Contracts => "contracts",
            Self::Execution(_) => "execution",
            Self::KeyProvision => "key provision",
            Self::Publishing { .. } => "publishing",
        }
    }

    /// Whether who is trusted for this is trusted for the other: a deeper right to publish holds a less deep one, and one within its
    /// limits; execution as any release is execution, and attestation of no kind in particular is that of every kind but a launcher's
    /// word.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Publishing { topic, depth, limits },
                Self::Publishing { topic: asked, depth: least, limits: narrower },
            ) => topic == asked && depth >= least && limits::cover(limits.as_deref(), narrower.as_deref()),
            (Self::Attestation(None), Self::Attestation(Some(kind))) => *kind != Kind::Software,
            (Self::Execution(_), Self::Execution(None)) => true,
            _ => self == other,
        }
    }
}

named!(Topic, UnknownTopic, "topic", [
    Keys => "keys",
    Measurements => "measurements",
    Platforms => "platforms",
    Programs => "programs",
    Properties => "properties",
    Revocations => "revocations",
]);
