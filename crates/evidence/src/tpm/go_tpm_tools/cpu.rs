//! A CPU's statement from the fields into which go-sev-guest and go-tdx-guest take it apart.
//!
//! What is put together again is the bytes that the vendor's key signed, or nothing that verifies: the verifiers of `snp` and `dcap` read
//! and check those bytes, and none of the fields. Sources: `proto/sevsnp.proto` of github.com/google/go-sev-guest; `proto/tdx.proto` of
//! github.com/google/go-tdx-guest.

use super::protobuf::Message;
use crate::{Evidence, Format, wire::WireError};

/// A CPU's statement, and the certificates that came with it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cpu {
    /// `snp` or `dcap` evidence.
    pub evidence: Evidence,
    /// DER: of SNP, VCEK, VLEK, ASK or ASVK, and ARK, as far as they are there. A TDX quote carries its own.
    pub certificates: Vec<Vec<u8>>,
}

/// `sevsnp.Attestation`.
pub(super) fn snp(bytes: &[u8]) -> Result<Cpu, WireError> {
    let attestation = Message::parse(bytes, &[])?;
    let report = Message::parse(attestation.bytes(1, "report")?, &[])?;
    let chain = Message::parse(attestation.bytes(2, "certificate_chain")?, &[EXTRAS])?;
    let fields = [(1, "vcek_cert"), (6, "vlek_cert"), (2, "ask_cert"), (3, "ark_cert")];
    let certificates = fields.map(|(number, field)| chain.bytes(number, field));
    let certificates = certificates.into_iter().collect::<Result<Vec<_>, _>>()?;
    let certificates = certificates.into_iter().filter(|der| !der.is_empty()).map(<[u8]>::to_vec);
    let evidence = Evidence::new(Format::Snp, snp_report(&report)?);
    Ok(Cpu { evidence, certificates: certificates.collect() })
}

/// A list of certificates that the host adds as it likes.
const EXTRAS: u64 = 7;

/// [AMD 56860 §7.3, ATTESTATION_REPORT]
fn snp_report(it: &Message<'_>) -> Result<Vec<u8>, WireError> {
    let zeros = |count: usize| vec![0_u8; count];
    let parts = [
        it.u32(1, "version")?.to_le_bytes().to_vec(),
        it.u32(2, "guest_svn")?.to_le_bytes().to_vec(),
        it.u64(3, "policy")?.to_le_bytes().to_vec(),
        it.exactly(4, "family_id", 16)?.to_vec(),
        it.exactly(5, "image_id", 16)?.to_vec(),
        it.u32(6, "vmpl")?.to_le_bytes().to_vec(),
        it.u32(7, "signature_algo")?.to_le_bytes().to_vec(),
        it.u64(8, "current_tcb")?.to_le_bytes().to_vec(),
        it.u64(9, "platform_info")?.to_le_bytes().to_vec(),
        it.u32(10, "signer_info")?.to_le_bytes().to_vec(),
        zeros(4),
        it.exactly(11, "report_data", 64)?.to_vec(),
        it.exactly(12, "measurement", 48)?.to_vec(),
        it.exactly(13, "host_data", 32)?.to_vec(),
        it.exactly(14, "id_key_digest", 48)?.to_vec(),
        it.exactly(15, "author_key_digest", 48)?.to_vec(),
        it.exactly(16, "report_id", 32)?.to_vec(),
        it.exactly(17, "report_id_ma", 32)?.to_vec(),
        it.u64(18, "reported_tcb")?.to_le_bytes().to_vec(),
        cpuid(it.u32(29, "cpuid1eax_fms")?).to_vec(),
        zeros(21),
        it.exactly(19, "chip_id", 64)?.to_vec(),
        it.u64(20, "committed_tcb")?.to_le_bytes().to_vec(),
        vec![it.u8(21, "current_build")?, it.u8(22, "current_minor")?, it.u8(23, "current_major")?, 0],
        vec![it.u8(24, "committed_build")?, it.u8(25, "committed_minor")?, it.u8(26, "committed_major")?, 0],
        it.u64(27, "launch_tcb")?.to_le_bytes().to_vec(),
        it.u64(30, "launch_mit_vector")?.to_le_bytes().to_vec(),
        it.u64(31, "current_mit_vector")?.to_le_bytes().to_vec(),
        zeros(152),
        it.exactly(28, "signature", 512)?.to_vec(),
    ];
    Ok(parts.concat())
}

/// Family, model and stepping, combined, from CPUID Fn0000_0001 EAX.
fn cpuid(eax: u32) -> [u8; 3] {
    let nibble = |shift: u32| u8::try_from(eax >> shift & 0xf).unwrap_or_default();
    let extended_family = u8::try_from(eax >> 20 & 0xff).unwrap_or_default();
    [extended_family.wrapping_add(nibble(8)), nibble(16) << 4 | nibble(4), nibble(0)]
}

/// `tdx.QuoteV4`. The bytes after the quote are nobody's and left out.
pub(super) fn tdx(bytes: &[u8]) -> Result<Cpu, WireError> {
    let quote = Message::parse(bytes, &[])?;
    let header = Message::parse(quote.bytes(1, "header")?, &[])?;
    let body = Message::parse(quote.bytes(2, "td_quote_body")?, &[RTMRS])?;
    let signed = signed_data(&Message::parse(quote.bytes(4, "signed_data")?, &[])?)?;
    let bytes = [tdx_header(&header)?, tdx_body(&body)?, sized("signed_data", &signed)?].concat();
    Ok(Cpu { evidence: Evidence::new(Format::Dcap, bytes), certificates: Vec::new() })
}

