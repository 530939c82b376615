//! What must hold, always, and what must be possible.

use stateright::Property;

use super::{
    cast::{Client, Key},
    moves::Handshake,
    state::{Server, State},
};

/// Mallory never has the key that the broker gives.
pub(super) const SECRECY: &str = "Mallory never learns the dataset key";
/// Injective: a session has one keep's end, and a broker's end releases once.
pub(super) const AGREEMENT: &str = "who is given the key is a keep that asked for it in this very session";
/// Where brokers show evidence too.
pub(super) const NOT_DECEIVED: &str = "no keep takes for its broker's what that did not show in this session";
/// Without this, all the others would hold of a broker that never releases.
pub(super) const HONEST_RUN: &str = "the honest keep gets the key";

pub(super) fn all() -> Vec<Property<Handshake>> {
    vec![
        Property::always(SECRECY, secrecy),
        Property::always(AGREEMENT, agreement),
        Property::always(NOT_DECEIVED, |_, state: &State| !state.sessions.iter().flatten().any(|one| one.deceived)),
        Property::sometimes(HONEST_RUN, honest_run),
    ]
}

fn secrecy(model: &Handshake, state: &State) -> bool {
    let mut hers = model.open(state).filter(|(_, place, _)| place.client == Client::Mallory);
    !hers.any(|(number, _, session)| model.world.broker(number, session.client, session.broker).released)
}

fn agreement(model: &Handshake, state: &State) -> bool {
    model.open(state).filter(|(_, _, session)| session.server == Server::Broker).all(|(number, place, session)| {
        let released = model.world.broker(number, session.client, session.broker).released;
        let asked = match place.client {
            Client::Keep(own) => {
                let keep = model.world.keep(number, own, Key::Broker, session.keep);
                own == session.client && keep.sent.first() == session.broker.wires().first()
            }
            Client::Mallory => false,
        };
        !released || asked
    })
}

fn honest_run(model: &Handshake, state: &State) -> bool {
    model.open(state).any(|(number, place, session)| {
        place.client == Client::Keep(Key::Keep)
            && session.server == Server::Broker
            && model.world.keep(number, Key::Keep, Key::Broker, session.keep).has_key
    })
}
