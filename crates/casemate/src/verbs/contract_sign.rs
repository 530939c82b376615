//! `casemate contract sign`: what has to hold before this party agrees.
//!
//! 1. The contract is in order, says what it is for, and has not expired.
//! 2. Every other party is known, and has the keys here that it is known by.
//! 3. This party stands in it under its own name and keys, with its own datasets as they were sealed.
//! 4. Compiled code that it pins is what this version's compiler makes of the program: [`contract_artifact`].
//! 5. A person has read what is agreed and said yes; a script says `--yes`.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use casemate_contract::{Contract, Dataset, Party, SignedContract};
use casemate_keyring::PartyKeys;
use casemate_store::{Dataset as Stored, KnownParty, Store};
use casemate_trust::Reason;
use serde_json::json;

use crate::{
    cli::{ContractSignArgs, Global},
    clock,
    failure::{Failure, Outcome},
    output::{self, Written},
    screen::Screen,
    state::{self, State},
};

use super::{
    contract::{filled_in, load, still},
    contract_artifact,
    contract_mail::{merge_failure, merged},
    contract_terms, dataset, run_program,
};

/// Signs a contract.
pub(crate) async fn sign(args: &ContractSignArgs, global: &Global, screen: Screen) -> Outcome {
    let out = args.out.clone().unwrap_or_else(|| args.file.with_extension("contract"));
    output::check(&out, Written::Contract)?;
    let mut signed = load(&args.file).await?;
    filled_in(&args.file, signed.compiled().contract())?;
    if !args.yes && (screen.is_json() || !std::io::stdin().is_terminal()) {
        return Err(Failure::input("there is no terminal to ask on whether to sign")
            .help("read it with `casemate contract show`, then sign with --yes"));
    }
    let state = State::open(global)?;
    let (keys, store) = state.unlock().await?;
    let party = signed.sign(keys.identity()).map_err(|error| Failure::input(error.to_string()).help(error.help()))?;
    let known = agreeable(&state, &keys, &store, signed.compiled().contract()).await?;
    let artifacts = contract_artifact::check(signed.compiled().contract(), &run_program::beside(&args.file))?;
    if !artifacts.is_empty() {
        return Err(Failure::refused(format!("{party} does not sign this contract"), artifacts));
    }
    contract_terms::show(signed.compiled(), &party, &known, screen);
    if !args.yes && !is_confirmed(&format!("Sign this as {party}?"))? {
        return Err(Failure::refused("not signed", Vec::new()));
    }
    let study = signed.compiled().contract().study();
    let digest = signed.compiled().digest();
    let merged = store
        .merge_contract(&digest, study.id.as_str(), study.sequence, clock::now(), |stored| merged(stored, &signed))
        .await
        .map_err(merge_failure)?;
    output::write(&out, Written::Contract, &merged.bytes)?;
    let all = SignedContract::from_bytes(&merged.bytes).map_err(|error| Failure::machine(error.to_string()))?;
    let missing: Vec<_> = all.missing().iter().map(ToString::to_string).collect();
    screen.line(format!("{party} signed {digest}"));
    screen.line(format!("  written to {}; {}", out.display(), still(&missing)));
    screen.object(&json!({
        "party": party.as_str(), "digest": digest.to_string(), "contract": out, "missing": missing,
    }));
    Ok(())
}

