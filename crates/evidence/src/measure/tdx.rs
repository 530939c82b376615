//! Intel TDX: the MRTD of a guest that starts from this TDVF image.
//!
//! 1. The sections of the image's TDVF metadata, in their order. [TDX Virtual Firmware Design Guide 1.01, §11.2]
//! 2. Each page of a section that is added before the launch: `MEM.PAGE.ADD` and its address. [TDX Module Base, TDH.MEM.PAGE.ADD]
//! 3. Each 256 bytes of a section whose attribute says so: `MR.EXTEND`, their address, the bytes. [TDX Module Base, TDH.MR.EXTEND]
//!
//! MRTD is SHA-384 over all of it. When the VMM extends, after each page or after all of a section, is its choice, and part of
//! MRTD: [`PageOrder`]. RTMR 2 is predicted by [`pcr`](super::pcr); RTMR 0 depends on the VMM's tables and variables, RTMR 1 on disks.
//!
//! ```text
//! metadata: "TDVF" ‖ length u32 ‖ version u32 (1) ‖ number u32 ‖ section*
//! section:  data offset u32 ‖ data size u32 ‖ address u64 ‖ memory size u64 ‖ type u32 ‖ attributes u32 (1 extend, 2 add later)
//! ```
//!
//! ```
//! use casemate_evidence::measure::{MeasureError, tdx::{PageOrder, mrtd}};
//!
//! /// The reference value for QEMU with an upstream KVM.
//! fn reference_value(firmware: &[u8]) -> Result<[u8; 48], MeasureError> {
//!     mrtd(firmware, PageOrder::PageByPage)
//! }
//! # assert!(reference_value(&[0; 4096]).is_err());
//! ```
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use aws_lc_rs::digest;

use super::{
    MeasureError,
    error::{slice, wide},
    footer::{Firmware, PAGE_BYTES, guid},
};
use crate::wire::Reader;

/// The most pages that are added before a launch: 256 MiB.
pub const PAGES_MAX: u64 = 1 << 16;

const METADATA: [u8; 16] = guid(0xe47a_6535, 0x984a, 0x4798, [0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf, 0x8e, 0xc2]);
const HEADER_BYTES: usize = 16;
const SECTION_BYTES: usize = 32;
const SECTIONS_MAX: usize = 64;
const CHUNK_BYTES: u64 = 256;

const EXTEND: u32 = 1;
const ADD_LATER: u32 = 2;
const TD_HOB: u32 = 2;
const KIND_MAX: u32 = 7;

/// When a VMM extends MRTD with the bytes of a section.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PageOrder {
    /// After all of the section's pages were added: QEMU with Intel's and early distributions' patches to KVM.
    AfterSection,
    /// Each page after it was added: KVM since Linux 6.16.
    PageByPage,
}

/// The MRTD.
///
/// # Errors
/// [`MeasureError`]: the image has no TDVF metadata, or it is ambiguous; more than [`PAGES_MAX`] are added; the VMM's own tables
/// are measured.
pub fn mrtd(firmware: &[u8], order: PageOrder) -> Result<[u8; 48], MeasureError> {
    let firmware = Firmware::parse(firmware)?;
    let mut measurement = digest::Context::new(&digest::SHA384);
    for section in sections(&firmware)?.iter().filter(|section| section.attributes & ADD_LATER == 0) {
        let is_extended = section.attributes & EXTEND != 0;
        for page in section.addresses(0, section.memory_size, 0x1000) {
            update(&mut measurement, b"MEM.PAGE.ADD", page);
            if is_extended && order == PageOrder::PageByPage {
                let offset = page.saturating_sub(section.address);
                section.extend(&mut measurement, offset, PAGE_BYTES);
            }
        }
        if is_extended && order == PageOrder::AfterSection {
            section.extend(&mut measurement, 0, section.memory_size);
        }
    }
    let mut value = [0; 48];
    value.iter_mut().zip(measurement.finish().as_ref()).for_each(|(byte, found)| *byte = *found);
    Ok(value)
}

/// 128 bytes: the operation's name, at 16 the address.
fn update(measurement: &mut digest::Context, operation: &[u8], address: u64) {
    let mut block = [0; 128];
    block.iter_mut().zip(operation).for_each(|(to, from)| *to = *from);
    block.iter_mut().skip(16).zip(address.to_le_bytes()).for_each(|(to, from)| *to = from);
    measurement.update(&block);
}

struct Section<'a> {
    data: &'a [u8],
    address: u64,
    memory_size: u64,
    kind: u32,
    attributes: u32,
}

impl<'a> Section<'a> {
    fn read(reader: &mut Reader<'_>, firmware: &Firmware<'a>) -> Result<Self, MeasureError> {
        let offset = u64::from(reader.u32_le("section's data offset")?);
        let size = u64::from(reader.u32_le("section's data size")?);
        let address = reader.u64_le("section's memory address")?;
        let memory_size = reader.u64_le("section's memory size")?;
        let kind = reader.u32_le("section's type")?;
        let attributes = reader.u32_le("section's attributes")?;
        let data = slice(firmware.bytes, "TDVF section's data", offset, size)?;
        let section = Self { data, address, memory_size, kind, attributes };
        section.check()?;
        Ok(section)
    }

