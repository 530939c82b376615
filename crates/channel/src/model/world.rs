//! An end's transcript walked through the real steps.
//!
//! The steps of [`crate::protocol`] use up the state before, a verdict above all, so that a run can't be forked at a state. It
//! is walked again from its beginning instead, once for each transcript, and the outcome is remembered.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    sync::{Arc, Mutex},
};

use casemate_cose::{Digest, Kind, UnixTime, decode, encode, sign};
use casemate_evidence::{Binding, Bound, Evidence, Isolation, Role, authenticate, software};
use casemate_ledger::{Event, ReceiptBody};
use casemate_testkit::durable;
use casemate_trust::{
    Accepted, Domain, Verdict, appraise,
    domain::{Launcher, Process, Runtime},
};

use super::{
    cast::{Chip, Key, Setup},
    state::{Nonce, Taken, Wire},
};
use crate::{
    message::{Attest, DatasetKey, FromBroker, MESSAGE_BYTES_MAX, PermitRequest, ToBroker},
    protocol::{Ends, broker, keep},
};

const NOW: UnixTime = UnixTime(1_795_312_496);
const DATA_KEY: [u8; 32] = [0xda; 32];
const CONTRACT: &[u8] = b"the signed contract";
const MANIFEST: &[u8] = b"the manifest that the broker derived";
const OTHER_MANIFEST: &[u8] = b"the manifest of another study";
const RUNTIME: &[u8] = b"the runtime";
const OTHER_RUNTIME: &[u8] = b"Mallory's program";

/// Evidence that Mallory has made to order, for exactly what the broker expects in the session.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Craft {
    /// The runtime in debug mode, on a listed chip.
    Debug,
    /// Whatever she likes, signed with the key of a chip that she owns.
    Forged,
    /// The runtime under a manifest of hers, on a listed chip.
    OtherManifest,
    /// A program of hers, on a listed chip.
    OwnProgram,
}

/// What a broker's end has come to.
#[derive(Clone, Debug, Default)]
pub(super) struct BrokerEnd {
    pub(super) sent: Vec<Wire>,
    pub(super) released: bool,
    pub(super) fault: Option<String>,
}

/// What a keep's end has come to.
#[derive(Clone, Debug, Default)]
pub(super) struct KeepEnd {
    pub(super) sent: Vec<Wire>,
    pub(super) evidence: Option<Wire>,
    pub(super) has_key: bool,
    pub(super) fault: Option<String>,
}

/// All that does not change in the course of a run.
pub(super) struct World {
    pub(super) setup: Setup,
    domain: Domain,
    wires: Mutex<Wires>,
    brokers: Memo<(u8, Key, Taken), BrokerEnd>,
    keeps: Memo<(u8, Key, Key, Taken), KeepEnd>,
    crafts: Memo<(u8, Key, Craft), Wire>,
    shown: Memo<(u8, Key, Nonce), Wire>,
    attests: Memo<(Wire, bool), Wire>,
    challenges: Memo<(Key, Nonce), Wire>,
    believed: Memo<(u8, Key, Key, Wire), bool>,
    /// Why ends were ended.
    faults: Mutex<BTreeSet<String>>,
}

impl World {
    pub(super) fn new(setup: Setup) -> Self {
        let mut launchers = vec![Launcher { name: "listed".into(), key: Chip::Listed.signing().public() }];
        if setup.admits_any_chip {
            launchers.push(Launcher { name: "any other".into(), key: Chip::Mallorys.signing().public() });
        }
        let runtimes = vec![Runtime { name: "casemate".into(), digest: Digest::of(RUNTIME) }];
        let domain = Domain::new("clinic", launchers, runtimes, Some(Process::default())).unwrap();
        Self {
            setup,
            domain,
            wires: Mutex::default(),
            brokers: Memo::default(),
            keeps: Memo::default(),
            crafts: Memo::default(),
            shown: Memo::default(),
            attests: Memo::default(),
            challenges: Memo::default(),
            believed: Memo::default(),
            faults: Mutex::default(),
        }
    }

