//! What a statement may say, and signed statements as received.
#![expect(clippy::disallowed_methods, reason = "signing in tests takes a source of randomness")]
#![expect(clippy::unwrap_used, reason = "helpers of tests are as free as tests")]

use std::collections::BTreeSet;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair},
};
use casemate_cose::{CborError, CoseError, Digest, Kind as Signed1, Signer, SigningKey, UnixTime, encode, sign_keyed};
use casemate_evidence::Vendor;
use casemate_trust::statement::{
    Demand, Identities, Kind, Measurement, NESTING_MAX, PlatformRule, Purpose, Register, Release, Sentence, Signed,
    Statement, StatementError, Statements, Subject, Test, Topic, Validity, Value,
};

fn random() -> SystemRandom {
    SystemRandom::new()
}

fn signers() -> [Signer; 3] {
    let p256 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random()).unwrap();
    let p384 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random()).unwrap();
    [SigningKey::from_seed(&[1; 32]).into(), Signer::p256(p256.as_ref()).unwrap(), Signer::p384(p384.as_ref()).unwrap()]
}

fn key(name: &str) -> Subject {
    Subject::Key(Digest::of(name.as_bytes()))
}

fn trusted(subject: Subject, purpose: Purpose) -> Sentence {
    Sentence::Trusted { subject, purpose }
}

fn delegation() -> Statement {
    let purpose = Purpose::Publishing { topic: Topic::Measurements, depth: 1, limits: None };
    Statement::always("release team", trusted(key("team"), purpose))
}

fn measures(registers: &[(&str, &[u8])]) -> Sentence {
    let registers =
        registers.iter().map(|(name, value)| Register { name: (*name).into(), value: value.to_vec() }).collect();
    let measurement = Measurement { kind: Kind::Tdx, registers };
    trusted(Subject::Measurement(measurement), Purpose::Execution(None))
}

fn demands(demands: Vec<(&str, Test)>) -> Sentence {
    let demands = demands.into_iter().map(|(property, test)| Demand { property: property.into(), test }).collect();
    let rule =
        PlatformRule { kind: Kind::Snp, identities: Identities::AnyGenuineChip, demands, allow: BTreeSet::new() };
    trusted(Subject::Platform(rule), Purpose::Execution(None))
}

fn listed(identities: BTreeSet<minicbor::bytes::ByteVec>) -> Sentence {
    let identities = Identities::Listed(identities);
    let rule = PlatformRule { kind: Kind::Snp, identities, demands: vec![], allow: BTreeSet::new() };
    trusted(Subject::Platform(rule), Purpose::Execution(None))
}

fn property(subject: Subject, value: Value) -> Sentence {
    Sentence::HasProperty { subject, name: "region".into(), value }
}

#[test]
fn each_kind_of_key_signs_and_names_the_statement_alike() {
    for signer in signers() {
        let (one, other) = (
            Signed::sign(&delegation(), &signer, &random()).unwrap(),
            Signed::sign(&delegation(), &signer, &random()).unwrap(),
        );
        let read = Signed::verify(one.object()).unwrap();
        assert_eq!((read.statement(), read.speaker()), (&delegation(), signer.public().spki_digest()));
        assert_eq!(read.signer(), &signer.public());
        // ECDSA signs anew each time; what is said stays the same.
        assert_eq!(one.digest(), other.digest());
        assert_eq!(Statements::new(vec![], &[one, other]).unwrap().said().len(), 1);
        assert_ne!(read.digest(), delegation().digest(), "a key's statement is not the root's");
    }
}

#[test]
fn every_bit_flip_and_truncation_is_refused() {
    for signer in signers() {
        let object = Signed::sign(&delegation(), &signer, &random()).unwrap().object().to_vec();
        for bit in 0..object.len() * 8 {
            let mut flipped = object.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Signed::verify(&flipped).is_err(), "bit {bit}");
        }
        for length in 0..object.len() {
            assert!(Signed::verify(&object[..length]).is_err());
        }
    }
}

#[test]
fn an_object_of_another_kind_is_no_statement() {
    let [signer, ..] = signers();
    let object = Signed::sign(&delegation(), &signer, &random()).unwrap();
    let payload = casemate_cose::verify_keyed(Signed1::Statement, object.object()).unwrap().payload().to_vec();
    for kind in Signed1::ALL {
        let read = Signed::verify(&sign_keyed(kind, &payload, &signer, &random()).unwrap());
        assert_eq!(read.is_ok(), kind == Signed1::Statement, "{kind:?}");
    }
}

