//! Holds authentic evidence against a domain.
//!
//! 1. Each component's attester is trusted for attestation.
//! 2. Each component meets a rule for platforms that is trusted: one of the identities, every demand, no danger but those that the rule
//!    admits by name. Properties that evidence can't have (a region) are what trusted keys say of its hardware or attester.
//! 3. What runs on each component is a measurement that is trusted, of no release below its line's floor.
//! 4. The evidence is at most [`ACCEPTED_FOR_S`] from `at`.
//! 5. The verdict counts for [`ACCEPTED_FOR_S`], and no longer than nothing in the domain begins or ends that may matter.
//! 6. A proof of all this, from the domain's statements and the evidence, is made, and checked as a proof that others bring is.
//!
//! Every condition is looked at, so that a denial lists all that is missing: of several rules and measurements, what the nearest one
//! lacks. Nearest miss first: what a word in the domain or one more try would mend, then what needs another program, another host,
//! another isolation, and last what nothing mends. Program and manifest are not the domain's: the contract names the one, each broker
//! derives the other.

use casemate_cose::UnixTime;
use casemate_evidence::{Authenticated, Expectation};

use crate::{
    Accepted, DenyReason, Domain, Keep, Verdict,
    component::{Component, components},
    lent::Lent,
    proof::{Effective, Facts, Grounds},
    shown,
    statement::{Purpose, Said},
    unmet::{self, Asked},
    verdict::Believed,
};

/// For how long, in seconds, a verdict counts, and how far from its appraisal evidence may be dated.
pub const ACCEPTED_FOR_S: u64 = 300;

/// Appraises `evidence` under `domain` at the verifier's time `at`. The same input gives the same verdict.
pub fn appraise<B: Expectation>(evidence: Authenticated<B>, domain: &Domain, at: UnixTime) -> Verdict<B> {
    let components = components(evidence.claims());
    let effective = match domain.effective(at) {
        Ok(effective) => effective,
        Err(error) => return Verdict::Denied(vec![DenyReason::Proof { why: error.to_string() }]),
    };
    // 1 to 3
    let judged: Option<Vec<Judged<'_>>> = components.iter().map(|component| judge(component, &effective)).collect();
    // 4
    let is_fresh = shown::is_fresh(evidence.claims().at, at);
    let Some(judged) = judged.filter(|_| is_fresh) else {
        let asked = Asked { claims: evidence.claims(), domain, effective: &effective, at };
        return Verdict::Denied(unmet::of(&asked, &components));
    };
    // 5, 6
    let measured = judged.first().and_then(|judged| unmet::measurement(judged.runtime));
    let keep = measured.and_then(|measured| Keep::measured(evidence.claims(), measured));
    let believed = judged.iter().map(|judged| Believed::new(judged.platform, judged.runtime, &judged.met)).collect();
    let grounds: Vec<Grounds> = judged.into_iter().map(|judged| judged.grounds).collect();
    let key = evidence.binding().key();
    let facts = Facts { components: &components, key };
    let derived = effective.derive_evidence(&shown::goal(key), &grounds, facts, at);
    let shown = derived
        .and_then(|proof| shown::holds(&proof, effective.standing(), facts, evidence.claims().at, at).map(|()| proof));
    match shown {
        Ok(proof) => {
            // What accepted it may end, or be revoked, sooner.
            let expires = at.plus_s(ACCEPTED_FOR_S);
            let expires = expires.min(effective.lasts(expires));
            Verdict::Accepted(Accepted::new(evidence, components, believed, keep, proof, domain.digest(), expires))
        }
        Err(error) => Verdict::Denied(vec![DenyReason::Proof { why: error.to_string() }]),
    }
}

/// One component that the domain accepts, and by which statements.
struct Judged<'a> {
    grounds: Grounds,
    platform: &'a Said,
    runtime: &'a Said,
    /// All that say that what runs may.
    met: Vec<&'a Said>,
}

/// Steps 1 to 3 for one component: on what its acceptance rests, or nothing.
fn judge<'a>(component: &Component, effective: &'a Effective) -> Option<Judged<'a>> {
    // 1
    let attester = effective.is_trusted(&component.attester, &Purpose::Attestation(Some(component.kind)))?;
    // 2
    let mut rules = effective.platform_rules_for(component.kind, component.identity.as_deref());
    let lent = Lent::new(component, effective);
    let (platform, by, properties) = rules.find_map(|(fact, said)| {
        let rule = unmet::rule(said)?;
        Some((fact, said, unmet::meets(&lent, rule)?))
    })?;
    // 3
    let measurements = effective.measurements(component.kind, &component.registers);
    let (measurement, runtime) = *measurements.first()?;
    let met = measurements.into_iter().map(|(_, said)| said).collect();
    Some(Judged { grounds: Grounds { attester, measurement, platform, properties }, platform: by, runtime, met })
}
