//! Intel's collateral as common tools store it: into endorsements, byte for byte.
//!
//! Nothing is believed because it lies in such a file: a certificate in it counts if it chains to a pinned root.

use serde::Deserialize;
use thiserror::Error;

use super::{abi::without_comment, json::COLLATERAL_BYTES_MAX};
use crate::{
    Endorsement, pem,
    wire::{
        Reader, WireError,
        der::{Der, SEQUENCE},
    },
};

/// Why stored collateral was not read.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CollateralError {
    /// A part is no PEM, or no hexadecimal.
    #[error("`{part}` is not what it should be: {expected}")]
    Encoding {
        /// The part.
        part: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// It is no JSON text of this shape.
    #[error("{0}")]
    Json(String),
    /// Its bytes are not laid out so.
    #[error(transparent)]
    Layout(#[from] WireError),
}

/// `dcap-qvl`'s collateral: JSON of texts, revocation lists and signatures in hexadecimal, chains in PEM.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(alias = "pckCrlIssuerChain")]
    pck_crl_issuer_chain: String,
    #[serde(alias = "rootCaCrl")]
    root_ca_crl: Bytes,
    #[serde(alias = "pckCrl")]
    pck_crl: Bytes,
    #[serde(alias = "tcbInfoIssuerChain")]
    tcb_info_issuer_chain: String,
    #[serde(alias = "tcbInfo")]
    tcb_info: String,
    #[serde(alias = "tcbInfoSignature")]
    tcb_info_signature: Bytes,
    #[serde(alias = "qeIdentityIssuerChain")]
    qe_identity_issuer_chain: String,
    #[serde(alias = "qeIdentity")]
    qe_identity: String,
    #[serde(alias = "qeIdentitySignature")]
    qe_identity_signature: Bytes,
    #[serde(alias = "pckCertificateChain", default)]
    pck_certificate_chain: Option<String>,
}

/// Bytes as hexadecimal, or as a list of numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Bytes {
    Hex(String),
    List(Vec<u8>),
}

impl Bytes {
    fn read(self, part: &'static str) -> Result<Vec<u8>, CollateralError> {
        match self {
            Self::Hex(text) => {
                hex::decode(text).map_err(|_| CollateralError::Encoding { part, expected: "bytes in hexadecimal" })
            }
            Self::List(bytes) => Ok(bytes),
        }
    }
}

/// Reads `dcap-qvl`'s collateral. TCB info and QE identity keep the bytes that Intel signed.
///
/// # Errors
/// [`CollateralError`].
pub fn of_json(text: &str) -> Result<Vec<Endorsement>, CollateralError> {
    let file: File = serde_json::from_str(text).map_err(|error| CollateralError::Json(error.to_string()))?;
    let mut items = Vec::new();
    for (part, chain) in [
        ("pck_crl_issuer_chain", file.pck_crl_issuer_chain),
        ("tcb_info_issuer_chain", file.tcb_info_issuer_chain),
        ("qe_identity_issuer_chain", file.qe_identity_issuer_chain),
        ("pck_certificate_chain", file.pck_certificate_chain.unwrap_or_default()),
    ] {
        add_chain(&mut items, part, &chain)?;
    }
    items.push(Endorsement::Crl(file.root_ca_crl.read("root_ca_crl")?));
    items.push(Endorsement::Crl(file.pck_crl.read("pck_crl")?));
    let signature = file.tcb_info_signature.read("tcb_info_signature")?;
    items.push(Endorsement::TcbInfo(signed("tcbInfo", &file.tcb_info, &signature)));
    let signature = file.qe_identity_signature.read("qe_identity_signature")?;
    items.push(Endorsement::QeIdentity(signed("enclaveIdentity", &file.qe_identity, &signature)));
    Ok(items)
}

/// An answer of Intel's service: the signed text as it is, and the signature.
fn signed(name: &str, text: &str, signature: &[u8]) -> Vec<u8> {
    format!("{{\"{name}\":{text},\"signature\":\"{}\"}}", hex::encode(signature)).into_bytes()
}

