//! The conversations with the owners' brokers, all at once; each state of one is the channel's own type.

use std::{os::unix::net::UnixStream as BlockingStream, sync::Arc, time::Duration};

use casemate_attester::{Attester as _, control::Step, software::LauncherSocket};
use casemate_channel::{
    ChannelError,
    keep_side::{Attested, Decided, EvidenceSource, Released, SourceError, connect},
    message::{AbandonReason, PermitRequest},
};
use casemate_contract::{
    BrokerRecord, ChallengeStatement, DenyReason, PEER_CLOCK_MAX_S, PartyName, PermitStatement, ResultBody, check_peers,
};
use casemate_cose::{SigningKey, UnixTime, decode, encode};
use casemate_trust::Reason;
use tokio::{net::UnixStream, time::Instant};

use super::{
    Run,
    data::Key,
    refusal::{Refusal, Stop},
    terms::Terms,
};

/// How long a broker may take for a challenge, in seconds.
const CHALLENGE_S_MAX: u64 = 30;
/// How long a broker may take for a decision, a release or a permit, in seconds: receipts must become durable.
const ANSWER_S_MAX: u64 = 120;
const CHALLENGE_BYTES_MAX: usize = 4096;

/// One owner's broker, in one state of the conversation.
pub(super) struct Party<S> {
    pub(super) index: u32,
    pub(super) owner: PartyName,
    pub(super) state: S,
    pub(super) record: Record,
}

/// What has passed so far.
#[derive(Default)]
pub(super) struct Record {
    pub(super) challenge: Vec<u8>,
    pub(super) clock: Option<Clock>,
    pub(super) evidence: Vec<u8>,
    pub(super) exporter: [u8; 32],
    pub(super) decision: Vec<u8>,
    pub(super) release_receipt: Vec<u8>,
    pub(super) keys: Vec<Key>,
    pub(super) permit: Vec<u8>,
    pub(super) permit_receipt: Vec<u8>,
}

/// A broker's time, counted on from the moment when its signed challenge came: a keep has no clock of its own to trust.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    at: UnixTime,
    seen: Instant,
}

impl Clock {
    pub(super) fn now(self) -> UnixTime {
        self.at.plus_s(self.seen.elapsed().as_secs())
    }
}

/// A state in which a broker waits, and can be told that the run is given up.
pub(super) trait Abandon {
    /// Tells it, as well as the connection allows.
    fn abandon(self, reason: AbandonReason) -> impl Future<Output = ()>;
}

macro_rules! abandonable {
    ($($state:ident),*) => {$(
        impl Abandon for Party<$state<UnixStream>> {
            async fn abandon(self, reason: AbandonReason) {
                // The broker notices a closed connection as well; this only tells it why.
                let _untold = self.state.abandon(reason).await;
            }
        }
    )*};
}
abandonable!(Attested, Decided, Released);

impl Abandon for Party<()> {
    /// It has given its permit, and waits for nothing.
    async fn abandon(self, _reason: AbandonReason) {}
}

/// Gives the run up with all of `parties`.
pub(super) async fn abandon_all<S>(parties: Vec<Party<S>>, reason: AbandonReason)
where
    Party<S>: Abandon,
{
    futures::future::join_all(parties.into_iter().map(|party| party.abandon(reason))).await;
}

/// The brokers with their sockets, in the launcher's order.
pub(super) fn parties(
    terms: &Terms,
    sockets: Vec<(String, BlockingStream)>,
) -> Result<Vec<Party<UnixStream>>, Refusal> {
    let mut parties = Vec::new();
    for (index, (owner, socket)) in (0..).zip(sockets) {
        socket.set_nonblocking(true).map_err(|_| Refusal::machine())?;
        let state = UnixStream::from_std(socket).map_err(|_| Refusal::machine())?;
        parties.push(Party { index, owner: terms.party(&owner)?.name.clone(), state, record: Record::default() });
    }
    Ok(parties)
}

struct Source(Arc<LauncherSocket>);

impl EvidenceSource for Source {
    async fn evidence(&self, report_data: [u8; 64]) -> Result<Vec<u8>, SourceError> {
        let evidence = self.0.evidence(report_data).await.map_err(|error| SourceError(error.to_string()))?;
        Ok(evidence.to_bytes())
    }
}

