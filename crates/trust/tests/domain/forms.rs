//! Text, statements and compiled bytes are the same domain, whatever it says and in whatever order.

use std::collections::BTreeSet;

use aws_lc_rs::rand::SystemRandom;
use casemate_cose::{Digest, Signer, SigningKey, UnixTime, VerifyingKey};
use casemate_evidence::Vendor;
use casemate_trust::{
    Domain, DomainError,
    statement::{
        Allowance, Demand, Identities, Kind, Limits, Measurement, PlatformRule, Purpose, Register, Release, Sentence,
        Signed, Statement, Subject, Test, Topic, Validity, Value,
    },
};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::{full, published, signed_entry};

#[test]
fn the_full_domain_survives_every_form() {
    let text = full() + &signed_entry(&published());
    let domain = Domain::parse(&text).unwrap();
    let written = domain.to_toml();
    assert!(!written.contains("[[statement]]"), "there are words for everything in it:\n{written}");
    assert_eq!(Domain::parse(&written).unwrap_or_else(|error| panic!("{error}\n{written}")), domain);
    assert_eq!(Domain::from_bytes(&domain.to_bytes()).unwrap(), domain);
    assert_eq!(Domain::from_bytes(&domain.to_bytes()).unwrap().to_bytes(), domain.to_bytes());
}

#[test]
fn the_order_of_entries_does_not_matter() {
    let domain = Domain::parse(&full()).unwrap();
    let mut entries: Vec<String> = Vec::new();
    for line in full().lines() {
        let starts = line.starts_with("[[") || line == "[process]" || line == "[domain]";
        if starts || entries.is_empty() {
            entries.push(String::new());
        }
        let entry = entries.last_mut().unwrap();
        entry.push_str(line);
        entry.push('\n');
    }
    for turn in 0..entries.len() {
        entries.rotate_left(1);
        if turn % 3 == 0 {
            entries.reverse();
        }
        let shuffled = Domain::parse(&entries.concat()).unwrap();
        assert_eq!(shuffled.digest(), domain.digest());
        assert_eq!(shuffled, domain);
    }
}

#[test]
fn statements_know_the_line_of_their_entry() {
    let text = full() + &signed_entry(&published());
    let domain = Domain::parse(&text).unwrap();
    let line_of = |label: &str| {
        let lines: BTreeSet<_> = domain
            .statements()
            .said()
            .iter()
            .filter(|said| said.statement().label == label)
            .map(|said| domain.line_of(&said.digest()).unwrap())
            .collect();
        assert_eq!(lines.len(), 1, "{label}");
        text.lines().nth(lines.first().unwrap() - 1).unwrap()
    };
    for (label, head) in [
        ("researcher's host", "[[launcher]]"),
        ("casemate 0.1.0", "[[runtime]]"),
        ("process", "[process]"),
        ("AMD Milan, patched", "[[platform]]"),
        ("casemate", "[[floor]]"),
        ("EU", "[[region]]"),
        ("casemate 0.2.0", "[[signed]]"),
    ] {
        assert_eq!(line_of(label), head, "{label}");
    }
    let compiled = Domain::from_bytes(&domain.to_bytes()).unwrap();
    assert!(compiled.own().all(|said| compiled.line_of(&said.digest()).is_none()));
    assert_eq!(compiled, domain, "lines are no part of a domain");
}

#[test]
fn demands_know_their_own_line() {
    let domain = Domain::parse(&full()).unwrap();
    for (label, property, line) in [
        ("AMD Milan, patched", "reported-tcb.microcode", "\"reported-tcb.microcode\" = { at_least = 0xdb }"),
        ("AMD Milan, patched", "platform-info.smt-en", "platform-info.smt-en = false"),
        ("Intel", "tcb-status", "tcb-status = \"UpToDate\""),
        ("process", "lacks", "accept_lacks = [\"secret-plaintext\"]"),
        ("Nitro", "module-id", "[[platform]]"),
    ] {
        let rule = |sentence: &Sentence| matches!(sentence, Sentence::Trusted { subject: Subject::Platform(_), .. });
        let mut said = domain.own().filter(|said| said.statement().label == label && rule(&said.statement().sentence));
        let found = domain.line_of_demand(&said.next().unwrap().digest(), property).unwrap();
        assert_eq!(full().lines().nth(found - 1).unwrap(), line, "{property}");
    }
}

