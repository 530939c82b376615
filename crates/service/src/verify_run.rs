//! Verifies a finished run offline: the same chain as at the brokers, from the record that the keep handed out.
//!
//! 1. Contract: signed by every party.
//! 2. Manifest: the bytes that the contract implies.
//! 3. For each owner of the computation, and nobody else: its broker's challenge, decision and permit, signed by the key
//!    that the contract names; for the same run, contract, manifest and keep; within the contract's time; each gate
//!    passed; evidence authentic, bound to that challenge and session, of the program, isolation and lacks agreed, by a
//!    launcher that the contract names for the runner.
//! 4. Both receipts: in the owner's ledger by its signed checkpoint, and about this run, evidence and result.
//! 5. All owners permitted one result, and signed one number for what lay outside secret memory: none without that lack.
//! 6. The result, where there is one: signed by that keep, the permitted one, and what the computation declares.
//!
//! A Wasm program's output passes no gate that reads it; [`VerifiedRun::free_form`] repeats what the signers said of that.
//!
//! Whether a launcher is to be believed is each owner's domain's word, which the receipts name by digest: here evidence is
//! verified with the launcher key that it names, which [`VerifiedOwner::keep`] says, and which the contract must name too.

use casemate_contract::{
    BrokerRecord, ChallengeStatement, DatasetName, DecisionStatement, FullySigned, GateOutcome, Manifest, Party,
    PermitStatement, ResultBody, RunBundle, check_launcher,
};
use casemate_cose::{Digest, PublicKey, UnixTime, claimed_signer};
use casemate_evidence::{Binding, Bound, Endorsements, Evidence, Lack, Role, authenticate};
use casemate_ledger::{Event, Origin, Receipt, ReceiptBody, VerifiedReceipt};
use casemate_trust::Keep;
use thiserror::Error;

/// Why a run's record does not prove what it should.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum VerifyError {
    /// The contract in the record is not the expected one.
    #[error("the record is of the contract `{actual}`, not `{expected}`")]
    Contract {
        /// What the reader believes in.
        expected: Digest,
        /// What the record holds.
        actual: Digest,
    },
    /// An owner has no record.
    #[error("the record has nothing of `{0}`")]
    Missing(String),
    /// Two parts that have to agree do not.
    #[error("{owner}: the {part} is about another {field}")]
    Mismatch {
        /// Whose part.
        owner: String,
        /// Which.
        part: &'static str,
        /// What differs.
        field: &'static str,
    },
    /// A part is not what it should be.
    #[error("{owner}: the {part} does not verify: {why}")]
    Part {
        /// Whose part.
        owner: String,
        /// Which.
        part: &'static str,
        /// Why.
        why: String,
    },
    /// The record as a whole.
    #[error("not the record of a run: {0}")]
    Record(String),
    /// The result is not the one that was permitted.
    #[error("the result does not verify: {0}")]
    Result(String),
}

/// A run whose record was verified.
#[derive(Clone, Debug)]
pub struct VerifiedRun {
    /// The contract, signed by all.
    pub contract: FullySigned,
    /// The manifest.
    pub manifest: Manifest,
    /// The key of the keep.
    pub keep_key: PublicKey,
    /// The digest of the one result that all owners permitted.
    pub result: Digest,
    /// How many bytes at most lay outside secret memory before the permits, as the keep counted them.
    pub ordinary_bytes: u64,
    /// What each owner's broker decided.
    pub owners: Vec<VerifiedOwner>,
}

impl VerifiedRun {
    /// What every signer accepted of the program's output, where no gate reads it.
    #[must_use]
    pub fn free_form(&self) -> Option<&'static str> {
        let computation = self.contract.contract().computation(self.manifest.fields().computation.as_str())?;
        computation.program.free_form()
    }
}

/// What was verified of one owner.
#[derive(Clone, Debug)]
pub struct VerifiedOwner {
    /// The owner.
    pub owner: String,
    /// What the evidence said of the keep, and whose signature it carried.
    pub keep: Keep,
    /// When the broker decided.
    pub decided_at: UnixTime,
    /// The receipt of the release.
    pub release: VerifiedReceipt,
    /// The receipt of the permit.
    pub permit: VerifiedReceipt,
    /// What each gate decided.
    pub gates: Vec<GateOutcome>,
}

