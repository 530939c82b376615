//! `casemate key`: the card, backups, rotation.

use casemate_contract::{CardDataset, PartyCard};
use casemate_cose::encode;
use casemate_keyring::{Backup, PartyKeys, WORK_FACTOR_DEFAULT, WrappedKey};
use casemate_store::{DatasetVersion, Store};
use serde_json::json;

use crate::{
    cli::{CardArgs, Global, KeyFileArgs, KeyRotateArgs, KeyVerb},
    failure::{Failure, Outcome},
    files,
    random::random,
    runtime,
    screen::Screen,
    state::{self, State},
};

use super::{dataset::content, explain};

/// Dispatches `casemate key`.
pub(crate) async fn key(verb: &KeyVerb, global: &Global, screen: Screen) -> Outcome {
    match verb {
        KeyVerb::Backup(args) => backup(args, global, screen).await,
        KeyVerb::Restore(args) => restore(args, global, screen).await,
        KeyVerb::Rotate(args) => rotate(args, global, screen).await,
        KeyVerb::Card(args) => card(args, global, screen).await,
    }
}

async fn backup(args: &KeyFileArgs, global: &Global, screen: Screen) -> Outcome {
    let state = State::open(global)?;
    let (keys, store) = state.unlock().await?;
    let passphrase = state::passphrase(global.passphrase_file.as_deref(), "Passphrase for the backup")?;
    let wrapped = state::wrapped(&store).await?;
    let count = wrapped.len();
    let locked = Backup { keys, wrapped }.lock(&passphrase, WORK_FACTOR_DEFAULT).map_err(state::keyring)?;
    let temporary = files::temporary(&args.file)?;
    std::io::Write::write_all(&mut temporary.as_file(), locked.as_bytes())
        .map_err(|error| Failure::io("write", &args.file, &error))?;
    files::persist_new(temporary, &args.file)?;
    screen.line(format!("wrote every key of {} and {count} dataset keys into {}", state.name, args.file.display()));
    screen.line("Keep it and its passphrase apart. The ledger and the sealed files are not in it.");
    screen.object(&json!({"backup": args.file, "datasets": count}));
    Ok(())
}

/// The backup may be older than the last rotation: then the store gets back the dataset keys as the backup wraps them.
async fn restore(args: &KeyFileArgs, global: &Global, screen: Screen) -> Outcome {
    let text = files::read_text(&args.file)?;
    let passphrase = state::passphrase(global.passphrase_file.as_deref(), "Passphrase of the backup")?;
    let backup = Backup::unlock(&text, &passphrase).map_err(|error| state::in_file(&args.file, error))?;
    let path = global.state.join("keys.age");
    if path.exists() {
        return Err(Failure::input(format!("`{}` is there", path.display()))
            .help("a restore replaces no keys; move them away first"));
    }
    let locked = backup.keys.lock(&passphrase, WORK_FACTOR_DEFAULT).map_err(state::keyring)?;
    // The store first: after a crash in between there is still no key file, and the restore can be repeated.
    let is_party = global.state.join("party.toml").exists();
    let lost = if is_party {
        let state = State::open(global)?;
        let _lock = state.lock("broker")?;
        rewrap(&state.store().await?, &backup).await?
    } else {
        0
    };
    files::write(&path, locked.as_bytes())?;
    screen.line(format!("restored the keys into {}", path.display()));
    if !is_party {
        screen.line(
            "party.toml and state.db of this party have to be put back as well. If its keys were rotated after this",
        );
        screen.line("backup, put those two back first, move keys.age away and restore again.");
    }
    if lost > 0 {
        screen.line(format!(
            "{lost} datasets were sealed after this backup, and a rotation followed: their keys are lost"
        ));
    }
    screen.object(&json!({"restored": path, "datasets": backup.wrapped.len(), "lost": lost}));
    Ok(())
}