    /// Why ends were ended so far.
    pub(super) fn faults(&self) -> BTreeSet<String> {
        self.faults.lock().unwrap().clone()
    }

    /// The broker in the session at `place` with the holder of `client`, after `taken`.
    pub(super) fn broker(&self, place: u8, client: Key, taken: Taken) -> Arc<BrokerEnd> {
        self.brokers.of((place, client, taken), || {
            let mut end = BrokerEnd::default();
            end.fault = self.walk_broker(place, client, taken.wires(), &mut end).err();
            self.faults.lock().unwrap().extend(end.fault.clone());
            end
        })
    }

    fn walk_broker(&self, place: u8, client: Key, taken: &[Wire], end: &mut BrokerEnd) -> Result<(), String> {
        let own = Key::Broker.signing();
        let nonce = Nonce::Broker(place).bytes();
        let arrived = broker::Arrived::new(ends(place, Key::Broker, client));
        let (message, challenging) = arrived.challenge(sign(Kind::Challenge, &nonce, &own), nonce);
        end.sent.push(self.wire(&encode(&message)));
        let [attest, taken @ ..] = taken else { return Ok(()) };
        let claimed = challenging.claimed(self.read(*attest)).map_err(|error| error.to_string())?;
        let binding = self.setup.weakened(claimed.expectation().binding().clone());
        let claimed = claimed.with_binding(binding);
        if claimed.claim().manifest != MANIFEST {
            return Err("the manifest is not the one that follows from the contract".to_owned());
        }
        let verdict = self.judge(&claimed.claim().evidence, &claimed.expectation())?;
        let admitted = claimed.admit(verdict, NOW).map_err(|error| error.to_string())?;
        let decision = sign(Kind::Decision, admitted.believed().verdict().evidence_digest().as_bytes(), &own);
        let (message, decided) = admitted.decide(decision.clone());
        end.sent.push(self.wire(&encode(&message)));
        let [decisions, ..] = taken else { return Ok(()) };
        let assembled = decided.assembled(self.read(*decisions)).map_err(|error| error.to_string())?;
        if !assembled.decisions().contains(&decision) {
            return Err("this broker's own decision is not among the decisions".to_owned());
        }
        let receipt = durable(&receipt_of(client, assembled.believed().verdict()), &own);
        let keys = vec![DatasetKey { dataset: "visits".into(), key: DATA_KEY }];
        let (message, _) = assembled.release(receipt, keys, NOW).map_err(|error| error.to_string())?;
        end.released = opens(&message);
        end.sent.push(self.wire(&encode(&message)));
        Ok(())
    }

    /// The keep with the key `own` in the session at `place` with the holder of `server`, after `taken`.
    pub(super) fn keep(&self, place: u8, own: Key, server: Key, taken: Taken) -> Arc<KeepEnd> {
        self.keeps.of((place, own, server, taken), || {
            let mut end = KeepEnd::default();
            end.fault = self.walk_keep(place, own, server, taken.wires(), &mut end).err();
            self.faults.lock().unwrap().extend(end.fault.clone());
            end
        })
    }

    fn walk_keep(&self, place: u8, own: Key, server: Key, taken: &[Wire], end: &mut KeepEnd) -> Result<(), String> {
        let connected = keep::Connected::new(ends(place, own, server));
        let [challenge, taken @ ..] = taken else { return Ok(()) };
        let challenged = connected.challenged(self.read(*challenge)).map_err(|error| error.to_string())?;
        let nonce = challenged.payload().try_into().map_err(|_| "the challenge has no nonce".to_owned())?;
        let binding = self.setup.weakened(challenged.binding(nonce, Digest::of(MANIFEST)));
        let evidence = measured(Chip::Listed, &statement(&binding));
        end.evidence = Some(self.wire(&evidence));
        let (message, attested) = challenged.attest(evidence, MANIFEST.to_vec(), CONTRACT.to_vec());
        end.sent.push(self.wire(&encode(&message)));
        let [decision, taken @ ..] = taken else { return Ok(()) };
        let decided = attested.decision(self.read(*decision)).map_err(|error| error.to_string())?;
        let all = [decided.statement().to_vec()];
        let (message, assembled) = decided.assemble(&all);
        end.sent.push(self.wire(&encode(&message)));
        let [release, ..] = taken else { return Ok(()) };
        let mut released = assembled.released(self.read(*release)).map_err(|error| error.to_string())?;
        end.has_key = released.take_keys().iter().any(|key| key.key == DATA_KEY);
        Ok(())
    }

