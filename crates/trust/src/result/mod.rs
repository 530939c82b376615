//! What a verdict is to software that knows nothing of Casemate: attestation results and SVIDs.
//! [docs/formats/attestation-result.md, docs/formats/svid.md]
//!
//! These are credentials for others. Inside Casemate none of them stands in for evidence: nothing turns an [`AttestationResult`],
//! read or made, into a [`crate::Accepted`].

mod admission;
mod claims;
mod cwt;
mod der;
mod ear;
mod error;
mod jwt;
mod jwt_svid;
mod recognise;
mod spiffe;
mod told;
mod tree;
mod trustworthiness;
mod x509;
mod x509_read;

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use casemate_cose::{Digest, UnixTime};

pub use admission::{
    ADMISSION_BYTES_MAX, Admission, Keyed, LIFETIME_S_DEFAULT, LIFETIME_S_MAX, WORKLOADS_MAX, what_runs,
};
pub use claims::{CLAIM_BYTES_MAX, CLAIMS_MAX, ClaimValue};
pub use ear::{CLOCK_SKEW_S_MAX, DOTTED_PROFILE, EAR_PROFILE, Expected, Freshness, Names, Received};
pub use error::ResultError;
pub use jwt::{jwk, spiffe_bundle};
pub use jwt_svid::{JwtSvid, jwt_svid, read_jwt_svid};
pub use recognise::is_ear;
pub use spiffe::{SPIFFE_ID_BYTES_MAX, SpiffeId, TRUST_DOMAIN_BYTES_MAX, TrustDomain, Workload};
pub use told::{Appraised, digest_of_accepted};
pub use trustworthiness::{Aspect, Judgement, Tier, Trustworthiness};
pub use x509::{SVID_EXTENSION_OID, authority, x509_svid};
pub use x509_read::{Authority, CERTIFICATE_BYTES_MAX, X509Svid};

use crate::{Hardware, Reason, component::Component, statement::Kind};

/// The claim of each component, `true`, where nothing says for whom the evidence was made: it may be a replay.
pub const UNBOUND: &str = "casemate-unbound";
/// The longest token that is read or written: 1 MiB.
pub const TOKEN_BYTES_MAX: usize = 1 << 20;
/// The most components of one result.
pub const COMPONENTS_MAX: usize = 64;
/// The most unmet conditions of one component; of more, the nearest misses are told.
pub const UNMET_MAX: usize = 256;
/// The longest part of an unmet condition; of a longer one, the beginning is told.
pub const REASON_BYTES_MAX: usize = 512;
/// The shortest nonce. [RFC 9711 §4.1]
pub const NONCE_BYTES_MIN: usize = 8;
/// The longest nonce. [RFC 9711 §4.1]
pub const NONCE_BYTES_MAX: usize = 64;

/// The outcome of one appraisal, as others are told it. What it says is the verifier's word, worth its key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AttestationResult {
    /// Who appraised.
    pub verifier: VerifierId,
    /// The digest of the domain under which.
    pub domain: Digest,
    /// SHA-256 of the framed evidence.
    pub evidence: Digest,
    /// The digest of the verdict.
    pub verdict: Digest,
    /// When.
    pub at: UnixTime,
    /// The last second in which it counts.
    pub expires: UnixTime,
    /// The nonce for which a relying party asked for this result, 8 to 64 bytes.
    pub nonce: Option<Vec<u8>>,
    /// What was found of each component, by its name: `cpu`, `vtpm`, `gpu-0`. Never empty.
    pub components: BTreeMap<String, ComponentResult>,
}

/// The software that appraised.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifierId {
    /// Whose it is.
    pub developer: String,
    /// Which it is.
    pub build: String,
}

/// What was found of one component.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ComponentResult {
    /// Its kind.
    pub kind: Kind,
    /// The overall word on it: never better than the worst of its vector.
    pub status: Tier,
    /// What is said of each aspect, with its reason. Never empty.
    pub trustworthiness: Trustworthiness,
    /// What the evidence says of it.
    pub claims: BTreeMap<String, ClaimValue>,
    /// Every condition that it did not meet.
    pub unmet: Vec<Reason>,
}

/// With what of a component fault was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AspectFault {
    /// The domain does not believe who attested it.
    Attester,
    /// Something dangerous about how it is set up, or a setting that the domain does not accept.
    Configuration,
    /// What runs is a release that the domain has left behind.
    Floor,
    /// Hardware or firmware is older or worse than the domain demands.
    Hardware,
    /// It is another piece of hardware than those that the domain names.
    Identity,
    /// What runs is nothing that the domain names.
    Measurement,
    /// The host can look into its memory.
    Memory,
    /// It is of a kind that the domain does not accept.
    Platform,
    /// Nothing that AR4SI has a word for: the evidence's time, a proof that failed.
    Whole,
}

impl AspectFault {
    /// The aspect, and the value that AR4SI enumerates for this; `None` where it has no word for it.
    #[must_use]
    pub const fn judged(self) -> Option<(Aspect, i8)> {
        match self {
            Self::Attester | Self::Platform => Some((Aspect::Hardware, 97)),
            Self::Configuration => Some((Aspect::Configuration, 96)),
            Self::Floor => Some((Aspect::Executables, 96)),
            Self::Hardware => Some((Aspect::Hardware, 96)),
            Self::Identity => Some((Aspect::InstanceIdentity, 97)),
            Self::Measurement => Some((Aspect::Executables, 33)),
            Self::Memory => Some((Aspect::RuntimeOpaque, 96)),
            Self::Whole => None,
        }
    }
}

