//! The bytes of `tpm` evidence, and of the TPM's own structures. [docs/formats/evidence-tpm.md; TPM 2.0 part 2]
//!
//! ```text
//! evidence = [ attest: bytes, signature: bytes, ak, pcrs, log: bytes, command line: text ]
//! ak       = [ certificates: [* bytes], public: bytes, spki: bytes ]       the AK's certificate first; what is absent is empty
//! pcrs     = [* [ bank: uint, index: uint, value: bytes ]]                 in the order of the selection
//!
//! TPMS_ATTEST     magic u32 ‖ type u16 ‖ qualifiedSigner 2B ‖ extraData 2B ‖ clock u64 ‖ resetCount u32 ‖ restartCount u32
//!                 ‖ safe u8 ‖ firmwareVersion u64 ‖ TPMS_QUOTE_INFO                           [§10.12.12]
//! TPMS_QUOTE_INFO count u32 ‖ (hash u16 ‖ sizeofSelect u8 ‖ pcrSelect)* ‖ pcrDigest 2B        [§10.12.1]
//! TPMT_SIGNATURE  sigAlg u16 ‖ hash u16 ‖ (RSA: sig 2B; ECDSA: signatureR 2B ‖ signatureS 2B) [§11.3.4]
//! TPMT_PUBLIC     type u16 ‖ nameAlg u16 ‖ objectAttributes u32 ‖ authPolicy 2B ‖ parameters ‖ unique [§12.2.4]
//! ```
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use casemate_cose::encode;
use minicbor::bytes::ByteSlice;

use crate::{
    Evidence, Format, Hash,
    wire::{Reader, WireError, cbor::Cbor},
};

use super::Flaw;

/// The most certificates that come with an AK.
pub const CERTIFICATES_MAX: usize = 8;

/// The most PCR values, over all banks.
pub const PCRS_MAX: usize = 128;

/// The longest command line.
pub const COMMAND_LINE_BYTES_MAX: usize = 4096;

const ATTEST_BYTES_MAX: usize = 1024;
const SIGNATURE_BYTES_MAX: usize = 1100;
const PUBLIC_BYTES_MAX: usize = 2048;
const BANKS_MAX: usize = 16;
/// TPM2B_DIGEST and TPM2B_NAME: SHA-512 with its algorithm's number.
const NAME_BYTES_MAX: usize = 66;
/// TPM2B_DATA: the nonce that a caller may give is as long as the largest digest with its number.
const DATA_BYTES_MAX: usize = 66;
const RSA_BYTES_MAX: usize = 1024;
const EC_BYTES_MAX: usize = 66;

/// `TPM_GENERATED_VALUE`: what the TPM itself made begins with it, and a restricted key signs nothing else that does.
const MAGIC: u32 = 0xff54_4347;
/// `TPM_ST_ATTEST_QUOTE`.
const ATTEST_QUOTE: u16 = 0x8018;

/// The parts of `tpm` evidence, in place. What is absent is empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Parts<'a> {
    /// `TPMS_ATTEST`, as the TPM gave it.
    pub attest: &'a [u8],
    /// `TPMT_SIGNATURE`, as the TPM gave it.
    pub signature: &'a [u8],
    /// The attestation key's certificate and those of its issuers, DER.
    pub certificates: Vec<&'a [u8]>,
    /// The attestation key's `TPMT_PUBLIC`.
    pub public: &'a [u8],
    /// The attestation key's `SubjectPublicKeyInfo`, DER.
    pub spki: &'a [u8],
    /// What the quote selects, in its order.
    pub pcrs: Vec<PcrValue<'a>>,
    /// The event log.
    pub log: &'a [u8],
    /// The kernel's command line, if the EFI stub measured it.
    pub command_line: &'a str,
}

