//! `casemate party`: whom this party knows.
//!
//! A name stands for one identity key until it is removed. The broker takes contracts only where a known party answers for
//! them, and `contract sign` compares every key in a contract with what is known.

use casemate_contract::PartyCard;
use casemate_store::{KnownParty, Store};
use serde_json::{Value, json};

use crate::{
    cli::{Global, PartyAddArgs, PartyNameArgs, PartyVerb},
    clock,
    failure::{Failure, Outcome},
    screen::Screen,
    state::{self, State},
};

use super::domain::read_card;

/// Dispatches `casemate party`.
pub(crate) async fn party(verb: &PartyVerb, global: &Global, screen: Screen) -> Outcome {
    match verb {
        PartyVerb::Add(args) => add(args, global, screen).await,
        PartyVerb::List => list(global, screen).await,
        PartyVerb::Remove(args) => remove(args, global, screen).await,
    }
}

async fn add(args: &PartyAddArgs, global: &Global, screen: Screen) -> Outcome {
    let cards = args.cards.iter().map(|path| read_card(path)).collect::<Result<Vec<_>, _>>()?;
    let state = State::open(global)?;
    let added = remember(&state, &state.store().await?, &cards).await?;
    for party in &added {
        screen.line(format!("{:<12} {}   known from now on", party.name, party.key));
    }
    screen.line("compare these keys with their owners over another channel, if you have not");
    screen.object(&json!({"parties": added.iter().map(object).collect::<Vec<_>>()}));
    Ok(())
}

async fn list(global: &Global, screen: Screen) -> Outcome {
    let parties = State::open(global)?.store().await?.parties().await.map_err(state::store)?;
    if parties.is_empty() {
        screen.line("nobody is known here; begin with `casemate party add CARD`");
    }
    for party in &parties {
        screen.line(format!("{:<12} {}   known since {}", party.name, party.key, party.added_at));
    }
    screen.object(&json!({"parties": parties.iter().map(object).collect::<Vec<_>>()}));
    Ok(())
}

async fn remove(args: &PartyNameArgs, global: &Global, screen: Screen) -> Outcome {
    State::open(global)?.store().await?.remove_party(&args.name).await.map_err(state::store)?;
    screen.line(format!("{} is a stranger from now on; what is signed stays signed", args.name));
    screen.object(&json!({"removed": args.name}));
    Ok(())
}

/// Remembers the parties of `cards`, save this party itself.
pub(crate) async fn remember(state: &State, store: &Store, cards: &[PartyCard]) -> Result<Vec<KnownParty>, Failure> {
    let own = state.identity()?;
    if let Some(card) = cards.iter().find(|card| (card.name == state.name) != (card.key == own)) {
        let what =
            format!("the card of `{}` with the key `{}` is not this party's, {}", card.name, card.key, state.name);
        return Err(Failure::refused(what, Vec::new())
            .help("two parties of one contract have two names and two keys; ask for a card under another name"));
    }
    let mut added = Vec::new();
    for card in cards.iter().filter(|card| card.key != own) {
        let party = KnownParty {
            name: card.name.to_string(),
            key: card.key,
            broker: card.broker.as_ref().map(|broker| broker.key),
            launcher: card.launcher,
            recipient: card.recipient.as_ref().map(ToString::to_string),
            added_at: clock::now(),
        };
        store.add_party(&party).await.map_err(state::store)?;
        added.push(party);
    }
    Ok(added)
}

fn object(party: &KnownParty) -> Value {
    json!({
        "name": party.name, "key": party.key.to_string(), "broker": party.broker.map(|key| key.to_string()),
        "added_at": party.added_at.to_string(),
    })
}
