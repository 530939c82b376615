//! The bytes of `dice` evidence: a chain, alone or framed with report data and signature. [docs/formats/evidence-dice.md]
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use crate::{
    wire::{WireError, cbor::Cbor},
    x509::Certificate,
};

/// The longest chain that is read: 64 KiB.
pub const CHAIN_BYTES_MAX: usize = 64 << 10;

/// The most certificates of a chain, the root's own among them.
const CERTIFICATES_MAX: usize = 9;

/// The longest report data that is read.
pub const REPORT_DATA_BYTES_MAX: usize = 1024;

/// The most TcbInfo of one certificate, and FWIDs or integrity registers of one TcbInfo.
pub const TCB_INFOS_MAX: usize = 32;

/// The first byte of an array of three in CBOR; a chain begins with `30`.
const ARRAY_OF_THREE: u8 = 0x83;

/// Evidence, read in place.
#[derive(Clone, Debug)]
pub(super) struct Parts<'a> {
    pub(super) chain: &'a [u8],
    pub(super) signed: Option<Signed<'a>>,
}

/// What the leaf's key signed, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed<'a> {
    pub(super) report_data: &'a [u8],
    pub(super) signature: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        if bytes.first() != Some(&ARRAY_OF_THREE) {
            return Ok(Self { chain: bytes, signed: None });
        }
        let mut cbor = Cbor::new(bytes);
        cbor.array("dice")?;
        let chain = cbor.bytes("chain")?;
        let report_data = cbor.bytes("report data")?;
        if report_data.len() > REPORT_DATA_BYTES_MAX {
            let actual = report_data.len();
            return Err(WireError::TooMany { field: "report data", actual, max: REPORT_DATA_BYTES_MAX });
        }
        let signature = cbor.bytes("signature")?;
        cbor.end("signature")?;
        Ok(Self { chain, signed: Some(Signed { report_data, signature }) })
    }
}

/// The certificates of a chain, in its order.
pub(super) fn certificates(chain: &[u8]) -> Result<Vec<Certificate<'_>>, WireError> {
    if chain.len() > CHAIN_BYTES_MAX {
        return Err(WireError::TooMany { field: "chain", actual: chain.len(), max: CHAIN_BYTES_MAX });
    }
    let mut certificates = Vec::new();
    let mut rest = chain;
    while !rest.is_empty() {
        if certificates.len() == CERTIFICATES_MAX {
            let actual = CERTIFICATES_MAX.saturating_add(1);
            return Err(WireError::TooMany { field: "certificates", actual, max: CERTIFICATES_MAX });
        }
        let (certificate, after) = Certificate::read(rest)?;
        certificates.push(certificate);
        rest = after;
    }
    if certificates.is_empty() {
        return Err(WireError::Truncated { field: "certificate", wanted: 1, left: 0 });
    }
    Ok(certificates)
}
