//! From a verdict to what others are told of it.

use casemate_cose::{Digest, UnixTime, encode};
use casemate_evidence::{Authenticated, Expectation};

use super::{AspectFault, AttestationResult, ComponentResult, VerifierId};
use crate::{
    ACCEPTED_FOR_S, Accepted, DenyReason, Domain, Hardware, Reason, Verdict,
    component::{
        Component, components,
        registry::{self, Draft},
    },
    lapsed::DELEGATION,
    proof::State,
    statement::{Allowance, Kind},
};

/// What of evidence has to be kept for telling others, as appraisal consumes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Appraised {
    evidence: Digest,
    components: Vec<Component>,
    is_unbound: bool,
}

impl Appraised {
    /// Of evidence that is about to be appraised.
    #[must_use]
    pub fn of<B: Expectation>(evidence: &Authenticated<B>) -> Self {
        Self {
            evidence: evidence.evidence_digest(),
            components: components(evidence.claims()),
            is_unbound: evidence.binding().is_unbound(),
        }
    }
}

impl AttestationResult {
    /// What `verdict` on this evidence under `domain` says at `at`, for whoever asked with `nonce`.
    #[must_use]
    pub fn of<B>(
        appraised: &Appraised,
        verdict: &Verdict<B>,
        domain: &Domain,
        verifier: VerifierId,
        nonce: Option<Vec<u8>>,
        at: UnixTime,
    ) -> Self {
        let ([domain, evidence, verdict], expires, mut results) = match verdict {
            Verdict::Accepted(accepted) => {
                let results = accepted.components().iter().zip(accepted.believed());
                let results = results.map(|(component, believed)| {
                    (component.name.clone(), ComponentResult::accepted(component, believed.hardware))
                });
                let digests = [accepted.domain_digest(), accepted.evidence_digest(), digest_of_accepted(accepted)];
                (digests, accepted.expires(), results.collect::<Vec<_>>())
            }
            Verdict::Denied(reasons) => {
                let digest = digest_of_denied(appraised.evidence, domain.digest(), reasons);
                let digests = [domain.digest(), appraised.evidence, digest];
                (digests, at.plus_s(ACCEPTED_FOR_S), denied(&appraised.components, reasons))
            }
        };
        if appraised.is_unbound {
            results.iter_mut().for_each(|(_, result)| result.unbind());
        }
        Self { verifier, domain, evidence, verdict, at, expires, nonce, components: by_name(results) }
    }
}

/// The digest that names an acceptance: of the evidence, the domain, until when, and the proof, which has its time.
///
/// ```text
/// SHA-256( "casemate/verdict/1" ‖ 0x01 ‖ evidence digest ‖ domain digest ‖ expires, 8 bytes big-endian ‖ proof in CBOR )
/// ```
#[must_use]
pub fn digest_of_accepted<B>(accepted: &Accepted<B>) -> Digest {
    let (evidence, domain) = (accepted.evidence_digest(), accepted.domain_digest());
    let proof = encode(accepted.proof());
    let expires = accepted.expires().0.to_be_bytes();
    Digest::of_parts(&[LABEL, &[1], evidence.as_bytes(), domain.as_bytes(), &expires, &proof])
}

const LABEL: &[u8] = b"casemate/verdict/1";

/// ```text
/// SHA-256( "casemate/verdict/1" ‖ 0x00 ‖ evidence digest ‖ domain digest ‖ reasons in CBOR )
/// ```
fn digest_of_denied(evidence: Digest, domain: Digest, reasons: &[DenyReason]) -> Digest {
    let reasons: Vec<Reason> = reasons.iter().map(DenyReason::reason).collect();
    Digest::of_parts(&[LABEL, &[0], evidence.as_bytes(), domain.as_bytes(), &encode(&reasons)])
}

/// What is of the evidence as a whole counts against its first component, the CPU.
fn denied(components: &[Component], reasons: &[DenyReason]) -> Vec<(String, ComponentResult)> {
    let first = components.first().map(|component| component.name.as_str());
    let results = components.iter().enumerate().map(|(place, component)| {
        let is_about = |reason: &&DenyReason| match reason.component() {
            Some(name) => name == component.name,
            None => place == 0 || first.is_none(),
        };
        let unmet = reasons.iter().filter(is_about).map(|reason| (fault(reason), reason.reason())).collect();
        (component.name.clone(), ComponentResult::denied(component, unmet))
    });
    results.collect()
}

/// No component hides another of its name.
fn by_name(results: Vec<(String, ComponentResult)>) -> std::collections::BTreeMap<String, ComponentResult> {
    let mut components = std::collections::BTreeMap::new();
    for (mut name, result) in results {
        while components.contains_key(&name) {
            name.push('\'');
        }
        components.insert(name, result);
    }
    components
}

fn fault(reason: &DenyReason) -> AspectFault {
    match reason {
        DenyReason::Attester { .. } | DenyReason::Launcher { .. } => AspectFault::Attester,
        DenyReason::Danger { actual, .. } => match actual {
            Allowance::Debug => AspectFault::Memory,
            Allowance::HostOperatedTpm => AspectFault::Attester,
            Allowance::MaskedChip => AspectFault::Identity,
            Allowance::Migratable | Allowance::ServiceDomain | Allowance::VmplAboveZero => AspectFault::Configuration,
        },
        DenyReason::Beside { .. } => AspectFault::Platform,
        DenyReason::Debug => AspectFault::Memory,
        DenyReason::Identity { .. } => AspectFault::Identity,
        DenyReason::Isolation { .. } | DenyReason::Platform { .. } => AspectFault::Platform,
        DenyReason::Lack { .. } => AspectFault::Configuration,
        DenyReason::Lapsed { what, state, .. } => match (*what, state) {
            ("runtime", State::BelowFloor { .. } | State::Revoked(_)) => AspectFault::Floor,
            ("runtime", _) => AspectFault::Measurement,
            ("attester" | DELEGATION, _) => AspectFault::Attester,
            _ => AspectFault::Platform,
        },
        DenyReason::NoRuntime { .. } | DenyReason::Register { .. } | DenyReason::Runtime { .. } => {
            AspectFault::Measurement
        }
        DenyReason::Outside { what, .. } => match *what {
            "runtime" => AspectFault::Measurement,
            "attester" => AspectFault::Attester,
            _ => AspectFault::Platform,
        },
        DenyReason::Property { kind, property, .. } => property_fault(*kind, property),
        DenyReason::Proof { .. } | DenyReason::Time { .. } => AspectFault::Whole,
    }
}

/// What gets better with time, and what the maker says of it, is the hardware's and firmware's; everything else is how it is set up.
fn property_fault(kind: Kind, property: &str) -> AspectFault {
    let is_ordered = registry::property(kind, property).is_some_and(|row| row.draft == Draft::AtLeast);
    if is_ordered || property.starts_with("tcb-") { AspectFault::Hardware } else { AspectFault::Configuration }
}

/// Whether a component's hardware was recognised: by a list, not by a mask that hides it.
pub(super) fn is_recognised(component: &Component, hardware: Hardware) -> bool {
    hardware == Hardware::Listed && component.identity.is_some() && !component.dangers.contains(&Allowance::MaskedChip)
}
