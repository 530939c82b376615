//! The marks by which each format's bytes are told from others'.

use super::{Recognised, Unrecognised};
use crate::{
    Endorsement, Evidence, Format, Hash, dcap, keystone, ratls, roots, snp,
    tpm::go_tpm_tools::Attestation,
    wire::{
        Reader,
        cbor::{Cbor, Head},
    },
    x509::{Certificate, Vendor},
};

/// The quoting enclave's vendor id: Intel's [Intel SGX DCAP ECDSA Quote Library API, table 4].
const INTEL_QE: [u8; 16] =
    [0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07];
/// `tcg-dice-TcbInfo` and `tcg-dice-MultiTcbInfo`.
const DICE: [&[u8]; 2] = [&[0x67, 0x81, 0x05, 0x05, 0x04, 0x01], &[0x67, 0x81, 0x05, 0x05, 0x04, 0x05]];
/// The first byte of report data framed with a DICE chain.
const ARRAY_OF_THREE: u8 = 0x83;
/// Bytes before the quote: version, type, size. [Open Enclave, `oe_report_header_t`]
const OPEN_ENCLAVE_REPORT_HEADER: usize = 16;
/// Bytes before the quote: version, format, sizes. [Open Enclave, `oe_attestation_header_t`]
const OPEN_ENCLAVE_EVIDENCE_HEADER: usize = 28;
/// Where a crypto-agile log's first event has its name. [PFP §10.4.5.1]
const SPEC_ID: std::ops::Range<usize> = 32..47;
/// EAT collections of CCA tokens [draft-ffm-rats-cca-token].
const CCA_TAGS: [u64; 2] = [399, 907];

/// Recognises raw bytes. `None` if they have no mark of any format.
pub(super) fn raw(bytes: &[u8]) -> Result<Option<Recognised>, Unrecognised> {
    if let Ok(evidence) = Evidence::from_bytes(bytes) {
        let what = format!("{}, in Casemate's frame", describe(evidence.format(), evidence.bytes()));
        return Ok(Some(Recognised { what, evidence: vec![evidence], carried: Vec::new(), parts: Vec::new() }));
    }
    if bytes.starts_with(b"HCLA") {
        let need = "give the JSON that has the vTPM's quote as well";
        return Err(Unrecognised::Part { what: "an HCL report alone", need });
    }
    if bytes.starts_with(&[0x11, 0xe0]) {
        let need = "give the JSON that has the device's certificates as well";
        return Err(Unrecognised::Part { what: "a GPU's report alone", need });
    }
    if bytes.starts_with(&[0xff, b'T', b'C', b'G']) {
        let need = "give the quote with its signature, as `tpm` evidence";
        return Err(Unrecognised::Part { what: "a TPM's attestation structure alone", need });
    }
    if bytes.get(SPEC_ID).is_some_and(|name| name == b"Spec ID Event03") {
        let need = "give the quote that signs its registers, which carries the log";
        return Err(Unrecognised::Part { what: "a TCG event log alone", need });
    }
    if is_nvidia_chain(bytes) {
        let need = "they vouch for a GPU's report: give the JSON that has both; a DICE chain of a root of yours goes with --format dice";
        return Err(Unrecognised::Part { what: "an NVIDIA GPU's certificates, without its report", need });
    }
    let format = if is_quote(bytes) {
        Some(Format::Dcap)
    } else if is_snp(bytes) {
        Some(Format::Snp)
    } else if bytes.len() == keystone::REPORT_BYTES {
        Some(Format::Keystone)
    } else if is_dice(bytes) {
        Some(Format::Dice)
    } else if is_ratls(bytes) {
        Some(Format::Ratls)
    } else {
        token(bytes)
    };
    let found = format.map(|format| Recognised::one(format, bytes.to_vec()));
    Ok(found.or_else(|| dstack(bytes)).or_else(|| go_tpm_tools(bytes)))
}

