//! Permits one result to leave a keep, or refuses.
//!
//! 1. The gates: one outcome for each rule of each of this owner's datasets, each passed. What lay outside secret memory: nothing,
//!    unless evidence named that lack.
//! 2. The contract has not expired, and the owner's domain is still the one that the verdict was made under.
//! 3. The receipt is durable; the same transaction checks that the keys were released before, that no dataset was revoked
//!    since, and that no other result of this run was permitted.
//! 4. Only then is the permit signed; it is sent with the [`DurableReceipt`] of 3, or not at all.

use std::collections::BTreeSet;

use casemate_channel::message::PermitRequest as Asked;
use casemate_contract::{DenyReason, GateOutcome, PermitDecision, PermitRequest, RunRecord, authorise_permit};
use casemate_cose::{UnixTime, decode};
use casemate_evidence::Bound;
use casemate_ledger::{DurableReceipt, Event, OfPermit};
use casemate_store::RunState;
use casemate_trust::{Accepted, Reason};

use crate::{
    Broker,
    decide_run::{Agreed, standing},
    random::random,
    refuse::denied,
    release_key::body,
};

const GATES_BYTES_MAX: usize = 1 << 20;

/// The signed permit and its receipt.
pub(crate) async fn permit_result(
    broker: &Broker,
    agreed: &Agreed,
    verdict: &Accepted<Bound>,
    request: &Asked,
    at: UnixTime,
) -> Result<(Vec<u8>, DurableReceipt<OfPermit>), Vec<Reason>> {
    let gates: Vec<GateOutcome> = decode(&request.gates, GATES_BYTES_MAX).map_err(|error| {
        vec![Reason::new(
            "gate-outcomes",
            "the outcome of each gate",
            error.to_string(),
            "report it: it is a defect of Casemate",
        )]
    })?;
    let request = PermitRequest { result: request.result, gates, ordinary_bytes: request.ordinary_bytes };
    let record = record(broker, agreed).await?;
    let permit = match authorise_permit(&agreed.contract, &agreed.allow, &request, &record, at) {
        PermitDecision::Permit(permit) => permit,
        PermitDecision::Deny(unmet) => return Err(unmet.iter().map(DenyReason::reason).collect()),
    };
    broker.check_domain(agreed, verdict, at).await?;
    let mut body = body(broker, agreed, verdict, Event::Permit, at);
    body.result = Some(request.result);
    body.ordinary_bytes = Some(request.ordinary_bytes);
    body.gates = request.gates.iter().map(describe).collect();
    let salt = random().map_err(|reason| vec![reason])?;
    let committed = broker.store.commit_permit(&body, &salt, &broker.log_signer()).await;
    let receipt = committed.map_err(|error| denied(broker, &agreed.contract, error))?;
    broker.store_works();
    Ok((permit.statement().sign(broker.key()), receipt))
}

/// What this broker remembers of the run, as of now.
async fn record(broker: &Broker, agreed: &Agreed) -> Result<RunRecord, Vec<Reason>> {
    let stored = broker.store.run(agreed.run_id().as_bytes()).await;
    let stored = stored.map_err(|error| denied(broker, &agreed.contract, error))?;
    let is_released = stored.is_some_and(|run| matches!(run.state, RunState::Released | RunState::Permitted));
    let released = if is_released { agreed.allow.datasets().iter().cloned().collect() } else { BTreeSet::new() };
    // The store refuses a second result of one run in the transaction that logs the permit.
    Ok(RunRecord { released, permitted: None, standing: standing(broker, &agreed.contract, &agreed.datasets).await? })
}

fn describe(outcome: &GateOutcome) -> String {
    format!("{}: {}: {}", outcome.dataset, outcome.gate, if outcome.passed { "passed" } else { "refused" })
}
