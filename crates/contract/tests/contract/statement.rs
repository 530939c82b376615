//! Signed statements: each of its kind, by its signer, as it was signed.

use casemate_contract::{
    Broker, BrokerRecord, CardError, ChallengeStatement, DecisionStatement, Output, PartyCard, PermitDecision,
    PermitRequest, PermitStatement, ResultBody, RunBundle, RunId, RunRecord, StatementError, authorise_permit,
};
use casemate_cose::{Digest, Kind, encode, sign};

use crate::study::{AT, RECIPIENT, RUN, allow, broker_of, clinic, key, passed, signed};

fn challenge() -> ChallengeStatement {
    ChallengeStatement { nonce: [1; 32], session: [2; 16], at: AT, owner: "clinic".parse().unwrap() }
}

fn decision() -> DecisionStatement {
    allow(&signed(), "clinic").statement().clone()
}

fn permit() -> PermitStatement {
    let contract = signed();
    let request = PermitRequest { result: body().digest(), gates: passed(contract.contract()), ordinary_bytes: 4096 };
    let released = [("measurements".parse().unwrap())].into();
    let record = RunRecord { released, ..RunRecord::default() };
    match authorise_permit(&contract, &allow(&contract, "clinic"), &request, &record, AT) {
        PermitDecision::Permit(permit) => permit.statement().clone(),
        PermitDecision::Deny(reasons) => panic!("{reasons:?}"),
    }
}

fn body() -> ResultBody {
    let contract = signed();
    ResultBody {
        salt: [9; 32],
        study: "breast-cancer".parse().unwrap(),
        contract: contract.digest(),
        computation: "by-diagnosis".parse().unwrap(),
        run: RUN,
        output: Output::Table(b"ARROW1".to_vec()),
        gates: passed(contract.contract()),
        at: AT,
    }
}

fn card() -> PartyCard {
    PartyCard {
        name: "clinic".parse().unwrap(),
        key: clinic().public(),
        recipient: Some(RECIPIENT.parse().unwrap()),
        broker: Some(Broker { key: broker_of("clinic").public(), address: "127.0.0.1:7701".parse().unwrap() }),
        launcher: None,
        runtime: None,
        datasets: Vec::new(),
    }
}

#[test]
fn what_is_signed_is_read() {
    let key = key(1);
    assert_eq!(ChallengeStatement::verify(&challenge().sign(&key), &key.public()).unwrap(), challenge());
    assert_eq!(DecisionStatement::verify(&decision().sign(&key), &key.public()).unwrap(), decision());
    assert_eq!(PermitStatement::verify(&permit().sign(&key), &key.public()).unwrap(), permit());
    assert_eq!(ResultBody::verify(&body().sign(&key), &key.public()).unwrap(), body());
    assert_eq!(PartyCard::open(&card().sign(&key)).unwrap(), card());
    assert_eq!(body().digest(), Digest::of(&body().to_bytes()));
}

/// Whether each statement's reader takes these bytes, by kind.
fn readers(object: &[u8], key: &casemate_cose::PublicKey) -> [(Kind, bool); 5] {
    [
        (Kind::Challenge, ChallengeStatement::verify(object, key).is_ok()),
        (Kind::Decision, DecisionStatement::verify(object, key).is_ok()),
        (Kind::Permit, PermitStatement::verify(object, key).is_ok()),
        (Kind::Result, ResultBody::verify(object, key).is_ok()),
        (Kind::Party, PartyCard::verify(object, key).is_ok()),
    ]
}

#[test]
fn no_kind_passes_for_another() {
    let payloads = [
        (Kind::Challenge, challenge().to_bytes()),
        (Kind::Decision, decision().to_bytes()),
        (Kind::Permit, permit().to_bytes()),
        (Kind::Result, body().to_bytes()),
        (Kind::Party, card().to_bytes()),
    ];
    let key = key(1);
    for (of, payload) in &payloads {
        for kind in Kind::ALL {
            // The same payload, signed as every kind: only its own reader takes it, and only as its own kind.
            let object = sign(kind, payload, &key);
            for (reader, reads) in readers(&object, &key.public()) {
                assert_eq!(
                    reads,
                    reader == kind && kind == *of,
                    "{} signed as {} read as {}",
                    of.as_str(),
                    kind.as_str(),
                    reader.as_str()
                );
            }
        }
    }
}

#[test]
fn refuses_another_signer_and_another_payload() {
    let object = decision().sign(&key(1));
    assert!(matches!(DecisionStatement::verify(&object, &key(2).public()), Err(StatementError::Signature(_))));
    let object = sign(Kind::Decision, &encode(&1_u64), &key(1));
    assert!(matches!(DecisionStatement::verify(&object, &key(1).public()), Err(StatementError::Payload { .. })));
    let longer = [decision().to_bytes(), vec![0]].concat();
    assert!(DecisionStatement::verify(&sign(Kind::Decision, &longer, &key(1)), &key(1).public()).is_err());
}

#[test]
fn a_card_speaks_for_its_own_key_only() {
    let object = card().sign(&key(66));
    assert!(PartyCard::verify(&object, &key(66).public()).is_ok(), "a signature alone passes");
    assert!(matches!(PartyCard::open(&object), Err(CardError::Key { .. })));
    assert!(PartyCard::open(b"card").is_err());
}

#[test]
fn the_salt_hides_a_small_result() {
    let other = ResultBody { salt: [8; 32], ..body() };
    assert_ne!(other.digest(), body().digest());
}

fn bundle() -> RunBundle {
    let record = |owner: &str| BrokerRecord {
        owner: owner.parse().unwrap(),
        challenge: vec![1],
        evidence: vec![2],
        exporter: [3; 32],
        decision: vec![4],
        release_receipt: vec![5],
        permit: vec![6],
        permit_receipt: vec![7],
    };
    RunBundle::new(vec![1], vec![2], key(21).public(), vec![record("registry"), record("clinic")])
}

#[test]
fn a_bundle_survives_its_bytes_and_says_who_is_missing() {
    let bundle = bundle();
    let bytes = bundle.to_bytes();
    assert_eq!(RunBundle::from_bytes(&bytes).unwrap(), bundle);
    assert!(bundle.missing(signed().contract(), "by-diagnosis").is_empty());
    let mut without = bundle.clone();
    without.brokers.remove(0);
    assert_eq!(without.missing(signed().contract(), "by-diagnosis"), vec!["clinic".parse().unwrap()]);
    let mut twice = bundle.clone();
    twice.brokers.push(twice.brokers[1].clone());
    let mut swapped = bundle;
    swapped.brokers.swap(0, 1);
    for (crime, bytes) in [
        ("one_owner_twice", twice.to_bytes()),
        ("out_of_order", swapped.to_bytes()),
        ("trailing_byte", [bytes.as_slice(), &[0]].concat()),
        ("empty", Vec::new()),
    ] {
        assert!(RunBundle::from_bytes(&bytes).is_err(), "{crime}");
    }
    assert_ne!(RunId::from_bytes([0; 16]), RUN);
}
