//! A quote's bytes and where its fields lie.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::{
    Flaw,
    claims::{Body, Enclave, Extended, Header, Preserving, SgxAttributes, TdAttributes, TrustDomain},
};
use crate::{
    crypto::Hash,
    named::named,
    wire::{Reader, WireError},
};

/// The longest quote that is read, headers around it and what follows it included: 256 KiB.
pub const QUOTE_BYTES_MAX: usize = 256 << 10;

/// The most QE authentication data: honest ones have 32 bytes.
const AUTH_DATA_BYTES_MAX: usize = 4096;
/// The most certification data: a chain of three certificates in PEM has about 3.7 KiB.
const CERTIFICATION_BYTES_MAX: usize = 64 << 10;
/// The most lines of comment before a quote: Open Enclave's recorded samples begin with their licence.
const COMMENT_LINES_MAX: usize = 4;

/// Bytes of the header of a quote.
const HEADER_BYTES: usize = 48;
/// Bytes of a version 5 quote's body type and length.
const BODY_HEADER_BYTES: usize = 6;
const REPORT_BYTES: usize = 384;
const TD_10_BYTES: usize = 584;
const TD_15_BYTES: usize = 648;
const TD_15_EX_BYTES: usize = 885;

/// ECDSA-256-with-P-256: the one type of attestation key that is read.
const ATTESTATION_KEY_P256: u16 = 2;
/// Intel's id as a vendor of quoting enclaves.
pub(super) const INTEL_QE_VENDOR: [u8; 16] =
    [0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07];
/// Open Enclave's format id of an SGX quote with custom claims after it.
const OE_SGX_ECDSA: [u8; 16] =
    [0xa3, 0xa2, 0x1e, 0x87, 0x1b, 0x4d, 0x40, 0x14, 0xb7, 0x0a, 0xa1, 0x25, 0xd2, 0xfb, 0xcd, 0x8c];

/// The kind of trusted execution environment that a quote or collateral is about.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Tee {
    /// Software Guard Extensions: an enclave.
    Sgx,
    /// Trust Domain Extensions: a virtual machine.
    Tdx,
}

named!(Tee, UnknownTee, "TEE", [
    Sgx => "SGX",
    Tdx => "TDX",
]);

/// A quote, read in place.
#[derive(Debug)]
pub(super) struct Quote<'a> {
    pub(super) header: Header,
    pub(super) body: Body,
    /// What the attestation key signed: header and body.
    pub(super) signed: &'a [u8],
    pub(super) signature: &'a [u8],
    /// x ‖ y.
    pub(super) attestation_key: &'a [u8],
    pub(super) qe_report: Enclave,
    pub(super) qe_report_bytes: &'a [u8],
    pub(super) qe_report_signature: &'a [u8],
    pub(super) qe_auth_data: &'a [u8],
    pub(super) certification: Certification<'a>,
    pub(super) trailing_bytes: usize,
}

/// How a quote names the PCK certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Certification<'a> {
    /// Type 5: PEM, the PCK certificate first.
    Chain(&'a [u8]),
    /// Type 4: the PCK certificate alone.
    Leaf(&'a [u8]),
    /// Types 1 to 3: the platform's id, in clear (1) or encrypted for Intel (2, 3), CPUSVN, PCESVN and PCE id.
    Platform { ppid: Option<[u8; 16]>, pce_id: [u8; 2] },
}

/// Reads a quote, and the header that Open Enclave puts before it.
pub(super) fn read(bytes: &[u8]) -> Result<Quote<'_>, Flaw> {
    if bytes.len() > QUOTE_BYTES_MAX {
        return Err(WireError::TooMany { field: "quote", actual: bytes.len(), max: QUOTE_BYTES_MAX }.into());
    }
    let bytes = without_comment(bytes);
    match bytes.first_chunk::<4>().map(|first| u32::from_le_bytes(*first)) {
        Some(1) => open_enclave_report(bytes),
        // A bare version 3 quote has its attestation key type in the upper half.
        Some(3) => open_enclave_evidence(bytes),
        _ => bare(bytes),
    }
}

/// Lines that begin with `#`.
pub(crate) fn without_comment(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    for _ in 0..COMMENT_LINES_MAX {
        if rest.first() != Some(&b'#') {
            break;
        }
        let Some((_, after)) = rest.iter().position(|byte| *byte == b'\n').and_then(|end| rest.split_at_checked(end))
        else {
            break;
        };
        rest = after.get(1..).unwrap_or_default();
    }
    rest
}

