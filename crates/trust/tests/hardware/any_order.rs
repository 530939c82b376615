//! Verdicts on evidence of a launcher and of a chip under random domains: the order of entries decides nothing, not a byte; and a
//! statement more denies nothing that was accepted unless it revokes or is a floor. In a text it may be an error.

use std::cell::RefCell;

use aws_lc_rs::rand::SystemRandom;
use casemate_cose::{Digest, SigningKey, encode};
use casemate_evidence::{
    DangerouslyUnbound, Endorsements, Expectation, Isolation, Lack, Vendor, authenticate,
    software::{self, sign},
};
use casemate_testkit::NOW;
use casemate_trust::{
    Domain, Reason, Verdict, appraise, draft,
    statement::{
        Allowance, Demand, Identities, Kind, Limits, Measurement, PlatformRule, Purpose, Register, Release, Sentence,
        Signed, Statement, Subject, Test, Topic, Value,
    },
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::machines;

/// Who asks: a launcher's keep, or a guest on a chip.
#[derive(Clone, Copy, Debug)]
enum Asker {
    Chip,
    Launcher,
}

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

fn subject(number: u8) -> Subject {
    Subject::Key(key(number).public().spki_digest())
}

fn keep() -> software::Statement {
    software::Statement {
        isolation: Isolation::Process,
        runtime: Digest::from_bytes([6; 32]),
        libraries: Digest::from_bytes([10; 32]),
        program: Digest::from_bytes([7; 32]),
        manifest: Digest::from_bytes([2; 32]),
        report_data: [3; 64],
        lacks: [Lack::SecretPlaintext].into(),
        secret_bytes: 4096,
        debug: false,
        at: NOW,
    }
}

/// The verdict's bytes, and whether it accepts.
fn verdict(asker: Asker, domain: &Domain) -> (bool, Vec<u8>) {
    match asker {
        Asker::Chip => bytes(appraise(machines::snp(&[]), domain, NOW)),
        Asker::Launcher => {
            let endorsements = Endorsements::of_launchers([key(9).public()]);
            let evidence = authenticate(&sign(&keep(), &key(9)), &endorsements, &DangerouslyUnbound, NOW).unwrap();
            bytes(appraise(evidence, domain, NOW))
        }
    }
}

fn bytes<B: Expectation>(verdict: Verdict<B>) -> (bool, Vec<u8>) {
    match verdict {
        Verdict::Accepted(accepted) => {
            let notes: Vec<String> = accepted.notes().iter().map(ToString::to_string).collect();
            let named = format!("{notes:?} {:?} {:?}", accepted.believed(), accepted.expires());
            // A chip's signature is another each time, and with it the evidence's digest and the verdict's.
            let is_same_evidence = accepted.claims().software().is_some();
            let digest = if is_same_evidence { accepted.digest() } else { accepted.domain_digest() };
            (true, [accepted.proof().to_bytes(), digest.as_bytes().to_vec(), named.into_bytes()].concat())
        }
        Verdict::Denied(reasons) => (false, encode(&reasons.iter().map(Reason::from).collect::<Vec<_>>())),
    }
}

fn trusted(subject: Subject, purpose: Purpose) -> Sentence {
    Sentence::Trusted { subject, purpose }
}

fn measurement(kind: Kind, name: &str, value: Vec<u8>, release: Option<u64>) -> Sentence {
    let registers = vec![Register { name: name.to_owned(), value }];
    let release = release.map(|version| Release { line: "runtime".to_owned(), version });
    trusted(Subject::Measurement(Measurement { kind, registers }), Purpose::Execution(release))
}

/// What accepts both.
fn accepting() -> Vec<Statement> {
    let registers = vec![Register { name: "runtime".to_owned(), value: vec![6; 32] }];
    let runtime = Subject::Measurement(Measurement { kind: Kind::Software, registers });
    let release = Release { line: "runtime".to_owned(), version: 2 };
    let rule = PlatformRule {
        kind: Kind::Software,
        identities: Identities::AnyGenuineChip,
        demands: vec![lacks(&["secret-plaintext"])],
        allow: [].into(),
    };
    let mut statements = draft(&machines::snp(&[]), "machine").statements;
    statements.push(Statement::always("host", trusted(subject(9), Purpose::Attestation(Some(Kind::Software)))));
    statements.push(Statement::always("process", trusted(Subject::Platform(rule), Purpose::Execution(None))));
    statements.push(Statement::always("runtime", trusted(runtime, Purpose::Execution(Some(release)))));
    statements
}

fn lacks(names: &[&str]) -> Demand {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Demand { property: "lacks".to_owned(), test: Test::SubsetOf(names) }
}

/// Anything, by the root (0) or by a key.
fn anything() -> impl Strategy<Value = (u8, Sentence)> {
    let kind = || prop_oneof![Just(Kind::Snp), Just(Kind::Software)];
    let demand = prop_oneof![
        Just(Demand { property: "product".to_owned(), test: Test::Equals(Value::Text("Genoa".to_owned())) }),
        (0..9_u64).prop_map(|level| Demand {
            property: "reported-tcb.microcode".to_owned(),
            test: Test::AtLeast(Value::Number(level))
        }),
    ];
    let allow = prop::collection::btree_set(prop::sample::select(Allowance::ALL.to_vec()), 0..2);
    let chips = prop::option::of(prop::collection::btree_set(0..3_u8, 1..3));
    let rule = (prop::collection::btree_set(demand, 0..3), allow, chips).prop_map(|(demands, allow, chips)| {
        let listed = |chips: std::collections::BTreeSet<u8>| {
            Identities::Listed(chips.into_iter().map(|chip| vec![chip; 64].into()).collect())
        };
        let identities = chips.map_or(Identities::AnyGenuineChip, listed);
        let demands = demands.into_iter().collect();
        trusted(
            Subject::Platform(PlatformRule { kind: Kind::Snp, identities, demands, allow }),
            Purpose::Execution(None),
        )
    });
    let accepting: Vec<Digest> = accepting().iter().map(Statement::digest).collect();
    let release = || prop::option::of(0..4_u64);
    let attester = prop_oneof![
        Just(Subject::Vendor(Vendor::Amd)),
        Just(Subject::Vendor(Vendor::Intel)),
        (1..4_u8).prop_map(subject)
    ];
    let sentence = prop_oneof![
        4 => rule,
        3 => (kind(), 0..9_u8, release()).prop_map(|(kind, value, release)| match kind {
            Kind::Software => measurement(kind, "runtime", vec![value; 32], release),
            kind => measurement(kind, "measurement", vec![value; 48], release),
        }),
        2 => attester.prop_map(|attester| trusted(attester, Purpose::Attestation(None))),
        2 => (0..5_u64).prop_map(|version| Sentence::Floor(Release { line: "runtime".to_owned(), version })),
        2 => prop::sample::select(accepting).prop_map(Sentence::Revokes),
        2 => (1..4_u8, prop::sample::select(Topic::ALL.to_vec()), 0..2_u16)
            .prop_map(|(key, topic, depth)| trusted(subject(key), Purpose::Publishing { topic, depth, limits: None })),
        1 => (1..4_u8, kind(), prop::bool::ANY).prop_map(|(key, kind, is_of_line)| {
            let releases = is_of_line.then(|| vec!["runtime".to_owned()]);
            let limits = Limits { kinds: Some(vec![kind]), releases, ..Limits::default() };
            let purpose =
                Purpose::Publishing { topic: Topic::Measurements, depth: 0, limits: Some(Box::new(limits)) };
            trusted(subject(key), purpose)
        }),
        1 => (1..4_u8).prop_map(|key| Sentence::Distrusts(subject(key))),
        1 => (0..9_u8).prop_map(|value| {
            let registers = vec![Register { name: "measurement".to_owned(), value: vec![value; 48] }];
            Sentence::Distrusts(Subject::Measurement(Measurement { kind: Kind::Snp, registers }))
        }),
        1 => (1..4_u8, 1..4_u8).prop_map(|(speaker, principal)| Sentence::SpeaksFor {
            speaker: subject(speaker),
            principal: subject(principal),
        }),
        1 => (1..4_u8).prop_map(|key| Sentence::HasProperty {
            subject: subject(key),
            name: "region".to_owned(),
            value: Value::Text("EU".to_owned()),
        }),
    ];
    (prop_oneof![3 => Just(0), 1 => 1..4_u8], sentence)
}

/// Statements of the root and of others.
#[expect(clippy::disallowed_methods, reason = "signing in tests takes a source of randomness")]
fn domain(own: Vec<Statement>, said: &[(u8, Sentence)]) -> Domain {
    let (mut own, mut signed) = (own, Vec::new());
    for (number, (speaker, sentence)) in said.iter().enumerate() {
        let statement = Statement::always(format!("line {number}"), sentence.clone());
        if *speaker == 0 {
            own.push(statement);
        } else {
            signed.push(Signed::sign(&statement, &key(*speaker).into(), &SystemRandom::new()).unwrap());
        }
    }
    Domain::of("clinic", 0, own, (1..10).map(|number| key(number).public().into()).collect(), signed).unwrap()
}

fn asker() -> impl Strategy<Value = Asker> {
    prop_oneof![Just(Asker::Chip), Just(Asker::Launcher)]
}

/// The same cases each time.
fn on<S: Strategy>(cases: u32, given: &S, property: impl Fn(S::Value)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let outcome =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)).run(given, |given| {
            property(given);
            Ok(())
        });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// The entries of a text, each with the tables that belong to it.
