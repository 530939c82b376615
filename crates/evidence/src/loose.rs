//! Reads endorsements as vendors and common tools give them, file by file.
//!
//! PEM or DER certificates, chains and revocation lists; Intel's provisioning answers, with the HTTP headers that carry their
//! issuers or without; `dcap-qvl`'s collateral; Open Enclave's endorsements; RIM XML; OCSP answers. Nothing is believed because
//! it lies in such a file: a root in it is a certificate like any other.

use serde_json::Value;
use thiserror::Error;

use crate::{
    Endorsement, dated, dcap,
    pem::{Block, blocks, hexadecimal, percent_decoded},
    x509::{Certificate, Crl},
};

/// The longest file that is read: 32 MiB.
pub const LOOSE_BYTES_MAX: usize = 32 << 20;

/// Why a file yields no endorsements.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum LooseError {
    /// A part of the file is not what it says it is.
    #[error("a {kind} in it is malformed: {error}")]
    Malformed {
        /// What it says it is.
        kind: &'static str,
        /// What is wrong.
        error: String,
    },
    /// The file is longer than any such file.
    #[error("{actual} bytes where at most {LOOSE_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        actual: usize,
    },
    /// The file is nothing that is known here.
    #[error("neither certificates, nor revocation lists, nor collateral, nor a manifest that is known here")]
    Unknown,
}

/// Reads the endorsements in one file.
///
/// # Errors
/// [`LooseError`]. A file of several parts is refused as a whole if one is malformed.
pub fn loose(bytes: &[u8]) -> Result<Vec<Endorsement>, LooseError> {
    if bytes.len() > LOOSE_BYTES_MAX {
        return Err(LooseError::TooLong { actual: bytes.len() });
    }
    let items = match std::str::from_utf8(bytes) {
        Ok(text) => of_text(text.trim())?,
        Err(_) => of_bytes(bytes)?,
    };
    for item in &items {
        dated(item).map_err(|error| malformed(item.kind(), &error))?;
    }
    if items.is_empty() { Err(LooseError::Unknown) } else { Ok(items) }
}

fn of_text(text: &str) -> Result<Vec<Endorsement>, LooseError> {
    if text.starts_with("HTTP/") {
        return of_http(text);
    }
    if text.starts_with('{') {
        return of_json(text);
    }
    if text.starts_with('<') {
        return Ok(vec![Endorsement::Rim(text.as_bytes().to_vec())]);
    }
    if text.contains("-----BEGIN ") {
        return of_pem(text);
    }
    // Intel's service gives revocation lists in hexadecimal.
    of_bytes(&hexadecimal(text).ok_or(LooseError::Unknown)?)
}

fn of_pem(text: &str) -> Result<Vec<Endorsement>, LooseError> {
    let blocks = blocks(text).ok_or(malformed("PEM block", &"its base64 or its end is broken"))?;
    blocks.into_iter().map(of_block).collect()
}

fn of_block(Block { label, bytes }: Block) -> Result<Endorsement, LooseError> {
    match label.as_str() {
        "CERTIFICATE" => Ok(Endorsement::Certificate(bytes)),
        "X509 CRL" => Ok(Endorsement::Crl(bytes)),
        _ => Err(malformed("PEM block", &format!("`{}` is nothing that endorses", label.escape_default()))),
    }
}

/// An answer as `curl --include` stores it: headers whose names end in `Issuer-Chain`, then the body.
fn of_http(text: &str) -> Result<Vec<Endorsement>, LooseError> {
    let (head, body) = text.split_once("\r\n\r\n").or_else(|| text.split_once("\n\n")).ok_or(LooseError::Unknown)?;
    let mut items = Vec::new();
    for line in head.lines().skip(1) {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.to_ascii_lowercase().ends_with("issuer-chain") {
            let chain = percent_decoded(value.trim()).ok_or(malformed("header", &name))?;
            items.extend(of_pem(&chain)?);
        }
    }
    items.extend(of_text(body.trim())?);
    Ok(items)
}

fn of_json(text: &str) -> Result<Vec<Endorsement>, LooseError> {
    let value: Value = serde_json::from_str(text).map_err(|error| malformed("JSON text", &error))?;
    // What is signed is the text; the parsed value only tells which kind it is.
    let has = |name: &str| value.get(name).is_some();
    if has("tcb_info_issuer_chain") || has("tcbInfoIssuerChain") {
        return dcap::collateral::of_json(text).map_err(|error| malformed("collateral", &error));
    }
    if has("tcbInfo") {
        return Ok(vec![Endorsement::TcbInfo(text.as_bytes().to_vec())]);
    }
    if has("enclaveIdentity") {
        return Ok(vec![Endorsement::QeIdentity(text.as_bytes().to_vec())]);
    }
    Err(LooseError::Unknown)
}

fn of_bytes(bytes: &[u8]) -> Result<Vec<Endorsement>, LooseError> {
    if let Some(items) = dcap::collateral::of_open_enclave(bytes) {
        return items.map_err(|error| malformed("endorsement of Open Enclave", &error));
    }
    if bytes.first() != Some(&0x30) {
        return Err(LooseError::Unknown);
    }
    let ocsp = Endorsement::Ocsp(bytes.to_vec());
    if Crl::parse(bytes).is_ok() {
        return Ok(vec![Endorsement::Crl(bytes.to_vec())]);
    }
    if dated(&ocsp).is_ok() {
        return Ok(vec![ocsp]);
    }
    let mut items = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (certificate, after) = Certificate::read(rest).map_err(|error| malformed("certificate", &error))?;
        items.push(Endorsement::Certificate(certificate.raw.to_vec()));
        rest = after;
    }
    Ok(items)
}

fn malformed(kind: &'static str, error: &impl ToString) -> LooseError {
    LooseError::Malformed { kind, error: error.to_string() }
}
