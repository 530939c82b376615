//! A cursor over bytes that never reads past their end.

use thiserror::Error;

/// Why bytes could not be read as the structure that a specification gives.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end within a field.
    #[error("`{field}` takes {wanted} bytes where {left} are left")]
    Truncated {
        /// The field's name in its specification.
        field: &'static str,
        /// Bytes that it takes.
        wanted: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// There are bytes after the last field.
    #[error("{left} bytes follow `{field}`, the last field")]
    Trailing {
        /// The last field's name.
        field: &'static str,
        /// Bytes after it.
        left: usize,
    },
    /// A field holds a value that its specification does not allow there.
    #[error("`{field}` is {actual}, expected {expected}")]
    Value {
        /// The field's name in its specification.
        field: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was found.
        actual: String,
    },
    /// A count or length is above what is read.
    #[error("`{field}` is {actual}, at most {max} is read")]
    TooMany {
        /// The field's name in its specification.
        field: &'static str,
        /// What was found.
        actual: usize,
        /// The bound.
        max: usize,
    },
}

/// A cursor. Fields are named as their specification names them, so that an error says where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, field: &'static str, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(WireError::Truncated {
            field,
            wanted: length,
            left: self.rest.len(),
        })?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], WireError> {
        let (taken, rest) =
            self.rest.split_first_chunk().ok_or(WireError::Truncated { field, wanted: N, left: self.rest.len() })?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, WireError> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    pub(crate) fn u16_le(&mut self, field: &'static str) -> Result<u16, WireError> {
        self.array(field).map(u16::from_le_bytes)
    }

    pub(crate) fn u32_le(&mut self, field: &'static str) -> Result<u32, WireError> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub(crate) fn u64_le(&mut self, field: &'static str) -> Result<u64, WireError> {
        self.array(field).map(u64::from_le_bytes)
    }

    pub(crate) fn u16_be(&mut self, field: &'static str) -> Result<u16, WireError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(crate) fn u32_be(&mut self, field: &'static str) -> Result<u32, WireError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(crate) fn u64_be(&mut self, field: &'static str) -> Result<u64, WireError> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// Takes a length of 2 bytes, big-endian, and that many bytes: TPM2B [TPM 2.0 part 2, §10.4.2].
    pub(crate) fn sized_be(&mut self, field: &'static str, max: usize) -> Result<&'a [u8], WireError> {
        let length = usize::from(self.u16_be(field)?);
        self.bounded(field, length, max)
    }

    /// Takes `length` bytes, at most `max`.
    pub(crate) fn bounded(&mut self, field: &'static str, length: usize, max: usize) -> Result<&'a [u8], WireError> {
        if length > max {
            return Err(WireError::TooMany { field, actual: length, max });
        }
        self.take(field, length)
    }

    /// Takes bytes that have to be zero.
    pub(crate) fn zeros(&mut self, field: &'static str, length: usize) -> Result<(), WireError> {
        let taken = self.take(field, length)?;
        if taken.iter().any(|byte| *byte != 0) {
            return Err(WireError::Value { field, expected: "zero", actual: hex::encode(taken) });
        }
        Ok(())
    }

    /// Nothing may be left.
    pub(crate) const fn end(&self, field: &'static str) -> Result<(), WireError> {
        if self.rest.is_empty() { Ok(()) } else { Err(WireError::Trailing { field, left: self.rest.len() }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_fields_in_order() {
        let mut reader = Reader::new(&[1, 2, 0, 0, 3, 0, 2, 7, 8]);
        assert_eq!(reader.u8("a"), Ok(1));
        assert_eq!(reader.u16_le("b"), Ok(2));
        assert_eq!(reader.u16_be("c"), Ok(3));
        assert_eq!(reader.sized_be("d", 2), Ok([7, 8].as_slice()));
        assert_eq!(reader.end("d"), Ok(()));
    }

    #[test]
    fn refuses_to_read_past_the_end() {
        let mut reader = Reader::new(&[0, 9, 1]);
        let expected = WireError::Truncated { field: "d", wanted: 9, left: 1 };
        assert_eq!(reader.sized_be("d", 16), Err(expected));
        assert_eq!(Reader::new(&[0, 9, 1]).sized_be("d", 8), Err(WireError::TooMany { field: "d", actual: 9, max: 8 }));
        assert_eq!(Reader::new(&[1]).end("a"), Err(WireError::Trailing { field: "a", left: 1 }));
        assert!(Reader::new(&[0, 1]).zeros("a", 2).is_err());
    }
}