    /// Authenticates and appraises as a broker does.
    fn judge(&self, evidence: &[u8], expectation: &Bound) -> Result<Accepted<Bound>, String> {
        let evidence = Evidence::from_bytes(evidence).map_err(|refusal| refusal.rule().to_owned())?;
        let authentic = authenticate(&evidence, &self.domain.endorsements(), expectation, NOW)
            .map_err(|refusal| refusal.rule().to_owned())?;
        match appraise(authentic, &self.domain, NOW) {
            Verdict::Accepted(accepted) => Ok(accepted),
            Verdict::Denied(denials) => Err(denials.iter().map(|denial| denial.rule()).collect::<Vec<_>>().join(", ")),
        }
    }

    /// Evidence that Mallory has made for the broker's session at `place` under her key `client`.
    pub(super) fn crafted(&self, place: u8, client: Key, craft: Craft) -> Wire {
        *self.crafts.of((place, client, craft), || {
            let manifest = if craft == Craft::OtherManifest { OTHER_MANIFEST } else { MANIFEST };
            let nonce = Nonce::Broker(place).bytes();
            let expected = ends(place, Key::Broker, client).peer_binding(Role::Keep, nonce, Digest::of(manifest));
            let honest = statement(&self.setup.weakened(expected));
            let (chip, statement) = match craft {
                Craft::Debug => (Chip::Listed, software::Statement { debug: true, ..honest }),
                Craft::Forged => (Chip::Mallorys, honest),
                Craft::OtherManifest => (Chip::Listed, honest),
                Craft::OwnProgram => {
                    (Chip::Listed, software::Statement { runtime: Digest::of(OTHER_RUNTIME), ..honest })
                }
            };
            self.wire(&measured(chip, &statement))
        })
    }

    /// The evidence that the isolated broker shows of itself in its session at `place` to the holder of `client`.
    pub(super) fn of_broker(&self, place: u8, client: Key, nonce: Nonce) -> Wire {
        *self.shown.of((place, client, nonce), || {
            let session = ends(place, Key::Broker, client);
            let binding = session.own_binding(Role::Broker, nonce.bytes(), Digest::of(MANIFEST));
            self.wire(&measured(Chip::Listed, &statement(&self.setup.weakened(binding))))
        })
    }

    /// Whether the keep takes `evidence` for that of the broker `server` in its session at `place`.
    pub(super) fn believes(&self, place: u8, own: Key, server: Key, evidence: Wire) -> bool {
        *self.believed.of((place, own, server, evidence), || {
            let nonce = Nonce::Keep(place).bytes();
            let expected = ends(place, own, server).peer_binding(Role::Broker, nonce, Digest::of(MANIFEST));
            self.judge(&self.bytes(evidence), &Bound::new(self.setup.weakened(expected))).is_ok()
        })
    }

    /// Mallory's challenge as the holder of `server`.
    pub(super) fn challenge(&self, server: Key, nonce: Nonce) -> Wire {
        *self.challenges.of((server, nonce), || {
            let statement = sign(Kind::Challenge, &nonce.bytes(), &server.signing());
            self.wire(&encode(&FromBroker::Challenge { statement }))
        })
    }

    /// Mallory's claim, under the contract's manifest or the other.
    pub(super) fn attest(&self, evidence: Wire, craft: Option<Craft>) -> Wire {
        let other = craft == Some(Craft::OtherManifest);
        *self.attests.of((evidence, other), || {
            let manifest = if other { OTHER_MANIFEST } else { MANIFEST }.to_vec();
            let claim = Attest { evidence: self.bytes(evidence).to_vec(), manifest, contract: CONTRACT.to_vec() };
            self.wire(&encode(&ToBroker::Attest(claim)))
        })
    }

