//! Three brokers that listen on loopback, each with its own state folder, ledger and `domain.toml`, and a clock that stands.

use std::{
    cell::Cell,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use casemate_contract::FullySigned;
use casemate_cose::{Digest, UnixTime, encode};
use casemate_evidence::Lack;
use casemate_ledger::{Event as Logged, Origin, Receipt, ReceiptBody};
use casemate_service::{Broker, Event, revoke_dataset, serve};
use casemate_store::{KnownParty, SealedDataset, Store};
use casemate_testkit::{Folder, NOW};
use casemate_trust::{
    Domain,
    domain::{Launcher, Process, Runtime},
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::study::{OWNERS, PARTIES, RUNTIME, data_key, dataset_of, file_digest, keys, signed, toml, version_of};

thread_local! {
    static TIME: Cell<UnixTime> = const { Cell::new(NOW) };
    static READINGS: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Sets every broker's clock. It is the test's own: its runtime has one thread.
pub(crate) fn set_clock(at: u64) {
    TIME.set(UnixTime(at));
}

/// Sets every broker's clock forward.
pub(crate) fn pass(seconds: u64) {
    set_clock(now().0 + seconds);
}

/// What the clocks show.
pub(crate) fn now() -> UnixTime {
    TIME.get()
}

/// The broker dies when it looks at its clock for the `reading`th time from now, the first being 0.
pub(crate) fn die_at(reading: u32) {
    READINGS.set(Some(reading));
}

/// No broker dies any more. Tells whether one was still to.
pub(crate) fn die_no_more() -> bool {
    READINGS.take().is_some()
}

fn clock() -> UnixTime {
    match READINGS.get() {
        Some(0) => {
            READINGS.set(None);
            panic!("killed here, by the test");
        }
        Some(reading) => READINGS.set(Some(reading - 1)),
        None => {}
    }
    now()
}

/// An owner with its running broker.
pub(crate) struct Owner {
    pub(crate) name: &'static str,
    pub(crate) store: Store,
    pub(crate) folder: Folder,
    pub(crate) address: SocketAddr,
    /// SHA-256 of the broker's SubjectPublicKeyInfo.
    pub(crate) broker: Digest,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Owner {
    /// Starts the broker of `name`, its state in `folder`.
    pub(crate) async fn start(name: &'static str, folder: Folder) -> Self {
        let store = Store::open(&folder.join("state")).await.unwrap();
        let (listener, events) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::default());
        let (stop, stopped) = watch::channel(false);
        let told: Arc<Mutex<Vec<Event>>> = Arc::clone(&events);
        let broker = Broker::new(
            name.parse().unwrap(),
            keys(name),
            store.clone(),
            folder.join("domain.toml"),
            clock,
            Box::new(move |event| told.lock().unwrap().push(event.clone())),
        );
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(serve(Arc::new(broker), listener, stopped));
        let broker = keys(name).broker().public().spki_digest();
        Self { name, store, folder, address, broker, events, stop, task }
    }

    /// Stops the broker, closes its store and starts both again.
    pub(crate) async fn restarted(self) -> Self {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
        self.store.close().await;
        Self::start(self.name, self.folder).await
    }

    /// Writes a `domain.toml` that believes the researcher's host.
    pub(crate) fn write_domain(&self, text: &str) {
        self.folder.write("domain.toml", text).unwrap();
    }

    /// Revokes the owner's dataset.
    pub(crate) async fn revoke(&self) {
        let (keys, name) = (keys(self.name), dataset_of(self.name));
        revoke_dataset(&self.store, &keys, self.name, name, [9; 32], now()).await.unwrap();
    }

    /// Everything in the ledger, each receipt verified with the broker's key alone, the whole recomputed.
    pub(crate) async fn ledger(&self) -> Vec<ReceiptBody> {
        self.store.check_ledgers().await.unwrap();
        let key = keys(self.name).broker().public();
        let verified = |receipt: Receipt| receipt.verify(&Origin::of_key(&key), &key).unwrap().body().clone();
        self.store.receipts().await.unwrap().into_iter().map(verified).collect()
    }

    /// How often the ledger tells of this event of this run.
    pub(crate) async fn logged(&self, event: Logged, run: [u8; 16]) -> usize {
        self.ledger().await.iter().filter(|body| body.event == event && body.run == Some(run)).count()
    }

    /// Fails unless the newest entry of the ledger is a refusal by exactly these rules.
    pub(crate) async fn assert_refusal(&self, rules: &[impl AsRef<str>], crime: &str) {
        let ledger = self.ledger().await;
        let last = ledger.last().unwrap_or_else(|| panic!("{crime}: an empty ledger"));
        assert_eq!(last.event, Logged::Refusal, "{crime}");
        let logged = last.reasons.iter().map(|reason| reason.split(':').next().unwrap_or_default());
        let rules: Vec<_> = rules.iter().map(AsRef::as_ref).collect();
        assert_eq!(distinct(logged), rules, "{crime}: in the ledger");
    }
}

/// In their order, without repetitions.
pub(crate) fn distinct<'a>(rules: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut distinct = Vec::new();
    for rule in rules {
        if !distinct.contains(&rule) {
            distinct.push(rule);
        }
    }
    distinct
}

/// The owners and the contract.
pub(crate) struct World {
    pub(crate) owners: Vec<Owner>,
    pub(crate) contract: FullySigned,
}

impl World {
    /// All brokers run, each with its dataset, under the study's contract.
    pub(crate) async fn new() -> Self {
        set_clock(NOW.0);
        let mut owners = Vec::new();
        for name in OWNERS {
            let owner = Owner::start(name, Folder::new(name)).await;
            owner.store.put_dataset(&sealed(name)).await.unwrap();
            for party in PARTIES.into_iter().filter(|party| *party != name) {
                owner.store.add_party(&known(party)).await.unwrap();
            }
            owner.write_domain(&domain(name).to_toml());
            owners.push(owner);
        }
        Self { owners, contract: signed(&toml()) }
    }

    /// The owner whose broker most attacks are on.
    pub(crate) fn clinic(&self) -> &Owner {
        &self.owners[0]
    }
}

/// A party as the others know it.
pub(crate) fn known(party: &str) -> KnownParty {
    let key = keys(party).public();
    KnownParty { name: party.into(), key, broker: None, launcher: None, recipient: None, added_at: NOW }
}

/// The domain of an owner: the researcher's host, the runtime, two lacks.
pub(crate) fn domain(owner: &str) -> Domain {
    let lacks = [Lack::SecretPlaintext, Lack::ResourceLimits];
    Domain::new(
        owner,
        vec![Launcher { name: "host".into(), key: keys("researcher").launcher().public() }],
        vec![Runtime { name: "casemate".into(), digest: Digest::of(RUNTIME) }],
        Some(Process { accept_lacks: lacks.into() }),
    )
    .unwrap()
}

/// The owner's dataset as its store knows it, the key wrapped under the owner's keys.
pub(crate) fn sealed(owner: &str) -> SealedDataset {
    let version = version_of(owner);
    let wrapped = keys(owner).wrap(&version.id, &version.version, &data_key(owner), [7; 12]).unwrap();
    SealedDataset {
        name: dataset_of(owner).into(),
        version,
        format: "parquet".into(),
        entity: Some("patient_id".into()),
        columns: Vec::new(),
        sealed_path: "/data/sealed.parquet".into(),
        digest: file_digest(owner),
        wrapped_key: encode(&wrapped),
        sealed_at: NOW,
    }
}
