//! What can happen next.
//!
//! A message that is lost or late is a move that does not come: every order, and every end, of the moves is a run. Evidence
//! and nonces are no secrets: Mallory knows all that were made, also those of sessions that she only watches.

use stateright::{Model, Property};

use super::{
    cast::{Client, Key, Place},
    properties,
    state::{Nonce, Server, Session, State},
    world::{Craft, World},
};

/// The handshake under one setup.
pub(super) struct Handshake {
    pub(super) world: World,
}

/// One thing that happens, in the session at `place`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Move {
    /// Mallory has the isolated broker show evidence of itself.
    Ask { place: u8, nonce: Nonce },
    /// Mallory claims to be a keep.
    Attest { place: u8, source: Source },
    /// Mallory challenges a keep, signing with the key that it expects.
    Challenge { place: u8, nonce: Nonce },
    /// Mallory sends the decisions.
    Decisions { place: u8 },
    /// Mallory hands a keep the broker's challenge of another session as it is.
    Forward { place: u8, from: u8 },
    /// A session comes about.
    Open { place: u8, client: Key, server: Server },
    /// Mallory sends a message that has no place yet.
    OutOfTurn { place: u8 },
    /// Mallory shows a keep evidence as its broker's.
    Show { place: u8, source: Source },
    /// The keep's next message reaches the broker.
    ToBroker { place: u8 },
    /// The broker's next message reaches the keep.
    ToKeep { place: u8 },
}

/// Where Mallory has evidence from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Source {
    /// The broker showed it of itself in this session.
    Broker(u8),
    /// Made to order.
    Crafted(Craft),
    /// A keep made it in this session.
    Keep(u8),
}

impl Handshake {
    pub(super) fn place(&self, place: u8) -> Place {
        self.world.setup.places[usize::from(place)]
    }

