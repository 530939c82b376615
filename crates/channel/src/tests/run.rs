//! Honest sessions, refusals on the way, and verdicts of other sessions.

use casemate_cose::{Digest, Kind};
use casemate_evidence::{Binding, Bound, Role};
use casemate_ledger::{Event, OfPermit, OfRelease, Origin, Receipt, ReceiptBody};
use casemate_testkit::durable;
use tokio::io::duplex;

use super::rig::*;
use crate::{ChannelError, broker_side::Claimed, keep_side::EvidenceSource, keep_side::SourceError};

#[tokio::test(start_paused = true)]
async fn keys_and_permit_reach_the_keep() {
    let (near, far) = duplex(1 << 16);
    let broker_end = async {
        let asked = broker(far).await.unwrap().permit_asked(TIME).await.unwrap();
        assert_eq!(asked.keep(), key(KEEP).public());
        assert_eq!(*asked.request(), request(b"gates"));
        let receipt = durable(&receipt_of(Event::Permit, asked.verdict()), &key(BROKER));
        asked.permit(b"permit".to_vec(), receipt).await.unwrap();
    };
    let keep_end = async {
        let mut released = keep(near).await.unwrap();
        assert_eq!(event_of(released.receipt()), Event::Release);
        let keys = released.take_keys();
        assert_eq!((keys[0].dataset.as_str(), keys[0].key), ("visits", DATA_KEY));
        assert!(released.take_keys().is_empty());
        let permit = released.permit(request(b"gates"), TIME).await.unwrap();
        assert_eq!((permit.statement.as_slice(), event_of(&permit.receipt)), (&b"permit"[..], Event::Permit));
    };
    tokio::join!(broker_end, keep_end);
}

/// What the receipt that reached the keep tells of, verified with the broker's key.
fn event_of(receipt: &[u8]) -> Event {
    let key = key(BROKER).public();
    Receipt::from_bytes(receipt).unwrap().verify(&Origin::of_key(&key), &key).unwrap().body().event
}

