//! The bytes of GPU evidence.
//!
//! ```text
//! request   GET_MEASUREMENTS [DSP0274 1.1 §10.11.1, table 43], 37 bytes
//!   0   version 0x11    1  code 0xe0    2  param1: 0x01, a signature is asked for    3  param2: 0xff, all measurements
//!   4   nonce, 32 bytes                36  slot id
//! response  MEASUREMENTS [DSP0274 1.1 §10.11.1, table 44]
//!   0   version 0x11    1  code 0x60    2  param1    3  param2    4  number of blocks    5  record length, 3 bytes LE
//!   8   record: blocks of  index, 1 byte; specification 0x01; size, 2 bytes LE;  value type, 1 byte; value size, 2 bytes LE; value
//!   …   nonce, 32 bytes; opaque length, 2 bytes LE; opaque data; signature, 96 bytes
//! opaque    rows of  type, 2 bytes LE; size, 2 bytes LE; data
//! ```

use casemate_cose::{decode, encode};
use minicbor::{Decode, Encode};

use crate::{
    Evidence, Format,
    wire::{Reader, WireError},
};

/// The longest evidence of one GPU.
pub const GPU_EVIDENCE_BYTES_MAX: usize = 128 << 10;
/// The most measurements of one GPU.
pub const MEASUREMENTS_MAX: usize = 255;
/// Bytes of a measurement: SHA-384.
pub(super) const MEASUREMENT_BYTES: usize = 48;
pub(super) const SIGNATURE_BYTES: usize = 96;
const REQUEST_BYTES: usize = 37;
const OPAQUE_ROWS_MAX: usize = 256;

/// Packs a report (request and response, as the driver gives them) and its certificates (PEM, the leaf first) as evidence.
#[must_use]
pub fn evidence(report: &[u8], certificates: &[u8]) -> Evidence {
    let parts = Parts { report: report.to_vec(), certificates: certificates.to_vec() };
    Evidence::new(Format::Gpu, encode(&parts))
}

/// The frame.
#[derive(Debug, Decode, Encode)]
pub(super) struct Parts {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub(super) report: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(super) certificates: Vec<u8>,
}

impl Parts {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        decode(bytes, GPU_EVIDENCE_BYTES_MAX).map_err(|error| WireError::Value {
            field: "evidence",
            expected: "CBOR `[report, certificates]`",
            actual: error.to_string(),
        })
    }
}

/// A report, read in place.
#[derive(Debug)]
pub(super) struct Report<'a> {
    /// Everything before the signature.
    pub(super) signed: &'a [u8],
    pub(super) nonce: [u8; 32],
    /// Measurements by index, from 1.
    pub(super) measurements: Vec<(u8, &'a [u8])>,
    pub(super) opaque: Vec<(u16, &'a [u8])>,
    pub(super) signature: &'a [u8],
}

impl<'a> Report<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let mut request = Reader::new(reader.take("GET_MEASUREMENTS", REQUEST_BYTES)?);
        exactly(&mut request, "GET_MEASUREMENTS.SPDMVersion", 0x11, "0x11")?;
        exactly(&mut request, "GET_MEASUREMENTS.RequestResponseCode", 0xe0, "0xe0")?;
        exactly(&mut request, "GET_MEASUREMENTS.Param1", 0x01, "0x01, a signature is asked for")?;
        exactly(&mut request, "GET_MEASUREMENTS.Param2", 0xff, "0xff, all measurements")?;
        let nonce = request.array("GET_MEASUREMENTS.Nonce")?;

        exactly(&mut reader, "MEASUREMENTS.SPDMVersion", 0x11, "0x11")?;
        exactly(&mut reader, "MEASUREMENTS.RequestResponseCode", 0x60, "0x60")?;
        reader.take("MEASUREMENTS.Param1", 2)?;
        let blocks = reader.u8("MEASUREMENTS.NumberOfBlocks")?;
        let [low, middle, high] = reader.array("MEASUREMENTS.MeasurementRecordLength")?;
        let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
        let record = reader.bounded("MEASUREMENTS.MeasurementRecord", length, GPU_EVIDENCE_BYTES_MAX)?;
        let measurements = measurements(record, blocks)?;
        reader.take("MEASUREMENTS.Nonce", 32)?;
        let length = usize::from(reader.u16_le("MEASUREMENTS.OpaqueLength")?);
        let opaque = opaque(reader.take("MEASUREMENTS.OpaqueData", length)?)?;
        let signature = reader.take("MEASUREMENTS.Signature", SIGNATURE_BYTES)?;
        reader.end("MEASUREMENTS.Signature")?;
        let signed = bytes.get(..bytes.len().saturating_sub(SIGNATURE_BYTES)).unwrap_or_default();
        Ok(Self { signed, nonce, measurements, opaque, signature })
    }

    /// The row of this type.
    pub(super) fn row(&self, kind: u16) -> Option<&'a [u8]> {
        self.opaque.iter().find(|(row, _)| *row == kind).map(|(_, data)| *data)
    }
}

