//! The broker's steps.
//!
//! Each step takes the state before by value; one that fails leaves no state behind, and the connection with it.
//! [docs/formats/channel.md, States]

use casemate_cose::{Digest, PublicKey, UnixTime};
use casemate_evidence::{Binding, Bound, Role};
use casemate_ledger::{DurableReceipt, OfPermit, OfRelease};
use casemate_trust::Accepted;

use super::Ends;
use crate::{
    ChannelError,
    message::{Attest, DatasetKey, FromBroker, Named as _, Permit, PermitRequest, Release, ToBroker},
};

/// After the handshake.
#[derive(Debug)]
pub(crate) struct Arrived {
    ends: Ends,
}

impl Arrived {
    pub(crate) const fn new(ends: Ends) -> Self {
        Self { ends }
    }

    /// Asks with the signed challenge that contains `nonce`.
    pub(crate) const fn challenge(self, statement: Vec<u8>, nonce: [u8; 32]) -> (FromBroker, Challenging) {
        (FromBroker::Challenge { statement }, Challenging { ends: self.ends, nonce })
    }
}

/// Takes [`ToBroker::Attest`].
#[derive(Debug)]
pub(crate) struct Challenging {
    ends: Ends,
    nonce: [u8; 32],
}

impl Challenging {
    pub(crate) fn claimed(self, message: ToBroker) -> Result<Claimed, ChannelError> {
        match heard(message)? {
            ToBroker::Attest(claim) => {
                let binding = self.ends.peer_binding(Role::Keep, self.nonce, Digest::of(&claim.manifest));
                Ok(Claimed { ends: self.ends, claim, binding })
            }
            other => Err(unexpected("attest", &other)),
        }
    }
}

/// Takes a verdict of this session.
#[derive(Debug)]
pub(crate) struct Claimed {
    ends: Ends,
    claim: Attest,
    binding: Binding,
}

impl Claimed {
    pub(crate) const fn claim(&self) -> &Attest {
        &self.claim
    }

    pub(crate) const fn keep(&self) -> PublicKey {
        self.ends.peer
    }

    /// What the evidence must be bound to.
    pub(crate) fn expectation(&self) -> Bound {
        Bound::new(self.binding.clone())
    }

    /// The verdict is over this session's evidence, bound to this session, and still counts.
    pub(crate) fn admit(self, verdict: Accepted<Bound>, at: UnixTime) -> Result<Admitted, ChannelError> {
        let other = |field| Err(ChannelError::VerdictOfOtherSession { field });
        if verdict.evidence_digest() != Digest::of(&self.claim.evidence) {
            return other("evidence");
        }
        if let Some(field) = differing_field(verdict.binding().binding(), &self.binding) {
            return other(field);
        }
        unexpired(&verdict, at)?;
        Ok(Admitted(Believed { ends: self.ends, claim: self.claim, verdict }))
    }
}

#[cfg(test)]
impl Claimed {
    /// For the model: expects another binding, one that leaves something out.
    pub(crate) fn with_binding(self, binding: Binding) -> Self {
        Self { binding, ..self }
    }
}

/// A keep that a verdict of this session let in.
#[derive(Debug)]
pub(crate) struct Believed {
    ends: Ends,
    claim: Attest,
    verdict: Accepted<Bound>,
}

impl Believed {
    pub(crate) const fn claim(&self) -> &Attest {
        &self.claim
    }

    pub(crate) const fn keep(&self) -> PublicKey {
        self.ends.peer
    }

    pub(crate) const fn verdict(&self) -> &Accepted<Bound> {
        &self.verdict
    }
}

/// May decide.
#[derive(Debug)]
pub(crate) struct Admitted(Believed);

impl Admitted {
    pub(crate) const fn believed(&self) -> &Believed {
        &self.0
    }

    /// Says what this broker decided.
    pub(crate) fn decide(self, statement: Vec<u8>) -> (FromBroker, Decided) {
        (FromBroker::Decision { statement }, Decided(self.0))
    }
}

/// Takes [`ToBroker::Decisions`].
#[derive(Debug)]
pub(crate) struct Decided(Believed);

impl Decided {
    pub(crate) fn assembled(self, message: ToBroker) -> Result<Assembled, ChannelError> {
        match heard(message)? {
            ToBroker::Decisions { all } => {
                Ok(Assembled { believed: self.0, decisions: all.into_iter().map(Vec::from).collect() })
            }
            other => Err(unexpected("decisions", &other)),
        }
    }
}

/// May release.
#[derive(Debug)]
pub(crate) struct Assembled {
    believed: Believed,
    decisions: Vec<Vec<u8>>,
}

impl Assembled {
    pub(crate) const fn believed(&self) -> &Believed {
        &self.believed
    }

    pub(crate) fn decisions(&self) -> &[Vec<u8>] {
        &self.decisions
    }

