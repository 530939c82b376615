//! A keep that follows a script: honest by default, and able to lie at every step.

use std::{collections::BTreeSet, time::Duration};

use casemate_channel::{
    keep_side::{self, Connected, EvidenceSource, SourceError},
    message::{DatasetKey, Permit, PermitRequest},
};
use casemate_contract::{
    BrokerRecord, ChallengeStatement, FullySigned, GateOutcome, Output, ResultBody, RunBundle, RunId,
    STATEMENT_BYTES_MAX,
};
use casemate_cose::{Digest, SigningKey, decode, encode};
use casemate_evidence::{
    Binding, Isolation, Lack,
    software::{self, Statement},
};
use casemate_ledger::Event;
use casemate_service::{ChannelError, Event as Told};
use casemate_trust::Reason;
use tokio::net::TcpStream;

use crate::{
    study::{RUNTIME, keys, manifest_of, passed},
    world::{Owner, World, distinct, now},
};

const TIME: Duration = Duration::from_secs(30);
/// What an honest keep counts outside secret memory.
pub(crate) const ORDINARY_BYTES: u64 = 16 << 20;

/// What a keep and its launcher do. Each crime changes one thing in it.
pub(crate) struct Script {
    pub(crate) run: RunId,
    pub(crate) key: SigningKey,
    pub(crate) contract: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
    pub(crate) launcher: SigningKey,
    /// Changes what the evidence is bound to.
    pub(crate) bind: fn(&mut Binding),
    /// Changes what the launcher states.
    pub(crate) state: fn(&mut Statement),
    /// Changes the signed, framed evidence.
    pub(crate) forge: Box<dyn Fn(Vec<u8>) -> Vec<u8>>,
    /// The digest of the program that the contract names.
    pub(crate) program: Digest,
}

impl Script {
    /// An honest run of the contract.
    pub(crate) fn honest(contract: &FullySigned, run: u8) -> Self {
        let run = RunId::from_bytes([run; 16]);
        let manifest = manifest_of(contract, run);
        Self {
            run,
            key: SigningKey::from_seed(Digest::of_parts(&[b"keep", run.as_bytes()]).as_bytes()),
            contract: contract.signed().to_bytes(),
            program: manifest.fields().program,
            manifest: manifest.bytes().to_vec(),
            launcher: SigningKey::from_seed(keys("researcher").launcher().seed()),
            bind: |_| {},
            state: |_| {},
            forge: Box::new(|evidence| evidence),
        }
    }

    /// The launcher's signed statement over what the keep wants it bound to.
    pub(crate) fn evidence(&self, mut binding: Binding) -> Vec<u8> {
        (self.bind)(&mut binding);
        let mut statement = Statement {
            isolation: Isolation::Process,
            runtime: Digest::of(RUNTIME),
            libraries: Digest::of(b"the libraries"),
            program: self.program,
            manifest: Digest::of(&self.manifest),
            report_data: binding.report_data(),
            lacks: BTreeSet::from([Lack::SecretPlaintext]),
            secret_bytes: 4096,
            debug: false,
            at: now(),
        };
        (self.state)(&mut statement);
        (self.forge)(software::sign(&statement, &self.launcher).to_bytes())
    }
}

/// A launcher that has made its evidence already.
struct Made(Vec<u8>);

impl EvidenceSource for Made {
    async fn evidence(&self, _: [u8; 64]) -> Result<Vec<u8>, SourceError> {
        Ok(self.0.clone())
    }
}

/// A keep with one broker's decision.
pub(crate) struct Agreed {
    owner: String,
    session: keep_side::Decided<TcpStream>,
    challenge: Vec<u8>,
    evidence: Vec<u8>,
    exporter: [u8; 32],
}

impl Agreed {
    /// The decision, signed by the broker.
    pub(crate) fn decision(&self) -> Vec<u8> {
        self.session.statement().to_vec()
    }

    /// The evidence that the broker believed.
    pub(crate) fn evidence(&self) -> Vec<u8> {
        self.evidence.clone()
    }

    /// The broker's challenge, signed.
    pub(crate) fn challenge(&self) -> Vec<u8> {
        self.challenge.clone()
    }

    /// Shows the broker all decisions and takes its keys.
    pub(crate) async fn release(self, all: &[Vec<u8>]) -> Result<Keyed, ChannelError> {
        let decision = self.decision();
        let mut session = self.session.release(all, TIME).await?;
        let keys = session.take_keys();
        let record = BrokerRecord {
            owner: self.owner.parse().unwrap(),
            challenge: self.challenge,
            evidence: self.evidence,
            exporter: self.exporter,
            decision,
            release_receipt: session.receipt().to_vec(),
            permit: Vec::new(),
            permit_receipt: Vec::new(),
        };
        Ok(Keyed { session, keys, record })
    }
}

/// A keep with one broker's keys.
pub(crate) struct Keyed {
    session: keep_side::Released<TcpStream>,
    pub(crate) keys: Vec<DatasetKey>,
    record: BrokerRecord,
}

impl Keyed {
    /// Asks for a permit with whatever the keep says its gates decided.
    pub(crate) async fn permit(self, result: Digest, gates: Vec<u8>) -> Result<(Permit, BrokerRecord), ChannelError> {
        self.permit_with(PermitRequest { result, gates, ordinary_bytes: ORDINARY_BYTES }).await
    }

    /// Asks for a permit with whatever the keep says.
    pub(crate) async fn permit_with(self, request: PermitRequest) -> Result<(Permit, BrokerRecord), ChannelError> {
        let permit = self.session.permit(request, TIME).await?;
        let (statement, receipt) = (permit.statement.clone(), permit.receipt.clone());
        Ok((permit, BrokerRecord { permit: statement, permit_receipt: receipt, ..self.record }))
    }
}

