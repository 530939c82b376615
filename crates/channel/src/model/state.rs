//! What of a run is remembered: who opened which session, and what each honest end has taken in it.
//!
//! What an end has sent, believes and knows follows from that, by the real steps; [`super::world`] works it out.

use super::cast::Key;

/// One run so far, place by place.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct State {
    pub(super) sessions: Vec<Option<Session>>,
}

/// An open TLS session.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Session {
    /// The key at the client's end.
    pub(super) client: Key,
    /// Whose code is at the server's end.
    pub(super) server: Server,
    /// What the broker has taken, if it is the server.
    pub(super) broker: Taken,
    /// What the keep has taken, if one is the client.
    pub(super) keep: Taken,
    /// The nonce for which Mallory had the broker show its own evidence in this session.
    pub(super) asked: Option<Nonce>,
    /// The keep took Mallory's evidence for its broker's.
    pub(super) deceived: bool,
}

impl Session {
    pub(super) const fn new(client: Key, server: Server) -> Self {
        Self { client, server, broker: Taken::NOTHING, keep: Taken::NOTHING, asked: None, deceived: false }
    }
}

/// Whose code is at a session's server end.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Server {
    /// The honest broker.
    Broker,
    /// Mallory, with the key that the client asks for.
    Mallory,
}

/// A nonce, by who drew it: fresh for each session.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Nonce {
    /// The broker, for the session in this place.
    Broker(u8),
    /// The keep, for its broker's evidence in the session in this place.
    Keep(u8),
    /// Mallory.
    Mallorys,
}

impl Nonce {
    pub(super) const fn bytes(self) -> [u8; 32] {
        match self {
            Self::Broker(place) => [0x40 + place; 32],
            Self::Keep(place) => [0x60 + place; 32],
            Self::Mallorys => [0x80; 32],
        }
    }
}

/// Bytes, as a number of [`super::world::World`]'s.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Wire(pub(super) u16);

/// The messages that an end has taken, in order. The one that ended it is not among them.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Taken {
    wires: [Wire; Self::MAX],
    count: u8,
    pub(super) ended: bool,
}

impl Taken {
    /// A broker takes two messages up to the keys, a keep three.
    const MAX: usize = 3;
    pub(super) const NOTHING: Self = Self { wires: [Wire(0); Self::MAX], count: 0, ended: false };

    pub(super) fn wires(&self) -> &[Wire] {
        &self.wires[..self.count()]
    }

    pub(super) fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// With one more; `None` if there is no room, which means that the model's interest ends here.
    pub(super) fn and(mut self, wire: Wire) -> Option<Self> {
        let next = self.count();
        *self.wires.get_mut(next)? = wire;
        self.count += 1;
        Some(self)
    }

    pub(super) const fn then_ended(self) -> Self {
        Self { ended: true, ..self }
    }
}
