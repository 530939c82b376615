//! TcbInfo: what a layer is measured to be [TCG DICE Attestation Architecture 1.1 §6.1.1].
//!
//! ```text
//! DiceTcbInfo ::= SEQUENCE {                                        all OPTIONAL, all IMPLICIT
//!   vendor [0] UTF8String, model [1] UTF8String, version [2] UTF8String, svn [3] INTEGER, layer [4] INTEGER,
//!   index [5] INTEGER, fwids [6] SEQUENCE OF FWID, flags [7] BIT STRING, vendorInfo [8] OCTET STRING,
//!   type [9] OCTET STRING, flagsMask [10] BIT STRING, integrityRegisters [11] SEQUENCE OF IntegrityRegister }
//! FWID ::= SEQUENCE { hashAlg OBJECT IDENTIFIER, digest OCTET STRING }
//! IntegrityRegister ::= SEQUENCE { registerName [0] IA5String, registerNum [1] INTEGER, registerDigests [2] SEQUENCE OF FWID }
//! ```

use super::TCB_INFOS_MAX;
use crate::{
    Hash,
    wire::{
        WireError,
        der::{Der, OCTET_STRING, OID, SEQUENCE, context, context_primitive, implicit_unsigned},
    },
    x509::oid,
};

/// What a layer is measured to be. Fields that the certificate leaves out are absent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TcbInfo {
    /// Who made it.
    pub vendor: Option<String>,
    /// What it is.
    pub model: Option<String>,
    /// Which version of it.
    pub version: Option<String>,
    /// Its security version. Caliptra writes it as 256 plus the number, so that it always takes two bytes.
    pub svn: Option<u64>,
    /// Its DICE layer.
    pub layer: Option<u64>,
    /// Which of several of one layer.
    pub index: Option<u64>,
    /// Digests of its firmware and settings: the TCI.
    pub fwids: Vec<Fwid>,
    /// Its operational flags.
    pub flags: Option<Flags>,
    /// Whatever its vendor wanted to say.
    pub vendor_info: Option<Vec<u8>>,
    /// What kind of measurement this is: `DEVICE_INFO`, `FMC_INFO`, `RT_INFO`.
    pub tci_type: Option<Vec<u8>>,
    /// Which of the flags mean anything.
    pub flags_mask: Option<Flags>,
    /// Registers that are extended while it runs.
    pub integrity_registers: Vec<IntegrityRegister>,
}

/// A digest of firmware.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fwid {
    /// By which function.
    pub hash: Hash,
    /// The digest, as long as the function's are.
    pub digest: Vec<u8>,
}

/// A register that is extended while the layer runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IntegrityRegister {
    /// Its name.
    pub name: Option<String>,
    /// Its number.
    pub number: Option<u64>,
    /// What it holds, in each bank.
    pub digests: Vec<Fwid>,
}

/// Operational flags: bit n of the BIT STRING is `1 << n` here.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Flags(pub u32);

impl Flags {
    /// Bits and their names. [TCG DICE Attestation Architecture 1.1 §6.1.1, OperationalFlags]
    pub const NAMES: [(u32, &'static str); 10] = [
        (0, "not-configured"),
        (1, "not-secure"),
        (2, "recovery"),
        (3, "debug"),
        (4, "not-replay-protected"),
        (5, "not-integrity-protected"),
        (6, "not-runtime-measured"),
        (7, "not-immutable"),
        (8, "not-tcb"),
        (31, "fixed-width"),
    ];
    const KNOWN: u32 = 0x8000_01ff;
    const DEBUG: u32 = 0x0f;

    /// Whether the layer is not configured, not secure, in recovery or in debug mode: it can be looked into, or may be.
    #[must_use]
    pub const fn is_debug(self) -> bool {
        self.0 & Self::DEBUG != 0
    }

    /// The names of those that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| name)
    }

    /// Reads a BIT STRING's content. Trailing zeros are let pass: flags of fixed width have them [§6.1.1, `fixedWidth`].
    fn read(field: &'static str, content: &[u8]) -> Result<Self, WireError> {
        let refuse = |expected| WireError::Value { field, expected, actual: hex::encode(content) };
        let (unused, bytes) = content.split_first().ok_or_else(|| refuse("a BIT STRING"))?;
        let last = bytes.last().copied().unwrap_or_default();
        if *unused > 7 || (bytes.is_empty() && *unused > 0) || u32::from(last).trailing_zeros() < u32::from(*unused) {
            return Err(refuse("unused bits zero"));
        }
        let mut word = [0; 4];
        word.get_mut(..bytes.len()).ok_or_else(|| refuse("at most 32 flags"))?.copy_from_slice(bytes);
        let flags = u32::from_be_bytes(word).reverse_bits();
        if flags & !Self::KNOWN != 0 {
            return Err(refuse("flags known here"));
        }
        Ok(Self(flags))
    }
}

