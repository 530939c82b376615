//! What delegates refused by goes only where the owner says so.

use std::{collections::BTreeSet, slice::from_ref};

use aws_lc_rs::rand::SystemRandom;
use casemate_cose::{Digest, SigningKey, UnixTime};
use casemate_trust::{
    Domain, DomainError,
    statement::{Limits, Measurement, Purpose, Register, Release, Sentence, Signed, Statement, Subject, Topic},
};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn id(seed: u8) -> Digest {
    key(seed).public().spki_digest()
}

fn signed(seed: u8, sentence: Sentence) -> Signed {
    Signed::sign(&Statement::always("said", sentence), &key(seed).into(), &SystemRandom::new()).unwrap()
}

fn delegate(seed: u8, topic: Topic, limits: Option<&str>) -> Statement {
    let limits = limits.map(|line| Box::new(Limits { releases: Some(vec![line.into()]), ..Limits::default() }));
    let purpose = Purpose::Publishing { topic, depth: 0, limits };
    Statement::always("delegate", Sentence::Trusted { subject: Subject::Key(id(seed)), purpose })
}

fn released(version: u64) -> Sentence {
    let registers = vec![Register { name: "runtime".into(), value: vec![7] }];
    let measurement = Measurement { kind: casemate_trust::statement::Kind::Software, registers };
    let release = Release { line: "runtime".into(), version };
    Sentence::Trusted { subject: Subject::Measurement(measurement), purpose: Purpose::Execution(Some(release)) }
}

fn floor(version: u64) -> Sentence {
    Sentence::Floor(Release { line: "runtime".into(), version })
}

fn domain(sequence: u64, own: &[Statement], others: &[Signed]) -> Domain {
    Domain::of("clinic", sequence, own.to_vec(), Vec::new(), others.to_vec()).unwrap()
}

fn own(sentence: Sentence) -> Statement {
    Statement::always("own", sentence)
}

/// Refused for want of this one `--drop`, and taken with it; by the owner's signature it is taken at once.
#[track_caller]
fn takes_a_drop(new: &Domain, old: &Domain, gone: Digest, message: &str) {
    let error = new.supersedes(old).unwrap_err();
    assert!(matches!(error, DomainError::Rollback { .. }) && error.to_string().contains(message), "{error}");
    assert!(error.help().contains(&gone.to_string()), "{}", error.help());
    new.supersedes_dropping(old, &BTreeSet::from([gone.to_string()])).unwrap();
    new.supersedes_as_signed(old).unwrap();
}

#[test]
fn a_delegates_revocation_is_dropped_on_purpose() {
    let (release, may) = (signed(1, released(7)), delegate(2, Topic::Revocations, None));
    let publisher = delegate(1, Topic::Measurements, None);
    for sentence in [Sentence::Revokes(release.digest()), Sentence::Distrusts(Subject::Key(id(1)))] {
        let revocation = signed(2, sentence.clone());
        let gone = revocation.digest();
        let own_words = [publisher.clone(), may.clone()];
        let old = domain(1, &own_words, &[release.clone(), revocation.clone()]);
        domain(2, &own_words, &[release.clone(), revocation.clone()]).supersedes(&old).unwrap();
        takes_a_drop(&domain(2, &own_words, from_ref(&release)), &old, gone, "published is not there");
        let without = domain(2, &own_words[..1], &[release.clone(), revocation.clone()]);
        takes_a_drop(&without, &old, gone, "published counts no more");
        let revoked = [publisher.clone(), may.clone(), own(Sentence::Revokes(gone))];
        let undone = domain(2, &revoked, &[release.clone(), revocation.clone()]);
        takes_a_drop(&undone, &old, gone, "published counts no more");
        // The owner says the same.
        let same = [publisher.clone(), own(sentence)];
        domain(2, &same, from_ref(&release)).supersedes(&old).unwrap();
    }
    // A stranger's refused nothing but the stranger's own.
    let stranger = signed(9, Sentence::Revokes(release.digest()));
    let old = domain(1, &[publisher.clone(), may.clone()], &[release.clone(), stranger]);
    domain(2, &[publisher, may], &[release]).supersedes(&old).unwrap();
}

#[test]
fn what_a_key_took_back_comes_back_on_purpose() {
    let (release, publisher) = (signed(1, released(7)), delegate(1, Topic::Measurements, None));
    let back = signed(1, Sentence::Revokes(release.digest()));
    let old = domain(1, from_ref(&publisher), &[release.clone(), back.clone()]);
    takes_a_drop(&domain(2, from_ref(&publisher), &[release]), &old, back.digest(), "published is not there");
    // With the revocation goes what it revoked: nothing comes back.
    domain(2, &[publisher], &[]).supersedes(&old).unwrap();
}

#[test]
fn a_delegates_floor_is_dropped_on_purpose() {
    let (release, raised) = (signed(1, released(1)), signed(1, floor(2)));
    let others = [release.clone(), raised.clone()];
    let wide = delegate(1, Topic::Measurements, None);
    let old = domain(1, from_ref(&wide), &others);
    takes_a_drop(&domain(2, from_ref(&wide), &[release]), &old, raised.digest(), "published is not there");
    let revoked = [wide.clone(), own(Sentence::Revokes(raised.digest()))];
    takes_a_drop(&domain(2, &revoked, &others), &old, raised.digest(), "published counts no more");
    let narrowed = [delegate(1, Topic::Measurements, Some("other"))];
    takes_a_drop(&domain(2, &narrowed, &others), &old, raised.digest(), "published counts no more");
    // It ended before the floor began.
    let mut ended = wide.clone();
    ended.validity.not_before = UnixTime(5);
    takes_a_drop(&domain(2, &[ended], &others), &old, raised.digest(), "published counts no more");
    domain(2, &[delegate(1, Topic::Measurements, Some("runtime"))], &others).supersedes(&old).unwrap();
    domain(2, &[own(floor(2))], &[]).supersedes(&old).unwrap();
}

#[test]
fn more_rights_of_one_key_than_are_looked_at_are_refused_where_they_are_read() {
    let entry = |number: u32| {
        format!(
            "[[delegate]]\nname = \"d{number}\"\nkey = \"{}\"\nmay_publish = [\"measurements\"]\nreleases = [\"line {number}\"]\nfrom = 2030-01-01\n",
            id(1)
        )
    };
    let text =
        |count| -> String { "[domain]\nowner = \"clinic\"\n".to_owned() + &(0..count).map(entry).collect::<String>() };
    Domain::parse(&text(64)).unwrap();
    let error = Domain::parse(&text(65)).unwrap_err();
    assert!(error.to_string().contains("`d64` gives"), "{error}");
    let text = text(65);
    let marked = error.span().unwrap();
    assert!(text[..marked.start].contains("name = \"d63\"") && marked.start > 0, "{marked:?}");
    let own: Vec<Statement> = (0..65)
        .map(|number| delegate(1, Topic::Measurements, Some(&format!("line {number}"))))
        .zip(0..)
        .map(|(statement, number)| Statement { label: format!("d{number}"), ..statement })
        .collect();
    assert!(matches!(Domain::of("clinic", 1, own, vec![], vec![]), Err(DomainError::Never { .. })));
}
