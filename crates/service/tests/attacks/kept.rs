//! Evidence that a broker judged is there to be judged again: by its own domain with the same outcome, and before anybody had an answer.

use casemate_cose::Digest;
use casemate_evidence::{Binding, Bound, Evidence, Role, authenticate};
use casemate_store::Judged;
use casemate_trust::{Domain, Verdict, appraise, proof::Proof, shows};

use crate::{
    durable::sql,
    keep::{Script, assert_undecided, attest, attest_all, decisions, finish, rules},
    study::{OWNERS, stranger},
    world::{Owner, World, die_at, die_no_more, domain},
};

fn session(kept: &Judged) -> Bound {
    Bound::new(Binding {
        role: Role::Keep,
        nonce: kept.nonce,
        manifest: kept.manifest,
        exporter: kept.exporter,
        own_key: kept.keep_key,
        peer_key: kept.own_key,
    })
}

/// Judges what was kept again, with nothing but what was kept.
async fn again(owner: &Owner, kept: &Judged, domain: &Domain) -> Result<Vec<u8>, Vec<String>> {
    let evidence = Evidence::from_bytes(&kept.evidence).unwrap();
    assert_eq!(evidence.digest(), kept.digest, "{}", owner.name);
    let authentic = authenticate(&evidence, &domain.endorsements(), &session(kept), kept.at).unwrap();
    match appraise(authentic, domain, kept.at) {
        Verdict::Accepted(accepted) => Ok(accepted.proof().to_bytes()),
        Verdict::Denied(reasons) => Err(reasons.iter().map(|reason| reason.reason().rule).collect()),
    }
}

#[tokio::test]
async fn what_was_accepted_is_proved_again_from_what_was_kept() {
    let world = World::new().await;
    let script = Script::honest(&world.contract, 1);
    let (record, _) = finish(&world, &script).await;
    for (owner, name) in world.owners.iter().zip(OWNERS) {
        let [kept] = owner.store.judged().await.unwrap().try_into().unwrap();
        assert_eq!(kept.evidence, record.broker(&name.parse().unwrap()).unwrap().evidence);
        assert_eq!((kept.run, kept.contract), (*script.run.as_bytes(), world.contract.digest()));
        let bytes = owner.store.compiled_domain(&kept.domain).await.unwrap().unwrap();
        let domain = Domain::from_bytes(&bytes).unwrap();
        assert_eq!(domain.digest(), kept.domain);
        assert_eq!(again(owner, &kept, &domain).await.unwrap(), kept.proof.clone().unwrap());
        let evidence = Evidence::from_bytes(&kept.evidence).unwrap();
        let authentic = authenticate(&evidence, &domain.endorsements(), &session(&kept), kept.at).unwrap();
        let proof = Proof::from_bytes(kept.proof.as_ref().unwrap()).unwrap();
        shows(&proof, &authentic, &domain, kept.at).unwrap();
        // It is of that session: with another nonce, exporter value or key, it is not even authentic.
        for other in [
            Judged { nonce: [0; 32], ..kept.clone() },
            Judged { exporter: [0; 32], ..kept.clone() },
            Judged { keep_key: Digest::of(b""), ..kept.clone() },
        ] {
            assert!(authenticate(&evidence, &domain.endorsements(), &session(&other), kept.at).is_err());
        }
    }
}

#[tokio::test]
async fn what_was_denied_is_kept_and_what_nobody_vouches_for_is_not() {
    let world = World::new().await;
    let clinic = world.clinic();
    let unknown = Script { launcher: stranger(), ..Script::honest(&world.contract, 1) };
    assert_undecided(clinic, &unknown, &["software-launcher"], "an unknown launcher").await;
    assert_eq!(clinic.store.judged().await.unwrap(), [], "anybody could fill the store");
    let denied = Script { state: |s| s.runtime = Digest::of(b"older"), ..Script::honest(&world.contract, 2) };
    assert_undecided(clinic, &denied, &["domain-runtime"], "an older runtime").await;
    let [kept] = clinic.store.judged().await.unwrap().try_into().unwrap();
    assert_eq!((&kept.proof, kept.run), (&None, [2; 16]));
    assert_eq!(again(clinic, &kept, &domain("clinic")).await.unwrap_err(), ["domain-runtime"]);
    // A domain that names that runtime would have accepted it.
    let runtime = Digest::of(b"older").to_string();
    let text = domain("clinic").to_toml() + &format!("\n[[runtime]]\nname = \"older\"\ndigest = \"{runtime}\"\n");
    again(clinic, &kept, &Domain::parse(&text).unwrap()).await.unwrap();
}

#[tokio::test]
async fn no_decision_rests_on_evidence_that_is_not_kept() {
    let world = World::new().await;
    let clinic = world.clinic();
    let broken = "CREATE TRIGGER broken BEFORE INSERT ON judged BEGIN SELECT RAISE(ABORT, 'broken'); END";
    sql(clinic, broken).await;
    assert_undecided(clinic, &Script::honest(&world.contract, 1), &["broker-store"], "accepted, not kept").await;
    assert!(clinic.store.run(&[1; 16]).await.unwrap().is_none(), "nothing was decided");
    let denied = Script { state: |s| s.runtime = Digest::of(b"older"), ..Script::honest(&world.contract, 2) };
    assert_undecided(clinic, &denied, &["domain-runtime", "broker-store"], "denied, not kept").await;
    sql(clinic, "DROP TRIGGER broken").await;
    finish(&world, &Script::honest(&world.contract, 1)).await;
}

#[tokio::test]
async fn killed_at_any_point_whoever_has_an_answer_has_its_evidence_kept() {
    let world = World::new().await;
    let (mut deaths, mut answers) = (0, 0);
    for run in 1..50 {
        die_at(deaths);
        let script = Script::honest(&world.contract, run);
        if let Ok(agreed) = attest(world.clinic(), &script).await {
            answers += 1;
            let kept = world.clinic().store.judged_of(script.run.as_bytes()).await.unwrap();
            assert!(kept.iter().any(|kept| kept.evidence == agreed.evidence() && kept.proof.is_some()), "{deaths}");
        }
        if die_no_more() {
            break;
        }
        deaths += 1;
    }
    assert!(deaths >= 2 && answers >= 1, "{deaths} deaths, {answers} answers");
}

#[tokio::test]
async fn evidence_that_is_shown_again_is_kept_once() {
    let world = World::new().await;
    let script = Script::honest(&world.contract, 1);
    let mut agreed = attest_all(&world, &script).await.unwrap();
    let (all, shown) = (decisions(&agreed), agreed[0].evidence());
    // A thief shows it in a session of his own.
    let thief = Script { forge: Box::new(move |_| shown.clone()), ..Script::honest(&world.contract, 1) };
    assert_eq!(rules(attest(world.clinic(), &thief).await, "shown again"), ["evidence-binding"]);
    assert_eq!(world.clinic().store.judged().await.unwrap().len(), 1);
    agreed.remove(0).release(&all).await.unwrap();
}