/// One PCR value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PcrValue<'a> {
    /// The bank.
    pub bank: Hash,
    /// The PCR, 0 to 31.
    pub index: u32,
    /// Its value.
    pub value: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Evidence of these parts. Nothing of them is looked at.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let certificates: Vec<&ByteSlice> = self.certificates.iter().map(|der| (*der).into()).collect();
        let rows: Vec<_> =
            self.pcrs.iter().map(|it| (it.bank.tpm_alg(), it.index, <&ByteSlice>::from(it.value))).collect();
        let bytes = |bytes: &'a [u8]| -> &'a ByteSlice { bytes.into() };
        let ak = (certificates, bytes(self.public), bytes(self.spki));
        let all = (bytes(self.attest), bytes(self.signature), ak, rows, bytes(self.log), self.command_line);
        Evidence::new(Format::Tpm, encode(&all))
    }

    /// Reads evidence; second comes all of `ak`, as received.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let mut cbor = Cbor::new(bytes);
        elements(&mut cbor, "evidence", 6)?;
        let attest = bounded("attest", cbor.bytes("attest")?, ATTEST_BYTES_MAX)?;
        let signature = bounded("signature", cbor.bytes("signature")?, SIGNATURE_BYTES_MAX)?;
        let mut ahead = cbor;
        let ak = ahead.skip("ak")?;
        elements(&mut cbor, "ak", 3)?;
        let count = cbor.array("certificates")?;
        if count > CERTIFICATES_MAX {
            return Err(WireError::TooMany { field: "certificates", actual: count, max: CERTIFICATES_MAX });
        }
        let certificates = (0..count).map(|_| cbor.bytes("certificate")).collect::<Result<_, _>>()?;
        let public = bounded("public", cbor.bytes("public")?, PUBLIC_BYTES_MAX)?;
        let spki = bounded("spki", cbor.bytes("spki")?, PUBLIC_BYTES_MAX)?;
        let pcrs = pcr_rows(&mut cbor)?;
        let log = cbor.bytes("log")?;
        let command_line = cbor.text("command line")?;
        bounded("command line", command_line.as_bytes(), COMMAND_LINE_BYTES_MAX)?;
        cbor.end("command line")?;
        Ok((Self { attest, signature, certificates, public, spki, pcrs, log, command_line }, ak))
    }
}

/// Reads PCR values.
pub(crate) fn pcr_rows<'a>(cbor: &mut Cbor<'a>) -> Result<Vec<PcrValue<'a>>, WireError> {
    let count = cbor.array("pcrs")?;
    if count > PCRS_MAX {
        return Err(WireError::TooMany { field: "pcrs", actual: count, max: PCRS_MAX });
    }
    let mut rows = Vec::with_capacity(count);
    for _ in 0..count {
        elements(cbor, "pcr", 3)?;
        let bank = bank(cbor.unsigned("bank")?)?;
        let index = cbor.unsigned("index")?;
        let index = u32::try_from(index).ok().filter(|index| *index < 32).ok_or_else(|| WireError::Value {
            field: "index",
            expected: "a PCR from 0 to 31",
            actual: index.to_string(),
        })?;
        let value = cbor.bytes("value")?;
        if value.len() != bank.size_bytes() {
            let actual = format!("{} bytes", value.len());
            return Err(WireError::Value { field: "value", expected: "a digest of the bank", actual });
        }
        rows.push(PcrValue { bank, index, value });
    }
    Ok(rows)
}

fn bank(algorithm: u64) -> Result<Hash, WireError> {
    u16::try_from(algorithm).ok().and_then(Hash::of_tpm_alg).ok_or_else(|| WireError::Value {
        field: "bank",
        expected: "the TPM_ALG_ID of SHA-1, SHA-256, SHA-384 or SHA-512",
        actual: format!("0x{algorithm:04x}"),
    })
}

pub(crate) fn elements(cbor: &mut Cbor<'_>, field: &'static str, wanted: usize) -> Result<(), WireError> {
    let actual = cbor.array(field)?;
    if actual == wanted {
        return Ok(());
    }
    Err(WireError::Value { field, expected: "another number of elements", actual: actual.to_string() })
}

pub(crate) const fn bounded<'a>(field: &'static str, bytes: &'a [u8], max: usize) -> Result<&'a [u8], WireError> {
    if bytes.len() <= max { Ok(bytes) } else { Err(WireError::TooMany { field, actual: bytes.len(), max }) }
}

/// A `TPMS_ATTEST` of a quote.
#[derive(Clone, Debug)]
pub(crate) struct Attest<'a> {
    pub(crate) qualified_signer: &'a [u8],
    pub(crate) qualifying_data: &'a [u8],
    pub(crate) clock_ms: u64,
    pub(crate) reset_count: u32,
    pub(crate) restart_count: u32,
    pub(crate) is_clock_safe: bool,
    pub(crate) firmware_version: u64,
    /// Bank and PCR, in the order in which they were digested.
    pub(crate) selection: Vec<(u16, u32)>,
    pub(crate) pcr_digest: &'a [u8],
}