#[test]
fn dates_include_their_day() {
    let domain = Domain::parse(&full()).unwrap();
    let delegate = domain.own().find(|said| said.statement().label == "release team").unwrap().statement();
    assert!(delegate.validity.holds(UnixTime(1_806_537_599)), "2027-03-31T23:59:59Z");
    assert!(!delegate.validity.holds(UnixTime(1_806_537_600)));
    let demands = domain.own().find_map(|said| match &said.statement().sentence {
        Sentence::Trusted { subject: Subject::Platform(rule), .. } if rule.kind == Kind::Tdx => {
            Some(rule.demands.clone())
        }
        _ => None,
    });
    let at_least = Test::AtLeast(Value::Time(UnixTime(1_735_689_600)));
    assert!(demands.unwrap().contains(&Demand { property: "tcb-date".to_owned(), test: at_least }));
}

#[test]
fn numbers_are_hex_or_decimal_and_names_nested_or_quoted() {
    let written = |microcode: &str, smt: &str| {
        let text = full().replace("0xdb", microcode).replace("platform-info.smt-en = ", smt);
        Domain::parse(&text).unwrap().digest()
    };
    let digest = Domain::parse(&full()).unwrap().digest();
    assert_eq!(written("219", "\"platform-info.smt-en\" = "), digest);
    assert_eq!(written("0b1101_1011", "platform-info . smt-en = "), digest);
    assert_ne!(written("220", "platform-info.smt-en = "), digest);
}

/// What an entry's words can't say, compiled and signed statements can: it is kept, written as it is, and told.
#[test]
fn what_can_never_match_is_told_of_compiled_statements() {
    let rule = |kind, identities, demands: &[(&str, Test)]| {
        let demands = demands.iter().map(|(name, test)| Demand { property: (*name).to_owned(), test: test.clone() });
        let rule = PlatformRule { kind, identities, demands: demands.collect(), allow: BTreeSet::new() };
        Sentence::Trusted { subject: Subject::Platform(rule), purpose: Purpose::Execution(None) }
    };
    let any = Identities::AnyGenuineChip;
    let text = |text: &str| Value::Text(text.to_owned());
    let short = Register { name: "measurement".to_owned(), value: vec![7; 4] };
    let short = Subject::Measurement(Measurement { kind: Kind::Snp, registers: vec![short] });
    for (sentence, why) in [
        (
            rule(Kind::Snp, Identities::Listed([vec![7_u8; 8].into()].into()), &[]),
            "it has 8 bytes, and 64 are what there can be",
        ),
        (
            rule(Kind::Snp, any.clone(), &[("product", Test::Equals(text("Milann")))]),
            "`Milann` is none of `Genoa`, `Milan`, `Turin`",
        ),
        (rule(Kind::Tdx, any.clone(), &[("tcb-status", Test::NotEquals(text("uptodate")))]), "`uptodate` is none of"),
        (rule(Kind::Snp, any.clone(), &[("vmpl", Test::AtLeast(Value::Number(9)))]), "9 is above 3"),
        (rule(Kind::Snp, any.clone(), &[("vmpl", Test::AtLeast(Value::Number(1)))]), "refused as `vmpl-above-zero`"),
        (rule(Kind::Snp, any.clone(), &[("product", Test::Equals(Value::Number(1)))]), "it is a text, not a number"),
        (rule(Kind::Software, any, &[("lacks", Test::SubsetOf(vec!["nothing".to_owned()]))]), "`nothing` is none of"),
        (Sentence::Trusted { subject: short, purpose: Purpose::Execution(None) }, "it has 4 bytes"),
    ] {
        let mut statements = delegates();
        statements.push(Statement::always("odd", sentence));
        let domain = Domain::of("clinic", 0, statements, vec![], vec![]).unwrap();
        let compiled = Domain::from_bytes(&domain.to_bytes()).unwrap();
        let told = |domain: &Domain| {
            domain
                .warnings()
                .iter()
                .any(|warning| warning.what.contains("`odd` can never match") && warning.what.contains(why))
        };
        assert!(told(&compiled), "{why}: {:#?}", compiled.warnings());
        let written = domain.to_toml();
        assert!(written.contains("[[statement]]"), "{written}");
        let read = Domain::parse(&written).unwrap_or_else(|error| panic!("{error}\n{written}"));
        assert_eq!(read, domain);
        assert!(told(&read), "{why}");
    }
}

