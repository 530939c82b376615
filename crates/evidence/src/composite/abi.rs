//! The bytes of `composite` evidence. [docs/formats/evidence-composite.md]
//!
//! ```text
//! evidence = [ CPU, + device ]      CPU, device = [ format: text, evidence: bytes ]
//! ```

use casemate_cose::encode;
use minicbor::bytes::ByteVec;

use crate::{
    Evidence, Format,
    tpm::elements,
    wire::{WireError, cbor::Cbor},
};

use super::Flaw;

/// The most parts, the CPU's evidence among them.
pub const PARTS_MAX: usize = 16;

/// One part, in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) format: Format,
    pub(super) bytes: &'a [u8],
}

/// Evidence of a CPU and its devices. Nothing of it is looked at.
#[must_use]
pub fn evidence(cpu: &Evidence, devices: &[Evidence]) -> Evidence {
    let part = |part: &Evidence| (part.format(), ByteVec::from(part.bytes().to_vec()));
    let parts: Vec<_> = std::iter::once(cpu).chain(devices).map(part).collect();
    Evidence::new(Format::Composite, encode(&parts))
}

/// Reads the parts: the CPU's and one device's at least.
pub(super) fn parts(bytes: &[u8]) -> Result<Vec<Part<'_>>, Flaw> {
    let layout = |error: WireError| Flaw::Layout { error };
    let mut cbor = Cbor::new(bytes);
    let count = cbor.array("evidence").map_err(layout)?;
    if !(2..=PARTS_MAX).contains(&count) {
        return Err(Flaw::Count { actual: count });
    }
    let mut parts = Vec::with_capacity(count);
    for _ in 0..count {
        elements(&mut cbor, "part", 2).map_err(layout)?;
        let name = cbor.text("format").map_err(layout)?;
        let format = name.parse().map_err(|_| Flaw::UnknownFormat { actual: name.escape_default().to_string() })?;
        parts.push(Part { format, bytes: cbor.bytes("bytes").map_err(layout)? });
    }
    cbor.end("evidence").map_err(layout)?;
    Ok(parts)
}