/// The payload names its speaker: what one key said can't be signed over by another as its own, digest and all.
#[test]
fn a_payload_of_another_speaker_is_refused() {
    let [one, other, _] = signers();
    let object = Signed::sign(&delegation(), &one, &random()).unwrap();
    let payload = casemate_cose::verify_keyed(Signed1::Statement, object.object()).unwrap().payload().to_vec();
    let stolen = sign_keyed(Signed1::Statement, &payload, &other, &random()).unwrap();
    assert_eq!(
        Signed::verify(&stolen),
        Err(StatementError::Speaker { stated: one.public().spki_digest(), signer: other.public().spki_digest() })
    );
    // Without the speaker, it is not a statement at all.
    let bare = sign_keyed(Signed1::Statement, &delegation().to_bytes(), &other, &random()).unwrap();
    assert!(matches!(Signed::verify(&bare), Err(StatementError::Form(_))));
}

#[test]
fn ten_thousand_levels_are_refused_before_anything_recurses() {
    let [signer, ..] = signers();
    let says = |levels: usize| {
        (0..levels)
            .fold(delegation().sentence, |inner, _| Sentence::Says { key: Digest::of(b"k"), sentence: Box::new(inner) })
    };
    let (one, two) = (encode(&says(1)), encode(&says(2)));
    let prefix = &two[..two.len() - one.len()];
    let hostile = [prefix.repeat(10_000), one].concat();
    // A statement around it: label, sentence, validity, speaker.
    let outer = Statement::always("", says(0)).to_bytes();
    let inner = encode(&says(0));
    let place = outer.windows(inner.len()).position(|window| window == inner).unwrap();
    let payload = [&outer[..place], &hostile, &outer[place + inner.len()..]].concat();
    let nested = StatementError::Form(CborError::Malformed("nested deeper than 64 levels".into()));
    assert_eq!(Statement::from_bytes(&payload), Err(nested.clone()));
    let object = sign_keyed(Signed1::Statement, &payload, &signer, &random()).unwrap();
    assert_eq!(Signed::verify(&object), Err(nested));

    assert!(Statement::always("", says(NESTING_MAX)).check().is_ok());
    assert_eq!(Statement::always("", says(NESTING_MAX + 1)).check(), Err(StatementError::Nesting));
}

#[test]
fn long_objects_are_refused_unread() {
    assert!(matches!(Signed::verify(&vec![0; 1 << 20]), Err(StatementError::TooLong { .. })));
    assert!(matches!(Signed::verify(&[]), Err(StatementError::Signature(CoseError::Shape(_)))));
}

#[test]
fn nobody_speaks_of_the_evidence_at_hand() {
    let environment = Subject::Environment(0);
    for sentence in [
        Sentence::IsEnvironment(0),
        Sentence::EvidenceTrusted,
        Sentence::PlatformTrusted(0),
        Sentence::MeasurementTrusted(0),
        trusted(environment.clone(), Purpose::Execution(None)),
        property(environment.clone(), Value::Bool(true)),
        Sentence::SpeaksFor { speaker: key("a"), principal: environment.clone() },
        Sentence::SpeaksFor { speaker: environment, principal: key("a") },
    ] {
        let statement = Statement::always("", sentence.clone());
        assert_eq!(statement.check(), Err(StatementError::Environment), "{sentence}");
        assert_eq!(Statement::from_bytes(&statement.to_bytes()), Err(StatementError::Environment));
        let nested = Sentence::Says { key: Digest::of(b"k"), sentence: Box::new(sentence) };
        assert_eq!(Statement::always("", nested).check(), Err(StatementError::Environment));
        let [signer, ..] = signers();
        assert_eq!(Signed::sign(&statement, &signer, &random()), Err(StatementError::Environment));
    }
}

