//! Whose signatures under contracts count, and who can change that.

use aws_lc_rs::rand::SystemRandom;
use casemate_cose::{Digest, SigningKey, UnixTime};
use casemate_trust::{
    Domain,
    statement::{Purpose, Sentence, Signed, Statement, Subject, Topic},
};

const AT: UnixTime = UnixTime(1_795_305_600);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn id(seed: u8) -> Digest {
    key(seed).public().spki_digest()
}

fn trusted(seed: u8, purpose: Purpose) -> Sentence {
    Sentence::Trusted { subject: Subject::Key(id(seed)), purpose }
}

fn signed(seed: u8, sentence: Sentence) -> Signed {
    Signed::sign(&Statement::always("said", sentence), &key(seed).into(), &SystemRandom::new()).unwrap()
}

fn domain(own: Vec<Sentence>, others: Vec<Signed>) -> Domain {
    let own = own.into_iter().map(|sentence| Statement::always("own", sentence)).collect();
    Domain::of("clinic", 0, own, Vec::new(), others).unwrap()
}

fn accepts(domain: &Domain, seed: u8) -> bool {
    domain.accepts_signer(id(seed), AT).unwrap()
}

#[test]
fn what_a_stranger_says_of_signers_shuts_nobody_out() {
    assert!(accepts(&domain(vec![], vec![]), 1), "a domain that names none");
    let signer = || trusted(2, Purpose::Contracts);
    let nested = Sentence::Says { key: id(3), sentence: Box::new(signer()) };
    let stranger = domain(vec![], vec![signed(9, signer()), signed(9, nested)]);
    assert!(!stranger.names_signers().unwrap() && accepts(&stranger, 1));
    // Who may publish something else is a stranger here.
    let other = trusted(9, Purpose::Publishing { topic: Topic::Measurements, depth: 3, limits: None });
    assert!(accepts(&domain(vec![other], vec![signed(9, signer())]), 1));
}

#[test]
fn who_is_believed_about_keys_names_signers_also_in_anothers_name() {
    let publisher = || trusted(9, Purpose::Publishing { topic: Topic::Keys, depth: 0, limits: None });
    let direct = domain(vec![publisher()], vec![signed(9, trusted(2, Purpose::Contracts))]);
    assert!(direct.names_signers().unwrap() && accepts(&direct, 2) && !accepts(&direct, 1));
    // Nested, by a key that speaks for the publisher.
    let nested = Sentence::Says { key: id(9), sentence: Box::new(trusted(2, Purpose::Contracts)) };
    let speaks = Sentence::SpeaksFor { speaker: Subject::Key(id(8)), principal: Subject::Key(id(9)) };
    let relayed = domain(vec![publisher(), speaks], vec![signed(8, nested.clone())]);
    assert!(relayed.names_signers().unwrap() && accepts(&relayed, 2) && !accepts(&relayed, 1));
    assert!(accepts(&domain(vec![publisher()], vec![signed(8, nested)]), 1), "it speaks for nobody");
    let own = domain(vec![trusted(2, Purpose::Contracts)], vec![]);
    assert!(own.names_signers().unwrap() && accepts(&own, 2) && !accepts(&own, 1));
}

#[test]
fn what_is_revoked_or_ended_opens_nothing() {
    let publisher =
        Statement::always("own", trusted(9, Purpose::Publishing { topic: Topic::Keys, depth: 0, limits: None }));
    let revoked = Sentence::Revokes(publisher.digest());
    let said = || signed(9, trusted(2, Purpose::Contracts));
    let stopped = domain(vec![publisher.sentence.clone(), revoked], vec![said()]);
    assert!(stopped.names_signers().unwrap() && !accepts(&stopped, 1) && !accepts(&stopped, 2));
    // The only signer's own statement, by whomever it is revoked; the key that published it; the signer's key.
    let signer = said();
    for revocation in [
        Sentence::Revokes(signer.digest()),
        Sentence::Distrusts(Subject::Key(id(9))),
        Sentence::Distrusts(Subject::Key(id(2))),
    ] {
        let own = vec![publisher.sentence.clone(), revocation.clone()];
        let stopped = domain(own, vec![signer.clone()]);
        assert!(!accepts(&stopped, 1) && !accepts(&stopped, 2), "{revocation}");
        let taken_back = domain(vec![publisher.sentence.clone()], vec![signer.clone(), signed(9, revocation)]);
        assert!(!accepts(&taken_back, 1), "{}", taken_back.to_toml());
    }
    // Ended is not revoked: one that named signers doesn't open again by itself.
    let mut ended = publisher;
    ended.validity.not_after = UnixTime(AT.0 - 1);
    let ended = Domain::of("clinic", 0, vec![ended], Vec::new(), vec![said()]).unwrap();
    assert!(!accepts(&ended, 1) && !accepts(&ended, 2));
}
