//! Every mutation of a valid proof is refused. Those that one check alone stops are shown to pass with that check off.

use casemate_cose::{Digest, UnixTime, encode};
use casemate_trust::{
    proof::{Facts, Proof, ProofError, Rule, STEPS_MAX, Standing, State, Step, check},
    statement::{Kind, Purpose, Sentence, Topic},
};

use crate::{
    evidence::{bound, honest},
    reference::{Off, Reference},
    rig::{NOW, Rig, kinds as limits, measurement, publishes_within, said, speaks, trusted, until},
};

/// A domain whose proofs use every rule about statements, and one of them.
fn statements() -> (Rig, Proof) {
    let rig = Rig::new()
        .root(publishes_within(3, Topic::Measurements, 2, limits(&[Kind::Snp, Kind::Software])))
        .root(speaks(1, 2))
        .root(speaks(2, 3))
        .says(1, said(3, publishes_within(4, Topic::Measurements, 1, limits(&[Kind::Software]))))
        .says(4, publishes_within(5, Topic::Measurements, 0, limits(&[Kind::Software])))
        .root(speaks(6, 5))
        .says(6, measurement(7));
    let proof = rig.prove(&measurement(7)).unwrap();
    for rule in [Rule::Believe, Rule::Relay, Rule::Inherit, Rule::Transit] {
        assert!(proof.steps.iter().any(|step| step.rule == rule), "{rule:?}");
    }
    (rig, proof)
}

/// Every proof that differs from this one in one place.
fn mutations(proof: &Proof) -> Vec<(&'static str, Proof)> {
    let mut mutations = Vec::new();
    let mut mutate = |what, change: &dyn Fn(&mut Proof)| {
        let mut mutant = proof.clone();
        change(&mut mutant);
        if mutant != *proof {
            mutations.push((what, mutant));
        }
    };
    let rules = |rule: Rule| {
        let digest = if let Rule::Domain(digest) | Rule::Signed(digest) = rule { digest } else { Digest::of(b"") };
        [Rule::Domain(digest), Rule::Signed(digest)].into_iter().chain(Rule::WITHOUT_DIGEST)
    };
    let len = proof.steps.len();
    mutate("another time", &|proof| proof.at = UnixTime(proof.at.0 + 1));
    for step in 0..len {
        mutate("a step dropped", &|proof| drop(proof.steps.remove(step)));
        mutate("a step dropped, the rest renumbered", &|proof| renumbered(proof, step));
        mutate("a step twice", &|proof| proof.steps.push(proof.steps[step].clone()));
        mutate("a step twice, in front", &|proof| proof.steps.insert(0, proof.steps[step].clone()));
        mutate("a premise less", &|proof| {
            proof.steps[step].premises.pop();
        });
        mutate("premises turned", &|proof| proof.steps[step].premises.reverse());
        mutate("another sentence", &|proof| proof.steps[step].conclusion = speaks(1, 6));
        mutate("the evidence trusted", &|proof| proof.steps[step].conclusion = Sentence::EvidenceTrusted);
        for other in 0..len {
            mutate("two steps swapped", &|proof| proof.steps.swap(step, other));
            mutate("conclusions swapped", &|proof| {
                let (left, right) = (proof.steps[step].conclusion.clone(), proof.steps[other].conclusion.clone());
                (proof.steps[step].conclusion, proof.steps[other].conclusion) = (right, left);
            });
            mutate("a conclusion copied", &|proof| {
                proof.steps[step].conclusion = proof.steps[other].conclusion.clone();
            });
            mutate("a rule copied", &|proof| proof.steps[step].rule = proof.steps[other].rule);
            mutate("a premise more", &|proof| proof.steps[step].premises.push(other as u32));
            for premise in 0..proof.steps[step].premises.len() {
                mutate("another premise", &|proof| proof.steps[step].premises[premise] = other as u32);
            }
        }
        for rule in rules(proof.steps[step].rule) {
            mutate("another rule", &|proof| proof.steps[step].rule = rule);
        }
        for premise in [len as u32, u32::MAX] {
            mutate("a premise that is not there", &|proof| {
                if let Some(first) = proof.steps[step].premises.first_mut() {
                    *first = premise;
                }
            });
        }
    }
    mutations
}

/// Drops a step and renumbers what came after; what rested on it rests on the next.
fn renumbered(proof: &mut Proof, dropped: usize) {
    proof.steps.remove(dropped);
    for premise in proof.steps.iter_mut().flat_map(|step| &mut step.premises) {
        if *premise as usize > dropped {
            *premise -= 1;
        }
    }
}

#[test]
fn every_mutation_of_a_proof_about_statements_is_refused() {
    let (rig, proof) = statements();
    let standing = Standing::of(&rig.statements(), NOW).unwrap();
    check(&proof, &standing, Facts::NONE, NOW).unwrap();
    let mutations = mutations(&proof);
    assert!(mutations.len() > 1_000);
    for (what, mutant) in mutations {
        assert!(check(&mutant, &standing, Facts::NONE, NOW).is_err(), "{what}: {mutant:#?}");
    }
}

#[test]
fn every_mutation_of_a_proof_about_evidence_is_refused() {
    let (rig, components, proof) = honest();
    let standing = Standing::of(&rig.statements(), NOW).unwrap();
    let facts = Facts { components: &components, key: Some(bound()) };
    check(&proof, &standing, facts, NOW).unwrap();
    let mutations = mutations(&proof);
    assert!(mutations.len() > 1_000);
    for (what, mutant) in mutations {
        assert!(check(&mutant, &standing, facts, NOW).is_err(), "{what}: {mutant:#?}");
    }
}

