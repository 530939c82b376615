//! Who is known, and what others bring: each refusal leaves nothing.

use casemate_cose::{Digest, PublicKey};
use casemate_store::{
    Discarded, Floor, FloorError, KnownParty, Mail, MailQuota, MergeError, Merged, PartyError, QuotaError, Store,
    StoreError,
};
use casemate_testkit::{Folder, NOW, key};

const QUOTA: MailQuota = MailQuota { of_sender_max: 2, contracts_max: 3, bytes_max: 40 };

fn party(name: &str, seed: u8) -> KnownParty {
    let public = |seed: u8| key(seed).public();
    KnownParty {
        name: name.into(),
        key: public(seed),
        broker: Some(public(seed + 1)),
        launcher: None,
        recipient: Some("age1…".into()),
        added_at: NOW,
    }
}

async fn open(name: &str) -> (Folder, Store) {
    let folder = Folder::new(name);
    let store = Store::open(folder.path()).await.unwrap();
    (folder, store)
}

async fn bring(store: &Store, number: u8, sender: Option<PublicKey>, bytes: usize) -> Result<(), MergeError<()>> {
    let digest = Digest::of(&[number]);
    let mail = Mail { digest: &digest, study: "survival", sequence: 1, sender, at: NOW };
    let merge = |_: Option<&[u8]>, _: Option<Floor>| Ok(Merged { bytes: vec![number; bytes], is_complete: false });
    store.take_mail(&mail, &QUOTA, merge).await.map(drop)
}

fn refused(outcome: Result<(), MergeError<()>>) -> QuotaError {
    match outcome {
        Err(MergeError::Store(StoreError::Quota(error))) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_name_and_a_key_belong_together() {
    let (_folder, store) = open("parties").await;
    store.add_party(&party("clinic", 1)).await.unwrap();
    store.add_party(&party("registry", 5)).await.unwrap();
    let other_key = store.add_party(&party("clinic", 9)).await;
    assert!(matches!(other_key, Err(StoreError::Party(PartyError::Key { .. }))), "{other_key:?}");
    let other_name = store.add_party(&KnownParty { name: "hospital".into(), ..party("clinic", 1) }).await;
    assert!(matches!(other_name, Err(StoreError::Party(PartyError::Name { .. }))), "{other_name:?}");
    let both = store.add_party(&KnownParty { name: "registry".into(), ..party("clinic", 1) }).await;
    assert!(matches!(both, Err(StoreError::Party(_))), "{both:?}");
    assert_eq!(store.parties().await.unwrap(), [party("clinic", 1), party("registry", 5)]);
    // A newer card of the same key counts.
    let newer = KnownParty { broker: None, ..party("clinic", 1) };
    store.add_party(&newer).await.unwrap();
    assert_eq!(store.parties().await.unwrap()[0], newer);
    store.remove_party("clinic").await.unwrap();
    let twice = store.remove_party("clinic").await;
    assert!(matches!(twice, Err(StoreError::Party(PartyError::Unknown(_)))), "{twice:?}");
    store.add_party(&party("clinic", 9)).await.unwrap();
}

#[tokio::test]
async fn a_full_mailbox_refuses() {
    let (_folder, store) = open("quota").await;
    let [one, other] = [1, 2].map(|seed| Some(key(seed).public()));
    bring(&store, 1, one, 10).await.unwrap();
    bring(&store, 2, one, 10).await.unwrap();
    assert_eq!(refused(bring(&store, 3, one, 1).await), QuotaError::Sender { max: 2 });
    assert_eq!(refused(bring(&store, 3, other, 21).await), QuotaError::Bytes { actual: 41, max: 40 });
    bring(&store, 3, other, 10).await.unwrap();
    assert_eq!(refused(bring(&store, 4, other, 1).await), QuotaError::Contracts { max: 3 });
    // What waits already may grow, and what is one's own never counts.
    bring(&store, 2, one, 11).await.unwrap();
    bring(&store, 4, None, 1000).await.unwrap();
    assert_eq!(store.contracts().await.unwrap().len(), 4);
    // Signing makes it one's own, which makes room; so does throwing it away.
    let own = Digest::of(&[1]);
    store.merge_contract(&own, "survival", 1, NOW, |_| Ok::<_, ()>(vec![])).await.unwrap();
    bring(&store, 5, other, 1).await.unwrap();
    assert_eq!(store.discard_mail(&Digest::of(&[5])).await.unwrap(), Discarded::Removed);
    assert_eq!(store.discard_mail(&Digest::of(&[5])).await.unwrap(), Discarded::Unknown);
    assert_eq!(store.discard_mail(&Digest::of(&[1])).await.unwrap(), Discarded::Own);
    // Somebody who brings one's own contract again does not take it back.
    bring(&store, 1, one, 5).await.unwrap();
    assert_eq!(store.contract(&Digest::of(&[1])).await.unwrap().unwrap().sender, None);
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let (_folder, store) = open("mail").await;
    let sender = Some(key(1).public());
    let floor = Digest::of(b"floor");
    store.raise_floor("survival", 5, &floor).await.unwrap();
    let digest = Digest::of(b"contract");
    for (sequence, merged) in [(4, Ok(true)), (5, Ok(true)), (4, Ok(false)), (5, Ok(false)), (6, Err("refused"))] {
        let mail = Mail { digest: &digest, study: "survival", sequence, sender, at: NOW };
        let merge = |_: Option<&[u8]>, seen: Option<Floor>| {
            assert_eq!(seen.unwrap().digest, floor);
            merged.map(|is_complete| Merged { bytes: vec![1], is_complete })
        };
        match store.take_mail(&mail, &QUOTA, merge).await {
            Err(MergeError::Merge("refused")) if sequence == 6 => {}
            Err(MergeError::Store(StoreError::Floor(FloorError::Older { .. }))) if sequence == 4 => {}
            Err(MergeError::Store(StoreError::Floor(FloorError::Other { .. }))) if sequence == 5 => {}
            other => panic!("sequence {sequence}: {other:?}"),
        }
        assert_eq!(store.contracts().await.unwrap(), [], "sequence {sequence}");
        assert_eq!(store.floor("survival").await.unwrap().unwrap().sequence, 5);
    }
    // A complete one raises the floor with the same write.
    let mail = Mail { digest: &digest, study: "survival", sequence: 6, sender, at: NOW };
    let merge = |_: Option<&[u8]>, _: Option<Floor>| Ok::<_, ()>(Merged { bytes: vec![1], is_complete: true });
    store.take_mail(&mail, &QUOTA, merge).await.unwrap();
    assert_eq!(store.floor("survival").await.unwrap(), Some(Floor { sequence: 6, digest }));
}
