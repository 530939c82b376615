//! Releases an owner's keys to one keep: the product in one function.
//!
//! 1. Every owner of the run has decided to allow, for this run, contract, manifest and keep.
//! 2. The contract and this owner's policies still allow it, by a verdict that still counts.
//! 3. The owner's domain is still the one that the verdict was made under.
//! 4. The keys unwrap: a receipt tells of no release that could not happen.
//! 5. The receipt is durable; the same transaction checks revocation and the study's floor. Only then do keys leave here.

use casemate_channel::{broker_side::Assembled, message::DatasetKey};
use casemate_contract::{Decision, DenyReason, Run, authorise, check_peers};
use casemate_cose::{UnixTime, decode};
use casemate_evidence::Bound;
use casemate_keyring::WrappedKey;
use casemate_ledger::{Event, ReceiptBody};
use casemate_trust::{Accepted, Reason};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    Broker,
    decide_run::{Agreed, standing},
    random::random,
    refuse::store_reasons,
};

const WRAPPED_BYTES_MAX: usize = 1024;

/// The receipt, durable, and the keys that may leave because of it.
pub(crate) async fn release_key<S: AsyncRead + AsyncWrite + Unpin>(
    broker: &Broker,
    agreed: &Agreed,
    session: &Assembled<S>,
    at: UnixTime,
) -> Result<(Vec<u8>, Vec<DatasetKey>), Vec<Reason>> {
    let Agreed { contract, run, datasets, .. } = agreed;
    check_peers(session.decisions(), contract, &run.manifest, run.keep_key, at).map_err(reasons)?;
    let run = Run { standing: standing(broker, contract, datasets).await?, ..run.clone() };
    match authorise(contract, &run, session.verdict(), &broker.owner, at) {
        Decision::Allow(_) => {}
        Decision::Deny(denied) => return Err(reasons(denied)),
    }
    broker.check_domain(session.verdict().domain_digest())?;
    let mut keys = Vec::with_capacity(datasets.len());
    for (name, version) in datasets {
        keys.push(unwrap(broker, agreed, name, version).await?);
    }
    let body = body(broker, agreed, session.verdict(), Event::Release, at);
    let salt = random().map_err(|reason| vec![reason])?;
    let committed = broker.store.commit_release(&body, &salt, &broker.log_signer()).await;
    let receipt = committed.map_err(|error| store_reasons(contract, error))?;
    Ok((receipt.to_bytes(), keys))
}

/// The facts of a run at this broker, as its receipts state them.
pub(crate) fn body(
    broker: &Broker,
    agreed: &Agreed,
    verdict: &Accepted<Bound>,
    event: Event,
    at: UnixTime,
) -> ReceiptBody {
    let claims = verdict.claims();
    let fields = agreed.manifest().fields();
    ReceiptBody {
        study: Some(fields.study.to_string()),
        contract: Some(agreed.contract.digest()),
        run: Some(*agreed.run_id().as_bytes()),
        manifest: Some(agreed.manifest().digest()),
        evidence: Some(verdict.evidence_digest()),
        domain: Some(verdict.domain_digest()),
        keep_key: Some(agreed.run.keep_key),
        isolation: Some(claims.isolation.to_string()),
        lacks: claims.lacks.iter().map(ToString::to_string).collect(),
        datasets: agreed.dataset_names(),
        reasons: vec![format!(
            "computation `{}` of the contract, sequence {}, run by `{}`; the domain accepts the evidence; every owner agreed",
            fields.computation, fields.sequence, fields.runner
        )],
        ..ReceiptBody::new(event, broker.owner.as_str(), at)
    }
}

async fn unwrap(
    broker: &Broker,
    agreed: &Agreed,
    name: &str,
    version: &casemate_store::DatasetVersion,
) -> Result<DatasetKey, Vec<Reason>> {
    let unknown = |actual: String| {
        vec![Reason::new(
            "dataset-key",
            format!("the key of `{name}` in this broker's store"),
            actual,
            "the owner restores the key backup, or seals the dataset again under a new contract",
        )]
    };
    let stored = broker.store.dataset_version(version).await.map_err(|error| store_reasons(&agreed.contract, error))?;
    let stored = stored.ok_or_else(|| unknown("none".to_owned()))?;
    let wrapped: WrappedKey =
        decode(&stored.sealed.wrapped_key, WRAPPED_BYTES_MAX).map_err(|error| unknown(error.to_string()))?;
    if wrapped.dataset_id != version.id || wrapped.version != version.version {
        return Err(unknown("the key of another version".to_owned()));
    }
    let key = broker.keys.unwrap(&wrapped).map_err(|error| unknown(error.to_string()))?;
    Ok(DatasetKey { dataset: name.to_owned(), key: *key })
}

fn reasons(denied: Vec<DenyReason>) -> Vec<Reason> {
    denied.iter().map(DenyReason::reason).collect()
}
