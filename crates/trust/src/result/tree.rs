//! Claims before they are JSON or CBOR: one tree, written and read as either.
//!
//! JSON [RFC 8259] without white space, members in the order of the tree; CBOR deterministic [RFC 8949 §4.2.1]. What is read must
//! encode back to the bytes that came, so that a member twice, another order, a long form or a trailing byte is refused.

use std::fmt;

use minicbor::{Decoder, Encoder, data::Type};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap as _, SerializeSeq as _},
};

use super::ResultError;

/// How deep claims are nested: token, submodules, submodule, claims, list, unmet condition, its parts.
const DEPTH_MAX: usize = 8;

/// A claim set, or a part of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Bool(bool),
    /// In CBOR only.
    Bytes(Vec<u8>),
    Integer(i64),
    List(Vec<Tree>),
    Map(Vec<(Key, Tree)>),
    Text(String),
}

/// The key of a member: text in JSON; in CBOR text or a number.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Key {
    Label(i64),
    Name(String),
}

impl Tree {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// As JSON. Labels and bytes, which JSON has not, are the caller's to avoid.
    pub(super) fn to_json(&self) -> Result<Vec<u8>, ResultError> {
        serde_json::to_vec(self).map_err(|_| ResultError::Form("not of JSON"))
    }

    /// Reads JSON of which nothing but [`Tree::to_json`] would be the writer.
    pub(super) fn from_json(bytes: &[u8]) -> Result<Self, ResultError> {
        let tree: Self = serde_json::from_slice(bytes).map_err(|_| ResultError::Form("the claims are not JSON"))?;
        if tree.to_json()? == bytes { Ok(tree) } else { Err(ResultError::Form("the claims are not in their one form")) }
    }

    /// As deterministic CBOR.
    pub(super) fn to_cbor(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new());
        self.encode(&mut encoder);
        encoder.into_writer()
    }

    /// Reads deterministic CBOR.
    pub(super) fn from_cbor(bytes: &[u8]) -> Result<Self, ResultError> {
        let malformed = ResultError::Form("the claims are not CBOR of definite lengths");
        let mut decoder = Decoder::new(bytes);
        let tree = decode(&mut decoder, DEPTH_MAX).ok_or(malformed)?;
        if tree.to_cbor() == bytes { Ok(tree) } else { Err(ResultError::Form("the claims are not in their one form")) }
    }

    // Writing to a `Vec` can't fail.
    fn encode(&self, encoder: &mut Encoder<Vec<u8>>) {
        let _ = match self {
            Self::Bool(value) => encoder.bool(*value).map(|_| ()),
            Self::Bytes(bytes) => encoder.bytes(bytes).map(|_| ()),
            Self::Integer(number) => encoder.i64(*number).map(|_| ()),
            Self::Text(text) => encoder.str(text).map(|_| ()),
            Self::List(items) => encoder.array(length(items.len())).map(|encoder| {
                items.iter().for_each(|item| item.encode(encoder));
            }),
            Self::Map(members) => encoder.map(length(members.len())).map(|encoder| {
                let mut sorted: Vec<(Vec<u8>, &Self)> =
                    members.iter().map(|(key, value)| (key.to_cbor(), value)).collect();
                sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
                for (key, value) in sorted {
                    encoder.writer_mut().extend_from_slice(&key);
                    value.encode(encoder);
                }
            }),
        };
    }
}

impl Key {
    fn to_cbor(&self) -> Vec<u8> {
        match self {
            Self::Label(label) => Tree::Integer(*label).to_cbor(),
            Self::Name(name) => Tree::text(name.as_str()).to_cbor(),
        }
    }
}

