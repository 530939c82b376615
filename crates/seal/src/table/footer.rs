//! The tail of a sealed table, read before Parquet reads it: which cipher, and whose key. [parquet-format, `Encryption.md`
//! §5.1 and `parquet.thrift`]
//!
//! ```text
//! … | FileCryptoMetaData (Thrift compact) | length u32 LE, nonce 12, ciphertext, tag 16 | length of both u32 LE | "PARE"
//! ```

use std::io::Read;

use aws_lc_rs::{
    cipher::{AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey},
    iv::FixedLength,
};
use parquet::file::reader::ChunkReader;

use crate::SealError;

/// Bytes that a footer may have: 32,767 row groups of a few hundred columns stay below it.
const FOOTER_BYTES_MAX: u64 = 256 << 20;
/// Bytes after the footer: its length and the magic.
const TAIL_BYTES: u64 = 8;
/// Bytes of the magic at either end.
const MAGIC_BYTES: u64 = 4;

/// The encrypted footer of a table that uses the one accepted cipher.
pub(super) struct Footer {
    /// Nonce ‖ ciphertext ‖ tag.
    sealed: Vec<u8>,
    /// Where the footer starts in the file.
    pub(super) offset: u64,
}

/// Reads the footer and refuses every file that is not AES-GCM under an encrypted footer without a stored AAD prefix.
pub(super) fn read<R: ChunkReader>(file: &R) -> Result<Footer, SealError> {
    let length = file.len();
    if length < 2 * MAGIC_BYTES + TAIL_BYTES {
        return Err(if length == 0 { SealError::EmptyInput } else { SealError::NotParquet });
    }
    let head = bytes(file, 0, MAGIC_BYTES)?;
    let tail = bytes(file, length - TAIL_BYTES, TAIL_BYTES)?;
    let (size, magic) = tail.split_at_checked(4).ok_or(SealError::Truncated)?;
    match (head.as_slice(), magic) {
        (b"PARE", b"PARE") => {}
        (b"PAR1", b"PAR1") => return Err(SealError::PlaintextFooter),
        (b"PARE" | b"PAR1", _) => return Err(SealError::Truncated),
        _ => return Err(SealError::NotParquet),
    }
    let size = u64::from(u32::from_le_bytes(size.try_into().map_err(|_| SealError::Truncated)?));
    let end = length - TAIL_BYTES;
    if size > FOOTER_BYTES_MAX {
        return Err(SealError::Damaged(format!(
            "a footer of {size} bytes where at most {FOOTER_BYTES_MAX} are allowed"
        )));
    }
    let offset = end.checked_sub(size).filter(|offset| *offset >= MAGIC_BYTES).ok_or(SealError::Truncated)?;
    let footer = bytes(file, offset, size)?;
    let sealed = crypto_metadata(&footer)?;
    Ok(Footer { sealed: sealed.to_vec(), offset })
}

impl Footer {
    /// Why AES-GCM refused the footer: another key, or another AAD. The tag covers both at once, but with the right key
    /// the plaintext begins as every `FileMetaData` does. It is looked at for this message and for nothing else.
    pub(super) fn diagnose(&self, key: &[u8; 32]) -> SealError {
        let Some((nonce, rest)) = self.sealed.split_first_chunk::<12>() else { return SealError::Truncated };
        let Some(ciphertext) = rest.get(..4) else { return SealError::Truncated };
        // GCM's first block of key stream is that of the counter 2 [NIST SP 800-38D §7.1].
        let mut counter = [0; 16];
        counter[..12].copy_from_slice(nonce);
        counter[15] = 2;
        let mut first = ciphertext.to_vec();
        let context = DecryptionContext::Iv128(FixedLength::from(&counter));
        let opened = UnboundCipherKey::new(&AES_256, key)
            .and_then(DecryptingKey::ctr)
            .and_then(|cipher| cipher.decrypt(&mut first, context).map(|bytes| bytes.len()));
        // Field 1 is an i32, the version 1 or 2; field 2 is a list of structs, the schema.
        match (opened, first.as_slice()) {
            (Ok(_), [0x15, 0x02 | 0x04, 0x19, list]) if list & 0x0f == 0x0c => SealError::WrongAad,
            _ => SealError::WrongKey,
        }
    }
}

fn bytes<R: ChunkReader>(file: &R, start: u64, length: u64) -> Result<Vec<u8>, SealError> {
    let mut bytes = Vec::new();
    let reader = file.get_read(start).map_err(SealError::reading)?;
    reader.take(length).read_to_end(&mut bytes).map_err(SealError::Read)?;
    if u64::try_from(bytes.len()) == Ok(length) { Ok(bytes) } else { Err(SealError::Truncated) }
}

