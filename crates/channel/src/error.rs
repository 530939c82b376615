//! Why a channel ended without doing what was asked of it.

use std::io;

use casemate_cose::{CborError, CoseError, Digest, UnixTime};
use casemate_trust::Reason;
use thiserror::Error;

use crate::{keep_side::SourceError, message::AbandonReason};

/// Why a step of a channel failed. The connection is closed by then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The keep gave the run up.
    /// Fault: named by the reason. Remedy: see the runner's report.
    #[error("the keep gave the run up: {0}")]
    Abandoned(AbandonReason),
    /// The peer's certificate was refused.
    /// Fault: the peer, or somebody between. Remedy: compare the key with the contract's.
    #[error("the peer's certificate was refused: {0}")]
    Certificate(#[from] CertificateFault),
    /// The challenge is not signed by the broker that holds the other end.
    #[error("the challenge was refused: {0}")]
    Challenge(#[source] CoseError),
    /// The peer closed the connection between two messages.
    #[error("the peer closed the connection while `{expected}` was expected")]
    Closed {
        /// The message that was waited for.
        expected: &'static str,
    },
    /// The keep's own evidence could not be had.
    #[error(transparent)]
    Evidence(#[from] SourceError),
    /// A message is longer than it may be.
    #[error("a message of {actual} bytes where at most {max} are allowed")]
    FrameTooLong {
        /// Bytes announced or about to be sent.
        actual: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[source] io::Error),
    /// A message is not the deterministic encoding of one that is known.
    #[error("a message was refused: {0}")]
    Message(#[from] CborError),
    /// The handshake ended with something that this protocol never uses.
    #[error("the handshake ended with {what} `{actual}`, expected `{expected}`")]
    Negotiated {
        /// Which property.
        what: &'static str,
        /// The only accepted value.
        expected: &'static str,
        /// The value found.
        actual: String,
    },
    /// The receipt tells of another session than this, or of another thing than what is to leave.
    #[error("the receipt is not of this session: its {field} differs")]
    ReceiptOfOtherSession {
        /// The first field that differs.
        field: &'static str,
    },
    /// The peer refused, and said why.
    #[error("refused: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Reason>),
    /// A peer took too long.
    #[error("no `{what}` within {seconds} s")]
    TimedOut {
        /// What was waited for.
        what: &'static str,
        /// How long, in seconds.
        seconds: u64,
    },
    /// TLS itself failed.
    #[error("TLS failed: {0}")]
    Tls(#[source] rustls::Error),
    /// The connection ended inside a message.
    #[error("the connection ended inside a message")]
    Truncated,
    /// A message came in a state that has no place for it.
    #[error("`{actual}` came where `{expected}` was expected")]
    Unexpected {
        /// The message that this state takes.
        expected: &'static str,
        /// The message that came.
        actual: &'static str,
    },
    /// The verdict is too old to release anything on.
    #[error("the verdict expired at {expired}, it is {at}")]
    VerdictExpired {
        /// When it expired.
        expired: UnixTime,
        /// The time given.
        at: UnixTime,
    },
    /// The verdict was made for another session than this.
    #[error("the verdict is not this session's: its {field} differs")]
    VerdictOfOtherSession {
        /// The first field that differs.
        field: &'static str,
    },
}

/// What is wrong with a peer's certificate.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CertificateFault {
    /// More than one certificate came.
    #[error("a chain of certificates instead of one")]
    Chain,
    /// Another key than the expected one.
    #[error("its key is `{actual}`, expected `{expected}`")]
    Key {
        /// SHA-256 of the expected SubjectPublicKeyInfo.
        expected: Digest,
        /// SHA-256 of the one that came.
        actual: Digest,
    },
    /// Not, byte for byte, the one certificate that an Ed25519 key has here.
    #[error("not the certificate that a Casemate key has")]
    Shape,
    /// Its own signature does not verify.
    #[error("its own signature does not verify")]
    Signature,
}
