//! What two owners' ledgers must say of the same runs, whatever went wrong.
//!
//! 1. Who released a key did so on the decisions of all: every owner has written down that the run was decided.
//! 2. Who permitted a result was asked by a keep that had the keys of all: every owner's ledger has its release.
//! 3. Both speak of the same contract, manifest, keep and result.
//!
//! One release without the other, one permit without the other: that is how a run looks that was interrupted there.

use std::collections::BTreeMap;

use casemate_cose::Digest;
use casemate_ledger::{Event, ReceiptBody};
use casemate_store::Store;

use crate::party::Party;

/// One owner's view of one run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct View {
    is_decided: bool,
    released: u32,
    permitted: u32,
    /// Contract, manifest and keep, as each of its receipts has them.
    facts: Vec<[Option<Digest>; 3]>,
    result: Option<Digest>,
}

/// By run.
pub(crate) type Views = BTreeMap<[u8; 16], View>;

/// Both owners' views, of one moment: a broker may still be writing of what a dead runner left.
pub(crate) async fn views(owners: [&Party; 2]) -> [Views; 2] {
    loop {
        let first = [view(owners[0]).await, view(owners[1]).await];
        let second = [view(owners[0]).await, view(owners[1]).await];
        if first == second {
            return first;
        }
    }
}

async fn view(owner: &Party) -> Views {
    let store = Store::open(&owner.join("state")).await.unwrap();
    let mut views = Views::new();
    for run in store.runs().await.unwrap() {
        views.entry(run.terms.run).or_default().is_decided = true;
    }
    for receipt in store.receipts().await.unwrap() {
        let body = ReceiptBody::from_bytes(&receipt.body).unwrap();
        let Some(run) = body.run else { continue };
        let view = views.entry(run).or_default();
        match body.event {
            Event::Release => view.released += 1,
            Event::Permit => {
                view.permitted += 1;
                view.result = body.result;
            }
            _ => {}
        }
        view.facts.push([body.contract, body.manifest, body.keep_key]);
    }
    store.close().await;
    views
}

/// Sees that they agree on every run.
pub(crate) fn agree([first, second]: &[Views; 2], when: &str) {
    let nothing = View::default();
    for (run, ours) in first.iter().chain(second) {
        let pair = [first.get(run).unwrap_or(&nothing), second.get(run).unwrap_or(&nothing)];
        let run = hex::encode(run);
        assert!(
            ours.released + ours.permitted == 0 || pair.iter().all(|view| view.is_decided),
            "{when}: {run} {pair:?}"
        );
        assert!(ours.permitted == 0 || pair.iter().all(|view| view.released == 1), "{when}: {run} {pair:?}");
        let mut facts = pair.iter().flat_map(|view| &view.facts);
        let one = facts.next();
        assert!(facts.all(|other| Some(other) == one), "{when}: {run} {pair:?}");
        let results = pair.map(|view| view.result);
        assert!(results.contains(&None) || results[0] == results[1], "{when}: {run} {pair:?}");
    }
}

/// Sees that a run that ended in a result was released and permitted by both, once.
pub(crate) fn complete(views: &[Views; 2], run: &[u8; 16], when: &str) {
    for view in views {
        let view = view.get(run).unwrap_or_else(|| panic!("{when}: a result of a run that a ledger lacks"));
        assert_eq!((view.released, view.permitted), (1, 1), "{when}: {view:?}");
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    fn of(view: &View, other: &View) -> bool {
        let views = [view, other].map(|view| Views::from([([1; 16], view.clone())]));
        catch_unwind(|| agree(&views, "")).is_ok()
    }

    #[test]
    fn ledgers_that_disagree_are_seen() {
        let facts = |byte: u8| [Some(Digest::of(&[byte])), None, None];
        let decided = View { is_decided: true, ..View::default() };
        let released = View { released: 1, facts: vec![facts(1)], ..decided.clone() };
        let permitted = View { permitted: 1, result: Some(Digest::of(b"a")), ..released.clone() };
        for (one, other) in [(&decided, &View::default()), (&released, &decided), (&permitted, &released)] {
            assert!(of(one, other) && of(other, one), "{one:?} {other:?}");
        }
        let elsewhere = View { facts: vec![facts(2)], ..released.clone() };
        let another = View { result: Some(Digest::of(b"b")), ..permitted.clone() };
        for (one, other) in
            [(&released, &View::default()), (&permitted, &decided), (&released, &elsewhere), (&permitted, &another)]
        {
            assert!(!of(one, other) && !of(other, one), "{one:?} {other:?}");
        }
    }
}
