//! What evidence says of a component, in values that JSON and CBOR both have.

use std::collections::BTreeMap;

use casemate_cose::Digest;

use super::{ResultError, at_most};
use crate::{
    component::{Component, registry::hex},
    statement::{Subject, Value},
};

/// The most claims of one component.
pub const CLAIMS_MAX: usize = 1024;
/// The longest name or text of a claim: 8 KiB, twice what a statement's value may have, as bytes are written in hex.
pub const CLAIM_BYTES_MAX: usize = 8 << 10;
/// The greatest number that every reader of JSON reads exactly. [RFC 7493 §2.2]
const EXACT_MAX: u64 = (1 << 53) - 1;

/// A claim's value. Bytes are text in hex, times RFC 3339; numbers that not every reader of JSON reads exactly, text in decimal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClaimValue {
    /// Yes or no.
    Bool(bool),
    /// A number of at most 2^53 - 1.
    Number(u64),
    /// Names.
    Set(Vec<String>),
    /// Everything else.
    Text(String),
}

impl From<&Value> for ClaimValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Bytes(bytes) => Self::Text(hex(bytes)),
            Value::Number(number) if *number <= EXACT_MAX => Self::Number(*number),
            Value::Number(number) => Self::Text(number.to_string()),
            Value::Set(names) => Self::Set(names.clone()),
            Value::Text(text) => Self::Text(text.clone()),
            Value::Time(time) => Self::Text(time.to_string()),
        }
    }
}

impl ClaimValue {
    pub(super) fn check(&self, name: &str) -> Result<(), ResultError> {
        at_most("bytes in the name of a claim", name.len(), CLAIM_BYTES_MAX)?;
        match self {
            Self::Bool(_) => Ok(()),
            Self::Number(number) if *number <= EXACT_MAX => Ok(()),
            Self::Number(_) => Err(ResultError::Form("a number beyond 2^53 - 1")),
            Self::Text(text) => at_most("bytes in a claim", text.len(), CLAIM_BYTES_MAX),
            Self::Set(names) => {
                at_most("names in a claim", names.len(), CLAIMS_MAX)?;
                names.iter().try_for_each(|name| at_most("bytes in a claim", name.len(), CLAIM_BYTES_MAX))
            }
        }
    }
}

/// What the evidence says of `component`: its attester, identity, registers and properties.
pub(super) fn summary(component: &Component) -> BTreeMap<String, ClaimValue> {
    let mut claims = BTreeMap::new();
    claims.insert("attester".to_owned(), ClaimValue::Text(attester(&component.attester)));
    if let Some(identity) = &component.identity {
        claims.insert("identity".to_owned(), ClaimValue::Text(hex(identity)));
    }
    for (name, value) in &component.registers {
        claims.insert(format!("register.{name}"), ClaimValue::Text(hex(value)));
    }
    for (name, value) in &component.properties {
        claims.insert(name.clone().into_owned(), ClaimValue::from(value));
    }
    claims
}

fn attester(subject: &Subject) -> String {
    match subject {
        Subject::Vendor(vendor) => format!("vendor:{vendor}"),
        Subject::Key(digest) | Subject::Domain(digest) | Subject::Program(digest) => format!("key:{digest}"),
        other => format!("statement:{}", Digest::of(&casemate_cose::encode(other))),
    }
}
