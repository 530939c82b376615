//! Whether an owner's broker may release its keys to a keep, and let a result leave it.
//!
//! Every condition is looked at, so that a refusal lists all that is missing.
//!
//! 1. The evidence is a keep's, for the key in this session, and the session is with this owner's broker.
//! 2. The measured manifest and program are those that follow from the contract.
//! 3. The verdict still counts; the contract has not expired; no later or other contract of the study was accepted.
//! 4. Runner, isolation and lacks are among those agreed; the launcher that vouches for the keep is the runner's.
//! 5. The run is new; nothing that it reads of this owner's is revoked.
//! 6. Every owner's Cedar policies allow the release, without an error.

use std::collections::BTreeSet;

use casemate_cose::{Digest, PublicKey, UnixTime};
use casemate_evidence::{Bound, Role};
use casemate_trust::{Accepted, Keep};

use crate::{
    contract::{Computation, Contract},
    deny::DenyReason,
    manifest::Manifest,
    name::{DatasetName, PartyName, RunId},
    policy::{Action, Facts, decide},
    signed::FullySigned,
    statement::DecisionStatement,
};

/// What a broker is asked about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Run {
    /// The manifest, checked against the contract.
    pub manifest: Manifest,
    /// SHA-256 of the `SubjectPublicKeyInfo` of the key that the keep showed in this session.
    pub keep_key: Digest,
    /// Whether this broker has decided on the run's identifier before.
    pub history: RunHistory,
    /// What else this broker remembers.
    pub standing: Standing,
}

/// Whether a broker has decided on a run before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RunHistory {
    /// It has: the identifier is used up.
    Decided,
    /// It has not.
    New,
}

/// What a broker remembers about a study: its floor, and what its owner revoked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Standing {
    /// The latest contract of the study that this broker accepted; none before the first.
    pub floor: Option<Floor>,
    /// The names, in this contract, of the owner's datasets that are revoked.
    pub revoked: BTreeSet<DatasetName>,
}

/// The latest contract of a study that a broker accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Floor {
    /// Its sequence.
    pub sequence: u64,
    /// Its digest.
    pub contract: Digest,
}

/// What a broker decides about a release.
#[derive(Debug, Eq, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one is made for each run and broker, and taken apart at once")]
#[must_use = "a decision that nobody looks at protects nothing"]
pub enum Decision {
    /// Yes.
    Allow(Allow),
    /// No, for all these reasons.
    Deny(Vec<DenyReason>),
}

/// Leave to release one owner's keys to one keep for one run. Only [`authorise`] makes one; it can't be copied.
#[derive(Debug, Eq, PartialEq)]
pub struct Allow {
    statement: DecisionStatement,
    datasets: Vec<DatasetName>,
    facts: Facts,
}

impl Allow {
    /// The decision to sign.
    #[must_use]
    pub const fn statement(&self) -> &DecisionStatement {
        &self.statement
    }

    /// The owner's datasets whose keys are released, ascending.
    #[must_use]
    pub fn datasets(&self) -> &[DatasetName] {
        &self.datasets
    }

    /// The run.
    #[must_use]
    pub const fn run(&self) -> RunId {
        self.statement.run
    }

    /// Whose keys.
    #[must_use]
    pub const fn owner(&self) -> &PartyName {
        &self.statement.owner
    }

