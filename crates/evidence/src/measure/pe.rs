//! PE images as UEFI firmware measures them. [PE format; Authenticode_PE.docx; edk2, HashPeImage of SecurityPkg]
//!
//! ```text
//! "MZ" … at 0x3c the PE header's offset u32 → "PE\0\0" ‖ COFF header 20 ‖ optional header ‖ section header × n … section data …
//! ```
//! Authenticode hashes all but the checksum, the certificate table's entry, and that table, which ends the file:
//!
//! 1. The headers, without those two fields, to `SizeOfHeaders`.
//! 2. The sections' data, by their place in the file.
//! 3. What follows the sections, to the certificate table.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::{
    MeasureError,
    error::{slice, wide},
};
use crate::{Hash, wire::Reader};

/// The largest image that is measured: 1 GiB.
pub const IMAGE_BYTES_MAX: usize = 1 << 30;

/// The most sections of an image.
pub const SECTIONS_MAX: usize = 96;

const DIRECTORIES_MAX: u32 = 16;
const SECURITY: u32 = 4;

/// The Authenticode digest of a PE image: what firmware measures into PCR 4 when it loads it.
///
/// # Errors
/// [`MeasureError`]: the bytes are no PE image, parts of it overlap, or something follows its certificates.
pub fn authenticode(image: &[u8], hash: Hash) -> Result<Vec<u8>, MeasureError> {
    Ok(Pe::parse(image)?.authenticode(hash))
}

/// One section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section<'a> {
    name: &'a [u8],
    /// Its data in the file.
    data: &'a [u8],
    offset: u64,
    memory_size: u64,
}

impl<'a> Section<'a> {
    fn read(reader: &mut Reader<'a>, image: &'a [u8]) -> Result<Self, MeasureError> {
        let name = reader.take("section's Name", 8)?;
        let memory_size = u64::from(reader.u32_le("section's VirtualSize")?);
        reader.take("section's VirtualAddress", 4)?;
        let size = u64::from(reader.u32_le("section's SizeOfRawData")?);
        let offset = u64::from(reader.u32_le("section's PointerToRawData")?);
        reader.take("section's relocations, line numbers and Characteristics", 16)?;
        let data = if size == 0 { &[] } else { slice(image, "PE section", offset, size)? };
        Ok(Self { name: trimmed(name), data, offset, memory_size })
    }

    fn end(&self) -> u64 {
        self.offset.saturating_add(wide(self.data.len()))
    }

    pub(super) const fn name(&self) -> &'a [u8] {
        self.name
    }

    /// What lies in memory once it is loaded: data, and zeros to its `VirtualSize`.
    pub(super) fn memory(&self) -> Result<(&'a [u8], usize), MeasureError> {
        let size = usize::try_from(self.memory_size).unwrap_or(usize::MAX);
        MeasureError::bound("section's VirtualSize", size, IMAGE_BYTES_MAX)?;
        let data = self.data.get(..size).unwrap_or(self.data);
        Ok((data, size.saturating_sub(data.len())))
    }
}

/// A name of fewer than 8 bytes ends with zeros.
fn trimmed(name: &[u8]) -> &[u8] {
    let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    name.get(..length).unwrap_or(name)
}

/// A PE image.
#[derive(Debug)]
pub(super) struct Pe<'a> {
    /// What of the headers is hashed: before, between and after the two fields that are not.
    headers: [&'a [u8]; 3],
    /// In the order of their headers.
    sections: Vec<Section<'a>>,
    /// What follows the sections, without the certificate table.
    rest: &'a [u8],
}

impl<'a> Pe<'a> {
    pub(super) fn parse(image: &'a [u8]) -> Result<Self, MeasureError> {
        MeasureError::bound("PE image", image.len(), IMAGE_BYTES_MAX)?;
        let start = start(image)?;
        let mut reader = Reader::new(slice(image, "PE header", start, wide(image.len()).saturating_sub(start))?);
        let signature = reader.take("PE header's signature", 4)?;
        if signature != b"PE\0\0" {
            return Err(MeasureError::value("PE header's signature", "`PE`", hex::encode(signature)));
        }
        reader.take("Machine", 2)?;
        let count = usize::from(reader.u16_le("NumberOfSections")?);
        MeasureError::bound("NumberOfSections", count, SECTIONS_MAX)?;
        reader.take("TimeDateStamp and symbols", 12)?;
        let optional_size = usize::from(reader.u16_le("SizeOfOptionalHeader")?);
        reader.take("Characteristics", 2)?;
        let optional_at = start.saturating_add(24);
        let optional = Optional::parse(reader.take("optional header", optional_size)?, optional_at)?;
        let sections = (0..count).map(|_| Section::read(&mut reader, image)).collect::<Result<Vec<_>, _>>()?;
        let table_end = wide(image.len()).saturating_sub(wide(reader.left()));
        if optional.headers_size < table_end {
            let expected = "the end of the section headers at least";
            return Err(MeasureError::value("SizeOfHeaders", expected, optional.headers_size));
        }
        let headers = optional.headers(image)?;
        let rest = rest(image, &optional, &sections)?;
        Ok(Self { headers, sections, rest })
    }

