//! The domain in force never goes back, whoever offers what, in whatever order.

use casemate_cose::Digest;
use casemate_store::{DOMAINS_KEPT_BYTES_MAX, DOMAINS_KEPT_MAX, DomainMark, RaiseError, Seal, Store};
use casemate_testkit::{Folder, NOW};

use crate::disk::{number, sql};

fn compiled(name: &str) -> Vec<u8> {
    format!("the domain {name}").into_bytes()
}

fn mark(name: &str, sequence: u64, seal: Seal) -> DomainMark {
    DomainMark { digest: Digest::of(&compiled(name)), sequence, seal }
}

/// Offers a domain that takes back nothing but its number, if it does.
async fn offer(store: &Store, name: &str, sequence: u64, seal: Seal) -> Result<(), String> {
    let taken = store.raise_domain(mark(name, sequence, seal), || compiled(name), NOW, |_| Ok::<_, String>(())).await;
    taken.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_signed_domain_only_rises() {
    let folder = Folder::new("domains");
    let store = Store::open(folder.path()).await.unwrap();
    assert_eq!(store.domain_mark().await.unwrap(), None);
    offer(&store, "a", 3, Seal::Signed).await.unwrap();
    offer(&store, "a", 3, Seal::Signed).await.unwrap();
    let refused = async |name, sequence, seal| offer(&store, name, sequence, seal).await.unwrap_err();
    assert_eq!(refused("b", 2, Seal::Signed).await, "its sequence number is 2, and 3 was in force");
    assert_eq!(
        refused("b", 3, Seal::Signed).await,
        "another signed domain with the same sequence number, 3, was in force"
    );
    for (name, sequence) in [("a", 3), ("b", 9)] {
        assert_eq!(
            refused(name, sequence, Seal::Plain).await,
            "it is not signed, and a signed domain, sequence 3, was in force"
        );
    }
    // What the caller finds in the domain before counts as well, and it is given that one's bytes.
    let higher = mark("b", 4, Seal::Signed);
    let taken = store.raise_domain(higher, || compiled("b"), NOW, |old| Err(old.to_vec())).await;
    assert!(matches!(taken, Err(RaiseError::Check(old)) if old == compiled("a")));
    assert_eq!(store.domain_mark().await.unwrap(), Some(mark("a", 3, Seal::Signed)), "nothing has changed");
    assert_eq!(store.compiled_domain(&higher.digest).await.unwrap(), None);
    offer(&store, "b", 4, Seal::Signed).await.unwrap();
    // By another process, and after it was closed.
    let other = Store::open(folder.path()).await.unwrap();
    store.close().await;
    assert_eq!(offer(&other, "a", 3, Seal::Signed).await.unwrap_err(), "its sequence number is 3, and 4 was in force");
    assert_eq!(other.compiled_domain(&higher.digest).await.unwrap(), Some(compiled("b")));
}

#[tokio::test]
async fn an_unsigned_domain_keeps_its_number_and_a_signed_one_begins_anew() {
    let folder = Folder::new("domains");
    let store = Store::open(folder.path()).await.unwrap();
    for (name, sequence) in [("a", 5), ("b", 5), ("a", 5), ("c", 7)] {
        offer(&store, name, sequence, Seal::Plain).await.unwrap();
    }
    assert_eq!(offer(&store, "a", 5, Seal::Plain).await.unwrap_err(), "its sequence number is 5, and 7 was in force");
    offer(&store, "d", 1, Seal::Signed).await.unwrap();
    assert_eq!(store.domain_mark().await.unwrap(), Some(mark("d", 1, Seal::Signed)));
}

#[tokio::test]
async fn two_who_raise_it_at_once_leave_the_higher() {
    let folder = Folder::new("domains");
    let [one, other] = [Store::open(folder.path()).await.unwrap(), Store::open(folder.path()).await.unwrap()];
    for sequence in (1..20).step_by(2) {
        let (low, high) = (format!("low {sequence}"), format!("high {sequence}"));
        let (_, raised) =
            tokio::join!(offer(&one, &low, sequence, Seal::Signed), offer(&other, &high, sequence + 1, Seal::Signed));
        raised.unwrap();
        assert_eq!(one.domain_mark().await.unwrap(), Some(mark(&high, sequence + 1, Seal::Signed)));
    }
}

#[tokio::test]
async fn so_many_domains_are_kept_and_the_one_in_force_always() {
    let folder = Folder::new("domains");
    let store = Store::open(folder.path()).await.unwrap();
    for sequence in 0..=DOMAINS_KEPT_MAX {
        offer(&store, &sequence.to_string(), sequence, Seal::Signed).await.unwrap();
    }
    let count = number(folder.path(), "SELECT count(*) FROM domains").await;
    assert_eq!(count.cast_unsigned(), DOMAINS_KEPT_MAX);
    assert_eq!(store.compiled_domain(&mark("0", 0, Seal::Signed).digest).await.unwrap(), None, "the oldest is gone");
    // Large ones drive out more; one alone may be of any size.
    sql(folder.path(), "UPDATE domains SET compiled = zeroblob(20000000)").await;
    offer(&store, "large", 1000, Seal::Signed).await.unwrap();
    let left = number(folder.path(), "SELECT count(*) FROM domains").await;
    assert_eq!(left.cast_unsigned(), DOMAINS_KEPT_BYTES_MAX / 20_000_000 + 1);
    assert_eq!(
        store.compiled_domain(&mark("large", 1000, Seal::Signed).digest).await.unwrap(),
        Some(compiled("large"))
    );
}

#[tokio::test]
async fn a_mark_whose_domain_is_gone_is_damage() {
    let folder = Folder::new("domains");
    let store = Store::open(folder.path()).await.unwrap();
    offer(&store, "a", 1, Seal::Signed).await.unwrap();
    sql(folder.path(), "PRAGMA foreign_keys = OFF; DELETE FROM domains").await;
    let refused = offer(&store, "b", 2, Seal::Signed).await.unwrap_err();
    assert!(refused.contains("is damaged: the domain in force is not there"), "{refused}");
}