/// `oe_report_header_t`: version 1, type 2 (remote), a length of 8 bytes, the quote.
fn open_enclave_report(bytes: &[u8]) -> Result<Quote<'_>, Flaw> {
    let mut reader = Reader::new(bytes);
    reader.u32_le("oe_report_header_t.version")?;
    let kind = reader.u32_le("oe_report_header_t.report_type")?;
    if kind != 2 {
        let actual = kind.to_string();
        return Err(WireError::Value { field: "oe_report_header_t.report_type", expected: "2, remote", actual }.into());
    }
    let quote = sized(&mut reader, "oe_report_header_t.report_size")?;
    bare(quote)
}

/// `oe_attestation_header_t`: version 3, a format id, a length of 8 bytes, the quote, custom claims.
fn open_enclave_evidence(bytes: &[u8]) -> Result<Quote<'_>, Flaw> {
    let mut reader = Reader::new(bytes);
    reader.u32_le("oe_attestation_header_t.version")?;
    let format: [u8; 16] = reader.array("oe_attestation_header_t.format_id")?;
    if format != OE_SGX_ECDSA {
        let (field, actual) = ("oe_attestation_header_t.format_id", hex::encode(format));
        return Err(WireError::Value { field, expected: "a3a21e871b4d4014b70aa125d2fbcd8c, SGX ECDSA", actual }.into());
    }
    let data = sized(&mut reader, "oe_attestation_header_t.data_size")?;
    let quote = bare(data)?;
    let custom = data.len().checked_sub(quote.trailing_bytes).and_then(|end| data.get(end..)).unwrap_or_default();
    let digest = Hash::Sha256.of(&[custom]);
    let stated = quote.body.report_data();
    if stated.first_chunk::<32>().is_none_or(|first| first.as_slice() != digest.as_ref()) {
        let (expected, actual) = (hex::encode(digest), hex::encode(stated));
        return Err(Flaw::OpenEnclaveClaims { expected, actual });
    }
    Ok(Quote { trailing_bytes: 0, ..quote })
}

/// A length of 8 bytes and that many, to the end.
fn sized<'a>(reader: &mut Reader<'a>, field: &'static str) -> Result<&'a [u8], WireError> {
    let length = usize::try_from(reader.u64_le(field)?).unwrap_or(usize::MAX);
    let taken = reader.bounded(field, length, QUOTE_BYTES_MAX)?;
    reader.end(field)?;
    Ok(taken)
}

/// What a bare quote speaks of, and how many bytes follow it. Nothing is verified.
pub(crate) fn spoken_of(bytes: &[u8]) -> Result<(Body, usize), Flaw> {
    bare(bytes).map(|quote| (quote.body, quote.trailing_bytes))
}

fn bare(bytes: &[u8]) -> Result<Quote<'_>, Flaw> {
    let mut reader = Reader::new(bytes);
    let (header, tee) = header(&mut reader)?;
    let body = body(&mut reader, header.version, tee)?;
    let signed = bytes.len().checked_sub(reader.left()).and_then(|end| bytes.get(..end)).unwrap_or_default();
    let length = size(&mut reader, "signature data length")?;
    let signature_data = reader.bounded("signature data", length, QUOTE_BYTES_MAX)?;
    let trailing_bytes = reader.left();

    let mut reader = Reader::new(signature_data);
    let signature = reader.take("signature", 64)?;
    let attestation_key = reader.take("attestation key", 64)?;
    let mut reader = if header.version == 3 { reader } else { outer_certification(&mut reader)? };
    let qe_report_bytes = reader.take("QE report", REPORT_BYTES)?;
    let qe_report = enclave(&mut Reader::new(qe_report_bytes))?;
    let qe_report_signature = reader.take("QE report signature", 64)?;
    let auth_length = usize::from(reader.u16_le("QE authentication data length")?);
    let qe_auth_data = reader.bounded("QE authentication data", auth_length, AUTH_DATA_BYTES_MAX)?;
    let certification = certification(&mut reader)?;
    Ok(Quote {
        header,
        body,
        signed,
        signature,
        attestation_key,
        qe_report,
        qe_report_bytes,
        qe_report_signature,
        qe_auth_data,
        certification,
        trailing_bytes,
    })
}

