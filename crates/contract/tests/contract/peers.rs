//! No owner acts alone: the decisions of all, for this run, now.

use casemate_contract::{DecisionStatement, DenyReason, FullySigned, PEER_CLOCK_MAX_S, RunId, check_peers};
use casemate_cose::{Digest, Kind, UnixTime, sign};

use crate::study::{AT, allow, broker_of, keep_key, key, manifest_of, signed};

fn decision(contract: &FullySigned, owner: &str) -> DecisionStatement {
    allow(contract, owner).statement().clone()
}

fn check(decisions: &[Vec<u8>], at: UnixTime) -> Vec<&'static str> {
    let contract = signed();
    let checked = check_peers(decisions, &contract, &manifest_of(&contract), keep_key(), at);
    match checked {
        Ok(all) => {
            assert_eq!(all.decisions().len(), 2);
            Vec::new()
        }
        Err(reasons) => reasons.iter().map(DenyReason::rule).collect(),
    }
}

fn honest() -> [Vec<u8>; 2] {
    let contract = signed();
    ["clinic", "registry"].map(|owner| decision(&contract, owner).sign(&broker_of(owner)))
}

#[test]
fn all_decided() {
    assert!(check(&honest(), AT).is_empty());
    let [a, b] = honest();
    assert!(check(&[b, a], AT).is_empty());
}

#[test]
fn refuses_each_false_decision() {
    type Commit = fn(&mut DecisionStatement);
    let crimes: [(&str, &str, Commit); 7] = [
        ("another_run", "peer-differs", |d| d.run = RunId::from_bytes([8; 16])),
        ("another_contract", "peer-differs", |d| d.contract = Digest::of(b"other")),
        ("another_manifest", "peer-differs", |d| d.manifest = Digest::of(b"other")),
        ("another_keep", "peer-differs", |d| d.keep_key = key(66).public().spki_digest()),
        ("in_another's_name", "peer-differs", |d| d.owner = "clinic".parse().unwrap()),
        ("too_early", "peer-clock", |d| d.at = UnixTime(AT.0 - PEER_CLOCK_MAX_S - 1)),
        ("too_late", "peer-clock", |d| d.at = AT.plus_s(PEER_CLOCK_MAX_S + 1)),
    ];
    let contract = signed();
    for (crime, rule, commit) in crimes {
        let mut statement = decision(&contract, "registry");
        commit(&mut statement);
        let object = statement.sign(&broker_of("registry"));
        assert!(
            DecisionStatement::verify(&object, &broker_of("registry").public()).is_ok(),
            "a signature alone passes"
        );
        assert_eq!(check(&[honest()[0].clone(), object], AT), [rule], "{crime}");
    }
}

#[test]
fn refuses_each_false_set() {
    let [a, b] = honest();
    let contract = signed();
    let stranger = decision(&contract, "registry").sign(&key(66));
    let by_the_party = decision(&contract, "registry").sign(&key(2));
    let as_permit = sign(Kind::Permit, &decision(&contract, "registry").to_bytes(), &broker_of("registry"));
    let mut altered = b.clone();
    *altered.last_mut().unwrap() ^= 1;
    type Crime = (&'static str, Vec<Vec<u8>>, &'static [&'static str]);
    let crimes: [Crime; 9] = [
        ("none", vec![], &["peer-missing", "peer-missing"]),
        ("one_dropped", vec![a.clone()], &["peer-missing"]),
        ("one_repeated_for_the_other", vec![a.clone(), a.clone()], &["peer-repeated", "peer-missing"]),
        ("one_twice", vec![a.clone(), b.clone(), b.clone()], &["peer-repeated"]),
        ("a_stranger", vec![a.clone(), stranger], &["peer-stranger", "peer-missing"]),
        ("the_party_not_its_broker", vec![a.clone(), by_the_party], &["peer-stranger", "peer-missing"]),
        ("a_permit", vec![a.clone(), as_permit], &["peer-readable", "peer-missing"]),
        ("altered", vec![a.clone(), altered], &["peer-readable", "peer-missing"]),
        ("no_object", vec![a, b"yes".to_vec()], &["peer-readable", "peer-missing"]),
    ];
    for (crime, decisions, expected) in crimes {
        assert_eq!(check(&decisions, AT), expected, "{crime}");
    }
}

#[test]
fn refuses_decisions_that_no_longer_count() {
    let contract = signed();
    let mut short = decision(&contract, "registry");
    short.expires = UnixTime(AT.0 - PEER_CLOCK_MAX_S - 1);
    assert_eq!(check(&[honest()[0].clone(), short.sign(&broker_of("registry"))], AT), ["peer-expired"]);
    assert_eq!(check(&honest(), AT.plus_s(PEER_CLOCK_MAX_S + 1)), ["peer-clock", "peer-clock"]);
}
