//! Sealed blobs: age v1 files to X25519 recipients. [age-encryption.org/v1, docs/formats/sealed-blob.md]
//!
//! A blob's 32-byte key is the secret of an X25519 identity, and the blob is sealed to that identity's recipient, so that
//! any age tool opens it with the key written as `AGE-SECRET-KEY-1…`. age knows no associated data: that a blob is this
//! dataset's and this version's is for its digest in the contract to say.

use std::{
    io::{self, Read, Write},
    iter,
    str::FromStr as _,
};

use age::{
    DecryptError, Decryptor, EncryptError, Encryptor, Recipient,
    x25519::{self, Identity},
};
use bech32::{Bech32, Hrp};
use zeroize::Zeroizing;

use crate::{Fingerprint, SealError, sink::Sink};

/// Seals `input` under `key`, streaming.
///
/// # Errors
/// [`SealError::Read`], [`SealError::Write`].
pub fn seal(input: impl Read, output: impl Write, key: &[u8; 32]) -> Result<Fingerprint, SealError> {
    seal_with(input, output, &[identity(key)?.to_public()])
}

/// Seals `input` to `recipients` (`age1…`), any of which opens it alone, streaming.
///
/// # Errors
/// [`SealError::Recipient`] for a text that is none, or for no recipient at all; [`SealError::Read`],
/// [`SealError::Write`].
pub fn seal_to<S: AsRef<str>>(
    input: impl Read,
    output: impl Write,
    recipients: &[S],
) -> Result<Fingerprint, SealError> {
    let parse = |text: &S| {
        x25519::Recipient::from_str(text.as_ref()).map_err(|_| SealError::Recipient(text.as_ref().to_owned()))
    };
    let recipients = recipients.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    seal_with(input, output, &recipients)
}

/// Opens a blob with its key or with a recipient's secret, streaming; gives the plaintext's bytes.
///
/// Each 64 KiB that reach `output` are authentic, but only a return without error says that none is missing: until then
/// the caller uses nothing of it.
///
/// # Errors
/// [`SealError::WrongKey`], [`SealError::Blob`] for damage, [`SealError::Truncated`], [`SealError::Read`],
/// [`SealError::Write`].
pub fn open(input: impl Read, mut output: impl Write, key: &[u8; 32]) -> Result<u64, SealError> {
    let identity = identity(key)?;
    let decryptor = Decryptor::new(input).map_err(opening)?;
    // A passphrase file would make the reader derive a key that nobody asked for.
    if decryptor.is_scrypt() {
        return Err(SealError::WrongKey);
    }
    let mut plaintext = decryptor.decrypt(iter::once(&identity as &dyn age::Identity)).map_err(opening)?;
    let bytes = pump(&mut plaintext, &mut output, reading)?;
    output.flush().map_err(SealError::Write)?;
    Ok(bytes)
}

/// The recipient (`age1…`) of the secret `key`.
///
/// # Errors
/// None for a 32-byte key; the text form could be refused, so it is a result.
pub fn recipient(key: &[u8; 32]) -> Result<String, SealError> {
    Ok(identity(key)?.to_public().to_string())
}

/// The secret `key` as age tools take it: `AGE-SECRET-KEY-1…`.
///
/// # Errors
/// None for a 32-byte key; the encoder could refuse, so it is a result.
pub fn secret_text(key: &[u8; 32]) -> Result<Zeroizing<String>, SealError> {
    let prefix = Hrp::parse("AGE-SECRET-KEY-").map_err(|error| SealError::Blob(error.to_string()))?;
    bech32::encode_upper::<Bech32>(prefix, key).map(Zeroizing::new).map_err(|error| SealError::Blob(error.to_string()))
}

fn identity(key: &[u8; 32]) -> Result<Identity, SealError> {
    Identity::from_str(&secret_text(key)?).map_err(|error| SealError::Blob(error.to_owned()))
}

fn seal_with(
    mut input: impl Read,
    output: impl Write,
    recipients: &[x25519::Recipient],
) -> Result<Fingerprint, SealError> {
    let encryptor = Encryptor::with_recipients(recipients.iter().map(|one| one as &dyn Recipient)).map_err(
        |error| match error {
            EncryptError::MissingRecipients => SealError::Recipient(String::new()),
            other => SealError::Blob(other.to_string()),
        },
    )?;
    let mut sink = Sink::new(output);
    let mut ciphertext = encryptor.wrap_output(&mut sink).map_err(SealError::Write)?;
    pump(&mut input, &mut ciphertext, SealError::Read)?;
    ciphertext.finish().map_err(SealError::Write)?;
    sink.flush().map_err(SealError::Write)?;
    Ok(sink.fingerprint())
}

/// Copies everything, and tells errors of reading from errors of writing.
fn pump(
    input: &mut impl Read,
    output: &mut impl Write,
    reading: impl Fn(io::Error) -> SealError,
) -> Result<u64, SealError> {
    let mut buffer = Zeroizing::new(vec![0; 64 << 10]);
    let mut total = 0_u64;
    loop {
        let length = match input.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(reading(error)),
        };
        output.write_all(buffer.get(..length).unwrap_or_default()).map_err(SealError::Write)?;
        total = total.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    }
}

fn opening(error: DecryptError) -> SealError {
    match error {
        DecryptError::NoMatchingKeys | DecryptError::KeyDecryptionFailed => SealError::WrongKey,
        DecryptError::Io(error) => reading(error),
        other => SealError::Blob(other.to_string()),
    }
}

fn reading(error: io::Error) -> SealError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => SealError::Truncated,
        io::ErrorKind::InvalidData => SealError::Blob(error.to_string()),
        _ => SealError::Read(error),
    }
}
