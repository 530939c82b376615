//! The bytes of a report [Keystone `sdk/include/verifier/report.h`].
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use crate::wire::{Reader, WireError};

/// Bytes of a report.
pub const REPORT_BYTES: usize = 1352;

/// The most bytes that an enclave can have stated: `ATTEST_DATA_MAXLEN`.
pub const DATA_BYTES_MAX: usize = 1024;

const HASH_BYTES: usize = 64;
const LENGTH_BYTES: usize = 8;
const MONITOR_SIGNED_BYTES: usize = 96;

/// A report, read in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report<'a> {
    pub(super) enclave_hash: [u8; 64],
    /// What the enclave had stated.
    pub(super) data: &'a [u8],
    /// What the monitor signed: hash, length and data.
    pub(super) enclave_signed: &'a [u8],
    pub(super) enclave_signature: [u8; 64],
    pub(super) monitor_hash: [u8; 64],
    pub(super) monitor_key: [u8; 32],
    /// What the device signed: hash and key.
    pub(super) monitor_signed: &'a [u8],
    pub(super) monitor_signature: [u8; 64],
    pub(super) device_key: [u8; 32],
}

impl<'a> Report<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let enclave_hash = reader.array("enclave.hash")?;
        let data_len = reader.u64_le("enclave.data_len")?;
        let length = usize::try_from(data_len).unwrap_or(usize::MAX);
        if length > DATA_BYTES_MAX {
            return Err(WireError::TooMany { field: "enclave.data_len", actual: length, max: DATA_BYTES_MAX });
        }
        let data = reader.take("enclave.data", DATA_BYTES_MAX)?.get(..length).unwrap_or_default();
        let signed = HASH_BYTES.saturating_add(LENGTH_BYTES).saturating_add(length);
        let enclave_signed = bytes.get(..signed).unwrap_or_default();
        let enclave_signature = reader.array("enclave.signature")?;
        let monitor_signed = reader.rest().get(..MONITOR_SIGNED_BYTES).unwrap_or_default();
        let report = Self {
            enclave_hash,
            data,
            enclave_signed,
            enclave_signature,
            monitor_hash: reader.array("sm.hash")?,
            monitor_key: reader.array("sm.public_key")?,
            monitor_signed,
            monitor_signature: reader.array("sm.signature")?,
            device_key: reader.array("dev_public_key")?,
        };
        reader.end("dev_public_key")?;
        Ok(report)
    }
}
