//! Whether an owner's broker lets one result leave a keep that has its keys.
//!
//! 1. The keys that the run needs of this owner were released, with their receipts.
//! 2. The contract still holds, and nothing of this owner's was revoked meanwhile.
//! 3. Every rule of every gate of this owner's datasets was decided, and passed; nobody else's failed.
//! 4. No other result of this run was permitted.
//! 5. What lay outside secret memory was a lack that evidence named: the keep counts no more than it owned up to.
//! 6. Every owner's Cedar policies allow it, without an error.

use std::collections::BTreeSet;

use casemate_cose::{Digest, UnixTime};
use casemate_evidence::Lack;

use crate::{
    authorise::{Allow, Standing, check_policies, check_revoked, check_standing},
    contract::{Computation, Contract},
    deny::DenyReason,
    name::{DatasetName, PartyName},
    policy::Action,
    signed::FullySigned,
    statement::{GateOutcome, PermitStatement},
};

/// What a keep asks for once it has a result.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PermitRequest {
    /// SHA-256 of the bytes of the [`ResultBody`](crate::ResultBody).
    pub result: Digest,
    /// What each gate decided.
    pub gates: Vec<GateOutcome>,
    /// How many bytes at most lay outside secret memory so far; 0 where all lay within.
    pub ordinary_bytes: u64,
}

/// What a broker remembers of a run whose release it allowed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RunRecord {
    /// The owner's datasets whose keys were released, after their receipt was durable.
    pub released: BTreeSet<DatasetName>,
    /// The digest of the result that was permitted before, if one was.
    pub permitted: Option<Digest>,
    /// What else this broker remembers, as of now.
    pub standing: Standing,
}

/// What a broker decides about a result.
#[derive(Debug, Eq, PartialEq)]
#[must_use = "a decision that nobody looks at protects nothing"]
pub enum PermitDecision {
    /// No, for all these reasons.
    Deny(Vec<DenyReason>),
    /// Yes.
    Permit(Permit),
}

/// Leave for one result to leave one keep. Only [`authorise_permit`] makes one; it can't be copied.
#[derive(Debug, Eq, PartialEq)]
pub struct Permit {
    statement: PermitStatement,
}

impl Permit {
    /// The permit to sign.
    #[must_use]
    pub const fn statement(&self) -> &PermitStatement {
        &self.statement
    }
}

/// Decides whether the result of `request` leaves the keep that `allow` was given for.
pub fn authorise_permit(
    contract: &FullySigned,
    allow: &Allow,
    request: &PermitRequest,
    record: &RunRecord,
    at: UnixTime,
) -> PermitDecision {
    let mut reasons = Vec::new();
    let (name, agreed) = (&allow.facts().computation, contract.contract());
    let decided = allow.statement().contract;
    if decided != contract.digest() {
        return PermitDecision::Deny(vec![DenyReason::Contract { expected: decided, actual: contract.digest() }]);
    }
    let Some(computation) = agreed.computation(name.as_str()) else {
        return PermitDecision::Deny(vec![DenyReason::UnknownComputation { actual: name.clone() }]);
    };
    let unreleased = allow.datasets().iter().filter(|dataset| !record.released.contains(*dataset));
    reasons.extend(unreleased.map(|dataset| DenyReason::PermitBeforeRelease { dataset: dataset.clone() }));
    check_standing(contract, &record.standing, at, &mut reasons);
    check_revoked(&record.standing, allow.datasets(), &mut reasons);
    check_gates(agreed, computation, allow.owner(), &request.gates, &mut reasons);
    if let Some(expected) = record.permitted.filter(|permitted| *permitted != request.result) {
        reasons.push(DenyReason::PermitRepeated { expected, actual: request.result });
    }
    if request.ordinary_bytes > 0 && !allow.facts().lacks.contains(&Lack::SecretPlaintext) {
        reasons.push(DenyReason::PermitMemory { actual: request.ordinary_bytes });
    }
    check_policies(agreed, computation, Action::Permit, allow.facts(), at, &mut reasons);
    if !reasons.is_empty() {
        return PermitDecision::Deny(reasons);
    }
    let decision = allow.statement();
    PermitDecision::Permit(Permit {
        statement: PermitStatement {
            run: decision.run,
            contract: decision.contract,
            keep_key: decision.keep_key,
            owner: decision.owner.clone(),
            result: request.result,
            gates: request.gates.clone(),
            budget_debit: 0,
            at,
            ordinary_bytes: request.ordinary_bytes,
        },
    })
}

fn check_gates(
    contract: &Contract,
    computation: &Computation,
    owner: &PartyName,
    outcomes: &[GateOutcome],
    reasons: &mut Vec<DenyReason>,
) {
    for outcome in outcomes.iter().filter(|outcome| !outcome.passed) {
        let (dataset, gate) = (outcome.dataset.clone(), outcome.gate.clone());
        reasons.push(DenyReason::GateFailed { dataset, gate });
    }
    for (dataset, _) in contract.reads(computation).filter(|(dataset, _)| dataset.owner == *owner) {
        let wanted = dataset.gate.rules_for(&computation.program).into_iter().map(|rule| rule.to_string());
        let missing = wanted
            .filter(|rule| !outcomes.iter().any(|outcome| outcome.dataset == dataset.name && outcome.gate == *rule));
        reasons.extend(missing.map(|gate| DenyReason::GateMissing { dataset: dataset.name.clone(), gate }));
    }
}
