//! `casemate contract send`, `receive` and `discard`: contracts and signatures by way of the owners' brokers.

use std::path::{Path, PathBuf};

use casemate_contract::{Broker, SignatureError, SignedContract};
use casemate_service::{ChannelError, MailError, deliver_contract, fetch_contracts};
use casemate_store::{Discarded, MergeError};
use serde_json::{Value, json};

use crate::{
    cli::{ContractFileArgs, ContractReceiveArgs, Global},
    clock,
    failure::{Failure, Outcome},
    files,
    output::{self, Written},
    screen::Screen,
    state::{self, State},
};

use super::contract::{read_signed, still};

/// Brings a contract to every owner's broker that it names.
pub(crate) async fn send(args: &ContractFileArgs, global: &Global, screen: Screen) -> Outcome {
    let signed = read_signed(&args.file)?;
    let state = State::open(global)?;
    let (keys, _store) = state.unlock().await?;
    let bytes = signed.to_bytes();
    let mut sent = Vec::new();
    for (owner, broker) in brokers(&signed) {
        let address = broker.address.as_str();
        deliver_contract(address, broker.key.spki_digest(), keys.identity(), bytes.clone())
            .await
            .map_err(|error| mail_failure(&owner, error))?;
        screen.line(format!("delivered to the broker of {owner} at {address}"));
        sent.push(json!({"owner": owner, "address": address}));
    }
    screen.object(&json!({"digest": signed.compiled().digest().to_string(), "sent": sent}));
    Ok(())
}

/// Completes one contract from all its brokers, or writes down what waits at the own broker.
pub(crate) async fn receive(args: &ContractReceiveArgs, global: &Global, screen: Screen) -> Outcome {
    let state = State::open(global)?;
    let contracts = match &args.file {
        Some(path) => vec![complete(path, &state, screen).await?],
        None => waiting(&state, screen).await?,
    };
    if contracts.is_empty() {
        screen.line("no contract waits at this party's broker");
    }
    screen.object(&json!({"contracts": contracts}));
    Ok(())
}

async fn complete(path: &Path, state: &State, screen: Screen) -> Result<Value, Failure> {
    let mut signed = read_signed(path)?;
    let (keys, store) = state.unlock().await?;
    let study = signed.compiled().contract().study().clone();
    let digest = signed.compiled().digest();
    for (owner, broker) in brokers(&signed) {
        let (address, key) = (broker.address.as_str(), broker.key.spki_digest());
        let found = fetch_contracts(address, key, keys.identity(), study.id.as_str(), Some(digest)).await;
        for bytes in found.map_err(|error| mail_failure(&owner, error))? {
            let copy = SignedContract::from_bytes(&bytes).map_err(|error| signature_failure(&error))?;
            for party in signed.merge(&copy).map_err(|error| signature_failure(&error))? {
                screen.line(format!("  signature of {party}, from the broker of {owner}"));
            }
        }
    }
    store
        .merge_contract(&digest, study.id.as_str(), study.sequence, clock::now(), |stored| merged(stored, &signed))
        .await
        .map_err(merge_failure)?;
    output::write(path, Written::Contract, &signed.to_bytes())?;
    Ok(report(path, &signed, screen))
}

async fn waiting(state: &State, screen: Screen) -> Result<Vec<Value>, Failure> {
    let stored = state.store().await?.contracts().await.map_err(state::store)?;
    let mut reports = Vec::new();
    for contract in &stored {
        let mut signed = SignedContract::from_bytes(&contract.bytes).map_err(|error| signature_failure(&error))?;
        let is_alone = stored.iter().filter(|other| other.study == contract.study).count() == 1;
        let path = received_path(&signed, is_alone, screen);
        if path.exists() {
            signed = same_contract(&path, &signed)?;
        }
        output::write(&path, Written::Contract, &signed.to_bytes())?;
        reports.push(report(&path, &signed, screen));
    }
    Ok(reports)
}

