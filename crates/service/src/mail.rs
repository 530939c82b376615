//! Contracts by mail: parties bring signed contracts to an owner's broker and fetch the signatures that it has.
//!
//! 1. Who speaks is known by the TLS key: it has to be a party's identity key in the contract at hand, and that party has to
//!    have signed.
//! 2. Anybody can write this owner's public key into a contract. So somebody whom this owner knows answers for it: a known
//!    party that has signed, or the owner, whose own contract it is.
//! 3. Every signature is verified on the way in; copies of one contract are merged, never replaced.
//! 4. A contract that everybody has signed raises the study's floor: an older one runs nowhere any more. The next one has
//!    to supersede the one that was accepted.
//! 5. What the owner has not signed waits in a mailbox of limited size. A full one refuses; nothing is dropped.
//!
//! All of it is looked at before anything is stored.

use std::{io, time::Duration};

use casemate_channel::{
    ChannelError,
    mail::{self, Mailbox},
    message::{MESSAGE_BYTES_MAX, MailRequest},
};
use casemate_contract::{DenyReason, FullySigned, SIGNED_CONTRACT_BYTES_MAX, SignatureError, SignedContract, Study};
use casemate_cose::{Digest, PublicKey, SigningKey};
use casemate_store::{Floor, FloorError, Mail, MailQuota, MergeError, Merged, StoreError};
use casemate_trust::Reason;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::{Broker, Event, refuse::failed};

/// How many contracts for which one party answers wait for this owner's signature at most.
pub const WAITING_OF_SENDER_MAX: u64 = 16;
/// How many contracts wait for this owner's signature at most.
pub const WAITING_MAX: u64 = 128;
/// How many bytes wait for this owner's signature at most: 64 MiB.
pub const WAITING_BYTES_MAX: u64 = 64 << 20;
const QUOTA: MailQuota =
    MailQuota { of_sender_max: WAITING_OF_SENDER_MAX, contracts_max: WAITING_MAX, bytes_max: WAITING_BYTES_MAX };

/// How long a request may take, in seconds.
const REQUEST_S_MAX: u64 = 30;
/// How long a connection may take, in seconds.
const CONNECT_S_MAX: u64 = 10;
/// Room for the message around a contract.
const FRAME_BYTES: usize = 1024;
/// How many bytes of contracts are given out at once.
const FETCH_BYTES_MAX: usize = MESSAGE_BYTES_MAX - (1 << 16);

/// Why mail was not exchanged.
#[derive(Debug, Error)]
pub enum MailError {
    /// The broker's end of the channel.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The broker's address did not answer.
    #[error("no broker answers at `{address}`: {source}")]
    Unreachable {
        /// Where it should listen.
        address: String,
        /// What the network said.
        source: io::Error,
    },
}

/// Brings a signed contract to the broker with the key of this digest at `address`.
///
/// # Errors
/// [`MailError`].
pub async fn deliver_contract(
    address: &str,
    broker: Digest,
    own: &SigningKey,
    contract: Vec<u8>,
) -> Result<(), MailError> {
    let stream = connect(address).await?;
    Ok(mail::deliver(stream, own, broker, contract, Duration::from_secs(REQUEST_S_MAX)).await?)
}

/// Fetches what the broker has of `study`.
///
/// # Errors
/// [`MailError`].
pub async fn fetch_contracts(
    address: &str,
    broker: Digest,
    own: &SigningKey,
    study: &str,
    digest: Option<Digest>,
) -> Result<Vec<Vec<u8>>, MailError> {
    let stream = connect(address).await?;
    let time_max = Duration::from_secs(REQUEST_S_MAX);
    Ok(mail::fetch(stream, own, broker, study.to_owned(), digest, time_max).await?)
}

async fn connect(address: &str) -> Result<TcpStream, MailError> {
    let refuse = |source| MailError::Unreachable { address: address.to_owned(), source };
    let connecting = tokio::time::timeout(Duration::from_secs(CONNECT_S_MAX), TcpStream::connect(address)).await;
    connecting.map_err(|_| refuse(io::ErrorKind::TimedOut.into()))?.map_err(refuse)
}

/// Serves one request for mail.
pub(crate) async fn serve_mail<S: AsyncRead + AsyncWrite + Unpin>(
    broker: &Broker,
    mailbox: Mailbox<S>,
) -> Result<(), ChannelError> {
    let limit = SIGNED_CONTRACT_BYTES_MAX.saturating_add(FRAME_BYTES);
    let asked = mailbox.request(limit, Duration::from_secs(REQUEST_S_MAX)).await?;
    let party = asked.party();
    match asked.request() {
        MailRequest::Deliver { contract } => match receive(broker, party, contract).await {
            Ok(event) => {
                broker.tell(&event);
                asked.accept().await
            }
            Err(reasons) => {
                broker.tell(&Event::Refused { reasons: reasons.clone() });
                asked.refuse(reasons).await
            }
        },
        MailRequest::Fetch { study, digest } => match find(broker, party, study, digest.as_ref()).await {
            Ok(contracts) => asked.contracts(contracts).await,
            Err(reasons) => asked.refuse(reasons).await,
        },
    }
}

