//! The table of GUIDs at the end of an OVMF image. [edk2, OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm]
//!
//! ```text
//! … entry ‖ entry ‖ footer ‖ reset vector, 32 bytes ‖ end of the image, at 4 GiB
//! entry:  data ‖ size u16, all of the entry ‖ GUID 16
//! footer: size u16, all of the table ‖ GUID 96b582de-1fb2-45f7-baea-a366c55a082d
//! ```
//! It is read from its end.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::{
    MeasureError,
    error::{slice, wide},
};
use crate::wire::WireError;

/// The largest firmware that is measured: 16 MiB, what lies below 4 GiB for it.
pub const FIRMWARE_BYTES_MAX: usize = 16 << 20;

/// Where firmware ends in the guest's memory.
pub(super) const FIRMWARE_END: u64 = 1 << 32;

pub(super) const PAGE_BYTES: u64 = 4096;

const RESET_VECTOR_BYTES: usize = 32;
const HEAD_BYTES: usize = 18;
const ENTRIES_MAX: usize = 64;
const FOOTER: [u8; 16] = guid(0x96b5_82de, 0x1fb2, 0x45f7, [0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d]);

/// A GUID as it lies in memory.
pub(super) const fn guid(a: u32, b: u16, c: u16, d: [u8; 8]) -> [u8; 16] {
    let ([a0, a1, a2, a3], [b0, b1], [c0, c1]) = (a.to_le_bytes(), b.to_le_bytes(), c.to_le_bytes());
    let [d0, d1, d2, d3, d4, d5, d6, d7] = d;
    [a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, d2, d3, d4, d5, d6, d7]
}

/// A firmware image and its table.
#[derive(Debug)]
pub(super) struct Firmware<'a> {
    pub(super) bytes: &'a [u8],
    entries: Vec<Entry<'a>>,
}

#[derive(Debug)]
struct Entry<'a> {
    guid: [u8; 16],
    data: &'a [u8],
}

impl<'a> Firmware<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, MeasureError> {
        MeasureError::bound("firmware", bytes.len(), FIRMWARE_BYTES_MAX)?;
        let table = table(bytes)?;
        Ok(Self { bytes, entries: entries(table)? })
    }

    /// Where the image begins in the guest's memory.
    pub(super) fn address(&self) -> u64 {
        FIRMWARE_END.saturating_sub(wide(self.bytes.len()))
    }

    /// The first bytes of an entry.
    pub(super) fn entry<const N: usize>(
        &self,
        part: &'static str,
        guid: &[u8; 16],
    ) -> Result<Option<[u8; N]>, MeasureError> {
        let Some(Entry { data, .. }) = self.entries.iter().find(|entry| entry.guid == *guid) else { return Ok(None) };
        let found = data.first_chunk().copied();
        found.map(Some).ok_or_else(|| WireError::Truncated { field: part, wanted: N, left: data.len() }.into())
    }

    /// The bytes from a place that an entry gives, counted from the image's end, to that end.
    pub(super) fn at_end(&self, part: &'static str, offset: u32) -> Result<&'a [u8], MeasureError> {
        let (offset, length) = (u64::from(offset), wide(self.bytes.len()));
        let start = length.checked_sub(offset);
        let start = start.ok_or(MeasureError::Outside { part, offset, size: offset, available: length })?;
        slice(self.bytes, part, start, offset)
    }
}

/// The entries' bytes.
fn table(bytes: &[u8]) -> Result<&[u8], MeasureError> {
    let truncated = |field, wanted| WireError::Truncated { field, wanted, left: bytes.len() };
    let (rest, _) =
        split_end(bytes, RESET_VECTOR_BYTES).ok_or_else(|| truncated("reset vector", RESET_VECTOR_BYTES))?;
    let (rest, size, guid) = head(rest).ok_or_else(|| truncated("GUIDed table's footer", HEAD_BYTES))?;
    if guid != FOOTER {
        let remedy = "it is no OVMF image with the table that confidential guests need";
        return Err(MeasureError::Absent { part: "GUIDed table at the firmware's end", remedy });
    }
    let size = size.checked_sub(HEAD_BYTES).ok_or_else(|| too_small("GUIDed table's footer", size))?;
    let (_, table) = split_end(rest, size).ok_or_else(|| truncated("GUIDed table", size))?;
    Ok(table)
}

fn entries(mut table: &[u8]) -> Result<Vec<Entry<'_>>, MeasureError> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    while !table.is_empty() {
        MeasureError::bound("GUIDed table's entries", entries.len().saturating_add(1), ENTRIES_MAX)?;
        let truncated = |wanted| WireError::Truncated { field: "GUIDed table's entry", wanted, left: table.len() };
        let (rest, size, guid) = head(table).ok_or_else(|| truncated(HEAD_BYTES))?;
        let size = size.checked_sub(HEAD_BYTES).ok_or_else(|| too_small("GUIDed table's entry", size))?;
        let (rest, data) = split_end(rest, size).ok_or_else(|| truncated(size))?;
        if entries.iter().any(|entry| entry.guid == guid) {
            return Err(MeasureError::Duplicate { part: format!("GUIDed table's entry {}", hex::encode(guid)) });
        }
        entries.push(Entry { guid, data });
        table = rest;
    }
    Ok(entries)
}

/// What comes before, size and GUID of what ends `bytes`.
fn head(bytes: &[u8]) -> Option<(&[u8], usize, [u8; 16])> {
    let (rest, guid) = bytes.split_last_chunk::<16>()?;
    let (rest, size) = rest.split_last_chunk::<2>()?;
    Some((rest, usize::from(u16::from_le_bytes(*size)), *guid))
}

fn split_end(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(bytes.len().checked_sub(length)?)
}

fn too_small(field: &'static str, size: usize) -> MeasureError {
    MeasureError::value(field, "18 bytes at least", size)
}
