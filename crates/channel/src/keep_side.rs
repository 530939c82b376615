//! The keep's states: prove, collect every decision, take keys, ask for a permit.

use std::time::Duration;

use casemate_cose::{Digest, Kind, PublicKey, SigningKey, verify};
use casemate_evidence::{Binding, Role};
use minicbor::bytes::ByteVec;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    ChannelError,
    message::{
        AbandonReason, Attest, DatasetKey, FromBroker, Named as _, Permit, PermitRequest, RELEASE_BYTES_MAX,
        STATEMENT_BYTES_MAX, ToBroker,
    },
    session::Session,
    tls::Purpose,
};

/// Where a keep gets evidence from. The channel does not know how any platform makes it.
pub trait EvidenceSource {
    /// Evidence of this keep whose report data is `report_data`, framed as brokers read it.
    ///
    /// # Errors
    /// [`SourceError`]: the platform gave none.
    fn evidence(&self, report_data: [u8; 64]) -> impl Future<Output = Result<Vec<u8>, SourceError>> + Send;
}

/// No evidence could be had.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("no evidence could be had: {0}")]
pub struct SourceError(pub String);

/// Opens a session to the broker whose key has the digest `expected_peer`; `own` is this keep's fresh key.
///
/// # Errors
/// [`ChannelError::Certificate`] for any other broker; the handshake's failures.
pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    own: &SigningKey,
    expected_peer: Digest,
) -> Result<Connected<S>, ChannelError> {
    Ok(Connected { session: Session::connect(stream, own, expected_peer, Purpose::Attest).await? })
}

