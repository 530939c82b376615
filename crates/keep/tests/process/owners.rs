//! Two owners with a study, and brokers that keep the protocol or commit one crime.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Write as _,
    net::TcpListener as BlockingListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use casemate_channel::{
    broker_side::{Incoming, accept},
    message::{DatasetKey, PermitRequest},
};
use casemate_contract::{
    ChallengeStatement, Compiled, Contract, DecisionStatement, FullySigned, GateOutcome, Manifest, PartyName,
    PermitStatement, RunId, SignedContract,
};
use casemate_cose::{Digest, SigningKey, UnixTime, decode};
use casemate_evidence::{Bound, Endorsements, Evidence, Isolation, Lack, authenticate};
use casemate_launch::{Dataset, Spec};
use casemate_ledger::{Event, ReceiptBody};
use casemate_seal::{aad_prefix, blob, table};
use casemate_testkit::durable;
use casemate_trust::{
    Accepted, Reason, Verdict, appraise,
    domain::{Domain, Launcher, Process, Runtime},
};
use tokio::net::{TcpListener, TcpStream};

use crate::launcher::{AT, broker, probe_with, spec};

/// Longer than any keep is stopped and looked into.
const WAIT: Duration = Duration::from_secs(120);
const OWNERS: [&str; 2] = ["clinic", "registry"];
const DATASETS: [&str; 2] = ["measurements", "diagnoses"];
/// The dataset that a sealed program is; the second owner is its author as well.
const MODEL: &str = "model";
const SQL: &str = "SELECT d.diagnosis, COUNT(*) AS patients, AVG(m.radius) AS mean FROM measurements m \
                   JOIN diagnoses d ON m.patient = d.patient GROUP BY d.diagnosis ORDER BY d.diagnosis";

/// What a broker does wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Crime {
    AnotherKey,
    ChallengeOfAnotherOwner,
    ClockBehind,
    DecisionOfAnotherRun,
    HangUp,
    KeyOfAnothersDataset,
    NoKey,
    NoProgramKey,
    None,
    PermitOfAnotherResult,
    PermitOfOtherMemory,
    RefuseToDecide,
    RefuseToPermit,
    WrongKey,
    WrongProgramKey,
}

/// What is sealed, and what happens to it.
#[derive(Clone)]
pub(crate) struct Setting {
    /// The values of the column that the query groups by.
    pub(crate) diagnoses: [String; 2],
    pub(crate) patients: usize,
    /// What the probe's copy ends in.
    pub(crate) runtime: &'static [u8],
    /// Called when the keep has proved itself to the first owner, and has no key yet.
    pub(crate) at_claim: Option<Arc<dyn Fn() + Send + Sync>>,
    /// Called while the keep holds a result that it asks the first owner to permit.
    pub(crate) meanwhile: Option<Arc<dyn Fn() + Send + Sync>>,
    /// What is computed instead of the query.
    pub(crate) program: Option<Wasm>,
}

/// A Wasm program in the place of the query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wasm {
    /// What the launcher hands over; nothing where it is sealed.
    pub(crate) bytes: Vec<u8>,
    /// The sealed file whose digest the contract names, where it is sealed.
    pub(crate) sealed: Option<Vec<u8>>,
    pub(crate) artifact: Vec<u8>,
    /// The lines of the computation in the contract, but for who runs it, who gets the result and what is read.
    pub(crate) lines: String,
}

impl Default for Setting {
    fn default() -> Self {
        let diagnoses = ["healthy", "ill"].map(Into::into);
        Self { diagnoses, patients: 40, runtime: b"\ncasemate-study\n", at_claim: None, meanwhile: None, program: None }
    }
}