    pub(crate) const fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// Decides for `owner` whether the keep of `run`, whose evidence its domain accepted, gets `owner`'s keys.
pub fn authorise(
    contract: &FullySigned,
    run: &Run,
    accepted: &Accepted<Bound>,
    owner: &PartyName,
    at: UnixTime,
) -> Decision {
    let fields = run.manifest.fields();
    let Some(computation) = contract.contract().computation(fields.computation.as_str()) else {
        return Decision::Deny(vec![DenyReason::UnknownComputation { actual: fields.computation.clone() }]);
    };
    let Some((keep, launcher)) = accepted.keep().and_then(|keep| Some((keep, keep.launcher?))) else {
        return Decision::Deny(vec![DenyReason::NoLauncher { actual: accepted.claims().isolation }]);
    };
    let facts = Facts {
        computation: fields.computation.clone(),
        contract: contract.digest(),
        isolation: keep.isolation,
        keep_key: run.keep_key,
        language: computation.program.language(),
        lacks: keep.lacks.clone(),
        launcher,
        // The measured manifest says it where the evidence does not.
        program: keep.program.unwrap_or(fields.program),
        runner: fields.runner.clone(),
        runtime: keep.runtime,
    };
    let mut reasons = Vec::new();
    check_binding(contract.contract(), run, accepted, owner, &mut reasons);
    check_measured(contract, run, accepted, (keep, facts.program), computation, &mut reasons);
    if at > accepted.expires() {
        reasons.push(DenyReason::VerdictExpired { expires: accepted.expires(), at });
    }
    check_standing(contract, &run.standing, at, &mut reasons);
    check_agreed(contract.contract(), computation, &facts, &mut reasons);
    if run.history == RunHistory::Decided {
        reasons.push(DenyReason::RunReused { run: fields.run });
    }
    let datasets = owned(contract.contract(), computation, owner);
    if datasets.is_empty() {
        reasons.push(DenyReason::NotOwner { party: owner.clone(), computation: computation.name.clone() });
    }
    check_revoked(&run.standing, &datasets, &mut reasons);
    check_policies(contract.contract(), computation, Action::Release, &facts, at, &mut reasons);
    if !reasons.is_empty() {
        return Decision::Deny(reasons);
    }
    let statement = DecisionStatement {
        run: fields.run,
        contract: contract.digest(),
        manifest: run.manifest.digest(),
        keep_key: run.keep_key,
        evidence: accepted.evidence_digest(),
        domain: accepted.domain_digest(),
        owner: owner.clone(),
        at,
        expires: accepted.expires().min(UnixTime(contract.contract().study().expires.0.saturating_sub(1))),
    };
    Decision::Allow(Allow { statement, datasets, facts })
}

fn check_binding(
    contract: &Contract,
    run: &Run,
    accepted: &Accepted<Bound>,
    owner: &PartyName,
    reasons: &mut Vec<DenyReason>,
) {
    let binding = accepted.binding().binding();
    if binding.role != Role::Keep {
        reasons.push(DenyReason::Role { actual: binding.role });
    }
    if binding.own_key != run.keep_key {
        reasons.push(DenyReason::KeepKey { expected: run.keep_key, actual: binding.own_key });
    }
    let broker = contract.party(owner.as_str()).and_then(|party| party.broker.as_ref());
    let expected = broker.map(|broker| broker.key.spki_digest());
    if expected != Some(binding.peer_key) {
        reasons.push(DenyReason::BrokerKey { owner: owner.clone(), expected, actual: binding.peer_key });
    }
}

fn check_measured(
    contract: &FullySigned,
    run: &Run,
    accepted: &Accepted<Bound>,
    (keep, program): (&Keep, Digest),
    computation: &Computation,
    reasons: &mut Vec<DenyReason>,
) {
    let fields = run.manifest.fields();
    if fields.contract != contract.digest() {
        reasons.push(DenyReason::Contract { expected: contract.digest(), actual: fields.contract });
    }
    // The binding's manifest is what authentication compared the evidence with; both must be the one checked here.
    for actual in keep.manifest.into_iter().chain([accepted.binding().binding().manifest]).collect::<BTreeSet<_>>() {
        if actual != run.manifest.digest() {
            reasons.push(DenyReason::ManifestUnmeasured { expected: run.manifest.digest(), actual });
        }
    }
    if keep.isolation != fields.isolation {
        reasons.push(DenyReason::Manifest {
            field: "isolation",
            expected: keep.isolation.to_string(),
            actual: fields.isolation.to_string(),
        });
    }
    match contract.contract().program_digest(computation) {
        Some(expected) if expected == program => {}
        Some(expected) => reasons.push(DenyReason::Program { expected, actual: program }),
        None => reasons.push(DenyReason::UnknownComputation { actual: computation.name.clone() }),
    }
}

/// Step 3 for the contract: a release and a permit ask the same.
pub(crate) fn check_standing(contract: &FullySigned, standing: &Standing, at: UnixTime, reasons: &mut Vec<DenyReason>) {
    let study = contract.contract().study();
    if at >= study.expires {
        reasons.push(DenyReason::Expired { expires: study.expires, at });
    }
    let Some(floor) = standing.floor else { return };
    let digest = contract.digest();
    if study.sequence < floor.sequence {
        reasons.push(DenyReason::Superseded { floor: floor.sequence, actual: study.sequence });
    } else if study.sequence == floor.sequence && digest != floor.contract {
        reasons.push(DenyReason::Forked { sequence: floor.sequence, expected: floor.contract, actual: digest });
    } else if floor.sequence.checked_add(1) == Some(study.sequence) && study.supersedes != Some(floor.contract) {
        reasons.push(DenyReason::SupersedesOther { expected: floor.contract, actual: study.supersedes });
    }
}

fn check_agreed(contract: &Contract, computation: &Computation, facts: &Facts, reasons: &mut Vec<DenyReason>) {
    let study = contract.study();
    if !computation.runners.contains(&facts.runner) {
        reasons.push(DenyReason::Runner {
            computation: computation.name.clone(),
            actual: facts.runner.clone(),
            allowed: computation.runners.clone(),
        });
    }
    reasons.extend(check_launcher(contract, &facts.runner, facts.launcher).err());
    if !study.isolations.contains(&facts.isolation) {
        reasons.push(DenyReason::Isolation { actual: facts.isolation, accepted: study.isolations.clone() });
    }
    for lack in facts.lacks.iter().filter(|lack| !study.accept_lacks.contains(lack)) {
        reasons.push(DenyReason::Lack { actual: *lack, accepted: study.accept_lacks.clone() });
    }
}

/// Whether the contract lets the launcher of key `launcher` vouch for keeps that `runner` runs. Anyone who holds the public
/// key can ask; `casemate run` does before it starts a keep.
///
/// # Errors
/// [`DenyReason::Launcher`].
pub fn check_launcher(contract: &Contract, runner: &PartyName, launcher: PublicKey) -> Result<(), DenyReason> {
    let allowed = contract.launchers(runner);
    if allowed.contains(&launcher) {
        return Ok(());
    }
    Err(DenyReason::Launcher { runner: runner.clone(), actual: launcher, allowed: allowed.to_vec() })
}

/// Step 5 for the datasets: a release and a permit ask the same.
pub(crate) fn check_revoked(standing: &Standing, datasets: &[DatasetName], reasons: &mut Vec<DenyReason>) {
    let revoked = datasets.iter().filter(|dataset| standing.revoked.contains(*dataset));
    reasons.extend(revoked.map(|dataset| DenyReason::Revoked { dataset: dataset.clone() }));
}

/// Step 6: a release and a permit ask the same of different actions.
pub(crate) fn check_policies(
    contract: &Contract,
    computation: &Computation,
    action: Action,
    facts: &Facts,
    at: UnixTime,
    reasons: &mut Vec<DenyReason>,
) {
    let decisions = contract.reads(computation).map(|(dataset, _)| decide(contract, dataset, action, facts, at));
    reasons.extend(decisions.filter_map(Result::err));
}

/// What `computation` reads of `owner`'s, ascending.
fn owned(contract: &Contract, computation: &Computation, owner: &PartyName) -> Vec<DatasetName> {
    let reads = contract.reads(computation).filter(|(dataset, _)| dataset.owner == *owner);
    reads.map(|(dataset, _)| dataset.name.clone()).collect()
}