fn entries(text: &str) -> (String, Vec<String>) {
    let mut entries: Vec<String> = vec![String::new()];
    for line in text.lines() {
        if line.starts_with("[[") || line == "[process]" {
            entries.push(String::new());
        }
        entries.last_mut().unwrap().push_str(&format!("{line}\n"));
    }
    (entries.remove(0), entries)
}

#[test]
fn the_order_of_entries_changes_no_byte_of_a_verdict() {
    let kept = prop::sample::subsequence(accepting(), 0..=accepting().len());
    let given = (asker(), prop_oneof![kept, Just(accepting())], prop::collection::vec(anything(), 0..8), any::<u64>());
    let (accepted, denied, texts) = (RefCell::new(0), RefCell::new(0), RefCell::new(0));
    on(300, &given, |(asker, own, said, turn)| {
        let one = domain(own, &said);
        let other = {
            let mut statements: Vec<Statement> = one.own().map(|said| said.statement().clone()).collect();
            let mut signed = one.signed().to_vec();
            statements.reverse();
            let by = usize::try_from(turn % 7).unwrap().min(statements.len());
            statements.rotate_left(by);
            signed.reverse();
            Domain::of("clinic", 0, statements, one.keys().copied().collect(), signed).unwrap()
        };
        let (is_accepted, bytes) = verdict(asker, &one);
        assert_eq!(verdict(asker, &other), (is_accepted, bytes.clone()));
        *if is_accepted { &accepted } else { &denied }.borrow_mut() += 1;
        // The same in a text. Where its lines are is no part of a domain, only of what a denial points at.
        let (head, mut entries) = entries(&one.to_toml());
        entries.sort_by_key(|entry| Digest::of(&[entry.as_bytes(), &turn.to_be_bytes()].concat()));
        let shuffled = Domain::parse(&format!("{head}{}", entries.concat()));
        assert_eq!(shuffled.is_ok(), Domain::parse(&one.to_toml()).is_ok(), "{shuffled:?}");
        let Ok(shuffled) = shuffled else { return };
        assert_eq!(shuffled.digest(), one.digest());
        assert_eq!(verdict(asker, &Domain::from_bytes(&shuffled.to_bytes()).unwrap()), (is_accepted, bytes));
        assert_eq!(verdict(asker, &shuffled).0, is_accepted);
        *texts.borrow_mut() += 1;
    });
    let counts = (accepted.into_inner(), denied.into_inner(), texts.into_inner());
    assert!(counts.0 > 60 && counts.1 > 60 && counts.2 > 30, "{counts:?}");
}