    pub(super) fn sections(&self) -> &[Section<'a>] {
        &self.sections
    }

    pub(super) fn authenticode(&self, hash: Hash) -> Vec<u8> {
        let sorted = by_place(&self.sections);
        let data = sorted.iter().map(|section| section.data);
        let parts: Vec<&[u8]> = self.headers.into_iter().chain(data).chain([self.rest]).collect();
        hash.of(&parts).as_ref().to_vec()
    }
}

/// Where the PE header begins.
fn start(image: &[u8]) -> Result<u64, MeasureError> {
    let mut reader = Reader::new(image);
    let magic = reader.take("DOS header's magic", 2)?;
    if magic != b"MZ" {
        return Err(MeasureError::value("DOS header's magic", "`MZ`", hex::encode(magic)));
    }
    reader.take("DOS header", 0x3a)?;
    Ok(u64::from(reader.u32_le("DOS header's e_lfanew")?))
}

/// What is needed of the optional header.
struct Optional {
    checksum_at: u64,
    /// Where the certificate table's entry is, and what it says.
    security: Option<(u64, u64, u64)>,
    headers_size: u64,
}

impl Optional {
    fn parse(bytes: &[u8], at: u64) -> Result<Self, MeasureError> {
        let mut reader = Reader::new(bytes);
        let before_directories: usize = match reader.u16_le("optional header's Magic")? {
            0x10b => 92,
            0x20b => 108,
            other => {
                return Err(MeasureError::value("optional header's Magic", "0x10b or 0x20b", format!("{other:#x}")));
            }
        };
        reader.take("optional header", 58)?;
        let headers_size = u64::from(reader.u32_le("SizeOfHeaders")?);
        reader.take("CheckSum", 4)?;
        reader.take("optional header", before_directories.saturating_sub(68))?;
        let count = reader.u32_le("NumberOfRvaAndSizes")?;
        if count > DIRECTORIES_MAX {
            return Err(MeasureError::value("NumberOfRvaAndSizes", "16 at most", count));
        }
        let mut security = None;
        if count > SECURITY {
            reader.take("data directories", 32)?;
            let (offset, size) = (reader.u32_le("certificate table")?, reader.u32_le("certificate table")?);
            let place = at.saturating_add(wide(before_directories)).saturating_add(4 + 32);
            security = Some((place, u64::from(offset), u64::from(size)));
        }
        Ok(Self { checksum_at: at.saturating_add(64), security, headers_size })
    }

    /// 1. The headers' three parts.
    fn headers<'a>(&self, image: &'a [u8]) -> Result<[&'a [u8]; 3], MeasureError> {
        let part = |start: u64, end: u64| slice(image, "PE headers", start, end.saturating_sub(start));
        let after_checksum = self.checksum_at.saturating_add(4);
        let before = part(0, self.checksum_at)?;
        Ok(match self.security {
            Some((at, ..)) => [before, part(after_checksum, at)?, part(at.saturating_add(8), self.headers_size)?],
            None => [before, part(after_checksum, self.headers_size)?, &[]],
        })
    }
}

/// 2. Sections that have data, by their place.
fn by_place<'s, 'a>(sections: &'s [Section<'a>]) -> Vec<&'s Section<'a>> {
    let mut sorted: Vec<_> = sections.iter().filter(|section| !section.data.is_empty()).collect();
    sorted.sort_by_key(|section| section.offset);
    sorted
}

/// 3. What follows the sections.
///
/// Firmware takes the number of bytes that it has hashed so far for its place, which it is only if there are none between sections.
fn rest<'a>(image: &'a [u8], optional: &Optional, sections: &[Section<'a>]) -> Result<&'a [u8], MeasureError> {
    let mut end = optional.headers_size;
    for section in by_place(sections) {
        let offset = section.offset;
        if offset < end {
            return Err(MeasureError::Overlap { part: "PE section", offset, end });
        }
        if offset > end {
            let expected = "the end of what comes before: bytes between would not be measured";
            return Err(MeasureError::value("section's PointerToRawData", expected, format!("{offset:#x}")));
        }
        end = section.end();
    }
    let length = wide(image.len());
    let until = match optional.security {
        None | Some((_, _, 0)) => length,
        Some((_, offset, size)) if offset.checked_add(size) == Some(length) => {
            if offset < end {
                return Err(MeasureError::Overlap { part: "certificate table", offset, end });
            }
            offset
        }
        Some((_, offset, size)) => {
            let actual = format!("{size:#x} bytes at {offset:#x}");
            return Err(MeasureError::value("certificate table", "the end of the file", actual));
        }
    };
    slice(image, "PE image", end, until.saturating_sub(end))
}