    /// Each open session with its place.
    pub(super) fn open<'s>(&'s self, state: &'s State) -> impl Iterator<Item = (u8, Place, &'s Session)> {
        let sessions = state.sessions.iter().zip(&self.world.setup.places).zip(0_u8..);
        sessions.filter_map(|((session, place), number)| session.as_ref().map(|session| (number, *place, session)))
    }

    fn openings(&self, state: &State, number: u8, place: Place) -> Vec<Move> {
        let open = |client, server| Move::Open { place: number, client, server };
        let owned = &self.world.setup.owned;
        match place.client {
            Client::Keep(own) => {
                let honest = (place.server == Key::Broker).then_some(open(own, Server::Broker));
                let hers = owned.contains(&place.server).then_some(open(own, Server::Mallory));
                honest.into_iter().chain(hers).collect()
            }
            Client::Mallory => {
                // Her places are alike: whatever she can do in a later one first, she can do in an earlier one.
                let mut before = self.world.setup.places.iter().zip(&state.sessions).take(usize::from(number));
                if before.any(|(place, session)| place.client == Client::Mallory && session.is_none()) {
                    return Vec::new();
                }
                owned.iter().map(|key| open(*key, Server::Broker)).collect()
            }
        }
    }

    fn nonces(&self, state: &State) -> Vec<Nonce> {
        let mut nonces = vec![Nonce::Mallorys];
        for (number, place, session) in self.open(state) {
            if session.server == Server::Broker {
                nonces.push(Nonce::Broker(number));
            }
            if place.client != Client::Mallory && self.world.setup.brokers_attest {
                nonces.push(Nonce::Keep(number));
            }
        }
        nonces
    }

    fn evidence(&self, state: &State) -> Vec<Source> {
        let of = |(number, place, session): (u8, Place, &Session)| match place.client {
            Client::Keep(own) => {
                let made = self.world.keep(number, own, place.server, session.keep).evidence;
                made.map(|_| Source::Keep(number))
            }
            Client::Mallory => session.asked.map(|_| Source::Broker(number)),
        };
        self.open(state).filter_map(of).collect()
    }

    /// What an honest end sent and the other has not taken.
    fn deliveries(&self, place: u8, own: Key, session: &Session) -> Vec<Move> {
        let keep = self.world.keep(place, own, Key::Broker, session.keep);
        let broker = self.world.broker(place, own, session.broker);
        let to_keep = !session.keep.ended && broker.sent.len() > session.keep.count();
        let to_broker = !session.broker.ended && keep.sent.len() > session.broker.count();
        let to_keep = to_keep.then_some(Move::ToKeep { place });
        to_keep.into_iter().chain(to_broker.then_some(Move::ToBroker { place })).collect()
    }

    /// What Mallory can do to a keep as its broker.
    fn as_broker(&self, state: &State, place: u8, session: &Session) -> Vec<Move> {
        let mut moves = Vec::new();
        if !session.keep.ended && session.keep.count() == 0 {
            moves.extend(self.nonces(state).into_iter().map(|nonce| Move::Challenge { place, nonce }));
            let others = self.open(state).filter(|(_, _, other)| other.server == Server::Broker);
            moves.extend(others.map(|(from, _, _)| Move::Forward { place, from }));
        }
        if self.world.setup.brokers_attest && !session.deceived {
            moves.extend(self.evidence(state).into_iter().map(|source| Move::Show { place, source }));
        }
        moves
    }

    /// What Mallory can do to the broker as a keep.
    fn as_keep(&self, state: &State, place: u8, session: &Session) -> Vec<Move> {
        let mut moves = Vec::new();
        if !session.broker.ended {
            let forged = self.world.setup.owns_chip.then_some(Craft::Forged);
            let crafts = [Craft::Debug, Craft::OtherManifest, Craft::OwnProgram].into_iter().chain(forged);
            let sources = self.evidence(state).into_iter().chain(crafts.map(Source::Crafted));
            moves.extend(sources.map(|source| Move::Attest { place, source }));
            moves.extend([Move::Decisions { place }, Move::OutOfTurn { place }]);
        }
        if self.world.setup.brokers_attest && session.asked.is_none() {
            moves.extend(self.nonces(state).into_iter().map(|nonce| Move::Ask { place, nonce }));
        }
        moves
    }

    fn bytes_of(&self, state: &State, target: u8, source: Source) -> Option<super::state::Wire> {
        let session = |number: u8| state.sessions[usize::from(number)].as_ref();
        match source {
            Source::Broker(from) => {
                let asked = session(from)?;
                Some(self.world.of_broker(from, asked.client, asked.asked?))
            }
            Source::Crafted(craft) => Some(self.world.crafted(target, session(target)?.client, craft)),
            Source::Keep(from) => {
                let made = session(from)?;
                self.world.keep(from, made.client, self.place(from).server, made.keep).evidence
            }
        }
    }

    /// The session at `place` after `happening`, which is not its opening.
    fn after(&self, state: &State, place: u8, happening: Move) -> Option<Session> {
        let mut session = state.sessions[usize::from(place)]?;
        let server = self.place(place).server;
        match happening {
            Move::Ask { nonce, .. } => session.asked = Some(nonce),
            Move::Show { source, .. } => {
                let evidence = self.bytes_of(state, place, source)?;
                session.deceived = self.world.believes(place, session.client, server, evidence);
            }
            Move::Challenge { .. } | Move::Forward { .. } | Move::ToKeep { .. } => {
                let wire = match happening {
                    Move::Challenge { nonce, .. } => self.world.challenge(server, nonce),
                    Move::Forward { from, .. } => self.world.challenge(Key::Broker, Nonce::Broker(from)),
                    _ => {
                        let sent = &self.world.broker(place, session.client, session.broker).sent;
                        *sent.get(session.keep.count())?
                    }
                };
                let taken = session.keep.and(wire)?;
                let fault = self.world.keep(place, session.client, server, taken).fault.is_some();
                session.keep = if fault { session.keep.then_ended() } else { taken };
            }
            Move::Attest { .. } | Move::Decisions { .. } | Move::OutOfTurn { .. } | Move::ToBroker { .. } => {
                let wire = match happening {
                    Move::Attest { source, .. } => {
                        let craft = if let Source::Crafted(craft) = source { Some(craft) } else { None };
                        self.world.attest(self.bytes_of(state, place, source)?, craft)
                    }
                    Move::Decisions { .. } => {
                        self.world.decisions(&self.world.broker(place, session.client, session.broker).sent)
                    }
                    Move::OutOfTurn { .. } => self.world.out_of_turn(),
                    _ => {
                        let sent = &self.world.keep(place, session.client, server, session.keep).sent;
                        *sent.get(session.broker.count())?
                    }
                };
                let taken = session.broker.and(wire)?;
                let fault = self.world.broker(place, session.client, taken).fault.is_some();
                session.broker = if fault { session.broker.then_ended() } else { taken };
            }
            Move::Open { .. } => return None,
        }
        Some(session)
    }
}

impl Model for Handshake {
    type State = State;
    type Action = Move;

    fn init_states(&self) -> Vec<State> {
        vec![State { sessions: vec![None; self.world.setup.places.len()] }]
    }

    fn actions(&self, state: &State, moves: &mut Vec<Move>) {
        for ((session, place), number) in state.sessions.iter().zip(&self.world.setup.places).zip(0_u8..) {
            moves.extend(match (session, place.client) {
                (None, _) => self.openings(state, number, *place),
                (Some(session), Client::Mallory) => self.as_keep(state, number, session),
                (Some(session), Client::Keep(own)) => match session.server {
                    Server::Broker => self.deliveries(number, own, session),
                    Server::Mallory => self.as_broker(state, number, session),
                },
            });
        }
    }

    fn next_state(&self, state: &State, happening: Move) -> Option<State> {
        let mut next = state.clone();
        let (place, session) = match happening {
            Move::Open { place, client, server } => (place, Session::new(client, server)),
            Move::Ask { place, .. }
            | Move::Attest { place, .. }
            | Move::Challenge { place, .. }
            | Move::Decisions { place }
            | Move::Forward { place, .. }
            | Move::OutOfTurn { place }
            | Move::Show { place, .. }
            | Move::ToBroker { place }
            | Move::ToKeep { place } => (place, self.after(state, place, happening)?),
        };
        next.sessions[usize::from(place)] = Some(session);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