/// What evidence of a format is called.
pub(super) fn describe(format: Format, bytes: &[u8]) -> String {
    match format {
        Format::Azure => "an Azure confidential VM's evidence".to_owned(),
        Format::Cca => "an Arm CCA token".to_owned(),
        Format::Composite => "evidence of a CPU and devices".to_owned(),
        Format::Dcap => quote(bytes),
        Format::Dice => "a DICE certificate chain".to_owned(),
        Format::Gpu => "an NVIDIA GPU's report and certificates".to_owned(),
        Format::Keystone => "a Keystone report".to_owned(),
        Format::Nitro => "an AWS Nitro attestation document".to_owned(),
        Format::Psa => "an Arm PSA token".to_owned(),
        Format::Ratls => "an RA-TLS certificate".to_owned(),
        Format::Snp if bytes.len() > snp::REPORT_BYTES => "an SEV-SNP report with its certificates".to_owned(),
        Format::Snp => "an SEV-SNP report".to_owned(),
        Format::Software => "a launcher's statement about a keep".to_owned(),
        Format::Tpm => "a TPM quote".to_owned(),
    }
}

fn quote(bytes: &[u8]) -> String {
    let (found, wrapped) = match header(bytes) {
        Some(found) => (found, ""),
        None => (open_enclave(bytes).and_then(header).unwrap_or_default(), ", in Open Enclave's header"),
    };
    match found {
        (version, true) => format!("a TDX quote of version {version}{wrapped}"),
        (version, false) => format!("an SGX quote of version {version}{wrapped}"),
    }
}

fn is_quote(bytes: &[u8]) -> bool {
    header(bytes).is_some() || open_enclave(bytes).is_some_and(|quote| header(quote).is_some())
}

/// Version, and whether it is a TD's; `None` if it is no quote of Intel's quoting enclave.
fn header(bytes: &[u8]) -> Option<(u16, bool)> {
    let mut reader = Reader::new(dcap::without_comment(bytes));
    let version = reader.u16_le("version").ok()?;
    reader.take("attestation key type", 2).ok()?;
    let tee = reader.u32_le("tee type").ok()?;
    reader.take("SVNs", 4).ok()?;
    let vendor: [u8; 16] = reader.array("QE vendor id").ok()?;
    ((3..=5).contains(&version) && vendor == INTEL_QE).then_some((version, version > 3 && tee == 0x81))
}

/// The quote behind a header of Open Enclave: of its evidence (version 3) or of its older reports (version 1).
fn open_enclave(bytes: &[u8]) -> Option<&[u8]> {
    let header = match bytes.first_chunk::<4>()? {
        [1, 0, 0, 0] => OPEN_ENCLAVE_REPORT_HEADER,
        [3, 0, 0, 0] => OPEN_ENCLAVE_EVIDENCE_HEADER,
        _ => return None,
    };
    bytes.get(header..)
}

fn is_snp(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    let version = reader.u32_le("VERSION");
    let algorithm = reader.take("…", 0x30).and_then(|_| reader.u32_le("SIGNATURE_ALGO"));
    bytes.len() >= snp::REPORT_BYTES && matches!(version, Ok(2..=5)) && algorithm == Ok(1)
}

/// A chain below NVIDIA's root for devices. Its certificates have TcbInfo too, but it is no statement of a device's: anybody has it.
fn is_nvidia_chain(bytes: &[u8]) -> bool {
    if !is_dice(bytes) || bytes.first() == Some(&ARRAY_OF_THREE) {
        return false;
    }
    let roots = roots::built_in();
    let is_root =
        |name: &[u8]| roots.iter().any(|root| root.vendor() == Vendor::NvidiaDevice && root.subject() == name);
    let mut rest = bytes;
    let mut last = None;
    while let Ok((certificate, after)) = Certificate::read(rest) {
        (last, rest) = (Some(certificate.issuer), after);
    }
    last.is_some_and(is_root)
}

/// The one certificate, with a quote in it.
fn is_ratls(bytes: &[u8]) -> bool {
    Certificate::parse(bytes).is_ok_and(|certificate| ratls::has_evidence(&certificate))
}

