//! The keep's states: prove, collect every decision, take keys, ask for a permit.

use std::time::Duration;

use casemate_cose::{Digest, PublicKey, SigningKey};
use casemate_evidence::Binding;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    ChannelError,
    message::{
        AbandonReason, DatasetKey, FromBroker, Permit, PermitRequest, RELEASE_BYTES_MAX, STATEMENT_BYTES_MAX, ToBroker,
    },
    protocol,
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
        let message: FromBroker = self.session.receive("challenge", STATEMENT_BYTES_MAX, time_max).await?;
        let step = protocol::keep::Connected::new(self.session.ends()).challenged(message)?;
        Ok(Challenged { session: self.session, step })
    }
}

/// The broker asked for evidence.
#[derive(Debug)]
pub struct Challenged<S> {
    session: Session<S>,
    step: protocol::keep::Challenged,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Challenged<S> {
    /// The challenge as received: a COSE_Sign1 object.
    pub fn statement(&self) -> &[u8] {
        self.step.statement()
    }

    /// What the broker signed, its signature verified. The caller reads the nonce out of it.
    pub fn payload(&self) -> &[u8] {
        self.step.payload()
    }

    /// What this keep's evidence will be bound to.
    pub fn binding(&self, nonce: [u8; 32], manifest: Digest) -> Binding {
        self.step.binding(nonce, manifest)
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
        let (message, step) = self.step.attest(evidence, manifest.to_vec(), contract.to_vec());
        self.session.send("attest", &message).await?;
        Ok(Attested { session: self.session, step })
    }
}

/// Evidence was shown; the broker decides.
#[derive(Debug)]
pub struct Attested<S> {
    session: Session<S>,
    step: protocol::keep::Attested,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Attested<S> {
    /// The evidence that was shown.
    pub fn evidence(&self) -> &[u8] {
        self.step.evidence()
    }

    /// Waits for the broker's decision.
    ///
    /// # Errors
    /// [`ChannelError::Refused`] with all reasons; the connection's failures.
    pub async fn decision(mut self, time_max: Duration) -> Result<Decided<S>, ChannelError> {
        let message: FromBroker = self.session.receive("decision", STATEMENT_BYTES_MAX, time_max).await?;
        Ok(Decided { session: self.session, step: self.step.decision(message)? })
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
    step: protocol::keep::Decided,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Decided<S> {
    /// The broker's signed decision.
    pub fn statement(&self) -> &[u8] {
        self.step.statement()
    }

    /// Shows this broker the decisions of `all` brokers, its own among them, and waits for the keys.
    ///
    /// # Errors
    /// [`ChannelError::Refused`] with all reasons; the connection's failures.
    pub async fn release(mut self, all: &[Vec<u8>], time_max: Duration) -> Result<Released<S>, ChannelError> {
        let (message, step) = self.step.assemble(all);
        self.session.send("decisions", &message).await?;
        let message: FromBroker = self.session.receive("release", RELEASE_BYTES_MAX, time_max).await?;
        Ok(Released { session: self.session, step: step.released(message)? })
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
    step: protocol::keep::Released,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Released<S> {
    /// The receipt of the release.
    pub fn receipt(&self) -> &[u8] {
        self.step.receipt()
    }

    /// Moves the keys out, once.
    pub fn take_keys(&mut self) -> Vec<DatasetKey> {
        self.step.take_keys()
    }

    /// Asks the owner to let the result of `request` leave.
    ///
    /// # Errors
    /// [`ChannelError::Refused`] with all reasons; the connection's failures.
    pub async fn permit(mut self, request: PermitRequest, time_max: Duration) -> Result<Permit, ChannelError> {
        let (message, step) = self.step.ask(request);
        self.session.send("permit request", &message).await?;
        let message: FromBroker = self.session.receive("permit", RELEASE_BYTES_MAX, time_max).await?;
        let permit = step.permitted(message)?;
        self.session.close().await;
        Ok(permit)
    }

    /// Gives the run up.
    ///
    /// # Errors
    /// The connection's failures.
    pub async fn abandon(self, reason: AbandonReason) -> Result<(), ChannelError> {
        abandon(self.session, reason).await
    }
}

async fn abandon<S: AsyncRead + AsyncWrite + Unpin>(
    mut session: Session<S>,
    reason: AbandonReason,
) -> Result<(), ChannelError> {
    session.send("abandon", &ToBroker::Abandon { reason }).await?;
    session.close().await;
    Ok(())
}
