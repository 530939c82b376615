//! Protocol buffers, as far as attestations need them. [protobuf.dev/programming-guides/encoding]

use crate::wire::{Reader, WireError};

/// The most fields of one message.
const FIELDS_MAX: usize = 64;

/// A message whose fields are all known to come once, but those that are said to be lists.
#[derive(Debug)]
pub(super) struct Message<'a>(Vec<(u64, Value<'a>)>);

impl<'a> Message<'a> {
    pub(super) fn parse(bytes: &'a [u8], lists: &[u64]) -> Result<Self, WireError> {
        let mut all: Vec<(u64, Value<'a>)> = Vec::new();
        fields(bytes, |number, value| {
            if all.len() >= FIELDS_MAX {
                return Err(WireError::TooMany { field: "fields", actual: FIELDS_MAX + 1, max: FIELDS_MAX });
            }
            if !lists.contains(&number) && all.iter().any(|(other, _)| *other == number) {
                let actual = format!("field {number} twice");
                return Err(WireError::Value { field: "message", expected: "each field once", actual });
            }
            all.push((number, value));
            Ok(())
        })?;
        Ok(Self(all))
    }

    fn find(&self, number: u64) -> Option<Value<'a>> {
        self.0.iter().find(|(other, _)| *other == number).map(|(_, value)| *value)
    }

    /// The bytes of a field, empty if it isn't there: what is empty is not written.
    pub(super) fn bytes(&self, number: u64, field: &'static str) -> Result<&'a [u8], WireError> {
        self.find(number).map_or(Ok(&[]), |value| value.bytes(field))
    }

    /// The bytes of a field of this length.
    pub(super) fn exactly(&self, number: u64, field: &'static str, length: usize) -> Result<&'a [u8], WireError> {
        let bytes = self.bytes(number, field)?;
        if bytes.len() == length {
            Ok(bytes)
        } else {
            Err(WireError::Truncated { field, wanted: length, left: bytes.len() })
        }
    }

    /// All values of a list.
    pub(super) fn list(&self, number: u64, field: &'static str) -> Result<Vec<&'a [u8]>, WireError> {
        self.0.iter().filter(|(other, _)| *other == number).map(|(_, value)| value.bytes(field)).collect()
    }

    /// The number in a field, zero if it isn't there: what is zero is not written.
    pub(super) fn u64(&self, number: u64, field: &'static str) -> Result<u64, WireError> {
        self.find(number).map_or(Ok(0), |value| value.number(field))
    }

    pub(super) fn u32(&self, number: u64, field: &'static str) -> Result<u32, WireError> {
        narrow(field, self.u64(number, field)?)
    }

    pub(super) fn u16(&self, number: u64, field: &'static str) -> Result<u16, WireError> {
        narrow(field, self.u64(number, field)?)
    }

    pub(super) fn u8(&self, number: u64, field: &'static str) -> Result<u8, WireError> {
        narrow(field, self.u64(number, field)?)
    }
}

fn narrow<T: TryFrom<u64>>(field: &'static str, value: u64) -> Result<T, WireError> {
    T::try_from(value).map_err(|_| WireError::Value {
        field,
        expected: "a number that the structure has room for",
        actual: value.to_string(),
    })
}

/// A field's value, as far as its wire type tells.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Bytes(&'a [u8]),
    Number(u64),
}

impl<'a> Value<'a> {
    pub(super) fn bytes(self, field: &'static str) -> Result<&'a [u8], WireError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(number) => Err(WireError::Value { field, expected: "bytes", actual: number.to_string() }),
        }
    }

    pub(super) fn number(self, field: &'static str) -> Result<u64, WireError> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Bytes(bytes) => Err(WireError::Value { field, expected: "a number", actual: hex::encode(bytes) }),
        }
    }
}

/// The fields of a message, in order. [protobuf.dev/programming-guides/encoding]
pub(super) fn fields<'a>(
    bytes: &'a [u8],
    mut field: impl FnMut(u64, Value<'a>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    while reader.left() > 0 {
        let tag = varint(&mut reader)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut reader)?),
            1 => Value::Number(reader.u64_le("fixed64")?),
            2 => {
                let length = usize::try_from(varint(&mut reader)?).unwrap_or(usize::MAX);
                Value::Bytes(reader.take("length-delimited field", length)?)
            }
            5 => Value::Number(reader.u32_le("fixed32")?.into()),
            other => {
                return Err(WireError::Value {
                    field: "wire type",
                    expected: "0, 1, 2 or 5",
                    actual: other.to_string(),
                });
            }
        };
        field(tag >> 3, value)?;
    }
    Ok(())
}

fn varint(reader: &mut Reader<'_>) -> Result<u64, WireError> {
    let mut value = 0_u64;
    for place in 0..10_u32 {
        let byte = reader.u8("varint")?;
        value |= u64::from(byte & 0x7f).checked_shl(7 * place).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(WireError::TooMany { field: "varint", actual: 11, max: 10 })
}