#[test]
fn each_subject_is_trusted_for_what_it_can_do() {
    let hardware = Subject::Hardware(Kind::Snp, vec![1]);
    let program = Subject::Program(Digest::of(b"p"));
    let vendor = Subject::Vendor(Vendor::Amd);
    let release = Some(Release { line: "runtime".into(), version: 1 });
    for (subject, purpose) in [
        (hardware, Purpose::Execution(None)),
        (program, Purpose::Attestation(None)),
        (vendor.clone(), Purpose::Publishing { topic: Topic::Keys, depth: 0, limits: None }),
        (vendor, Purpose::Execution(None)),
        (key("k"), Purpose::Execution(None)),
        (Subject::Domain(Digest::of(b"d")), Purpose::Execution(None)),
    ] {
        let error = Statement::always("", trusted(subject.clone(), purpose)).check().unwrap_err();
        assert!(matches!(error, StatementError::Purpose { .. }), "{subject}");
    }
    let Sentence::Trusted { subject: platform, .. } = demands(vec![]) else { unreachable!() };
    let error = Statement::always("", trusted(platform, Purpose::Execution(release))).check().unwrap_err();
    assert!(matches!(error, StatementError::Purpose { .. }), "platforms have no releases");
    let deep = Purpose::Publishing { topic: Topic::Keys, depth: 1_025, limits: None };
    assert!(matches!(Statement::always("", trusted(key("k"), deep)).check(), Err(StatementError::TooMany { .. })));
    let spoken = Sentence::SpeaksFor { speaker: key("k"), principal: Subject::Program(Digest::of(b"p")) };
    assert!(matches!(Statement::always("", spoken).check(), Err(StatementError::Subject { .. })));
    let owned = property(Subject::Vendor(Vendor::Amd), Value::Bool(true));
    assert!(matches!(Statement::always("", owned).check(), Err(StatementError::Subject { .. })));
}

#[test]
fn lists_are_sorted_within_limits_and_tests_fit_their_values() {
    let number = |number| Value::Number(number);
    let text = |text: &str| Value::Text(text.into());
    let crimes: Vec<(&str, Sentence)> = vec![
        ("no registers", measures(&[])),
        ("registers out of order", measures(&[("mr-td", &[1]), ("a", &[1])])),
        ("a register twice", measures(&[("a", &[1]), ("a", &[2])])),
        ("an empty register", measures(&[("a", &[])])),
        ("a register without a name", measures(&[("", &[1])])),
        ("no identities", listed(BTreeSet::new())),
        ("an empty identity", listed(BTreeSet::from([vec![].into()]))),
        ("demands out of order", demands(vec![("b", Test::Equals(number(1))), ("a", Test::Equals(number(1)))])),
        ("a demand twice", demands(vec![("a", Test::Equals(number(1))), ("a", Test::Equals(number(1)))])),
        ("an order of texts", demands(vec![("a", Test::AtLeast(text("x")))])),
        ("an order of booleans", demands(vec![("a", Test::AtMost(Value::Bool(true)))])),
        ("one of none", demands(vec![("a", Test::OneOf(vec![]))])),
        ("one of two types", demands(vec![("a", Test::OneOf(vec![number(1), text("x")]))])),
        ("one of unsorted", demands(vec![("a", Test::OneOf(vec![number(2), number(1)]))])),
        ("a set unsorted", demands(vec![("a", Test::SubsetOf(vec!["b".into(), "a".into()]))])),
        ("a set with one twice", property(key("k"), Value::Set(vec!["a".into(), "a".into()]))),
        ("a text that acts on the screen", property(key("k"), text("\u{1b}[2J"))),
        ("a long text", property(key("k"), text(&"x".repeat(4_097)))),
        ("a line without a name", Sentence::Floor(Release { line: String::new(), version: 1 })),
        ("a name of spaces", Sentence::Floor(Release { line: " ".into(), version: 1 })),
        ("a hardware id of nothing", property(Subject::Hardware(Kind::Snp, vec![]), Value::Bool(true))),
        ("too many registers", measures(&(0..65).map(|_| ("a", [1_u8].as_slice())).collect::<Vec<_>>())),
    ];
    for (crime, sentence) in crimes {
        assert!(Statement::always("", sentence).check().is_err(), "{crime}");
    }
    for sentence in [
        measures(&[("a", &[1]), ("b", &[1])]),
        listed(BTreeSet::from([vec![1].into()])),
        demands(vec![("a", Test::AtLeast(number(1))), ("a", Test::AtMost(number(2)))]),
        demands(vec![("a", Test::SubsetOf(vec![]))]),
        property(key("k"), Value::Set(vec![])),
    ] {
        Statement::always("", sentence).check().unwrap();
    }
}

