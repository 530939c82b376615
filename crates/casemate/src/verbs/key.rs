//! `casemate key`: the card, backups, rotation.

use std::collections::{BTreeMap, BTreeSet};

use casemate_contract::{CardDataset, PartyCard, SignedContract};
use casemate_cose::{PublicKey, encode};
use casemate_keyring::{Backup, PartyKeys, WORK_FACTOR_DEFAULT, WrappedKey};
use casemate_store::{DatasetVersion, Store, StoredContract};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    cli::{CardArgs, Global, KeyFileArgs, KeyRotateArgs, KeyVerb},
    failure::{Failure, Outcome},
    files,
    output::{self, Written},
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
    output::check_new(&args.file, None, "a backup replaces no file: name another, or move that one away")?;
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
    let party = State::is_party(global).then(|| State::open(global)).transpose()?;
    let _locks = party.as_ref().map(|state| Ok::<_, Failure>((state.lock("broker")?, state.alone()?))).transpose()?;
    let lost = match &party {
        Some(state) => {
            let lost = rewrap(&state.store().await?, &backup).await?;
            state.describe(&backup.keys)?;
            lost
        }
        None => 0,
    };
    state::forget_interrupted(&global.state)?;
    files::write(&path, locked.as_bytes())?;
    screen.line(format!("restored the keys into {}", path.display()));
    if party.is_none() {
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
    let _locks = (state.lock("broker")?, state.alone()?);
    let (keys, store) = state.unlock_alone().await?;
    let old = state::wrapped(&store).await?;
    let mut nonces = old.iter().map(|_| random()).collect::<Result<Vec<[u8; 12]>, _>>()?.into_iter();
    let (rotated, new) = keys.rotate(&random()?, &old, || nonces.next().unwrap_or_default()).map_err(state::keyring)?;
    let rotated = if args.launcher { rotated.with_launcher(&Zeroizing::new(random()?)) } else { rotated };
    let file = args.new_passphrase_file.as_deref().or(global.passphrase_file.as_deref());
    let passphrase = state::passphrase(file, "Passphrase from now on")?;
    let locked = rotated.lock(&passphrase, WORK_FACTOR_DEFAULT).map_err(state::keyring)?;
    let naming = if args.launcher { naming(&store, keys.launcher().public()).await? } else { Vec::new() };
    replace(&state, &store, &locked, &new, &rotated).await?;
    screen.line(format!(
        "{} dataset keys are wrapped under a new key; the old key file opens nothing any more",
        new.len()
    ));
    if args.launcher {
        say_launcher(&keys, &rotated, &naming, screen);
    } else {
        screen.line("The keys that contracts name stay, the launcher's among them: signed contracts go on.");
    }
    let launcher = args.launcher.then(|| rotated.launcher().public().to_string());
    let naming: Vec<_> = naming.iter().map(|(study, sequence)| json!({"study": study, "sequence": sequence})).collect();
    screen.object(&json!({"rotated": new.len(), "launcher": launcher, "contracts": naming}));
    Ok(())
}

/// What a new launcher key means for what others know this party by.
fn say_launcher(old: &PartyKeys, new: &PartyKeys, naming: &[(String, u64)], screen: Screen) {
    screen.line(format!("The launcher's key is new: {}", new.launcher().public()));
    screen.line(format!("                  it was: {}", old.launcher().public()));
    screen.line(
        "Contracts that name the old one refuse every keep of this host from now on. Each needs a successor, with a",
    );
    screen.line("higher `sequence` and the new key among this party's `launchers`, signed by all.");
    for (study, sequence) in naming {
        screen.line(format!("  of those here: study {study}, sequence {sequence}"));
    }
    screen.line("Owners who believe this host need the new key in their domain.toml instead; the old one counts for a broker until");
    screen.line("it is taken out there, or a successor was run. Send them a new card: casemate key card FILE");
}

/// The latest contracts, of those that this party holds, in which `launcher` may vouch for somebody's keeps.
async fn naming(store: &Store, launcher: PublicKey) -> Result<Vec<(String, u64)>, Failure> {
    let mut latest: BTreeMap<String, u64> = BTreeMap::new();
    let contracts = store.contracts().await.map_err(state::store)?;
    for contract in &contracts {
        let sequence = latest.entry(contract.study.clone()).or_default();
        *sequence = contract.sequence.max(*sequence);
    }
    let names = |contract: &&StoredContract| {
        let signed = SignedContract::from_bytes(&contract.bytes).ok();
        signed.is_some_and(|signed| {
            signed.compiled().contract().parties().iter().any(|party| party.launchers.contains(&launcher))
        })
    };
    let is_latest = |contract: &&StoredContract| latest.get(&contract.study) == Some(&contract.sequence);
    let found = contracts.iter().filter(is_latest).filter(names);
    Ok(found.map(|contract| (contract.study.clone(), contract.sequence)).collect::<BTreeSet<_>>().into_iter().collect())
}

/// New key file beside the old one, then the store in one transaction, then the new file in place of the old: after a crash
/// in between, [`State::unlock`] finds out which of the two files opens what the store holds.
async fn replace(state: &State, store: &Store, locked: &str, new: &[WrappedKey], keys: &PartyKeys) -> Outcome {
    files::write(&state.next_keys(), locked.as_bytes())?;
    let pairs: Vec<_> =
        new.iter().map(|key| (DatasetVersion { id: key.dataset_id, version: key.version }, encode(key))).collect();
    store.rewrap_keys(&pairs).await.map_err(state::store)?;
    state.describe(keys)?;
    state.take_next_keys()
}

async fn card(args: &CardArgs, global: &Global, screen: Screen) -> Outcome {
    let state = State::open(global)?;
    let (keys, store) = state.unlock().await?;
    let card = make_card(&state, &keys, &store).await?;
    let object = card.sign(keys.identity());
    explain::card(&card, screen);
    if let Some(file) = &args.file {
        output::write(file, Written::Card, &object)?;
        screen.line(format!("written to {}", file.display()));
    }
    screen.object(&json!({
        "card": args.file, "party": card.name.as_str(), "identity": card.key.to_string(),
        "launcher": card.launcher.map(|key| key.to_string()),
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