/// Verifies a run's record. `expected` is the contract that the reader believes in, if there is one.
///
/// # Errors
/// [`VerifyError`]: the first part that does not verify.
pub fn verify_run(bytes: &[u8], expected: Option<Digest>) -> Result<VerifiedRun, VerifyError> {
    let bundle = RunBundle::from_bytes(bytes).map_err(|error| VerifyError::Record(error.to_string()))?;
    let contract = FullySigned::from_bytes(&bundle.contract).map_err(|error| VerifyError::Record(error.to_string()))?;
    if let Some(expected) = expected.filter(|expected| *expected != contract.digest()) {
        return Err(VerifyError::Contract { expected, actual: contract.digest() });
    }
    let manifest = Manifest::check(&bundle.manifest, &contract)
        .map_err(|reason| VerifyError::Record(format!("its manifest: {}", reason.reason())))?;
    let computation = contract
        .contract()
        .computation(manifest.fields().computation.as_str())
        .ok_or_else(|| VerifyError::Record("its computation is not in the contract".to_owned()))?;
    let mut owners = Vec::new();
    let mut permitted = Vec::new();
    for party in contract.contract().owners(computation) {
        let record = bundle.broker(&party.name).ok_or_else(|| VerifyError::Missing(party.name.to_string()))?;
        let check = OwnerCheck { party, record, contract: &contract, manifest: &manifest, keep: bundle.keep_key };
        let (owner, permit) = check.verify()?;
        owners.push(owner);
        permitted.push(permit);
    }
    if let Some(other) = bundle.brokers.iter().find(|record| !owners.iter().any(|o| o.owner == record.owner.as_str())) {
        return Err(VerifyError::Record(format!("it has a part of `{}`, who owns nothing in this run", other.owner)));
    }
    match permitted.as_slice() {
        [first, rest @ ..] if rest.iter().all(|permit| permit == first) => {
            let Permitted { result, ordinary_bytes } = *first;
            Ok(VerifiedRun { contract, manifest, keep_key: bundle.keep_key, result, ordinary_bytes, owners })
        }
        _ => Err(VerifyError::Record(
            "its permits are for different results, or for different amounts of memory".to_owned(),
        )),
    }
}

/// Verifies that `object` is the result that all owners of `run` permitted, signed by the keep's attested key.
///
/// # Errors
/// [`VerifyError::Result`].
pub fn verify_result(object: &[u8], run: &VerifiedRun) -> Result<ResultBody, VerifyError> {
    let body = ResultBody::verify(object, &run.keep_key).map_err(|error| VerifyError::Result(error.to_string()))?;
    if body.digest() != run.result {
        return Err(VerifyError::Result("no owner permitted it".to_owned()));
    }
    let fields = run.manifest.fields();
    let agrees = body.run == fields.run
        && body.contract == fields.contract
        && body.computation == fields.computation
        && body.study == fields.study;
    if !agrees {
        return Err(VerifyError::Result("it is of another run".to_owned()));
    }
    let computation = run.contract.contract().computation(fields.computation.as_str());
    let computation = computation.ok_or_else(|| VerifyError::Result("its computation is unknown".to_owned()))?;
    body.output.check(&computation.program).map_err(|error| VerifyError::Result(error.to_string()))?;
    Ok(body)
}

/// What all owners have to have signed alike.
#[derive(Clone, Copy, Eq, PartialEq)]
struct Permitted {
    result: Digest,
    ordinary_bytes: u64,
}

struct OwnerCheck<'a> {
    party: &'a Party,
    record: &'a BrokerRecord,
    contract: &'a FullySigned,
    manifest: &'a Manifest,
    keep: PublicKey,
}

