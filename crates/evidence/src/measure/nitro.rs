//! AWS Nitro Enclaves: PCR 0, 1, 2 and 8 of an enclave image file (EIF). [aws-nitro-enclaves-image-format, versions 3 and 4]
//!
//! ```text
//! header, 548 bytes, numbers big-endian: ".eif" ‖ version u16 ‖ flags u16 ‖ memory u64 ‖ CPUs u64 ‖ reserved u16 ‖ sections u16
//!                  ‖ offsets u64 × 32 ‖ sizes u64 × 32 ‖ unused u32 ‖ CRC-32 u32 of all other bytes of the file
//! section: type u16 ‖ flags u16 ‖ size u64 ‖ data      kernel 1, command line 2, RAM disk 3, signature 4, metadata 5
//! ```
//! Each PCR is `SHA-384(48 zero bytes ‖ SHA-384(…))`: PCR 0 over kernel, command line and all RAM disks; PCR 1 over kernel, command
//! line and the first RAM disk; PCR 2 over the other RAM disks; PCR 8 over the signing certificate. Metadata is in none. The
//! signature itself is not checked here: the hypervisor doesn't start an enclave with a wrong one.
//!
//! ```
//! use casemate_evidence::measure::{MeasureError, nitro};
//!
//! /// The reference value of PCR 0, in hexadecimal.
//! fn reference_value(eif: &[u8]) -> Result<String, MeasureError> {
//!     Ok(hex::encode(nitro::pcrs(eif)?.image))
//! }
//! # assert!(reference_value(b".eif").is_err());
//! ```
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::{
    MeasureError,
    error::{slice, wide},
};
use crate::{
    Hash,
    pem::blocks,
    wire::{Reader, WireError, cbor::Cbor},
};

/// The largest image that is measured: 2 GiB.
pub const EIF_BYTES_MAX: usize = 1 << 31;

/// The longest signing certificate that is read, in PEM.
const CERTIFICATE_BYTES_MAX: usize = 16 << 10;

const SECTIONS_MAX: usize = 32;
const HEADER_BYTES: u64 = 548;
const SECTION_HEADER_BYTES: u64 = 12;
const CHECKSUM_OFFSET: usize = 544;

/// What the attestation document of an enclave of this image reports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pcrs {
    /// PCR 0: kernel, command line and RAM disks.
    pub image: [u8; 48],
    /// PCR 1: kernel, command line and first RAM disk.
    pub bootstrap: [u8; 48],
    /// PCR 2: the other RAM disks.
    pub application: [u8; 48],
    /// PCR 8: the certificate of who signed the image; `None` if nobody did, where the register is zero.
    pub certificate: Option<[u8; 48]>,
}

/// Measures an image.
///
/// # Errors
/// [`MeasureError`]: the bytes are no image of version 3 or 4, its checksum is wrong, or its sections are not one after the other:
/// kernel, command line, then metadata (version 4), RAM disks and a signature.
pub fn pcrs(eif: &[u8]) -> Result<Pcrs, MeasureError> {
    MeasureError::bound("EIF", eif.len(), EIF_BYTES_MAX)?;
    let header = Header::parse(eif)?;
    let sections = sections(eif, &header)?;
    let expected = checksum(eif);
    if header.checksum != expected {
        return Err(MeasureError::Checksum { expected, actual: header.checksum });
    }
    let parts = Parts::of(&sections, header.version)?;
    let (first, others) =
        parts.ramdisks.split_first().ok_or(MeasureError::Absent { part: "RAM disk in the EIF", remedy: REBUILD })?;
    let boot = [parts.kernel, parts.command_line, *first];
    let image: Vec<&[u8]> = boot.iter().chain(others).copied().collect();
    Ok(Pcrs {
        image: extended(&image),
        bootstrap: extended(&boot),
        application: extended(others),
        certificate: parts.signature.map(certificate).transpose()?.map(|der| extended(&[&der])),
    })
}

const REBUILD: &str = "build the image by nitro-cli";

struct Header {
    version: u16,
    /// Where each section begins, and the bytes of its data.
    sections: Vec<(u64, u64)>,
    checksum: u32,
}