/// Mutations that exactly one check stops: with it off they pass.
#[test]
fn each_check_of_the_checker_is_needed() {
    let (rig, proof) = statements();
    let statements = rig.statements();
    let standing = Standing::of(&statements, NOW).unwrap();
    let last = proof.steps.len() - 1;
    let passes = |off, mutant: &Proof, expected: &dyn Fn(&ProofError) -> bool| {
        let accepts = |off| Reference { statements: &statements, at: NOW, off }.accepts(mutant, NOW);
        assert!(accepts(off), "{off:?}: refused although the check is off");
        assert!(!accepts(Off::Nothing));
        let error = check(mutant, &standing, Facts::NONE, NOW).unwrap_err();
        assert!(expected(&error), "{error}");
    };

    let mut other_time = proof.clone();
    other_time.at = UnixTime(999);
    passes(Off::Time, &other_time, &|error| matches!(error, ProofError::Time { .. }));

    let leaf = Step {
        rule: Rule::Signed(rig.signed[1].digest()),
        premises: vec![],
        conclusion: said(4, publishes_within(5, Topic::Measurements, 0, limits(&[Kind::Software]))),
    };
    let goal = Step { rule: Rule::Domain(rig.root[1].digest()), premises: vec![], conclusion: speaks(1, 2) };
    let unused = Proof { at: NOW, steps: vec![leaf, goal] };
    passes(Off::Unused, &unused, &|error| *error == ProofError::Unused { step: 0 });

    // The copy is used, too: half of what rests on the first rests on it.
    let cycle = Rig::new().root(speaks(1, 2)).root(speaks(2, 1));
    let there = Step { rule: Rule::Domain(cycle.root[0].digest()), premises: vec![], conclusion: speaks(1, 2) };
    let back = Step { rule: Rule::Domain(cycle.root[1].digest()), premises: vec![], conclusion: speaks(2, 1) };
    let round = Step { rule: Rule::Transit, premises: vec![0, 1], conclusion: speaks(1, 1) };
    let on = Step { rule: Rule::Transit, premises: vec![2, 3], conclusion: speaks(1, 2) };
    let twice = Proof { at: NOW, steps: vec![there.clone(), back, round, there, on] };
    let held = cycle.statements();
    assert!(Reference { statements: &held, at: NOW, off: Off::Twice }.accepts(&twice, NOW));
    assert!(matches!(cycle.check(&twice), Err(ProofError::Step { step: 3, why: "it is there twice", .. })));

    let mut conclusion = proof.clone();
    conclusion.steps[last].conclusion = measurement(8);
    passes(Off::Conclusion, &conclusion, &|error| {
        matches!(error, ProofError::Step { why: "the key says something else", .. })
    });

    // Two steps that each rest on the other: trust out of nothing.
    let circular = Proof {
        at: NOW,
        steps: vec![
            Step { rule: Rule::Transit, premises: vec![1, 0], conclusion: speaks(5, 5) },
            Step { rule: Rule::Transit, premises: vec![0, 1], conclusion: speaks(5, 5) },
        ],
    };
    let empty = Rig::new();
    let held = empty.statements();
    assert!(Reference { statements: &held, at: NOW, off: Off::Earlier }.accepts(&circular, NOW));
    assert!(matches!(
        empty.check(&circular),
        Err(ProofError::Step { step: 0, why: "a premise is no earlier step", .. })
    ));
}

#[test]
fn an_expired_statement_that_says_the_same_does_not_do() {
    let (rig, proof) = statements();
    let rig = rig.root_in(speaks(6, 5), until(999));
    let (standing, expired) = (rig.root[3].digest(), rig.root[4].digest());
    let mut mutant = proof;
    let step = mutant.steps.iter_mut().find(|step| step.rule == Rule::Domain(standing)).unwrap();
    step.rule = Rule::Domain(expired);
    let statements = rig.statements();
    assert!(Reference { statements: &statements, at: NOW, off: Off::Ends }.accepts(&mutant, NOW));
    assert!(matches!(
        rig.check(&mutant),
        Err(ProofError::Statement { digest, state: State::Expired, .. }) if digest == expired
    ));
}

#[test]
fn a_proof_counts_under_its_own_domain_only() {
    let (_, proof) = statements();
    let other = Rig::new().root(trusted(1, Purpose::Attestation(None)));
    assert!(matches!(other.check(&proof), Err(ProofError::Statement { state: State::Unknown, .. })));
}

#[test]
fn no_steps_and_too_many_are_refused() {
    let rig = Rig::new();
    assert_eq!(rig.check(&Proof { at: NOW, steps: vec![] }), Err(ProofError::Empty));
    let step = Step { rule: Rule::Policy, premises: vec![], conclusion: speaks(1, 1) };
    let long = Proof { at: NOW, steps: vec![step; STEPS_MAX + 1] };
    assert!(matches!(rig.check(&long), Err(ProofError::TooMany { what: "steps", .. })));
}

#[test]
fn proofs_round_trip_and_every_other_encoding_is_refused() {
    let (_, proof) = statements();
    let bytes = proof.to_bytes();
    assert_eq!(Proof::from_bytes(&bytes).unwrap(), proof);
    assert_eq!(proof.digest(), Digest::of(&encode(&proof)));
    for length in 0..bytes.len() {
        assert!(Proof::from_bytes(&bytes[..length]).is_err());
    }
    assert!(Proof::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
}

/// A bit of the encoding: either no proof, or one that is refused, or the same.
#[test]
fn every_flipped_bit_is_refused() {
    let (rig, proof) = statements();
    let standing = Standing::of(&rig.statements(), NOW).unwrap();
    let bytes = proof.to_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(mutant) = Proof::from_bytes(&flipped) {
            assert!(check(&mutant, &standing, Facts::NONE, NOW).is_err(), "bit {bit}");
        }
    }
}
