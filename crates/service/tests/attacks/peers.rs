//! Crimes at the decisions that the keep collects: nobody releases alone, and no decision passes for another.

use casemate_contract::{DecisionStatement, GateOutcome, PermitStatement};
use casemate_cose::{Digest, Kind, SigningKey, encode, sign};
use casemate_ledger::Event;

use crate::{
    keep::{Script, attest, attest_all, decisions, finish, release_all, rules},
    study::{broker_key, keys, stranger},
    world::{World, now, set_clock},
};

/// What a crime has at hand: the honest decisions of clinic, hospital and registry, and other things that were signed.
struct Hand {
    all: Vec<Vec<u8>>,
    challenge: Vec<u8>,
    evidence: Vec<u8>,
    permit: Vec<u8>,
    receipt: Vec<u8>,
    earlier: Vec<u8>,
}

impl Hand {
    /// All decisions, the registry's altered and signed again by its broker: a broker that decided on something else.
    fn altered(&self, alter: impl Fn(&mut DecisionStatement)) -> Vec<Vec<u8>> {
        let key = broker_key("registry");
        let mut decision = DecisionStatement::verify(&self.all[2], &key.public()).unwrap();
        alter(&mut decision);
        self.with(decision.sign(&key))
    }

    /// All decisions, the registry's replaced.
    fn with(&self, other: Vec<u8>) -> Vec<Vec<u8>> {
        vec![self.all[0].clone(), self.all[1].clone(), other]
    }

    /// The registry's decision, word for word, under another kind or key.
    fn resigned(&self, kind: Kind, key: &SigningKey) -> Vec<Vec<u8>> {
        let decision = DecisionStatement::verify(&self.all[2], &broker_key("registry").public()).unwrap();
        self.with(sign(kind, &encode(&decision), key))
    }
}