impl OwnerCheck<'_> {
    fn verify(&self) -> Result<(VerifiedOwner, Permitted), VerifyError> {
        let key = self.party.broker.as_ref().map(|broker| broker.key);
        let key = key.ok_or_else(|| VerifyError::Missing(format!("the broker of {}", self.party.name)))?;
        let challenge = ChallengeStatement::verify(&self.record.challenge, &key).map_err(self.part("challenge"))?;
        let decision = DecisionStatement::verify(&self.record.decision, &key).map_err(self.part("decision"))?;
        let permit = PermitStatement::verify(&self.record.permit, &key).map_err(self.part("permit"))?;
        let (keep, evidence) = self.evidence(&challenge, &key, decision.at)?;
        let keep_key = self.keep.spki_digest();
        self.same("decision", "run", decision.run == self.manifest.fields().run)?;
        self.same("decision", "contract", decision.contract == self.contract.digest())?;
        self.same("decision", "manifest", decision.manifest == self.manifest.digest())?;
        self.same("decision", "keep", decision.keep_key == keep_key)?;
        self.same("decision", "evidence", decision.evidence == evidence)?;
        self.same("decision", "owner", decision.owner == self.party.name)?;
        self.same("permit", "run", permit.run == decision.run)?;
        self.same("permit", "contract", permit.contract == decision.contract)?;
        self.same("permit", "keep", permit.keep_key == keep_key)?;
        self.same("permit", "owner", permit.owner == self.party.name)?;
        self.same("evidence", "program", keep.program == Some(self.manifest.fields().program))?;
        self.same("evidence", "isolation", keep.isolation == self.manifest.fields().isolation)?;
        let contract = self.contract.contract();
        let runner = &self.manifest.fields().runner;
        let runners = keep.launcher.is_some_and(|launcher| check_launcher(contract, runner, launcher).is_ok());
        self.same("evidence", "launcher", runners)?;
        let study = contract.study();
        self.same("evidence", "lack", keep.lacks.iter().all(|lack| study.accept_lacks.contains(lack)))?;
        self.same("decision", "time", decision.at < study.expires)?;
        self.same("permit", "time", permit.at < study.expires)?;
        self.same("permit", "gate", self.gates_passed(&permit.gates))?;
        let is_lack = keep.lacks.contains(&Lack::SecretPlaintext);
        self.same("permit", "lack", permit.ordinary_bytes == 0 || is_lack)?;
        let release = self.receipt("release receipt", &self.record.release_receipt, &key, Event::Release, &decision)?;
        let logged = self.receipt("permit receipt", &self.record.permit_receipt, &key, Event::Permit, &decision)?;
        self.same("permit receipt", "result", logged.body().result == Some(permit.result))?;
        let ordinary = logged.body().ordinary_bytes == Some(permit.ordinary_bytes);
        self.same("permit receipt", "number of bytes outside secret memory", ordinary)?;
        let permitted = Permitted { result: permit.result, ordinary_bytes: permit.ordinary_bytes };
        let owner = self.party.name.to_string();
        let gates = permit.gates;
        let verified = VerifiedOwner { owner, keep, decided_at: decision.at, release, permit: logged, gates };
        Ok((verified, permitted))
    }

    fn evidence(
        &self,
        challenge: &ChallengeStatement,
        broker: &PublicKey,
        at: UnixTime,
    ) -> Result<(Keep, Digest), VerifyError> {
        let part = "evidence";
        let evidence =
            Evidence::from_bytes(&self.record.evidence).map_err(|refusal| self.failed(part, refusal.actual()))?;
        let launcher = claimed_signer(evidence.bytes()).map_err(self.part(part))?;
        let binding = Binding {
            role: Role::Keep,
            nonce: challenge.nonce,
            manifest: self.manifest.digest(),
            exporter: self.record.exporter,
            own_key: self.keep.spki_digest(),
            peer_key: broker.spki_digest(),
        };
        let endorsements = Endorsements::of_launchers([launcher]);
        let authenticated = authenticate(&evidence, &endorsements, &Bound::new(binding), at).map_err(|refusal| {
            self.failed(
                part,
                format!("{}: expected {}, found {}", refusal.rule(), refusal.expected(), refusal.actual()),
            )
        })?;
        let keep = Keep::of(authenticated.claims())
            .ok_or_else(|| self.failed(part, format!("evidence of format `{}`", evidence.format())))?;
        Ok((keep, evidence.digest()))
    }

    fn receipt(
        &self,
        part: &'static str,
        bytes: &[u8],
        key: &PublicKey,
        event: Event,
        decision: &DecisionStatement,
    ) -> Result<VerifiedReceipt, VerifyError> {
        let receipt = Receipt::from_bytes(bytes).map_err(self.part(part))?;
        let verified = receipt.verify(&Origin::of_key(key), key).map_err(self.part(part))?;
        let body: &ReceiptBody = verified.body();
        self.same(part, "event", body.event == event)?;
        self.same(part, "owner", body.owner == self.party.name.as_str())?;
        self.same(part, "run", body.run.as_ref() == Some(decision.run.as_bytes()))?;
        self.same(part, "contract", body.contract == Some(decision.contract))?;
        self.same(part, "manifest", body.manifest == Some(decision.manifest))?;
        self.same(part, "keep", body.keep_key == Some(decision.keep_key))?;
        self.same(part, "evidence", body.evidence == Some(decision.evidence))?;
        self.same(part, "domain", body.domain == Some(decision.domain))?;
        Ok(verified)
    }

    /// Every rule of every gate of this owner's datasets was decided and passed; nobody else's failed.
    fn gates_passed(&self, outcomes: &[GateOutcome]) -> bool {
        let contract = self.contract.contract();
        let read = |name: &DatasetName| self.manifest.fields().datasets.iter().any(|dataset| dataset.name == *name);
        let own = contract.datasets().iter().filter(|dataset| dataset.owner == self.party.name && read(&dataset.name));
        let Some(computation) = contract.computation(self.manifest.fields().computation.as_str()) else { return false };
        let mut wanted = own.flat_map(|dataset| {
            let rules = dataset.gate.rules_for(&computation.program);
            rules.into_iter().map(|rule| GateOutcome::passed(dataset.name.clone(), rule))
        });
        outcomes.iter().all(|outcome| outcome.passed) && wanted.all(|rule| outcomes.contains(&rule))
    }

    fn same(&self, part: &'static str, field: &'static str, agrees: bool) -> Result<(), VerifyError> {
        if agrees { Ok(()) } else { Err(VerifyError::Mismatch { owner: self.party.name.to_string(), part, field }) }
    }

    fn part<E: std::fmt::Display>(&self, part: &'static str) -> impl Fn(E) -> VerifyError {
        let owner = self.party.name.to_string();
        move |error| VerifyError::Part { owner: owner.clone(), part, why: error.to_string() }
    }

    fn failed(&self, part: &'static str, why: impl Into<String>) -> VerifyError {
        VerifyError::Part { owner: self.party.name.to_string(), part, why: why.into() }
    }
}
