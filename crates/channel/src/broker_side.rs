//! The broker's states: challenge, read the claim, admit on a verdict, decide, release, permit.
//!
//! Everything up to [`Claimed::admit`] can only ask and refuse. What comes after can't be reached without a
//! [`casemate_trust::Accepted`] verdict of *this* session, taken by value. Keys and permits are sent with a
//! [`DurableReceipt`] of this session, taken by value as well: log before release. [DESIGN.md §3, invariants 1, 3 and 5]

use std::time::Duration;

use casemate_cose::{PublicKey, SigningKey, UnixTime};
use casemate_evidence::Bound;
use casemate_ledger::{DurableReceipt, OfPermit, OfRelease};
use casemate_trust::{Accepted, Reason};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    ChannelError,
    mail::Mailbox,
    message::{
        ATTEST_BYTES_MAX, Attest, DECISIONS_BYTES_MAX, DatasetKey, FromBroker, PERMIT_REQUEST_BYTES_MAX, PermitRequest,
        ToBroker,
    },
    protocol,
    session::Session,
    tls::Purpose,
};

/// What came in.
#[derive(Debug)]
pub enum Incoming<S> {
    /// A keep that wants to attest.
    Keep(Arrived<S>),
    /// A party with mail. Nothing that this leads to can carry a key.
    Mail(Mailbox<S>),
}

/// Takes a connection. `own` is the broker's key, which contracts name by digest.
///
/// # Errors
/// The handshake's failures.
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    own: &SigningKey,
) -> Result<Incoming<S>, ChannelError> {
    let session = Session::accept(stream, own).await?;
    Ok(match session.purpose() {
        Purpose::Attest => Incoming::Keep(Arrived { session }),
        Purpose::Mail => Incoming::Mail(Mailbox::new(session)),
    })
}