/// Puts the backup's wrapping in the place of what its keys don't open; tells how many no key opens then.
async fn rewrap(store: &Store, backup: &Backup) -> Result<usize, Failure> {
    let stored = state::wrapped(store).await?;
    let closed: Vec<_> = stored.iter().filter(|key| backup.keys.unwrap(key).is_err()).collect();
    let same = |a: &WrappedKey, b: &WrappedKey| (a.dataset_id, a.version) == (b.dataset_id, b.version);
    let found: Vec<_> = closed.iter().filter_map(|key| backup.wrapped.iter().find(|kept| same(kept, key))).collect();
    let pairs: Vec<_> =
        found.iter().map(|key| (DatasetVersion { id: key.dataset_id, version: key.version }, encode(*key))).collect();
    store.rewrap_keys(&pairs).await.map_err(state::store)?;
    Ok(closed.len() - found.len())
}

async fn rotate(args: &KeyRotateArgs, global: &Global, screen: Screen) -> Outcome {
    let state = State::open(global)?;
    let _lock = state.lock("broker")?;
    let (keys, store) = state.unlock().await?;
    let old = state::wrapped(&store).await?;
    let mut nonces = old.iter().map(|_| random()).collect::<Result<Vec<[u8; 12]>, _>>()?.into_iter();
    let (rotated, new) = keys.rotate(&random()?, &old, || nonces.next().unwrap_or_default()).map_err(state::keyring)?;
    let file = args.new_passphrase_file.as_deref().or(global.passphrase_file.as_deref());
    let passphrase = state::passphrase(file, "Passphrase from now on")?;
    let locked = rotated.lock(&passphrase, WORK_FACTOR_DEFAULT).map_err(state::keyring)?;
    replace(&state, &store, &locked, &new).await?;
    screen.line(format!(
        "{} dataset keys are wrapped under a new key; the old key file opens nothing any more",
        new.len()
    ));
    screen.object(&json!({"rotated": new.len()}));
    Ok(())
}

/// New key file beside the old one, then the store in one transaction, then the new file in place of the old: after a crash
/// in between, [`State::unlock`] finds out which of the two files opens what the store holds.
async fn replace(state: &State, store: &Store, locked: &str, new: &[WrappedKey]) -> Outcome {
    files::write(&state.next_keys(), locked.as_bytes())?;
    let pairs: Vec<_> =
        new.iter().map(|key| (DatasetVersion { id: key.dataset_id, version: key.version }, encode(key))).collect();
    store.rewrap_keys(&pairs).await.map_err(state::store)?;
    state.take_next_keys()
}

async fn card(args: &CardArgs, global: &Global, screen: Screen) -> Outcome {
    let state = State::open(global)?;
    let (keys, store) = state.unlock().await?;
    let card = make_card(&state, &keys, &store).await?;
    let object = card.sign(keys.identity());
    explain::card(&card, screen);
    if let Some(file) = &args.file {
        files::write(file, &object)?;
        screen.line(format!("written to {}", file.display()));
    }
    screen.object(&json!({
        "card": args.file, "party": card.name.as_str(), "identity": card.key.to_string(),
        "runtime": card.runtime.map(|digest| digest.to_string()),
        "datasets": card.datasets.iter().map(|dataset| dataset.name.as_str()).collect::<Vec<_>>(),
    }));
    Ok(())
}

async fn make_card(state: &State, keys: &PartyKeys, store: &Store) -> Result<PartyCard, Failure> {
    let mut datasets = Vec::new();
    for dataset in store.datasets().await.map_err(state::store)? {
        if dataset.superseded_at.is_some() || dataset.revoked_at.is_some() {
            continue;
        }
        let bad =
            |error: &dyn std::fmt::Display| Failure::machine(format!("dataset `{}`: {error}", dataset.sealed.name));
        datasets.push(CardDataset {
            name: dataset.sealed.name.parse().map_err(|error| bad(&error))?,
            id: casemate_contract::DatasetId::from_bytes(dataset.sealed.version.id),
            version: casemate_contract::VersionId::from_bytes(dataset.sealed.version.version),
            digest: dataset.sealed.digest,
            content: content(&dataset)?,
        });
    }
    let recipient = keys.recipient().map_err(state::keyring)?;
    Ok(PartyCard {
        name: state.name.clone(),
        key: keys.public(),
        recipient: Some(recipient.parse().map_err(|error| Failure::machine(format!("the recipient: {error}")))?),
        broker: state.broker(keys),
        launcher: Some(keys.launcher().public()),
        runtime: Some(runtime::digest()?),
        datasets,
    })
}
