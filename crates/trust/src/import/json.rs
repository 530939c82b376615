//! JSON as a tree, bounded: no field twice, whole numbers from 0 only, depth and count of values limited.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::{IMPORT_DEPTH_MAX, IMPORT_VALUES_MAX, ImportError, check_length};

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Bool(bool),
    List(Vec<Json>),
    /// Fields in the order of the document, each once.
    Map(Vec<(String, Json)>),
    Null,
    Number(u64),
    /// A negative number or a fraction: never meant here.
    OtherNumber(String),
    Text(String),
}

impl Json {
    /// Reads a whole document.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ImportError> {
        check_length(bytes)?;
        let malformed = |error: serde_json::Error| ImportError::Malformed {
            place: format!("line {}, column {}", error.line(), error.column()),
            reason: format!("not the JSON of such a document: {error}"),
        };
        let left = Cell::new(IMPORT_VALUES_MAX);
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let value = Seed { depth: 0, left: &left }.deserialize(&mut reader).map_err(malformed)?;
        reader.end().map_err(malformed)?;
        Ok(value)
    }

    /// What it is, for messages.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
            Self::Null => "null",
            Self::Number(_) => "a number",
            Self::OtherNumber(_) => "a negative number or a fraction",
            Self::Text(_) => "a text",
        }
    }

    /// Its text, for messages.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Number(number) => number.to_string(),
            Self::OtherNumber(text) | Self::Text(text) => text.clone(),
            other => other.kind().to_owned(),
        }
    }

    pub(super) const fn as_list(&self) -> Option<&Vec<Self>> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    pub(super) const fn as_map(&self) -> Option<&Vec<(String, Self)>> {
        if let Self::Map(fields) = self { Some(fields) } else { None }
    }

    pub(super) const fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text.as_str()) } else { None }
    }
}

/// The field of this name.
pub(super) fn field<'a>(fields: &'a [(String, Json)], name: &str) -> Option<&'a Json> {
    fields.iter().find(|(own, _)| own == name).map(|(_, value)| value)
}

/// A JSON pointer one step further. [RFC 6901 §3]
pub(super) fn below(place: &str, step: impl fmt::Display) -> String {
    format!("{place}/{}", step.to_string().replace('~', "~0").replace('/', "~1"))
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    depth: usize,
    left: &'a Cell<usize>,
}

impl Seed<'_> {
    fn deeper(self) -> Self {
        Self { depth: self.depth.saturating_add(1), left: self.left }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(D::Error::custom(format!("more than {IMPORT_VALUES_MAX} values")));
        };
        self.left.set(left);
        if self.depth > IMPORT_DEPTH_MAX {
            return Err(D::Error::custom(format!("deeper than {IMPORT_DEPTH_MAX} levels")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(u64::try_from(number).map_or_else(|_| Json::OtherNumber(number.to_string()), Json::Number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Json::OtherNumber(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.deeper())? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut names = std::collections::BTreeSet::new();
        let mut fields = Vec::new();
        while let Some(name) = entries.next_key::<String>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format!("the field `{}` appears twice", name.escape_debug())));
            }
            fields.push((name, entries.next_value_seed(self.deeper())?));
        }
        Ok(Json::Map(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> String {
        Json::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn reads_values() {
        let value = Json::parse(br#"{"a":[1,-1,0.5,true,null,"x"]}"#).unwrap();
        let list = field(value.as_map().unwrap(), "a").unwrap().as_list().unwrap();
        assert_eq!(list[0], Json::Number(1));
        assert!(matches!(list[1], Json::OtherNumber(_)) && matches!(list[2], Json::OtherNumber(_)));
        assert_eq!(list[5].as_text(), Some("x"));
        assert_eq!(below("/a", "b/c~d"), "/a/b~1c~0d");
    }

    #[test]
    fn refuses_what_is_no_such_document() {
        assert!(reason(r#"{"a":1,"a":2}"#).contains("the field `a` appears twice"));
        assert!(reason(r#"{"a":{"b":1,"\u0062":2}}"#).contains("the field `b` appears twice"));
        assert!(reason("{} {}").contains("trailing characters"));
        assert!(reason(&"[".repeat(60)).contains("deeper than 48 levels"));
        assert!(reason(&format!("[{}0]", "0,".repeat(70_000))).contains("more than 65536 values"));
        assert!(matches!(Json::parse(&vec![b' '; (1 << 20) + 1]), Err(ImportError::TooLong { .. })));
        assert!(Json::parse(b"\xff").is_err());
    }
}
