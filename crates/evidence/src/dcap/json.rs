//! Intel's collateral as text: JSON [RFC 8259] whose signature covers the received bytes of one member.
//!
//! Every name is known or refused, none comes twice, numbers are whole and in range.

use std::fmt;

use casemate_cose::UnixTime;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use serde_json::value::RawValue;

use super::TcbStatus;
use crate::{
    crypto::{Key, Scheme},
    x509::rfc3339,
};

/// The longest TCB info or QE identity that is read: 512 KiB.
pub const COLLATERAL_BYTES_MAX: usize = 512 << 10;

/// The most levels, module identities or advisories in one list.
pub(super) const LIST_MAX: usize = 256;

/// What Intel signed, as received, and its signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Signed<'a> {
    pub(super) body: &'a str,
    /// r ‖ s.
    pub(super) signature: [u8; 64],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TcbInfoFile<'a> {
    #[serde(borrow, rename = "tcbInfo")]
    body: &'a RawValue,
    signature: Hex<64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QeIdentityFile<'a> {
    #[serde(borrow, rename = "enclaveIdentity")]
    body: &'a RawValue,
    signature: Hex<64>,
}

impl<'a> Signed<'a> {
    /// `{"tcbInfo":…,"signature":…}`
    pub(super) fn tcb_info(bytes: &'a [u8]) -> Result<Self, String> {
        let file: TcbInfoFile<'a> = serde_json::from_str(text(bytes)?).map_err(|error| error.to_string())?;
        Ok(Self { body: file.body.get(), signature: file.signature.0 })
    }

    /// `{"enclaveIdentity":…,"signature":…}`
    pub(super) fn qe_identity(bytes: &'a [u8]) -> Result<Self, String> {
        let file: QeIdentityFile<'a> = serde_json::from_str(text(bytes)?).map_err(|error| error.to_string())?;
        Ok(Self { body: file.body.get(), signature: file.signature.0 })
    }

    /// Whether `key` signed it.
    pub(super) fn is_by(&self, key: Key<'_>) -> bool {
        key.verify(Scheme::EcdsaP256Sha256Fixed, self.body.as_bytes(), &self.signature).is_ok()
    }

    /// The signed member, read as `T`.
    pub(super) fn read<T: Deserialize<'a>>(&self) -> Result<T, String> {
        serde_json::from_str(self.body).map_err(|error| error.to_string())
    }
}

/// Whether `key` signed this TCB info, `{"tcbInfo":…,"signature":…}`.
pub(crate) fn is_tcb_info_signed(bytes: &[u8], key: Key<'_>) -> Result<bool, String> {
    Signed::tcb_info(bytes).map(|signed| signed.is_by(key))
}

/// Whether `key` signed this identity, `{"enclaveIdentity":…,"signature":…}`.
pub(crate) fn is_qe_identity_signed(bytes: &[u8], key: Key<'_>) -> Result<bool, String> {
    Signed::qe_identity(bytes).map(|signed| signed.is_by(key))
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    if bytes.len() > COLLATERAL_BYTES_MAX {
        return Err(format!("{} bytes where at most {COLLATERAL_BYTES_MAX} are read", bytes.len()));
    }
    std::str::from_utf8(bytes).map_err(|error| error.to_string())
}

/// Bytes in hexadecimal, of either case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Hex<const N: usize>(pub(super) [u8; N]);

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        let mut bytes = [0; N];
        hex::decode_to_slice(text.as_bytes(), &mut bytes)
            .map_err(|_| D::Error::custom(format_args!("`{}` is not {N} bytes in hexadecimal", text.escape_debug())))?;
        Ok(Self(bytes))
    }
}

/// A time, RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Date(pub(super) UnixTime);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        let time = rfc3339(&text)
            .ok_or_else(|| D::Error::custom(format_args!("`{}` is no time in UTC", text.escape_debug())))?;
        Ok(Self(time))
    }
}

impl<'de> Deserialize<'de> for TcbStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        let status: Option<Self> = text.parse().ok();
        // The rest are this verifier's conclusions; a vendor's level has none of them.
        status
            .filter(|status| status.is_of_a_level())
            .ok_or_else(|| D::Error::custom(format_args!("`{}` is no TCB status known here", text.escape_debug())))
    }
}

/// Text, borrowed where it has no escapes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Text<'a>(pub(super) std::borrow::Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsText;

        impl<'de> Visitor<'de> for AsText {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(text.into()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(text.to_owned().into()))
            }
        }

        deserializer.deserialize_str(AsText)
    }
}

/// A list is no longer than any that Intel makes.
pub(super) fn bounded<T>(name: &str, list: &[T]) -> Result<(), String> {
    if list.len() > LIST_MAX {
        return Err(format!("`{name}` has {} entries where at most {LIST_MAX} are read", list.len()));
    }
    Ok(())
}