#[test]
fn bytes_of_version_1_are_refused_by_version() {
    let old = hex::decode("a500010166636c696e69630281a2007172657365617263686572277320686f7374015820fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f6180381a2006e636173656d61746520302e312e30015820060606060606060606060606060606060606060606060606060606060606060604a10081707365637265742d706c61696e74657874").unwrap();
    let error = Domain::from_bytes(&old).unwrap_err();
    assert_eq!(error, DomainError::Version { actual: 1, expected: 2 });
    assert!(error.help().contains("compile it again from its domain.toml"));
}

#[test]
fn every_byte_of_the_compiled_full_domain_counts() {
    let honest = Domain::parse(&(full() + &signed_entry(&published()))).unwrap();
    let bytes = honest.to_bytes();
    for place in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << bit;
            if let Ok(other) = Domain::from_bytes(&flipped) {
                assert_ne!(other.digest(), honest.digest(), "byte {place}");
                assert_eq!(other.to_bytes(), flipped, "byte {place}");
            }
        }
    }
    for length in (0..bytes.len()).step_by(7) {
        assert!(Domain::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn bytes_nested_too_deep_are_refused_before_anything_recurses() {
    let domain = Domain::new("clinic", vec![], vec![], None).unwrap();
    // Owner, sequence, no keys; then a list that opens lists for ever.
    let bytes = domain.to_bytes();
    let head = bytes.strip_suffix(&[0x04, 0x80, 0x05, 0x80]).unwrap();
    let hostile = [head, &[0x04], &vec![0x81; 1_000_000]].concat();
    assert!(matches!(Domain::from_bytes(&hostile), Err(DomainError::Compiled(_))));
}

/// A domain of ten thousand statements that a release team signed.
#[test]
fn ten_thousand_signed_statements_fit_in_every_form() {
    let key = SigningKey::from_seed(&[5; 32]);
    let signer = Signer::Ed25519(SigningKey::from_seed(&[5; 32]));
    let random = SystemRandom::new();
    let signed: Vec<Signed> = (0..10_000_u64)
        .map(|version| {
            let registers =
                vec![Register { name: "measurement".to_owned(), value: [version.to_be_bytes(); 6].concat() }];
            let subject = Subject::Measurement(Measurement { kind: Kind::Snp, registers });
            let purpose = Purpose::Execution(Some(Release { line: "casemate".to_owned(), version }));
            let statement = Statement::always(format!("casemate {version}"), Sentence::Trusted { subject, purpose });
            Signed::sign(&statement, &signer, &random).unwrap()
        })
        .collect();
    let delegate = Statement::always(
        "release team",
        Sentence::Trusted {
            subject: Subject::Key(key.public().spki_digest()),
            purpose: Purpose::Publishing { topic: Topic::Measurements, depth: 0, limits: None },
        },
    );
    let domain = Domain::of("clinic", 1, vec![delegate], vec![key.public().into()], signed).unwrap();
    assert_eq!(domain.signed().len(), 10_000);
    assert_eq!(Domain::from_bytes(&domain.to_bytes()).unwrap(), domain);
    let text = domain.to_toml();
    let read = Domain::parse(&text).unwrap();
    assert_eq!(read, domain);
    let last = read.signed().last().unwrap();
    let line = read.line_of(&last.digest()).unwrap();
    assert!(text.lines().nth(line - 1).unwrap().starts_with("[[signed]]"));
}

#[test]
fn too_many_statements_are_refused() {
    let statement = |index: usize| {
        let subject = Subject::Program(Digest::of(&index.to_be_bytes()));
        Statement::always("p", Sentence::Trusted { subject, purpose: Purpose::Execution(None) })
    };
    let many: Vec<_> = (0..=casemate_trust::domain::ENTRIES_MAX).map(statement).collect();
    let error = Domain::of("clinic", 0, many, vec![], vec![]).unwrap_err();
    assert!(matches!(error, DomainError::TooMany { .. }));
    let text = format!("[domain]\nowner = \"clinic\"\n[process]\naccept_lacks = [{}]", "\"x\",".repeat(5000));
    assert!(matches!(Domain::parse(&text), Err(DomainError::TooMany { actual: 5000, .. })));
}

/// Text that is nested without end, in each way that TOML has.
#[test]
fn text_nested_too_deep_is_refused() {
    let head = "[domain]\nowner = \"clinic\"\n[process.require]\n";
    for hostile in [
        "a.".repeat(100_000) + "a = 1",
        format!("[{}a]", "a.".repeat(100_000)),
        "a = ".to_owned() + &"[".repeat(100_000),
        "a = ".to_owned() + &"{ a = ".repeat(100_000),
        format!("a = {{ {}a = 1 }}", "a.".repeat(100_000)),
        "a = ".to_owned() + &"[".repeat(60) + &"]".repeat(60),
        "a = ".to_owned() + &"{ a = ".repeat(30) + "1" + &"}".repeat(30),
    ] {
        let error = Domain::parse(&(head.to_owned() + &hostile)).unwrap_err();
        assert!(matches!(error, DomainError::Syntax { .. } | DomainError::Unknown { .. }), "{}", error.help());
    }
}

/// What grows with the square of the input does not end in minutes here.
#[test]
fn wide_tables_and_long_lists_are_read_in_one_go() {
    let clouds: Vec<String> = (0..1024).map(|name| format!("\"C{name}\"")).collect();
    let platform = |place: usize| {
        format!(
            "[[platform]]\nname = \"{place}\"\nkind = \"snp\"\nany_genuine_chip = true\n[platform.require]\ncsp-id = {{ one_of = [{}], not = \"Q\" }}\n",
            clouds.join(", ")
        )
    };
    let text = full() + &(0..500).map(platform).collect::<String>();
    let domain = Domain::parse(&text).unwrap();
    assert_eq!(domain.own().filter(|said| said.statement().label.parse::<usize>().is_ok()).count(), 1000);
    let rows: String = (0..50_000).map(|name| format!("x{name} = 1\n")).collect();
    let error = Domain::parse(&(full() + "[process.require]\n" + &rows)).unwrap_err();
    assert!(matches!(error, DomainError::Unknown { .. }));
}

fn digest() -> BoxedStrategy<Digest> {
    (0_u8..6).prop_map(|byte| Digest::from_bytes([byte; 32])).boxed()
}

/// Keys, of which the domain knows some in full.
fn key() -> BoxedStrategy<Digest> {
    (0_u8..6).prop_map(|seed| SigningKey::from_seed(&[seed; 32]).public().spki_digest()).boxed()
}

fn text() -> BoxedStrategy<String> {
    prop_oneof![Just("EU".to_owned()), Just("it's \"quoted\" \\ é".to_owned()), "[a-z]{1,8}"].boxed()
}

fn value() -> BoxedStrategy<Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        prop::collection::vec(any::<u8>(), 1..4).prop_map(Value::Bytes),
        prop_oneof![0_u64..300, Just(u64::MAX)].prop_map(Value::Number),
        prop::collection::btree_set("[A-Z]{1,3}", 0..3).prop_map(|set| Value::Set(set.into_iter().collect())),
        text().prop_map(Value::Text),
        time().prop_map(Value::Time),
    ]
    .boxed()
}

