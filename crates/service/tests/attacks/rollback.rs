//! A broker's domain never goes back: whoever can write the owner's files puts yesterday's there, takes away or changes what is signed.

use std::fs;

use casemate_cose::{Digest, SigningKey};
use casemate_service::Event;
use casemate_trust::{
    Domain,
    domain::{Launcher, Runtime},
};

use crate::{
    durable::sql,
    keep::{Script, assert_undecided, attest, attest_all, decisions, finish, reasons, rules},
    study::{RUNTIME, keys, stranger},
    world::{Owner, World, die_at, die_no_more, domain},
};

/// The clinic's domain under this sequence number. It believes the researcher's host.
fn of(sequence: u64) -> String {
    domain("clinic").to_toml().replacen("[domain]\n", &format!("[domain]\nsequence = {sequence}\n"), 1)
}

/// The same with another launcher in place of the researcher's: the old one has leaked.
fn without_the_leaked_key(sequence: u64) -> String {
    let leaked = keys("researcher").launcher().public().to_string();
    let text = of(sequence).replace(&leaked, &stranger().public().to_string());
    assert_ne!(text, of(sequence));
    text
}

fn with_floor(sequence: u64, version: u64) -> String {
    of(sequence) + &format!("\n[[floor]]\nrelease = \"casemate\"\nversion = {version}\n")
}

fn signed(text: &str, key: &SigningKey) -> Vec<u8> {
    Domain::parse(text).unwrap().sign(key)
}

/// Writes `domain.toml` and what the owner's identity signed of it.
fn sign(owner: &Owner, text: &str) {
    owner.write_domain(text);
    owner.folder.write("domain.signed", signed(text, keys("clinic").identity())).unwrap();
}

fn remove(owner: &Owner, file: &str) {
    fs::remove_file(owner.folder.join(file)).unwrap();
}

async fn restarted(world: &mut World) {
    let clinic = world.owners.remove(0).restarted().await;
    world.owners.insert(0, clinic);
}

#[tokio::test]
async fn yesterdays_domain_put_back_is_refused() {
    let mut world = World::new().await;
    world.clinic().write_domain(&of(1));
    finish(&world, &Script::honest(&world.contract, 1)).await;
    // The launcher's key leaks, and the owner takes it out.
    world.clinic().write_domain(&without_the_leaked_key(2));
    assert_undecided(world.clinic(), &Script::honest(&world.contract, 2), &["software-launcher"], "taken out").await;
    world.clinic().write_domain(&of(1));
    assert_undecided(world.clinic(), &Script::honest(&world.contract, 3), &["domain-rollback"], "put back").await;
    restarted(&mut world).await;
    assert_undecided(world.clinic(), &Script::honest(&world.contract, 4), &["domain-rollback"], "after a restart")
        .await;
}

#[tokio::test]
async fn yesterdays_signed_domain_put_back_is_refused() {
    let mut world = World::new().await;
    sign(world.clinic(), &of(1));
    finish(&world, &Script::honest(&world.contract, 1)).await;
    sign(world.clinic(), &without_the_leaked_key(2));
    assert_undecided(world.clinic(), &Script::honest(&world.contract, 2), &["software-launcher"], "taken out").await;
    sign(world.clinic(), &of(1));
    assert_undecided(world.clinic(), &Script::honest(&world.contract, 3), &["domain-rollback"], "put back").await;
    restarted(&mut world).await;
    assert_undecided(world.clinic(), &Script::honest(&world.contract, 4), &["domain-rollback"], "after a restart")
        .await;
    sign(world.clinic(), &of(3));
    finish(&world, &Script::honest(&world.contract, 5)).await;
}

#[tokio::test]
async fn what_is_signed_is_never_taken_back() {
    let world = World::new().await;
    let clinic = world.clinic();
    sign(clinic, &with_floor(4, 2));
    attest(clinic, &Script::honest(&world.contract, 1)).await.unwrap();
    for (run, (crime, text)) in (2..).zip([
        ("a_lower_sequence", with_floor(3, 2)),
        ("the_same_sequence_with_other_content", with_floor(4, 3)),
        ("a_lower_floor", with_floor(5, 1)),
        ("no_floor", of(5)),
        ("a_floor_of_later", with_floor(5, 2) + "from = 2027-01-01\n"),
    ]) {
        sign(clinic, &text);
        assert_undecided(clinic, &Script::honest(&world.contract, run), &["domain-rollback"], crime).await;
    }
    // The same again, and more.
    for (run, text) in (100..).zip([with_floor(4, 2), with_floor(5, 2), with_floor(6, 3)]) {
        sign(clinic, &text);
        attest(clinic, &Script::honest(&world.contract, run)).await.unwrap();
    }
    finish(&world, &Script::honest(&world.contract, 200)).await;
}

