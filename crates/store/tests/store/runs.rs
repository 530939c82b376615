//! What a broker commits to for a run, in which order, and once.

use casemate_cose::Digest;
use casemate_ledger::{Event, ReceiptBody};
use casemate_store::{DatasetVersion, RunState, RunTerms, Store};
use casemate_testkit::{Folder, NOW};

use crate::fixture::{LogKey, check, decided, message, permit, refusal, release, revocation, terms, visits};

#[tokio::test]
async fn release_then_permit_each_with_its_receipt() {
    let folder = Folder::new("runs");
    let (store, log) = (Store::open(folder.path()).await.unwrap(), LogKey::new(1));
    decided(&store, 1).await;
    let released = store.commit_release(&release(1), &[1; 32], &log.signer()).await.unwrap();
    check(&store, &log, released.receipt()).await;
    assert_eq!(store.run(&[1; 16]).await.unwrap().unwrap().state, RunState::Released);
    let permitted = store.commit_permit(&permit(1), &[2; 32], &log.signer()).await.unwrap();
    check(&store, &log, permitted.receipt()).await;
    let run = store.run(&[1; 16]).await.unwrap().unwrap();
    assert_eq!((run.state, &run.terms), (RunState::Permitted, &terms(1)));
    assert_eq!(store.receipts_of(&[1; 16]).await.unwrap(), [released.receipt().clone(), permitted.receipt().clone()]);
    assert_eq!(store.runs().await.unwrap(), [run]);
}

#[tokio::test]
async fn repeating_a_step_returns_its_first_receipt() {
    let folder = Folder::new("runs");
    let (store, log) = (Store::open(folder.path()).await.unwrap(), LogKey::new(1));
    decided(&store, 1).await;
    assert_eq!(store.decide(&terms(1)).await.unwrap(), RunState::Decided);
    let first = store.commit_release(&release(1), &[1; 32], &log.signer()).await.unwrap();
    let later = ReceiptBody { at: NOW.plus_s(60), ..release(1) };
    assert_eq!(store.commit_release(&later, &[2; 32], &log.signer()).await.unwrap(), first);
    assert_eq!(store.decide(&terms(1)).await.unwrap(), RunState::Released);
    let first = store.commit_permit(&permit(1), &[3; 32], &log.signer()).await.unwrap();
    assert_eq!(store.commit_permit(&permit(1), &[4; 32], &log.signer()).await.unwrap(), first);
    let first = store.commit_refusal(&refusal(2, "stranger"), &[5; 32], &log.signer()).await.unwrap();
    assert_eq!(store.commit_refusal(&refusal(2, "stranger"), &[6; 32], &log.signer()).await.unwrap(), first);
    let first = store.commit_revocation("visits", &revocation(), &[7; 32], &log.signer()).await.unwrap();
    assert_eq!(store.commit_revocation("visits", &revocation(), &[8; 32], &log.signer()).await.unwrap(), first);
    assert_eq!(store.receipts().await.unwrap().len(), 4, "nothing is doubled");
}

#[tokio::test]
async fn a_run_id_stands_for_one_session() {
    let folder = Folder::new("runs");
    let store = Store::open(folder.path()).await.unwrap();
    decided(&store, 1).await;
    let digest = Digest::of(b"another");
    for (field, other) in [
        ("contract", RunTerms { contract: digest, ..terms(1) }),
        ("study", RunTerms { study: "other".into(), ..terms(1) }),
        ("sequence", RunTerms { sequence: 4, ..terms(1) }),
        ("manifest", RunTerms { manifest: digest, ..terms(1) }),
        ("keep key", RunTerms { keep_key: digest, ..terms(1) }),
        ("evidence", RunTerms { evidence: digest, ..terms(1) }),
        ("datasets", RunTerms { datasets: vec![], ..terms(1) }),
    ] {
        let refused = message(store.decide(&other).await);
        assert_eq!(refused, format!("run {} was decided on already, with another `{field}`", "01".repeat(16)));
    }
}

