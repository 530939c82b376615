//! Refusals: each has its receipt, and each failure of the store is one.

use casemate_contract::{DatasetName, DenyReason, FullySigned, RunId};
use casemate_ledger::ReceiptBody;
use casemate_store::{DatasetError, FloorError, RunError, StoreError};
use casemate_trust::Reason;

use crate::{Broker, Event, random::random};

/// Writes a refusal into the ledger and gives back its reasons, with one more where the ledger failed.
pub(crate) async fn log_refusal(broker: &Broker, facts: ReceiptBody, mut reasons: Vec<Reason>) -> Vec<Reason> {
    let body = ReceiptBody { reasons: reasons.iter().map(ToString::to_string).collect(), at: broker.now(), ..facts };
    if let Err(reason) = append(broker, &body).await {
        reasons.push(reason);
    }
    broker.tell(&Event::Refused { reasons: reasons.clone() });
    reasons
}

/// Writes the refusal of a keep that this broker has not decided for. The run that it names may be decided already, in
/// another session of the same keep: that one goes on, or has ended, and this refusal is not its.
pub(crate) async fn log_refused_claim(broker: &Broker, facts: ReceiptBody, reasons: Vec<Reason>) -> Vec<Reason> {
    let known = match &facts.run {
        Some(run) => broker.store.run(run).await.ok().flatten(),
        None => None,
    };
    let others = known.is_some_and(|known| facts.keep_key == Some(known.terms.keep_key));
    let keep_key = facts.keep_key.filter(|_| !others);
    log_refusal(broker, ReceiptBody { keep_key, ..facts }, reasons).await
}

async fn append(broker: &Broker, body: &ReceiptBody) -> Result<(), Reason> {
    let salt = random()?;
    broker.store.commit_refusal(body, &salt, &broker.log_signer()).await.map(drop).map_err(|error| machine(&error))
}

/// What a refusal or failure of the store means for a run.
pub(crate) fn store_reasons(contract: &FullySigned, error: StoreError) -> Vec<Reason> {
    let study = contract.contract().study();
    let reason = match error {
        StoreError::Floor(FloorError::Older { current, offered, .. }) => {
            DenyReason::Superseded { floor: current.sequence, actual: offered }.reason()
        }
        StoreError::Floor(FloorError::Other { current, .. }) => {
            DenyReason::Forked { sequence: study.sequence, expected: current.digest, actual: contract.digest() }
                .reason()
        }
        StoreError::Dataset(DatasetError::Revoked { name, .. }) => match name.parse::<DatasetName>() {
            Ok(dataset) => DenyReason::Revoked { dataset }.reason(),
            Err(error) => machine(&error),
        },
        StoreError::Run(RunError::Different { run, .. }) => {
            DenyReason::RunReused { run: RunId::from_bytes(run) }.reason()
        }
        StoreError::Run(error) => {
            Reason::new("run-state", "a step that follows on the run's state", error.to_string(), "start a new run")
        }
        error => machine(&error),
    };
    vec![reason]
}

/// The broker's own machine failed: closed, with the reason but no path of its file system.
pub(crate) fn machine(error: &(dyn std::error::Error + 'static)) -> Reason {
    let actual = match error.downcast_ref::<StoreError>() {
        Some(StoreError::Full { .. }) => "no space is left",
        Some(StoreError::Busy { .. }) => "the store is being written by another process",
        Some(StoreError::Dataset(DatasetError::Unknown(_))) => "a dataset that this broker has no key of",
        Some(_) => "the store failed",
        None => "a defect",
    };
    Reason::new(
        "broker-store",
        "a durable record of the decision",
        actual,
        "the owner's operator looks at the broker's screen",
    )
}
