//! A party's card: what it tells the others about itself, signed by its own identity key.
//!
//! A card proves that whoever holds the identity key says so, no more. Compare the key over another channel.

use casemate_cose::{Digest, Kind, PublicKey, SigningKey, claimed_signer, decode, encode, sign, verify};
use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::{
    contract::{Broker, Content},
    name::{DatasetId, DatasetName, PartyName, Recipient, VersionId},
    statement::{STATEMENT_BYTES_MAX, StatementError, signed_as},
};

/// Why a card was refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum CardError {
    /// The card names another identity key than the one that signed it.
    #[error("the card of `{key}` is signed by `{signer}`")]
    Key {
        /// The key in the card.
        key: PublicKey,
        /// The key that signed.
        signer: PublicKey,
    },
    /// Not a signed card.
    #[error(transparent)]
    Statement(#[from] StatementError),
}

/// What a party tells the others about itself.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct PartyCard {
    /// The party's name.
    #[n(0)]
    pub name: PartyName,
    /// Its identity key.
    #[n(1)]
    pub key: PublicKey,
    /// Where results for it are encrypted to.
    #[n(2)]
    pub recipient: Option<Recipient>,
    /// Its broker.
    #[n(3)]
    pub broker: Option<Broker>,
    /// The key that its hosts' launcher signs evidence with.
    #[n(4)]
    pub launcher: Option<PublicKey>,
    /// The digest of the runtime that it runs.
    #[n(5)]
    pub runtime: Option<Digest>,
    /// Its datasets.
    #[n(6)]
    pub datasets: Vec<CardDataset>,
}

/// A dataset that a party offers.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct CardDataset {
    /// Its name.
    #[n(0)]
    pub name: DatasetName,
    /// Its identifier.
    #[n(1)]
    pub id: DatasetId,
    /// The sealed version.
    #[n(2)]
    pub version: VersionId,
    /// SHA-256 of the sealed file.
    #[n(3)]
    pub digest: Digest,
    /// What the sealed file holds.
    #[n(4)]
    pub content: Content,
}

signed_as!(PartyCard, Kind::Party, STATEMENT_BYTES_MAX);

impl PartyCard {
    /// Reads a card and verifies that it is signed by the key that it names.
    ///
    /// # Errors
    /// [`CardError`].
    pub fn open(object: &[u8]) -> Result<Self, CardError> {
        let signer = claimed_signer(object).map_err(StatementError::Signature)?;
        let card = Self::verify(object, &signer)?;
        if card.key == signer { Ok(card) } else { Err(CardError::Key { key: card.key, signer }) }
    }
}
