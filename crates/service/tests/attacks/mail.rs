//! Mail from strangers, for strangers, and of contracts that must not count.

use casemate_contract::{FullySigned, SignedContract};
use casemate_cose::{Digest, SigningKey};
use casemate_service::{ChannelError, Event, MailError, WAITING_OF_SENDER_MAX, deliver_contract, fetch_contracts};
use casemate_store::Discarded;
use casemate_testkit::NOW;

use crate::{
    keep::{Script, assert_undecided, attest},
    study::{PARTIES, edited, keys, signed, signed_by, stranger, successor, toml},
    world::{Owner, World, distinct},
};

async fn deliver(owner: &Owner, own: &SigningKey, contract: Vec<u8>) -> Result<(), MailError> {
    deliver_contract(&owner.address.to_string(), owner.broker, own, contract).await
}

async fn fetch(owner: &Owner, own: &SigningKey, digest: Option<Digest>) -> Vec<Vec<u8>> {
    fetch_contracts(&owner.address.to_string(), owner.broker, own, "outcomes", digest).await.unwrap()
}

async fn stored(owner: &Owner) -> usize {
    owner.store.contracts().await.unwrap().len()
}

/// The rules by which a delivery was refused. The operator was told the same.
fn rules(owner: &Owner, outcome: Result<(), MailError>) -> Vec<String> {
    let Err(MailError::Channel(ChannelError::Refused(reasons))) = outcome else { panic!("{outcome:?}") };
    let events = owner.events.lock().unwrap();
    let refused = events.iter().rev().find(|event| matches!(event, Event::Refused { .. }));
    let Some(Event::Refused { reasons: told }) = refused else { panic!("{events:?}") };
    assert_eq!(*told, reasons);
    distinct(reasons.iter().map(|reason| reason.rule.as_str())).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_stranger_delivers_nothing() {
    let world = World::new().await;
    let (clinic, bytes) = (world.clinic(), world.contract.signed().to_bytes());
    assert_eq!(rules(clinic, deliver(clinic, &stranger(), bytes.clone()).await), ["mail-sender"]);
    // A party's other keys are strangers too.
    assert_eq!(rules(clinic, deliver(clinic, keys("registry").broker(), bytes).await), ["mail-sender"]);
    let unsigned = signed_by(&toml(), &["clinic"]).to_bytes();
    let outcome = deliver(clinic, keys("researcher").identity(), unsigned).await;
    assert_eq!(rules(clinic, outcome), ["mail-sender"], "a party that has not signed");
    assert_eq!((stored(clinic).await, clinic.store.floor("outcomes").await.unwrap()), (0, None));
}

#[tokio::test]
async fn a_stranger_fetches_nothing() {
    let world = World::new().await;
    let (clinic, digest) = (world.clinic(), world.contract.digest());
    deliver(clinic, keys("registry").identity(), world.contract.signed().to_bytes()).await.unwrap();
    for thief in [&stranger(), keys("eve").identity(), keys("registry").broker(), keys("registry").launcher()] {
        assert_eq!(fetch(clinic, thief, None).await, Vec::<Vec<u8>>::new());
        assert_eq!(fetch(clinic, thief, Some(digest)).await, Vec::<Vec<u8>>::new());
    }
    for party in PARTIES {
        assert_eq!(fetch(clinic, keys(party).identity(), None).await, [world.contract.signed().to_bytes()], "{party}");
    }
    assert_eq!(fetch(clinic, keys("researcher").identity(), Some(Digest::of(b"other"))).await, Vec::<Vec<u8>>::new());
}

#[tokio::test]
async fn a_contract_that_does_not_name_this_owner_by_its_key() {
    let world = World::new().await;
    let clinic = world.clinic();
    let (own, other) = (keys("clinic").public().to_string(), keys("eve").public().to_string());
    let mut foreign = signed_by(&edited(&[(&own, &other)]), &["hospital", "registry", "researcher"]);
    foreign.sign(keys("eve").identity()).unwrap();
    let bytes = FullySigned::check(foreign).unwrap().signed().to_bytes();
    for sender in [keys("eve").identity(), keys("registry").identity()] {
        assert_eq!(rules(clinic, deliver(clinic, sender, bytes.clone()).await), ["mail-owner"]);
    }
    assert_eq!(stored(clinic).await, 0);
}

#[tokio::test]
async fn bytes_that_are_no_contract() {
    let world = World::new().await;
    let clinic = world.clinic();
    let honest = world.contract.signed().to_bytes();
    for bytes in [
        Vec::new(),
        b"contract".to_vec(),
        honest[..honest.len() - 1].to_vec(),
        [honest.as_slice(), &[0]].concat(),
        [&honest[..honest.len() - 1], &[honest[honest.len() - 1] ^ 1]].concat(),
    ] {
        let outcome = deliver(clinic, keys("registry").identity(), bytes).await;
        assert_eq!(rules(clinic, outcome), ["contract-signatures"]);
    }
    assert_eq!(stored(clinic).await, 0);
}

#[tokio::test]
async fn signatures_are_merged_and_never_lost() {
    let world = World::new().await;
    let clinic = world.clinic();
    for party in ["registry", "hospital"] {
        deliver(clinic, keys(party).identity(), signed_by(&toml(), &[party]).to_bytes()).await.unwrap();
    }
    // An older copy takes none away.
    deliver(clinic, keys("registry").identity(), signed_by(&toml(), &["registry"]).to_bytes()).await.unwrap();
    let [held] = fetch(clinic, keys("clinic").identity(), None).await.try_into().unwrap();
    let held = SignedContract::from_bytes(&held).unwrap();
    assert_eq!(held.signed().map(ToString::to_string).collect::<Vec<_>>(), ["hospital", "registry"]);
    assert_eq!(clinic.store.floor("outcomes").await.unwrap(), None, "not everybody has signed");
    deliver(clinic, keys("researcher").identity(), signed_by(&toml(), &["clinic", "researcher"]).to_bytes())
        .await
        .unwrap();
    let [held] = fetch(clinic, keys("clinic").identity(), None).await.try_into().unwrap();
    assert_eq!(FullySigned::from_bytes(&held).unwrap(), world.contract);
    assert_eq!(clinic.store.floor("outcomes").await.unwrap().unwrap().digest, world.contract.digest());
}

#[tokio::test]
async fn a_newer_contract_raises_the_floor_and_no_other_does() {
    let world = World::new().await;
    let (clinic, researcher) = (world.clinic(), keys("researcher"));
    let send = async |contract: Vec<u8>| deliver(clinic, researcher.identity(), contract).await;
    let second = successor(&world.contract);
    let forked = signed(&edited(&[("Compare measurements", "Compare all measurements")]));
    attest(clinic, &Script::honest(&world.contract, 1)).await.unwrap();

    let halfway = signed_by(&second_toml(&world.contract), &["researcher", "clinic"]).to_bytes();
    send(halfway).await.unwrap();
    attest(clinic, &Script::honest(&world.contract, 2)).await.unwrap();

    assert_eq!(rules(clinic, send(forked.signed().to_bytes()).await), ["contract-forked"]);
    let of_the_fork = successor(&forked).signed().to_bytes();
    assert_eq!(rules(clinic, send(of_the_fork).await), ["contract-supersedes"]);
    attest(clinic, &Script::honest(&world.contract, 3)).await.unwrap();

    send(second.signed().to_bytes()).await.unwrap();
    assert_undecided(clinic, &Script::honest(&world.contract, 4), &["contract-superseded"], "the older").await;
    assert_eq!(rules(clinic, send(world.contract.signed().to_bytes()).await), ["contract-superseded"]);
    attest(clinic, &Script::honest(&second, 5)).await.unwrap();
}

/// The study of a stranger: his key stands in the researcher's place, every other key is its true owner's.
fn strangers_study(purpose: &str) -> SignedContract {
    let (own, other) = (keys("researcher").public().to_string(), stranger().public().to_string());
    let toml = edited(&[(&own, &other), ("Compare measurements", purpose)]);
    signed_by(&toml, &[])
}

#[tokio::test]
async fn a_stranger_who_wrote_himself_into_a_contract() {
    let world = World::new().await;
    let clinic = world.clinic();
    let mut contract = strangers_study("Compare measurements");
    contract.sign(&stranger()).unwrap();
    // All keys but his are true ones: anybody knows public keys. None of them has signed.
    assert_eq!(rules(clinic, deliver(clinic, &stranger(), contract.to_bytes()).await), ["mail-unknown"]);
    // The owner's own signature under another contract, or a known party's, is none under this one.
    let honest = world.contract.signed().to_bytes();
    deliver(clinic, keys("registry").identity(), honest).await.unwrap();
    assert_eq!(rules(clinic, deliver(clinic, &stranger(), contract.to_bytes()).await), ["mail-unknown"]);
    assert_eq!(stored(clinic).await, 1);
    assert_eq!(clinic.store.contract(&contract.compiled().digest()).await.unwrap(), None);
}

#[tokio::test]
async fn a_party_that_was_forgotten_is_a_stranger() {
    let world = World::new().await;
    let clinic = world.clinic();
    clinic.store.remove_party("registry").await.unwrap();
    let of_registry = signed_by(&toml(), &["registry"]).to_bytes();
    assert_eq!(rules(clinic, deliver(clinic, keys("registry").identity(), of_registry).await), ["mail-unknown"]);
    assert_eq!(stored(clinic).await, 0);
}

#[tokio::test]
async fn somebody_known_answers_for_a_newcomer() {
    let world = World::new().await;
    let clinic = world.clinic();
    let mut contract = strangers_study("Compare measurements");
    contract.sign(&stranger()).unwrap();
    contract.sign(keys("registry").identity()).unwrap();
    deliver(clinic, &stranger(), contract.to_bytes()).await.unwrap();
    let held = clinic.store.contract(&contract.compiled().digest()).await.unwrap().unwrap();
    assert_eq!(held.sender, Some(keys("registry").public()));
    // What the owner has signed is its own: nobody else need answer for it.
    let mut own = strangers_study("Compare other measurements");
    own.sign(&stranger()).unwrap();
    assert_eq!(rules(clinic, deliver(clinic, &stranger(), own.to_bytes()).await), ["mail-unknown"]);
    own.sign(keys("clinic").identity()).unwrap();
    deliver(clinic, &stranger(), own.to_bytes()).await.unwrap();
    assert_eq!(clinic.store.contract(&own.compiled().digest()).await.unwrap().unwrap().sender, None);
}

#[tokio::test]
async fn a_full_mailbox_refuses_and_drops_nothing() {
    let world = World::new().await;
    let clinic = world.clinic();
    let of = |number: u64, party: &str| {
        let purpose = format!("Number {number}: compare");
        signed_by(&edited(&[("Compare measurements", &purpose)]), &[party]).to_bytes()
    };
    let registry = keys("registry");
    for number in 0..WAITING_OF_SENDER_MAX {
        deliver(clinic, registry.identity(), of(number, "registry")).await.unwrap();
    }
    let all = clinic.store.contracts().await.unwrap();
    for number in [99, 100] {
        let outcome = deliver(clinic, registry.identity(), of(number, "registry")).await;
        assert_eq!(rules(clinic, outcome), ["mail-quota"]);
    }
    // A newcomer is no way around it: the party that signed answers.
    let mut contract = strangers_study("Compare measurements");
    contract.sign(&stranger()).unwrap();
    contract.sign(registry.identity()).unwrap();
    assert_eq!(rules(clinic, deliver(clinic, &stranger(), contract.to_bytes()).await), ["mail-quota"]);
    assert_eq!(clinic.store.contracts().await.unwrap(), all);
    // What is there already takes further signatures, others have room, and room can be made.
    deliver(clinic, registry.identity(), of(0, "registry")).await.unwrap();
    deliver(clinic, keys("researcher").identity(), of(0, "researcher")).await.unwrap();
    deliver(clinic, keys("hospital").identity(), of(200, "hospital")).await.unwrap();
    assert_eq!(clinic.store.discard_mail(&all[0].digest).await.unwrap(), Discarded::Removed);
    deliver(clinic, registry.identity(), of(99, "registry")).await.unwrap();
}

#[tokio::test]
async fn refused_mail_is_not_stored() {
    let world = World::new().await;
    let (clinic, registry) = (world.clinic(), keys("registry"));
    attest(clinic, &Script::honest(&world.contract, 1)).await.unwrap();
    let forked = edited(&[("Compare measurements", "Compare all measurements")]);
    let of_the_fork = second_toml(&signed(&forked));
    let before = clinic.store.contracts().await.unwrap();
    for (toml, rule) in [(&forked, "contract-forked"), (&of_the_fork, "contract-supersedes")] {
        for signers in [&PARTIES[..], &["registry"]] {
            let outcome = deliver(clinic, registry.identity(), signed_by(toml, signers).to_bytes()).await;
            assert_eq!(rules(clinic, outcome), [rule], "signed by {signers:?}");
            assert_eq!(clinic.store.contracts().await.unwrap(), before, "{rule} was stored");
        }
    }
}

#[tokio::test]
async fn a_fetch_of_more_than_a_message_holds() {
    let world = World::new().await;
    let clinic = world.clinic();
    let padding: String = (0..14)
        .map(|number| {
            let sql = format!("SELECT '{}'", "x".repeat(65_000));
            let rest =
                "runners = [\"researcher\"]\nrecipients = [\"researcher\"]\nreads = { stays = [\"patient_id\"] }";
            format!("\n[computations.padding-{number}]\nsql = \"{sql}\"\n{rest}\n")
        })
        .collect();
    let mut digests = Vec::new();
    for number in 0..20 {
        let toml = edited(&[("Compare measurements", &format!("Number {number}"))]) + &padding;
        let contract = signed_by(&toml, &["clinic"]);
        let (digest, bytes) = (contract.compiled().digest(), contract.to_bytes());
        clinic.store.merge_contract(&digest, "outcomes", 1, NOW, |_| Ok::<_, ()>(bytes)).await.unwrap();
        digests.push(digest);
    }
    let researcher = keys("researcher");
    let (address, own) = (clinic.address.to_string(), researcher.identity());
    let all = fetch_contracts(&address, clinic.broker, own, "outcomes", None).await;
    let Err(MailError::Channel(ChannelError::Refused(reasons))) = all else { panic!("{:?}", all.map(|a| a.len())) };
    assert_eq!(reasons[0].rule, "mail-fetch");
    assert_eq!(fetch(clinic, own, Some(digests[7])).await.len(), 1);
}

fn second_toml(first: &FullySigned) -> String {
    edited(&[("sequence = 1", &format!("sequence = 2\nsupersedes = \"{}\"", first.digest()))])
}