impl<'a> Attest<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Flaw> {
        let mut reader = Reader::new(bytes);
        let magic = reader.u32_be("magic").map_err(attest)?;
        if magic != MAGIC {
            return Err(Flaw::Magic { actual: magic });
        }
        let kind = reader.u16_be("type").map_err(attest)?;
        if kind != ATTEST_QUOTE {
            return Err(Flaw::Type { actual: kind });
        }
        Self::body(reader).map_err(attest)
    }

    fn body(mut reader: Reader<'a>) -> Result<Self, WireError> {
        let qualified_signer = reader.sized_be("qualifiedSigner", NAME_BYTES_MAX)?;
        let qualifying_data = reader.sized_be("extraData", DATA_BYTES_MAX)?;
        let clock_ms = reader.u64_be("clockInfo.clock")?;
        let reset_count = reader.u32_be("clockInfo.resetCount")?;
        let restart_count = reader.u32_be("clockInfo.restartCount")?;
        let is_clock_safe = match reader.u8("clockInfo.safe")? {
            0 => false,
            1 => true,
            other => {
                let actual = other.to_string();
                return Err(WireError::Value { field: "clockInfo.safe", expected: "0 or 1", actual });
            }
        };
        let firmware_version = reader.u64_be("firmwareVersion")?;
        let selection = selection(&mut reader)?;
        let pcr_digest = reader.sized_be("pcrDigest", NAME_BYTES_MAX)?;
        reader.end("pcrDigest")?;
        Ok(Self {
            qualified_signer,
            qualifying_data,
            clock_ms,
            reset_count,
            restart_count,
            is_clock_safe,
            firmware_version,
            selection,
            pcr_digest,
        })
    }
}

const fn attest(error: WireError) -> Flaw {
    Flaw::Attest { error }
}

/// TPML_PCR_SELECTION [§10.9.7]: bit `i` of byte `j` is PCR `8 j + i`.
fn selection(reader: &mut Reader<'_>) -> Result<Vec<(u16, u32)>, WireError> {
    let count = usize::try_from(reader.u32_be("pcrSelect.count")?).unwrap_or(usize::MAX);
    if count > BANKS_MAX {
        return Err(WireError::TooMany { field: "pcrSelect.count", actual: count, max: BANKS_MAX });
    }
    let mut selection: Vec<(u16, u32)> = Vec::new();
    for _ in 0..count {
        let algorithm = reader.u16_be("pcrSelect.hash")?;
        let length = usize::from(reader.u8("pcrSelect.sizeofSelect")?);
        let bits = reader.bounded("pcrSelect.pcrSelect", length, 4)?;
        for pcr in 0..32_u32 {
            let byte = usize::try_from(pcr >> 3).ok().and_then(|place| bits.get(place)).copied().unwrap_or_default();
            if byte & (1 << (pcr & 7)) != 0 {
                if selection.contains(&(algorithm, pcr)) {
                    let actual = format!("PCR {pcr} of bank 0x{algorithm:04x} twice");
                    return Err(WireError::Value { field: "pcrSelect", expected: "each PCR once", actual });
                }
                selection.push((algorithm, pcr));
            }
        }
    }
    Ok(selection)
}

/// How a TPM signs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SignatureKind {
    Ecdsa,
    RsaPkcs1,
    RsaPss,
}

impl SignatureKind {
    pub(crate) const fn of_tpm_alg(algorithm: u16) -> Option<Self> {
        match algorithm {
            0x0014 => Some(Self::RsaPkcs1),
            0x0016 => Some(Self::RsaPss),
            0x0018 => Some(Self::Ecdsa),
            _ => None,
        }
    }
}

/// A `TPMT_SIGNATURE`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signature<'a> {
    pub(crate) kind: SignatureKind,
    pub(crate) hash: Hash,
    value: Value<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Ecdsa { r: &'a [u8], s: &'a [u8] },
    Rsa(&'a [u8]),
}

