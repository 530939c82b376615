//! Mail and keeps don't mix, and mail is answered once.

use casemate_cose::Digest;
use casemate_trust::Reason;
use tokio::io::{DuplexStream, duplex};

use super::rig::*;
use crate::{
    ChannelError,
    broker_side::{Incoming, accept},
    mail::{self, Requested},
    message::MailRequest,
};

const PARTY: u8 = 7;

async fn requested(far: DuplexStream, bytes_max: usize) -> Result<Requested<DuplexStream>, ChannelError> {
    match accept(far, &key(BROKER)).await.unwrap() {
        Incoming::Mail(mailbox) => {
            assert_eq!(mailbox.party(), key(PARTY).public());
            mailbox.request(bytes_max, TIME).await
        }
        Incoming::Keep(_) => panic!("a keep"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_contract_is_delivered() {
    let (near, far) = duplex(1 << 16);
    let broker_end = async {
        let requested = requested(far, 1 << 20).await.unwrap();
        assert_eq!(requested.request(), &MailRequest::Deliver { contract: CONTRACT.to_vec() });
        requested.accept().await.unwrap();
    };
    let party = key(PARTY);
    let party_end = mail::deliver(near, &party, digest_of(BROKER), CONTRACT.to_vec(), TIME);
    let ((), delivered) = tokio::join!(broker_end, party_end);
    delivered.unwrap();
}

#[tokio::test(start_paused = true)]
async fn contracts_are_fetched() {
    let (near, far) = duplex(1 << 16);
    let wanted = Digest::of(b"compiled");
    let broker_end = async {
        let requested = requested(far, 1 << 20).await.unwrap();
        assert_eq!(requested.request(), &MailRequest::Fetch { study: "s".into(), digest: Some(wanted) });
        requested.contracts(vec![CONTRACT.to_vec(), vec![]]).await.unwrap();
    };
    let party = key(PARTY);
    let party_end = mail::fetch(near, &party, digest_of(BROKER), "s".into(), Some(wanted), TIME);
    let ((), fetched) = tokio::join!(broker_end, party_end);
    assert_eq!(fetched.unwrap(), [CONTRACT.to_vec(), vec![]]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_arrives_with_its_reasons() {
    let (near, far) = duplex(1 << 16);
    let reason = Reason::new("party", "a party of the study", "a stranger", "sign first");
    let broker_end = async { requested(far, 1 << 20).await.unwrap().refuse(vec![reason.clone()]).await.unwrap() };
    let party = key(PARTY);
    let party_end = mail::fetch(near, &party, digest_of(BROKER), "s".into(), None, TIME);
    let ((), fetched) = tokio::join!(broker_end, party_end);
    assert!(matches!(&fetched, Err(ChannelError::Refused(reasons)) if *reasons == [reason.clone()]), "{fetched:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stranger_can_be_given_less_room() {
    let (near, far) = duplex(1 << 16);
    let party = key(PARTY);
    let party_end = mail::deliver(near, &party, digest_of(BROKER), vec![0; 4096], TIME);
    let (broker_end, delivered) = tokio::join!(requested(far, 1024), party_end);
    assert!(matches!(broker_end, Err(ChannelError::FrameTooLong { max: 1024, .. })), "{broker_end:?}");
    assert!(delivered.is_err());
}

#[tokio::test(start_paused = true)]
async fn mail_is_not_brought_to_another_broker() {
    let (near, far) = duplex(1 << 16);
    let (party, broker) = (key(PARTY), key(BROKER));
    let party_end = mail::deliver(near, &party, digest_of(9), CONTRACT.to_vec(), TIME);
    let (broker_end, delivered) = tokio::join!(accept(far, &broker), party_end);
    assert!(matches!(delivered, Err(ChannelError::Certificate(_))), "{delivered:?}");
    assert!(broker_end.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_mail_connection_never_becomes_a_keeps() {
    // The type that a mail connection leads to has no challenge; what is left to try is the keep's first message on it.
    let (near, far) = duplex(1 << 16);
    let party = key(PARTY);
    let party_end = async {
        let mut session =
            crate::session::Session::connect(near, &party, digest_of(BROKER), crate::tls::Purpose::Mail).await.unwrap();
        let claim = crate::message::Attest { evidence: vec![], manifest: vec![], contract: vec![] };
        session.send("attest", &crate::message::ToBroker::Attest(claim)).await.unwrap();
        session
    };
    let (broker_end, _session) = tokio::join!(requested(far, 1 << 20), party_end);
    assert!(matches!(broker_end, Err(ChannelError::Message(_))), "{broker_end:?}");
}