fn is_confirmed(question: &str) -> Result<bool, Failure> {
    let failed = |error| Failure::machine(format!("cannot ask: {error}"));
    let mut screen = std::io::stderr();
    write!(screen, "{question} [y/N] ").and_then(|()| screen.flush()).map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Refuses what this party can't mean to sign. Gives back whom it knows.
async fn agreeable(
    state: &State,
    keys: &PartyKeys,
    store: &Store,
    contract: &Contract,
) -> Result<Vec<KnownParty>, Failure> {
    let known = store.parties().await.map_err(state::store)?;
    let datasets = store.datasets().await.map_err(state::store)?;
    let mut reasons = Vec::new();
    let (expires, now) = (contract.study().expires, clock::now());
    if expires <= now {
        reasons.push(Reason::new(
            "contract-expired",
            format!("a contract that lasts beyond {now}"),
            expires.to_string(),
            "write its successor",
        ));
    }
    for party in contract.parties() {
        if party.key == keys.public() {
            reasons.extend(own_party(state, keys, party)?);
        } else {
            reasons.extend(other_party(party, &known));
        }
    }
    for dataset in contract.datasets().iter().filter(|dataset| dataset.owner == state.name) {
        reasons.extend(own_dataset(dataset, &datasets)?);
    }
    if reasons.is_empty() {
        return Ok(known);
    }
    Err(Failure::refused(format!("{} does not sign this contract", state.name), reasons))
}

/// What differs between this party and what the contract says of it.
fn own_party(state: &State, keys: &PartyKeys, party: &Party) -> Result<Vec<Reason>, Failure> {
    const REMEDY: &str = "give whoever wrote the contract a new card: `casemate key card`";
    let mut reasons = Vec::new();
    if party.name != state.name {
        reasons.push(Reason::new("own-name", format!("`{}`", state.name), format!("`{}`", party.name), REMEDY));
    }
    let own = keys.broker().public();
    if let Some(broker) = party.broker.as_ref().filter(|broker| broker.key != own) {
        reasons.push(Reason::new("own-broker", own.to_string(), broker.key.to_string(), REMEDY));
    }
    let own = keys.recipient().map_err(state::keyring)?;
    if let Some(recipient) = party.recipient.as_ref().filter(|recipient| recipient.as_str() != own) {
        reasons.push(Reason::new("own-recipient", own, recipient.to_string(), REMEDY));
    }
    Ok(reasons)
}

/// What differs between another party as it is known and as the contract has it.
fn other_party(party: &Party, known: &[KnownParty]) -> Vec<Reason> {
    let name = &party.name;
    let remedy =
        format!("compare the keys with {name} over another channel; `casemate party add` takes its newest card");
    let Some(known) = known.iter().find(|known| known.name == name.as_str()) else {
        let expected = format!("a party that is known: `{name}`");
        let holder = known.iter().find(|known| known.key == party.key);
        let actual = holder.map_or_else(
            || format!("a stranger with the key {}", party.key),
            |holder| format!("the key of `{}`", holder.name),
        );
        return vec![Reason::new("party-unknown", expected, actual, remedy)];
    };
    let mut reasons = Vec::new();
    let mut differs = |rule: &str, expected: Option<String>, actual: Option<String>| {
        if let (Some(expected), Some(actual)) = (expected, actual)
            && expected != actual
        {
            reasons.push(Reason::new(rule, format!("{expected}, `{name}` as it is known"), actual, remedy.clone()));
        }
    };
    differs("party-key", Some(known.key.to_string()), Some(party.key.to_string()));
    let broker = party.broker.as_ref().map(|broker| broker.key.to_string());
    differs("party-broker", known.broker.map(|key| key.to_string()), broker);
    differs("party-recipient", known.recipient.clone(), party.recipient.as_ref().map(ToString::to_string));
    reasons
}

/// What differs between a dataset of this party's and what the contract says of it.
fn own_dataset(agreed: &Dataset, datasets: &[Stored]) -> Result<Vec<Reason>, Failure> {
    let remedy = "give whoever wrote the contract a new card: `casemate key card`";
    let name = &agreed.name;
    let version = |stored: &&Stored| stored.sealed.version.version == *agreed.version.as_bytes();
    let Some(stored) = datasets.iter().find(version) else {
        let expected = format!("a version of `{name}` that this party sealed");
        return Ok(vec![Reason::new("own-dataset-version", expected, format!("`{}`", agreed.version), remedy)]);
    };
    let mut reasons = Vec::new();
    let mut differs = |rule: &str, expected: String, actual: String| {
        if expected != actual {
            reasons.push(Reason::new(rule, format!("`{name}`: {expected}"), actual, remedy));
        }
    };
    differs("own-dataset-id", hex::encode(stored.sealed.version.id), hex::encode(agreed.id.as_bytes()));
    differs("own-dataset-digest", stored.sealed.digest.to_string(), agreed.digest.to_string());
    let content = dataset::content(stored)?;
    if content != agreed.content {
        differs("own-dataset-columns", dataset::in_words(&content), dataset::in_words(&agreed.content));
    }
    if let Some(at) = stored.revoked_at {
        reasons.push(Reason::new(
            "own-dataset-revoked",
            format!("`{name}`, not revoked"),
            format!("revoked at {at}"),
            "seal it again",
        ));
    }
    Ok(reasons)
}