/// Types of opaque rows. [nvtrust, spdm_msrt_resp_msg.py]
pub(super) mod row {
    pub(crate) const DRIVER_VERSION: u16 = 3;
    pub(crate) const VBIOS_VERSION: u16 = 6;
    pub(crate) const NVDEC0_STATUS: u16 = 11;
    pub(crate) const BOARD_ID: u16 = 14;
    pub(crate) const CHIP_SKU: u16 = 15;
    pub(crate) const PROJECT: u16 = 17;
    pub(crate) const PROJECT_SKU: u16 = 18;
    pub(crate) const FWID: u16 = 20;
    pub(crate) const PROTECTED_PCIE_STATUS: u16 = 21;
}

fn measurements(record: &[u8], blocks: u8) -> Result<Vec<(u8, &[u8])>, WireError> {
    let mut reader = Reader::new(record);
    let mut measurements: Vec<(u8, &[u8])> = Vec::with_capacity(usize::from(blocks));
    for _ in 0..blocks {
        let index = reader.u8("Measurement.Index")?;
        exactly(&mut reader, "Measurement.MeasurementSpecification", 0x01, "0x01, DMTF")?;
        let size = usize::from(reader.u16_le("Measurement.MeasurementSize")?);
        let mut block = Reader::new(reader.take("Measurement", size)?);
        block.u8("DMTFSpecMeasurementValueType")?;
        let size = usize::from(block.u16_le("DMTFSpecMeasurementValueSize")?);
        let value = block.take("DMTFSpecMeasurementValue", size)?;
        block.end("DMTFSpecMeasurementValue")?;
        let is_next = measurements.last().map_or(index > 0, |(before, _)| index > *before);
        if size != MEASUREMENT_BYTES || !is_next {
            let actual = format!("{size} bytes at index {index}");
            let expected = "48 bytes, indices ascending from 1";
            return Err(WireError::Value { field: "DMTFSpecMeasurementValue", expected, actual });
        }
        measurements.push((index, value));
    }
    reader.end("MeasurementRecord")?;
    Ok(measurements)
}

fn opaque(bytes: &[u8]) -> Result<Vec<(u16, &[u8])>, WireError> {
    let mut reader = Reader::new(bytes);
    let mut rows: Vec<(u16, &[u8])> = Vec::new();
    while reader.left() > 0 {
        let kind = reader.u16_le("OpaqueData.type")?;
        let size = usize::from(reader.u16_le("OpaqueData.size")?);
        let data = reader.take("OpaqueData.data", size)?;
        if rows.iter().any(|(row, _)| *row == kind) {
            return Err(WireError::Value { field: "OpaqueData", expected: "each type once", actual: kind.to_string() });
        }
        if rows.len() >= OPAQUE_ROWS_MAX {
            return Err(WireError::TooMany { field: "OpaqueData", actual: rows.len() + 1, max: OPAQUE_ROWS_MAX });
        }
        rows.push((kind, data));
    }
    Ok(rows)
}

fn exactly(reader: &mut Reader<'_>, field: &'static str, wanted: u8, expected: &'static str) -> Result<(), WireError> {
    let actual = reader.u8(field)?;
    if actual == wanted { Ok(()) } else { Err(WireError::Value { field, expected, actual: format!("0x{actual:02x}") }) }
}