/// The file name under which a received contract is written: its study's where no other contract has that name, or else
/// one with its digest.
fn received_path(signed: &SignedContract, is_alone: bool, screen: Screen) -> PathBuf {
    let study = signed.compiled().contract().study();
    let plain = PathBuf::from(format!("{}.contract", study.id));
    let why = match (plain.exists(), is_alone) {
        (true, _) if same_contract(&plain, signed).is_ok() => return plain,
        (true, _) => format!("`{}` is another contract and stays as it is", plain.display()),
        (false, true) => return plain,
        (false, false) => format!("several contracts of {} are here", study.id),
    };
    let digest = signed.compiled().digest();
    screen.line(format!("{why}: this one is named by its digest, {digest}"));
    PathBuf::from(format!("{}-{}-{}.contract", study.id, study.sequence, digest.short()))
}

/// The contract with the signatures that its file has already. Another contract in that file is not replaced.
fn same_contract(path: &Path, signed: &SignedContract) -> Result<SignedContract, Failure> {
    let held = files::read(path)?;
    signed.merged_into(Some(&held)).map_err(|error| {
        Failure::input(format!("`{}` is not replaced: {error}", path.display())).help("move the file away")
    })
}

/// Throws away what came by mail.
pub(crate) async fn discard(args: &ContractFileArgs, global: &Global, screen: Screen) -> Outcome {
    let digest = read_signed(&args.file)?.compiled().digest();
    let store = State::open(global)?.store().await?;
    match store.discard_mail(&digest).await.map_err(state::store)? {
        Discarded::Removed => {
            screen.line(format!("{digest} waits at this party's broker no more; the file stays"));
            screen.object(&json!({"discarded": digest.to_string()}));
            Ok(())
        }
        Discarded::Own => Err(Failure::refused(format!("{digest} is this party's own contract"), Vec::new())
            .help("what is signed can't be taken back; it ends when it expires or is superseded")),
        Discarded::Unknown => Err(Failure::input(format!("{digest} does not wait at this party's broker"))),
    }
}

fn report(path: &Path, signed: &SignedContract, screen: Screen) -> Value {
    let study = signed.compiled().contract().study();
    let missing: Vec<_> = signed.missing().iter().map(ToString::to_string).collect();
    screen.line(format!("{}: study {}, sequence {}, {}", path.display(), study.id, study.sequence, still(&missing)));
    json!({
        "path": path, "study": study.id.as_str(), "sequence": study.sequence,
        "digest": signed.compiled().digest().to_string(), "missing": missing,
    })
}

fn brokers(signed: &SignedContract) -> Vec<(String, Broker)> {
    let parties = signed.compiled().contract().parties().iter();
    parties.filter_map(|party| party.broker.clone().map(|broker| (party.name.to_string(), broker))).collect()
}

fn mail_failure(owner: &str, error: MailError) -> Failure {
    match error {
        MailError::Channel(ChannelError::Refused(reasons)) => {
            Failure::refused(format!("the broker of {owner} refused"), reasons)
        }
        error @ MailError::Unreachable { .. } => Failure::machine(format!("{owner}: {error}"))
            .help(format!("ask {owner} to start `casemate broker run`, and check the address in the contract")),
        error => Failure::machine(format!("the broker of {owner}: {error}")),
    }
}

fn signature_failure(error: &SignatureError) -> Failure {
    Failure::input(error.to_string()).help(error.help())
}

/// The stored copy of a contract with the signatures of another copy.
pub(crate) fn merged(stored: Option<&[u8]>, signed: &SignedContract) -> Result<Vec<u8>, SignatureError> {
    signed.merged_into(stored).map(|merged| merged.to_bytes())
}

/// A contract that could not be merged with the stored copy.
pub(crate) fn merge_failure(error: MergeError<SignatureError>) -> Failure {
    match error {
        MergeError::Merge(error) => signature_failure(&error),
        MergeError::Store(error) => state::store(error),
    }
}
