//! Keeps the evidence that this broker judged, with all that is needed to judge it again: what a later domain would say of it can be
//! asked, and what this one said be proved.
//!
//! It is durable before anybody hears what came of it, so that no decision rests on evidence that is nowhere. How much is kept is the
//! store's to limit.

use casemate_channel::broker_side::Claimed;
use casemate_contract::{FullySigned, Manifest};
use casemate_cose::{Digest, UnixTime};
use casemate_evidence::Bound;
use casemate_store::Judged;
use casemate_trust::{Reason, Verdict};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{Broker, refuse::failed};

/// What evidence was judged for and with.
pub(crate) struct Judgement<'a> {
    pub(crate) contract: &'a FullySigned,
    pub(crate) manifest: &'a Manifest,
    pub(crate) domain: Digest,
    pub(crate) bundle: Option<Digest>,
    pub(crate) at: UnixTime,
}

/// Keeps the evidence of a session and the proof of its acceptance, if it was accepted.
pub(crate) async fn keep_evidence<S: AsyncRead + AsyncWrite + Unpin>(
    broker: &Broker,
    claimed: &Claimed<S>,
    judgement: &Judgement<'_>,
    verdict: &Verdict<Bound>,
) -> Result<(), Reason> {
    let expectation = claimed.expectation();
    let binding = expectation.binding();
    let evidence = claimed.claim().evidence.clone();
    let judged = Judged {
        digest: Digest::of(&evidence),
        evidence,
        nonce: binding.nonce,
        exporter: binding.exporter,
        keep_key: binding.own_key,
        own_key: binding.peer_key,
        bundle: judgement.bundle,
        domain: judgement.domain,
        study: judgement.contract.contract().study().id.to_string(),
        contract: judgement.contract.digest(),
        manifest: judgement.manifest.digest(),
        run: *judgement.manifest.fields().run.as_bytes(),
        at: judgement.at,
        proof: match verdict {
            Verdict::Accepted(accepted) => Some(accepted.proof().to_bytes()),
            Verdict::Denied(_) => None,
        },
    };
    broker.store.keep_judged(&judged).await.map_err(|error| failed(broker, &error))
}