#[tokio::test]
async fn what_a_signed_domain_drops_its_owner_dropped_on_purpose() {
    let world = World::new().await;
    let clinic = world.clinic();
    let program = Script::honest(&world.contract, 1).program;
    sign(clinic, &(of(1) + &format!("\n[[program]]\nname = \"survival\"\ndigest = \"{program}\"\n")));
    attest(clinic, &Script::honest(&world.contract, 1)).await.unwrap();
    sign(clinic, &of(2));
    attest(clinic, &Script::honest(&world.contract, 2)).await.unwrap();
    // Whatever `domain sign --drop` lets go: revocations of things and of statements, all signers.
    let key = stranger().public();
    for (run, entry) in (1_u8..).zip([
        format!("[[revoke]]\nname = \"r\"\nkey = \"{}\"\n", key.spki_digest()),
        format!("[[revoke]]\nname = \"r\"\nprogram = \"{}\"\n", Digest::of(b"another")),
        format!("[[revoke]]\nname = \"r\"\nstatement = \"{}\"\n", Digest::of(b"another")),
        format!("[[signer]]\nname = \"s\"\nkey = \"{key}\"\n"),
    ]) {
        let (with, without) = (of(u64::from(2 * run + 1)) + "\n" + &entry, of(u64::from(2 * run + 2)));
        sign(clinic, &with);
        let _refused_for_want_of_a_signer = attest(clinic, &Script::honest(&world.contract, 2 * run + 1)).await;
        let (old, new) = (Domain::parse(&with).unwrap(), Domain::parse(&without).unwrap());
        assert!(new.supersedes(&old).is_err(), "{entry}");
        sign(clinic, &without);
        attest(clinic, &Script::honest(&world.contract, 2 * run + 2)).await.unwrap();
    }
}

#[tokio::test]
async fn a_broker_that_saw_a_signed_domain_goes_by_no_other() {
    let mut world = World::new().await;
    sign(world.clinic(), &of(1));
    attest(world.clinic(), &Script::honest(&world.contract, 1)).await.unwrap();
    remove(world.clinic(), "domain.signed");
    for (run, text) in (2..).zip([of(1), of(9)]) {
        world.clinic().write_domain(&text);
        let crime = "domain.signed is taken away";
        assert_undecided(world.clinic(), &Script::honest(&world.contract, run), &["domain-signed-missing"], crime)
            .await;
    }
    restarted(&mut world).await;
    assert_undecided(world.clinic(), &Script::honest(&world.contract, 4), &["domain-signed-missing"], "restarted")
        .await;
    let signatures = [
        ("another_key", signed(&of(1), &stranger())),
        ("the_owners_broker", signed(&of(1), keys("clinic").broker())),
        ("no_signature", Domain::parse(&of(1)).unwrap().to_bytes()),
        ("nothing", Vec::new()),
    ];
    world.clinic().write_domain(&of(1));
    for (run, (crime, bytes)) in (10..).zip(signatures) {
        world.clinic().folder.write("domain.signed", bytes).unwrap();
        assert_undecided(world.clinic(), &Script::honest(&world.contract, run), &["domain-signature"], crime).await;
    }
    // Signed by this owner, but a domain of another's.
    let others = Domain::parse(&domain("registry").to_toml()).unwrap().sign(keys("clinic").identity());
    remove(world.clinic(), "domain.toml");
    world.clinic().folder.write("domain.signed", others).unwrap();
    assert_undecided(world.clinic(), &Script::honest(&world.contract, 20), &["domain"], "another owner's").await;
    // The signed domain alone is enough.
    sign(world.clinic(), &of(1));
    remove(world.clinic(), "domain.toml");
    finish(&world, &Script::honest(&world.contract, 200)).await;
}

#[tokio::test]
async fn an_edit_that_nobody_signed_shuts_the_broker() {
    let world = World::new().await;
    let clinic = world.clinic();
    sign(clinic, &of(1));
    attest(clinic, &Script::honest(&world.contract, 1)).await.unwrap();
    // The owner takes the leaked key out and forgets to sign: the key does not count on. Nor does one that somebody puts in.
    for (run, (crime, text)) in (2..).zip([
        ("a_key_taken_out", without_the_leaked_key(2)),
        ("a_key_put_in", of(1).replace("name = \"host\"", "name = \"my host\"")),
        ("no_domain", "[domain".to_owned()),
    ]) {
        clinic.write_domain(&text);
        assert_undecided(clinic, &Script::honest(&world.contract, run), &["domain-unsigned"], crime).await;
    }
    let [reason] = reasons(attest(clinic, &Script::honest(&world.contract, 9)).await, "told").try_into().unwrap();
    assert!(reason.remedy.contains("`casemate domain sign`"), "{reason}");
    assert!(
        !reason.to_string().contains("sha256") && !reason.to_string().contains('/'),
        "no file of the owner's: {reason}"
    );
    // In other words, the same.
    clinic.write_domain(&format!("# signed\n{}", of(1)));
    finish(&world, &Script::honest(&world.contract, 200)).await;
}

