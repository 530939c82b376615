//! The outcome of appraisal: accepted, by a type that only appraisal makes, or denied with every unmet condition.

mod danger;
mod deny;
mod remedy;

use std::cmp::Reverse;

use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{Authenticated, Claims, Platform, Support};

pub use deny::{DenyReason, Place};

use crate::{
    Keep,
    component::Component,
    proof::Proof,
    statement::{Allowance, Identities, Said, Speaker},
    unmet,
};

/// The outcome of appraisal. `B` says what the evidence was bound to: only `Bound` leads to a key.
#[derive(Debug)]
#[must_use = "a verdict that nobody looks at protects nothing"]
#[expect(
    clippy::large_enum_variant,
    reason = "a verdict is made once a session and taken apart at once; no collection holds any"
)]
pub enum Verdict<B> {
    /// The domain accepts this evidence.
    Accepted(Accepted<B>),
    /// It does not, for all these reasons; the nearest miss is first.
    Denied(Vec<DenyReason>),
}

/// Evidence that a domain accepts. Only [`crate::appraise`] makes one; it can't be copied.
#[derive(Debug)]
pub struct Accepted<B> {
    authenticated: Authenticated<B>,
    believed: Vec<Believed>,
    components: Vec<Component>,
    domain_digest: Digest,
    expires: UnixTime,
    keep: Option<Keep>,
    proof: Proof,
}

/// On whose word one component was accepted: what a person calls the statements that its acceptance rests on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Believed {
    /// The rule for platforms that it meets.
    pub platform: Named,
    /// What runs on it.
    pub runtime: Named,
    /// Which hardware would have done.
    pub hardware: Hardware,
    /// Everything that the domain accepts and that runs on it: the SHA-256 of each [`Measurement`](crate::statement::Measurement) in
    /// deterministic CBOR, each once; those first that name the most registers. Never empty.
    pub measurements: Vec<Digest>,
}

/// A statement by its label and its digest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Named {
    /// What its owner calls it; of a statement of somebody else, what that one calls it, and who that is.
    pub label: String,
    /// The statement.
    pub statement: Digest,
}

/// Which hardware a rule is about.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Hardware {
    /// Any that the vendor made.
    AnyGenuine,
    /// Pieces that it lists.
    Listed,
}

/// What whoever reads an acceptance has to know besides.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Note {
    /// Something dangerous about a component, which the domain admits by name.
    Admitted {
        /// The component.
        component: String,
        /// What is so.
        danger: Allowance,
    },
    /// The evidence is bound to a certificate's key alone, which can be relayed.
    CertificateKey,
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Admitted { component, danger } => write!(f, "{component}: {}", danger::short(*danger)),
            Self::CertificateKey => f.write_str("bound to a certificate's key alone, which can be relayed"),
        }
    }
}

impl Believed {
    pub(crate) fn new(platform: &Said, runtime: &Said, met: &[&Said]) -> Self {
        let label = |said: &Said| match said.speaker() {
            Speaker::Root => said.statement().label.clone(),
            // What others call something is no name of the owner's.
            Speaker::Key(_) => said.name(),
        };
        let named = |said: &Said| Named { label: label(said), statement: said.digest() };
        let is_listed = unmet::rule(platform).is_some_and(|rule| matches!(rule.identities, Identities::Listed(_)));
        let hardware = if is_listed { Hardware::Listed } else { Hardware::AnyGenuine };
        Self { platform: named(platform), runtime: named(runtime), hardware, measurements: digests(met) }
    }
}

/// Of what these statements are about, those first that name the most registers.
fn digests(met: &[&Said]) -> Vec<Digest> {
    let measured = met.iter().filter_map(|said| unmet::measurement(said));
    let mut digests: Vec<_> = measured
        .map(|measurement| (Reverse(measurement.registers.len()), Digest::of(&casemate_cose::encode(measurement))))
        .collect();
    digests.sort_unstable();
    digests.dedup();
    digests.into_iter().map(|(_, digest)| digest).collect()
}

impl<B> Accepted<B> {
    pub(crate) const fn new(
        authenticated: Authenticated<B>,
        components: Vec<Component>,
        believed: Vec<Believed>,
        keep: Option<Keep>,
        proof: Proof,
        domain_digest: Digest,
        expires: UnixTime,
    ) -> Self {
        Self { authenticated, believed, components, domain_digest, expires, keep, proof }
    }

    /// What the evidence was bound to: it names the session.
    #[must_use]
    pub const fn binding(&self) -> &B {
        self.authenticated.binding()
    }

    /// What the evidence says.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        self.authenticated.claims()
    }

    /// Its components, the CPU first.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// On which statements the acceptance of each component rests, in the components' order.
    #[must_use]
    pub fn believed(&self) -> &[Believed] {
        &self.believed
    }

    /// Why the domain accepts it, checked by [`crate::proof::check`].
    #[must_use]
    pub const fn proof(&self) -> &Proof {
        &self.proof
    }

    /// What whoever reads this acceptance has to know besides, such as `vtpm: host-operated`; in the components' order.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        let components = self.components.iter().zip(&self.believed);
        let admitted = components.flat_map(|(component, believed)| {
            let matters =
                |danger: &Allowance| *danger != Allowance::MaskedChip || believed.hardware == Hardware::Listed;
            let dangers = component.dangers.iter().copied().filter(matters);
            dangers.map(|danger| Note::Admitted { component: component.name.clone(), danger })
        });
        let is_certificate = matches!(self.claims().platform, Platform::Ratls(_));
        admitted.chain(is_certificate.then_some(Note::CertificateKey)).collect()
    }

    /// What runs, as the evidence tells it; `None` where it is no place for a keep: a device alone, a token.
    #[must_use]
    pub const fn keep(&self) -> Option<&Keep> {
        self.keep.as_ref()
    }

    /// The certificates, lists and collateral that the evidence rests on, and until when they hold.
    #[must_use]
    pub const fn support(&self) -> &Support {
        self.authenticated.support()
    }

    /// The digest of the domain that accepted it.
    #[must_use]
    pub const fn domain_digest(&self) -> Digest {
        self.domain_digest
    }

    /// SHA-256 of the framed evidence.
    #[must_use]
    pub const fn evidence_digest(&self) -> Digest {
        self.authenticated.evidence_digest()
    }

    /// Names this verdict: SHA-256 over the digests of evidence, domain and proof, and the last second as eight big-endian bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let (evidence, proof) = (self.evidence_digest(), self.proof.digest());
        let expires = self.expires.0.to_be_bytes();
        Digest::of_parts(&[evidence.as_bytes(), self.domain_digest.as_bytes(), proof.as_bytes(), &expires])
    }

    /// The last second in which this counts.
    #[must_use]
    pub const fn expires(&self) -> UnixTime {
        self.expires
    }
}