/// Step 2: what a header may say.
fn header(reader: &mut Reader<'_>) -> Result<(Header, Tee), Flaw> {
    let mut reader = Reader::new(reader.take("header", HEADER_BYTES)?);
    let version = reader.u16_le("version")?;
    if !matches!(version, 3..=5) {
        return Err(Flaw::Version { actual: version });
    }
    let key_type = reader.u16_le("attestation key type")?;
    if key_type != ATTESTATION_KEY_P256 {
        return Err(Flaw::AttestationKeyType { actual: key_type });
    }
    let tee = match (reader.u32_le("TEE type")?, version) {
        (0, _) => Tee::Sgx,
        (0x81, 4 | 5) => Tee::Tdx,
        (actual, _) => return Err(Flaw::TeeType { version, actual }),
    };
    let qe_svn = reader.u16_le("QE SVN")?;
    let pce_svn = reader.u16_le("PCE SVN")?;
    let vendor: [u8; 16] = reader.array("QE vendor id")?;
    if vendor != INTEL_QE_VENDOR {
        return Err(Flaw::QeVendor { actual: hex::encode(vendor) });
    }
    let user_data = reader.array("user data")?;
    Ok((Header { version, qe_svn, pce_svn, user_data }, tee))
}

fn body(reader: &mut Reader<'_>, version: u16, tee: Tee) -> Result<Body, Flaw> {
    let kind = if version == 5 {
        body_type(reader, tee)?
    } else if tee == Tee::Sgx {
        1
    } else {
        2
    };
    Ok(match kind {
        1 => Body::Enclave(Box::new(enclave(reader)?)),
        _ => Body::TrustDomain(Box::new(trust_domain(reader, kind)?)),
    })
}

/// A version 5 quote's body type and length [TDX quoting, A.4].
fn body_type(reader: &mut Reader<'_>, tee: Tee) -> Result<u16, Flaw> {
    let mut reader = Reader::new(reader.take("body type and length", BODY_HEADER_BYTES)?);
    let kind = reader.u16_le("body type")?;
    let length = size(&mut reader, "body length")?;
    let expected = match (kind, tee) {
        (1, Tee::Sgx) => REPORT_BYTES,
        (2, Tee::Tdx) => TD_10_BYTES,
        (3, Tee::Tdx) => TD_15_BYTES,
        (4, Tee::Tdx) => TD_15_EX_BYTES,
        _ => return Err(Flaw::BodyType { tee, actual: kind }),
    };
    if length != expected {
        let actual = format!("{length} for type {kind}");
        return Err(WireError::Value { field: "body length", expected: "the length of the body's type", actual }.into());
    }
    Ok(kind)
}

/// `sgx_report_body_t` [SGX SDK, sgx_report.h].
fn enclave(reader: &mut Reader<'_>) -> Result<Enclave, WireError> {
    let cpu_svn = reader.array("CPUSVN")?;
    let misc_select = reader.array("MISCSELECT")?;
    reader.zeros("reserved (20)", 12)?;
    let isv_ext_prod_id = reader.array("ISVEXTPRODID")?;
    let attributes = SgxAttributes(reader.array("ATTRIBUTES")?);
    let mr_enclave = reader.array("MRENCLAVE")?;
    reader.zeros("reserved (96)", 32)?;
    let mr_signer = reader.array("MRSIGNER")?;
    reader.zeros("reserved (160)", 32)?;
    let config_id = reader.array("CONFIGID")?;
    let isv_prod_id = reader.u16_le("ISVPRODID")?;
    let isv_svn = reader.u16_le("ISVSVN")?;
    let config_svn = reader.u16_le("CONFIGSVN")?;
    reader.zeros("reserved (262)", 42)?;
    let isv_family_id = reader.array("ISVFAMILYID")?;
    let report_data = reader.array("REPORTDATA")?;
    Ok(Enclave {
        cpu_svn,
        misc_select,
        isv_ext_prod_id,
        attributes,
        mr_enclave,
        mr_signer,
        config_id,
        isv_prod_id,
        isv_svn,
        config_svn,
        isv_family_id,
        report_data,
    })
}

