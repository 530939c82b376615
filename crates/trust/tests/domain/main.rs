//! Domains: what a person writes, what it compiles to, and every way to write it wrong, with the place that is marked.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests are as free as tests")]
#![expect(
    clippy::disallowed_methods,
    reason = "signing takes a source of randomness, from which Ed25519 draws nothing"
)]

mod attacked;
mod crimes;
mod dropped;
mod forms;
mod judged;
mod limited;
mod sealed;
mod signers;
mod unmatched;

use aws_lc_rs::rand::SystemRandom;
use casemate_cose::{Digest, Signer, SigningKey};
use casemate_evidence::Lack;
use casemate_testkit::domain::{full, long};
use casemate_trust::{
    Domain, DomainError,
    domain::{DOMAIN_BYTES_MAX, ENTRIES_MAX, Launcher, NAME_BYTES_MAX, Process, Runtime, VALUES_MAX},
    statement::{Kind, Measurement, Purpose, Register, Release, Sentence, Signed, Statement, Subject},
};
use proptest::prelude::*;

/// The example of docs/formats/domain.md.
const EXAMPLE: &str = r#"[domain]
owner = "clinic"

[[launcher]]            # hosts whose launcher this owner believes for isolation `process`
name = "researcher's host"
key = "ed25519:fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f618"

[[runtime]]
name = "casemate 0.1.0"
digest = "sha256:0606060606060606060606060606060606060606060606060606060606060606"

[process]
accept_lacks = ["secret-plaintext"]
"#;

/// Its compiled form, computed by another implementation, in Python.
const EXAMPLE_COMPILED: &str = "a600020166636c696e696302000381582c302a300506032b6570032100fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f6180483a3006770726f6365737301820682820581a40068736f667477617265018200800281a200656c61636b730182058181707365637265742d706c61696e74657874038082038002a20000011bffffffffffffffffa3007172657365617263686572277320686f73740182068282038158203dba97edb866520d36063a0d9f79576893f3b13014ae7061d7c3dba608b9ec6a82008168736f66747761726502a20000011bffffffffffffffffa3006e636173656d61746520302e312e3001820682820481a20068736f6674776172650181a2006772756e74696d65015820060606060606060606060606060606060606060606060606060606060606060682038002a20000011bffffffffffffffff0580";
const EXAMPLE_DIGEST: &str = "sha256:1149fa449c09dc4de47a0f124481fb58fb8d8ebb6cf0a8d459693f38334656cf";

/// Somebody publishes a measurement.
pub(crate) fn published() -> Signed {
    let registers = vec![Register { name: "measurement".to_owned(), value: vec![7; 48] }];
    let subject = Subject::Measurement(Measurement { kind: Kind::Snp, registers });
    let purpose = Purpose::Execution(Some(Release { line: "casemate".to_owned(), version: 4 }));
    let statement = Statement::always("casemate 0.2.0", Sentence::Trusted { subject, purpose });
    Signed::sign(&statement, &Signer::Ed25519(SigningKey::from_seed(&[5; 32])), &SystemRandom::new()).unwrap()
}

pub(crate) fn entry_of(object: &[u8]) -> String {
    use base64::Engine as _;
    format!("[[signed]]\nstatement = \"{}\"\n", base64::engine::general_purpose::STANDARD.encode(object))
}

pub(crate) fn signed_entry(signed: &Signed) -> String {
    entry_of(signed.object())
}

fn launcher(seed: u8) -> Launcher {
    Launcher { name: format!("host {seed}"), key: SigningKey::from_seed(&[seed; 32]).public() }
}

fn runtime(byte: u8) -> Runtime {
    Runtime { name: format!("runtime {byte}"), digest: Digest::from_bytes([byte; 32]) }
}

fn accepting(lacks: &[Lack]) -> Option<Process> {
    Some(Process { accept_lacks: lacks.iter().copied().collect() })
}

/// Replaces `good` in the example by `bad`, which must be refused with `marked` underlined.
#[track_caller]
fn crime(good: &str, bad: &str, marked: &str) -> DomainError {
    assert_eq!(EXAMPLE.matches(good).count(), 1, "`{good}` is in the example once");
    let text = EXAMPLE.replace(good, bad);
    let error = Domain::parse(&text).unwrap_err();
    let span = error.span().unwrap_or_else(|| panic!("no place: {error}"));
    assert_eq!(&text[span], marked, "{error}");
    assert!(!error.help().is_empty());
    error
}

