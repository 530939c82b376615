//! The bytes of a CCA token: a collection of two tokens. [RMM §A7.2.3]
//!
//! ```text
//! 399({ 44234: bstr .cbor 18(COSE_Sign1), 44241: bstr .cbor 18(COSE_Sign1) })
//! ```
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::Flaw;
use crate::{
    arm::{key_name, value},
    wire::{
        WireError,
        cbor::{Cbor, Key},
    },
};

/// The longest token that is read: honest ones have 1 to 6 KiB.
pub const TOKEN_BYTES_MAX: usize = 32 << 10;

const TAG_COLLECTION: u64 = 399;
const PLATFORM: i64 = 44_234;
const REALM: i64 = 44_241;

/// The two tokens of a collection.
#[derive(Debug)]
pub(super) struct Collection<'a> {
    pub(super) platform: &'a [u8],
    pub(super) realm: &'a [u8],
}

impl<'a> Collection<'a> {
    /// Reads the one collection that `bytes` are. Its entries may come in either order.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Flaw> {
        Self::read(bytes).map_err(|error| Flaw::Collection { error })
    }

    fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        const FIELD: &str = "cca-token-collection";
        if bytes.len() > TOKEN_BYTES_MAX {
            return Err(WireError::TooMany { field: FIELD, actual: bytes.len(), max: TOKEN_BYTES_MAX });
        }
        let mut cbor = Cbor::new(bytes);
        cbor.tag(FIELD, TAG_COLLECTION)?;
        let (mut platform, mut realm) = (None, None);
        cbor.entries::<WireError>(FIELD, |key, cbor| {
            match key {
                Key::Number(PLATFORM) => platform = Some(cbor.bytes("cca-platform-token")?),
                Key::Number(REALM) => realm = Some(cbor.bytes("cca-realm-delegated-token")?),
                other => return Err(value(FIELD, "the keys 44234 and 44241", key_name(other))),
            }
            Ok(())
        })?;
        cbor.end(FIELD)?;
        match (platform, realm) {
            (Some(platform), Some(realm)) => Ok(Self { platform, realm }),
            (None, _) => Err(value(FIELD, "a platform token", "none".to_owned())),
            (_, None) => Err(value(FIELD, "a realm token", "none".to_owned())),
        }
    }
}