fn time() -> BoxedStrategy<UnixTime> {
    prop_oneof![
        Just(0),
        Just(86_400),
        Just(86_399),
        1_700_000_000_u64..1_900_000_000,
        Just(253_402_300_799),
        Just(u64::MAX - 1)
    ]
    .prop_map(UnixTime)
    .boxed()
}

fn test() -> BoxedStrategy<Test> {
    let ordered = || prop_oneof![(0_u64..300).prop_map(Value::Number), time().prop_map(Value::Time)];
    prop_oneof![
        ordered().prop_map(Test::AtLeast),
        ordered().prop_map(Test::AtMost),
        value().prop_map(Test::Equals),
        value().prop_map(Test::NotEquals),
        prop::collection::btree_set(text().prop_map(Value::Text), 1..3)
            .prop_map(|set| Test::OneOf(set.into_iter().collect())),
        prop::collection::btree_set("[A-Z]{1,3}", 0..3).prop_map(|set| Test::SubsetOf(set.into_iter().collect())),
    ]
    .boxed()
}

fn kind() -> BoxedStrategy<Kind> {
    prop::sample::select(Kind::ALL).boxed()
}

fn property() -> BoxedStrategy<String> {
    prop_oneof![
        Just("reported-tcb.microcode"),
        Just("product"),
        Just("lacks"),
        Just("region"),
        Just("tcb-date"),
        Just("operator"),
        Just("tcb-advisories"),
        Just("family-id"),
        Just("Odd name"),
    ]
    .prop_map(ToOwned::to_owned)
    .boxed()
}