type ReceiptCrime = (&'static str, fn(&mut ReceiptBody));

const RECEIPTS: [ReceiptCrime; 4] = [
    ("keep's key", |body| body.keep_key = Some(digest_of(BROKER))),
    ("evidence", |body| body.evidence = Some(Digest::of(b"another session's"))),
    ("domain", |body| body.domain = Some(Digest::of(b"another"))),
    ("log", |_| {}),
];

#[tokio::test(start_paused = true)]
async fn keys_leave_with_the_receipt_of_their_own_session_alone() {
    let own: [ReceiptCrime; 2] = [
        ("manifest", |body| body.manifest = Some(Digest::of(b"another"))),
        ("datasets", |body| body.datasets = vec!["labs".into()]),
    ];
    for (crime, commit) in RECEIPTS.into_iter().chain(own) {
        let (near, far) = duplex(1 << 16);
        let broker_end = async {
            let session = assembled(far).await.unwrap();
            let mut body = receipt_of(Event::Release, session.verdict());
            commit(&mut body);
            let receipt = durable::<OfRelease>(&body, &key(if crime == "log" { KEEP } else { BROKER }));
            let keys = vec![crate::message::DatasetKey { dataset: "visits".into(), key: DATA_KEY }];
            session.release(receipt, keys, NOW).await
        };
        let (broker_end, keep_end) = tokio::join!(broker_end, keep(near));
        let refused = matches!(broker_end, Err(ChannelError::ReceiptOfOtherSession { field }) if field == crime);
        assert!(refused, "{crime}: {broker_end:?}");
        assert!(matches!(keep_end, Err(ChannelError::Truncated)), "{crime}: {keep_end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_permit_leaves_with_the_receipt_of_its_own_session_and_result_alone() {
    let own: [ReceiptCrime; 2] = [
        ("result", |body| body.result = Some(Digest::of(b"another result"))),
        ("bytes outside secret memory", |body| body.ordinary_bytes = Some(0)),
    ];
    for (crime, commit) in RECEIPTS.into_iter().chain(own) {
        let (near, far) = duplex(1 << 16);
        let broker_end = async {
            let asked = broker(far).await.unwrap().permit_asked(TIME).await.unwrap();
            let mut body = receipt_of(Event::Permit, asked.verdict());
            commit(&mut body);
            let receipt = durable::<OfPermit>(&body, &key(if crime == "log" { KEEP } else { BROKER }));
            asked.permit(b"permit".to_vec(), receipt).await
        };
        let keep_end = async { keep(near).await?.permit(request(b""), TIME).await };
        let (broker_end, keep_end) = tokio::join!(broker_end, keep_end);
        let refused = matches!(broker_end, Err(ChannelError::ReceiptOfOtherSession { field }) if field == crime);
        assert!(refused, "{crime}: {broker_end:?}");
        assert!(matches!(keep_end, Err(ChannelError::Truncated)), "{crime}: {keep_end:?}");
    }
}

/// What is wrong with a binding, and how it came to be.
struct Crime(&'static str, fn(&mut Binding));

/// Evidence of an honest launcher for another binding than the session's.
struct Other(fn(&mut Binding), Binding);

impl EvidenceSource for Other {
    async fn evidence(&self, _: [u8; 64]) -> Result<Vec<u8>, SourceError> {
        let mut binding = self.1.clone();
        (self.0)(&mut binding);
        Ok(measured(binding.report_data()))
    }
}

#[tokio::test(start_paused = true)]
async fn evidence_for_anything_else_is_refused_to_the_keeps_face() {
    let crimes = [
        Crime("another nonce", |binding| binding.nonce = [0; 32]),
        Crime("another manifest", |binding| binding.manifest = Digest::of(b"other")),
        Crime("another session", |binding| binding.exporter[31] ^= 1),
        Crime("another keep", |binding| binding.own_key = digest_of(9)),
        Crime("another broker", |binding| binding.peer_key = digest_of(9)),
        Crime("another role", |binding| binding.role = Role::Broker),
    ];
    for Crime(crime, change) in crimes {
        let (near, far) = duplex(1 << 16);
        let keep_end = async {
            let challenged = connected(near).await?.challenged(TIME).await?;
            let binding = challenged.binding(NONCE, Digest::of(MANIFEST));
            let attested = challenged.attest(NONCE, &Other(change, binding), MANIFEST, CONTRACT).await?;
            attested.decision(TIME).await
        };
        let (broker_end, keep_end) = tokio::join!(broker(far), keep_end);
        assert!(matches!(broker_end, Err(ChannelError::Refused(_))), "{crime}: {broker_end:?}");
        assert!(
            matches!(&keep_end, Err(ChannelError::Refused(reasons)) if reasons.len() == 1),
            "{crime}: {keep_end:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_was_not_measured_is_refused() {
    let (near, far) = duplex(1 << 16);
    let keep_end = async {
        let challenged = connected(near).await?.challenged(TIME).await?;
        challenged.attest(NONCE, &Host, b"another manifest", CONTRACT).await?.decision(TIME).await
    };
    let (broker_end, keep_end) = tokio::join!(broker(far), keep_end);
    assert!(matches!(broker_end, Err(ChannelError::Refused(_))), "{broker_end:?}");
    assert!(matches!(keep_end, Err(ChannelError::Refused(_))), "{keep_end:?}");
}

/// A source whose platform gives nothing.
struct Nothing;

impl EvidenceSource for Nothing {
    async fn evidence(&self, _: [u8; 64]) -> Result<Vec<u8>, SourceError> {
        Err(SourceError("the launcher hung up".into()))
    }
}

#[tokio::test(start_paused = true)]
async fn without_evidence_nothing_is_sent() {
    let (near, far) = duplex(1 << 16);
    let keep_end = async {
        let challenged = connected(near).await.unwrap().challenged(TIME).await.unwrap();
        challenged.attest(NONCE, &Nothing, MANIFEST, CONTRACT).await
    };
    let (broker_end, keep_end) = tokio::join!(broker(far), keep_end);
    assert!(matches!(keep_end, Err(ChannelError::Evidence(_))), "{keep_end:?}");
    assert!(matches!(broker_end, Err(ChannelError::Truncated)), "{broker_end:?}");
}

#[tokio::test(start_paused = true)]
async fn a_challenge_that_is_not_the_brokers_is_refused() {
    let nonce = NONCE;
    let crimes = [
        ("signed by another key", challenge(nonce, &key(9))),
        ("of another kind", casemate_cose::sign(Kind::Permit, &nonce, &key(BROKER))),
        ("not signed", nonce.to_vec()),
        ("empty", vec![]),
    ];
    for (crime, statement) in crimes {
        let (near, far) = duplex(1 << 16);
        let broker_end = async { arrived(far).await.unwrap().challenge(statement, nonce).await };
        let keep_end = async { connected(near).await.unwrap().challenged(TIME).await };
        let (_broker_end, keep_end) = tokio::join!(broker_end, keep_end);
        assert!(matches!(keep_end, Err(ChannelError::Challenge(_))), "{crime}: {keep_end:?}");
    }
}

/// The broker's end of a session in which an honest keep has attested, and the keep's end so that it stays open.
async fn attested_session(
    nonce: [u8; 32],
) -> (Claimed<tokio::io::DuplexStream>, crate::keep_side::Attested<tokio::io::DuplexStream>) {
    let (near, far) = duplex(1 << 16);
    let keep_end = async {
        let challenged = connected(near).await.unwrap().challenged(TIME).await.unwrap();
        challenged.attest(nonce, &Host, MANIFEST, CONTRACT).await.unwrap()
    };
    let (claimed, attested) = tokio::join!(claimed(far, nonce), keep_end);
    (claimed.unwrap(), attested)
}

#[tokio::test(start_paused = true)]
async fn a_verdict_of_one_session_does_not_admit_another() {
    // Same broker, same keep, same manifest, and a broker that carelessly uses a nonce twice.
    let (one, _keep_one) = attested_session(NONCE).await;
    let (two, _keep_two) = attested_session(NONCE).await;
    let verdict = judge(&one.claim().evidence, &one.expectation()).unwrap();
    let refusal = two.admit(verdict, NOW);
    assert!(matches!(refusal, Err(ChannelError::VerdictOfOtherSession { field: "evidence" })), "{refusal:?}");
}

#[tokio::test(start_paused = true)]
async fn a_verdict_over_another_binding_does_not_admit() {
    // A careless caller makes its own expectation instead of asking the session for it.
    let crimes = [
        Crime("nonce", |binding| binding.nonce = [0; 32]),
        Crime("role", |binding| binding.role = Role::Broker),
        Crime("exporter value", |binding| binding.exporter = [0; 32]),
        Crime("keep's key", |binding| binding.own_key = digest_of(9)),
        Crime("broker's key", |binding| binding.peer_key = digest_of(9)),
    ];
    for Crime(crime, change) in crimes {
        let (near, far) = duplex(1 << 16);
        let keep_end = async {
            let challenged = connected(near).await.unwrap().challenged(TIME).await.unwrap();
            let binding = challenged.binding(NONCE, Digest::of(MANIFEST));
            challenged.attest(NONCE, &Other(change, binding), MANIFEST, CONTRACT).await.unwrap()
        };
        let (claimed, _attested) = tokio::join!(claimed(far, NONCE), keep_end);
        let claimed = claimed.unwrap();
        let mut binding = claimed.expectation().binding().clone();
        change(&mut binding);
        let verdict = judge(&claimed.claim().evidence, &Bound::new(binding)).unwrap();
        let refusal = claimed.admit(verdict, NOW);
        assert!(
            matches!(refusal, Err(ChannelError::VerdictOfOtherSession { field }) if field == crime),
            "{crime}: {refusal:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_verdict_counts_until_it_expires() {
    for (late_s, admitted) in [(0, true), (300, true), (301, false), (86_400, false)] {
        let (claimed, _keep) = attested_session(NONCE).await;
        let verdict = judge(&claimed.claim().evidence, &claimed.expectation()).unwrap();
        let outcome = claimed.admit(verdict, NOW.plus_s(late_s));
        assert_eq!(outcome.is_ok(), admitted, "{late_s} s: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_do_not_leave_on_an_expired_verdict() {
    let (near, far) = duplex(1 << 16);
    let broker_end = async {
        let keys = vec![crate::message::DatasetKey { dataset: "visits".into(), key: DATA_KEY }];
        let session = assembled(far).await.unwrap();
        let receipt = durable(&receipt_of(Event::Release, session.verdict()), &key(BROKER));
        session.release(receipt, keys, NOW.plus_s(301)).await
    };
    let (broker_end, keep_end) = tokio::join!(broker_end, keep(near));
    assert!(matches!(broker_end, Err(ChannelError::VerdictExpired { .. })), "{broker_end:?}");
    assert!(matches!(keep_end, Err(ChannelError::Truncated)), "{keep_end:?}");
}

#[test]
fn sessions_can_move_between_threads() {
    fn moves<T: Send>(_: T) {}
    let (near, far) = duplex(64);
    moves(keep(near));
    moves(broker(far));
}
