//! Who takes part, with which keys, and what Mallory owns.

use std::{collections::BTreeSet, fmt};

use casemate_cose::{Digest, SigningKey};
use casemate_evidence::{Binding, Role};

/// A TLS key. Brokers sign their statements with it too.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Key {
    /// The broker whose owner's dataset key is at stake.
    Broker,
    /// Mallory's broker: she is a party of the contract, with a dataset of her own.
    Colluder,
    /// The honest keep's.
    Keep,
    /// Mallory's, of no keep.
    Mallory,
    /// Another genuine keep's, of the same study and manifest.
    Other,
}

impl Key {
    pub(super) fn signing(self) -> SigningKey {
        let seed = match self {
            Self::Broker => 1,
            Self::Colluder => 2,
            Self::Keep => 3,
            Self::Mallory => 4,
            Self::Other => 5,
        };
        SigningKey::from_seed(&[seed; 32])
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broker => "the broker",
            Self::Colluder => "Mallory's broker",
            Self::Keep => "the keep",
            Self::Mallory => "Mallory",
            Self::Other => "the other keep",
        })
    }
}

/// A key that signs evidence: a chip's, for isolation `process` a launcher's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Chip {
    /// On the owner's list. Mallory may run programs on it, and it tells truly which.
    Listed,
    /// Another chip, whose key Mallory may have.
    Mallorys,
}

impl Chip {
    pub(super) fn signing(self) -> SigningKey {
        SigningKey::from_seed(&[if self == Self::Listed { 0x11 } else { 0x12 }; 32])
    }
}

/// A place for one TLS session: who may open it, to whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) client: Client,
    /// The key that the client accepts at the other end.
    pub(super) server: Key,
}

/// Whose code is at a session's client end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Client {
    /// A genuine keep under the contract's manifest, with this key.
    Keep(Key),
    /// Mallory, under any key that she has.
    Mallory,
}

/// Something that the binding is made of, and that a variant of the model leaves out.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Ingredient {
    Exporter,
    Nonce,
    OwnKey,
    PeerKey,
    Role,
}

impl Ingredient {
    pub(super) const ALL: [Self; 5] = [Self::Exporter, Self::Nonce, Self::OwnKey, Self::PeerKey, Self::Role];
}

impl fmt::Display for Ingredient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exporter => "exporter",
            Self::Nonce => "nonce",
            Self::OwnKey => "own key",
            Self::PeerKey => "peer key",
            Self::Role => "role",
        })
    }
}

/// One question to the model.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    /// The sessions that there can be, each at most once.
    pub(super) places: Vec<Place>,
    /// The TLS keys that Mallory has.
    pub(super) owned: Vec<Key>,
    /// Mallory has the key of [`Chip::Mallorys`].
    pub(super) owns_chip: bool,
    /// The owner's list admits [`Chip::Mallorys`]: "any genuine chip".
    pub(super) admits_any_chip: bool,
    /// Brokers run isolated and show evidence too.
    pub(super) brokers_attest: bool,
    /// What the binding says nothing of, at both ends.
    pub(super) left_out: BTreeSet<Ingredient>,
}

impl Setup {
    /// An attacker with her own keys and those of all keeps but one.
    pub(super) fn other_keeps(places: &[Place]) -> Self {
        Self {
            places: places.to_vec(),
            owned: vec![Key::Mallory, Key::Colluder, Key::Other],
            owns_chip: false,
            admits_any_chip: false,
            brokers_attest: false,
            left_out: BTreeSet::new(),
        }
    }

    /// An attacker with every TLS key there is, the honest keep's and the broker's too.
    pub(super) fn all_tls_keys(places: &[Place]) -> Self {
        let owned = vec![Key::Mallory, Key::Colluder, Key::Other, Key::Keep, Key::Broker];
        Self { owned, ..Self::other_keeps(places) }
    }

    pub(super) fn without(self, left_out: &[Ingredient]) -> Self {
        Self { left_out: left_out.iter().copied().collect(), ..self }
    }

    /// The binding that says nothing of what is left out: one constant stands there for every value.
    pub(super) fn weakened(&self, binding: Binding) -> Binding {
        let mut weak = binding;
        for ingredient in &self.left_out {
            match ingredient {
                Ingredient::Exporter => weak.exporter = [0; 32],
                Ingredient::Nonce => weak.nonce = [0; 32],
                Ingredient::OwnKey => weak.own_key = Digest::from_bytes([0; 32]),
                Ingredient::PeerKey => weak.peer_key = Digest::from_bytes([0; 32]),
                Ingredient::Role => weak.role = Role::Keep,
            }
        }
        weak
    }
}
