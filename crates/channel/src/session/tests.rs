//! Frames as an attacker who got through the handshake would send them, and bindings as the two ends see them.

use std::future::pending;

use casemate_cose::CborError;
use casemate_evidence::Role;
use tokio::io::{DuplexStream, duplex};

use super::*;
use crate::message::{AbandonReason, Attest, DatasetKey, FromBroker, Release, ToBroker};

const TIME: Duration = Duration::from_secs(5);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

/// Both ends of one session: keep with key 2, broker with key 1.
async fn pair() -> (Session<DuplexStream>, Session<DuplexStream>) {
    let (near, far) = duplex(1 << 16);
    let (keep_key, broker_key) = (key(2), key(1));
    let (keep, broker) = tokio::join!(
        Session::connect(near, &keep_key, broker_key.public().spki_digest(), Purpose::Attest),
        Session::accept(far, &broker_key),
    );
    (keep.unwrap(), broker.unwrap())
}

fn abandon() -> ToBroker {
    ToBroker::Abandon { reason: AbandonReason::Stopped }
}

/// What the broker makes of raw bytes after the handshake, where the connection then ends.
async fn received(bytes: &[u8], bytes_max: usize) -> Result<ToBroker, ChannelError> {
    let (mut keep, mut broker) = pair().await;
    keep.stream.write_all(bytes).await.unwrap();
    keep.close().await;
    broker.receive("attest", bytes_max, TIME).await
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

#[tokio::test]
async fn both_ends_see_one_session() {
    let (keep, broker) = pair().await;
    assert_eq!(keep.ends.exporter, broker.ends.exporter);
    assert_eq!((keep.ends.own, keep.ends.peer), (broker.ends.peer, broker.ends.own));
    assert_eq!((keep.ends.own, keep.ends.peer), (key(2).public(), key(1).public()));
    let manifest = Digest::of(b"manifest");
    assert_eq!(
        keep.ends.own_binding(Role::Keep, [7; 32], manifest),
        broker.ends.peer_binding(Role::Keep, [7; 32], manifest)
    );
}

#[tokio::test]
async fn two_sessions_of_the_same_keys_differ() {
    let ((one, _far_one), (two, _far_two)) = (pair().await, pair().await);
    assert_eq!((one.ends.own, one.ends.peer), (two.ends.own, two.ends.peer));
    assert_ne!(one.ends.exporter, two.ends.exporter);
}

#[tokio::test]
async fn the_group_is_hybrid_and_the_handshake_full() {
    let (keep, broker) = pair().await;
    for stream in [&keep.stream, &broker.stream] {
        let (_, state) = stream.get_ref();
        assert_eq!(state.negotiated_key_exchange_group().unwrap().name(), NamedGroup::X25519MLKEM768);
        assert_eq!(state.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert_eq!(state.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[tokio::test]
async fn carries_messages_both_ways() {
    let (mut keep, mut broker) = pair().await;
    keep.send("abandon", &abandon()).await.unwrap();
    assert_eq!(broker.receive::<ToBroker>("abandon", 64, TIME).await.unwrap(), abandon());
    let keys = vec![DatasetKey { dataset: "visits".into(), key: [9; 32] }];
    let release = FromBroker::Release(Release { receipt: vec![1; 100_000], keys });
    let (sent, got) =
        tokio::join!(broker.send("release", &release), keep.receive::<FromBroker>("release", 1 << 20, TIME));
    sent.unwrap();
    assert_eq!(got.unwrap(), release);
}

#[tokio::test]
async fn refuses_frames_of_other_shapes() {
    let good = encode(&abandon());
    received(&framed(&good), 64).await.unwrap();
    let crimes: [(&str, Vec<u8>); 8] = [
        ("no message", framed(b"")),
        ("trailing byte in the frame", framed(&[good.as_slice(), b"\0"].concat())),
        ("unknown variant", framed(&[0x82, 0x18, 0x63, 0xa0])),
        ("unknown field", framed(&[0x82, 0x03, 0xa2, 0x00, 0x04, 0x01, 0x00])),
        ("unknown word", framed(&[0x82, 0x03, 0xa1, 0x00, 0x18, 0x63])),
        ("long integer", framed(&[0x82, 0x03, 0xa1, 0x00, 0x18, 0x04])),
        ("indefinite length", framed(&[0x9f, 0x03, 0xa1, 0x00, 0x04, 0xff])),
        ("not CBOR", framed(&[0xff; 4])),
    ];
    for (crime, bytes) in crimes {
        let refusal = received(&bytes, 64).await;
        assert!(matches!(refusal, Err(ChannelError::Message(_))), "{crime}: {refusal:?}");
    }
}

#[tokio::test]
async fn refuses_an_encoding_that_a_lenient_reader_takes() {
    let long = [0x82, 0x03, 0xa1, 0x00, 0x18, 0x04];
    assert_eq!(minicbor::decode::<ToBroker>(&long).unwrap(), abandon());
    assert!(matches!(received(&framed(&long), 64).await, Err(ChannelError::Message(CborError::NotDeterministic))));
}

#[tokio::test]
async fn refuses_a_frame_that_announces_more_than_its_state_allows() {
    for announced in [65, 1 << 24, u32::MAX] {
        let refusal = received(&announced.to_be_bytes(), 64).await;
        assert!(matches!(refusal, Err(ChannelError::FrameTooLong { max: 64, .. })), "{refusal:?}");
    }
}

#[tokio::test]
async fn refuses_to_send_more_than_anybody_reads() {
    let (mut keep, _broker) = pair().await;
    let attest = Attest { evidence: vec![0; MESSAGE_BYTES_MAX], manifest: vec![], contract: vec![] };
    assert!(matches!(
        keep.send("attest", &ToBroker::Attest(attest)).await,
        Err(ChannelError::FrameTooLong { max: MESSAGE_BYTES_MAX, .. })
    ));
}

#[tokio::test]
async fn tells_an_end_between_messages_from_one_inside() {
    let frame = framed(&encode(&abandon()));
    assert!(matches!(received(b"", 64).await, Err(ChannelError::Closed { expected: "attest" })));
    for length in 1..frame.len() {
        let refusal = received(&frame[..length], 64).await;
        assert!(matches!(refusal, Err(ChannelError::Truncated)), "length {length}: {refusal:?}");
    }
}

#[tokio::test]
async fn an_end_without_close_notify_is_no_message() {
    let (keep, mut broker) = pair().await;
    drop(keep);
    let refusal = broker.receive::<ToBroker>("attest", 64, TIME).await;
    assert!(matches!(refusal, Err(ChannelError::Truncated)), "{refusal:?}");
}

#[tokio::test(start_paused = true)]
async fn a_byte_now_and_then_does_not_prolong_the_wait() {
    let (mut keep, mut broker) = pair().await;
    let slow = async {
        for byte in framed(&encode(&abandon())) {
            keep.stream.write_all(&[byte]).await.unwrap();
            keep.stream.flush().await.unwrap();
            tokio::time::sleep(TIME - Duration::from_secs(1)).await;
        }
        pending::<()>().await;
    };
    tokio::select! {
        () = slow => unreachable!("the slow end never ends"),
        refusal = broker.receive::<ToBroker>("attest", 64, TIME) => {
            assert!(matches!(refusal, Err(ChannelError::TimedOut { what: "attest", seconds: 5 })), "{refusal:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_not_waited_for() {
    let (_silent, far) = duplex(64);
    assert!(matches!(
        Session::accept(far, &key(1)).await,
        Err(ChannelError::TimedOut { what: "handshake", seconds: ACCEPT_S_MAX })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_not_waited_for() {
    let (near, _silent) = duplex(1 << 16);
    assert!(matches!(
        Session::connect(near, &key(2), key(1).public().spki_digest(), Purpose::Attest).await,
        Err(ChannelError::TimedOut { what: "handshake", seconds: HANDSHAKE_S_MAX })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_is_not_waited_for() {
    let (mut keep, _deaf) = pair().await;
    let attest = Attest { evidence: vec![0; 1 << 20], manifest: vec![], contract: vec![] };
    let refusal = keep.send("attest", &ToBroker::Attest(attest)).await;
    assert!(matches!(refusal, Err(ChannelError::TimedOut { what: "attest", seconds: SEND_S_MAX })), "{refusal:?}");
}

#[test]
fn debug_shows_no_key() {
    let key = DatasetKey { dataset: "visits".into(), key: [0xab; 32] };
    let release = FromBroker::Release(Release { receipt: vec![], keys: vec![key] });
    let shown = format!("{release:?}");
    assert!(shown.contains("visits") && !shown.contains("171") && !shown.contains("ab, "), "{shown}");
}