fn length(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

/// One item, at most `depth` deep. The decoder checks every length against the bytes that are there; nothing is reserved in advance.
fn decode(decoder: &mut Decoder<'_>, depth: usize) -> Option<Tree> {
    let depth = depth.checked_sub(1)?;
    Some(match decoder.datatype().ok()? {
        Type::Bool => Tree::Bool(decoder.bool().ok()?),
        Type::Bytes => Tree::Bytes(decoder.bytes().ok()?.to_vec()),
        Type::String => Tree::text(decoder.str().ok()?),
        Type::Array => {
            let mut items = Vec::new();
            for _ in 0..decoder.array().ok()?? {
                items.push(decode(decoder, depth)?);
            }
            Tree::List(items)
        }
        Type::Map => {
            let mut members: Vec<(Key, Tree)> = Vec::new();
            for _ in 0..decoder.map().ok()?? {
                let key = match decode(decoder, 1)? {
                    Tree::Integer(label) => Key::Label(label),
                    Tree::Text(name) => Key::Name(name),
                    _ => return None,
                };
                members.push((key, decode(decoder, depth)?));
            }
            let mut keys: Vec<Vec<u8>> = members.iter().map(|(key, _)| key.to_cbor()).collect();
            keys.sort();
            // Twice the same would encode back to itself.
            if keys.windows(2).any(|pair| pair.first() == pair.get(1)) {
                return None;
            }
            Tree::Map(members)
        }
        Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::I8 | Type::I16 | Type::I32 | Type::I64 => {
            Tree::Integer(decoder.i64().ok()?)
        }
        _ => return None,
    })
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Bytes(_) => Err(serde::ser::Error::custom("bytes")),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Map(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (key, value) in members {
                    let Key::Name(name) = key else { return Err(serde::ser::Error::custom("a label")) };
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean, a whole number, text, a list or an object")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Integer(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Tree, E> {
        i64::try_from(value).map(Tree::Integer).map_err(E::custom)
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut members: Vec<(Key, Tree)> = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        while let Some((name, value)) = map.next_entry::<String, Tree>()? {
            // Twice the same would encode back to itself.
            if !names.insert(name.clone()) {
                return Err(de::Error::custom("a member twice"));
            }
            members.push((Key::Name(name), value));
        }
        Ok(Tree::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cbor_is_deterministic_and_nothing_else_is_read() {
        let tree = Tree::Map(vec![
            (Key::Name("b".into()), Tree::Bool(true)),
            (Key::Label(-76_101), Tree::Bytes(vec![1])),
            (Key::Label(10), Tree::Integer(-1)),
            (Key::Label(265), Tree::List(vec![Tree::text("x")])),
        ]);
        let bytes = tree.to_cbor();
        let Tree::Map(members) = Tree::from_cbor(&bytes).unwrap() else { panic!("no map") };
        let keys: Vec<Key> = members.into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, [Key::Label(10), Key::Label(265), Key::Label(-76_101), Key::Name("b".into())]);
        let crimes: [(&str, &[u8]); 8] = [
            ("twice the same key", &[0xa2, 0x00, 0x01, 0x00, 0x01]),
            ("indefinite length", &[0xbf, 0x00, 0x01, 0xff]),
            ("long form", &[0xa1, 0x00, 0x18, 0x01]),
            ("trailing byte", &[0xa0, 0x00]),
            ("keys out of order", &[0xa2, 0x01, 0x00, 0x00, 0x00]),
            ("a float", &[0xf9, 0x3c, 0x00]),
            ("a length beyond the end", &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            ("too deep", &[0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x00]),
        ];
        for (crime, bytes) in crimes {
            assert!(Tree::from_cbor(bytes).is_err(), "{crime}");
        }
    }

    #[test]
    fn json_has_one_form() {
        let text = br#"{"a":[1,-2,true,"x"],"b":{}}"#;
        assert_eq!(Tree::from_json(text).unwrap().to_json().unwrap(), text);
        for crime in
            [r#"{"a":1,"a":1}"#, r#"{"a": 1}"#, r#"{"a":1.0}"#, r#"{"a":null}"#, r#"{"a":1}x"#, r#"{"a":"\u0078"}"#]
        {
            assert!(Tree::from_json(crime.as_bytes()).is_err(), "{crime}");
        }
        assert_eq!(Tree::Bytes(vec![]).to_json(), Err(ResultError::Form("not of JSON")));
    }
}
