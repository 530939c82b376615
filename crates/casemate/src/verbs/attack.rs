//! `casemate attack`: what the demo does to its own study, with a client that speaks to a broker as a keep would.
//!
//! The attacker is the party that holds the launcher's key: it can sign evidence for anything, bound to its own session.
//! What it cannot do is change what the owners signed, or reuse what another session proved.

use std::time::Duration;

use casemate_channel::keep_side::{Challenged, EvidenceSource, SourceError, connect};
use casemate_contract::{ChallengeStatement, ManifestFields, RunBundle, RunId, SignedContract};
use casemate_cose::{Digest, SigningKey, decode, encode};
use casemate_evidence::{Evidence, software};
use casemate_service::ChannelError;
use serde_json::json;
use tokio::net::TcpStream;

use crate::{
    cli::{Attack, Global},
    clock,
    failure::{Failure, Outcome},
    files,
    random::random,
    screen::Screen,
    state::State,
};

const WAIT: Duration = Duration::from_secs(30);
const CHALLENGE_BYTES_MAX: usize = 1 << 16;

/// Tries an attack; a refusal by the broker is its expected end.
pub(crate) async fn attack(attack: &Attack, global: &Global, screen: Screen) -> Outcome {
    match attack {
        Attack::AlterQuery { receipt, owner } => {
            let record = read(receipt)?;
            let (keys, _store) = State::open(global)?.unlock().await?;
            let (contract, manifest) = altered(&record)?;
            let launcher = Forger { record: &record, manifest: Digest::of(&manifest), key: keys.launcher() };
            present(&record, owner, &launcher, &manifest, &contract, screen).await
        }
        Attack::Replay { receipt, owner } => {
            let record = read(receipt)?;
            let old = record.brokers.iter().find(|broker| broker.owner.as_str() == owner);
            let old = old.ok_or_else(|| Failure::input(format!("the record has nothing of `{owner}`")))?;
            let recorded = Recorded(old.evidence.clone());
            present(&record, owner, &recorded, &record.manifest, &record.contract, screen).await
        }
    }
}

fn read(path: &std::path::Path) -> Result<RunBundle, Failure> {
    RunBundle::from_bytes(&files::read(path)?)
        .map_err(|error| Failure::input(format!("`{}` is no record of a run: {error}", path.display())))
}

/// The signed contract with one byte of its SQL changed, and the manifest that would follow from it.
fn altered(record: &RunBundle) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let signed = SignedContract::from_bytes(&record.contract).map_err(|error| Failure::input(error.to_string()))?;
    let bytes = signed.compiled().bytes().to_vec();
    let mut changed = bytes.clone();
    let place =
        bytes.windows(6).position(|window| window == b"STDDEV").ok_or_else(|| Failure::input("no STDDEV to change"))?;
    if let Some(byte) = changed.get_mut(place + 5) {
        *byte = b'X';
    }
    let contract = replace(&record.contract, &bytes, &changed)?;
    let mut fields = ManifestFields::claimed(&record.manifest).map_err(|error| Failure::input(error.to_string()))?;
    fields.contract = Digest::of(&changed);
    fields.run = RunId::from_bytes(random()?);
    Ok((contract, encode(&fields)))
}

fn replace(within: &[u8], old: &[u8], new: &[u8]) -> Result<Vec<u8>, Failure> {
    let place = within.windows(old.len()).position(|window| window == old);
    let place = place.ok_or_else(|| Failure::input("the contract is not in its own file"))?;
    let (head, tail) = within.split_at(place);
    Ok([head, new, tail.get(old.len()..).unwrap_or_default()].concat())
}

/// Evidence of an earlier run.
struct Recorded(Vec<u8>);

impl EvidenceSource for Recorded {
    async fn evidence(&self, _: [u8; 64]) -> Result<Vec<u8>, SourceError> {
        Ok(self.0.clone())
    }
}

/// Evidence that the launcher's key signs for whatever is wanted.
struct Forger<'a> {
    record: &'a RunBundle,
    manifest: Digest,
    key: &'a SigningKey,
}

impl EvidenceSource for Forger<'_> {
    async fn evidence(&self, report_data: [u8; 64]) -> Result<Vec<u8>, SourceError> {
        let fail = |error: &dyn std::fmt::Display| SourceError(error.to_string());
        let old = self.record.brokers.first().ok_or_else(|| SourceError("no evidence to start from".to_owned()))?;
        let evidence = Evidence::from_bytes(&old.evidence).map_err(|refusal| fail(&refusal.actual()))?;
        let claimed = software::Statement::claimed(&evidence);
        let (mut statement, _) = claimed.ok_or_else(|| SourceError("no evidence to start from".to_owned()))?;
        statement.report_data = report_data;
        statement.manifest = self.manifest;
        statement.at = clock::now();
        Ok(software::sign(&statement, self.key).to_bytes())
    }
}

async fn present(
    record: &RunBundle,
    owner: &str,
    source: &impl EvidenceSource,
    manifest: &[u8],
    contract: &[u8],
    screen: Screen,
) -> Outcome {
    let signed = SignedContract::from_bytes(&record.contract).map_err(|error| Failure::input(error.to_string()))?;
    let broker = signed.compiled().contract().party(owner).and_then(|party| party.broker.clone());
    let broker = broker.ok_or_else(|| Failure::input(format!("`{owner}` has no broker in the contract")))?;
    let stream = TcpStream::connect(broker.address.as_str())
        .await
        .map_err(|error| Failure::machine(format!("the broker of {owner}: {error}")))?;
    let own = SigningKey::from_seed(&random()?);
    match try_it(stream, &own, broker.key.spki_digest(), source, manifest, contract).await {
        Err(ChannelError::Refused(reasons)) => Err(Failure::refused(format!("the broker of {owner} refused"), reasons)),
        Err(error) => Err(Failure::machine(error.to_string())),
        Ok(()) => {
            screen.line("NOT refused: the broker decided to release");
            screen.object(&json!({"refused": false}));
            Ok(())
        }
    }
}

async fn try_it(
    stream: TcpStream,
    own: &SigningKey,
    broker: Digest,
    source: &impl EvidenceSource,
    manifest: &[u8],
    contract: &[u8],
) -> Result<(), ChannelError> {
    let challenged: Challenged<_> = connect(stream, own, broker).await?.challenged(WAIT).await?;
    let challenge: ChallengeStatement = decode(challenged.payload(), CHALLENGE_BYTES_MAX)?;
    let attested = challenged.attest(challenge.nonce, source, manifest, contract).await?;
    attested.decision(WAIT).await.map(drop)
}
