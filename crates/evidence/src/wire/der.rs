//! Strict DER [X.690 §8, §10]: definite lengths in their shortest form, low tag numbers, nothing left over.

use super::WireError;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OID: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;

/// `[number]` constructed, context-specific.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// `[number]` primitive, context-specific.
pub(crate) const fn context_primitive(number: u8) -> u8 {
    0x80 | number
}

/// One element: its tag, its content, and all its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) raw: &'a [u8],
}

/// A cursor over a row of elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Der<'a> {
    rest: &'a [u8],
}

impl<'a> Der<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The content of the one element of `tag` that `bytes` are.
    pub(crate) fn only(bytes: &'a [u8], field: &'static str, tag: u8) -> Result<Self, WireError> {
        let mut der = Self::new(bytes);
        let content = der.expect(field, tag)?;
        der.end(field)?;
        Ok(Self::new(content))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) const fn end(&self, field: &'static str) -> Result<(), WireError> {
        if self.rest.is_empty() { Ok(()) } else { Err(WireError::Trailing { field, left: self.rest.len() }) }
    }

    /// The tag of the next element, if there is one.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(crate) fn next(&mut self, field: &'static str) -> Result<Element<'a>, WireError> {
        let truncated = |wanted, left| WireError::Truncated { field, wanted, left };
        let [tag, first, ..] = *self.rest else { return Err(truncated(2, self.rest.len())) };
        if tag & 0x1f == 0x1f {
            return Err(WireError::Value { field, expected: "a low tag number", actual: format!("tag 0x{tag:02x}") });
        }
        let (header, length) = match first {
            0..=0x7f => (2, usize::from(first)),
            0x81..=0x83 => self.long_length(field, usize::from(first & 0x7f))?,
            _ => {
                let actual = format!("0x{first:02x}");
                return Err(WireError::Value { field, expected: "a definite length below 16 MiB", actual });
            }
        };
        let end = header + length;
        let (raw, rest) = self.rest.split_at_checked(end).ok_or(truncated(end, self.rest.len()))?;
        let content = raw.get(header..).unwrap_or_default();
        self.rest = rest;
        Ok(Element { tag, content, raw })
    }

    fn long_length(&self, field: &'static str, count: usize) -> Result<(usize, usize), WireError> {
        let header = 2 + count;
        let left = self.rest.len();
        let bytes = self.rest.get(2..header).ok_or(WireError::Truncated { field, wanted: header, left })?;
        let length = bytes.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
        let shortest = if count == 1 { 0x80 } else { 1 << (8 * (count - 1)) };
        if length < shortest {
            return Err(WireError::Value {
                field,
                expected: "a length in its shortest form",
                actual: hex::encode(bytes),
            });
        }
        Ok((header, length))
    }

    /// The content of the next element, which has to have `tag`.
    pub(crate) fn expect(&mut self, field: &'static str, tag: u8) -> Result<&'a [u8], WireError> {
        self.expect_element(field, tag).map(|element| element.content)
    }

    pub(crate) fn expect_element(&mut self, field: &'static str, tag: u8) -> Result<Element<'a>, WireError> {
        let element = self.next(field)?;
        if element.tag != tag {
            let actual = format!("tag 0x{:02x} for 0x{tag:02x}", element.tag);
            return Err(WireError::Value { field, expected: "another tag", actual });
        }
        Ok(element)
    }

    pub(crate) fn sequence(&mut self, field: &'static str) -> Result<Self, WireError> {
        self.expect(field, SEQUENCE).map(Self::new)
    }

    /// The next element if it has `tag`.
    pub(crate) fn optional(&mut self, field: &'static str, tag: u8) -> Result<Option<&'a [u8]>, WireError> {
        if self.peek() == Some(tag) { self.expect(field, tag).map(Some) } else { Ok(None) }
    }

    pub(crate) fn boolean(&mut self, field: &'static str) -> Result<bool, WireError> {
        match self.expect(field, BOOLEAN)? {
            [0] => Ok(false),
            [0xff] => Ok(true),
            other => Err(WireError::Value { field, expected: "`00` or `ff`", actual: hex::encode(other) }),
        }
    }

    /// An INTEGER's content in its shortest form, sign included [X.690 §8.3.2].
    pub(crate) fn integer(&mut self, field: &'static str) -> Result<&'a [u8], WireError> {
        integer(field, self.expect(field, INTEGER)?)
    }

    /// A non-negative INTEGER of at most 8 bytes.
    pub(crate) fn unsigned(&mut self, field: &'static str) -> Result<u64, WireError> {
        unsigned(field, self.integer(field)?)
    }

    /// A BIT STRING of whole bytes.
    pub(crate) fn bit_string(&mut self, field: &'static str) -> Result<&'a [u8], WireError> {
        match self.expect(field, BIT_STRING)? {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(WireError::Value { field, expected: "no unused bits", actual: "some".to_owned() }),
        }
    }
}

/// The non-negative INTEGER of at most 8 bytes that an implicitly tagged element has as its content.
pub(crate) fn implicit_unsigned(field: &'static str, content: &[u8]) -> Result<u64, WireError> {
    unsigned(field, integer(field, content)?)
}

fn integer<'a>(field: &'static str, content: &'a [u8]) -> Result<&'a [u8], WireError> {
    match content {
        [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => {
            Err(WireError::Value { field, expected: "an INTEGER in its shortest form", actual: hex::encode(content) })
        }
        _ => Ok(content),
    }
}

fn unsigned(field: &'static str, content: &[u8]) -> Result<u64, WireError> {
    let refuse = || WireError::Value { field, expected: "an INTEGER from 0 to 2^64 - 1", actual: hex::encode(content) };
    let digits = match content {
        [0x80..=0xff, ..] => return Err(refuse()),
        [0, digits @ ..] => digits,
        digits => digits,
    };
    if digits.len() > 8 {
        return Err(refuse());
    }
    Ok(digits.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_integers_exactly() {
        for (bytes, value) in
            [(&[2, 1, 0][..], 0), (&[2, 1, 0x7f], 127), (&[2, 2, 0, 0xdb], 0xdb), (&[2, 2, 1, 0], 256)]
        {
            assert_eq!(Der::new(bytes).unsigned("n"), Ok(value));
        }
        for crime in [
            &[2, 0][..],
            &[2, 1, 0xdb],
            &[2, 2, 0, 0x7f],
            &[2, 2, 0xff, 0x80],
            &[2, 0x81, 1, 1],
            &[2, 2, 1],
            &[2, 0x80, 1, 0, 0],
        ] {
            assert!(Der::new(crime).unsigned("n").is_err(), "{crime:02x?}");
        }
    }

    #[test]
    fn refuses_what_is_not_der() {
        for (crime, bytes) in [
            ("indefinite_length", &[0x30, 0x80, 0, 0][..]),
            ("length_not_shortest", &[0x30, 0x81, 0x01, 0x00]),
            ("length_with_leading_zero", &[0x30, 0x82, 0x00, 0x80]),
            ("truncated", &[0x30, 5, 0]),
            ("high_tag_number", &[0x3f, 0x81, 0, 0]),
            ("no_length", &[0x30]),
            ("other_tag", &[0x31, 0]),
        ] {
            assert!(Der::new(bytes).sequence("s").is_err(), "{crime}");
        }
        assert_eq!(Der::only(&[0x30, 0, 0], "s", SEQUENCE).err(), Some(WireError::Trailing { field: "s", left: 1 }));
    }
}
