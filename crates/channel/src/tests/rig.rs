//! A broker, a host with a launcher, and both sides' way through an honest session.

use std::{collections::BTreeSet, time::Duration};

use casemate_cose::{Digest, Kind, SigningKey, UnixTime, sign, verify};
use casemate_evidence::{Bound, Evidence, Isolation, authenticate, software};
use casemate_ledger::{Event, ReceiptBody};
use casemate_testkit::durable;
use casemate_trust::{
    Accepted, Domain, Reason, Verdict, appraise,
    domain::{Launcher, Process, Runtime},
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    ChannelError,
    broker_side::{self, Arrived, Assembled, Claimed, Incoming},
    keep_side::{self, Connected, EvidenceSource, Released, SourceError},
    message::{DatasetKey, PermitRequest},
};

pub(super) const NOW: UnixTime = UnixTime(1_795_312_496);
pub(super) const TIME: Duration = Duration::from_secs(5);
pub(super) const NONCE: [u8; 32] = [0x4e; 32];
pub(super) const ORDINARY_BYTES: u64 = 16 << 20;
pub(super) const MANIFEST: &[u8] = b"a manifest";
pub(super) const CONTRACT: &[u8] = b"a signed contract";
pub(super) const DATA_KEY: [u8; 32] = [0xda; 32];
const RUNTIME: &[u8] = b"the runtime's binary";

pub(super) const BROKER: u8 = 1;
pub(super) const KEEP: u8 = 2;
pub(super) const LAUNCHER: u8 = 3;

pub(super) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

pub(super) fn digest_of(seed: u8) -> Digest {
    key(seed).public().spki_digest()
}

/// An honest host: its launcher signs what it measured with whatever report data the keep asks for.
pub(super) struct Host;

impl EvidenceSource for Host {
    async fn evidence(&self, report_data: [u8; 64]) -> Result<Vec<u8>, SourceError> {
        Ok(measured(report_data))
    }
}

/// Evidence of the keep under [`MANIFEST`].
pub(super) fn measured(report_data: [u8; 64]) -> Vec<u8> {
    let statement = software::Statement {
        isolation: Isolation::Process,
        runtime: Digest::of(RUNTIME),
        libraries: Digest::of(b"the libraries"),
        program: Digest::of(b"the program"),
        manifest: Digest::of(MANIFEST),
        report_data,
        lacks: BTreeSet::new(),
        secret_bytes: 4096,
        debug: false,
        at: NOW,
    };
    software::sign(&statement, &key(LAUNCHER)).to_bytes()
}

pub(super) fn domain() -> Domain {
    Domain::new(
        "clinic",
        vec![Launcher { name: "host".into(), key: key(LAUNCHER).public() }],
        vec![Runtime { name: "casemate".into(), digest: Digest::of(RUNTIME) }],
        Some(Process::default()),
    )
    .unwrap()
}

/// The broker's judgement: authenticate, then appraise.
pub(super) fn judge(evidence: &[u8], expectation: &Bound) -> Result<Accepted<Bound>, Vec<Reason>> {
    let evidence = Evidence::from_bytes(evidence).map_err(|refusal| vec![Reason::from(refusal)])?;
    let authenticated = authenticate(&evidence, &domain().endorsements(), expectation, NOW)
        .map_err(|refusal| vec![Reason::from(refusal)])?;
    match appraise(authenticated, &domain(), NOW) {
        Verdict::Accepted(accepted) => Ok(accepted),
        Verdict::Denied(denials) => {
            Err(denials.iter().map(|denial| Reason::new("denied", "", format!("{denial:?}"), "")).collect())
        }
    }
}

pub(super) fn challenge(nonce: [u8; 32], broker: &SigningKey) -> Vec<u8> {
    sign(Kind::Challenge, &nonce, broker)
}

pub(super) async fn arrived<S>(stream: S) -> Result<Arrived<S>, ChannelError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match broker_side::accept(stream, &key(BROKER)).await? {
        Incoming::Keep(arrived) => Ok(arrived),
        Incoming::Mail(_) => panic!("mail"),
    }
}

/// The broker until it has heard the keep's claim.
pub(super) async fn claimed<S>(stream: S, nonce: [u8; 32]) -> Result<Claimed<S>, ChannelError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let arrived = arrived(stream).await?;
    arrived.challenge(challenge(nonce, &key(BROKER)), nonce).await?.claimed(TIME).await
}

/// The broker until it could release. A claim that it does not believe is refused to the keep's face.
pub(super) async fn assembled<S>(stream: S) -> Result<Assembled<S>, ChannelError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let claimed = claimed(stream, NONCE).await?;
    let verdict = match judge(&claimed.claim().evidence, &claimed.expectation()) {
        Ok(verdict) => verdict,
        Err(reasons) => {
            claimed.refuse(reasons.clone()).await?;
            return Err(ChannelError::Refused(reasons));
        }
    };
    let statement = sign(Kind::Decision, b"allow", &key(BROKER));
    claimed.admit(verdict, NOW)?.decide(statement).await?.assembled(TIME).await
}

/// The broker until the keys are out. It looks whether the decisions came back as it gave them.
pub(super) async fn broker<S>(stream: S) -> Result<broker_side::Released<S>, ChannelError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let assembled = assembled(stream).await?;
    let [only] = assembled.decisions() else { panic!("one decision") };
    verify(Kind::Decision, only, &key(BROKER).public()).unwrap();
    let keys = vec![DatasetKey { dataset: "visits".into(), key: DATA_KEY }];
    let receipt = durable(&receipt_of(Event::Release, assembled.verdict()), &key(BROKER));
    assembled.release(receipt, keys, NOW).await
}

/// What the keep asks for.
pub(super) fn request(gates: &[u8]) -> PermitRequest {
    PermitRequest { result: Digest::of(b"result"), gates: gates.to_vec(), ordinary_bytes: ORDINARY_BYTES }
}

/// What the broker's receipt of this session says.
pub(super) fn receipt_of(event: Event, verdict: &Accepted<Bound>) -> ReceiptBody {
    ReceiptBody {
        study: Some("survival".into()),
        contract: Some(Digest::of(CONTRACT)),
        run: Some([1; 16]),
        manifest: Some(Digest::of(MANIFEST)),
        evidence: Some(verdict.evidence_digest()),
        domain: Some(verdict.domain_digest()),
        keep_key: Some(digest_of(KEEP)),
        isolation: Some("process".into()),
        datasets: vec!["visits".into()],
        result: (event == Event::Permit).then(|| Digest::of(b"result")),
        ordinary_bytes: (event == Event::Permit).then_some(ORDINARY_BYTES),
        ..ReceiptBody::new(event, "clinic", NOW)
    }
}

pub(super) async fn connected<S>(stream: S) -> Result<Connected<S>, ChannelError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    keep_side::connect(stream, &key(KEEP), digest_of(BROKER)).await
}

/// The keep until it has the keys.
pub(super) async fn keep<S>(stream: S) -> Result<Released<S>, ChannelError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let challenged = connected(stream).await?.challenged(TIME).await?;
    let nonce = challenged.payload().try_into().unwrap();
    let decided = challenged.attest(nonce, &Host, MANIFEST, CONTRACT).await?.decision(TIME).await?;
    let all = [decided.statement().to_vec()];
    decided.release(&all, TIME).await
}