#[tokio::test]
async fn an_edit_between_decision_and_release_shuts_it_too() {
    let world = World::new().await;
    sign(world.clinic(), &of(1));
    let script = Script::honest(&world.contract, 1);
    let mut agreed = attest_all(&world, &script).await.unwrap();
    let all = decisions(&agreed);
    world.clinic().write_domain(&without_the_leaked_key(2));
    assert_eq!(rules(agreed.remove(0).release(&all).await, "unsigned"), ["domain-unsigned"]);
    sign(world.clinic(), &of(2));
    assert_undecided(world.clinic(), &Script::honest(&world.contract, 1), &["run-reused"], "its run is over").await;
    finish(&world, &Script::honest(&world.contract, 2)).await;
}

/// Without a signature the mark is of the number alone: edits under one number count as ever.
#[tokio::test]
async fn an_unsigned_domain_keeps_its_number() {
    let world = World::new().await;
    let clinic = world.clinic();
    clinic.write_domain(&of(5));
    attest(clinic, &Script::honest(&world.contract, 1)).await.unwrap();
    let runtime = Runtime { name: "another".into(), digest: Digest::of(b"another") };
    let both = vec![Runtime { name: "casemate".into(), digest: Digest::of(RUNTIME) }, runtime];
    let launcher = Launcher { name: "host".into(), key: keys("researcher").launcher().public() };
    let process = domain("clinic").process();
    let edited = Domain::new("clinic", vec![launcher], both, process).unwrap().to_toml();
    clinic.write_domain(&edited.replacen("[domain]\n", "[domain]\nsequence = 5\n", 1));
    attest(clinic, &Script::honest(&world.contract, 2)).await.unwrap();
    for (run, text) in (3..).zip([of(4), edited]) {
        clinic.write_domain(&text);
        let crime = "a lower number, or none";
        assert_undecided(clinic, &Script::honest(&world.contract, run), &["domain-rollback"], crime).await;
    }
    // Whoever wrote a number far too high has not shut out the owner: what is signed begins anew.
    clinic.write_domain(&of(1 << 40));
    attest(clinic, &Script::honest(&world.contract, 10)).await.unwrap();
    sign(clinic, &of(6));
    finish(&world, &Script::honest(&world.contract, 200)).await;
}

#[tokio::test]
async fn nothing_is_decided_under_a_domain_that_the_store_does_not_remember() {
    let mut world = World::new().await;
    sign(world.clinic(), &of(1));
    attest(world.clinic(), &Script::honest(&world.contract, 1)).await.unwrap();
    let mark = world.clinic().store.domain_mark().await.unwrap();
    sign(world.clinic(), &without_the_leaked_key(2));
    sql(world.clinic(), "CREATE TRIGGER no_mark BEFORE INSERT ON domain_mark BEGIN SELECT RAISE(ABORT, 'broken'); END")
        .await;
    assert_undecided(world.clinic(), &Script::honest(&world.contract, 2), &["broker-store"], "not remembered").await;
    assert_eq!(world.clinic().store.domain_mark().await.unwrap(), mark);
    sql(world.clinic(), "DROP TRIGGER no_mark").await;
    // It dies when it has remembered the new one, and has told nobody: the old one is over all the same.
    die_at(2);
    assert!(attest(world.clinic(), &Script::honest(&world.contract, 3)).await.is_err());
    assert!(!die_no_more());
    restarted(&mut world).await;
    sign(world.clinic(), &of(1));
    assert_undecided(world.clinic(), &Script::honest(&world.contract, 4), &["domain-rollback"], "after the death")
        .await;
}

#[tokio::test]
async fn the_operator_is_told_which_domain_is_in_force_and_why_none_is() {
    let world = World::new().await;
    let clinic = world.clinic();
    let told = || {
        let events = clinic.events.lock().unwrap();
        let of_domain = events.iter().filter_map(|event| match event {
            Event::Domain { sequence, seal, .. } => Some(format!("{sequence} {seal:?}")),
            Event::NoDomain { reason, detail } => Some(format!("{}: {detail}", reason.rule)),
            _ => None,
        });
        of_domain.collect::<Vec<_>>()
    };
    for run in 1..=3 {
        attest(clinic, &Script::honest(&world.contract, run)).await.unwrap();
    }
    assert_eq!(told(), ["0 Plain"], "once");
    sign(clinic, &of(7));
    attest(clinic, &Script::honest(&world.contract, 4)).await.unwrap();
    sign(clinic, &of(6));
    for run in [5, 6] {
        assert!(attest(clinic, &Script::honest(&world.contract, run)).await.is_err());
    }
    let rollback = "domain-rollback: its sequence number is 6, and 7 was in force";
    assert_eq!(told(), ["0 Plain", "7 Signed", rollback]);
    clinic.write_domain(&of(7));
    assert!(attest(clinic, &Script::honest(&world.contract, 7)).await.is_err());
    let last = told().pop().unwrap();
    assert!(last.starts_with("domain-unsigned: `") && last.contains("sequence 7, sha256:"), "{last}");
}