pub(crate) struct Study {
    at_claim: Option<Arc<dyn Fn() + Send + Sync>>,
    meanwhile: Option<Arc<dyn Fn() + Send + Sync>>,
    signed: SignedContract,
    contract: FullySigned,
    manifest: Manifest,
    files: Vec<(&'static str, Vec<u8>)>,
    program: Option<Wasm>,
    runtime: (tempfile::TempDir, std::path::PathBuf),
    released: Arc<AtomicUsize>,
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn broker_key(owner: usize) -> SigningKey {
    key(40 + u8::try_from(owner).unwrap())
}

pub(crate) fn dataset_key(owner: usize) -> [u8; 32] {
    // No pattern that memory holds by itself, and each process its own: it is looked for.
    let own = std::process::id().to_le_bytes();
    std::array::from_fn(|index| u8::try_from(((owner + 1) * 101 + index * 57) & 0xff).unwrap() ^ 0xa7 ^ own[index % 2])
}

/// Of [`Wasm::sealed`].
pub(crate) fn program_key() -> [u8; 32] {
    dataset_key(2)
}

fn sealed(owner: usize, setting: &Setting) -> Vec<u8> {
    let mut csv = String::from(if owner == 0 { "patient,radius\n" } else { "patient,diagnosis\n" });
    for patient in 0..setting.patients {
        let diagnosis = &setting.diagnoses[patient % 2];
        match owner {
            0 => csv.push_str(&format!("{patient},{patient}.0\n")),
            _ => csv.push_str(&format!("{patient},{diagnosis}\n")),
        }
    }
    let schema = table::infer_csv(csv.as_bytes()).unwrap().schema;
    let prefix = aad_prefix(&[u8::try_from(owner).unwrap(); 16], &[u8::try_from(owner).unwrap() + 8; 16]);
    let mut file = Vec::new();
    table::seal_csv(csv.as_bytes(), &mut file, &schema, &dataset_key(owner), &prefix, |_| {}).unwrap();
    file
}

fn toml(files: &[(&str, Vec<u8>)], recipient: &str, program: Option<&Wasm>) -> String {
    let lacks: Vec<String> = Lack::ALL.iter().map(|lack| format!("\"{lack}\"")).collect();
    let mut text = format!(
        "[study]\nid = \"test\"\nsequence = 1\npurpose = \"p\"\nlegal_basis = \"l\"\nexpires = 2030-01-01T00:00:00Z\n\
         isolations = [\"process\"]\naccept_lacks = [{}]\nregions = [\"any\"]\n\
         [parties.researcher]\nkey = \"{}\"\nrecipient = \"{recipient}\"\nlaunchers = [\"{}\"]\n",
        lacks.join(", "),
        key(3).public(),
        key(9).public(),
    );
    for (index, owner) in OWNERS.iter().enumerate() {
        let (identity, broker) = (key(1 + u8::try_from(index).unwrap()).public(), broker_key(index).public());
        let column = ["radius = \"float64\"", "diagnosis = \"utf8\""][index];
        text.push_str(&format!(
            "[parties.{owner}]\nkey = \"{identity}\"\nbroker = {{ key = \"{broker}\", address = \"127.0.0.1:{}\" }}\n\
             [datasets.{}]\nowner = \"{owner}\"\nid = \"{}\"\nversion = \"{}\"\ndigest = \"{}\"\nformat = \"parquet\"\n\
             entity = \"patient\"\ncolumns = {{ patient = \"int64\", {column} }}\n\
             gate = {{ min_entities = 5, max_rows = 10, max_bytes = 65536 }}\n",
            7000 + index,
            DATASETS[index],
            format!("{index:02x}").repeat(16),
            format!("{:02x}", index + 8).repeat(16),
            Digest::of(&files[index].1),
        ));
    }
    if let Some((_, file)) = files.get(OWNERS.len()) {
        text.push_str(&format!(
            "[datasets.{MODEL}]\nowner = \"{}\"\nid = \"{}\"\nversion = \"{}\"\ndigest = \"{}\"\nformat = \"age\"\n\
             gate = {{ min_entities = 5, max_rows = 10, max_bytes = 65536 }}\n",
            OWNERS[1],
            "02".repeat(16),
            "0a".repeat(16),
            Digest::of(file),
        ));
    }
    let what = program.map_or_else(|| format!("sql = \"{SQL}\""), |program| program.lines.clone());
    text.push_str(&format!(
        "[computations.by-diagnosis]\n{what}\nrunners = [\"researcher\"]\nrecipients = [\"researcher\"]\n\
         reads = {{ measurements = [\"patient\", \"radius\"], diagnoses = [\"patient\", \"diagnosis\"] }}\n"
    ));
    text
}

impl Study {
    pub(crate) fn new() -> Self {
        Self::with(Setting::default())
    }

    pub(crate) fn with(setting: Setting) -> Self {
        let tables = (0..OWNERS.len()).map(|owner| (DATASETS[owner], sealed(owner, &setting)));
        let model = setting.program.as_ref().and_then(|program| program.sealed.clone()).map(|file| (MODEL, file));
        let files: Vec<(&str, Vec<u8>)> = tables.chain(model).collect();
        let recipient = blob::recipient(&[77; 32]).unwrap();
        let contract = Contract::parse(&toml(&files, &recipient, setting.program.as_ref()), AT).unwrap();
        let mut signed = SignedContract::new(Compiled::new(contract));
        (1..=3).for_each(|seed| drop(signed.sign(&key(seed)).unwrap()));
        let contract = FullySigned::check(signed.clone()).unwrap();
        let (computation, runner) = ("by-diagnosis".parse().unwrap(), "researcher".parse().unwrap());
        let run = RunId::from_bytes([5; 16]);
        let manifest = Manifest::derive(&contract, &computation, run, &runner, Isolation::Process).unwrap();
        let released = Arc::new(AtomicUsize::new(0));
        Self {
            signed,
            contract,
            manifest,
            files,
            program: setting.program,
            runtime: probe_with(setting.runtime),
            released,
            at_claim: setting.at_claim,
            meanwhile: setting.meanwhile,
        }
    }

    pub(crate) const fn recipient_secret(&self) -> [u8; 32] {
        [77; 32]
    }

    /// How many brokers have released a key.
    pub(crate) fn released(&self) -> usize {
        self.released.load(Ordering::SeqCst)
    }

    /// The contract without one of its signatures.
    pub(crate) fn unsigned(&self) -> Vec<u8> {
        let mut fewer = SignedContract::new(self.signed.compiled().clone());
        (1..=2).for_each(|seed| drop(fewer.sign(&key(seed)).unwrap()));
        fewer.to_bytes()
    }

    /// The run, with a broker for each owner that commits its crime, on a thread of its own.
    pub(crate) fn spec(&self, crimes: [Crime; 2]) -> Spec {
        let mut spec = spec(SQL);
        if let Some(program) = &self.program {
            spec.program.clone_from(&program.bytes);
            spec.artifact.clone_from(&program.artifact);
            spec.sealed_program = program.sealed.as_ref().map(|_| MODEL.into());
        }
        spec.runtime = self.runtime.1.clone();
        spec.contract = self.signed.to_bytes();
        spec.manifest = self.manifest.bytes().to_vec();
        let limits = self.manifest.fields().limits;
        spec.limits.memory_bytes = limits.memory_bytes;
        spec.limits.open_files = 256;
        let dataset = |(name, bytes): &(&str, Vec<u8>)| Dataset { name: (*name).into(), file: read_only(bytes) };
        spec.datasets = self.files.iter().map(dataset).collect();
        for (owner, crime) in crimes.into_iter().enumerate() {
            let listener = BlockingListener::bind("127.0.0.1:0").unwrap();
            spec.brokers.push(broker(OWNERS[owner], listener.local_addr().unwrap()));
            let desk = Desk {
                owner,
                crime,
                contract: self.contract.clone(),
                manifest: self.manifest.clone(),
                runtime: Digest::of(&std::fs::read(&self.runtime.1).unwrap()),
                released: Arc::clone(&self.released),
                at_claim: self.at_claim.clone().filter(|_| owner == 0),
                meanwhile: self.meanwhile.clone().filter(|_| owner == 0),
            };
            std::thread::spawn(move || desk.serve(listener));
        }
        spec
    }
}

pub(crate) fn read_only(bytes: &[u8]) -> File {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    File::open(file.path()).unwrap()
}

/// One owner's broker.
struct Desk {
    owner: usize,
    crime: Crime,
    contract: FullySigned,
    manifest: Manifest,
    runtime: Digest,
    released: Arc<AtomicUsize>,
    at_claim: Option<Arc<dyn Fn() + Send + Sync>>,
    meanwhile: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Desk {
    fn serve(self, listener: BlockingListener) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            listener.set_nonblocking(true).unwrap();
            let (stream, _) = TcpListener::from_std(listener).unwrap().accept().await.unwrap();
            // Where the keep gives the run up, a step fails; what matters is how the run ended.
            let _ended = self.converse(stream).await;
        });
    }

