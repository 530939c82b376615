//! Releases an owner's keys to one keep: the product in one function.
//!
//! 1. Every owner of the run has decided to allow, for this run, contract, manifest and keep.
//! 2. The contract and this owner's policies still allow it, by a verdict that still counts.
//! 3. The owner's domain is still the one that the verdict was made under.
//! 4. The keys would unwrap: a receipt tells of no release that could not happen.
//! 5. The receipt is durable; the same transaction checks revocation and the study's floor. What comes of it is a type,
//!    [`DurableReceipt`], and without one no key unwraps and none is sent.

use casemate_channel::{
    ChannelError,
    broker_side::{Assembled, Released},
    message::DatasetKey,
};
use casemate_contract::{Decision, DenyReason, Run, authorise, check_peers};
use casemate_cose::{UnixTime, decode};
use casemate_evidence::Bound;
use casemate_keyring::WrappedKey;
use casemate_ledger::{DurableReceipt, Event, OfRelease, ReceiptBody};
use casemate_trust::{Accepted, Reason};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    Broker,
    decide_run::{Agreed, standing},
    random::random,
    refuse::denied,
};

const WRAPPED_BYTES_MAX: usize = 1024;

/// Why no key was released.
pub(crate) enum Stopped<S> {
    /// The session broke, and is gone.
    Broken(ChannelError),
    /// The session is there to be told why.
    Refused(Box<Assembled<S>>, Vec<Reason>),
}

/// Uses up the session and the verdict that it was admitted on. What comes out has its keys and can be given no others.
pub(crate) async fn release_key<S: AsyncRead + AsyncWrite + Unpin>(
    broker: &Broker,
    agreed: &Agreed,
    session: Assembled<S>,
    at: UnixTime,
) -> Result<Released<S>, Stopped<S>> {
    match logged(broker, agreed, session.verdict(), session.decisions(), at).await {
        Ok((receipt, keys)) => session.release(receipt, keys, broker.now()).await.map_err(Stopped::Broken),
        Err(reasons) => Err(Stopped::Refused(Box::new(session), reasons)),
    }
}

async fn logged(
    broker: &Broker,
    agreed: &Agreed,
    verdict: &Accepted<Bound>,
    decisions: &[Vec<u8>],
    at: UnixTime,
) -> Result<(DurableReceipt<OfRelease>, Vec<DatasetKey>), Vec<Reason>> {
    let Agreed { contract, run, datasets, .. } = agreed;
    check_peers(decisions, contract, &run.manifest, run.keep_key, at).map_err(reasons)?;
    let run = Run { standing: standing(broker, contract, datasets).await?, ..run.clone() };
    match authorise(contract, &run, verdict, &broker.owner, at) {
        Decision::Allow(_) => {}
        Decision::Deny(denied) => return Err(reasons(denied)),
    }
    broker.check_domain(agreed, verdict, at).await?;
    let mut wrapped = Vec::with_capacity(datasets.len());
    for (name, version) in datasets {
        wrapped.push((name, wrapped_key(broker, agreed, name, version).await?));
    }
    let body = body(broker, agreed, verdict, Event::Release, at);
    let salt = random().map_err(|reason| vec![reason])?;
    let committed = broker.store.commit_release(&body, &salt, &broker.log_signer()).await;
    let receipt = committed.map_err(|error| denied(broker, contract, error))?;
    broker.store_works();
    let mut keys = Vec::with_capacity(wrapped.len());
    for (name, wrapped) in wrapped {
        let key = broker.keys.release(name, &wrapped, &receipt).map_err(|error| no_key(name, error.to_string()))?;
        keys.push(key.ok_or_else(|| no_key(name, "a receipt of other datasets".to_owned()))?);
    }
    Ok((receipt, keys))
}

/// The facts of a run at this broker, as its receipts state them.
pub(crate) fn body(
    broker: &Broker,
    agreed: &Agreed,
    verdict: &Accepted<Bound>,
    event: Event,
    at: UnixTime,
) -> ReceiptBody {
    let keep = verdict.keep();
    let fields = agreed.manifest().fields();
    let mut reasons = vec![format!(
        "computation `{}` of the contract, sequence {}, run by `{}`; the domain accepts the evidence; every owner agreed",
        fields.computation, fields.sequence, fields.runner
    )];
    let computation = agreed.contract.contract().computation(fields.computation.as_str());
    reasons.extend(computation.and_then(|computation| computation.program.free_form()).map(str::to_owned));
    ReceiptBody {
        study: Some(fields.study.to_string()),
        contract: Some(agreed.contract.digest()),
        run: Some(*agreed.run_id().as_bytes()),
        manifest: Some(agreed.manifest().digest()),
        evidence: Some(verdict.evidence_digest()),
        domain: Some(verdict.domain_digest()),
        keep_key: Some(agreed.run.keep_key),
        isolation: keep.map(|keep| keep.isolation.to_string()),
        lacks: keep.iter().flat_map(|keep| &keep.lacks).map(ToString::to_string).collect(),
        datasets: agreed.dataset_names(),
        reasons,
        ..ReceiptBody::new(event, broker.owner.as_str(), at)
    }
}

/// The key as the store has it, of this version, and such that it opens.
async fn wrapped_key(
    broker: &Broker,
    agreed: &Agreed,
    name: &str,
    version: &casemate_store::DatasetVersion,
) -> Result<WrappedKey, Vec<Reason>> {
    let stored = broker.store.dataset_version(version).await;
    let stored = stored.map_err(|error| denied(broker, &agreed.contract, error))?;
    let stored = stored.ok_or_else(|| no_key(name, "none".to_owned()))?;
    let wrapped: WrappedKey =
        decode(&stored.sealed.wrapped_key, WRAPPED_BYTES_MAX).map_err(|error| no_key(name, error.to_string()))?;
    if wrapped.dataset_id != version.id || wrapped.version != version.version {
        return Err(no_key(name, "the key of another version".to_owned()));
    }
    broker.keys.opens(&wrapped).map_err(|error| no_key(name, error.to_string()))?;
    Ok(wrapped)
}

fn no_key(name: &str, actual: String) -> Vec<Reason> {
    vec![Reason::new(
        "dataset-key",
        format!("the key of `{name}` in this broker's store"),
        actual,
        "the owner restores the key backup, or seals the dataset again under a new contract",
    )]
}

fn reasons(denied: Vec<DenyReason>) -> Vec<Reason> {
    denied.iter().map(DenyReason::reason).collect()
}