async fn receive(broker: &Broker, party: PublicKey, bytes: &[u8]) -> Result<Event, Vec<Reason>> {
    let offered = SignedContract::from_bytes(bytes).map_err(unsigned)?;
    let contract = offered.compiled().contract();
    let this_owner = contract.party(broker.owner.as_str()).map(|owner| owner.key);
    if this_owner != Some(broker.keys.public()) {
        let expected = format!("a contract that names `{}` by its own key", broker.owner);
        return Err(vec![Reason::new("mail-owner", expected, "another one", "send it to the owners that it names")]);
    }
    let sender = contract.parties().iter().find(|known| known.key == party).map(|known| &known.name);
    if !sender.is_some_and(|sender| offered.signed().any(|signed| signed == sender)) {
        let actual = format!("`{party}`, who has not signed it");
        return Err(vec![Reason::new(
            "mail-sender",
            "a party that has signed",
            actual,
            "sign the contract before sending it",
        )]);
    }
    let (digest, study) = (offered.compiled().digest(), contract.study());
    let sender = who_answers(broker, party, &offered).await?;
    let mail = Mail { digest: &digest, study: study.id.as_str(), sequence: study.sequence, sender, at: broker.now() };
    let merge = |stored: Option<&[u8]>, floor: Option<Floor>| {
        let merged = offered.merged_into(stored).map_err(unsigned)?;
        succeeds(study, floor)?;
        Ok(Merged { bytes: merged.to_bytes(), is_complete: FullySigned::check(merged).is_ok() })
    };
    match broker.store.take_mail(&mail, &QUOTA, merge).await {
        Ok(_) => Ok(Event::Delivered { study: study.id.to_string(), contract: digest.to_string() }),
        Err(MergeError::Merge(reasons)) => Err(reasons),
        Err(MergeError::Store(error)) => Err(vec![store_reason(broker, study, digest, &error)]),
    }
}

/// The known party that answers for a contract; none where it is the owner's own: brought or signed by the owner, or
/// collected by it before.
async fn who_answers(
    broker: &Broker,
    party: PublicKey,
    offered: &SignedContract,
) -> Result<Option<PublicKey>, Vec<Reason>> {
    let told = |error: StoreError| vec![failed(broker, &error)];
    if party == broker.keys.public() || offered.signed().any(|signed| *signed == broker.owner) {
        return Ok(None);
    }
    let stored = broker.store.contract(&offered.compiled().digest()).await.map_err(told)?;
    if stored.is_some_and(|stored| stored.sender.is_none()) {
        return Ok(None);
    }
    let known = broker.store.parties().await.map_err(told)?;
    let is_known = |key: PublicKey| known.iter().any(|known| known.key == key);
    if is_known(party) {
        return Ok(Some(party));
    }
    let parties = offered.compiled().contract().parties().iter();
    let signers = parties.filter(|party| offered.signed().any(|signed| *signed == party.name));
    match signers.map(|signer| signer.key).find(|key| is_known(*key)) {
        Some(key) => Ok(Some(key)),
        None => Err(vec![Reason::new(
            "mail-unknown",
            format!("the signature of a party that `{}` knows", broker.owner),
            "signatures of strangers only",
            format!("send `{}` your card; it adds it with `casemate party add CARD`", broker.owner),
        )]),
    }
}

/// The next contract of a study replaces the one that was accepted, as it must at a run.
fn succeeds(study: &Study, floor: Option<Floor>) -> Result<(), Vec<Reason>> {
    let replaced =
        floor.filter(|floor| floor.sequence.checked_add(1) == Some(study.sequence)).map(|floor| floor.digest);
    match replaced.filter(|replaced| study.supersedes != Some(*replaced)) {
        None => Ok(()),
        Some(expected) => Err(vec![DenyReason::SupersedesOther { expected, actual: study.supersedes }.reason()]),
    }
}

fn store_reason(broker: &Broker, study: &Study, actual: Digest, error: &StoreError) -> Reason {
    match error {
        StoreError::Floor(FloorError::Older { current, offered, .. }) => {
            DenyReason::Superseded { floor: current.sequence, actual: *offered }.reason()
        }
        StoreError::Floor(FloorError::Other { current, .. }) => {
            DenyReason::Forked { sequence: study.sequence, expected: current.digest, actual }.reason()
        }
        StoreError::Quota(error) => Reason::new(
            "mail-quota",
            format!("at most {WAITING_OF_SENDER_MAX} unsigned contracts of one sender, {WAITING_MAX} in all"),
            error.to_string(),
            "ask the owner to sign what waits, or to `casemate contract discard` it",
        ),
        error => failed(broker, error),
    }
}

async fn find(
    broker: &Broker,
    party: PublicKey,
    study: &str,
    digest: Option<&Digest>,
) -> Result<Vec<Vec<u8>>, Vec<Reason>> {
    let stored = broker.store.contracts().await.map_err(|error| vec![failed(broker, &error)])?;
    let wanted = stored.into_iter().filter(|c| c.study == study && digest.is_none_or(|digest| c.digest == *digest));
    let named = |bytes: &[u8]| {
        let signed = SignedContract::from_bytes(bytes);
        signed.is_ok_and(|signed| signed.compiled().contract().parties().iter().any(|known| known.key == party))
    };
    let found: Vec<_> = wanted.map(|contract| contract.bytes).filter(|bytes| named(bytes)).collect();
    let actual = found.iter().map(Vec::len).sum::<usize>();
    if actual > FETCH_BYTES_MAX {
        return Err(vec![Reason::new(
            "mail-fetch",
            format!("at most {FETCH_BYTES_MAX} bytes of contracts at once"),
            format!("{actual} bytes in {} contracts", found.len()),
            "ask for one contract, by its digest",
        )]);
    }
    Ok(found)
}

fn unsigned(error: SignatureError) -> Vec<Reason> {
    vec![Reason::new("contract-signatures", "a contract with valid signatures only", error.to_string(), error.help())]
}