    fn name(&self) -> PartyName {
        OWNERS[self.owner].parse().unwrap()
    }

    async fn converse(&self, stream: TcpStream) -> Option<()> {
        let own = if self.crime == Crime::AnotherKey { key(99) } else { broker_key(self.owner) };
        let Incoming::Keep(arrived) = accept(stream, &own).await.ok()? else { return None };
        let now = if self.crime == Crime::ClockBehind { UnixTime(AT.0 - 700) } else { AT };
        let nonce = [u8::try_from(self.owner).unwrap(); 32];
        let owner = match self.crime {
            Crime::ChallengeOfAnotherOwner => "clinic".parse().unwrap(),
            _ => self.name(),
        };
        let challenge = ChallengeStatement { nonce, session: [1; 16], at: now, owner }.sign(&own);
        let challenging = arrived.challenge(challenge, nonce).await.ok()?;
        let claimed = challenging.claimed(WAIT).await.ok()?;
        if let Some(at_claim) = &self.at_claim {
            at_claim();
        }
        if self.crime == Crime::HangUp {
            return None;
        }
        let refusal = || vec![Reason::new("test-refusal", "a", "b", "c")];
        if self.crime == Crime::RefuseToDecide {
            return claimed.refuse(refusal()).await.ok();
        }
        let evidence = Evidence::from_bytes(&claimed.claim().evidence).unwrap();
        let launcher = key(9).public();
        let authentic =
            authenticate(&evidence, &Endorsements::of_launchers([launcher]), &claimed.expectation(), AT).unwrap();
        let domain = Domain::new(
            OWNERS[self.owner],
            vec![Launcher { name: "host".into(), key: launcher }],
            vec![Runtime { name: "runtime".into(), digest: self.runtime }],
            Some(Process { accept_lacks: Lack::ALL.iter().copied().collect::<BTreeSet<_>>() }),
        );
        let Verdict::Accepted(accepted) = appraise(authentic, &domain.unwrap(), AT) else { panic!("denied") };
        assert_eq!(claimed.claim().manifest, self.manifest.bytes());
        let keep_key = claimed.keep().spki_digest();
        let decision = self.decision(keep_key, evidence.digest(), now).sign(&own);
        let decided = claimed.admit(accepted, AT).ok()?.decide(decision).await.ok()?;
        let assembled = decided.assembled(WAIT).await.ok()?;
        assert_eq!(assembled.decisions().len(), OWNERS.len());
        let receipt = durable(&self.receipt(Event::Release, assembled.verdict(), None), &own);
        let released = assembled.release(receipt, self.keys(), AT).await.ok()?;
        self.released.fetch_add(usize::from(self.crime != Crime::NoKey), Ordering::SeqCst);
        let asked = released.permit_asked(WAIT).await.ok()?;
        if let Some(meanwhile) = &self.meanwhile {
            meanwhile();
        }
        if self.crime == Crime::RefuseToPermit {
            return asked.refuse(refusal()).await.ok();
        }
        let gates: Vec<GateOutcome> = decode(&asked.request().gates, 1 << 16).unwrap();
        let result = match self.crime {
            Crime::PermitOfAnotherResult => Digest::of(b"another"),
            _ => asked.request().result,
        };
        let (run, contract) = (self.manifest.fields().run, self.contract.digest());
        let ordinary_bytes = asked.request().ordinary_bytes + u64::from(self.crime == Crime::PermitOfOtherMemory);
        let owner = self.name();
        let permit =
            PermitStatement { run, contract, keep_key, owner, result, gates, budget_debit: 0, at: now, ordinary_bytes };
        let receipt = durable(&self.receipt(Event::Permit, asked.verdict(), Some(asked.request())), &own);
        asked.permit(permit.sign(&own), receipt).await.ok()
    }