/// Parses `FileCryptoMetaData { 1: EncryptionAlgorithm, 2: optional key_metadata }` and gives what follows it, without
/// its length. Key metadata is skipped: Casemate knows which key a file has.
fn crypto_metadata(footer: &[u8]) -> Result<&[u8], SealError> {
    let mut thrift = Thrift(footer);
    thrift.expect(&[STRUCT_FIELD_1])?;
    match thrift.byte()? {
        STRUCT_FIELD_1 => {}
        STRUCT_FIELD_2 => return Err(SealError::AesGcmCtr),
        _ => return Err(damaged("unknown encryption algorithm")),
    }
    let mut field = 0;
    loop {
        let header = thrift.byte()?;
        if header == STOP {
            break;
        }
        field += header >> 4;
        match (field, header & 0x0f) {
            (1, BINARY) => return Err(SealError::AadPrefixStored),
            (2, BINARY) => thrift.skip_binary()?,
            (3, TRUE | FALSE) => {}
            _ => return Err(damaged("unknown field of the encryption algorithm")),
        }
    }
    thrift.expect(&[STOP])?;
    match thrift.byte()? {
        STOP => {}
        BINARY_FIELD_NEXT => {
            thrift.skip_binary()?;
            thrift.expect(&[STOP])?;
        }
        _ => return Err(damaged("unknown field of the crypto metadata")),
    }
    match thrift.0.split_first_chunk::<4>() {
        Some((length, sealed)) if u32::try_from(sealed.len()) == Ok(u32::from_le_bytes(*length)) => Ok(sealed),
        _ => Err(damaged("the footer's length is wrong")),
    }
}

const STOP: u8 = 0x00;
const TRUE: u8 = 0x01;
const FALSE: u8 = 0x02;
const BINARY: u8 = 0x08;
const STRUCT_FIELD_1: u8 = 0x1c;
const STRUCT_FIELD_2: u8 = 0x2c;
const BINARY_FIELD_NEXT: u8 = 0x18;

fn damaged(what: &str) -> SealError {
    SealError::Damaged(what.to_owned())
}

/// What is left of a buffer in Thrift's compact protocol.
struct Thrift<'a>(&'a [u8]);

impl Thrift<'_> {
    fn byte(&mut self) -> Result<u8, SealError> {
        let (first, rest) = self.0.split_first().ok_or(SealError::Truncated)?;
        self.0 = rest;
        Ok(*first)
    }

    fn expect(&mut self, bytes: &[u8]) -> Result<(), SealError> {
        self.0 = self.0.strip_prefix(bytes).ok_or_else(|| damaged("not the crypto metadata of a Parquet file"))?;
        Ok(())
    }

    /// Skips a length, LEB128 in at most three bytes, and as many bytes.
    fn skip_binary(&mut self) -> Result<(), SealError> {
        let mut length = 0_usize;
        for shift in [0, 7, 14] {
            let byte = self.byte()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                self.0 = self.0.get(length..).ok_or(SealError::Truncated)?;
                return Ok(());
            }
        }
        Err(damaged("a binary field of more than 2 MiB"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_crypto_metadata_of_every_other_shape() {
        let plain = [0x1c, 0x1c, 0x28, 2, 9, 9, 0x11, 0, 0, 0, 1, 0, 0, 0, 7];
        assert_eq!(crypto_metadata(&plain).unwrap(), [7]);
        let with_key_metadata = [0x1c, 0x1c, 0x28, 1, 9, 0, 0, 0x28, 1, 9, 0, 1, 0, 0, 0, 7];
        assert!(crypto_metadata(&with_key_metadata).is_err(), "field 2 follows field 1 by a delta of one");
        let crimes: [(&str, &[u8]); 6] = [
            ("not a struct", &[0x15, 0x02]),
            ("unknown algorithm", &[0x1c, 0x3c, 0, 0, 0]),
            ("unknown field", &[0x1c, 0x1c, 0x48, 1, 9, 0, 0, 0, 1, 0, 0, 0, 7]),
            ("longer than it says", &[0x1c, 0x1c, 0, 0, 0, 1, 0, 0, 0, 7, 7]),
            ("endless length", &[0x1c, 0x1c, 0x28, 0xff, 0xff, 0xff, 0xff]),
            ("truncated", &[0x1c, 0x1c, 0x28, 9, 1]),
        ];
        for (crime, bytes) in crimes {
            assert!(matches!(crypto_metadata(bytes), Err(SealError::Damaged(_) | SealError::Truncated)), "{crime}");
        }
        assert!(matches!(crypto_metadata(&[0x1c, 0x2c, 0]), Err(SealError::AesGcmCtr)));
        assert!(matches!(crypto_metadata(&[0x1c, 0x1c, 0x18, 1, 9, 0]), Err(SealError::AadPrefixStored)));
    }
}
