//! Evidence that was judged is kept as it was, and no more of it than is said.

use casemate_cose::Digest;
use casemate_store::{JUDGED_BYTES_MAX, JUDGED_MAX, Judged, Store};
use casemate_testkit::{Folder, NOW};

use crate::disk::{number, sql};

/// Evidence of this number, with a proof or without.
pub(crate) fn judged(name: u32, proof: Option<Vec<u8>>) -> Judged {
    let evidence = format!("evidence {name}").into_bytes();
    of(evidence, proof)
}

fn of(evidence: Vec<u8>, proof: Option<Vec<u8>>) -> Judged {
    let digest = Digest::of(&evidence);
    Judged {
        digest,
        nonce: *digest.as_bytes(),
        exporter: [2; 32],
        keep_key: Digest::of(&evidence[..1]),
        own_key: Digest::of(b"broker"),
        bundle: None,
        domain: Digest::of(b"domain"),
        study: "survival".into(),
        contract: Digest::of(b"contract 3"),
        manifest: Digest::of(b"manifest"),
        run: digest.as_bytes()[..16].try_into().unwrap(),
        at: NOW,
        evidence,
        proof,
    }
}

#[tokio::test]
async fn what_was_judged_is_there_as_it_was() {
    let folder = Folder::new("judged");
    let store = Store::open(folder.path()).await.unwrap();
    let accepted = judged(1, Some(vec![7; 9]));
    let denied = Judged { bundle: Some(Digest::of(b"bundle")), ..judged(2, None) };
    for one in [&accepted, &denied] {
        store.keep_judged(one).await.unwrap();
    }
    // What is kept under a digest stays.
    store.keep_judged(&Judged { proof: None, study: "another".into(), ..accepted.clone() }).await.unwrap();
    store.close().await;
    let store = Store::open(folder.path()).await.unwrap();
    assert_eq!(store.judged().await.unwrap(), [denied.clone(), accepted.clone()]);
    assert_eq!(store.judged_of(&accepted.run).await.unwrap(), [accepted]);
    assert_eq!(store.judged_of(&[0; 16]).await.unwrap(), []);
}

async fn count(folder: &Folder, which: &'static str) -> u64 {
    number(folder.path(), which).await.cast_unsigned()
}

const ACCEPTED: &str = "SELECT count(*) FROM judged WHERE proof IS NOT NULL";
const DENIED: &str = "SELECT count(*) FROM judged WHERE proof IS NULL";

#[tokio::test]
async fn a_flood_of_denied_evidence_drives_out_denied_evidence_alone() {
    let folder = Folder::new("judged");
    let store = Store::open(folder.path()).await.unwrap();
    let accepted = judged(1, Some(vec![7; 9]));
    store.keep_judged(&accepted).await.unwrap();
    let first = judged(2, None);
    store.keep_judged(&first).await.unwrap();
    sql(
        folder.path(),
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)
         INSERT INTO judged (digest, evidence, nonce, exporter, keep_key, own_key, domain, study, contract, manifest, run, at)
         SELECT randomblob(32), x'00', randomblob(32), randomblob(32), randomblob(32), randomblob(32), randomblob(32), 's',
             randomblob(32), randomblob(32), randomblob(16), 0 FROM n",
    )
    .await;
    let last = judged(3, None);
    store.keep_judged(&last).await.unwrap();
    assert_eq!((count(&folder, ACCEPTED).await, count(&folder, DENIED).await), (1, JUDGED_MAX));
    let kept = store.judged().await.unwrap();
    assert!(kept.contains(&accepted) && !kept.contains(&first), "the oldest goes first");
    assert_eq!(kept[0], last);
}

#[tokio::test]
async fn so_many_bytes_are_kept_proofs_among_them() {
    let folder = Folder::new("judged");
    let store = Store::open(folder.path()).await.unwrap();
    let denied = judged(1, None);
    store.keep_judged(&denied).await.unwrap();
    let (piece, pieces) = (4 << 20, JUDGED_BYTES_MAX / (4 << 20));
    for number in 0..=u8::try_from(pieces).unwrap() {
        let half = usize::try_from(piece / 2).unwrap();
        store.keep_judged(&of(vec![number; half], Some(vec![0; half]))).await.unwrap();
    }
    assert_eq!((count(&folder, ACCEPTED).await, count(&folder, DENIED).await), (pieces, 1));
    let kept = store.judged().await.unwrap();
    assert_eq!(kept.iter().find(|kept| kept.proof.is_some()).unwrap().evidence[0], u8::try_from(pieces).unwrap());
}