type Crime = (&'static str, fn(&Hand) -> Vec<Vec<u8>>, &'static [&'static str]);

/// Shows the clinic what each crime makes of the decisions. Each is a run of its own, decided by all.
async fn refused(crimes: &[Crime]) {
    let world = World::new().await;
    let (bundle, _) = finish(&world, &Script::honest(&world.contract, 250)).await;
    let past = &bundle.brokers[2];
    for (run, (crime, commit, expected)) in (1..).zip(crimes) {
        let script = Script::honest(&world.contract, run);
        let agreed = attest_all(&world, &script).await.unwrap();
        let hand = Hand {
            all: decisions(&agreed),
            challenge: agreed[2].challenge(),
            evidence: agreed[2].evidence(),
            permit: past.permit.clone(),
            receipt: past.release_receipt.clone(),
            earlier: past.decision.clone(),
        };
        let clinic = agreed.into_iter().next().unwrap();
        assert_eq!(rules(clinic.release(&commit(&hand)).await, crime), *expected, "{crime}");
        world.clinic().assert_refusal(expected, crime).await;
        assert_eq!(world.clinic().logged(Event::Release, *script.run.as_bytes()).await, 0, "{crime}: a key left");
        // Refused once, refused for good: the honest decisions come too late, in whatever session.
        assert_eq!(rules(attest(world.clinic(), &script).await, crime), ["run-reused"], "{crime}");
    }
    release_all(&world, &Script::honest(&world.contract, 200)).await.unwrap();
}

#[tokio::test]
async fn every_owner_decides_and_each_once() {
    refused(&[
        ("one_missing", |h| h.all[..2].to_vec(), &["peer-missing"]),
        ("all_others_missing", |h| h.all[..1].to_vec(), &["peer-missing"]),
        ("its_own_missing", |h| h.all[1..].to_vec(), &["peer-missing"]),
        ("none", |_| Vec::new(), &["peer-missing"]),
        ("one_doubled", |h| [h.all.clone(), vec![h.all[2].clone()]].concat(), &["peer-repeated"]),
        ("one_doubled_for_another", |h| h.with(h.all[1].clone()), &["peer-repeated", "peer-missing"]),
        (
            "a_stranger_besides",
            |h| [h.all.clone(), vec![sign(Kind::Decision, b"yes", &stranger())]].concat(),
            &["peer-stranger"],
        ),
        ("a_stranger_instead", |h| h.resigned(Kind::Decision, &stranger()), &["peer-stranger", "peer-missing"]),
        (
            "the_owners_identity_for_its_broker",
            |h| h.resigned(Kind::Decision, keys("registry").identity()),
            &["peer-stranger", "peer-missing"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_decision_is_about_this_run_contract_manifest_and_keep() {
    refused(&[
        ("another_run", |h| h.altered(|d| d.run = casemate_contract::RunId::from_bytes([0; 16])), &["peer-differs"]),
        ("another_contract", |h| h.altered(|d| d.contract = Digest::of(b"other")), &["peer-differs"]),
        ("another_manifest", |h| h.altered(|d| d.manifest = Digest::of(b"other")), &["peer-differs"]),
        ("another_keep", |h| h.altered(|d| d.keep_key = Digest::of(b"other")), &["peer-differs"]),
        ("another_owner", |h| h.altered(|d| d.owner = "hospital".parse().unwrap()), &["peer-differs"]),
        ("of_the_run_before", |h| h.with(h.earlier.clone()), &["peer-differs"]),
        ("clock_601_s_behind", |h| h.altered(|d| d.at.0 -= 601), &["peer-clock"]),
        ("clock_601_s_ahead", |h| h.altered(|d| d.at.0 += 601), &["peer-clock"]),
        ("clock_at_the_end_of_time", |h| h.altered(|d| d.at.0 = u64::MAX), &["peer-clock"]),
        ("expired", |h| h.altered(|d| d.expires.0 = now().0 - 601), &["peer-expired"]),
    ])
    .await;
}

#[tokio::test]
async fn nothing_else_that_was_signed_is_a_decision() {
    let missing: &[&str] = &["peer-readable", "peer-missing"];
    refused(&[
        ("the_brokers_challenge", |h| h.with(h.challenge.clone()), missing),
        ("the_brokers_permit_of_an_earlier_run", |h| h.with(h.permit.clone()), missing),
        ("the_brokers_receipt", |h| h.with(h.receipt.clone()), missing),
        ("a_decision_signed_as_a_permit", |h| h.resigned(Kind::Permit, &broker_key("registry")), missing),
        ("a_decision_signed_as_a_challenge", |h| h.resigned(Kind::Challenge, &broker_key("registry")), missing),
        ("the_launchers_evidence", |h| h.with(h.evidence.clone()), missing),
        ("a_permit_signed_as_a_decision", |h| h.with(mislabelled_permit(&h.permit)), missing),
        (
            "signature_flipped",
            |h| {
                let mut flipped = h.all[2].clone();
                *flipped.last_mut().unwrap() ^= 1;
                h.with(flipped)
            },
            missing,
        ),
        ("no_object", |h| h.with(b"yes".to_vec()), missing),
        ("an_empty_object", |h| h.with(Vec::new()), missing),
    ])
    .await;
}

/// A permit's words under a decision's kind.
fn mislabelled_permit(permit: &[u8]) -> Vec<u8> {
    let key = broker_key("registry");
    let permit = PermitStatement::verify(permit, &key.public()).unwrap();
    assert!(permit.gates.iter().all(|GateOutcome { passed, .. }| *passed));
    sign(Kind::Decision, &encode(&permit), &key)
}

#[tokio::test]
async fn clocks_600_s_apart_are_good_enough() {
    let world = World::new().await;
    for (run, alter) in [(1, (|d| d.at.0 += 600) as fn(&mut DecisionStatement)), (2, |d| d.expires.0 = now().0 - 600)] {
        let agreed = attest_all(&world, &Script::honest(&world.contract, run)).await.unwrap();
        let mut all = decisions(&agreed);
        let key = broker_key("registry");
        let mut decision = DecisionStatement::verify(&all[2], &key.public()).unwrap();
        alter(&mut decision);
        all[2] = decision.sign(&key);
        let keyed = agreed.into_iter().next().unwrap().release(&all).await.unwrap();
        assert_eq!(keyed.keys.len(), 1);
    }
}

#[tokio::test]
async fn one_of_three_refusing_after_two_agreed_leaves_no_key_anywhere() {
    let world = World::new().await;
    let (script, registry) = (Script::honest(&world.contract, 1), &world.owners[2]);
    std::fs::remove_file(registry.folder.join("domain.toml")).unwrap();
    let clinic = attest(world.clinic(), &script).await.unwrap();
    let hospital = attest(&world.owners[1], &script).await.unwrap();
    assert_eq!(rules(attest(registry, &script).await, "the third"), ["domain"]);
    let two = [clinic.decision(), hospital.decision()];
    for (owner, agreed) in world.owners.iter().zip([clinic, hospital]) {
        assert_eq!(rules(agreed.release(&two).await, owner.name), ["peer-missing"]);
        owner.assert_refusal(&["peer-missing"], owner.name).await;
    }
    for owner in &world.owners {
        assert_eq!(owner.logged(Event::Release, *script.run.as_bytes()).await, 0, "{}", owner.name);
    }
}

#[tokio::test]
async fn a_verdict_counts_for_300_s() {
    let world = World::new().await;
    let start = now().0;
    for (run, later, refused) in [(1, 300, None), (2, 301, Some(["verdict-expired"]))] {
        set_clock(start);
        let agreed = attest_all(&world, &Script::honest(&world.contract, run)).await.unwrap();
        let all = decisions(&agreed);
        set_clock(start + later);
        let released = agreed.into_iter().next().unwrap().release(&all).await;
        match refused {
            None => assert_eq!(released.unwrap().keys.len(), 1),
            Some(expected) => {
                assert_eq!(rules(released, "late"), expected);
                world.clinic().assert_refusal(&expected, "late").await;
            }
        }
    }
}
