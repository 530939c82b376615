//! The record of a run, offline: no byte of it can be changed, no part of another run put into it, nothing left out.

use casemate_channel::message::PermitRequest;
use casemate_contract::{
    BrokerRecord, ChallengeStatement, DecisionStatement, Output, PermitStatement, ResultBody, RunBundle,
};
use casemate_cose::{Digest, Kind, SigningKey, encode, sign};
use casemate_evidence::{Binding, Lack, Role, software::Statement};
use casemate_service::{VerifyError, verify_result, verify_run};

use crate::{
    keep::{Script, finish, release_all, result},
    study::{EXPIRES, broker_key, edited, passed, signed, stranger},
    world::World,
};

/// In CI every so manyth byte is flipped; a prime, so that repeated structures are hit in different places.
const STRIDE: usize = 53;

async fn record(world: &World, run: u8) -> (RunBundle, Vec<u8>) {
    finish(world, &Script::honest(&world.contract, run)).await
}

#[tokio::test]
async fn no_byte_can_be_changed() {
    let world = World::new().await;
    let bytes = record(&world, 1).await.0.to_bytes();
    verify_run(&bytes, None).unwrap();
    for at in (0..bytes.len()).step_by(STRIDE) {
        for flip in [0x01, 0x80] {
            let mut flipped = bytes.clone();
            flipped[at] ^= flip;
            assert!(verify_run(&flipped, None).is_err(), "byte {at} of {}, bits {flip:#x}", bytes.len());
        }
    }
    for length in (0..bytes.len()).step_by(STRIDE) {
        assert!(verify_run(&bytes[..length], None).is_err(), "{length} bytes");
    }
    assert!(verify_run(&[bytes, vec![0]].concat(), None).is_err(), "a byte more");
}

#[tokio::test]
async fn no_byte_of_a_result_can_be_changed() {
    let world = World::new().await;
    let (bundle, object) = record(&world, 1).await;
    let run = verify_run(&bundle.to_bytes(), None).unwrap();
    verify_result(&object, &run).unwrap();
    for at in 0..object.len() {
        let mut flipped = object.clone();
        flipped[at] ^= 1;
        assert!(matches!(verify_result(&flipped, &run), Err(VerifyError::Result(_))), "byte {at}");
    }
}

#[tokio::test]
async fn a_result_is_the_one_that_was_permitted_by_the_keep_that_was_attested() {
    let world = World::new().await;
    let (bundle, _) = record(&world, 1).await;
    let run = verify_run(&bundle.to_bytes(), None).unwrap();
    let (key, body) = (Script::honest(&world.contract, 1).key, result(&world.contract, run.manifest.fields().run));
    let stranger = SigningKey::from_seed(&[66; 32]);
    for (crime, object) in [
        ("another_table", ResultBody { output: Output::Table(b"another".to_vec()), ..body.clone() }.sign(&key)),
        ("another_salt", ResultBody { salt: [6; 32], ..body.clone() }.sign(&key)),
        ("another_keep", body.sign(&stranger)),
        ("another_kind", sign(Kind::Permit, &body.to_bytes(), &key)),
    ] {
        assert!(matches!(verify_result(&object, &run), Err(VerifyError::Result(_))), "{crime}");
    }
}