/// Connects to an owner's broker, which must hold the key that the contract names.
pub(crate) async fn connect(owner: &Owner, key: &SigningKey) -> Result<Connected<TcpStream>, ChannelError> {
    keep_side::connect(TcpStream::connect(owner.address).await.unwrap(), key, owner.broker).await
}

/// From nothing to a broker's decision.
pub(crate) async fn attest(owner: &Owner, script: &Script) -> Result<Agreed, ChannelError> {
    let challenged = connect(owner, &script.key).await?.challenged(TIME).await?;
    let asked: ChallengeStatement = decode(challenged.payload(), STATEMENT_BYTES_MAX).unwrap();
    let binding = challenged.binding(asked.nonce, Digest::of(&script.manifest));
    let (exporter, challenge) = (binding.exporter, challenged.statement().to_vec());
    let evidence = script.evidence(binding);
    let source = Made(evidence.clone());
    let attested = challenged.attest(asked.nonce, &source, &script.manifest, &script.contract).await?;
    let session = attested.decision(TIME).await?;
    Ok(Agreed { owner: owner.name.to_owned(), session, challenge, evidence, exporter })
}

/// From nothing to the decisions of all brokers.
pub(crate) async fn attest_all(world: &World, script: &Script) -> Result<Vec<Agreed>, ChannelError> {
    let mut all = Vec::new();
    for owner in &world.owners {
        all.push(attest(owner, script).await?);
    }
    Ok(all)
}

/// All decisions that were given.
pub(crate) fn decisions(agreed: &[Agreed]) -> Vec<Vec<u8>> {
    agreed.iter().map(Agreed::decision).collect()
}

/// From nothing to the keys of all owners.
pub(crate) async fn release_all(world: &World, script: &Script) -> Result<Vec<Keyed>, ChannelError> {
    let agreed = attest_all(world, script).await?;
    let all = decisions(&agreed);
    let mut keyed = Vec::new();
    for one in agreed {
        keyed.push(one.release(&all).await?);
    }
    Ok(keyed)
}

/// A finished run: its record, and the result signed by the keep.
pub(crate) async fn finish(world: &World, script: &Script) -> (RunBundle, Vec<u8>) {
    let body = result(&world.contract, script.run);
    let gates = encode(&passed(&world.contract));
    let mut records = Vec::new();
    for keyed in release_all(world, script).await.unwrap() {
        records.push(keyed.permit(body.digest(), gates.clone()).await.unwrap().1);
    }
    let bundle = RunBundle::new(script.contract.clone(), script.manifest.clone(), script.key.public(), records);
    (bundle, body.sign(&script.key))
}

/// What the keep computed.
pub(crate) fn result(contract: &FullySigned, run: RunId) -> ResultBody {
    let study = contract.contract().study();
    ResultBody {
        salt: [5; 32],
        study: study.id.clone(),
        contract: contract.digest(),
        computation: "by-diagnosis".parse().unwrap(),
        run,
        output: Output::Table(b"a table".to_vec()),
        gates: Vec::<GateOutcome>::new(),
        at: now(),
    }
}

/// Why a step was refused.
pub(crate) fn reasons<T>(outcome: Result<T, ChannelError>, crime: &str) -> Vec<Reason> {
    match outcome.map(drop) {
        Err(ChannelError::Refused(reasons)) => reasons,
        Err(other) => panic!("{crime}: {other}"),
        Ok(()) => panic!("{crime}: not refused"),
    }
}

/// The rules by which a step was refused, each once.
pub(crate) fn rules<T>(outcome: Result<T, ChannelError>, crime: &str) -> Vec<String> {
    let reasons = reasons(outcome, crime);
    distinct(reasons.iter().map(|reason| reason.rule.as_str())).into_iter().map(str::to_owned).collect()
}

/// Fails unless `owner` refuses to decide for this script, by exactly these rules, with a receipt, and keeps its key.
pub(crate) async fn assert_undecided(owner: &Owner, script: &Script, expected: &[&str], crime: &str) {
    let reasons = refused_by(owner, script, expected, crime).await;
    let ledger = owner.ledger().await;
    let logged = ledger.iter().any(|body| body.event == Event::Refusal && body.reasons == reasons);
    assert!(logged, "{crime}: no receipt of {reasons:?}");
}

/// The same of a script whose contract this owner has not signed: its ledger says nothing, its operator is told.
pub(crate) async fn assert_unheard(owner: &Owner, script: &Script, expected: &[&str], crime: &str) {
    let before = owner.ledger().await.len();
    let reasons = refused_by(owner, script, expected, crime).await;
    assert_eq!(owner.ledger().await.len(), before, "{crime}: a stranger made the ledger grow");
    let told = owner.events.lock().unwrap();
    let mut told = told.iter().filter_map(|event| match event {
        Told::Unlogged { reasons, .. } => Some(reasons.iter().map(ToString::to_string).collect::<Vec<_>>()),
        _ => None,
    });
    assert_eq!(told.next_back(), Some(reasons), "{crime}");
}

async fn refused_by(owner: &Owner, script: &Script, expected: &[&str], crime: &str) -> Vec<String> {
    let reasons = reasons(attest(owner, script).await, crime);
    assert_eq!(distinct(reasons.iter().map(|reason| reason.rule.as_str())), expected, "{crime}");
    assert_eq!(owner.logged(Event::Release, *script.run.as_bytes()).await, 0, "{crime}: a key left");
    reasons.iter().map(ToString::to_string).collect()
}
