//! The key file: deterministic CBOR inside an armoured age v1 file under a passphrase. [docs/formats/keyfile.md]
//!
//! ```text
//! {0: format, 1: holds (0 keys, 1 backup), 2: {0: identity, 1: broker, 2: launcher, 3: recipient, 4: wrap, ?5: authority}, ?3: [wrapped key]}
//! ```

use std::{
    io::{Read as _, Write as _},
    iter,
};

use age::{
    DecryptError, Decryptor, Encryptor,
    armor::{ArmoredReader, ArmoredWriter, Format},
    scrypt,
    secrecy::SecretString,
};
use casemate_cose::encode;
use minicbor::{Decode, Decoder, Encode};
use zeroize::Zeroizing;

use crate::{KeyringError, WrappedKey, keys::Secrets};

/// The binary logarithm of scrypt's N that a party's key file gets unless it asks for more: 64 MiB, some 0.2 seconds.
pub const WORK_FACTOR_DEFAULT: u8 = 16;
/// The highest that is accepted: 1 GiB, several seconds.
pub const WORK_FACTOR_MAX: u8 = 20;

/// The newest format that is read: with an authority's key.
const FORMAT: u32 = 2;
/// The format of a file without one, which every version reads.
const FORMAT_PLAIN: u32 = 1;
/// Bytes of a key file as text: some 10,000 dataset keys in a backup.
const TEXT_BYTES_MAX: usize = 2 << 20;

/// Whether a file holds keys alone or a backup.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(index_only)]
pub(crate) enum Holds {
    #[n(0)]
    Keys,
    #[n(1)]
    Backup,
}

impl Holds {
    const fn name(self) -> &'static str {
        match self {
            Self::Keys => "the keys of a party",
            Self::Backup => "a backup",
        }
    }
}

/// What is locked.
#[derive(Decode, Encode)]
#[cbor(map)]
pub(crate) struct Content {
    #[n(0)]
    format: u32,
    #[n(1)]
    holds: Holds,
    #[n(2)]
    pub(crate) secrets: Secrets,
    #[n(3)]
    pub(crate) wrapped: Option<Vec<WrappedKey>>,
}

impl Content {
    pub(crate) const fn keys(secrets: Secrets) -> Self {
        Self { format: format(&secrets), holds: Holds::Keys, secrets, wrapped: None }
    }

    pub(crate) const fn backup(secrets: Secrets, wrapped: Vec<WrappedKey>) -> Self {
        Self { format: format(&secrets), holds: Holds::Backup, secrets, wrapped: Some(wrapped) }
    }

    pub(crate) fn expect(&self, expected: Holds) -> Result<(), KeyringError> {
        if self.holds == expected {
            return Ok(());
        }
        Err(KeyringError::WrongKind { found: self.holds.name(), expected: expected.name() })
    }
}

/// No newer than it has to be.
const fn format(secrets: &Secrets) -> u32 {
    if secrets.authority.is_some() { FORMAT } else { FORMAT_PLAIN }
}

pub(crate) fn lock(content: &Content, passphrase: &str, work_factor: u8) -> Result<String, KeyringError> {
    if passphrase.is_empty() {
        return Err(KeyringError::EmptyPassphrase);
    }
    if !(1..=WORK_FACTOR_MAX).contains(&work_factor) {
        return Err(KeyringError::WorkFactor { found: work_factor, max: WORK_FACTOR_MAX });
    }
    let mut recipient = scrypt::Recipient::new(SecretString::from(passphrase));
    recipient.set_work_factor(work_factor);
    let plaintext = encode_secret(content);
    let mut text = Vec::new();
    let mut write = || {
        let encryptor = Encryptor::with_recipients(iter::once(&recipient as &dyn age::Recipient))?;
        let armor = ArmoredWriter::wrap_output(&mut text, Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armor)?;
        writer.write_all(&plaintext)?;
        writer.finish()?.finish()?;
        Ok(())
    };
    write().map_err(|error: age::EncryptError| KeyringError::Damaged(error.to_string()))?;
    String::from_utf8(text).map_err(|error| KeyringError::Damaged(error.to_string()))
}

pub(crate) fn unlock(text: &str, passphrase: &str) -> Result<Content, KeyringError> {
    let damaged = |what: String| KeyringError::Damaged(what);
    if text.len() > TEXT_BYTES_MAX {
        return Err(damaged(format!("{} bytes where at most {TEXT_BYTES_MAX} are allowed", text.len())));
    }
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(text.as_bytes())).map_err(opening)?;
    if !decryptor.is_scrypt() {
        return Err(damaged("not locked under a passphrase".to_owned()));
    }
    let mut identity = scrypt::Identity::new(SecretString::from(passphrase));
    identity.set_max_work_factor(WORK_FACTOR_MAX);
    let mut reader = decryptor.decrypt(iter::once(&identity as &dyn age::Identity)).map_err(opening)?;
    let mut plaintext = Zeroizing::new(Vec::with_capacity(text.len()));
    reader.read_to_end(&mut plaintext).map_err(|error| damaged(error.to_string()))?;
    decode_secret(&plaintext)
}

fn opening(error: DecryptError) -> KeyringError {
    match error {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed | DecryptError::NoMatchingKeys => {
            KeyringError::WrongPassphrase
        }
        DecryptError::ExcessiveWork { required, .. } => {
            KeyringError::WorkFactor { found: required, max: WORK_FACTOR_MAX }
        }
        other => KeyringError::Damaged(other.to_string()),
    }
}

/// Encodes without leaving half-grown copies of the secrets in freed memory.
fn encode_secret(content: &Content) -> Zeroizing<Vec<u8>> {
    let wrapped = content.wrapped.as_ref().map_or(0, |keys| encode(keys).len());
    let mut bytes = Zeroizing::new(Vec::with_capacity(512 + wrapped));
    match minicbor::encode(content, &mut *bytes) {
        Ok(()) => bytes,
        // Writing to a `Vec` is infallible, and no `Encode` of this crate returns a message of its own.
        Err(error) => unreachable!("encoding into memory failed: {error}"),
    }
}

/// As [`casemate_cose::decode`], but names a newer format first and wipes what it re-encodes.
fn decode_secret(bytes: &[u8]) -> Result<Content, KeyringError> {
    let malformed = |error: minicbor::decode::Error| KeyringError::Damaged(error.to_string());
    let mut decoder = Decoder::new(bytes);
    decoder.map().map_err(malformed)?;
    decoder.u8().map_err(malformed)?;
    let found = decoder.u32().map_err(malformed)?;
    if found > FORMAT {
        return Err(KeyringError::NewerFormat { found, known: FORMAT });
    }
    let content: Content = minicbor::decode(bytes).map_err(malformed)?;
    let is_consistent =
        content.format == format(&content.secrets) && content.wrapped.is_some() == (content.holds == Holds::Backup);
    if !is_consistent || *encode_secret(&content) != bytes {
        return Err(KeyringError::Damaged("not a key file's deterministic encoding".to_owned()));
    }
    Ok(content)
}
