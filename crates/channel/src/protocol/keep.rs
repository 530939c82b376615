//! The keep's steps.
//!
//! Each step takes the state before by value; one that fails leaves no state behind, and the connection with it.
//! [docs/formats/channel.md, States]

use casemate_cose::{Digest, Kind, verify};
use casemate_evidence::{Binding, Role};
use minicbor::bytes::ByteVec;

use super::Ends;
use crate::{
    ChannelError,
    message::{Attest, DatasetKey, FromBroker, Named as _, Permit, PermitRequest, Release, ToBroker},
};

/// After the handshake. Takes [`FromBroker::Challenge`].
#[derive(Debug)]
pub(crate) struct Connected {
    ends: Ends,
}

impl Connected {
    pub(crate) const fn new(ends: Ends) -> Self {
        Self { ends }
    }

    /// The challenge is signed by the key that holds the other end.
    pub(crate) fn challenged(self, message: FromBroker) -> Result<Challenged, ChannelError> {
        let statement = match heard(message)? {
            FromBroker::Challenge { statement } => statement,
            other => return Err(unexpected("challenge", &other)),
        };
        let verified = verify(Kind::Challenge, &statement, &self.ends.peer).map_err(ChannelError::Challenge)?;
        Ok(Challenged { ends: self.ends, payload: verified.payload().to_vec(), statement })
    }
}

/// May attest.
#[derive(Debug)]
pub(crate) struct Challenged {
    ends: Ends,
    payload: Vec<u8>,
    statement: Vec<u8>,
}

impl Challenged {
    pub(crate) fn statement(&self) -> &[u8] {
        &self.statement
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// What this keep's evidence must be bound to.
    pub(crate) fn binding(&self, nonce: [u8; 32], manifest: Digest) -> Binding {
        self.ends.own_binding(Role::Keep, nonce, manifest)
    }

    /// Shows evidence, the manifest that it measures and the signed contract.
    pub(crate) fn attest(self, evidence: Vec<u8>, manifest: Vec<u8>, contract: Vec<u8>) -> (ToBroker, Attested) {
        let claim = Attest { evidence: evidence.clone(), manifest, contract };
        (ToBroker::Attest(claim), Attested { evidence })
    }
}

/// Takes [`FromBroker::Decision`].
#[derive(Debug)]
pub(crate) struct Attested {
    evidence: Vec<u8>,
}

impl Attested {
    pub(crate) fn evidence(&self) -> &[u8] {
        &self.evidence
    }

    pub(crate) fn decision(self, message: FromBroker) -> Result<Decided, ChannelError> {
        match heard(message)? {
            FromBroker::Decision { statement } => Ok(Decided { statement }),
            other => Err(unexpected("decision", &other)),
        }
    }
}

/// May show every broker's decision.
#[derive(Debug)]
pub(crate) struct Decided {
    statement: Vec<u8>,
}

impl Decided {
    pub(crate) fn statement(&self) -> &[u8] {
        &self.statement
    }

    pub(crate) fn assemble(self, all: &[Vec<u8>]) -> (ToBroker, Assembled) {
        (ToBroker::Decisions { all: all.iter().cloned().map(ByteVec::from).collect() }, Assembled)
    }
}

/// Takes [`FromBroker::Release`].
#[derive(Debug)]
pub(crate) struct Assembled;

impl Assembled {
    pub(crate) fn released(self, message: FromBroker) -> Result<Released, ChannelError> {
        match heard(message)? {
            FromBroker::Release(Release { receipt, keys }) => Ok(Released { keys, receipt }),
            other => Err(unexpected("release", &other)),
        }
    }
}

/// Has the keys; may ask for a permit.
#[derive(Debug)]
pub(crate) struct Released {
    keys: Vec<DatasetKey>,
    receipt: Vec<u8>,
}

impl Released {
    pub(crate) fn receipt(&self) -> &[u8] {
        &self.receipt
    }

    /// Moves the keys out, once.
    pub(crate) fn take_keys(&mut self) -> Vec<DatasetKey> {
        std::mem::take(&mut self.keys)
    }

    pub(crate) fn ask(self, request: PermitRequest) -> (ToBroker, PermitAsked) {
        (ToBroker::PermitRequest(request), PermitAsked)
    }
}

/// Takes [`FromBroker::Permit`].
#[derive(Debug)]
pub(crate) struct PermitAsked;

impl PermitAsked {
    pub(crate) fn permitted(self, message: FromBroker) -> Result<Permit, ChannelError> {
        match heard(message)? {
            FromBroker::Permit(permit) => Ok(permit),
            other => Err(unexpected("permit", &other)),
        }
    }
}

/// The message; a refusal, which may come in any state, is an error.
fn heard(message: FromBroker) -> Result<FromBroker, ChannelError> {
    match message {
        FromBroker::Refused { reasons } => Err(ChannelError::Refused(reasons)),
        message => Ok(message),
    }
}

fn unexpected(expected: &'static str, message: &FromBroker) -> ChannelError {
    ChannelError::Unexpected { expected, actual: message.name() }
}