#[test]
fn the_example_is_read_compiled_and_written_back() {
    let domain = Domain::parse(EXAMPLE).unwrap();
    assert_eq!(domain.owner(), "clinic");
    assert_eq!(domain.launchers()[0].name, "researcher's host");
    assert_eq!(domain.launchers()[0].key, SigningKey::from_seed(&[9; 32]).public());
    assert_eq!(domain.runtimes()[0].digest, Digest::from_bytes([6; 32]));
    assert_eq!(domain.accepted_lacks(), [Lack::SecretPlaintext]);
    assert!(domain.endorsements().launchers().eq([SigningKey::from_seed(&[9; 32]).public()]));
    assert_eq!(hex::encode(domain.to_bytes()), EXAMPLE_COMPILED);
    assert_eq!(domain.digest().to_string(), EXAMPLE_DIGEST);
    let published = include_str!("../../../../docs/formats/domain.md");
    assert!(published.contains(EXAMPLE) && published.contains(EXAMPLE_DIGEST), "the document says so too");
    assert!(published.contains(&full()), "the document says so too");
    assert!(published.replace('\n', "").contains(EXAMPLE_COMPILED), "the document says so too");
    assert_eq!(Domain::parse(&domain.to_toml()), Ok(domain.clone()));
    assert_eq!(Domain::from_bytes(&domain.to_bytes()), Ok(domain));
}

#[test]
fn an_empty_domain_accepts_nothing() {
    for text in ["[domain]\nowner = \"clinic\"\n", "domain.owner = \"clinic\"\nlauncher = []\nruntime = []\n"] {
        let domain = Domain::parse(text).unwrap();
        assert!(domain.accepted_isolations().is_empty() && domain.accepted_lacks().is_empty());
        assert!(domain.launchers().is_empty() && domain.runtimes().is_empty());
        assert!(domain.endorsements().items().is_empty());
        assert!(!Lack::ALL.iter().any(|lack| domain.accepts_lack(*lack)));
    }
}

#[test]
fn a_process_table_without_lacks_accepts_no_lack() {
    for table in ["[process]\n", "[process]\naccept_lacks = []\n"] {
        let domain = Domain::parse(&format!("[domain]\nowner = \"clinic\"\n{table}")).unwrap();
        assert_eq!(domain.accepted_isolations().len(), 1);
        assert!(domain.accepted_lacks().is_empty());
    }
}

#[test]
fn unknown_words_are_marked() {
    for (good, bad, marked) in [
        ("[process]", "[processes]", "processes"),
        ("accept_lacks", "accept_lack", "accept_lack"),
        ("owner = ", "onwer = ", "onwer"),
        ("key = ", "kye = ", "kye"),
        ("digest", "hash", "hash"),
        ("[[runtime]]", "[[runtimes]]", "runtimes"),
        ("owner = \"clinic\"", "owner = \"clinic\"\nany_genuine_chip = true", "any_genuine_chip"),
    ] {
        assert!(matches!(crime(good, bad, marked), DomainError::Unknown { .. }), "{bad}");
    }
}

#[test]
fn wrong_values_are_marked() {
    let error =
        crime("\"ed25519:fd17", "\"fd17", "\"fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f618\"");
    assert!(matches!(error, DomainError::Key { .. }));
    let error = crime("sha256:06", "sha256:0", &format!("\"sha256:0{}\"", "06".repeat(31)));
    assert!(matches!(error, DomainError::Digest { .. }));
    let error = crime("secret-plaintext", "secret_plaintext", "\"secret_plaintext\"");
    assert!(matches!(error, DomainError::Unknown { .. }));
    let error = crime("[\"secret-plaintext\"]", "true", "true");
    assert!(matches!(error, DomainError::Value { .. }));
}

#[test]
fn names_that_would_mislead_a_reader_are_marked() {
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    for bad in ["", " clinic", "clinic ", "clinic\\u001b[2J", "clinic\\nregistry", &long] {
        let error = crime("\"clinic\"", &format!("\"{bad}\""), &format!("\"{bad}\""));
        assert!(matches!(error, DomainError::Name { .. }), "{bad}");
    }
    let error = crime("\"researcher's host\"", "\"\\u202Etsoh\"", "\"\\u202Etsoh\"");
    assert!(matches!(error, DomainError::Name { .. }));
}

