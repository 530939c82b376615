//! The bytes of `azure` evidence, and of the HCL report inside. [docs/formats/evidence-azure.md]
//!
//! ```text
//! evidence = [ HCL report: bytes, quote: bytes, signature: bytes, pcrs, TD quote: bytes, certificates: [* bytes],
//!              log: bytes, command line: text ]              pcrs as in docs/formats/evidence-tpm.md; what is absent is empty
//!
//! HCL report, little-endian:
//!    0  signature "HCLA"   4  version u32 (1, 2)   8  reportSize u32   12  requestType u32 (2)   16  status u32   20  zero
//!   32  hardware report, 1184 bytes: an SNP report, or a TDREPORT and zeros
//! 1216  dataSize u32   1220  version u32 (1)   1224  reportType u32 (2: SNP, 4: TDX)   1228  hashType u32 (1: SHA-256)
//! 1232  runtimeDataSize u32   1236  runtime data: JSON   then zeros
//! ```
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use casemate_cose::encode;
use minicbor::bytes::ByteSlice;

use crate::{
    Evidence, Format,
    tpm::{PcrValue, bounded, elements, pcr_rows},
    wire::{Reader, WireError, cbor::Cbor},
};

/// The longest HCL report: an NV index holds it.
pub const HCL_REPORT_BYTES_MAX: usize = 16 << 10;

/// The longest runtime data.
pub const RUNTIME_DATA_BYTES_MAX: usize = 8 << 10;

const HARDWARE_REPORT_BYTES: usize = 1184;
const HEADER_BYTES: usize = 32;
const REQUEST_HEADER_BYTES: usize = 20;
const QUOTE_BYTES_MAX: usize = 1024;
const SIGNATURE_BYTES_MAX: usize = 1024;
const TD_QUOTE_BYTES_MAX: usize = 64 << 10;
/// VCEK or VLEK, ASK or ASVK, ARK.
const CERTIFICATES_MAX: usize = 3;

/// The parts of `azure` evidence, in place. What is absent is empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Parts<'a> {
    /// The HCL report, as the vTPM's NV index 0x01400001 has it.
    pub hcl: &'a [u8],
    /// `TPMS_ATTEST`, as the vTPM gave it.
    pub quote: &'a [u8],
    /// The RSA signature alone.
    pub signature: &'a [u8],
    /// What the quote selects, in its order.
    pub pcrs: Vec<PcrValue<'a>>,
    /// For TDX: the TD quote over the TDREPORT in the HCL report.
    pub td_quote: &'a [u8],
    /// For SNP: VCEK, ASK and ARK, DER.
    pub certificates: Vec<&'a [u8]>,
    /// The event log.
    pub log: &'a [u8],
    /// The kernel's command line, if the EFI stub measured it.
    pub command_line: &'a str,
}

impl<'a> Parts<'a> {
    /// Evidence of these parts. Nothing of them is looked at.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let certificates: Vec<&ByteSlice> = self.certificates.iter().map(|der| (*der).into()).collect();
        let rows: Vec<_> =
            self.pcrs.iter().map(|it| (it.bank.tpm_alg(), it.index, <&ByteSlice>::from(it.value))).collect();
        let bytes = |bytes: &'a [u8]| -> &'a ByteSlice { bytes.into() };
        let (hcl, quote, signature) = (bytes(self.hcl), bytes(self.quote), bytes(self.signature));
        let all = (hcl, quote, signature, rows, bytes(self.td_quote), certificates, bytes(self.log), self.command_line);
        Evidence::new(Format::Azure, encode(&all))
    }

    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut cbor = Cbor::new(bytes);
        elements(&mut cbor, "evidence", 8)?;
        let hcl = bounded("HCL report", cbor.bytes("HCL report")?, HCL_REPORT_BYTES_MAX)?;
        let quote = bounded("quote", cbor.bytes("quote")?, QUOTE_BYTES_MAX)?;
        let signature = bounded("signature", cbor.bytes("signature")?, SIGNATURE_BYTES_MAX)?;
        let pcrs = pcr_rows(&mut cbor)?;
        let td_quote = bounded("TD quote", cbor.bytes("TD quote")?, TD_QUOTE_BYTES_MAX)?;
        let count = cbor.array("certificates")?;
        if count > CERTIFICATES_MAX {
            return Err(WireError::TooMany { field: "certificates", actual: count, max: CERTIFICATES_MAX });
        }
        let certificates = (0..count).map(|_| cbor.bytes("certificate")).collect::<Result<_, _>>()?;
        let log = cbor.bytes("log")?;
        let command_line = cbor.text("command line")?;
        bounded("command line", command_line.as_bytes(), crate::tpm::COMMAND_LINE_BYTES_MAX)?;
        cbor.end("command line")?;
        Ok(Self { hcl, quote, signature, pcrs, td_quote, certificates, log, command_line })
    }
}

