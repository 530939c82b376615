//! The bytes of `composite` evidence. [docs/formats/evidence-composite.md]
//!
//! ```text
//! evidence = [ CPU, + device ]      CPU = [ format: text, evidence: bytes ]
//!                                   device = [ format: text, evidence: bytes, ? tie: "same-nonce" ]
//! ```

use casemate_cose::encode;
use minicbor::bytes::ByteVec;

use crate::{
    Evidence, Format,
    wire::{WireError, cbor::Cbor},
};

use super::{Flaw, Tie};

/// The most parts, the CPU's evidence among them.
pub const PARTS_MAX: usize = 16;

/// One part, in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) format: Format,
    pub(super) bytes: &'a [u8],
    /// How a device says that it is tied to the CPU.
    pub(super) tie: Tie,
}

/// Evidence of a CPU and its devices. Nothing of it is looked at.
#[must_use]
pub fn evidence(cpu: &Evidence, devices: &[Evidence]) -> Evidence {
    let part = |part: &Evidence| (part.format(), ByteVec::from(part.bytes().to_vec()));
    let parts: Vec<_> = std::iter::once(cpu).chain(devices).map(part).collect();
    Evidence::new(Format::Composite, encode(&parts))
}

/// As [`evidence`], of devices that were asked with the CPU's own nonce: [`Tie::SameNonce`].
#[must_use]
pub fn evidence_of_one_nonce(cpu: &Evidence, devices: &[Evidence]) -> Evidence {
    let mut bytes = encode(&(cpu.format(), ByteVec::from(cpu.bytes().to_vec())));
    for device in devices {
        let bytes_of = ByteVec::from(device.bytes().to_vec());
        bytes.extend(encode(&(device.format(), bytes_of, Tie::SameNonce)));
    }
    // At most 15 devices are ever read; a longer list would be refused with a wrong head as with the right one.
    let count = u8::try_from(devices.len().saturating_add(1)).unwrap_or(u8::MAX);
    bytes.insert(0, ARRAY | count.min(23));
    Evidence::new(Format::Composite, bytes)
}

/// An array of up to 23 elements [RFC 8949 §3].
const ARRAY: u8 = 0x80;

/// Reads the parts: the CPU's and one device's at least.
pub(super) fn parts(bytes: &[u8]) -> Result<Vec<Part<'_>>, Flaw> {
    let layout = |error: WireError| Flaw::Layout { error };
    let mut cbor = Cbor::new(bytes);
    let count = cbor.array("evidence").map_err(layout)?;
    if !(2..=PARTS_MAX).contains(&count) {
        return Err(Flaw::Count { actual: count });
    }
    let mut parts = Vec::with_capacity(count);
    for place in 0..count {
        let length = cbor.array("part").map_err(layout)?;
        if length != 2 && (length != 3 || place == 0) {
            let actual = length.to_string();
            return Err(layout(WireError::Value { field: "part", expected: "2 elements, or 3 of a device", actual }));
        }
        let name = cbor.text("format").map_err(layout)?;
        let format = name.parse().map_err(|_| Flaw::UnknownFormat { actual: name.escape_default().to_string() })?;
        let bytes = cbor.bytes("bytes").map_err(layout)?;
        let tie = if length == 3 { tie(cbor.text("tie").map_err(layout)?).map_err(layout)? } else { Tie::Nonce };
        parts.push(Part { format, bytes, tie });
    }
    cbor.end("evidence").map_err(layout)?;
    Ok(parts)
}

/// A tie that is written: the other is what is meant without one.
fn tie(name: &str) -> Result<Tie, WireError> {
    match name.parse() {
        Ok(Tie::SameNonce) => Ok(Tie::SameNonce),
        _ => {
            let actual = name.escape_default().to_string();
            Err(WireError::Value { field: "tie", expected: "`same-nonce`, or no tie", actual })
        }
    }
}
