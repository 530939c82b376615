//! Messages in states that have no place for them, sent by an end that has a session but no manners.

use casemate_cose::{Digest, Kind, sign};
use casemate_trust::Reason;
use tokio::io::{DuplexStream, duplex};

use super::rig::*;
use crate::{
    ChannelError,
    keep_side::EvidenceSource as _,
    message::{AbandonReason, Attest, DatasetKey, FromBroker, Permit, Release, ToBroker},
    session::Session,
    tls::Purpose,
};

fn every_message_to_a_broker() -> [ToBroker; 4] {
    [
        ToBroker::Attest(Attest { evidence: vec![], manifest: vec![], contract: vec![] }),
        ToBroker::Decisions { all: vec![] },
        ToBroker::PermitRequest(request(b"")),
        ToBroker::Abandon { reason: AbandonReason::GateRefused },
    ]
}

fn every_message_from_a_broker() -> [FromBroker; 5] {
    let keys = vec![DatasetKey { dataset: "visits".into(), key: DATA_KEY }];
    [
        FromBroker::Challenge { statement: challenge(NONCE, &key(BROKER)) },
        FromBroker::Decision { statement: sign(Kind::Decision, b"allow", &key(BROKER)) },
        FromBroker::Release(Release { receipt: vec![], keys }),
        FromBroker::Permit(Permit { statement: vec![], receipt: vec![] }),
        FromBroker::Refused { reasons: vec![Reason::new("rule", "this", "that", "do")] },
    ]
}

async fn raw_keep(stream: DuplexStream) -> Session<DuplexStream> {
    Session::connect(stream, &key(KEEP), digest_of(BROKER), Purpose::Attest).await.unwrap()
}

/// What the keep sends so that the broker comes as far as `steps`: 0 waits for `attest`, 1 `decisions`, 2 `permit request`.
async fn walk_broker(session: &mut Session<DuplexStream>, steps: usize) {
    let _: FromBroker = session.receive("challenge", 1 << 16, TIME).await.unwrap();
    if steps > 0 {
        let binding = session.ends().own_binding(casemate_evidence::Role::Keep, NONCE, Digest::of(MANIFEST));
        let evidence = Host.evidence(binding.report_data()).await.unwrap();
        let claim = Attest { evidence, manifest: MANIFEST.to_vec(), contract: CONTRACT.to_vec() };
        session.send("attest", &ToBroker::Attest(claim)).await.unwrap();
        let _: FromBroker = session.receive("decision", 1 << 16, TIME).await.unwrap();
    }
    if steps > 1 {
        let all = vec![sign(Kind::Decision, b"allow", &key(BROKER)).into()];
        session.send("decisions", &ToBroker::Decisions { all }).await.unwrap();
        let _: FromBroker = session.receive("release", 1 << 16, TIME).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_takes_each_message_in_its_state_only() {
    for (state, expected) in ["attest", "decisions", "permit request"].into_iter().enumerate() {
        for (which, message) in every_message_to_a_broker().into_iter().enumerate() {
            if which == state {
                continue;
            }
            let (near, far) = duplex(1 << 16);
            let keep_end = async {
                let mut session = raw_keep(near).await;
                walk_broker(&mut session, state).await;
                session.send("crime", &message).await.unwrap();
                session
            };
            let broker_end = async { broker(far).await?.permit_asked(TIME).await };
            let (broker_end, _session) = tokio::join!(broker_end, keep_end);
            match broker_end {
                Err(ChannelError::Abandoned(reason)) => assert_eq!((which, reason), (3, AbandonReason::GateRefused)),
                Err(ChannelError::Unexpected { expected: actual, .. }) => {
                    assert_eq!((actual, which < 3), (expected, true))
                }
                other => panic!("{message:?} where `{expected}` is expected: {other:?}"),
            }
        }
    }
}

/// What the broker sends so that the keep comes as far as `steps`: 0 waits for `challenge`, 1 `decision`, 2 `release`, 3
/// `permit`.
async fn walk_keep(session: &mut Session<DuplexStream>, steps: usize) {
    for message in every_message_from_a_broker().into_iter().take(steps) {
        session.send("step", &message).await.unwrap();
        let _: ToBroker = session.receive("answer", 1 << 16, TIME).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_keep_takes_each_message_in_its_state_only() {
    for (state, expected) in ["challenge", "decision", "release", "permit"].into_iter().enumerate() {
        for (which, message) in every_message_from_a_broker().into_iter().enumerate() {
            if which == state {
                continue;
            }
            let (near, far) = duplex(1 << 16);
            let broker_end = async {
                let mut session = Session::accept(far, &key(BROKER)).await.unwrap();
                walk_keep(&mut session, state).await;
                session.send("crime", &message).await.unwrap();
                session
            };
            let keep_end = async { keep(near).await?.permit(request(b""), TIME).await };
            let (keep_end, _session) = tokio::join!(keep_end, broker_end);
            match keep_end {
                Err(ChannelError::Refused(reasons)) => assert_eq!((which, reasons.len()), (4, 1)),
                Err(ChannelError::Unexpected { expected: actual, .. }) => {
                    assert_eq!((actual, which < 4), (expected, true))
                }
                other => panic!("{message:?} where `{expected}` is expected: {other:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn claims_sent_ahead_of_the_challenge_gain_nothing() {
    let (near, far) = duplex(1 << 16);
    let keep_end = async {
        let mut session = raw_keep(near).await;
        // It can't know the nonce yet; it guesses.
        let binding = session.ends().own_binding(casemate_evidence::Role::Keep, [0; 32], Digest::of(MANIFEST));
        let evidence = Host.evidence(binding.report_data()).await.unwrap();
        let claim = Attest { evidence, manifest: MANIFEST.to_vec(), contract: CONTRACT.to_vec() };
        session.send("attest", &ToBroker::Attest(claim)).await.unwrap();
        session.send("decisions", &ToBroker::Decisions { all: vec![] }).await.unwrap();
        session
    };
    let (broker_end, _session) = tokio::join!(broker(far), keep_end);
    assert!(matches!(broker_end, Err(ChannelError::Refused(_))), "{broker_end:?}");
}

#[tokio::test(start_paused = true)]
async fn giving_up_is_heard_in_every_state() {
    for reason in [AbandonReason::BrokerRefused, AbandonReason::BrokerUnreachable, AbandonReason::Stopped] {
        let (near, far) = duplex(1 << 16);
        let keep_end = async {
            let challenged = connected(near).await.unwrap().challenged(TIME).await.unwrap();
            let attested = challenged.attest(NONCE, &Host, MANIFEST, CONTRACT).await.unwrap();
            attested.decision(TIME).await.unwrap().abandon(reason).await.unwrap();
        };
        let (broker_end, ()) = tokio::join!(broker(far), keep_end);
        assert!(matches!(broker_end, Err(ChannelError::Abandoned(actual)) if actual == reason), "{broker_end:?}");
    }
    let (near, far) = duplex(1 << 16);
    let keep_end = async { keep(near).await.unwrap().abandon(AbandonReason::ComputationFailed).await.unwrap() };
    let broker_end = async { broker(far).await.unwrap().permit_asked(TIME).await };
    let (broker_end, ()) = tokio::join!(broker_end, keep_end);
    assert!(matches!(broker_end, Err(ChannelError::Abandoned(AbandonReason::ComputationFailed))), "{broker_end:?}");
}
