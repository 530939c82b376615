//! Moves as sentences, for people who read what the model found.

use std::fmt;

use super::{
    cast::{Client, Key},
    moves::{Handshake, Move, Source},
    state::{Nonce, Server},
    world::Craft,
};

impl Handshake {
    /// A move as a sentence. Sessions are numbered from 1.
    pub(super) fn words(&self, happening: Move) -> String {
        let as_whom =
            |place: u8| if self.place(place).server == Key::Broker { "as the broker" } else { "as her broker" };
        match happening {
            Move::Ask { place, nonce } => {
                format!("session {}: the broker shows Mallory its own evidence, for {nonce}", place + 1)
            }
            Move::Attest { place, source } => format!("session {}: Mallory attests with {source}", place + 1),
            Move::Challenge { place, nonce } => {
                format!("session {}: {}, Mallory challenges the keep with {nonce}", place + 1, as_whom(place))
            }
            Move::Decisions { place } => format!("session {}: Mallory sends the decisions", place + 1),
            Move::Forward { place, from } => {
                format!("session {}: Mallory hands on the broker's challenge of session {}", place + 1, from + 1)
            }
            Move::Open { place, client, server: Server::Broker } if self.place(place).client == Client::Mallory => {
                let whose =
                    if client == Key::Mallory { "a key of her own".to_owned() } else { format!("the key of {client}") };
                format!("session {}: Mallory, with {whose}, to the broker", place + 1)
            }
            Move::Open { place, client, server: Server::Broker } => {
                format!("session {}: {client} to the broker", place + 1)
            }
            Move::Open { place, client, server: Server::Mallory } if self.place(place).server == Key::Broker => {
                format!("session {}: {client} to Mallory, who has the broker's key", place + 1)
            }
            Move::Open { place, client, server: Server::Mallory } => {
                format!("session {}: {client} to Mallory's broker", place + 1)
            }
            Move::OutOfTurn { place } => format!("session {}: Mallory asks for a permit out of turn", place + 1),
            Move::Show { place, source } => {
                format!("session {}: {}, Mallory shows the keep {source}", place + 1, as_whom(place))
            }
            Move::ToBroker { place } => format!("session {}: the keep's next message reaches the broker", place + 1),
            Move::ToKeep { place } => format!("session {}: the broker's next message reaches the keep", place + 1),
        }
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(place) => write!(f, "the broker's nonce of session {}", place + 1),
            Self::Keep(place) => write!(f, "the keep's nonce of session {}", place + 1),
            Self::Mallorys => f.write_str("a nonce of hers"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(place) => write!(f, "the broker's own evidence of session {}", place + 1),
            Self::Crafted(Craft::Debug) => f.write_str("evidence of the runtime in debug mode"),
            Self::Crafted(Craft::Forged) => f.write_str("evidence that she signed with another chip's key"),
            Self::Crafted(Craft::OtherManifest) => f.write_str("evidence of the runtime under another manifest"),
            Self::Crafted(Craft::OwnProgram) => f.write_str("evidence of a program of hers"),
            Self::Keep(place) => write!(f, "the evidence made in session {}", place + 1),
        }
    }
}