    /// The decisions, with the broker's own of a session if it was given there.
    pub(super) fn decisions(&self, sent: &[Wire]) -> Wire {
        let own = sent.iter().find_map(|wire| match self.read(*wire) {
            FromBroker::Decision { statement } => Some(statement.into()),
            _ => None,
        });
        self.wire(&encode(&ToBroker::Decisions { all: own.into_iter().collect() }))
    }

    /// A message that has no place before the keys are out.
    pub(super) fn out_of_turn(&self) -> Wire {
        let request = PermitRequest { result: Digest::of(b"result"), gates: vec![], ordinary_bytes: 0 };
        self.wire(&encode(&ToBroker::PermitRequest(request)))
    }

    fn read<T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()>>(&self, wire: Wire) -> T {
        decode(&self.bytes(wire), MESSAGE_BYTES_MAX).unwrap()
    }

    fn bytes(&self, wire: Wire) -> Arc<[u8]> {
        self.wires.lock().unwrap().bytes[usize::from(wire.0)].clone()
    }

    fn wire(&self, bytes: &[u8]) -> Wire {
        let mut known = self.wires.lock().unwrap();
        if let Some(wire) = known.numbers.get(bytes) {
            return *wire;
        }
        let wire = Wire(u16::try_from(known.bytes.len()).unwrap());
        let bytes = Arc::<[u8]>::from(bytes);
        known.bytes.push(bytes.clone());
        known.numbers.insert(bytes, wire);
        wire
    }
}

/// All bytes that anybody made, numbered: states that hold numbers are small.
#[derive(Default)]
struct Wires {
    bytes: Vec<Arc<[u8]>>,
    numbers: HashMap<Arc<[u8]>, Wire>,
}

/// The symbol for TLS: a session's exporter value is its own, and the same at both ends.
fn ends(place: u8, own: Key, peer: Key) -> Ends {
    Ends { exporter: [0x20 + place; 32], own: own.signing().public(), peer: peer.signing().public() }
}

/// What a chip measures of the runtime under the binding's manifest.
fn statement(binding: &Binding) -> software::Statement {
    software::Statement {
        isolation: Isolation::Process,
        runtime: Digest::of(RUNTIME),
        libraries: Digest::of(b"the libraries"),
        program: Digest::of(b"the program"),
        manifest: binding.manifest,
        report_data: binding.report_data(),
        lacks: BTreeSet::new(),
        secret_bytes: 4096,
        debug: false,
        at: NOW,
    }
}

fn measured(chip: Chip, statement: &software::Statement) -> Vec<u8> {
    software::sign(statement, &chip.signing()).to_bytes()
}

fn receipt_of(client: Key, verdict: &Accepted<Bound>) -> ReceiptBody {
    ReceiptBody {
        study: Some("survival".into()),
        contract: Some(Digest::of(CONTRACT)),
        run: Some([1; 16]),
        manifest: Some(Digest::of(MANIFEST)),
        evidence: Some(verdict.evidence_digest()),
        domain: Some(verdict.domain_digest()),
        keep_key: Some(client.signing().public().spki_digest()),
        isolation: Some("process".into()),
        datasets: vec!["visits".into()],
        ..ReceiptBody::new(Event::Release, "clinic", NOW)
    }
}

fn opens(message: &FromBroker) -> bool {
    matches!(message, FromBroker::Release(release) if release.keys.iter().any(|key| key.key == DATA_KEY))
}

/// Outcomes that were worked out before.
struct Memo<K, V>(Mutex<HashMap<K, Arc<V>>>);

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V> Memo<K, V> {
    fn of(&self, key: K, work: impl FnOnce() -> V) -> Arc<V> {
        if let Some(known) = self.0.lock().unwrap().get(&key) {
            return known.clone();
        }
        let value = Arc::new(work());
        self.0.lock().unwrap().entry(key).or_insert(value).clone()
    }
}