#[tokio::test]
async fn a_receipt_that_differs_from_the_decision_is_refused() {
    let folder = Folder::new("runs");
    let (store, log) = (Store::open(folder.path()).await.unwrap(), LogKey::new(1));
    decided(&store, 1).await;
    let digest = Some(Digest::of(b"another"));
    for (field, body) in [
        ("contract", ReceiptBody { contract: digest, ..release(1) }),
        ("study", ReceiptBody { study: Some("other".into()), ..release(1) }),
        ("manifest", ReceiptBody { manifest: digest, ..release(1) }),
        ("keep key", ReceiptBody { keep_key: digest, ..release(1) }),
        ("evidence", ReceiptBody { evidence: digest, ..release(1) }),
        ("datasets", ReceiptBody { datasets: vec!["visits".into(), "labs".into()], ..release(1) }),
    ] {
        let refused = message(store.commit_release(&body, &[1; 32], &log.signer()).await);
        assert!(refused.ends_with(&format!("with another `{field}`")), "{refused}");
    }
    assert!(store.receipts().await.unwrap().is_empty());
}

#[tokio::test]
async fn steps_out_of_order_are_refused() {
    let folder = Folder::new("runs");
    let (store, log) = (Store::open(folder.path()).await.unwrap(), LogKey::new(1));
    let signer = log.signer();
    let unknown = message(store.commit_release(&release(1), &[1; 32], &signer).await);
    assert!(unknown.ends_with("was never decided on here"), "{unknown}");
    decided(&store, 1).await;
    let early = message(store.commit_permit(&permit(1), &[1; 32], &signer).await);
    assert!(early.ends_with("is decided, so no permit can follow"), "{early}");
    let swapped = message(store.commit_release(&permit(1), &[1; 32], &signer).await);
    assert_eq!(swapped, "the receipt of a permit was offered for a release");

    store.commit_release(&release(1), &[1; 32], &signer).await.unwrap();
    let other = ReceiptBody { isolation: Some("snp".into()), ..release(1) };
    let other = message(store.commit_release(&other, &[1; 32], &signer).await);
    assert!(other.ends_with("has a release already, with another content"), "{other}");
    store.commit_permit(&permit(1), &[1; 32], &signer).await.unwrap();
    let second = ReceiptBody { result: Some(Digest::of(b"a second result")), ..permit(1) };
    let second = message(store.commit_permit(&second, &[1; 32], &signer).await);
    assert!(second.ends_with("has a permit already, with another content"), "{second}");
    let late = message(store.commit_refusal(&refusal(1, "too late"), &[1; 32], &signer).await);
    assert!(late.ends_with("is permitted, so no refusal can follow"), "{late}");
    assert!(message(store.commit_release(&release(1), &[1; 32], &signer).await).contains("is permitted"));
    assert!(message(store.decide(&terms(1)).await).contains("is permitted"));
    assert_eq!(store.receipts().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_refused_run_stays_refused() {
    let folder = Folder::new("runs");
    let (store, log) = (Store::open(folder.path()).await.unwrap(), LogKey::new(1));
    decided(&store, 1).await;
    store.commit_release(&release(1), &[1; 32], &log.signer()).await.unwrap();
    let first = store.commit_refusal(&refusal(1, "a gate"), &[2; 32], &log.signer()).await.unwrap();
    assert_eq!(store.commit_refusal(&refusal(1, "a gate"), &[3; 32], &log.signer()).await.unwrap(), first);
    let other = message(store.commit_refusal(&refusal(1, "another"), &[3; 32], &log.signer()).await);
    assert!(other.ends_with("has a refusal already, with another content"), "{other}");
    assert!(message(store.commit_permit(&permit(1), &[3; 32], &log.signer()).await).contains("is refused"));
    assert!(message(store.commit_release(&release(1), &[3; 32], &log.signer()).await).contains("is refused"));
    assert!(message(store.decide(&terms(1)).await).contains("is refused"));
}

#[tokio::test]
async fn a_refusal_from_before_the_decision_does_not_stand_for_a_later_one() {
    let folder = Folder::new("runs");
    let (store, log) = (Store::open(folder.path()).await.unwrap(), LogKey::new(1));
    let before = store.commit_refusal(&refusal(1, "not yet"), &[1; 32], &log.signer()).await.unwrap();
    decided(&store, 1).await;
    let after = store.commit_refusal(&refusal(1, "not yet"), &[2; 32], &log.signer()).await.unwrap();
    assert_ne!(before, after);
    assert_eq!(store.run(&[1; 16]).await.unwrap().unwrap().state, RunState::Refused);
}

#[tokio::test]
async fn a_stranger_who_names_a_run_does_not_end_it() {
    let folder = Folder::new("runs");
    let (store, log) = (Store::open(folder.path()).await.unwrap(), LogKey::new(1));
    decided(&store, 1).await;
    // Evidence of this run replayed in a session of the attacker's: refused, logged, and the run goes on.
    let replay = ReceiptBody { keep_key: Some(Digest::of(b"the attacker's key")), ..refusal(1, "replayed evidence") };
    let receipt = store.commit_refusal(&replay, &[1; 32], &log.signer()).await.unwrap();
    check(&store, &log, &receipt).await;
    assert_eq!(store.run(&[1; 16]).await.unwrap().unwrap().state, RunState::Decided);
    // Of this very keep, in another session of its own: refused by what it said there, and the run goes on too.
    let other_session = ReceiptBody { evidence: Some(Digest::of(b"other evidence")), ..refusal(1, "another session") };
    store.commit_refusal(&other_session, &[1; 32], &log.signer()).await.unwrap();
    assert_eq!(store.run(&[1; 16]).await.unwrap().unwrap().state, RunState::Decided);
    // Of this very keep with this very evidence, replayed: a claim ends nothing, whatever it repeats.
    store.commit_refused_claim(&refusal(1, "replayed"), &[1; 32], &log.signer()).await.unwrap();
    assert_eq!(store.run(&[1; 16]).await.unwrap().unwrap().state, RunState::Decided);
    store.commit_release(&release(1), &[2; 32], &log.signer()).await.unwrap();
    assert_eq!(store.receipts().await.unwrap().len(), 4, "each has its receipt");
    // The session's own refusal ends it.
    store.commit_refusal(&refusal(1, "a gate"), &[3; 32], &log.signer()).await.unwrap();
    assert_eq!(store.run(&[1; 16]).await.unwrap().unwrap().state, RunState::Refused);
}

#[tokio::test]
async fn a_run_has_one_end() {
    let folder = Folder::new("runs");
    let (store, log) = (Store::open(folder.path()).await.unwrap(), LogKey::new(1));
    let end = |run, why: &str| ReceiptBody { event: Event::End, ..refusal(run, why) };
    assert!(
        message(store.commit_end(&end(1, "gone"), &[1; 32], &log.signer()).await)
            .ends_with("was never decided on here")
    );
    for run in 1..=4 {
        decided(&store, run).await;
    }
    store.commit_release(&release(2), &[1; 32], &log.signer()).await.unwrap();
    for run in [1, 2] {
        let stranger = ReceiptBody { keep_key: Some(Digest::of(b"the attacker's key")), ..end(run, "gone") };
        assert!(
            message(store.commit_end(&stranger, &[2; 32], &log.signer()).await).ends_with("with another `keep key`")
        );
        let receipt = store.commit_end(&end(run, "gone"), &[2; 32], &log.signer()).await.unwrap().unwrap();
        check(&store, &log, &receipt).await;
        assert_eq!(store.run(&[run; 16]).await.unwrap().unwrap().state, RunState::Refused);
        assert_eq!(store.commit_end(&end(run, "gone again"), &[3; 32], &log.signer()).await.unwrap(), None);
        assert!(message(store.commit_release(&release(run), &[3; 32], &log.signer()).await).contains("is refused"));
    }
    // Permitted or refused, a run has ended.
    store.commit_release(&release(3), &[1; 32], &log.signer()).await.unwrap();
    store.commit_permit(&permit(3), &[1; 32], &log.signer()).await.unwrap();
    store.commit_refusal(&refusal(4, "a gate"), &[1; 32], &log.signer()).await.unwrap();
    let before = store.receipts().await.unwrap().len();
    for run in [3, 4] {
        assert_eq!(store.commit_end(&end(run, "gone"), &[3; 32], &log.signer()).await.unwrap(), None);
    }
    assert_eq!(store.receipts().await.unwrap().len(), before);
}

#[tokio::test]
async fn revocation_stops_decisions_releases_and_permits() {
    let folder = Folder::new("runs");
    let (store, log) = (Store::open(folder.path()).await.unwrap(), LogKey::new(1));
    decided(&store, 1).await;
    decided(&store, 2).await;
    store.commit_release(&release(2), &[1; 32], &log.signer()).await.unwrap();
    store.put_dataset(&visits(2)).await.unwrap();
    store.commit_revocation("visits", &revocation(), &[2; 32], &log.signer()).await.unwrap();
    let revoked = "the dataset `visits` was revoked at 2026-11-22T01:54:56Z";
    assert_eq!(message(store.commit_release(&release(1), &[3; 32], &log.signer()).await), revoked, "before release");
    assert_eq!(message(store.commit_permit(&permit(2), &[3; 32], &log.signer()).await), revoked, "before the permit");
    assert_eq!(message(store.commit_release(&release(2), &[3; 32], &log.signer()).await), revoked, "released again");
    assert_eq!(message(store.decide(&terms(3)).await), revoked, "superseded versions too");
    assert!(store.dataset("visits").await.unwrap().unwrap().revoked_at.is_some());
    // Sealing anew is a new version, with a revocation of its own.
    store.put_dataset(&visits(3)).await.unwrap();
    let fresh = RunTerms { datasets: vec![visits(3).version], ..terms(3) };
    store.decide(&fresh).await.unwrap();
    store.commit_revocation("visits", &revocation(), &[4; 32], &log.signer()).await.unwrap();
    assert_eq!(message(store.commit_release(&release(3), &[5; 32], &log.signer()).await), revoked);
    assert_eq!(store.receipts().await.unwrap().len(), 3);
    let none = store.commit_revocation("labs", &revocation(), &[5; 32], &log.signer()).await;
    assert_eq!(message(none), "there is no dataset `labs` here");
}

#[tokio::test]
async fn an_older_contract_is_refused_at_every_step() {
    let folder = Folder::new("runs");
    let (store, log) = (Store::open(folder.path()).await.unwrap(), LogKey::new(1));
    decided(&store, 1).await;
    decided(&store, 2).await;
    store.commit_release(&release(2), &[1; 32], &log.signer()).await.unwrap();
    store.raise_floor("survival", 4, &Digest::of(b"contract 4")).await.unwrap();
    let older = "the contract of `survival` has sequence 3, and sequence 4 was accepted already";
    assert_eq!(message(store.decide(&terms(3)).await), older);
    assert_eq!(message(store.commit_release(&release(1), &[2; 32], &log.signer()).await), older);
    assert_eq!(message(store.commit_permit(&permit(2), &[2; 32], &log.signer()).await), older);
    assert_eq!(store.run(&[3; 16]).await.unwrap(), None);
}

#[tokio::test]
async fn a_dataset_that_is_not_here_is_refused() {
    let folder = Folder::new("runs");
    let store = Store::open(folder.path()).await.unwrap();
    decided(&store, 1).await;
    let swapped = DatasetVersion { id: [9; 16], ..visits(1).version };
    let refused = store.decide(&RunTerms { datasets: vec![swapped], ..terms(2) }).await;
    assert!(message(refused).starts_with("there is no dataset"));
    assert_eq!(store.run(&[2; 16]).await.unwrap(), None);
}