    fn check(&self) -> Result<(), MeasureError> {
        MeasureError::aligned("section's memory address", self.address, PAGE_BYTES)?;
        MeasureError::aligned("section's memory size", self.memory_size, PAGE_BYTES)?;
        if self.kind > KIND_MAX {
            return Err(MeasureError::value("section's type", "0 to 7", self.kind));
        }
        if self.attributes & !(EXTEND | ADD_LATER) != 0 || self.attributes == EXTEND | ADD_LATER {
            return Err(MeasureError::value("section's attributes", "0, 1 or 2", format!("{:#x}", self.attributes)));
        }
        if self.memory_size < wide(self.data.len()) {
            return Err(MeasureError::value("section's memory size", "that of its data at least", self.memory_size));
        }
        if self.kind == TD_HOB && self.attributes & EXTEND != 0 {
            let reason = "the VMM writes it";
            return Err(MeasureError::Unpredictable { part: "a TD_HOB section that is extended", reason });
        }
        Ok(())
    }

    const fn end(&self) -> u64 {
        self.address.saturating_add(self.memory_size)
    }

    /// The addresses of what lies in `size` bytes from `offset`.
    fn addresses(&self, offset: u64, size: u64, step: usize) -> impl Iterator<Item = u64> + use<> {
        let start = self.address.saturating_add(offset);
        (start..start.saturating_add(size)).step_by(step)
    }

    /// Extends with `size` bytes of memory from `offset`: the data, and zeros after it.
    fn extend(&self, measurement: &mut digest::Context, offset: u64, size: u64) {
        let mut rest = usize::try_from(offset).ok().and_then(|offset| self.data.get(offset..)).unwrap_or_default();
        for address in self.addresses(offset, size, 256) {
            let (chunk, after) = rest.split_at(rest.len().min(usize::try_from(CHUNK_BYTES).unwrap_or(0)));
            update(measurement, b"MR.EXTEND", address);
            measurement.update(chunk);
            measurement.update([0; 256].get(chunk.len()..).unwrap_or_default());
            rest = after;
        }
    }
}

fn sections<'a>(firmware: &Firmware<'a>) -> Result<Vec<Section<'a>>, MeasureError> {
    let offset = firmware.entry::<4>("TDVF metadata's offset", &METADATA)?;
    let remedy = "take an OVMF that starts TDX guests";
    let offset = offset.ok_or(MeasureError::Absent { part: "TDVF metadata in the firmware", remedy })?;
    let mut reader = Reader::new(firmware.at_end("TDVF metadata", u32::from_le_bytes(offset))?);
    let signature = reader.take("TDVF metadata's signature", 4)?;
    if signature != b"TDVF" {
        return Err(MeasureError::value("TDVF metadata's signature", "`TDVF`", hex::encode(signature)));
    }
    let length = reader.u32_le("TDVF metadata's length")?;
    let version = reader.u32_le("TDVF metadata's version")?;
    if version != 1 {
        return Err(MeasureError::value("TDVF metadata's version", "1", version));
    }
    let count = usize::try_from(reader.u32_le("TDVF metadata's number of sections")?).unwrap_or(usize::MAX);
    MeasureError::bound("TDVF metadata's number of sections", count, SECTIONS_MAX)?;
    let expected = count.saturating_mul(SECTION_BYTES).saturating_add(HEADER_BYTES);
    if u32::try_from(expected) != Ok(length) {
        return Err(MeasureError::value("TDVF metadata's length", "its header and sections", length));
    }
    let sections = (0..count).map(|_| Section::read(&mut reader, firmware)).collect::<Result<Vec<_>, _>>()?;
    check(&sections)?;
    Ok(sections)
}

/// Memory is added once, and something of it is measured.
fn check(sections: &[Section<'_>]) -> Result<(), MeasureError> {
    let mut sorted: Vec<&Section<'_>> = sections.iter().collect();
    sorted.sort_by_key(|section| section.address);
    let mut end = 0;
    for section in sorted {
        if section.address < end {
            return Err(MeasureError::Overlap { part: "TDVF section", offset: section.address, end });
        }
        end = section.end();
    }
    if !sections.iter().any(|section| section.attributes & EXTEND != 0) {
        let remedy = "nothing of the image would be measured";
        return Err(MeasureError::Absent { part: "TDVF section that is extended", remedy });
    }
    let added = sections.iter().filter(|section| section.attributes & ADD_LATER == 0);
    let pages = added.fold(0_u64, |sum, section| sum.saturating_add(section.memory_size / PAGE_BYTES));
    if pages > PAGES_MAX {
        return Err(MeasureError::TooBig { part: "TDVF sections' pages", actual: pages, max: PAGES_MAX });
    }
    Ok(())
}