#[test]
fn a_statement_more_denies_nothing_unless_it_revokes_or_is_a_floor() {
    let given = (asker(), prop::collection::vec(anything(), 0..6), anything());
    let (kept, taken, read) = (RefCell::new(0), RefCell::new(0), RefCell::new(0));
    on(400, &given, |(asker, said, more)| {
        let less = domain(accepting(), &said);
        let with = [said.clone(), vec![more.clone()]].concat();
        let larger = domain(accepting(), &with);
        if !verdict(asker, &less).0 {
            return;
        }
        let takes = |sentence: &Sentence| {
            matches!(sentence, Sentence::Distrusts(_) | Sentence::Floor(_) | Sentence::Revokes(_))
        };
        // What hands on the right to revoke, or to set floors, may make another's revocation or floor count.
        let may_take = takes(&more.1) || said.iter().any(|(speaker, sentence)| *speaker != 0 && takes(sentence));
        let still = verdict(asker, &larger).0;
        assert!(still || may_take, "{more:?} takes away what was accepted");
        *if still { &kept } else { &taken }.borrow_mut() += 1;
        // As a text, it is the same, or an error.
        if let Ok(text) = Domain::parse(&larger.to_toml()) {
            assert_eq!(verdict(asker, &text).0, still);
            *read.borrow_mut() += 1;
        }
    });
    let counts = (kept.into_inner(), taken.into_inner(), read.into_inner());
    assert!(counts.0 > 100 && counts.1 > 4 && counts.2 > 20, "{counts:?}");
}