const RTMRS: u64 = 11;

/// [TDX DCAP Quoting Library API, A.3.1]
fn tdx_header(it: &Message<'_>) -> Result<Vec<u8>, WireError> {
    let parts = [
        it.u16(1, "version")?.to_le_bytes().to_vec(),
        it.u16(2, "attestation_key_type")?.to_le_bytes().to_vec(),
        it.u32(3, "tee_type")?.to_le_bytes().to_vec(),
        it.exactly(5, "pce_svn", 2)?.to_vec(),
        it.exactly(4, "qe_svn", 2)?.to_vec(),
        it.exactly(6, "qe_vendor_id", 16)?.to_vec(),
        it.exactly(7, "user_data", 20)?.to_vec(),
    ];
    Ok(parts.concat())
}

/// [TDX DCAP Quoting Library API, A.3.2]
fn tdx_body(it: &Message<'_>) -> Result<Vec<u8>, WireError> {
    let fields = [
        (1, "tee_tcb_svn", 16),
        (2, "mr_seam", 48),
        (3, "mr_signer_seam", 48),
        (4, "seam_attributes", 8),
        (5, "td_attributes", 8),
        (6, "xfam", 8),
        (7, "mr_td", 48),
        (8, "mr_config_id", 48),
        (9, "mr_owner", 48),
        (10, "mr_owner_config", 48),
    ];
    let mut bytes = Vec::new();
    for (number, field, length) in fields {
        bytes.extend_from_slice(it.exactly(number, field, length)?);
    }
    let rtmrs = it.list(RTMRS, "rtmrs")?;
    if rtmrs.len() != 4 || rtmrs.iter().any(|register| register.len() != 48) {
        let actual = format!("{} registers", rtmrs.len());
        return Err(WireError::Value { field: "rtmrs", expected: "4 registers of 48 bytes", actual });
    }
    bytes.extend(rtmrs.concat());
    bytes.extend_from_slice(it.exactly(12, "report_data", 64)?);
    Ok(bytes)
}

/// [TDX DCAP Quoting Library API, A.3.8 to A.3.11]
fn signed_data(it: &Message<'_>) -> Result<Vec<u8>, WireError> {
    let outer = Message::parse(it.bytes(3, "certification_data")?, &[])?;
    let certified = Message::parse(outer.bytes(3, "qe_report_certification_data")?, &[])?;
    let auth = Message::parse(certified.bytes(3, "qe_auth_data")?, &[])?.bytes(2, "data")?;
    let chain = Message::parse(certified.bytes(4, "pck_certificate_chain_data")?, &[])?;
    let length = u16::try_from(auth.len());
    let length =
        length.map_err(|_| WireError::TooMany { field: "qe_auth_data", actual: auth.len(), max: u16::MAX.into() })?;
    let certified = [
        qe_report(&Message::parse(certified.bytes(1, "qe_report")?, &[])?)?,
        certified.exactly(2, "qe_report_signature", 64)?.to_vec(),
        length.to_le_bytes().to_vec(),
        auth.to_vec(),
        chain.u16(1, "certificate_data_type")?.to_le_bytes().to_vec(),
        sized("pck_cert_chain", chain.bytes(3, "pck_cert_chain")?)?,
    ]
    .concat();
    let parts = [
        it.exactly(1, "signature", 64)?.to_vec(),
        it.exactly(2, "ecdsa_attestation_key", 64)?.to_vec(),
        outer.u16(1, "certificate_data_type")?.to_le_bytes().to_vec(),
        sized("qe_report_certification_data", &certified)?,
    ];
    Ok(parts.concat())
}

/// [Intel SDM vol. 3D, table 38-21]
fn qe_report(it: &Message<'_>) -> Result<Vec<u8>, WireError> {
    let parts = [
        it.exactly(1, "cpu_svn", 16)?.to_vec(),
        it.u32(2, "misc_select")?.to_le_bytes().to_vec(),
        it.exactly(3, "reserved1", 28)?.to_vec(),
        it.exactly(4, "attributes", 16)?.to_vec(),
        it.exactly(5, "mr_enclave", 32)?.to_vec(),
        it.exactly(6, "reserved2", 32)?.to_vec(),
        it.exactly(7, "mr_signer", 32)?.to_vec(),
        it.exactly(8, "reserved3", 96)?.to_vec(),
        it.u16(9, "isv_prod_id")?.to_le_bytes().to_vec(),
        it.u16(10, "isv_svn")?.to_le_bytes().to_vec(),
        it.exactly(11, "reserved4", 60)?.to_vec(),
        it.exactly(12, "report_data", 64)?.to_vec(),
    ];
    Ok(parts.concat())
}

/// A length of 4 bytes, and the bytes.
fn sized(field: &'static str, bytes: &[u8]) -> Result<Vec<u8>, WireError> {
    let length = u32::try_from(bytes.len());
    let length =
        length.map_err(|_| WireError::TooMany { field, actual: bytes.len(), max: super::ATTESTATION_BYTES_MAX })?;
    Ok([&length.to_le_bytes(), bytes].concat())
}