impl ComponentResult {
    /// A component that the domain accepts.
    #[must_use]
    pub fn accepted(component: &Component, hardware: Hardware) -> Self {
        let trustworthiness = Trustworthiness::accepted(component, hardware);
        Self {
            kind: component.kind,
            status: trustworthiness.tier(),
            trustworthiness,
            claims: claims::summary(component),
            unmet: Vec::new(),
        }
    }

    /// A component of evidence that the domain denies, with what is wrong with it; with nothing, if it is another's fault.
    #[must_use]
    pub fn denied(component: &Component, unmet: Vec<(AspectFault, Reason)>) -> Self {
        let unmet: Vec<_> = unmet.into_iter().take(UNMET_MAX).map(|(fault, reason)| (fault, clipped(reason))).collect();
        let faults = unmet.iter().map(|(fault, reason)| (*fault, reason));
        let trustworthiness = Trustworthiness::denied(faults);
        Self {
            kind: component.kind,
            status: if unmet.is_empty() { Tier::None } else { Tier::Contraindicated },
            trustworthiness,
            claims: claims::summary(component),
            unmet: unmet.into_iter().map(|(_, reason)| reason).collect(),
        }
    }
}

impl ComponentResult {
    /// Says that nothing says for whom the evidence was made: a claim of that name, no good word for its identity, and no better
    /// overall word than a warning. Software that knows nothing of that claim reads the overall word.
    fn unbind(&mut self) {
        if self.status == Tier::Affirming {
            self.status = Tier::Warning;
        }
        self.claims.insert(UNBOUND.to_owned(), ClaimValue::Bool(true));
        self.trustworthiness.doubt(
            Aspect::InstanceIdentity,
            "nothing says for whom the evidence was made: it may be a replay, or another machine's",
        );
    }
}

impl AttestationResult {
    /// The overall word: the worst of all components'.
    #[must_use]
    pub fn status(&self) -> Tier {
        self.components.values().map(|component| component.status).max().unwrap_or(Tier::None)
    }

    /// The result of one component.
    ///
    /// # Errors
    /// [`ResultError::ComponentAbsent`]: who needs to know of a component must not take silence for a good word.
    pub fn component(&self, name: &str) -> Result<&ComponentResult, ResultError> {
        self.components.get(name).ok_or_else(|| ResultError::ComponentAbsent(name.to_owned()))
    }

    /// Whether it is one that can be: within limits, and no status better than what it rests on.
    ///
    /// # Errors
    /// [`ResultError`], the first that is wrong.
    pub fn check(&self) -> Result<(), ResultError> {
        check_text("verifier", &self.verifier.developer)?;
        check_text("verifier", &self.verifier.build)?;
        if self.components.is_empty() {
            return Err(ResultError::Form("it has no components"));
        }
        at_most("components", self.components.len(), COMPONENTS_MAX)?;
        if let Some(nonce) = &self.nonce
            && !(NONCE_BYTES_MIN..=NONCE_BYTES_MAX).contains(&nonce.len())
        {
            return Err(ResultError::NonceLength(nonce.len()));
        }
        // Times are written as signed numbers.
        if i64::try_from(self.expires.plus_s(1).0).is_err() || self.expires < self.at {
            let rule = "it ends after it begins, in this era";
            return Err(ResultError::Invalid { what: "expiry", actual: self.expires.0.to_string(), rule });
        }
        self.components.iter().try_for_each(|(name, component)| component.check(name))
    }
}

impl ComponentResult {
    fn check(&self, name: &str) -> Result<(), ResultError> {
        check_text("component", name)?;
        at_most("claims", self.claims.len(), CLAIMS_MAX)?;
        at_most("unmet conditions", self.unmet.len(), UNMET_MAX)?;
        self.claims.iter().try_for_each(|(name, value)| value.check(name))?;
        if self.trustworthiness.iter().next().is_none() {
            return Err(ResultError::Form("a component has an empty trustworthiness vector"));
        }
        if self.claims.get(UNBOUND) == Some(&ClaimValue::Bool(true)) && self.status == Tier::Affirming {
            return Err(ResultError::Status { actual: self.status, worst: Tier::Warning });
        }
        let unmet = if self.unmet.is_empty() { Tier::None } else { Tier::Contraindicated };
        let worst = self.trustworthiness.tier().max(unmet);
        // `none` is no good word: who appraised may say nothing, except where something is wrong.
        if self.status < worst && !(self.status == Tier::None && worst == Tier::Affirming) {
            return Err(ResultError::Status { actual: self.status, worst });
        }
        Ok(())
    }
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Without padding, white space and stray bits at the end.
fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A domain may accept thousands of launchers by name; who is told of a denial need not see them all.
fn clipped(reason: Reason) -> Reason {
    let clip = |mut text: String| {
        if text.len() > REASON_BYTES_MAX {
            text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
            text.push_str(" ...");
        }
        text
    };
    Reason::new(clip(reason.rule), clip(reason.expected), clip(reason.actual), clip(reason.remedy))
}

fn at_most(what: &'static str, actual: usize, max: usize) -> Result<(), ResultError> {
    if actual > max { Err(ResultError::TooMany { what, actual, max }) } else { Ok(()) }
}

fn check_text(what: &'static str, text: &str) -> Result<(), ResultError> {
    let rule = "1 to 128 bytes, without control characters";
    let is_good = !text.is_empty() && text.len() <= 128 && !text.chars().any(crate::printable::hides_or_moves);
    if is_good { Ok(()) } else { Err(ResultError::Invalid { what, actual: crate::printable::printable(text), rule }) }
}

#[cfg(test)]
mod tests;