impl<S> Party<S> {
    fn broken(index: u32) -> impl FnOnce(ChannelError) -> Stop {
        move |error| Refusal::channel(index, error).into()
    }
}

impl Party<UnixStream> {
    /// TLS to the contract's broker, its challenge, and evidence bound to both.
    pub(super) async fn attest(
        self,
        run: &Run,
        terms: &Terms,
        keep_key: &SigningKey,
    ) -> Result<Party<Attested<UnixStream>>, Stop> {
        let Self { index, owner, state, mut record } = self;
        let broken = || Self::broken(index);
        let broker = terms.party(owner.as_str())?.broker.as_ref();
        let broker = broker.ok_or_else(|| challenge_refused("a broker in the contract", "none").by(index))?;
        let connected = connect(state, keep_key, broker.key.spki_digest()).await.map_err(broken())?;
        run.step(Step::Connected, Some(index)).await?;
        let challenged = connected.challenged(Duration::from_secs(CHALLENGE_S_MAX)).await.map_err(broken())?;
        let challenge: ChallengeStatement = decode(challenged.payload(), CHALLENGE_BYTES_MAX)
            .map_err(|error| challenge_refused("a challenge", &error.to_string()).by(index))?;
        if challenge.owner != owner {
            return Err(challenge_refused(owner.as_str(), challenge.owner.as_str()).by(index).into());
        }
        record.clock = Some(Clock { at: challenge.at, seen: Instant::now() });
        record.challenge = challenged.statement().to_vec();
        record.exporter = challenged.binding(challenge.nonce, terms.manifest.digest()).exporter;
        let source = Source(Arc::clone(&run.launcher));
        let attested = challenged
            .attest(challenge.nonce, &source, terms.manifest.bytes(), &terms.contract_file)
            .await
            .map_err(broken())?;
        record.evidence = attested.evidence().to_vec();
        run.step(Step::Attested, Some(index)).await?;
        Ok(Party { index, owner, state: attested, record })
    }
}

/// Waits for every broker's decision, then checks them as the brokers will. The clock is the latest of the brokers'.
pub(super) async fn all_decided(
    run: &Run,
    terms: &Terms,
    keep_key: &SigningKey,
    attested: Vec<Party<Attested<UnixStream>>>,
) -> Result<(Vec<Party<Decided<UnixStream>>>, Clock), Stop> {
    let decided = run.all(attested, |party| party.decision(run)).await?;
    let checked = clocks(&decided).and_then(|clock| {
        let all: Vec<&[u8]> = decided.iter().map(|party| party.state.statement()).collect();
        check_peers(&all, &terms.contract, &terms.manifest, keep_key.public().spki_digest(), clock.now())
            .map_err(|reasons| Refusal::own(reasons.iter().map(DenyReason::reason).collect()))?;
        Ok(clock)
    });
    match checked {
        Ok(clock) => Ok((decided, clock)),
        Err(refusal) => {
            abandon_all(decided, AbandonReason::BrokerRefused).await;
            Err(refusal.into())
        }
    }
}

/// The latest clock, if all are within ten minutes of each other.
fn clocks<S>(parties: &[Party<S>]) -> Result<Clock, Refusal> {
    let mut clocks: Vec<(UnixTime, Clock, &PartyName)> =
        parties.iter().filter_map(|party| party.record.clock.map(|clock| (clock.now(), clock, &party.owner))).collect();
    clocks.sort_by_key(|(now, _, _)| *now);
    let (Some((first, _, behind)), Some((last, latest, ahead))) = (clocks.first(), clocks.last()) else {
        return Err(challenge_refused("a challenge of every broker", "none"));
    };
    if first.distance_s(*last) > PEER_CLOCK_MAX_S {
        let reason = Reason::new(
            "broker-clocks",
            format!("brokers' clocks within {PEER_CLOCK_MAX_S} s of each other"),
            format!("`{behind}` says {first}, `{ahead}` says {last}"),
            "set the clocks of both machines by NTP",
        );
        return Err(Refusal::own(vec![reason]));
    }
    Ok(*latest)
}