type Mix = (&'static str, fn(&mut BrokerRecord, &BrokerRecord));

const PARTS: [Mix; 7] = [
    ("challenge", |record, other| record.challenge.clone_from(&other.challenge)),
    ("evidence", |record, other| record.evidence.clone_from(&other.evidence)),
    ("exporter", |record, other| record.exporter = other.exporter),
    ("decision", |record, other| record.decision.clone_from(&other.decision)),
    ("release receipt", |record, other| record.release_receipt.clone_from(&other.release_receipt)),
    ("permit", |record, other| record.permit.clone_from(&other.permit)),
    ("permit receipt", |record, other| record.permit_receipt.clone_from(&other.permit_receipt)),
];

#[tokio::test]
async fn no_part_is_of_another_run_another_owner_or_another_step() {
    let world = World::new().await;
    let (first, _) = record(&world, 1).await;
    let (second, _) = record(&world, 2).await;
    for owner in 0..3 {
        for (part, mix) in PARTS {
            let mut mixed = first.clone();
            mix(&mut mixed.brokers[owner], &second.brokers[owner]);
            assert!(verify_run(&mixed.to_bytes(), None).is_err(), "{part} of another run");
            let mut mixed = first.clone();
            mix(&mut mixed.brokers[owner], &first.brokers[(owner + 1) % 3]);
            assert!(verify_run(&mixed.to_bytes(), None).is_err(), "{part} of another owner");
        }
        let mut mixed = first.clone();
        mixed.brokers[owner] = second.brokers[owner].clone();
        assert!(verify_run(&mixed.to_bytes(), None).is_err(), "all of an owner's part");
        let mut swapped = first.clone();
        let record = &mut swapped.brokers[owner];
        std::mem::swap(&mut record.release_receipt, &mut record.permit_receipt);
        assert!(verify_run(&swapped.to_bytes(), None).is_err(), "receipts swapped");
        let mut swapped = first.clone();
        let record = &mut swapped.brokers[owner];
        std::mem::swap(&mut record.decision, &mut record.permit);
        assert!(verify_run(&swapped.to_bytes(), None).is_err(), "decision and permit swapped");
        let mut short = first.clone();
        let name = short.brokers.remove(owner).owner.to_string();
        assert_eq!(verify_run(&short.to_bytes(), None).unwrap_err(), VerifyError::Missing(name));
    }
    let changes: [fn(&mut RunBundle, RunBundle); 3] = [
        |mixed, other| mixed.manifest = other.manifest,
        |mixed, other| mixed.keep_key = other.keep_key,
        |mixed, _| mixed.contract = other_contract(),
    ];
    for change in changes {
        let mut mixed = first.clone();
        change(&mut mixed, second.clone());
        assert!(verify_run(&mixed.to_bytes(), None).is_err());
    }
}

fn other_contract() -> Vec<u8> {
    signed(&edited(&[("min_entities = 10", "min_entities = 2")])).signed().to_bytes()
}

#[tokio::test]
async fn the_reader_says_which_contract_it_believes_in() {
    let world = World::new().await;
    let (bundle, _) = record(&world, 1).await;
    let expected = Digest::of(b"the contract that I signed");
    let refused = verify_run(&bundle.to_bytes(), Some(expected)).unwrap_err();
    assert_eq!(refused, VerifyError::Contract { expected, actual: world.contract.digest() });
}

#[tokio::test]
async fn nobody_elses_part_rides_along() {
    let world = World::new().await;
    let (mut bundle, _) = record(&world, 1).await;
    let stranger = BrokerRecord { owner: "zoo".parse().unwrap(), ..bundle.brokers[0].clone() };
    bundle.brokers.push(stranger);
    let refused = verify_run(&bundle.to_bytes(), None).unwrap_err();
    assert!(matches!(&refused, VerifyError::Record(why) if why.contains("`zoo`")), "{refused}");
}

/// A keep that tells each owner another number has no record.
#[tokio::test]
async fn all_owners_permitted_one_result_and_one_amount_of_memory() {
    let world = World::new().await;
    let gates = encode(&passed(&world.contract));
    for (run, step, agrees) in [(1, 0, true), (2, 1 << 20, false)] {
        let script = Script::honest(&world.contract, run);
        let result = result(&world.contract, script.run).digest();
        let mut records = Vec::new();
        for (told, keyed) in (1..).zip(release_all(&world, &script).await.unwrap()) {
            let request = PermitRequest { result, gates: gates.clone(), ordinary_bytes: (1 << 20) + told * step };
            records.push(keyed.permit_with(request).await.unwrap().1);
        }
        let bundle = RunBundle::new(script.contract, script.manifest, script.key.public(), records);
        match verify_run(&bundle.to_bytes(), None) {
            Ok(run) => assert_eq!((run.ordinary_bytes, agrees), (1 << 20, true)),
            Err(error) => assert!(!agrees && error.to_string().contains("amounts of memory"), "{error}"),
        }
    }
}

/// What a broker would have to have signed, had it not followed its own contract.
#[tokio::test]
async fn a_brokers_signature_does_not_stand_in_for_the_contract() {
    let world = World::new().await;
    let (bundle, _) = record(&world, 1).await;
    let key = broker_key("clinic");
    let decision = DecisionStatement::verify(&bundle.brokers[0].decision, &key.public()).unwrap();
    let permit = PermitStatement::verify(&bundle.brokers[0].permit, &key.public()).unwrap();
    let late = casemate_cose::UnixTime(EXPIRES);
    let failed = {
        let mut failed = permit.clone();
        failed.gates[0].passed = false;
        failed
    };
    let ungated = PermitStatement { gates: Vec::new(), ..permit.clone() };
    let elsewhere = PermitStatement { ordinary_bytes: permit.ordinary_bytes + 1, ..permit.clone() };
    let records = [
        (
            "permit receipt",
            "number of bytes outside secret memory",
            BrokerRecord { permit: elsewhere.sign(&key), ..bundle.brokers[0].clone() },
        ),
        ("permit", "gate", BrokerRecord { permit: failed.sign(&key), ..bundle.brokers[0].clone() }),
        ("permit", "gate", BrokerRecord { permit: ungated.sign(&key), ..bundle.brokers[0].clone() }),
        (
            "permit",
            "time",
            BrokerRecord { permit: PermitStatement { at: late, ..permit }.sign(&key), ..bundle.brokers[0].clone() },
        ),
        (
            "decision",
            "domain",
            BrokerRecord {
                decision: DecisionStatement { domain: Digest::of(b"other"), ..decision }.sign(&key),
                ..bundle.brokers[0].clone()
            },
        ),
    ];
    for (part, field, record) in records {
        let mut forged = bundle.clone();
        forged.brokers[0] = record;
        match verify_run(&forged.to_bytes(), None).unwrap_err() {
            VerifyError::Mismatch { owner, part: found, field: differs } => {
                let expected = if field == "domain" { "release receipt" } else { part };
                assert_eq!((owner.as_str(), found, differs), ("clinic", expected, field));
            }
            other => panic!("{part}, {field}: {other}"),
        }
    }
}

/// The clinic's part of the record with evidence that says something else, and a decision of its broker for it.
fn restated(bundle: &RunBundle, script: &Script) -> RunBundle {
    let key = broker_key("clinic");
    let mut forged = bundle.clone();
    let record = &mut forged.brokers[0];
    let asked = ChallengeStatement::verify(&record.challenge, &key.public()).unwrap();
    record.evidence = script.evidence(Binding {
        role: Role::Keep,
        nonce: asked.nonce,
        manifest: Digest::of(&script.manifest),
        exporter: record.exporter,
        own_key: script.key.public().spki_digest(),
        peer_key: key.public().spki_digest(),
    });
    let decision = DecisionStatement::verify(&record.decision, &key.public()).unwrap();
    record.decision = DecisionStatement { evidence: Digest::of(&record.evidence), ..decision }.sign(&key);
    forged
}

type Misstatement = (&'static str, fn(&mut Statement));

#[tokio::test]
async fn evidence_of_another_program_or_launcher_or_with_a_lack_that_nobody_accepted() {
    let world = World::new().await;
    let (bundle, _) = record(&world, 1).await;
    let honest = Script::honest(&world.contract, 1);
    verify_run(&restated(&bundle, &honest).to_bytes(), None).unwrap();
    let crimes: [Misstatement; 2] = [
        ("program", |statement| statement.program = Digest::of(b"SELECT * FROM measurements")),
        ("lack", |statement| statement.lacks.extend([Lack::EmptyRoot])),
    ];
    for (field, state) in crimes {
        let forged = restated(&bundle, &Script { state, ..Script::honest(&world.contract, 1) });
        let expected = VerifyError::Mismatch { owner: "clinic".into(), part: "evidence", field };
        assert_eq!(verify_run(&forged.to_bytes(), None).unwrap_err(), expected);
    }
    let forged =
        restated(&bundle, &Script { state: |statement| statement.lacks.clear(), ..Script::honest(&world.contract, 1) });
    let expected = VerifyError::Mismatch { owner: "clinic".into(), part: "permit", field: "lack" };
    assert_eq!(verify_run(&forged.to_bytes(), None).unwrap_err(), expected, "bytes outside, and no such lack");
    let elsewhere = Script { launcher: stranger(), ..Script::honest(&world.contract, 1) };
    let expected = VerifyError::Mismatch { owner: "clinic".into(), part: "evidence", field: "launcher" };
    assert_eq!(verify_run(&restated(&bundle, &elsewhere).to_bytes(), None).unwrap_err(), expected);
    let debug = Script { state: |statement| statement.debug = true, ..honest };
    let refused = verify_run(&restated(&bundle, &debug).to_bytes(), None).unwrap_err();
    assert!(matches!(refused, VerifyError::Part { part: "evidence", .. }), "{refused}");
}
