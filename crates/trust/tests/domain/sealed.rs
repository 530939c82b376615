//! Signed domains: whose they are, and that they never go back.

use casemate_cose::{Kind, SigningKey, sign};
use casemate_trust::{Domain, DomainError};

fn key() -> SigningKey {
    SigningKey::from_seed(&[3; 32])
}

/// A domain of the sequence and the floors given as entries.
fn domain(sequence: u64, floors: &str) -> Domain {
    let text = format!("[domain]\nowner = \"clinic\"\nsequence = {sequence}\n{floors}");
    Domain::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn floor(line: &str, version: u64, words: &str) -> String {
    format!("[[floor]]\nname = \"{line} {version}\"\nrelease = \"{line}\"\nversion = {version}\n{words}\n")
}

#[test]
fn a_signed_domain_is_opened_with_its_policy_key_alone() {
    let domain = domain(1, &floor("casemate", 3, ""));
    let object = domain.sign(&key());
    assert_eq!(Domain::open(&object, &key().public()).unwrap(), domain);
    let stranger = SigningKey::from_seed(&[4; 32]);
    assert!(matches!(Domain::open(&object, &stranger.public()), Err(DomainError::Seal { .. })));
    assert!(matches!(Domain::open(&domain.sign(&stranger), &key().public()), Err(DomainError::Seal { .. })));
    let as_contract = sign(Kind::Contract, &domain.to_bytes(), &key());
    assert!(matches!(Domain::open(&as_contract, &key().public()), Err(DomainError::Seal { .. })));
    let no_domain = sign(Kind::Domain, b"no domain", &key());
    assert!(matches!(Domain::open(&no_domain, &key().public()), Err(DomainError::Compiled(_))));
    for place in 0..object.len() {
        let mut flipped = object.clone();
        flipped[place] ^= 1;
        assert!(Domain::open(&flipped, &key().public()).is_err(), "byte {place}");
    }
}

#[test]
fn a_domain_takes_the_place_of_an_earlier_one_only() {
    let old = domain(5, "");
    old.supersedes(&old).unwrap();
    domain(6, "").supersedes(&old).unwrap();
    for (new, message) in [
        (domain(4, ""), "its sequence number is 4, and 5 was in force"),
        (domain(5, &floor("casemate", 1, "")), "another domain with the same sequence number, 5"),
        (
            Domain::parse("[domain]\nowner = \"registry\"\nsequence = 6\n").unwrap(),
            "a domain of `registry`, not of `clinic`",
        ),
    ] {
        let error = new.supersedes(&old).unwrap_err();
        assert!(matches!(error, DomainError::Rollback { .. }));
        assert!(error.to_string().contains(message), "{error}");
        assert!(!error.help().is_empty());
    }
}

#[test]
fn floors_only_rise() {
    let old = domain(1, &(floor("casemate", 3, "") + &floor("other", 7, "")));
    let rest = floor("other", 7, "");
    for floors in
        [floor("casemate", 3, ""), floor("casemate", 4, ""), floor("casemate", 2, "") + &floor("casemate", 9, "")]
    {
        domain(2, &(floors + &rest)).supersedes(&old).unwrap();
    }
    for (floors, message) in [
        (rest.clone(), "the floor of `casemate` was 3, and now there is none"),
        (rest.clone() + &floor("casemate", 2, ""), "the floor of `casemate` was 3, and now it is 2"),
        (
            rest.clone() + &floor("casemate", 3, "from = 2030-01-01"),
            "the floor of `casemate` was 3, and now there is none",
        ),
        (floor("casemate", 3, "") + &floor("other", 6, ""), "the floor of `other` was 7, and now it is 6"),
    ] {
        let error = domain(2, &floors).supersedes(&old).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
    // A floor that was announced comes no later.
    let announced = domain(1, &(floor("casemate", 3, "") + &floor("casemate", 5, "from = 2030-01-01")));
    domain(2, &(floor("casemate", 3, "") + &floor("casemate", 6, "from = 2029-01-01"))).supersedes(&announced).unwrap();
    let later = domain(2, &(floor("casemate", 3, "") + &floor("casemate", 6, "from = 2031-01-01")));
    assert!(later.supersedes(&announced).is_err());
}

#[test]
fn the_digest_names_the_sequence_too() {
    assert_ne!(domain(1, "").digest(), domain(2, "").digest());
    assert!(domain(7, "").to_toml().contains("sequence = 7"));
    let text = "[domain]\nowner = \"clinic\"\nsequence = 9223372036854775808\n";
    assert!(matches!(Domain::parse(text), Err(DomainError::Value { .. })));
    assert!(matches!(Domain::of("clinic", u64::MAX, vec![], vec![], vec![]), Err(DomainError::Value { .. })));
}