impl Party<Attested<UnixStream>> {
    async fn decision(self, run: &Run) -> Result<Party<Decided<UnixStream>>, Stop> {
        let Self { index, owner, state, mut record } = self;
        let decided = state.decision(Duration::from_secs(ANSWER_S_MAX)).await.map_err(Self::broken(index))?;
        record.decision = decided.statement().to_vec();
        run.step(Step::Decided, Some(index)).await?;
        Ok(Party { index, owner, state: decided, record })
    }
}

impl Party<Decided<UnixStream>> {
    /// Shows all decisions; takes exactly the keys of this owner's datasets, into secret memory.
    pub(super) async fn release(
        self,
        run: &Run,
        terms: &Terms,
        all: &[Vec<u8>],
    ) -> Result<Party<Released<UnixStream>>, Stop> {
        let Self { index, owner, state, mut record } = self;
        let wait = Duration::from_secs(ANSWER_S_MAX);
        let mut released = state.release(all, wait).await.map_err(Self::broken(index))?;
        let reads = terms.contract.contract().reads(terms.computation()?);
        let owned = reads.filter(|(dataset, _)| dataset.owner == owner);
        let mut expected: Vec<&str> = owned.map(|(dataset, _)| dataset.name.as_str()).collect();
        for mut key in released.take_keys() {
            let Some(position) = expected.iter().position(|name| *name == key.dataset) else {
                return Err(key_refused("keys of its own datasets in this run, each once", &key.dataset, index));
            };
            expected.swap_remove(position);
            let dataset = key.dataset.clone();
            let key = run.secrets.absorb(&mut key.key).ok_or_else(Refusal::machine)?;
            record.keys.push(Key { dataset, key });
        }
        if let Some(missing) = expected.first() {
            return Err(key_refused(&format!("the key of `{missing}`"), "none", index));
        }
        record.release_receipt = released.receipt().to_vec();
        run.step(Step::Released, Some(index)).await?;
        Ok(Party { index, owner, state: released, record })
    }
}

impl Party<Released<UnixStream>> {
    /// Asks for a permit for this one result, and checks that it is one; says how many bytes lay outside secret memory.
    pub(super) async fn permit(
        self,
        run: &Run,
        terms: &Terms,
        keep_key: &SigningKey,
        (body, ordinary_bytes): (&ResultBody, u64),
    ) -> Result<Party<()>, Stop> {
        let Self { index, owner, state, mut record } = self;
        let wait = Duration::from_secs(ANSWER_S_MAX);
        let request = PermitRequest { result: body.digest(), gates: encode(&body.gates), ordinary_bytes };
        let permit = state.permit(request, wait).await.map_err(Self::broken(index))?;
        let broker = terms.party(owner.as_str())?.broker.as_ref();
        let verified = broker.and_then(|broker| PermitStatement::verify(&permit.statement, &broker.key).ok());
        let is_for_this = |permit: &PermitStatement| {
            (permit.run, permit.contract, permit.result) == (body.run, body.contract, body.digest())
                && permit.keep_key == keep_key.public().spki_digest()
                && (&permit.owner, &permit.gates, permit.ordinary_bytes) == (&owner, &body.gates, ordinary_bytes)
        };
        if !verified.as_ref().is_some_and(is_for_this) {
            let remedy = "ask the owner which version its broker runs";
            let refusal = Refusal::one("permit", "a signed permit for this result", "another object", remedy);
            return Err(refusal.by(index).into());
        }
        record.permit = permit.statement;
        record.permit_receipt = permit.receipt;
        run.step(Step::Permitted, Some(index)).await?;
        Ok(Party { index, owner, state: (), record })
    }
}

impl Party<()> {
    /// The record for the bundle.
    pub(super) fn into_record(self) -> BrokerRecord {
        let Self { owner, record, .. } = self;
        BrokerRecord {
            owner,
            challenge: record.challenge,
            evidence: record.evidence,
            exporter: record.exporter,
            decision: record.decision,
            release_receipt: record.release_receipt,
            permit: record.permit,
            permit_receipt: record.permit_receipt,
        }
    }
}

fn challenge_refused(expected: &str, actual: &str) -> Refusal {
    let remedy = "ask the owner which version its broker runs";
    Refusal::one("broker-challenge", expected, actual, remedy)
}

fn key_refused(expected: &str, actual: &str, index: u32) -> Stop {
    let remedy = "ask the owner whether its broker holds the keys of this version";
    Refusal::one("broker-keys", expected, actual, remedy).by(index).into()
}
