//! Contracts by mail: parties bring signed contracts to an owner's broker and fetch the signatures that it has.
//!
//! 1. Who speaks is known by the TLS key: it has to be a party's identity key in the contract at hand.
//! 2. Every signature is verified on the way in; copies of one contract are merged, never replaced.
//! 3. A contract that everybody has signed raises the study's floor: an older one runs nowhere any more. The next one has
//!    to supersede the one that was accepted.

use std::{io, time::Duration};

use casemate_channel::{
    ChannelError,
    mail::{self, Mailbox},
    message::MailRequest,
};
use casemate_contract::{DenyReason, FullySigned, SIGNED_CONTRACT_BYTES_MAX, SignatureError, SignedContract};
use casemate_cose::{Digest, PublicKey, SigningKey};
use casemate_store::MergeError;
use casemate_trust::Reason;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::{
    Broker, Event,
    refuse::{machine, store_reasons},
};

/// How long a request may take, in seconds.
const REQUEST_S_MAX: u64 = 30;
/// How long a connection may take, in seconds.
const CONNECT_S_MAX: u64 = 10;
/// Room for the message around a contract.
const FRAME_BYTES: usize = 1024;

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
    let merge = |stored: Option<&[u8]>| merge(stored, &offered);
    let stored = broker.store.merge_contract(&digest, study.id.as_str(), study.sequence, broker.now(), merge).await;
    let stored = stored.map_err(|error| match error {
        MergeError::Merge(error) => unsigned(error),
        MergeError::Store(error) => vec![machine(&error)],
    })?;
    if let Ok(agreed) = FullySigned::from_bytes(&stored.bytes) {
        succeeds(broker, &agreed).await?;
        let raised = broker.store.raise_floor(study.id.as_str(), study.sequence, &digest).await;
        raised.map_err(|error| store_reasons(&agreed, error))?;
    }
    Ok(Event::Delivered { study: study.id.to_string(), contract: digest.to_string() })
}

/// The next contract of a study replaces the one that was accepted, as it must at a run.
async fn succeeds(broker: &Broker, agreed: &FullySigned) -> Result<(), Vec<Reason>> {
    let study = agreed.contract().study();
    let floor = broker.store.floor(study.id.as_str()).await.map_err(|error| vec![machine(&error)])?;
    let replaced =
        floor.filter(|floor| floor.sequence.checked_add(1) == Some(study.sequence)).map(|floor| floor.digest);
    match replaced.filter(|replaced| study.supersedes != Some(*replaced)) {
        None => Ok(()),
        Some(expected) => Err(vec![DenyReason::SupersedesOther { expected, actual: study.supersedes }.reason()]),
    }
}

/// The stored copy with the signatures of the offered one.
pub(crate) fn merge(stored: Option<&[u8]>, offered: &SignedContract) -> Result<Vec<u8>, SignatureError> {
    let Some(stored) = stored else { return Ok(offered.to_bytes()) };
    let mut merged = SignedContract::from_bytes(stored)?;
    merged.merge(offered)?;
    Ok(merged.to_bytes())
}

async fn find(
    broker: &Broker,
    party: PublicKey,
    study: &str,
    digest: Option<&Digest>,
) -> Result<Vec<Vec<u8>>, Vec<Reason>> {
    let stored = broker.store.contracts().await.map_err(|error| vec![machine(&error)])?;
    let wanted = stored.into_iter().filter(|c| c.study == study && digest.is_none_or(|digest| c.digest == *digest));
    let named = |bytes: &[u8]| {
        let signed = SignedContract::from_bytes(bytes);
        signed.is_ok_and(|signed| signed.compiled().contract().parties().iter().any(|known| known.key == party))
    };
    Ok(wanted.map(|contract| contract.bytes).filter(|bytes| named(bytes)).collect())
}

fn unsigned(error: SignatureError) -> Vec<Reason> {
    vec![Reason::new("contract-signatures", "a contract with valid signatures only", error.to_string(), error.help())]
}
