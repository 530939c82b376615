//! The SEV metadata of an OVMF image. [edk2, OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm]
//!
//! ```text
//! "ASEV" ‖ size u32, all of it ‖ version u32 (1) ‖ number u32 ‖ (address u32 ‖ size u32 ‖ type u32)*
//! ```
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use crate::{
    measure::{
        MeasureError,
        footer::{Firmware, PAGE_BYTES, guid},
    },
    wire::Reader,
};

const METADATA: [u8; 16] = guid(0xdc88_6566, 0x984a, 0x4798, [0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc]);
const HEADER_BYTES: usize = 16;
const SECTION_BYTES: usize = 12;

/// The most sections that are read.
const SECTIONS_MAX: usize = 64;

/// The most pages of zeros that are measured: 256 MiB.
const ZERO_PAGES_MAX: u64 = 1 << 16;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SectionType {
    Memory,
    Secrets,
    Cpuid,
    Svsm,
    KernelHashes,
}

/// A range of guest memory that is added before the launch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) kind: SectionType,
}

impl Section {
    pub(super) const fn end(&self) -> u64 {
        self.address.saturating_add(self.size)
    }

    /// The addresses of its pages.
    pub(super) fn pages(&self) -> impl Iterator<Item = u64> + use<> {
        (self.address..self.end()).step_by(0x1000)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, MeasureError> {
        let address = u64::from(reader.u32_le("section's address")?);
        let size = u64::from(reader.u32_le("section's size")?);
        let kind = match reader.u32_le("section's type")? {
            1 => SectionType::Memory,
            2 => SectionType::Secrets,
            3 => SectionType::Cpuid,
            4 => SectionType::Svsm,
            0x10 => SectionType::KernelHashes,
            other => return Err(MeasureError::value("section's type", "1, 2, 3, 4 or 0x10", format!("{other:#x}"))),
        };
        MeasureError::aligned("section's address", address, PAGE_BYTES)?;
        MeasureError::aligned("section's size", size, PAGE_BYTES)?;
        let is_one_page = matches!(kind, SectionType::Secrets | SectionType::Cpuid | SectionType::KernelHashes);
        if size == 0 || (is_one_page && size != PAGE_BYTES) {
            let expected = if is_one_page { "one page" } else { "a page at least" };
            return Err(MeasureError::value("section's size", expected, size));
        }
        Ok(Self { address, size, kind })
    }
}

/// The sections, in their order.
pub(super) fn sections(firmware: &Firmware<'_>) -> Result<Vec<Section>, MeasureError> {
    let offset = firmware.entry::<4>("SEV metadata's offset", &METADATA)?;
    let remedy = "take an OVMF that starts SEV-SNP guests";
    let offset = offset.ok_or(MeasureError::Absent { part: "SEV metadata in the firmware", remedy })?;
    let mut reader = Reader::new(firmware.at_end("SEV metadata", u32::from_le_bytes(offset))?);
    let signature = reader.take("SEV metadata's signature", 4)?;
    if signature != b"ASEV" {
        return Err(MeasureError::value("SEV metadata's signature", "`ASEV`", hex::encode(signature)));
    }
    let size = reader.u32_le("SEV metadata's size")?;
    let version = reader.u32_le("SEV metadata's version")?;
    if version != 1 {
        return Err(MeasureError::value("SEV metadata's version", "1", version));
    }
    let count = usize::try_from(reader.u32_le("SEV metadata's number of sections")?).unwrap_or(usize::MAX);
    MeasureError::bound("SEV metadata's number of sections", count, SECTIONS_MAX)?;
    let expected = count.saturating_mul(SECTION_BYTES).saturating_add(HEADER_BYTES);
    if u32::try_from(expected) != Ok(size) {
        return Err(MeasureError::value("SEV metadata's size", "its header and sections", size));
    }
    let sections = (0..count).map(|_| Section::read(&mut reader)).collect::<Result<Vec<_>, _>>()?;
    check(&sections, firmware)?;
    Ok(sections)
}

/// Memory is added once, and below the firmware; each kind that has a meaning of its own is there once.
fn check(sections: &[Section], firmware: &Firmware<'_>) -> Result<(), MeasureError> {
    let mut sorted: Vec<&Section> = sections.iter().collect();
    sorted.sort_by_key(|section| section.address);
    let mut end = 0;
    for section in &sorted {
        if section.address < end {
            return Err(MeasureError::Overlap { part: "SEV metadata's section", offset: section.address, end });
        }
        end = section.end();
    }
    if end > firmware.address() {
        return Err(MeasureError::Overlap { part: "firmware", offset: firmware.address(), end });
    }
    for (name, kind) in [
        ("SNP_SECRETS", SectionType::Secrets),
        ("CPUID", SectionType::Cpuid),
        ("SNP_KERNEL_HASHES", SectionType::KernelHashes),
    ] {
        if sections.iter().filter(|section| section.kind == kind).count() > 1 {
            return Err(MeasureError::Duplicate { part: name.to_owned() });
        }
    }
    let pages: u64 = sections.iter().map(|section| section.size.checked_div(PAGE_BYTES).unwrap_or(0)).sum();
    if pages > ZERO_PAGES_MAX {
        return Err(MeasureError::TooBig { part: "SEV metadata's pages", actual: pages, max: ZERO_PAGES_MAX });
    }
    Ok(())
}