    /// Gives the keys, with a receipt that is this session's, on a verdict that still counts.
    pub(crate) fn release(
        self,
        receipt: DurableReceipt<OfRelease>,
        keys: Vec<DatasetKey>,
        at: UnixTime,
    ) -> Result<(FromBroker, Released), ChannelError> {
        let Self { believed, .. } = self;
        let manifest = receipt.body().manifest == Some(Digest::of(&believed.claim.manifest));
        let datasets = keys.iter().all(|key| receipt.body().datasets.contains(&key.dataset));
        let (ends, verdict) = (believed.ends, believed.verdict);
        of_session(&ends, &verdict, &receipt, &[("manifest", manifest), ("datasets", datasets)])?;
        unexpired(&verdict, at)?;
        let receipt = receipt.receipt().to_bytes();
        Ok((FromBroker::Release(Release { receipt, keys }), Released { ends, verdict }))
    }
}

/// Takes [`ToBroker::PermitRequest`].
#[derive(Debug)]
pub(crate) struct Released {
    ends: Ends,
    verdict: Accepted<Bound>,
}

impl Released {
    pub(crate) fn permit_asked(self, message: ToBroker) -> Result<PermitAsked, ChannelError> {
        match heard(message)? {
            ToBroker::PermitRequest(request) => Ok(PermitAsked { ends: self.ends, verdict: self.verdict, request }),
            other => Err(unexpected("permit request", &other)),
        }
    }
}

/// May permit.
#[derive(Debug)]
pub(crate) struct PermitAsked {
    ends: Ends,
    verdict: Accepted<Bound>,
    request: PermitRequest,
}

impl PermitAsked {
    pub(crate) const fn request(&self) -> &PermitRequest {
        &self.request
    }

    pub(crate) const fn keep(&self) -> PublicKey {
        self.ends.peer
    }

    pub(crate) const fn verdict(&self) -> &Accepted<Bound> {
        &self.verdict
    }

    /// Permits, with a receipt that is this session's, of the result asked for, and says what the keep said of its memory.
    pub(crate) fn permit(
        self,
        statement: Vec<u8>,
        receipt: DurableReceipt<OfPermit>,
    ) -> Result<FromBroker, ChannelError> {
        let result = receipt.body().result == Some(self.request.result);
        let memory = receipt.body().ordinary_bytes == Some(self.request.ordinary_bytes);
        of_session(
            &self.ends,
            &self.verdict,
            &receipt,
            &[("result", result), ("bytes outside secret memory", memory)],
        )?;
        let receipt = receipt.receipt().to_bytes();
        Ok(FromBroker::Permit(Permit { statement, receipt }))
    }
}

/// The message; the keep's giving up, which may come in any state, is an error.
fn heard(message: ToBroker) -> Result<ToBroker, ChannelError> {
    match message {
        ToBroker::Abandon { reason } => Err(ChannelError::Abandoned(reason)),
        message => Ok(message),
    }
}

fn unexpected(expected: &'static str, message: &ToBroker) -> ChannelError {
    ChannelError::Unexpected { expected, actual: message.name() }
}

/// The first field in which two bindings differ. All fields are public values; comparing them leaks nothing.
fn differing_field(verdict: &Binding, session: &Binding) -> Option<&'static str> {
    let Binding { role, nonce, manifest, exporter, own_key, peer_key } = session;
    [
        ("role", verdict.role == *role),
        ("nonce", verdict.nonce == *nonce),
        ("manifest", verdict.manifest == *manifest),
        ("exporter value", verdict.exporter == *exporter),
        ("keep's key", verdict.own_key == *own_key),
        ("broker's key", verdict.peer_key == *peer_key),
    ]
    .into_iter()
    .find_map(|(field, same)| (!same).then_some(field))
}

/// The receipt is of this broker's log and tells of this session, `besides` included.
fn of_session<K>(
    ends: &Ends,
    verdict: &Accepted<Bound>,
    receipt: &DurableReceipt<K>,
    besides: &[(&'static str, bool)],
) -> Result<(), ChannelError> {
    let body = receipt.body();
    let checks = [
        ("log", receipt.log() == ends.own),
        ("keep's key", body.keep_key == Some(ends.peer.spki_digest())),
        ("evidence", body.evidence == Some(verdict.evidence_digest())),
        ("domain", body.domain == Some(verdict.domain_digest())),
    ];
    match checks.iter().chain(besides).find(|(_, same)| !same) {
        None => Ok(()),
        Some((field, _)) => Err(ChannelError::ReceiptOfOtherSession { field }),
    }
}

fn unexpired(verdict: &Accepted<Bound>, at: UnixTime) -> Result<(), ChannelError> {
    let expired = verdict.expires();
    if at > expired { Err(ChannelError::VerdictExpired { expired, at }) } else { Ok(()) }
}
