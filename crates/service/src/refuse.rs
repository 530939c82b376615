//! Refusals: each of a contract of this owner's has its receipt, and each failure of the store is one.
//!
//! Who has shown no contract that this owner signed leaves no trace in the ledger: anybody could make it grow for ever. Who
//! has one leaves at most [`UNBELIEVED_PER_HOUR_MAX`] entries an hour and contract as long as no evidence was believed, and
//! [`BELIEVED_PER_HOUR_MAX`] from then on, counted apart: a stranger can't crowd out what a real keep was refused for.

use casemate_contract::{DatasetName, DenyReason, FullySigned, RunId};
use casemate_cose::{Digest, UnixTime};
use casemate_ledger::{Event as Logged, ReceiptBody};
use casemate_store::{DatasetError, FloorError, RunError, StoreError};
use casemate_trust::Reason;

use crate::{Broker, Event, quota::Quota, random::random};

/// Refused claims of one contract that the ledger tells of in an hour, their evidence not believed.
const UNBELIEVED_PER_HOUR_MAX: u64 = 60;
/// Refused claims of one contract that the ledger tells of in an hour, their evidence believed.
const BELIEVED_PER_HOUR_MAX: u64 = 240;

/// How far a claim was believed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Standing {
    /// No contract that this owner signed.
    Stranger,
    /// A contract of this owner's, which any party and any launcher may have, and its thieves.
    OfContract,
    /// A keep that the owner's domain accepts.
    Believed,
}

/// Who has shown a claim that nothing was decided for yet.
pub(crate) struct Claimant {
    /// What is known for the receipt.
    pub(crate) facts: ReceiptBody,
    pub(crate) standing: Standing,
}

impl Claimant {
    pub(crate) fn new(broker: &Broker, at: UnixTime) -> Self {
        let facts = ReceiptBody::new(Logged::Refusal, broker.owner.as_str(), at);
        Self { facts, standing: Standing::Stranger }
    }
}

/// Refused claims by contract and standing.
pub(crate) struct Claims(Quota<(Option<Digest>, Standing)>);

impl Claims {
    pub(crate) const fn new() -> Self {
        Self(Quota::new())
    }

    /// Room for one more in the ledger, or how many there was none for.
    fn take(&self, claimant: &Claimant) -> Result<(), u64> {
        let max = match claimant.standing {
            Standing::Stranger => 0,
            Standing::OfContract => UNBELIEVED_PER_HOUR_MAX,
            Standing::Believed => BELIEVED_PER_HOUR_MAX,
        };
        // Contracts of strangers are as many as they like; they share one count.
        let contract = claimant.facts.contract.filter(|_| claimant.standing != Standing::Stranger);
        self.0.take((contract, claimant.standing), max, claimant.facts.at)
    }
}

/// Refuses a keep that this broker has not decided for, and gives back the reasons. The run that it names may be decided
/// already, in another session: that one goes on.
pub(crate) async fn refuse_claim(broker: &Broker, claimant: Claimant, mut reasons: Vec<Reason>) -> Vec<Reason> {
    if let Err(count) = broker.claims.take(&claimant) {
        let event = Event::Unlogged { reasons: reasons.clone(), count };
        broker.tell_of_strangers("unlogged", |_| event);
        return reasons;
    }
    let body = refusal(broker, claimant.facts, &reasons);
    if let Err(reason) = append(broker, &body, Whose::Claim).await {
        reasons.push(reason);
    }
    broker.tell(&Event::Refused { reasons: reasons.clone() });
    reasons
}

/// Writes the refusal of a keep that this broker has decided for into the ledger, which ends its run, and gives back the
/// reasons, with one more where the ledger failed.
pub(crate) async fn log_refusal(broker: &Broker, facts: ReceiptBody, mut reasons: Vec<Reason>) -> Vec<Reason> {
    if let Err(reason) = append(broker, &refusal(broker, facts, &reasons), Whose::Run).await {
        reasons.push(reason);
    }
    broker.tell(&Event::Refused { reasons: reasons.clone() });
    reasons
}

fn refusal(broker: &Broker, facts: ReceiptBody, reasons: &[Reason]) -> ReceiptBody {
    ReceiptBody { reasons: reasons.iter().map(ToString::to_string).collect(), at: broker.now(), ..facts }
}

enum Whose {
    Claim,
    Run,
}

async fn append(broker: &Broker, body: &ReceiptBody, whose: Whose) -> Result<(), Reason> {
    let (salt, signer) = (random()?, broker.log_signer());
    let committed = match whose {
        Whose::Claim => broker.store.commit_refused_claim(body, &salt, &signer).await,
        Whose::Run => broker.store.commit_refusal(body, &salt, &signer).await,
    };
    committed.map(|_| broker.store_works()).map_err(|error| failed(broker, &error))
}

/// As [`machine`]; the operator is told what is wrong with the store.
pub(crate) fn failed(broker: &Broker, error: &StoreError) -> Reason {
    tell_cause(broker, error);
    machine(error)
}

/// What a refusal or failure of the store means for a run. The operator is told what is wrong with a store that fails.
pub(crate) fn denied(broker: &Broker, contract: &FullySigned, error: StoreError) -> Vec<Reason> {
    tell_cause(broker, &error);
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

/// The broker's own machine failed: closed. Whoever asks learns nothing of it but whom to ask.
pub(crate) fn machine(error: &(dyn std::error::Error + 'static)) -> Reason {
    let actual = match error.downcast_ref::<StoreError>() {
        Some(StoreError::Dataset(DatasetError::Unknown(_))) => "a dataset that this broker has no key of",
        _ => "none",
    };
    Reason::new(
        "broker-store",
        "a durable record of the decision",
        actual,
        "the owner's operator must look: the broker's own output says what is wrong",
    )
}

fn tell_cause(broker: &Broker, error: &StoreError) {
    let remedy = match error {
        // What the store does not allow, and not what it can't do.
        StoreError::Dataset(_) | StoreError::Domain(_) | StoreError::Floor(_) | StoreError::Run(_) => return,
        StoreError::Busy { path } => {
            format!("end the other program that holds `{}`; the broker then goes on by itself", path.display())
        }
        StoreError::Full { path } => {
            format!("free space on the disk of `{}`; the broker then goes on by itself", path.display())
        }
        StoreError::Unwritable { path } => format!(
            "make `{}` writable for the broker's user, and check a disk that the kernel made read-only; then start the \
             broker again",
            path.display()
        ),
        error => error.remedy().unwrap_or_else(|| {
            "check the disk with the system's tools, then the ledger with `casemate receipt verify`".to_owned()
        }),
    };
    broker.store_fails(error.to_string(), remedy);
}