impl<'a> Signature<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Flaw> {
        let malformed = |error| Flaw::SignatureLayout { error };
        let mut reader = Reader::new(bytes);
        let algorithm = reader.u16_be("sigAlg").map_err(malformed)?;
        let unknown = |hash: Option<u16>| Flaw::SignatureScheme {
            actual: hash.map_or_else(
                || format!("0x{algorithm:04x}"),
                |hash| format!("0x{algorithm:04x} with hash 0x{hash:04x}"),
            ),
        };
        let kind = SignatureKind::of_tpm_alg(algorithm).ok_or_else(|| unknown(None))?;
        let number = reader.u16_be("hash").map_err(malformed)?;
        let hash = Hash::of_tpm_alg(number).filter(|hash| *hash != Hash::Sha1);
        let hash = hash.ok_or_else(|| unknown(Some(number)))?;
        let value = match kind {
            SignatureKind::Ecdsa => Value::Ecdsa {
                r: reader.sized_be("signatureR", EC_BYTES_MAX).map_err(malformed)?,
                s: reader.sized_be("signatureS", EC_BYTES_MAX).map_err(malformed)?,
            },
            SignatureKind::RsaPkcs1 | SignatureKind::RsaPss => {
                Value::Rsa(reader.sized_be("sig", RSA_BYTES_MAX).map_err(malformed)?)
            }
        };
        reader.end("signature").map_err(malformed)?;
        Ok(Self { kind, hash, value })
    }

    /// An RSA signature as Azure's tools give it, without its header.
    pub(crate) const fn rsa_pkcs1_sha256(bytes: &'a [u8]) -> Self {
        Self { kind: SignatureKind::RsaPkcs1, hash: Hash::Sha256, value: Value::Rsa(bytes) }
    }

    /// As X.509 carries it: RSA as it is, ECDSA in DER [RFC 3279 §2.2.3].
    pub(crate) fn to_bytes(self) -> std::borrow::Cow<'a, [u8]> {
        match self.value {
            Value::Rsa(bytes) => bytes.into(),
            Value::Ecdsa { r, s } => {
                let pair = [super::ak::integer(r), super::ak::integer(s)].concat();
                super::ak::element(0x30, &pair).into()
            }
        }
    }
}

/// What of a `TPMT_PUBLIC` decides about an attestation key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Public<'a> {
    pub(super) attributes: u32,
    /// The scheme that the key is for: it makes no other signatures. `None` if the caller of the TPM chooses.
    pub(super) scheme: Option<(u16, u16)>,
    pub(super) unique: Unique<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Unique<'a> {
    Ec { curve: u16, x: &'a [u8], y: &'a [u8] },
    Rsa { exponent: u32, modulus: &'a [u8] },
}

const ALG_NULL: u16 = 0x0010;
const ALG_RSA: u16 = 0x0001;
const ALG_ECC: u16 = 0x0023;
const ALG_ECDAA: u16 = 0x001a;

impl<'a> Public<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let kind = reader.u16_be("type")?;
        reader.u16_be("nameAlg")?;
        let attributes = reader.u32_be("objectAttributes")?;
        reader.sized_be("authPolicy", NAME_BYTES_MAX)?;
        let symmetric = reader.u16_be("parameters.symmetric")?;
        if symmetric != ALG_NULL {
            let actual = format!("0x{symmetric:04x}");
            return Err(WireError::Value {
                field: "parameters.symmetric",
                expected: "none, for a signing key",
                actual,
            });
        }
        let scheme = scheme(&mut reader)?;
        let unique = match kind {
            ALG_RSA => {
                reader.u16_be("parameters.keyBits")?;
                let exponent = reader.u32_be("parameters.exponent")?;
                let exponent = if exponent == 0 { 65537 } else { exponent };
                Unique::Rsa { exponent, modulus: reader.sized_be("unique.rsa", RSA_BYTES_MAX)? }
            }
            ALG_ECC => {
                let curve = reader.u16_be("parameters.curveID")?;
                if reader.u16_be("parameters.kdf")? != ALG_NULL {
                    reader.u16_be("parameters.kdf.hashAlg")?;
                }
                Unique::Ec {
                    curve,
                    x: reader.sized_be("unique.ecc.x", EC_BYTES_MAX)?,
                    y: reader.sized_be("unique.ecc.y", EC_BYTES_MAX)?,
                }
            }
            other => {
                return Err(WireError::Value {
                    field: "type",
                    expected: "RSA or ECC",
                    actual: format!("0x{other:04x}"),
                });
            }
        };
        reader.end("unique")?;
        Ok(Self { attributes, scheme, unique })
    }
}

/// TPMT_RSA_SCHEME, TPMT_ECC_SCHEME [§11.2.4.2, §11.2.5.6].
fn scheme(reader: &mut Reader<'_>) -> Result<Option<(u16, u16)>, WireError> {
    let scheme = reader.u16_be("parameters.scheme")?;
    if scheme == ALG_NULL {
        return Ok(None);
    }
    let hash = reader.u16_be("parameters.scheme.hashAlg")?;
    if scheme == ALG_ECDAA {
        reader.u16_be("parameters.scheme.count")?;
    }
    Ok(Some((scheme, hash)))
}