/// A TD report as a quote's body: type 2 (TDX 1.0), 3 (1.5), 4 (1.5 extended) [TDX quoting, A.3.2, A.4].
fn trust_domain(reader: &mut Reader<'_>, kind: u16) -> Result<TrustDomain, WireError> {
    Ok(TrustDomain {
        tee_tcb_svn: reader.array("TEE_TCB_SVN")?,
        mr_seam: reader.array("MRSEAM")?,
        mr_signer_seam: reader.array("MRSIGNERSEAM")?,
        seam_attributes: reader.array("SEAMATTRIBUTES")?,
        attributes: TdAttributes(reader.u64_le("TDATTRIBUTES")?),
        xfam: reader.u64_le("XFAM")?,
        mr_td: reader.array("MRTD")?,
        mr_config_id: reader.array("MRCONFIGID")?,
        mr_owner: reader.array("MROWNER")?,
        mr_owner_config: reader.array("MROWNERCONFIG")?,
        rtmr: [reader.array("RTMR0")?, reader.array("RTMR1")?, reader.array("RTMR2")?, reader.array("RTMR3")?],
        report_data: reader.array("REPORTDATA")?,
        preserving: if kind >= 3 { Some(preserving(reader)?) } else { None },
        extended: if kind >= 4 { Some(extended(reader)?) } else { None },
    })
}

fn preserving(reader: &mut Reader<'_>) -> Result<Preserving, WireError> {
    Ok(Preserving { tee_tcb_svn_2: reader.array("TEE_TCB_SVN_2")?, mr_service_td: reader.array("MRSERVICETD")? })
}

fn extended(reader: &mut Reader<'_>) -> Result<Extended, WireError> {
    Ok(Extended {
        vm_id: reader.u8("VMID")?,
        td_id: reader.array("TD_ID")?,
        device_info: reader.array("DEVINFO")?,
        init_service_td_hash: reader.array("INIT_SERVTD_HASH")?,
        init_service_td_attributes: reader.u64_le("INIT_SERVTD_ATTR")?,
        init_cpu_svn: reader.array("INIT_CPUSVN")?,
        init_tee_tcb_svn: reader.array("INIT_TEE_TCB_SVN")?,
        init_tee_model: reader.array("INIT_TEE_FMSPC")?,
        current_service_td_hash: reader.array("CURR_SERVTD_HASH")?,
        current_service_td_attributes: reader.u64_le("CURR_SERVTD_ATTR")?,
    })
}

/// From version 4, all that certifies the attestation key lies in certification data of type 6.
fn outer_certification<'a>(reader: &mut Reader<'a>) -> Result<Reader<'a>, Flaw> {
    let kind = reader.u16_le("certification data type")?;
    if kind != 6 {
        return Err(Flaw::CertificationType { expected: "6", actual: kind });
    }
    let length = size(reader, "certification data length")?;
    let data = reader.bounded("certification data", length, CERTIFICATION_BYTES_MAX)?;
    reader.end("certification data")?;
    Ok(Reader::new(data))
}

fn certification<'a>(reader: &mut Reader<'a>) -> Result<Certification<'a>, Flaw> {
    let kind = reader.u16_le("QE certification data type")?;
    let length = size(reader, "QE certification data length")?;
    let data = reader.bounded("QE certification data", length, CERTIFICATION_BYTES_MAX)?;
    reader.end("QE certification data")?;
    match kind {
        1 => platform(data, 16),
        2 => platform(data, 256),
        3 => platform(data, 384),
        4 => Ok(Certification::Leaf(data)),
        5 => Ok(Certification::Chain(data)),
        actual => Err(Flaw::CertificationType { expected: "1 to 5", actual }),
    }
}

fn platform(data: &[u8], ppid_bytes: usize) -> Result<Certification<'_>, Flaw> {
    let mut reader = Reader::new(data);
    let ppid = reader.take("PPID", ppid_bytes)?;
    reader.take("CPUSVN", 16)?;
    reader.u16_le("PCESVN")?;
    let pce_id = reader.array("PCEID")?;
    reader.end("PCEID")?;
    Ok(Certification::Platform { ppid: ppid.try_into().ok(), pce_id })
}

fn size(reader: &mut Reader<'_>, field: &'static str) -> Result<usize, WireError> {
    Ok(usize::try_from(reader.u32_le(field)?).unwrap_or(usize::MAX))
}
