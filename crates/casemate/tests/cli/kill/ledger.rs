//! What an owner's ledger must tell after any death: nothing lost, nothing doubled, no key without its receipt.

use std::collections::BTreeMap;

use casemate_ledger::{Comparison, Event, ReceiptBody, compare, open_checkpoint};
use casemate_store::{LedgerHead, Run, RunState, Store};

use crate::party::Party;

/// Watches one owner's ledger from death to death.
#[derive(Default)]
pub(crate) struct Auditor {
    earlier: Option<(LedgerHead, Vec<Vec<u8>>)>,
}

/// The releases and permits of each run that the ledger tells of.
pub(crate) type Logged = BTreeMap<[u8; 16], [u32; 2]>;

impl Auditor {
    /// The ledger is whole and continues what was seen before; each run was decided at most once, released at most once
    /// and only with a receipt, permitted at most once and only after its release.
    pub(crate) async fn check(&mut self, owner: &Party) -> Logged {
        let store = Store::open(&owner.join("state")).await.unwrap();
        store.check_ledgers().await.unwrap();
        self.continues(&store).await;
        let (logged, runs) = at_once(&store).await;
        let mut runs: BTreeMap<_, _> = runs.into_iter().map(|run| (run.terms.run, run.state)).collect();
        for (run, counts) in &logged {
            let state = runs.remove(run).expect("a run in the ledger was decided");
            let is_possible = match state {
                RunState::Released => *counts == [1, 0],
                RunState::Permitted => *counts == [1, 1],
                RunState::Decided => *counts == [0, 0],
                // Refused, perhaps after its release.
                _ => counts[0] <= 1 && counts[1] == 0,
            };
            assert!(is_possible, "{}: {state:?} with {counts:?}", owner.name);
        }
        let left = |state: &RunState| matches!(state, RunState::Released | RunState::Permitted);
        assert!(!runs.values().any(left), "{}: a release without a receipt", owner.name);
        store.close().await;
        logged
    }

    async fn continues(&mut self, store: &Store) {
        let receipts: Vec<_> = store.receipts().await.unwrap().iter().map(casemate_ledger::Receipt::to_bytes).collect();
        let Some(head) = store.ledgers().await.unwrap().pop() else {
            assert!(self.earlier.is_none(), "the ledger is gone");
            return;
        };
        if let Some((earlier, known)) = &self.earlier {
            assert!(receipts.starts_with(known), "what was logged is no longer as it was");
            let open = |head: &LedgerHead| open_checkpoint(&head.checkpoint, &head.origin, &head.key).unwrap();
            let proof = match earlier.size {
                size if size == head.size => Vec::new(),
                size => store.consistency(&head, size).await.unwrap(),
            };
            assert_eq!(compare(&open(earlier), &open(&head), &proof), Ok(Comparison::Consistent));
        }
        self.earlier = Some((head, receipts));
    }
}

/// Ledger and runs of one moment: a broker may still be writing of what a dead runner left.
async fn at_once(store: &Store) -> (Logged, Vec<Run>) {
    loop {
        let before = logged(store).await;
        let runs = store.runs().await.unwrap();
        if logged(store).await == before {
            return (before, runs);
        }
    }
}

async fn logged(store: &Store) -> Logged {
    let mut logged = Logged::new();
    for receipt in store.receipts().await.unwrap() {
        let body = ReceiptBody::from_bytes(&receipt.body).unwrap();
        let place = match body.event {
            Event::Release => 0,
            Event::Permit => 1,
            _ => continue,
        };
        logged.entry(body.run.unwrap()).or_default()[place] += 1;
    }
    logged
}
