//! Each rule about statements: an honest proof, and the attacks on it. An attack is first shown to succeed where the check
//! that stops it is switched off.

use casemate_trust::{
    proof::{Proof, ProofError, Rule, Step},
    statement::{Purpose, Sentence, Subject, Topic},
};

use crate::{
    reference::{Off, Reference},
    rig::{NOW, Rig, covers, from, id, measurement, publishes, said, signed, speaks, trusted, until},
};

/// With the check off the goal follows; with it on, neither the naive prover nor the product proves it.
#[track_caller]
fn stopped_by(off: Off, rig: &Rig, goal: &Sentence) {
    let statements = rig.statements();
    let naive = |off| {
        let known = Reference { statements: &statements, at: NOW, off }.saturate();
        known.keys().any(|known| covers(known, goal))
    };
    assert!(naive(off), "the attack fails even without the check: {goal}");
    assert!(!naive(Off::Nothing), "the attack succeeds: {goal}");
    assert!(!rig.proves(goal), "the prover proves {goal}");
}

/// A forged proof: accepted where the check is off, refused with this reason.
#[track_caller]
fn refused(off: Off, rig: &Rig, proof: &Proof, why: &str) {
    let statements = rig.statements();
    assert!(Reference { statements: &statements, at: NOW, off }.accepts(proof, NOW), "refused without the check, too");
    assert!(!Reference { statements: &statements, at: NOW, off: Off::Nothing }.accepts(proof, NOW));
    match rig.check(proof) {
        Err(ProofError::Step { why: actual, .. }) => assert_eq!(actual, why),
        other => panic!("{other:?}"),
    }
}

fn proof(steps: Vec<(Rule, Vec<u32>, Sentence)>) -> Proof {
    let steps = steps.into_iter().map(|(rule, premises, conclusion)| Step { rule, premises, conclusion }).collect();
    Proof { at: NOW, steps }
}

fn team() -> Rig {
    Rig::new().root(publishes(1, Topic::Measurements, 0)).says(1, measurement(7))
}

#[test]
fn what_the_root_says_holds() {
    let rig = Rig::new().root(measurement(7));
    assert_eq!(rig.prove(&measurement(7)).unwrap().steps.len(), 1);
    assert!(!rig.proves(&measurement(8)));
}

#[test]
fn a_delegate_is_believed_about_its_topic_and_nothing_else() {
    assert_eq!(team().prove(&measurement(7)).unwrap().steps.len(), 3);
    let rig = Rig::new().root(publishes(1, Topic::Measurements, 0)).says(1, trusted(2, Purpose::Attestation(None)));
    stopped_by(Off::Topic, &rig, &trusted(2, Purpose::Attestation(None)));
    let (may, says) = (rig.root[0].digest(), rig.signed[0].digest());
    let forged = proof(vec![
        (Rule::Domain(may), vec![], publishes(1, Topic::Measurements, 0)),
        (Rule::Signed(says), vec![], said(1, trusted(2, Purpose::Attestation(None)))),
        (Rule::Believe, vec![0, 1], trusted(2, Purpose::Attestation(None))),
    ]);
    refused(Off::Topic, &rig, &forged, "the key may not publish about this");
}

#[test]
fn nobody_is_believed_for_another() {
    let rig = Rig::new().root(publishes(1, Topic::Measurements, 0)).says(2, measurement(7));
    stopped_by(Off::Speaker, &rig, &measurement(7));
    let forged = proof(vec![
        (Rule::Domain(rig.root[0].digest()), vec![], publishes(1, Topic::Measurements, 0)),
        (Rule::Signed(rig.signed[0].digest()), vec![], said(2, measurement(7))),
        (Rule::Believe, vec![0, 1], measurement(7)),
    ]);
    refused(Off::Speaker, &rig, &forged, "another key says it");
}

#[test]
fn a_delegate_hands_on_less_deep() {
    let honest = Rig::new()
        .root(publishes(1, Topic::Measurements, 2))
        .says(1, publishes(2, Topic::Measurements, 1))
        .says(2, publishes(3, Topic::Measurements, 0))
        .says(3, measurement(7));
    assert_eq!(honest.prove(&measurement(7)).unwrap().steps.len(), 7);

    let deeper = honest.clone().says(3, publishes(4, Topic::Measurements, 0)).says(4, measurement(8));
    stopped_by(Off::Depth, &deeper, &measurement(8));
    let as_deep = Rig::new().root(publishes(1, Topic::Measurements, 1)).says(1, publishes(2, Topic::Measurements, 1));
    stopped_by(Off::Depth, &as_deep, &publishes(2, Topic::Measurements, 0));
    let forged = proof(vec![
        (Rule::Domain(as_deep.root[0].digest()), vec![], publishes(1, Topic::Measurements, 1)),
        (Rule::Signed(as_deep.signed[0].digest()), vec![], said(1, publishes(2, Topic::Measurements, 1))),
        (Rule::Believe, vec![0, 1], publishes(2, Topic::Measurements, 1)),
    ]);
    refused(Off::Depth, &as_deep, &forged, "the key may not hand this on so deep");

    let other_topic = Rig::new().root(publishes(1, Topic::Measurements, 5)).says(1, publishes(2, Topic::Keys, 0));
    stopped_by(Off::Topic, &other_topic, &publishes(2, Topic::Keys, 0));
}