impl TcbInfo {
    /// Reads one TcbInfo, the next of `der`.
    pub(super) fn read(der: &mut Der<'_>) -> Result<Self, WireError> {
        let mut fields = der.sequence("DiceTcbInfo")?;
        let info = Self {
            vendor: text(&mut fields, "vendor", 0)?,
            model: text(&mut fields, "model", 1)?,
            version: text(&mut fields, "version", 2)?,
            svn: number(&mut fields, "svn", 3)?,
            layer: number(&mut fields, "layer", 4)?,
            index: number(&mut fields, "index", 5)?,
            fwids: fwids(&mut fields, "fwids", 6)?,
            flags: flags(&mut fields, "flags", 7)?,
            vendor_info: fields.optional("vendorInfo", context_primitive(8))?.map(<[u8]>::to_vec),
            tci_type: fields.optional("type", context_primitive(9))?.map(<[u8]>::to_vec),
            flags_mask: flags(&mut fields, "flagsMask", 10)?,
            integrity_registers: registers(&mut fields)?,
        };
        fields.end("DiceTcbInfo")?;
        Ok(info)
    }

    /// Reads the value of a TcbInfo extension.
    pub(super) fn one(value: &[u8]) -> Result<Vec<Self>, WireError> {
        let mut der = Der::new(value);
        let info = Self::read(&mut der)?;
        der.end("DiceTcbInfo")?;
        Ok(vec![info])
    }

    /// Reads the value of a MultiTcbInfo extension: one or more.
    pub(super) fn several(value: &[u8]) -> Result<Vec<Self>, WireError> {
        let infos = Der::only(value, "DiceTcbInfoSeq", SEQUENCE)?;
        list("DiceTcbInfoSeq", infos, Self::read)
    }
}

fn text(der: &mut Der<'_>, field: &'static str, tag: u8) -> Result<Option<String>, WireError> {
    let Some(content) = der.optional(field, context_primitive(tag))? else { return Ok(None) };
    let refuse = |_| WireError::Value { field, expected: "UTF-8", actual: hex::encode(content) };
    std::str::from_utf8(content).map(|text| Some(text.to_owned())).map_err(refuse)
}

fn number(der: &mut Der<'_>, field: &'static str, tag: u8) -> Result<Option<u64>, WireError> {
    der.optional(field, context_primitive(tag))?.map(|content| implicit_unsigned(field, content)).transpose()
}

fn flags(der: &mut Der<'_>, field: &'static str, tag: u8) -> Result<Option<Flags>, WireError> {
    der.optional(field, context_primitive(tag))?.map(|content| Flags::read(field, content)).transpose()
}

fn fwids(der: &mut Der<'_>, field: &'static str, tag: u8) -> Result<Vec<Fwid>, WireError> {
    let Some(content) = der.optional(field, context(tag))? else { return Ok(Vec::new()) };
    list(field, Der::new(content), |der| fwid(field, der))
}

fn fwid(field: &'static str, der: &mut Der<'_>) -> Result<Fwid, WireError> {
    let mut fields = der.sequence("FWID")?;
    let name = fields.expect("hashAlg", OID)?;
    let hash = match name {
        oid::SHA256 => Hash::Sha256,
        oid::SHA384 => Hash::Sha384,
        oid::SHA512 => Hash::Sha512,
        other => return Err(WireError::Value { field, expected: "SHA-256, -384 or -512", actual: hex::encode(other) }),
    };
    let digest = fields.expect("digest", OCTET_STRING)?;
    fields.end("FWID")?;
    if digest.len() != hash.size_bytes() {
        return Err(WireError::Value {
            field,
            expected: "a digest as long as its function's",
            actual: hex::encode(digest),
        });
    }
    Ok(Fwid { hash, digest: digest.to_vec() })
}

fn registers(der: &mut Der<'_>) -> Result<Vec<IntegrityRegister>, WireError> {
    let Some(content) = der.optional("integrityRegisters", context(11))? else { return Ok(Vec::new()) };
    list("integrityRegisters", Der::new(content), |der| {
        let mut fields = der.sequence("IntegrityRegister")?;
        let register = IntegrityRegister {
            name: text(&mut fields, "registerName", 0)?,
            number: number(&mut fields, "registerNum", 1)?,
            digests: fwids(&mut fields, "registerDigests", 2)?,
        };
        fields.end("IntegrityRegister")?;
        Ok(register)
    })
}

/// Reads one or more elements, at most [`TCB_INFOS_MAX`].
fn list<'a, T>(
    field: &'static str,
    mut der: Der<'a>,
    mut read: impl FnMut(&mut Der<'a>) -> Result<T, WireError>,
) -> Result<Vec<T>, WireError> {
    let mut items = Vec::new();
    loop {
        items.push(read(&mut der)?);
        if der.is_empty() {
            return Ok(items);
        }
        if items.len() == TCB_INFOS_MAX {
            return Err(WireError::TooMany { field, actual: TCB_INFOS_MAX + 1, max: TCB_INFOS_MAX });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_counted_from_the_first_bit() {
        for (content, flags) in [
            (&[0, 0x10][..], 1 << 3),
            (&[4, 0x10], 1 << 3),
            (&[0, 0x10, 0, 0, 1], 1 << 3 | 1 << 31),
            (&[7, 0, 0x80], 1 << 8),
            (&[0], 0),
        ] {
            assert_eq!(Flags::read("flags", content), Ok(Flags(flags)), "{content:02x?}");
        }
        for crime in [&[][..], &[8, 0], &[1], &[5, 0x10], &[0, 0, 0x40], &[0, 0, 0, 0, 0, 0]] {
            assert!(Flags::read("flags", crime).is_err(), "{crime:02x?}");
        }
        assert_eq!(Flags(0x8000_0009).names().collect::<Vec<_>>(), ["not-configured", "debug", "fixed-width"]);
    }
}
