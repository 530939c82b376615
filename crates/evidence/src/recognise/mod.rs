//! Finds out what a file of evidence is: which format, in which encoding, wrapped by which tool.
//!
//! 1. Raw bytes of a format, by the marks that its specification puts at its start; Casemate's own frame.
//! 2. Text: hexadecimal, base64 or base64url, PEM. What it decodes to is looked at as in 1.
//! 3. JSON of common tools: Azure's attestation crates, NVIDIA's SDK, Trustee; any object with one field that holds evidence.
//!    Several that hold different evidence, or two of one name, are refused: the file would say more than is judged.
//!
//! A guess decides nothing: the format's verifier reads the bytes again, strictly.

mod json;
mod marks;

use thiserror::Error;

use crate::{
    Endorsement, Evidence, Format,
    pem::{base64, blocks, hexadecimal},
};

/// The longest file that is looked at: 8 MiB.
pub const RECOGNISE_BYTES_MAX: usize = 8 << 20;

/// What a file is.
#[derive(Clone, Debug)]
pub struct Recognised {
    /// In words, such as "a TDX quote, in hexadecimal".
    pub what: String,
    /// The evidence; several pieces where a tool puts several devices into one file.
    pub evidence: Vec<Evidence>,
    /// Endorsements that came along.
    pub carried: Vec<Endorsement>,
    /// What each piece of `evidence` is called, where one tool's file holds several of one machine; empty otherwise.
    pub parts: Vec<String>,
}

impl Recognised {
    /// Takes `bytes` to be of `format`, in whatever encoding they are.
    #[must_use]
    pub fn of_format(format: Format, bytes: &[u8]) -> Self {
        let (bytes, encoding) = decoded(bytes).or_else(|| pem(bytes)).unwrap_or_else(|| (bytes.to_vec(), ""));
        Self::one(format, bytes).encoded(encoding)
    }

    fn one(format: Format, bytes: Vec<u8>) -> Self {
        let what = marks::describe(format, &bytes);
        Self { what, evidence: vec![Evidence::new(format, bytes)], carried: Vec::new(), parts: Vec::new() }
    }

    fn encoded(mut self, encoding: &str) -> Self {
        self.what.push_str(encoding);
        self
    }
}

/// Why a file was not recognised.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Unrecognised {
    /// It is a part of evidence that says nothing without another.
    #[error("{what}: {need}")]
    Part {
        /// What it is.
        what: &'static str,
        /// What is needed besides.
        need: &'static str,
    },
    /// JSON whose fields hold several statements, of which only one would be judged.
    #[error("fields `{one}` and `{other}` of the JSON hold different evidence: give each in a file of its own")]
    Several {
        /// A field.
        one: &'static str,
        /// Another.
        other: &'static str,
    },
    /// It is longer than any evidence.
    #[error("{actual} bytes where evidence has at most {RECOGNISE_BYTES_MAX}")]
    TooLong {
        /// Its length.
        actual: usize,
    },
    /// JSON with two fields of one name, of which readers take one or the other.
    #[error("the JSON has two fields of the name {field}: get it again from the tool that wrote it")]
    Twice {
        /// The name, and where.
        field: String,
    },
    /// It is nothing known.
    #[error("no evidence that is known here, in no encoding that is")]
    Unknown,
}

/// Finds out what `bytes` are.
///
/// # Errors
/// [`Unrecognised`].
pub fn recognise(bytes: &[u8]) -> Result<Recognised, Unrecognised> {
    if bytes.len() > RECOGNISE_BYTES_MAX {
        return Err(Unrecognised::TooLong { actual: bytes.len() });
    }
    if let Some(found) = marks::raw(bytes)? {
        return Ok(found);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Unrecognised::Unknown)?.trim();
    if text.starts_with(['{', '[']) {
        return json::of_text(text);
    }
    if text.contains("-----BEGIN ") {
        return of_pem(text);
    }
    let (decoded, encoding) = decoded(bytes).ok_or(Unrecognised::Unknown)?;
    marks::raw(&decoded)?.map(|found| found.encoded(encoding)).ok_or(Unrecognised::Unknown)
}

/// Bytes that travel as text.
fn decoded(bytes: &[u8]) -> Option<(Vec<u8>, &'static str)> {
    let text = std::str::from_utf8(bytes).ok()?;
    if let Some(bytes) = hexadecimal(text) {
        return Some((bytes, ", in hexadecimal"));
    }
    base64(text).map(|bytes| (bytes, ", in base64"))
}

/// What the blocks of PEM hold, one after the other.
fn pem(bytes: &[u8]) -> Option<(Vec<u8>, &'static str)> {
    let blocks = blocks(std::str::from_utf8(bytes).ok()?)?;
    let bytes: Vec<u8> = blocks.into_iter().flat_map(|block| block.bytes).collect();
    (!bytes.is_empty()).then_some((bytes, ", in PEM"))
}

/// A DICE chain, or whatever else lies in the one block.
fn of_pem(text: &str) -> Result<Recognised, Unrecognised> {
    let blocks = blocks(text).ok_or(Unrecognised::Unknown)?;
    if let [block] = blocks.as_slice()
        && block.label != "CERTIFICATE"
    {
        return marks::raw(&block.bytes)?.map(|found| found.encoded(", in PEM")).ok_or(Unrecognised::Unknown);
    }
    if blocks.is_empty() || blocks.iter().any(|block| block.label != "CERTIFICATE") {
        return Err(Unrecognised::Unknown);
    }
    let chain: Vec<u8> = blocks.into_iter().flat_map(|block| block.bytes).collect();
    marks::raw(&chain)?.map(|found| found.encoded(", in PEM")).ok_or(Unrecognised::Unknown)
}
