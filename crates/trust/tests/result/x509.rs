//! For which key, under which name, until when.

use casemate_cose::{Digest, SigningKey, UnixTime};
use casemate_trust::result::{
    Admission, LIFETIME_S_MAX, ResultError, TrustDomain, Workload, digest_of_accepted, x509_svid,
};

use crate::admitted::{AT, PROGRAM, accepted, admission, ed25519, random, svid};

fn keep() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

fn holds(der: &[u8], part: &[u8]) -> bool {
    der.windows(part.len()).any(|window| window == part)
}

fn ends(der: &[u8], at: UnixTime) -> bool {
    let digits: String = at.to_string().chars().filter(|character| character.is_ascii_digit()).collect();
    holds(der, &[&[0x17, 0x0d], &digits.as_bytes()[2..], b"Z"].concat())
}

#[test]
fn says_key_name_and_what_it_rests_on() {
    let der = svid(&keep(), "clinic", &ed25519(20), AT);
    assert!(holds(&der, &keep().public().spki()));
    assert!(holds(&der, b"\x86\x1bspiffe://clinic/keep/cohort"));
    assert!(holds(&der, b"\x82\x15cohort.clinic.example"));
    let accepted = accepted(&keep(), AT);
    for digest in [accepted.evidence_digest(), digest_of_accepted(&accepted), accepted.domain_digest()] {
        assert!(holds(&der, digest.as_bytes()));
    }
}

#[test]
fn the_same_verdict_gives_the_same_certificate() {
    assert_eq!(svid(&keep(), "clinic", &ed25519(20), AT), svid(&keep(), "clinic", &ed25519(20), AT));
    let later = svid(&keep(), "clinic", &ed25519(20), AT.plus_s(1));
    assert_ne!(later[..40], svid(&keep(), "clinic", &ed25519(20), AT)[..40], "another serial number");
}

/// A keep that is accepted brings the key of its neighbour, which is not.
#[test]
fn no_other_key_than_the_attested_one() {
    let neighbour = SigningKey::from_seed(&[2; 32]).public();
    let refused =
        x509_svid(&accepted(&keep(), AT), &neighbour.spki(), &admission("clinic"), &ed25519(20), &random(), AT);
    let attested = keep().public().spki_digest();
    assert_eq!(refused, Err(ResultError::Key { attested, actual: neighbour.spki_digest() }));
}

#[test]
fn ends_with_the_verdict_or_before() {
    let of = |lifetime, at| {
        let admission = Admission::new("clinic".parse().unwrap(), lifetime).unwrap();
        x509_svid(&accepted(&keep(), AT), &keep().public().spki(), &admission, &ed25519(20), &random(), at)
    };
    let expires = accepted(&keep(), AT).expires();
    assert!(ends(&of(60, AT).unwrap(), AT.plus_s(60)));
    assert!(ends(&of(LIFETIME_S_MAX, AT).unwrap(), expires));
    assert!(ends(&of(60, expires).unwrap(), expires));
    let late = expires.plus_s(1);
    assert_eq!(of(60, late), Err(ResultError::Expired { expires: late, at: late }));
}

#[test]
fn the_name_follows_from_the_program_that_was_accepted() {
    let trust_domain: TrustDomain = "clinic".parse().unwrap();
    let plain = Admission::new(trust_domain.clone(), 60).unwrap();
    assert_eq!(plain.id(&PROGRAM).to_string(), format!("spiffe://clinic/keep/sha256-{}", "07".repeat(32)));
    let other = plain.named(Digest::of(b"another program"), "payroll".parse().unwrap(), vec![]).unwrap();
    let der = x509_svid(&accepted(&keep(), AT), &keep().public().spki(), &other, &ed25519(20), &random(), AT).unwrap();
    assert!(!holds(&der, b"payroll"), "another program's name");
}

#[test]
fn names_and_lifetimes_that_can_not_be() {
    for lifetime in [0, LIFETIME_S_MAX + 1, u64::MAX] {
        assert!(Admission::new("clinic".parse().unwrap(), lifetime).is_err());
    }
    let admission = Admission::new("clinic".parse().unwrap(), 60).unwrap();
    for name in [
        "",
        "*.clinic.example",
        "Cohort.example",
        "a..b",
        ".a",
        "a.",
        "-a",
        "a-",
        "a b",
        "a\0b",
        "ä.example",
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "a.0x",
        &"a".repeat(64),
    ] {
        let refused = admission.clone().named(PROGRAM, "cohort".parse().unwrap(), vec![name.to_owned()]);
        assert!(matches!(refused, Err(ResultError::Invalid { .. })), "{name}");
    }
    let other = Workload::of(&Digest::of(b"another program"));
    let refused = admission.clone().named(PROGRAM, other, vec![]);
    assert!(matches!(refused, Err(ResultError::Invalid { .. })), "a program's name for another");
    admission.clone().named(PROGRAM, Workload::of(&PROGRAM), vec![]).unwrap();
    let cohort = admission.clone().named(PROGRAM, "cohort".parse().unwrap(), vec!["a.example".to_owned()]).unwrap();
    let other = Digest::of(b"another program");
    for (crime, what, name, hosts) in [
        ("twice", PROGRAM, "cohort", vec![]),
        ("another's host", other, "payroll", vec!["a.example".to_owned()]),
        ("another's name in capitals", other, "COHORT", vec![]),
    ] {
        let refused = cohort.clone().named(what, name.parse().unwrap(), hosts);
        assert!(matches!(refused, Err(ResultError::Invalid { .. })), "{crime}: {refused:?}");
    }
    assert!(cohort.named(other, "cohort".parse().unwrap(), vec!["a.example".to_owned()]).is_ok(), "another release");
    let many = vec!["a".to_owned(); 17];
    assert!(matches!(admission.named(PROGRAM, "cohort".parse().unwrap(), many), Err(ResultError::TooMany { .. })));
}
