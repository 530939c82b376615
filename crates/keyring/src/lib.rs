//! A party's keys: made from entropy, locked at rest under a passphrase (docs/formats/keyfile.md), wrapping the keys of
//! its datasets.
//!
//! No I/O and no clock of its own: entropy, nonces, passphrases and the work factor are parameters; the age format draws
//! its salts and file keys from the operating system. Losing the key file or its passphrase is losing everything sealed
//! under it: there is no second way in. That is what [`Backup`] is for.

#![forbid(unsafe_code)]

mod backup;
mod error;
mod keyfile;
mod keys;
mod wrap;

pub use backup::Backup;
pub use error::KeyringError;
pub use keyfile::{WORK_FACTOR_DEFAULT, WORK_FACTOR_MAX};
pub use keys::{ENTROPY_BYTES, PartyKeys};
pub use wrap::WrappedKey;

use casemate_seal::blob;
use zeroize::Zeroizing;

/// Encrypts `plaintext` to `recipients` (`age1…`), any of which opens it alone.
///
/// # Errors
/// [`KeyringError::Recipient`] for a text that is no recipient, or for none at all.
pub fn encrypt_to<S: AsRef<str>>(recipients: &[S], plaintext: &[u8]) -> Result<Vec<u8>, KeyringError> {
    let mut sealed = Vec::new();
    blob::seal_to(plaintext, &mut sealed, recipients).map_err(KeyringError::sealing)?;
    Ok(sealed)
}

/// Opens what was encrypted to the recipient of `secret`.
///
/// # Errors
/// [`KeyringError::NotForThisKey`], [`KeyringError::Damaged`].
pub fn decrypt_with(secret: &[u8; 32], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
    // As long as its ciphertext at most, so that growing leaves no copies behind.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(sealed.len()));
    blob::open(sealed, &mut *plaintext, secret).map_err(KeyringError::sealing)?;
    Ok(plaintext)
}