/// Certificates of a chain in PEM, each once.
fn add_chain(items: &mut Vec<Endorsement>, part: &'static str, text: &str) -> Result<(), CollateralError> {
    let refuse = || CollateralError::Encoding { part, expected: "certificates in PEM" };
    let blocks = pem::blocks(text.trim_end_matches('\0')).ok_or_else(refuse)?;
    for block in blocks {
        if block.label != "CERTIFICATE" {
            return Err(refuse());
        }
        let item = Endorsement::Certificate(block.bytes);
        if !items.contains(&item) {
            items.push(item);
        }
    }
    Ok(())
}

/// Parts of Open Enclave's endorsements for SGX, in this order [openenclave, `common/sgx/endorsements.h`].
const PARTS: [&str; 9] = [
    "version",
    "TCB info",
    "TCB issuer chain",
    "PCK CRL",
    "root CA CRL",
    "CRL issuer chain",
    "QE identity",
    "QE identity issuer chain",
    "creation time",
];

/// Reads Open Enclave's endorsements (`oe_endorsements_t`): version 1, type 2 (SGX), length, count, offsets, parts.
/// `None` if the bytes don't begin so.
///
/// # Errors
/// [`CollateralError`].
#[must_use]
pub fn of_open_enclave(bytes: &[u8]) -> Option<Result<Vec<Endorsement>, CollateralError>> {
    let rest = without_comment(bytes).strip_prefix(&[1, 0, 0, 0, 2, 0, 0, 0])?;
    Some(open_enclave(rest))
}

fn open_enclave(bytes: &[u8]) -> Result<Vec<Endorsement>, CollateralError> {
    let mut reader = Reader::new(bytes);
    let length = size(reader.u32_le("buffer_size")?);
    let count = reader.u32_le("num_elements")?;
    let buffer = reader.bounded("buffer", length, 8 * COLLATERAL_BYTES_MAX)?;
    reader.end("buffer")?;
    if size(count) != PARTS.len() {
        return Err(WireError::Value { field: "num_elements", expected: "9", actual: count.to_string() }.into());
    }
    let mut reader = Reader::new(buffer);
    let mut offsets = Vec::new();
    for part in PARTS {
        offsets.push(size(reader.u32_le(part)?));
    }
    let data = reader.rest();
    let ends = offsets.iter().skip(1).copied().chain([data.len()]);
    let mut parts = Vec::new();
    for ((part, start), end) in PARTS.into_iter().zip(&offsets).zip(ends) {
        let bytes = data.get(*start..end).ok_or(WireError::Truncated { field: part, wanted: end, left: data.len() })?;
        parts.push((part, bytes));
    }
    let [version, tcb_info, tcb_chain, pck_crl, root_crl, crl_chain, qe_identity, qe_chain, _created] =
        parts.as_slice()
    else {
        return Ok(Vec::new());
    };
    if version.1 != [1, 0, 0, 0] {
        return Err(WireError::Value { field: "version", expected: "1", actual: hex::encode(version.1) }.into());
    }
    let mut items = Vec::new();
    for (part, chain) in [tcb_chain, crl_chain, qe_chain] {
        let text = std::str::from_utf8(chain)
            .map_err(|_| CollateralError::Encoding { part, expected: "certificates in PEM" })?;
        add_chain(&mut items, part, text)?;
    }
    for (part, crl) in [pck_crl, root_crl] {
        items.push(Endorsement::Crl(without_end(crl, Der::new(crl).expect_element(part, SEQUENCE)?.raw)));
    }
    let text = |(_, text): &(&str, &[u8])| text.strip_suffix(&[0]).unwrap_or(text).to_vec();
    items.push(Endorsement::TcbInfo(text(tcb_info)));
    items.push(Endorsement::QeIdentity(text(qe_identity)));
    Ok(items)
}

/// A list without the zero that ends it as if it were text; with anything else after it, it is malformed.
fn without_end(bytes: &[u8], list: &[u8]) -> Vec<u8> {
    if bytes.strip_suffix(&[0]) == Some(list) { list.to_vec() } else { bytes.to_vec() }
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