impl Header {
    fn parse(eif: &[u8]) -> Result<Self, MeasureError> {
        let mut reader = Reader::new(eif);
        let magic = reader.take("EIF's magic", 4)?;
        if magic != b".eif" {
            return Err(MeasureError::value("EIF's magic", "`.eif`", hex::encode(magic)));
        }
        let version = reader.u16_be("EIF's version")?;
        if ![3, 4].contains(&version) {
            return Err(MeasureError::value("EIF's version", "3 or 4", version));
        }
        let flags = reader.u16_be("EIF's flags")?;
        if flags > 1 {
            return Err(MeasureError::value("EIF's flags", "0 or 1 (Arm)", format!("{flags:#x}")));
        }
        reader.take("EIF's default memory and CPUs", 16)?;
        reader.zeros("EIF's reserved field", 2)?;
        let count = usize::from(reader.u16_be("EIF's number of sections")?);
        MeasureError::bound("EIF's number of sections", count, SECTIONS_MAX)?;
        let offsets = numbers(&mut reader, "EIF's section offsets", count)?;
        let sizes = numbers(&mut reader, "EIF's section sizes", count)?;
        reader.zeros("EIF's unused field", 4)?;
        let checksum = reader.u32_be("EIF's checksum")?;
        Ok(Self { version, sections: offsets.into_iter().zip(sizes).collect(), checksum })
    }
}

/// `count` numbers of a table of 32, of which the others are zero.
fn numbers(reader: &mut Reader<'_>, field: &'static str, count: usize) -> Result<Vec<u64>, MeasureError> {
    let numbers = (0..count).map(|_| reader.u64_be(field)).collect::<Result<_, _>>()?;
    reader.zeros(field, SECTIONS_MAX.saturating_sub(count).saturating_mul(8))?;
    Ok(numbers)
}

/// Types and data. Sections lie one after the other, from the header's end to that of the file.
fn sections<'a>(eif: &'a [u8], header: &Header) -> Result<Vec<(u16, &'a [u8])>, MeasureError> {
    const PART: &str = "EIF's section";
    let mut end = HEADER_BYTES;
    let mut sections = Vec::new();
    for (offset, size) in header.sections.iter().copied() {
        if offset < end {
            return Err(MeasureError::Overlap { part: PART, offset, end });
        }
        if offset > end {
            return Err(MeasureError::value("EIF's section offset", "the end of what comes before", offset));
        }
        let mut head = Reader::new(slice(eif, PART, offset, SECTION_HEADER_BYTES)?);
        let kind = head.u16_be("section's type")?;
        head.zeros("section's flags", 2)?;
        let stated = head.u64_be("section's size")?;
        if stated != size {
            return Err(MeasureError::value("section's size", "that of the EIF's header", stated));
        }
        let start = offset.saturating_add(SECTION_HEADER_BYTES);
        sections.push((kind, slice(eif, PART, start, size)?));
        end = start.saturating_add(size);
    }
    match wide(eif.len()).checked_sub(end) {
        Some(0) => Ok(sections),
        left => {
            let left = usize::try_from(left.unwrap_or_default()).unwrap_or(usize::MAX);
            Err(WireError::Trailing { field: PART, left }.into())
        }
    }
}