#[test]
fn delegations_end_and_begin() {
    let ended = Rig::new().root_in(publishes(1, Topic::Measurements, 0), until(999)).says(1, measurement(7));
    stopped_by(Off::Ends, &ended, &measurement(7));
    let later = Rig::new().root_in(publishes(1, Topic::Measurements, 0), from(1_001)).says(1, measurement(7));
    stopped_by(Off::Begins, &later, &measurement(7));
    let said_before = Rig::new().root(publishes(1, Topic::Measurements, 0)).says_in(1, measurement(7), until(999));
    stopped_by(Off::Ends, &said_before, &measurement(7));
    let said_later = Rig::new().root(publishes(1, Topic::Measurements, 0)).says_in(1, measurement(7), from(1_001));
    stopped_by(Off::Begins, &said_later, &measurement(7));
    let to_the_second =
        Rig::new().root_in(publishes(1, Topic::Measurements, 0), until(1_000)).says_in(1, measurement(7), from(1_000));
    assert!(to_the_second.proves(&measurement(7)));
}

#[test]
fn what_is_handed_on_ends_with_whose_it_was() {
    let rig = Rig::new()
        .root_in(publishes(1, Topic::Measurements, 1), until(999))
        .says(1, publishes(2, Topic::Measurements, 0))
        .says(2, measurement(7));
    stopped_by(Off::Ends, &rig, &measurement(7));
}

#[test]
fn speaking_for_is_transitive() {
    let rig = Rig::new().root(speaks(1, 2)).root(speaks(2, 3)).root(speaks(3, 4));
    assert_eq!(rig.prove(&speaks(1, 4)).unwrap().steps.len(), 5);
    assert!(!rig.proves(&speaks(4, 1)));
    assert!(!rig.proves(&speaks(1, 1)), "only a cycle leads back");
    assert!(rig.root(speaks(4, 1)).proves(&speaks(1, 1)));
}

#[test]
fn who_speaks_inherits_but_not_the_other_way() {
    let rig = Rig::new().root(speaks(1, 2)).root(trusted(2, Purpose::Contracts));
    assert_eq!(rig.prove(&trusted(1, Purpose::Contracts)).unwrap().steps.len(), 3);
    assert!(!rig.proves(&trusted(1, Purpose::Attestation(None))));
    let other_way = Rig::new().root(speaks(1, 2)).root(trusted(1, Purpose::Contracts));
    assert!(!other_way.proves(&trusted(2, Purpose::Contracts)));
    let forged = proof(vec![
        (Rule::Domain(other_way.root[0].digest()), vec![], speaks(1, 2)),
        (Rule::Domain(other_way.root[1].digest()), vec![], trusted(1, Purpose::Contracts)),
        (Rule::Inherit, vec![0, 1], trusted(2, Purpose::Contracts)),
    ]);
    refused(Off::Conclusion, &other_way, &forged, "another is trusted");
}

/// A key that may say who speaks for whom would otherwise hand itself, or anybody, every right there is.
#[test]
fn rights_to_publish_pass_by_the_roots_word_only() {
    let rig = Rig::new()
        .root(publishes(1, Topic::Keys, 0))
        .root(publishes(2, Topic::Measurements, 0))
        .says(1, speaks(3, 2))
        .says(1, speaks(4, 1))
        .says(3, measurement(7))
        .says(4, trusted(5, Purpose::Attestation(None)));
    stopped_by(Off::ByRoot, &rig, &measurement(7));
    stopped_by(Off::ByRoot, &rig, &publishes(3, Topic::Measurements, 0));
    stopped_by(Off::ByRoot, &rig, &trusted(5, Purpose::Attestation(None)));
    let forged = proof(vec![
        (Rule::Domain(rig.root[0].digest()), vec![], publishes(1, Topic::Keys, 0)),
        (Rule::Signed(rig.signed[0].digest()), vec![], said(1, speaks(3, 2))),
        (Rule::Believe, vec![0, 1], speaks(3, 2)),
        (Rule::Domain(rig.root[1].digest()), vec![], publishes(2, Topic::Measurements, 0)),
        (Rule::Inherit, vec![2, 3], publishes(3, Topic::Measurements, 0)),
    ]);
    refused(Off::ByRoot, &rig, &forged, "a right to publish passes by the root's word only");
    // What the key could have said outright, it may say so, too.
    let rig = rig.root(trusted(2, Purpose::Attestation(None)));
    assert!(rig.proves(&trusted(3, Purpose::Attestation(None))));
    let by_root = Rig::new().root(publishes(2, Topic::Measurements, 0)).root(speaks(3, 2)).says(3, measurement(7));
    assert!(by_root.proves(&measurement(7)));
}