    fn receipt(&self, event: Event, verdict: &Accepted<Bound>, asked: Option<&PermitRequest>) -> ReceiptBody {
        ReceiptBody {
            study: Some("outcomes".into()),
            contract: Some(self.contract.digest()),
            run: Some(*self.manifest.fields().run.as_bytes()),
            manifest: Some(self.manifest.digest()),
            evidence: Some(verdict.evidence_digest()),
            domain: Some(verdict.domain_digest()),
            keep_key: Some(verdict.binding().binding().own_key),
            isolation: Some("process".into()),
            datasets: self.manifest.fields().datasets.iter().map(|dataset| dataset.name.to_string()).collect(),
            result: asked.map(|asked| asked.result),
            ordinary_bytes: asked.map(|asked| asked.ordinary_bytes),
            ..ReceiptBody::new(event, OWNERS[self.owner], AT)
        }
    }

    fn decision(&self, keep_key: Digest, evidence: Digest, at: UnixTime) -> DecisionStatement {
        let run = match self.crime {
            Crime::DecisionOfAnotherRun => RunId::from_bytes([6; 16]),
            _ => self.manifest.fields().run,
        };
        DecisionStatement {
            run,
            contract: self.contract.digest(),
            manifest: self.manifest.digest(),
            keep_key,
            evidence,
            domain: Digest::of(b"domain"),
            owner: self.name(),
            at,
            expires: at.plus_s(300),
        }
    }

    fn keys(&self) -> Vec<DatasetKey> {
        let mut keys = self.keys_of_tables();
        let is_author =
            self.owner == 1 && self.manifest.fields().datasets.iter().any(|dataset| dataset.name.as_str() == MODEL);
        if is_author && self.crime != Crime::NoProgramKey {
            let key = if self.crime == Crime::WrongProgramKey { [0; 32] } else { program_key() };
            keys.push(DatasetKey { dataset: MODEL.to_owned(), key });
        }
        keys
    }

    fn keys_of_tables(&self) -> Vec<DatasetKey> {
        let dataset = DATASETS[self.owner].to_owned();
        match self.crime {
            Crime::NoKey => Vec::new(),
            Crime::KeyOfAnothersDataset => {
                vec![DatasetKey { dataset: DATASETS[1 - self.owner].to_owned(), key: dataset_key(1 - self.owner) }]
            }
            Crime::WrongKey => vec![DatasetKey { dataset, key: [0; 32] }],
            _ => vec![DatasetKey { dataset, key: dataset_key(self.owner) }],
        }
    }
}
