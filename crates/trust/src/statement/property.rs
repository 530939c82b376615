//! Typed values, and what may be asked of them.

use casemate_cose::UnixTime;
use minicbor::{Decode, Encode};

use super::list;

/// The longest text or bytes of one value: 4 KiB.
pub const VALUE_BYTES_MAX: usize = 4096;
/// The most values of one test.
pub const VALUES_MAX: usize = 1024;

/// A value of a property. Values of different types never compare.
#[derive(Clone, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Value {
    /// Yes or no.
    #[n(0)]
    Bool(#[n(0)] bool),
    /// Bytes, shown as lower-case hex. No order.
    #[n(1)]
    Bytes(
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        Vec<u8>,
    ),
    /// A number: a component of a TCB, a version.
    #[n(2)]
    Number(#[n(0)] u64),
    /// Names, such as advisories: sorted, each once.
    #[n(3)]
    Set(
        #[n(0)]
        #[cbor(decode_with = "list::read::<_, _, VALUES_MAX>")]
        Vec<String>,
    ),
    /// A name. No order.
    #[n(4)]
    Text(#[n(0)] String),
    /// A time.
    #[n(5)]
    Time(#[n(0)] UnixTime),
}

/// What is asked of a value.
#[derive(Clone, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Test {
    /// A number or time of at least this.
    #[n(0)]
    AtLeast(#[n(0)] Value),
    /// A number or time of at most this.
    #[n(1)]
    AtMost(#[n(0)] Value),
    /// Exactly this.
    #[n(2)]
    Equals(#[n(0)] Value),
    /// Anything but this.
    #[n(3)]
    NotEquals(#[n(0)] Value),
    /// One of these; never empty.
    #[n(4)]
    OneOf(
        #[n(0)]
        #[cbor(decode_with = "list::read::<_, _, VALUES_MAX>")]
        Vec<Value>,
    ),
    /// A set, of which every member is among these.
    #[n(5)]
    SubsetOf(
        #[n(0)]
        #[cbor(decode_with = "list::read::<_, _, VALUES_MAX>")]
        Vec<String>,
    ),
}

impl Test {
    /// Whether this value meets the test. Values of different types never compare: they fail every test.
    #[must_use]
    pub fn is_met_by(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::AtLeast(Value::Number(least)), Value::Number(actual)) => actual >= least,
            (Self::AtLeast(Value::Time(least)), Value::Time(actual)) => actual >= least,
            (Self::AtMost(Value::Number(most)), Value::Number(actual)) => actual <= most,
            (Self::AtMost(Value::Time(most)), Value::Time(actual)) => actual <= most,
            (Self::Equals(expected), actual) => actual == expected,
            (Self::NotEquals(refused), actual) => actual.same_type(refused) && actual != refused,
            (Self::OneOf(accepted), actual) => accepted.contains(actual),
            (Self::SubsetOf(accepted), Value::Set(actual)) => actual.iter().all(|member| accepted.contains(member)),
            _ => false,
        }
    }
}

impl Value {
    /// Whether both are of one type.
    #[must_use]
    pub fn same_type(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}
