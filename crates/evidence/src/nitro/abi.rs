//! The bytes of an attestation document: a CBOR map with text keys. [AWS §2.2, §3.2.2]
//!
//! ```text
//! { "module_id": text, "digest": "SHA384", "timestamp": ms, "pcrs": { 0..31: bstr of 32, 48 or 64 },
//!   "certificate": leaf, "cabundle": [ root, intermediate, … ], "public_key": bstr 1..1024 / null,
//!   "user_data": bstr 0..512 / null, "nonce": bstr 0..512 / null }
//! ```
//! The hypervisor writes the map with an indefinite length; what is in it has definite ones.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use casemate_cose::{Digest, UnixTime};

use super::Flaw;
use crate::{
    crypto::Hash,
    wire::{
        WireError,
        cbor::{Cbor, Key},
    },
};

/// The longest document that is read: AWS's bound for its payload, and room for the envelope.
pub const DOCUMENT_BYTES_MAX: usize = (16 << 10) + 256;

/// The register into which the manifest's digest is extended.
pub const MANIFEST_PCR: u8 = 16;

pub(super) const CERTIFICATE_BYTES_MAX: usize = 1024;
pub(super) const CABUNDLE_CERTIFICATES_MAX: usize = 8;
const MODULE_ID_BYTES_MAX: usize = 256;
const PCRS_MAX: usize = 32;
const PUBLIC_KEY_BYTES_MAX: usize = 1024;
const USER_BYTES_MAX: usize = 512;

/// What [`MANIFEST_PCR`] holds for a manifest of this digest: SHA-384 over 48 zero bytes and the digest's 32.
#[must_use]
pub fn manifest_pcr(manifest: &Digest) -> [u8; 48] {
    let mut register = [0; 48];
    let value = Hash::Sha384.of(&[&[0; 48], manifest.as_bytes()]);
    for (byte, value) in register.iter_mut().zip(value.as_ref()) {
        *byte = *value;
    }
    register
}

/// A document's fields, where they lie.
#[derive(Debug)]
pub(super) struct Document<'a> {
    pub(super) module_id: &'a str,
    pub(super) timestamp_ms: u64,
    /// By number; those that are not in the document are not locked.
    pub(super) pcrs: [Option<&'a [u8]>; PCRS_MAX],
    pub(super) certificate: &'a [u8],
    /// The root first.
    pub(super) cabundle: Vec<&'a [u8]>,
    pub(super) public_key: Option<&'a [u8]>,
    pub(super) user_data: Option<&'a [u8]>,
    pub(super) nonce: Option<&'a [u8]>,
}

#[derive(Default)]
struct Fields<'a> {
    module_id: Option<&'a str>,
    digest: Option<&'a str>,
    timestamp_ms: Option<u64>,
    pcrs: Option<[Option<&'a [u8]>; PCRS_MAX]>,
    certificate: Option<&'a [u8]>,
    cabundle: Option<Vec<&'a [u8]>>,
    public_key: Option<&'a [u8]>,
    user_data: Option<&'a [u8]>,
    nonce: Option<&'a [u8]>,
}

impl<'a> Document<'a> {
    /// Reads a payload.
    pub(super) fn parse(payload: &'a [u8]) -> Result<Self, Flaw> {
        let mut cbor = Cbor::new(payload);
        let mut fields = Fields::default();
        cbor.entries_of_any_length("document", |key, value| fields.read(key, value))?;
        cbor.end("document")?;
        let missing = |field| Flaw::Missing { field };
        let digest = fields.digest.ok_or_else(|| missing("digest"))?;
        if digest != "SHA384" {
            return Err(value("digest", "SHA384", digest.escape_debug().to_string()).into());
        }
        Ok(Self {
            module_id: fields.module_id.ok_or_else(|| missing("module_id"))?,
            timestamp_ms: fields.timestamp_ms.ok_or_else(|| missing("timestamp"))?,
            pcrs: fields.pcrs.ok_or_else(|| missing("pcrs"))?,
            certificate: fields.certificate.ok_or_else(|| missing("certificate"))?,
            cabundle: fields.cabundle.ok_or_else(|| missing("cabundle"))?,
            public_key: fields.public_key,
            user_data: fields.user_data,
            nonce: fields.nonce,
        })
    }

