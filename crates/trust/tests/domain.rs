//! Domains: what a person writes, what it compiles to, and every way to write it wrong, with the place that is marked.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests are as free as tests")]

use casemate_cose::{Digest, SigningKey};
use casemate_evidence::Lack;
use casemate_trust::{
    Domain, DomainError,
    domain::{DOMAIN_BYTES_MAX, ENTRIES_MAX, Launcher, NAME_BYTES_MAX, Process, Runtime},
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
const EXAMPLE_COMPILED: &str = "a500010166636c696e69630281a2007172657365617263686572277320686f7374015820fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f6180381a2006e636173656d61746520302e312e30015820060606060606060606060606060606060606060606060606060606060606060604a10081707365637265742d706c61696e74657874";
const EXAMPLE_DIGEST: &str = "sha256:3c2885074ad7a96bc06c87a6ef6a7988bac5a3e30cf4b5588ce8087318d41fe3";

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
    let published = include_str!("../../../docs/formats/domain.md");
    assert!(published.contains(EXAMPLE) && published.contains(EXAMPLE_DIGEST), "the document says so too");
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
        ("key", "kye", "kye"),
        ("digest", "hash", "hash"),
        ("[[runtime]]", "[[runtimes]]", "runtimes"),
        ("owner = \"clinic\"", "owner = \"clinic\"\nany_genuine_chip = true", "any_genuine_chip"),
    ] {
        assert!(matches!(crime(good, bad, marked), DomainError::Syntax { .. }), "{bad}");
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
    assert!(matches!(error, DomainError::Lack { .. }));
    let error = crime("[\"secret-plaintext\"]", "true", "true");
    assert!(matches!(error, DomainError::Syntax { .. }));
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
    assert!(matches!(error, DomainError::Unused { .. }));
}

#[test]
fn missing_words_and_broken_toml_are_refused() {
    for text in ["", "[domain]", "[domain]\nowner = 1", "[domain]\nowner = \"a\"\nowner = \"b\"", "[domain", "\0"] {
        assert!(matches!(Domain::parse(text), Err(DomainError::Syntax { .. })), "{text:?}");
    }
    for line in EXAMPLE.lines().filter(|line| line.contains("name =") || line.contains("key =")) {
        assert!(matches!(Domain::parse(&EXAMPLE.replace(line, "")), Err(DomainError::Syntax { .. })), "{line}");
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

#[test]
fn compiled_bytes_in_another_order_or_shape_are_refused() {
    let domain = Domain::new("clinic", vec![], vec![runtime(1), runtime(2)], accepting(&[Lack::EmptyRoot])).unwrap();
    let honest = domain.to_bytes();
    let swapped = {
        let text = hex::encode(&honest);
        let (one, two) = (hex::encode("runtime 1"), hex::encode("runtime 2"));
        let digests = text.replace(&"01".repeat(32), "X").replace(&"02".repeat(32), "Y");
        let swapped = digests.replace('X', &"02".repeat(32)).replace('Y', &"01".repeat(32));
        let names = swapped.replace(&one, "X").replace(&two, "Y").replace('X', &two).replace('Y', &one);
        hex::decode(names).unwrap()
    };
    assert_eq!(Domain::from_bytes(&swapped), Err(DomainError::Order));
    let newer = [&honest[..2], &[2], &honest[3..]].concat();
    assert_eq!(Domain::from_bytes(&newer), Err(DomainError::Version { actual: 2, expected: 1 }));
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
