//! Mail: parties bring signed contracts to a broker and fetch them, one request a connection.
//!
//! A connection is for mail or for a keep; ALPN says which, and the handshake covers it. The broker's caller decides who
//! may fetch what, by the key that the party proved to hold.

use std::time::Duration;

use casemate_cose::{Digest, PublicKey, SigningKey};
use casemate_trust::Reason;
use minicbor::bytes::ByteVec;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    ChannelError,
    message::{MESSAGE_BYTES_MAX, MailReply, MailRequest, Named as _},
    session::Session,
    tls::Purpose,
};

/// Brings a signed `contract` to the broker whose key has the digest `broker`, as the party that holds `own`.
///
/// # Errors
/// [`ChannelError::Refused`] with all reasons; the connection's failures.
pub async fn deliver<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    own: &SigningKey,
    broker: Digest,
    contract: Vec<u8>,
    time_max: Duration,
) -> Result<(), ChannelError> {
    match ask(stream, own, broker, &MailRequest::Deliver { contract }, time_max).await? {
        MailReply::Accepted => Ok(()),
        other => Err(unexpected("accepted", other)),
    }
}

/// Fetches what the broker has of `study`: all contracts, or the one with `digest`.
///
/// # Errors
/// [`ChannelError::Refused`] with all reasons; the connection's failures.
pub async fn fetch<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    own: &SigningKey,
    broker: Digest,
    study: String,
    digest: Option<Digest>,
    time_max: Duration,
) -> Result<Vec<Vec<u8>>, ChannelError> {
    match ask(stream, own, broker, &MailRequest::Fetch { study, digest }, time_max).await? {
        MailReply::Contracts { contracts } => Ok(contracts.into_iter().map(Vec::from).collect()),
        other => Err(unexpected("contracts", other)),
    }
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    own: &SigningKey,
    broker: Digest,
    request: &MailRequest,
    time_max: Duration,
) -> Result<MailReply, ChannelError> {
    let mut session = Session::connect(stream, own, broker, Purpose::Mail).await?;
    session.send(request.name(), request).await?;
    let reply = session.receive("reply", MESSAGE_BYTES_MAX, time_max).await?;
    session.close().await;
    Ok(reply)
}

fn unexpected(expected: &'static str, reply: MailReply) -> ChannelError {
    match reply {
        MailReply::Refused { reasons } => ChannelError::Refused(reasons),
        other => ChannelError::Unexpected { expected, actual: other.name() },
    }
}

/// The broker's end, before the request.
#[derive(Debug)]
pub struct Mailbox<S> {
    session: Session<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Mailbox<S> {
    pub(crate) const fn new(session: Session<S>) -> Self {
        Self { session }
    }

    /// The key that the party proved to hold.
    pub const fn party(&self) -> PublicKey {
        self.session.peer()
    }

    /// Waits for the request. `bytes_max` is at most [`MESSAGE_BYTES_MAX`]: give strangers less than parties.
    ///
    /// # Errors
    /// The connection's failures.
    pub async fn request(mut self, bytes_max: usize, time_max: Duration) -> Result<Requested<S>, ChannelError> {
        let request = self.session.receive("mail", bytes_max.min(MESSAGE_BYTES_MAX), time_max).await?;
        Ok(Requested { session: self.session, request })
    }
}

/// The broker's end, to be answered once.
#[derive(Debug)]
pub struct Requested<S> {
    session: Session<S>,
    request: MailRequest,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Requested<S> {
    /// The key that the party proved to hold.
    pub const fn party(&self) -> PublicKey {
        self.session.peer()
    }

    /// What the party wants.
    pub const fn request(&self) -> &MailRequest {
        &self.request
    }

    /// Says that a delivered contract was stored.
    ///
    /// # Errors
    /// The connection's failures.
    pub async fn accept(self) -> Result<(), ChannelError> {
        self.reply(&MailReply::Accepted).await
    }

    /// Gives what was asked for.
    ///
    /// # Errors
    /// The connection's failures.
    pub async fn contracts(self, contracts: Vec<Vec<u8>>) -> Result<(), ChannelError> {
        let contracts = contracts.into_iter().map(ByteVec::from).collect();
        self.reply(&MailReply::Contracts { contracts }).await
    }

    /// Refuses and closes.
    ///
    /// # Errors
    /// The connection's failures.
    pub async fn refuse(self, reasons: Vec<Reason>) -> Result<(), ChannelError> {
        self.reply(&MailReply::Refused { reasons }).await
    }

    async fn reply(mut self, reply: &MailReply) -> Result<(), ChannelError> {
        self.session.send("reply", reply).await?;
        self.session.close().await;
        Ok(())
    }
}