fn is_dice(bytes: &[u8]) -> bool {
    if bytes.first() == Some(&ARRAY_OF_THREE) {
        let mut cbor = Cbor::new(bytes);
        return cbor.array("dice").is_ok() && cbor.bytes("chain").is_ok_and(is_dice);
    }
    let mut rest = bytes;
    let mut is_found = false;
    while !rest.is_empty() {
        let Ok((certificate, after)) = Certificate::read(rest) else { return false };
        is_found |= certificate.extensions().any(|extension| DICE.contains(&extension.oid));
        rest = after;
    }
    is_found
}

/// Nitro documents, CCA and PSA tokens: COSE_Sign1 or a collection of them.
fn token(bytes: &[u8]) -> Option<Format> {
    let mut cbor = Cbor::new(bytes);
    let head = cbor.head("token").ok()?;
    match head {
        Head::Tag(tag) if CCA_TAGS.contains(&tag) => return Some(Format::Cca),
        // COSE_Sign1 [RFC 9052 §2].
        Head::Tag(18) if cbor.array("COSE_Sign1") == Ok(4) => {}
        Head::Array(4) => {}
        _ => return None,
    }
    cbor.bytes("protected").ok()?;
    cbor.skip("unprotected").ok()?;
    let payload = cbor.bytes("payload").ok()?;
    // AWS writes its map without a length [RFC 8949 §3.2.2].
    let mut claims = match payload.split_first()? {
        (0xbf, claims) => Cbor::new(claims),
        _ => {
            let mut whole = Cbor::new(payload);
            whole.map("claims").ok()?;
            whole
        }
    };
    match claims.head("claims").ok()? {
        Head::Text(_) => Some(Format::Nitro),
        // Without the tag it is some other object: Casemate's own statements are maps of numbers too.
        Head::Unsigned(_) | Head::Negative(_) if matches!(head, Head::Tag(_)) => Some(Format::Psa),
        _ => None,
    }
}

/// A Nitro document as dstack keeps it: version 0, kind 2, then the document in SCALE (a compact length of two bytes, whose low
/// two bits are `01`), then dstack's own configuration, which nobody signed.
fn dstack(bytes: &[u8]) -> Option<Recognised> {
    let (&[0, 2, low, high], rest) = bytes.split_first_chunk::<4>()? else { return None };
    let compact = u16::from_le_bytes([low, high]);
    let document = rest.get(..usize::from(compact >> 2)).filter(|_| compact & 3 == 1)?;
    (token(document) == Some(Format::Nitro))
        .then(|| Recognised::one(Format::Nitro, document.to_vec()).encoded(", in dstack's frame"))
}

/// An attestation of go-tpm-tools: each of its quotes, that of the strongest bank first, and the CPU's statement with each if there is one.
/// What can't be put together again is no evidence: the rest alone would say less than the file does.
fn go_tpm_tools(bytes: &[u8]) -> Option<Recognised> {
    let attestation = Attestation::parse(bytes).ok()?;
    let cpu = attestation.cpu().ok()?;
    let (banks, evidence): (Vec<Hash>, Vec<Evidence>) = attestation.all(cpu.as_ref())?.into_iter().unzip();
    let names: Vec<String> = banks.iter().map(Hash::to_string).collect();
    let quotes = match names.split_last()? {
        (bank, []) => format!("a TPM quote of the {bank} bank"),
        (last, others) => format!("TPM quotes of the {} and {last} banks", others.join(", ")),
    };
    let parts = match names.len() {
        1 => Vec::new(),
        _ => names.iter().map(|bank| format!("the TPM quote of the {bank} bank")).collect(),
    };
    let Some(cpu) = cpu else {
        let tool = if names.len() == 1 { "as go-tpm-tools writes it" } else { "as go-tpm-tools writes them" };
        return Some(Recognised { what: format!("{quotes}, {tool}"), evidence, carried: Vec::new(), parts });
    };
    let described = describe(cpu.evidence.format(), cpu.evidence.bytes());
    let what = format!("{described} and {quotes}, as go-tpm-tools writes them");
    let carried = cpu.certificates.into_iter().map(Endorsement::Certificate).collect();
    Some(Recognised { what, evidence, carried, parts })
}