/// After the handshake: nothing was said yet.
#[derive(Debug)]
pub struct Connected<S> {
    session: Session<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connected<S> {
    /// The broker's key, which is the one that [`connect`] was given the digest of.
    pub const fn broker(&self) -> PublicKey {
        self.session.peer()
    }

    /// Waits for the broker's challenge, signed by the key that holds the other end.
    ///
    /// # Errors
    /// [`ChannelError`], in particular [`ChannelError::Challenge`] and [`ChannelError::Refused`].
    pub async fn challenged(mut self, time_max: Duration) -> Result<Challenged<S>, ChannelError> {
        let statement = match receive(&mut self.session, "challenge", STATEMENT_BYTES_MAX, time_max).await? {
            FromBroker::Challenge { statement } => statement,
            other => return Err(unexpected("challenge", &other)),
        };
        let verified = verify(Kind::Challenge, &statement, &self.session.peer()).map_err(ChannelError::Challenge)?;
        Ok(Challenged { session: self.session, payload: verified.payload().to_vec(), statement })
    }
}

/// The broker asked for evidence.
#[derive(Debug)]
pub struct Challenged<S> {
    session: Session<S>,
    payload: Vec<u8>,
    statement: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Challenged<S> {
    /// The challenge as received: a COSE_Sign1 object.
    pub fn statement(&self) -> &[u8] {
        &self.statement
    }

    /// What the broker signed, its signature verified. The caller reads the nonce out of it.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// What this keep's evidence will be bound to.
    pub fn binding(&self, nonce: [u8; 32], manifest: Digest) -> Binding {
        self.session.own_binding(Role::Keep, nonce, manifest)
    }

    /// Gets evidence for this session and `nonce` from `source` and shows it with the `manifest` that it measures and the
    /// signed `contract`.
    ///
    /// # Errors
    /// [`ChannelError::Evidence`] where the source has none; the connection's failures.
    pub async fn attest(
        mut self,
        nonce: [u8; 32],
        source: &impl EvidenceSource,
        manifest: &[u8],
        contract: &[u8],
    ) -> Result<Attested<S>, ChannelError> {
        let evidence = source.evidence(self.binding(nonce, Digest::of(manifest)).report_data()).await?;
        let claim = Attest { evidence: evidence.clone(), manifest: manifest.to_vec(), contract: contract.to_vec() };
        self.session.send("attest", &ToBroker::Attest(claim)).await?;
        Ok(Attested { session: self.session, evidence })
    }
}

/// Evidence was shown; the broker decides.
#[derive(Debug)]
pub struct Attested<S> {
    session: Session<S>,
    evidence: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Attested<S> {
    /// The evidence that was shown.
    pub fn evidence(&self) -> &[u8] {
        &self.evidence
    }

    /// Waits for the broker's decision.
    ///
    /// # Errors
    /// [`ChannelError::Refused`] with all reasons; the connection's failures.
    pub async fn decision(mut self, time_max: Duration) -> Result<Decided<S>, ChannelError> {
        match receive(&mut self.session, "decision", STATEMENT_BYTES_MAX, time_max).await? {
            FromBroker::Decision { statement } => Ok(Decided { session: self.session, statement }),
            other => Err(unexpected("decision", &other)),
        }
    }

    /// Gives the run up.
    ///
    /// # Errors
    /// The connection's failures.
    pub async fn abandon(self, reason: AbandonReason) -> Result<(), ChannelError> {
        abandon(self.session, reason).await
    }
}

/// This broker would release, if all others would.
#[derive(Debug)]
pub struct Decided<S> {
    session: Session<S>,
    statement: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Decided<S> {
    /// The broker's signed decision.
    pub fn statement(&self) -> &[u8] {
        &self.statement
    }

    /// Shows this broker the decisions of `all` brokers, its own among them, and waits for the keys.
    ///
    /// # Errors
    /// [`ChannelError::Refused`] with all reasons; the connection's failures.
    pub async fn release(mut self, all: &[Vec<u8>], time_max: Duration) -> Result<Released<S>, ChannelError> {
        let all = all.iter().cloned().map(ByteVec::from).collect();
        self.session.send("decisions", &ToBroker::Decisions { all }).await?;
        match receive(&mut self.session, "release", RELEASE_BYTES_MAX, time_max).await? {
            FromBroker::Release(release) => {
                Ok(Released { session: self.session, keys: release.keys, receipt: release.receipt })
            }
            other => Err(unexpected("release", &other)),
        }
    }

    /// Gives the run up.
    ///
    /// # Errors
    /// The connection's failures.
    pub async fn abandon(self, reason: AbandonReason) -> Result<(), ChannelError> {
        abandon(self.session, reason).await
    }
}

/// The keys are here.
#[derive(Debug)]
pub struct Released<S> {
    session: Session<S>,
    keys: Vec<DatasetKey>,
    receipt: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Released<S> {
    /// The receipt of the release.
    pub fn receipt(&self) -> &[u8] {
        &self.receipt
    }

    /// Moves the keys out, once.
    pub fn take_keys(&mut self) -> Vec<DatasetKey> {
        std::mem::take(&mut self.keys)
    }

    /// Asks the owner to let the result with the digest `result` leave; `gates` says what each gate decided.
    ///
    /// # Errors
    /// [`ChannelError::Refused`] with all reasons; the connection's failures.
    pub async fn permit(mut self, result: Digest, gates: Vec<u8>, time_max: Duration) -> Result<Permit, ChannelError> {
        let request = ToBroker::PermitRequest(PermitRequest { result, gates });
        self.session.send("permit request", &request).await?;
        match receive(&mut self.session, "permit", RELEASE_BYTES_MAX, time_max).await? {
            FromBroker::Permit(permit) => {
                self.session.close().await;
                Ok(permit)
            }
            other => Err(unexpected("permit", &other)),
        }
    }

    /// Gives the run up.
    ///
    /// # Errors
    /// The connection's failures.
    pub async fn abandon(self, reason: AbandonReason) -> Result<(), ChannelError> {
        abandon(self.session, reason).await
    }
}

/// The next message; a refusal, which may come in any state, is an error.
async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut Session<S>,
    expected: &'static str,
    bytes_max: usize,
    time_max: Duration,
) -> Result<FromBroker, ChannelError> {
    match session.receive(expected, bytes_max, time_max).await? {
        FromBroker::Refused { reasons } => Err(ChannelError::Refused(reasons)),
        message => Ok(message),
    }
}

fn unexpected(expected: &'static str, message: &FromBroker) -> ChannelError {
    ChannelError::Unexpected { expected, actual: message.name() }
}

async fn abandon<S: AsyncRead + AsyncWrite + Unpin>(
    mut session: Session<S>,
    reason: AbandonReason,
) -> Result<(), ChannelError> {
    session.send("abandon", &ToBroker::Abandon { reason }).await?;
    session.close().await;
    Ok(())
}