#[test]
fn whatever_appears_twice_is_marked_the_second_time() {
    let key = SigningKey::from_seed(&[9; 32]).public();
    let digest = Digest::from_bytes([6; 32]);
    let other_key = SigningKey::from_seed(&[8; 32]).public();
    let entry = |name: &str, key| format!("[[launcher]]\nname = \"{name}\"\nkey = \"{key}\"\n[process]");
    for (good, bad, marked) in [
        ("[process]", entry("b", key), format!("\"{key}\"")),
        ("[process]", entry("researcher's host", other_key), "\"researcher's host\"".to_owned()),
        ("[process]", format!("[[runtime]]\nname = \"b\"\ndigest = \"{digest}\"\n[process]"), format!("\"{digest}\"")),
        ("\"secret-plaintext\"", "\"empty-root\", \"empty-root\"".to_owned(), "\"empty-root\"".to_owned()),
    ] {
        assert!(matches!(crime(good, &bad, &marked), DomainError::Twice { .. }), "{bad}");
    }
    let text = EXAMPLE.replace("\"secret-plaintext\"", "\"empty-root\", \"empty-root\"");
    let span = Domain::parse(&text).unwrap_err().span().unwrap();
    assert_eq!(span.start, text.rfind("\"empty-root\"").unwrap());
}

#[test]
fn a_launcher_that_can_never_count_is_marked() {
    let error = crime("[process]\naccept_lacks = [\"secret-plaintext\"]\n", "", "\"researcher's host\"");
    assert!(matches!(error, DomainError::Never { .. }));
}

#[test]
fn missing_words_and_broken_toml_are_refused() {
    for text in ["[domain]\nowner = \"a\"\nowner = \"b\"", "[domain", "\0", "[domain]\nowner = "] {
        assert!(matches!(Domain::parse(text), Err(DomainError::Syntax { .. })), "{text:?}");
    }
    for text in ["", "[domain]"] {
        assert!(matches!(Domain::parse(text), Err(DomainError::Missing { .. })), "{text:?}");
    }
    for line in EXAMPLE.lines().filter(|line| line.contains("name =") || line.contains("key =")) {
        assert!(matches!(Domain::parse(&EXAMPLE.replace(line, "")), Err(DomainError::Missing { .. })), "{line}");
    }
}

#[test]
fn what_is_too_long_is_refused_before_it_is_read() {
    let text = "#".repeat(DOMAIN_BYTES_MAX + 1);
    assert_eq!(Domain::parse(&text), Err(DomainError::TooLong { actual: DOMAIN_BYTES_MAX + 1 }));
    assert!(matches!(Domain::from_bytes(&vec![0; DOMAIN_BYTES_MAX + 1]), Err(DomainError::Compiled(_))));
    let runtimes = (0..=ENTRIES_MAX)
        .map(|index| Runtime { name: index.to_string(), digest: Digest::of(index.to_string().as_bytes()) });
    let error = Domain::new("clinic", vec![], runtimes.collect(), None).unwrap_err();
    assert_eq!(error, DomainError::TooMany { actual: ENTRIES_MAX + 1, max: ENTRIES_MAX });
}

/// A list's members, and a domain's statements, are counted before they are read.
#[test]
fn what_is_too_many_is_refused_before_it_is_read() {
    let held = |read: &dyn Fn() -> bool| {
        let info = allocation_counter::measure(|| assert!(!read()));
        info.bytes_max
    };
    let list = format!("[domain]\nowner = \"clinic\"\n[process]\naccept_lacks = [{}]\n", "\"\",".repeat(3 << 20));
    assert!(list.len() < DOMAIN_BYTES_MAX);
    assert!(held(&|| Domain::parse(&list).is_ok()) < 1 << 12);
    let dotted = format!("[domain]\n{}", "a.".repeat(5 << 20));
    assert!(held(&|| Domain::parse(&dotted).is_ok()) < 1 << 12);
    let honest = Domain::new("clinic", vec![], vec![runtime(1)], accepting(&[])).unwrap().to_bytes();
    let place = honest.windows(2).position(|two| two == [4, 0x82]).unwrap();
    let tiny = [0xa3, 0, 0x60, 1, 0x82, 0, 0x81, 0xa2, 0, 0x60, 1, 0, 2, 0xa2, 0, 0, 1, 0];
    let count = u32::try_from((DOMAIN_BYTES_MAX - 200) / tiny.len()).unwrap();
    let many = [&honest[..=place], &[0x9a], &count.to_be_bytes(), &tiny.repeat(count as usize), &[5, 0x80]].concat();
    assert!(held(&|| Domain::from_bytes(&many).is_ok()) < 1 << 12);
}