#[test]
fn nested_words_are_heard_along_who_speaks_for_whom() {
    let rig = Rig::new().root(publishes(2, Topic::Measurements, 0)).says(1, said(2, measurement(7)));
    stopped_by(
        Off::Nesting,
        &rig.clone().root(publishes(1, Topic::Keys, 0)).root(publishes(1, Topic::Measurements, 0)),
        &measurement(7),
    );
    assert!(!rig.proves(&measurement(7)), "anybody can claim that another said something");
    let heard = rig.clone().root(speaks(1, 2));
    assert_eq!(heard.prove(&measurement(7)).unwrap().steps.len(), 5);
    assert!(heard.proves(&said(2, measurement(7))));
    assert!(heard.proves(&said(1, said(2, measurement(7)))));
    assert!(heard.proves(&said(2, said(2, measurement(7)))));
    assert!(!heard.proves(&said(1, measurement(7))));
    let others_word = rig.root(publishes(3, Topic::Keys, 0)).says(3, speaks(1, 2));
    stopped_by(Off::ByRoot, &others_word, &measurement(7));
    let forged = proof(vec![
        (Rule::Domain(others_word.root[1].digest()), vec![], publishes(3, Topic::Keys, 0)),
        (Rule::Signed(others_word.signed[1].digest()), vec![], said(3, speaks(1, 2))),
        (Rule::Believe, vec![0, 1], speaks(1, 2)),
        (Rule::Signed(others_word.signed[0].digest()), vec![], said(1, said(2, measurement(7)))),
        (Rule::Relay, vec![2, 3], said(2, measurement(7))),
    ]);
    refused(Off::ByRoot, &others_word, &forged, "only the root says whose words are relayed");
}

#[test]
fn nested_words_go_over_several_keys() {
    let rig = Rig::new()
        .root(publishes(4, Topic::Measurements, 0))
        .root(speaks(1, 2))
        .root(speaks(2, 3))
        .root(speaks(3, 4))
        .says(1, said(3, said(4, measurement(7))));
    // Two statements of speaking and their transit, the third, the leaf, two relays, the right, belief.
    assert_eq!(rig.prove(&measurement(7)).unwrap().steps.len(), 9);
    let backwards = Rig::new()
        .root(publishes(4, Topic::Measurements, 0))
        .root(speaks(1, 4))
        .root(speaks(4, 3))
        .says(1, said(3, said(4, measurement(7))));
    assert!(!backwards.proves(&measurement(7)));
}

/// The root's own key is named nowhere as trusted, so nobody inherits from it.
#[test]
fn nobody_speaks_for_the_root() {
    let rig = Rig::new()
        .root(publishes(1, Topic::Keys, 3))
        .says(1, Sentence::SpeaksFor { speaker: Subject::Key(id(1)), principal: Subject::Domain(id(9)) })
        .says(1, speaks(1, 9))
        .says(1, measurement(7))
        .says(9, measurement(7));
    assert!(!rig.proves(&measurement(7)));
}

#[test]
fn a_domain_is_its_key() {
    let domain = Subject::Domain(id(1));
    let purpose = Purpose::Publishing { topic: Topic::Measurements, depth: 0, limits: None };
    let rig = Rig::new().root(Sentence::Trusted { subject: domain.clone(), purpose }).says(1, measurement(7));
    assert_eq!(rig.prove(&measurement(7)).unwrap().steps.len(), 5);
    let other =
        proof(vec![(Rule::Policy, vec![], Sentence::SpeaksFor { speaker: Subject::Key(id(2)), principal: domain })]);
    assert!(matches!(
        rig.check(&other),
        Err(ProofError::Step { why: "only its own key speaks for a domain of itself", .. })
    ));
}

#[test]
fn a_statement_of_a_key_is_not_the_roots() {
    let rig = Rig::new().says(1, measurement(7));
    let digest = rig.signed[0].digest();
    for (rule, conclusion) in [
        (Rule::Domain(digest), measurement(7)),
        (Rule::Domain(digest), said(1, measurement(7))),
        (Rule::Signed(digest), measurement(7)),
        (Rule::Signed(digest), said(2, measurement(7))),
        (Rule::Signed(digest), said(1, measurement(8))),
    ] {
        assert!(matches!(rig.check(&proof(vec![(rule, vec![], conclusion)])), Err(ProofError::Step { step: 0, .. })));
    }
    rig.check(&proof(vec![(Rule::Signed(digest), vec![], said(1, measurement(7)))])).unwrap();
}

#[test]
fn the_same_statement_of_two_keys_is_two_statements() {
    let (left, right) = (signed(1, measurement(7), until(2_000)), signed(2, measurement(7), until(2_000)));
    assert_ne!(left.digest(), right.digest());
    let rig = Rig::new().root_in(measurement(7), until(2_000));
    assert_ne!(rig.root[0].digest(), left.digest());
}