/// A keep after the handshake: a key, nothing else is known of it.
#[derive(Debug)]
pub struct Arrived<S> {
    session: Session<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Arrived<S> {
    /// The key that the keep proved to hold.
    pub const fn keep(&self) -> PublicKey {
        self.session.peer()
    }

    /// Sends the signed challenge that contains `nonce`, fresh random bytes that are used in no other session.
    ///
    /// # Errors
    /// The connection's failures.
    pub async fn challenge(mut self, statement: Vec<u8>, nonce: [u8; 32]) -> Result<Challenging<S>, ChannelError> {
        let (message, step) = protocol::broker::Arrived::new(self.session.ends()).challenge(statement, nonce);
        self.session.send("challenge", &message).await?;
        Ok(Challenging { session: self.session, step })
    }

    /// Refuses and closes.
    ///
    /// # Errors
    /// The connection's failures.
    pub async fn refuse(self, reasons: Vec<Reason>) -> Result<(), ChannelError> {
        refuse(self.session, reasons).await
    }
}

/// The challenge is out.
#[derive(Debug)]
pub struct Challenging<S> {
    session: Session<S>,
    step: protocol::broker::Challenging,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Challenging<S> {
    /// Waits for what the keep claims to be.
    ///
    /// # Errors
    /// [`ChannelError::Abandoned`]; the connection's failures.
    pub async fn claimed(mut self, time_max: Duration) -> Result<Claimed<S>, ChannelError> {
        let message: ToBroker = self.session.receive("attest", ATTEST_BYTES_MAX, time_max).await?;
        Ok(Claimed { session: self.session, step: self.step.claimed(message)? })
    }
}

/// The keep has shown evidence; none of it is believed yet.
///
/// It takes a verdict of bound, non-debug evidence:
/// ```
/// # use {casemate_channel::broker_side::Claimed, casemate_cose::UnixTime, casemate_evidence::*, casemate_trust::Accepted};
/// fn admit(claimed: Claimed<tokio::net::TcpStream>, verdict: Accepted<Bound>, at: UnixTime) {
///     let _ = claimed.admit(verdict, at);
/// }
/// ```
/// and no other:
/// ```compile_fail
/// # use {casemate_channel::broker_side::Claimed, casemate_cose::UnixTime, casemate_evidence::*, casemate_trust::Accepted};
/// fn admit(claimed: Claimed<tokio::net::TcpStream>, verdict: Accepted<DangerouslyUnbound>, at: UnixTime) {
///     let _ = claimed.admit(verdict, at);
/// }
/// ```
/// ```compile_fail
/// # use {casemate_channel::broker_side::Claimed, casemate_cose::UnixTime, casemate_evidence::*, casemate_trust::Accepted};
/// fn admit(claimed: Claimed<tokio::net::TcpStream>, verdict: Accepted<AllowDebug<Bound>>, at: UnixTime) {
///     let _ = claimed.admit(verdict, at);
/// }
/// ```
/// Without one, nothing can be released:
/// ```compile_fail
/// # use {casemate_channel::broker_side::Claimed, casemate_cose::UnixTime, casemate_ledger::*};
/// fn release(claimed: Claimed<tokio::net::TcpStream>, receipt: DurableReceipt<OfRelease>, at: UnixTime) {
///     let _ = claimed.release(receipt, vec![], at);
/// }
/// ```
#[derive(Debug)]
pub struct Claimed<S> {
    session: Session<S>,
    step: protocol::broker::Claimed,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Claimed<S> {
    /// What the keep showed, as received.
    pub const fn claim(&self) -> &Attest {
        self.step.claim()
    }

    /// The key that the keep proved to hold.
    pub const fn keep(&self) -> PublicKey {
        self.step.keep()
    }

    /// What the evidence must be bound to: this nonce, this session, both keys, the manifest as received.
    pub fn expectation(&self) -> Bound {
        self.step.expectation()
    }

    /// Lets the keep in on a verdict over *this* session's evidence, which is used up by it.
    ///
    /// # Errors
    /// [`ChannelError::VerdictOfOtherSession`] and [`ChannelError::VerdictExpired`]; the connection is dropped.
    pub fn admit(self, verdict: Accepted<Bound>, at: UnixTime) -> Result<Admitted<S>, ChannelError> {
        Ok(Admitted { session: self.session, step: self.step.admit(verdict, at)? })
    }

    /// Refuses and closes.
    ///
    /// # Errors
    /// The connection's failures.
    pub async fn refuse(self, reasons: Vec<Reason>) -> Result<(), ChannelError> {
        refuse(self.session, reasons).await
    }
}

/// The keep is what the owner's domain accepts.
#[derive(Debug)]
pub struct Admitted<S> {
    session: Session<S>,
    step: protocol::broker::Admitted,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Admitted<S> {
    /// What the keep showed, as received.
    pub const fn claim(&self) -> &Attest {
        self.step.believed().claim()
    }

    /// The key that the keep proved to hold.
    pub const fn keep(&self) -> PublicKey {
        self.step.believed().keep()
    }

    /// The verdict that this session was admitted on.
    pub const fn verdict(&self) -> &Accepted<Bound> {
        self.step.believed().verdict()
    }

    /// Sends this broker's signed decision for the run.
    ///
    /// # Errors
    /// The connection's failures.
    pub async fn decide(mut self, statement: Vec<u8>) -> Result<Decided<S>, ChannelError> {
        let (message, step) = self.step.decide(statement);
        self.session.send("decision", &message).await?;
        Ok(Decided { session: self.session, step })
    }

    /// Refuses and closes.
    ///
    /// # Errors
    /// The connection's failures.
    pub async fn refuse(self, reasons: Vec<Reason>) -> Result<(), ChannelError> {
        refuse(self.session, reasons).await
    }
}

/// This broker has decided; the keep collects the others' decisions.
#[derive(Debug)]
pub struct Decided<S> {
    session: Session<S>,
    step: protocol::broker::Decided,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Decided<S> {
    /// Waits for the decisions of all brokers.
    ///
    /// # Errors
    /// [`ChannelError::Abandoned`], as when another broker refused; the connection's failures.
    pub async fn assembled(mut self, time_max: Duration) -> Result<Assembled<S>, ChannelError> {
        let message: ToBroker = self.session.receive("decisions", DECISIONS_BYTES_MAX, time_max).await?;
        Ok(Assembled { session: self.session, step: self.step.assembled(message)? })
    }
}

/// What is said to be every broker's decision is here, as received and unchecked.
///
/// Keys leave with the receipt of their release, once it is durable:
/// ```
/// # use {casemate_channel::broker_side::Assembled, casemate_cose::UnixTime, casemate_ledger::*};
/// fn release(session: Assembled<tokio::net::TcpStream>, receipt: DurableReceipt<OfRelease>, at: UnixTime) {
///     let _ = session.release(receipt, vec![], at);
/// }
/// ```
/// not with bytes that somebody calls one,
/// ```compile_fail
/// # use {casemate_channel::broker_side::Assembled, casemate_cose::UnixTime, casemate_ledger::*};
/// fn release(session: Assembled<tokio::net::TcpStream>, receipt: Vec<u8>, at: UnixTime) {
///     let _ = session.release(receipt, vec![], at);
/// }
/// ```
/// not with a receipt that verifies, but may be on no disk,
/// ```compile_fail
/// # use {casemate_channel::broker_side::Assembled, casemate_cose::UnixTime, casemate_ledger::*};
/// fn release(session: Assembled<tokio::net::TcpStream>, receipt: VerifiedReceipt, at: UnixTime) {
///     let _ = session.release(receipt, vec![], at);
/// }
/// ```
/// not with the receipt of another thing,
/// ```compile_fail
/// # use {casemate_channel::broker_side::Assembled, casemate_cose::UnixTime, casemate_ledger::*};
/// fn release(session: Assembled<tokio::net::TcpStream>, receipt: DurableReceipt<OfPermit>, at: UnixTime) {
///     let _ = session.release(receipt, vec![], at);
/// }
/// ```
/// and not twice with one:
/// ```compile_fail
/// # use {casemate_channel::broker_side::Assembled, casemate_cose::UnixTime, casemate_ledger::*};
/// # type Session = Assembled<tokio::net::TcpStream>;
/// fn release(one: Session, other: Session, receipt: DurableReceipt<OfRelease>, at: UnixTime) {
///     let _ = one.release(receipt, vec![], at);
///     let _ = other.release(receipt, vec![], at);
/// }
/// ```
#[derive(Debug)]
pub struct Assembled<S> {
    session: Session<S>,
    step: protocol::broker::Assembled,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Assembled<S> {
    /// What the keep showed, as received.
    pub const fn claim(&self) -> &Attest {
        self.step.believed().claim()
    }

    /// The signed decisions, unchecked.
    pub fn decisions(&self) -> &[Vec<u8>] {
        self.step.decisions()
    }

    /// The key that the keep proved to hold.
    pub const fn keep(&self) -> PublicKey {
        self.step.believed().keep()
    }

    /// The verdict that this session was admitted on.
    pub const fn verdict(&self) -> &Accepted<Bound> {
        self.step.believed().verdict()
    }

    /// Sends the keys with the durable receipt of their release, which must be of this session: of the broker's own log,
    /// over this session's evidence, domain, manifest and keep key, and of these datasets.
    ///
    /// # Errors
    /// [`ChannelError::ReceiptOfOtherSession`]; [`ChannelError::VerdictExpired`]: too much time went by since the verdict;
    /// the connection's failures.
    pub async fn release(
        mut self,
        receipt: DurableReceipt<OfRelease>,
        keys: Vec<DatasetKey>,
        at: UnixTime,
    ) -> Result<Released<S>, ChannelError> {
        let (message, step) = self.step.release(receipt, keys, at)?;
        self.session.send("release", &message).await?;
        Ok(Released { session: self.session, step })
    }

    /// Refuses and closes.
    ///
    /// # Errors
    /// The connection's failures.
    pub async fn refuse(self, reasons: Vec<Reason>) -> Result<(), ChannelError> {
        refuse(self.session, reasons).await
    }
}

/// The keys are with the keep.
#[derive(Debug)]
pub struct Released<S> {
    session: Session<S>,
    step: protocol::broker::Released,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Released<S> {
    /// Waits for the computation's end.
    ///
    /// # Errors
    /// [`ChannelError::Abandoned`], as when the program failed; the connection's failures.
    pub async fn permit_asked(mut self, time_max: Duration) -> Result<PermitAsked<S>, ChannelError> {
        let message: ToBroker = self.session.receive("permit request", PERMIT_REQUEST_BYTES_MAX, time_max).await?;
        Ok(PermitAsked { session: self.session, step: self.step.permit_asked(message)? })
    }
}

/// The keep asks to let a result leave.
///
/// The permit leaves with its durable receipt,
/// ```
/// # use {casemate_channel::broker_side::PermitAsked, casemate_ledger::*};
/// fn permit(session: PermitAsked<tokio::net::TcpStream>, statement: Vec<u8>, receipt: DurableReceipt<OfPermit>) {
///     let _ = session.permit(statement, receipt);
/// }
/// ```
/// and with no other, not even that of the keys' release:
/// ```compile_fail
/// # use {casemate_channel::broker_side::PermitAsked, casemate_ledger::*};
/// fn permit(session: PermitAsked<tokio::net::TcpStream>, statement: Vec<u8>, receipt: Vec<u8>) {
///     let _ = session.permit(statement, receipt);
/// }
/// ```
/// ```compile_fail
/// # use {casemate_channel::broker_side::PermitAsked, casemate_ledger::*};
/// fn permit(session: PermitAsked<tokio::net::TcpStream>, statement: Vec<u8>, receipt: DurableReceipt<OfRelease>) {
///     let _ = session.permit(statement, receipt);
/// }
/// ```
#[derive(Debug)]
pub struct PermitAsked<S> {
    session: Session<S>,
    step: protocol::broker::PermitAsked,
}

impl<S: AsyncRead + AsyncWrite + Unpin> PermitAsked<S> {
    /// What the keep asks for.
    pub const fn request(&self) -> &PermitRequest {
        self.step.request()
    }