struct Parts<'a> {
    kernel: &'a [u8],
    command_line: &'a [u8],
    ramdisks: Vec<&'a [u8]>,
    signature: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn of(sections: &[(u16, &'a [u8])], version: u16) -> Result<Self, MeasureError> {
        let [(1, kernel), (2, command_line), rest @ ..] = sections else {
            let actual = format!("{:?}", sections.iter().map(|(kind, _)| kind).collect::<Vec<_>>());
            return Err(MeasureError::value("EIF's sections", "kernel and command line first", actual));
        };
        let (mut metadata, mut signature, mut ramdisks) = (None, None, Vec::new());
        for (kind, data) in rest {
            let (name, place) = match kind {
                3 => {
                    ramdisks.push(*data);
                    continue;
                }
                4 => ("signature section", &mut signature),
                5 if version >= 4 => ("metadata section", &mut metadata),
                1 | 2 => return Err(MeasureError::Duplicate { part: format!("EIF's section of type {kind}") }),
                _ => return Err(MeasureError::value("section's type", "one that its version has", kind)),
            };
            if place.replace(*data).is_some() {
                return Err(MeasureError::Duplicate { part: name.to_owned() });
            }
        }
        if version >= 4 && metadata.is_none() {
            return Err(MeasureError::Absent { part: "metadata section in the EIF", remedy: REBUILD });
        }
        Ok(Self { kernel, command_line, ramdisks, signature })
    }
}

/// The certificate in `[ { "signing_certificate": [PEM, byte by byte], "signature": … } ]`, which is for PCR 0.
fn certificate(signature: &[u8]) -> Result<Vec<u8>, MeasureError> {
    const FIELD: &str = "signing_certificate";
    let mut cbor = Cbor::new(signature);
    let entries = cbor.array("signature section")?;
    if entries != 1 {
        return Err(MeasureError::value("signature section", "one signature, that of PCR 0", entries));
    }
    let mut found = None;
    cbor.entries("signature section", |key, value| {
        if *key == crate::wire::cbor::Key::Text(FIELD) {
            found = Some(byte_array(FIELD, value)?);
        } else {
            value.skip("signature")?;
        }
        Ok::<(), MeasureError>(())
    })?;
    cbor.end("signature section")?;
    let pem = found.ok_or(MeasureError::Absent { part: "`signing_certificate` in the EIF", remedy: REBUILD })?;
    let blocks = std::str::from_utf8(&pem).ok().and_then(blocks).unwrap_or_default();
    match <[_; 1]>::try_from(blocks) {
        Ok([block]) if block.label == "CERTIFICATE" => Ok(block.bytes),
        _ => Err(MeasureError::value(FIELD, "one certificate in PEM", format!("{} bytes", pem.len()))),
    }
}

/// Bytes, each a CBOR number of its own.
fn byte_array(field: &'static str, cbor: &mut Cbor<'_>) -> Result<Vec<u8>, MeasureError> {
    let length = cbor.array(field)?;
    MeasureError::bound(field, length, CERTIFICATE_BYTES_MAX)?;
    let byte = |value: u64| u8::try_from(value).map_err(|_| MeasureError::value(field, "bytes", value));
    (0..length).map(|_| cbor.unsigned(field).map_err(MeasureError::from).and_then(byte)).collect()
}

/// `SHA-384(48 zero bytes ‖ SHA-384(parts))`.
fn extended(parts: &[&[u8]]) -> [u8; 48] {
    let value = Hash::Sha384.of(&[&[0; 48], Hash::Sha384.of(parts).as_ref()]);
    let mut register = [0; 48];
    register.iter_mut().zip(value.as_ref()).for_each(|(byte, value)| *byte = *value);
    register
}

/// CRC-32 of ISO 3309 over all bytes but the checksum's own four, which end the header.
fn checksum(eif: &[u8]) -> u32 {
    let (before, rest) = eif.split_at_checked(CHECKSUM_OFFSET).unwrap_or((eif, &[]));
    let after = rest.get(4..).unwrap_or_default();
    let step = |sum: u32, byte: &u8| {
        let [low, ..] = (sum ^ u32::from(*byte)).to_le_bytes();
        (sum >> 8) ^ CRC_TABLE.get(usize::from(low)).copied().unwrap_or_default()
    };
    !before.iter().chain(after).fold(u32::MAX, step)
}

const CRC_TABLE: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut rest: &mut [u32] = &mut table;
    let mut number = 0_u32;
    while let Some((place, after)) = rest.split_first_mut() {
        let (mut value, mut bits) = (number, 8_u32);
        while let Some(left) = bits.checked_sub(1) {
            value = (value >> 1) ^ if value & 1 == 1 { 0xedb8_8320 } else { 0 };
            bits = left;
        }
        *place = value;
        number = number.wrapping_add(1);
        rest = after;
    }
    table
}
