//! CBOR as a tree, bounded: definite lengths, no key twice, no floats, depth and count of values limited. [RFC 8949]

use minicbor::{Decoder, data::Type, decode};

use super::{IMPORT_DEPTH_MAX, IMPORT_VALUES_MAX, ImportError, check_length};

/// A value of a document.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Cbor<'a> {
    Array(Vec<Cbor<'a>>),
    Bool(bool),
    Bytes(&'a [u8]),
    /// Entries in the order of the document, each key once.
    Map(Vec<(Cbor<'a>, Cbor<'a>)>),
    Negative(i64),
    Null,
    Tag(u64, Box<Cbor<'a>>),
    Text(&'a str),
    Unsigned(u64),
}

/// How much of a document's limits is left: shared by what is nested in byte strings.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: IMPORT_VALUES_MAX }
    }
}

impl<'a> Cbor<'a> {
    /// Reads exactly one value.
    pub(super) fn parse(place: &str, bytes: &'a [u8], budget: &mut Budget) -> Result<Self, ImportError> {
        check_length(bytes)?;
        let mut decoder = Decoder::new(bytes);
        let value = read(place, &mut decoder, 0, budget)?;
        if decoder.position() != bytes.len() {
            return Err(malformed(place, decoder.position(), "bytes follow the value"));
        }
        Ok(value)
    }

    /// What it is, for messages.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Array(items) => format!("an array of {}", items.len()),
            Self::Bool(value) => value.to_string(),
            Self::Bytes(bytes) => super::bytes::shown(bytes),
            Self::Map(entries) => format!("a map of {}", entries.len()),
            Self::Negative(number) => number.to_string(),
            Self::Null => "null".to_owned(),
            Self::Tag(tag, inner) => format!("tag {tag} of {}", inner.shown()),
            Self::Text(text) => (*text).to_owned(),
            Self::Unsigned(number) => number.to_string(),
        }
    }

    pub(super) const fn as_array(&self) -> Option<&Vec<Self>> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    pub(super) const fn as_bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub(super) const fn as_map(&self) -> Option<&Vec<(Self, Self)>> {
        if let Self::Map(entries) = self { Some(entries) } else { None }
    }

    pub(super) const fn as_text(&self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) const fn as_unsigned(&self) -> Option<u64> {
        if let Self::Unsigned(number) = self { Some(*number) } else { None }
    }

    /// What lies below this tag.
    pub(super) fn tagged(&self, expected: u64) -> Option<&Self> {
        match self {
            Self::Tag(tag, inner) if *tag == expected => Some(inner),
            _ => None,
        }
    }
}

fn read<'a>(
    place: &str,
    decoder: &mut Decoder<'a>,
    depth: usize,
    budget: &mut Budget,
) -> Result<Cbor<'a>, ImportError> {
    let position = decoder.position();
    let refuse = |reason: &str| malformed(place, position, reason);
    let broken = |error: decode::Error| malformed(place, position, &error.to_string());
    budget.left = budget.left.checked_sub(1).ok_or_else(|| refuse("more than 65536 values"))?;
    if depth > IMPORT_DEPTH_MAX {
        return Err(refuse("deeper than 48 levels"));
    }
    let deeper = depth.saturating_add(1);
    match decoder.datatype().map_err(broken)? {
        Type::Bool => decoder.bool().map(Cbor::Bool).map_err(broken),
        Type::Null => decoder.null().map(|()| Cbor::Null).map_err(broken),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => decoder.u64().map(Cbor::Unsigned).map_err(broken),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => decoder.i64().map(Cbor::Negative).map_err(broken),
        Type::Bytes => decoder.bytes().map(Cbor::Bytes).map_err(broken),
        Type::String => decoder.str().map(Cbor::Text).map_err(broken),
        Type::Tag => {
            let tag = decoder.tag().map_err(broken)?.as_u64();
            Ok(Cbor::Tag(tag, Box::new(read(place, decoder, deeper, budget)?)))
        }
        Type::Array => {
            let count = decoder.array().map_err(broken)?.unwrap_or_default();
            let mut items = Vec::new();
            for _ in 0..count {
                items.push(read(place, decoder, deeper, budget)?);
            }
            Ok(Cbor::Array(items))
        }
        Type::Map => {
            let count = decoder.map().map_err(broken)?.unwrap_or_default();
            let mut entries = Vec::new();
            for _ in 0..count {
                let key = read(place, decoder, deeper, budget)?;
                entries.push((key, read(place, decoder, deeper, budget)?));
            }
            unique(&entries).map_err(|key| refuse(&format!("the key `{}` appears twice", key.escape_debug())))?;
            Ok(Cbor::Map(entries))
        }
        Type::ArrayIndef | Type::BytesIndef | Type::MapIndef | Type::StringIndef => {
            Err(refuse("an indefinite length, which such a document has not"))
        }
        other => Err(refuse(&format!("{other}, which such a document has not"))),
    }
}

/// Whether no key appears twice, in time for thousands of them.
fn unique(entries: &[(Cbor<'_>, Cbor<'_>)]) -> Result<(), String> {
    let mut keys: Vec<&Cbor<'_>> = entries.iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    let twice = keys.windows(2).find_map(|pair| match pair {
        [one, next] if one == next => Some(one.shown()),
        _ => None,
    });
    twice.map_or(Ok(()), Err)
}

fn malformed(place: &str, position: usize, reason: &str) -> ImportError {
    ImportError::Malformed { place: format!("{place}, byte {position}"), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(bytes: &[u8]) -> String {
        Cbor::parse("x", bytes, &mut Budget::default()).unwrap_err().to_string()
    }

    #[test]
    fn reads_values() {
        let bytes = [0xa2, 0x01, 0xd8, 0x25, 0x41, 0x07, 0x20, 0x82, 0x61, 0x78, 0xf5];
        let value = Cbor::parse("x", &bytes, &mut Budget::default()).unwrap();
        let entries = value.as_map().unwrap();
        assert_eq!(entries[0].1.tagged(37), Some(&Cbor::Bytes(&[7])));
        assert_eq!(entries[1], (Cbor::Negative(-1), Cbor::Array(vec![Cbor::Text("x"), Cbor::Bool(true)])));
    }

    #[test]
    fn refuses_what_is_no_such_document() {
        for (crime, bytes) in [
            ("appears twice", &[0xa2, 0x00, 0x01, 0x00, 0x02][..]),
            ("appears twice", &[0xa2, 0x01, 0x01, 0x18, 0x01, 0x02]),
            ("indefinite length", &[0xbf, 0x00, 0x01, 0xff]),
            ("indefinite length", &[0x9f, 0xff]),
            ("which such a document has not", &[0xf9, 0x3c, 0x00]),
            ("which such a document has not", &[0x5f, 0x41, 0x00, 0xff]),
            ("bytes follow", &[0x01, 0x01]),
            ("end of input", &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            ("end of input", &[0x58, 0xff]),
            ("utf-8", &[0x61, 0xff]),
        ] {
            assert!(reason(bytes).contains(crime), "{crime}: {}", reason(bytes));
        }
        assert!(reason(&[0x81; 100]).contains("deeper than 48"));
        assert!(reason(&[&[0x9a, 0x00, 0x02, 0x00, 0x00][..], &[0; 1 << 17]].concat()).contains("65536 values"));
    }
}