    /// The key that the keep proved to hold.
    pub const fn keep(&self) -> PublicKey {
        self.step.keep()
    }

    /// The verdict that this session was admitted on. A permit may come long after it expired: no key follows from one.
    pub const fn verdict(&self) -> &Accepted<Bound> {
        self.step.verdict()
    }

    /// Sends the signed permit with its durable receipt, which must be of this session and of the result asked for, and
    /// closes.
    ///
    /// # Errors
    /// [`ChannelError::ReceiptOfOtherSession`]; the connection's failures.
    pub async fn permit(mut self, statement: Vec<u8>, receipt: DurableReceipt<OfPermit>) -> Result<(), ChannelError> {
        let message = self.step.permit(statement, receipt)?;
        self.session.send("permit", &message).await?;
        self.session.close().await;
        Ok(())
    }

    /// Refuses and closes.
    ///
    /// # Errors
    /// The connection's failures.
    pub async fn refuse(self, reasons: Vec<Reason>) -> Result<(), ChannelError> {
        refuse(self.session, reasons).await
    }
}

async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(
    mut session: Session<S>,
    reasons: Vec<Reason>,
) -> Result<(), ChannelError> {
    session.send("refused", &FromBroker::Refused { reasons }).await?;
    session.close().await;
    Ok(())
}
