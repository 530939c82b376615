//! Values, names and texts as TOML.

use std::fmt::Write as _;

use casemate_cose::UnixTime;

use super::date::{self, Edge};
use crate::statement::Value;

/// A value as TOML; `None` where TOML has none such.
pub(super) fn plain(value: &Value) -> Option<String> {
    value_at(value, Edge::First)
}

/// A value as TOML, whose date alone means this edge of its day.
pub(super) fn value_at(value: &Value, edge: Edge) -> Option<String> {
    match value {
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Bytes(_) => None,
        Value::Number(number) => i64::try_from(*number).ok().map(|number| number.to_string()),
        Value::Set(names) => Some(format!("[{}]", list(names.iter().map(|name| quoted(name))))),
        Value::Text(text) => Some(quoted(text)),
        Value::Time(time) => date::write(UnixTime(time.0), edge),
    }
}

pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// A key of a table.
pub(super) fn key(name: &str) -> String {
    let is_bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if is_bare { name.to_owned() } else { quoted(name) }
}

/// A text in quotes, on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            character if character.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(character));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// Words of others in a comment: nothing that ends its line.
pub(super) fn comment(text: &str) -> String {
    crate::printable::printable(text)
}
