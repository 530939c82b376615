//! The page with the hashes of kernel, initial RAM disk and command line, as QEMU writes it. [QEMU, target/i386/sev.c]
//!
//! ```text
//! table: GUID ‖ length u16 (168) ‖ command line ‖ initial RAM disk ‖ kernel ‖ 8 zero bytes
//! entry: GUID ‖ length u16 (50) ‖ SHA-256
//! ```
//! The command line is hashed with its terminating zero; what there is none of, as nothing.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::metadata::Section;
use crate::{
    Hash,
    measure::{
        Kernel, MeasureError,
        footer::{Firmware, guid},
    },
};

const AREA: [u8; 16] = guid(0x7255_371f, 0x3a3b, 0x4b04, [0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54]);
const TABLE: [u8; 16] = guid(0x9438_d606, 0x4f22, 0x4cc9, [0xb4, 0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd, 0x21]);
const COMMAND_LINE: [u8; 16] = guid(0x97d0_2dd8, 0xbd20, 0x4c94, [0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab, 0x2a]);
const INITRD: [u8; 16] = guid(0x44ba_f731, 0x3a2f, 0x4bd7, [0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78, 0x1d]);
const KERNEL: [u8; 16] = guid(0x4de7_9437, 0xabd2, 0x427f, [0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04, 0x5b]);

const PADDED_BYTES: u32 = 176;

/// The page, with the table where the firmware looks for it.
pub(super) fn page(kernel: &Kernel<'_>, firmware: &Firmware<'_>, section: &Section) -> Result<Vec<u8>, MeasureError> {
    let area = firmware.entry::<8>("SEV hashes table's area", &AREA)?;
    let remedy = "take an OVMF built from OvmfPkg/AmdSev";
    let [a0, a1, a2, a3, s0, s1, s2, s3] =
        area.ok_or(MeasureError::Absent { part: "SEV hashes table's area in the firmware", remedy })?;
    let size = u32::from_le_bytes([s0, s1, s2, s3]);
    if size < PADDED_BYTES {
        return Err(MeasureError::value("SEV hashes table's size", "176 bytes at least", size));
    }
    let address = u64::from(u32::from_le_bytes([a0, a1, a2, a3]));
    let outside = MeasureError::Outside {
        part: "SEV hashes table",
        offset: address,
        size: u64::from(PADDED_BYTES),
        available: section.size,
    };
    let Some(offset) = address.checked_sub(section.address) else { return Err(outside) };
    if address.saturating_add(u64::from(PADDED_BYTES)) > section.end() {
        return Err(outside);
    }
    let mut page = vec![0; usize::try_from(offset).unwrap_or(0)];
    page.extend(table(kernel));
    page.resize(0x1000, 0);
    Ok(page)
}

fn table(kernel: &Kernel<'_>) -> Vec<u8> {
    let mut table = TABLE.to_vec();
    table.extend(168_u16.to_le_bytes());
    let line = Hash::Sha256.of(&[kernel.command_line.as_bytes(), &[0]]);
    let initrd = Hash::Sha256.of(&[kernel.initrd.unwrap_or_default()]);
    let image = Hash::Sha256.of(&[kernel.image]);
    for (guid, digest) in [(COMMAND_LINE, line), (INITRD, initrd), (KERNEL, image)] {
        table.extend(guid);
        table.extend(50_u16.to_le_bytes());
        table.extend(digest.as_ref());
    }
    table
}