fn rule() -> BoxedStrategy<PlatformRule> {
    let identities = prop_oneof![
        Just(Identities::AnyGenuineChip),
        prop::collection::btree_set(prop::collection::vec(any::<u8>(), 1..4), 1..3)
            .prop_map(|set| Identities::Listed(set.into_iter().map(Into::into).collect())),
    ];
    let demands = prop::collection::btree_set((property(), test()), 0..4)
        .prop_map(|set| set.into_iter().map(|(property, test)| Demand { property, test }).collect());
    let allow = prop::collection::btree_set(prop::sample::select(Allowance::ALL), 0..2);
    (kind(), identities, demands, allow)
        .prop_map(|(kind, identities, demands, allow)| PlatformRule { kind, identities, demands, allow })
        .boxed()
}

fn release() -> BoxedStrategy<Option<Release>> {
    prop_oneof![
        Just(None),
        (text(), prop_oneof![0_u64..5, Just(u64::MAX)]).prop_map(|(line, version)| Some(Release { line, version })),
    ]
    .boxed()
}

fn subject() -> BoxedStrategy<Subject> {
    prop_oneof![
        digest().prop_map(Subject::Domain),
        (kind(), prop::collection::vec(any::<u8>(), 1..4)).prop_map(|(kind, chip)| Subject::Hardware(kind, chip)),
        key().prop_map(Subject::Key),
        (
            kind(),
            prop::sample::select(vec!["measurement", "mr-td", "runtime", "pcr0", "odd"]),
            prop_oneof![Just(32), Just(4)]
        )
            .prop_map(|(kind, name, length)| {
                let registers = vec![Register { name: name.to_owned(), value: vec![7; length] }];
                Subject::Measurement(Measurement { kind, registers })
            }),
        rule().prop_map(Subject::Platform),
        digest().prop_map(Subject::Program),
        prop::sample::select(Vendor::ALL).prop_map(Subject::Vendor),
    ]
    .boxed()
}

fn purpose() -> BoxedStrategy<Purpose> {
    prop_oneof![
        Just(Purpose::Attestation(None)),
        Just(Purpose::Authentication),
        Just(Purpose::Contracts),
        Just(Purpose::KeyProvision),
        release().prop_map(Purpose::Execution),
        (prop::sample::select(Topic::ALL), 0_u16..3, prop::option::weighted(0.5, limits()))
            .prop_map(|(topic, depth, limits)| Purpose::Publishing { topic, depth, limits: limits.map(Box::new) }),
    ]
    .boxed()
}