#[test]
fn labels_validity_and_hearsay() {
    let mut statement = delegation();
    statement.label = "x".repeat(129);
    assert!(matches!(statement.check(), Err(StatementError::Label { .. })));
    statement.label = "a\nb".into();
    assert!(matches!(statement.check(), Err(StatementError::Label { .. })));
    let mut statement = delegation();
    statement.validity = Validity { not_before: UnixTime(2), not_after: UnixTime(1) };
    assert_eq!(statement.check(), Err(StatementError::Validity));
    let hearsay = Sentence::Says { key: Digest::of(b"k"), sentence: Box::new(delegation().sentence) };
    assert_eq!(Statements::new(vec![Statement::always("", hearsay)], &[]), Err(StatementError::Hearsay));
}

#[test]
fn tests_compare_values_of_one_type() {
    let number = |number| Value::Number(number);
    let time = |time| Value::Time(UnixTime(time));
    let set = |members: &[&str]| members.iter().map(|member| (*member).to_owned()).collect::<Vec<_>>();
    for (test, value, met) in [
        (Test::AtLeast(number(5)), number(5), true),
        (Test::AtLeast(number(5)), number(4), false),
        (Test::AtLeast(number(5)), time(6), false),
        (Test::AtLeast(time(5)), time(6), true),
        (Test::AtMost(number(5)), number(5), true),
        (Test::AtMost(number(5)), number(6), false),
        (Test::Equals(Value::Bool(false)), Value::Bool(false), true),
        (Test::Equals(Value::Bool(false)), number(0), false),
        (Test::NotEquals(number(5)), number(6), true),
        (Test::NotEquals(number(5)), number(5), false),
        (Test::NotEquals(number(5)), Value::Text("6".into()), false),
        (Test::OneOf(vec![number(1), number(2)]), number(2), true),
        (Test::OneOf(vec![number(1), number(2)]), number(3), false),
        (Test::SubsetOf(set(&["a", "b"])), Value::Set(set(&["b"])), true),
        (Test::SubsetOf(set(&["a", "b"])), Value::Set(vec![]), true),
        (Test::SubsetOf(vec![]), Value::Set(set(&["a"])), false),
        (Test::SubsetOf(set(&["a"])), Value::Text("a".into()), false),
    ] {
        assert_eq!(test.is_met_by(&value), met, "{test:?} {value:?}");
    }
}

/// The layouts of docs/formats/statement.md, byte by byte.
#[test]
fn encodings_are_those_of_the_document() {
    let key = Digest::from_bytes([0xaa; 32]);
    let purpose = Purpose::Publishing { topic: Topic::Measurements, depth: 1, limits: None };
    let statement = Statement {
        label: "team".into(),
        sentence: trusted(Subject::Key(key), purpose),
        validity: Validity { not_before: UnixTime(0), not_after: UnixTime(0x6bac_a0ff) },
    };
    let aa = "aa".repeat(32);
    let trusted_key = format!("8206828203815820{aa}82058" /* [5, [topic, depth]] */);
    assert_eq!(
        hex::encode(statement.to_bytes()),
        format!("a3 00 64 7465616d 01 {trusted_key}2 6c 6d6561737572656d656e7473 01 02 a2 00 00 01 1a 6baca0ff")
            .replace(' ', "")
    );
    let sentence = |sentence: &Sentence| hex::encode(encode(sentence));
    assert_eq!(sentence(&Sentence::EvidenceTrusted), "820780");
    assert_eq!(sentence(&Sentence::IsEnvironment(1)), "82028101");
    assert_eq!(sentence(&Sentence::Revokes(key)), format!("8203815820{aa}"));
    assert_eq!(
        sentence(&Sentence::Says { key, sentence: Box::new(Sentence::EvidenceTrusted) }),
        format!("8204825820{aa}820780")
    );
    let release = Release { line: "x".into(), version: 2 };
    assert_eq!(sentence(&Sentence::Floor(release)), "820081a2006178".to_owned() + "0102");
    assert_eq!(
        sentence(&property(Subject::Hardware(Kind::Snp, vec![1]), Value::Set(vec!["a".into()]))),
        "820183".to_owned() + "820282" + "63736e70" + "4101" + "66726567696f6e" + "820381" + "816161"
    );
    let rule = PlatformRule {
        kind: Kind::Snp,
        identities: Identities::AnyGenuineChip,
        demands: vec![Demand { property: "smt".into(), test: Test::Equals(Value::Bool(false)) }],
        allow: BTreeSet::new(),
    };
    assert_eq!(
        sentence(&trusted(Subject::Platform(rule), Purpose::Execution(None))),
        "820682 820581 a4 00 63736e70 01 8200 80 02 81 a2 00 63736d74 01 820281 820081 f4 03 80 8203 80"
            .replace(' ', "")
    );
}