/// An HCL report, in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct HclReport<'a> {
    pub(super) version: u32,
    pub(super) hardware: Hardware<'a>,
    pub(super) runtime_data: &'a [u8],
}

/// What the CPU made for the paravisor.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hardware<'a> {
    /// A signed report.
    Snp(&'a [u8]),
    /// The report data of a TDREPORT, which is not signed: a TD quote over it comes along.
    Tdx { report_data: &'a [u8] },
}

impl<'a> HclReport<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let signature = reader.take("signature", 4)?;
        if signature != b"HCLA" {
            return Err(WireError::Value { field: "signature", expected: "`HCLA`", actual: hex::encode(signature) });
        }
        let version = reader.u32_le("version")?;
        if !(1..=2).contains(&version) {
            return Err(WireError::Value { field: "version", expected: "1 or 2", actual: version.to_string() });
        }
        let report_size = size(&mut reader, "reportSize")?;
        exactly(&mut reader, "requestType", "2, for an AK certificate", 2)?;
        exactly(&mut reader, "status", "0", 0)?;
        reader.zeros("reserved", 12)?;
        let hardware = reader.take("hardware report", HARDWARE_REPORT_BYTES)?;
        let data_size = size(&mut reader, "dataSize")?;
        exactly(&mut reader, "data.version", "1", 1)?;
        let kind = reader.u32_le("reportType")?;
        exactly(&mut reader, "hashType", "1, for SHA-256", 1)?;
        let length = size(&mut reader, "runtimeDataSize")?;
        let runtime_data = reader.bounded("runtimeData", length, RUNTIME_DATA_BYTES_MAX)?;
        same_size("dataSize", data_size, length.saturating_add(REQUEST_HEADER_BYTES))?;
        same_size("reportSize", report_size, data_size.saturating_add(HEADER_BYTES + HARDWARE_REPORT_BYTES))?;
        let rest = reader.left();
        reader.zeros("padding", rest)?;
        let hardware = match kind {
            2 => Hardware::Snp(hardware),
            4 => Hardware::Tdx { report_data: td_report_data(hardware)? },
            other => {
                let actual = other.to_string();
                return Err(WireError::Value { field: "reportType", expected: "2 (SNP) or 4 (TDX)", actual });
            }
        };
        Ok(Self { version, hardware, runtime_data })
    }
}

/// REPORTMACSTRUCT of a TDREPORT [Intel TDX module ABI 1.5, §3.9.2]: REPORTTYPE 0x81, the report data at 128.
fn td_report_data(bytes: &[u8]) -> Result<&[u8], WireError> {
    let mut reader = Reader::new(bytes);
    let kind = reader.u8("REPORTTYPE.TYPE")?;
    if kind != 0x81 {
        return Err(WireError::Value {
            field: "REPORTTYPE.TYPE",
            expected: "0x81 (TDX)",
            actual: format!("0x{kind:02x}"),
        });
    }
    reader.take("REPORTMACSTRUCT", 127)?;
    let report_data = reader.take("REPORTDATA", 64)?;
    reader.take("TDREPORT", 1024 - 192)?;
    let rest = reader.left();
    reader.zeros("padding", rest)?;
    Ok(report_data)
}

fn exactly(reader: &mut Reader<'_>, field: &'static str, expected: &'static str, wanted: u32) -> Result<(), WireError> {
    let actual = reader.u32_le(field)?;
    if actual == wanted { Ok(()) } else { Err(WireError::Value { field, expected, actual: actual.to_string() }) }
}

fn size(reader: &mut Reader<'_>, field: &'static str) -> Result<usize, WireError> {
    reader.u32_le(field).map(|size| usize::try_from(size).unwrap_or(usize::MAX))
}

fn same_size(field: &'static str, actual: usize, wanted: usize) -> Result<(), WireError> {
    if actual == wanted {
        return Ok(());
    }
    Err(WireError::Value { field, expected: "the size of what follows", actual: actual.to_string() })
}