    /// When the document was made.
    pub(super) const fn at(&self) -> UnixTime {
        UnixTime(self.timestamp_ms / 1000)
    }
}

impl<'a> Fields<'a> {
    fn read(&mut self, key: &Key<'_>, cbor: &mut Cbor<'a>) -> Result<(), Flaw> {
        match key {
            Key::Text("module_id") => {
                let text = cbor.text("module_id")?;
                sized("module_id", text.as_bytes(), 1, MODULE_ID_BYTES_MAX)?;
                self.module_id = Some(text);
            }
            Key::Text("digest") => self.digest = Some(cbor.text("digest")?),
            Key::Text("timestamp") => {
                let timestamp_ms = cbor.unsigned("timestamp")?;
                if timestamp_ms == 0 {
                    return Err(value("timestamp", "a time after 1970", "0".to_owned()).into());
                }
                self.timestamp_ms = Some(timestamp_ms);
            }
            Key::Text("pcrs") => self.pcrs = Some(pcrs(cbor)?),
            Key::Text("certificate") => self.certificate = Some(certificate(cbor, "certificate")?),
            Key::Text("cabundle") => self.cabundle = Some(cabundle(cbor)?),
            Key::Text("public_key") => self.public_key = optional(cbor, "public_key", 1, PUBLIC_KEY_BYTES_MAX)?,
            Key::Text("user_data") => self.user_data = optional(cbor, "user_data", 0, USER_BYTES_MAX)?,
            Key::Text("nonce") => self.nonce = optional(cbor, "nonce", 0, USER_BYTES_MAX)?,
            Key::Text(text) => return Err(Flaw::UnknownField { field: text.escape_debug().to_string() }),
            Key::Number(number) => return Err(Flaw::UnknownField { field: number.to_string() }),
        }
        Ok(())
    }
}

fn pcrs<'a>(cbor: &mut Cbor<'a>) -> Result<[Option<&'a [u8]>; PCRS_MAX], WireError> {
    let mut pcrs = [None; PCRS_MAX];
    cbor.entries("pcrs", |key, pcr| {
        let place = match key {
            Key::Number(number) => usize::try_from(*number).ok().and_then(|index| pcrs.get_mut(index)),
            Key::Text(_) => None,
        };
        let place = place.ok_or_else(|| value("pcrs", "registers 0 to 31", format!("{key:?}")))?;
        let bytes = pcr.bytes("pcr")?;
        if !matches!(bytes.len(), 32 | 48 | 64) {
            return Err(value("pcr", "32, 48 or 64 bytes", format!("{} bytes", bytes.len())));
        }
        *place = Some(bytes);
        Ok(())
    })?;
    Ok(pcrs)
}

fn cabundle<'a>(cbor: &mut Cbor<'a>) -> Result<Vec<&'a [u8]>, WireError> {
    let count = cbor.array("cabundle")?;
    if count > CABUNDLE_CERTIFICATES_MAX {
        return Err(WireError::TooMany { field: "cabundle", actual: count, max: CABUNDLE_CERTIFICATES_MAX });
    }
    (0..count).map(|_| certificate(cbor, "cabundle")).collect()
}

fn certificate<'a>(cbor: &mut Cbor<'a>, field: &'static str) -> Result<&'a [u8], WireError> {
    let bytes = cbor.bytes(field)?;
    sized(field, bytes, 1, CERTIFICATE_BYTES_MAX)?;
    Ok(bytes)
}

fn optional<'a>(
    cbor: &mut Cbor<'a>,
    field: &'static str,
    min: usize,
    max: usize,
) -> Result<Option<&'a [u8]>, WireError> {
    if cbor.null(field)? {
        return Ok(None);
    }
    let bytes = cbor.bytes(field)?;
    sized(field, bytes, min, max)?;
    Ok(Some(bytes))
}

fn sized(field: &'static str, bytes: &[u8], min: usize, max: usize) -> Result<(), WireError> {
    match bytes.len() {
        actual if actual > max => Err(WireError::TooMany { field, actual, max }),
        actual if actual < min => Err(value(field, "one byte at least", "none".to_owned())),
        _ => Ok(()),
    }
}

const fn value(field: &'static str, expected: &'static str, actual: String) -> WireError {
    WireError::Value { field, expected, actual }
}