fn limits() -> BoxedStrategy<Limits> {
    let texts = prop::option::of(prop::collection::btree_set(text(), 1..3).prop_map(|set| set.into_iter().collect()));
    let kinds = prop::option::of(prop::sample::subsequence(Kind::ALL, 1..3).prop_map(|mut kinds| {
        kinds.sort();
        kinds
    }));
    let properties = prop::option::of(prop::sample::subsequence(&["operator", "region"][..], 1..3));
    let properties =
        properties.prop_map(|names| names.map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>()));
    (kinds, properties, texts).prop_map(|(kinds, properties, releases)| Limits { kinds, properties, releases }).boxed()
}

fn sentence() -> BoxedStrategy<Sentence> {
    prop_oneof![
        1 => (text(), 0_u64..5).prop_map(|(line, version)| Sentence::Floor(Release { line, version })),
        1 => (subject(), property(), value()).prop_map(|(subject, name, value)| Sentence::HasProperty { subject, name, value }),
        1 => digest().prop_map(Sentence::Revokes),
        1 => subject().prop_map(Sentence::Distrusts),
        1 => (subject(), subject()).prop_map(|(speaker, principal)| Sentence::SpeaksFor { speaker, principal }),
        8 => (subject(), purpose()).prop_map(|(subject, purpose)| Sentence::Trusted { subject, purpose }),
    ]
    .boxed()
}

fn statement() -> BoxedStrategy<Statement> {
    let label = prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("process".to_owned()), text()];
    let validity = prop_oneof![
        3 => Just(Validity::ALWAYS),
        1 => (time(), time()).prop_map(|(one, two)| Validity { not_before: one.min(two), not_after: one.max(two) }),
    ];
    (label, sentence(), validity)
        .prop_map(|(label, sentence, validity)| Statement { label, sentence, validity })
        .prop_filter("what can't be said", |statement| statement.check().is_ok())
        .boxed()
}

/// Keys that may publish about everything, so that hardly an entry can never count.
fn delegates() -> Vec<Statement> {
    let subject = || Subject::Key(Digest::from_bytes([0xdd; 32]));
    let purpose = |topic: &Topic| Purpose::Publishing { topic: *topic, depth: 0, limits: None };
    let trusted = |topic| Sentence::Trusted { subject: subject(), purpose: purpose(topic) };
    Topic::ALL.iter().map(|topic| Statement::always("everything", trusted(topic))).collect()
}

/// Whatever statements there are: text and bytes say the same ones, in whatever order they come.
#[test]
fn statements_survive_text_and_bytes() {
    let (mut read, mut refused) = (0, 0);
    let config = ProptestConfig {
        max_global_rejects: 100_000,
        max_local_rejects: 1_000_000,
        failure_persistence: None,
        ..ProptestConfig::with_cases(600)
    };
    let said = (prop::collection::vec(statement(), 0..12), prop::collection::btree_set(0_u8..6, 0..6), 0_u64..3);
    let counts = std::cell::RefCell::new((&mut read, &mut refused));
    let outcome = TestRunner::new(config).run(&said, |(mut statements, known, sequence)| {
        statements.extend(delegates());
        let key = |seed| VerifyingKey::from(SigningKey::from_seed(&[seed; 32]).public());
        let keys: Vec<VerifyingKey> = known.into_iter().map(key).collect();
        let domain = Domain::of("clinic", sequence, statements.clone(), keys.clone(), vec![]).unwrap();
        statements.reverse();
        let backwards = Domain::of("clinic", sequence, statements, keys, vec![]).unwrap();
        prop_assert_eq!(&domain, &backwards);
        prop_assert_eq!(domain.digest(), backwards.digest());
        prop_assert_eq!(&Domain::from_bytes(&domain.to_bytes()).unwrap(), &domain);
        let text = domain.to_toml();
        match Domain::parse(&text) {
            Ok(domain_of_text) => {
                prop_assert_eq!(&domain_of_text, &domain, "{}", text);
                *counts.borrow_mut().0 += 1;
            }
            Err(DomainError::Never { .. } | DomainError::Contradiction { .. }) => *counts.borrow_mut().1 += 1,
            Err(error) => {
                let marked = error.span().map(|span| text[span].to_owned());
                prop_assert!(false, "{error}: {marked:?}\n{text}");
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!(read > 400, "{read} domains were read back, {refused} had entries that can never count");
}