/// Ten thousand statements of others are a text that is read, also if they are signed with the longest keys.
#[test]
fn ten_thousand_signed_statements_fit() {
    let key = Signer::from(SigningKey::from_seed(&[7; 32]));
    let label = "l".repeat(NAME_BYTES_MAX);
    let one = Statement::always(label, Sentence::Revokes(Digest::of(b"")));
    let one = Signed::sign(&one, &key, &SystemRandom::new()).unwrap();
    let domain = Domain::of("clinic", 0, vec![], vec![], vec![one]).unwrap().to_toml();
    let entry = domain.len() - Domain::of("clinic", 0, vec![], vec![], vec![]).unwrap().to_toml().len();
    let values = domain.bytes().filter(|byte| b",.=[{".contains(byte)).count();
    // Key and signature of P-384 are 108 bytes longer, in base64 144.
    let entry = entry + 144;
    assert!(entry * 10_000 < DOMAIN_BYTES_MAX && values * 10_000 < VALUES_MAX, "{entry} {values}");
}

#[test]
fn compiled_bytes_in_another_order_or_shape_are_refused() {
    let domain = Domain::new("clinic", vec![], vec![runtime(1), runtime(2)], accepting(&[Lack::EmptyRoot])).unwrap();
    let honest = domain.to_bytes();
    // The first two of the three statements change places.
    let said: Vec<_> = domain.own().map(|said| casemate_cose::encode(said.statement())).collect();
    let listed = said.concat();
    let start = honest.windows(listed.len()).position(|window| window == listed).unwrap();
    let swapped = [&honest[..start], &said[1], &said[0], &said[2], &honest[start + listed.len()..]].concat();
    assert_eq!(swapped.len(), honest.len());
    assert_eq!(Domain::from_bytes(&swapped), Err(DomainError::Order));
    let newer = [&honest[..2], &[3], &honest[3..]].concat();
    assert_eq!(Domain::from_bytes(&newer), Err(DomainError::Version { actual: 3, expected: 2 }));
    for length in 0..honest.len() {
        assert!(Domain::from_bytes(&honest[..length]).is_err(), "{length}");
    }
    assert!(Domain::from_bytes(&[honest.as_slice(), &[0]].concat()).is_err());
}

#[test]
fn every_bit_of_the_compiled_form_counts() {
    let domain = Domain::parse(EXAMPLE).unwrap();
    let honest = domain.to_bytes();
    for bit in 0..honest.len() * 8 {
        let mut flipped = honest.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = Domain::from_bytes(&flipped) {
            assert_ne!(other, domain, "bit {bit}");
            assert_ne!(other.digest(), domain.digest(), "bit {bit}");
        }
    }
}

proptest! {
    #[test]
    fn order_never_matters_and_every_form_round_trips(
        launchers in prop::collection::btree_set(0_u8..20, 0..6).prop_map(|set| set.into_iter().collect::<Vec<_>>()),
        runtimes in prop::collection::btree_set(0_u8..20, 0..6).prop_map(|set| set.into_iter().collect::<Vec<_>>()),
        lacks in prop::sample::subsequence(Lack::ALL, 0..=Lack::ALL.len()),
        owner in "[a-z'\"\\\\é]{1,12}",
    ) {
        let forwards = Domain::new(
            owner.clone(),
            launchers.iter().copied().map(launcher).collect(),
            runtimes.iter().copied().map(runtime).collect(),
            accepting(&lacks),
        ).unwrap();
        let backwards = Domain::new(
            owner,
            launchers.iter().rev().copied().map(launcher).collect(),
            runtimes.iter().rev().copied().map(runtime).collect(),
            accepting(&lacks),
        ).unwrap();
        prop_assert_eq!(forwards.digest(), backwards.digest());
        prop_assert_eq!(&Domain::parse(&forwards.to_toml()).unwrap(), &forwards);
        prop_assert_eq!(&Domain::from_bytes(&forwards.to_bytes()).unwrap(), &forwards);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,80}") {
        let _ = Domain::parse(&text);
    }
}
