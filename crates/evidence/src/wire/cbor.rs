//! CBOR as attestation tokens use it: definite lengths, no duplicate keys, nothing left over.
//!
//! Tokens are not always deterministic CBOR (senders may order keys as they like), so they are not decoded by
//! `casemate_cose::decode`; what is ambiguous is refused all the same: indefinite lengths, duplicate keys, trailing bytes,
//! integers not in their shortest form, nesting beyond [`DEPTH_MAX`].

use super::WireError;

/// The deepest nesting that is read.
pub(crate) const DEPTH_MAX: usize = 16;

/// The most entries of a map that are read.
pub(crate) const ENTRIES_MAX: usize = 256;

const INDEFINITE_MAP: u8 = 0xbf;
const BREAK: u8 = 0xff;

/// The type and argument of an item [RFC 8949 §3].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Head {
    Unsigned(u64),
    /// The number is `-1 - n`.
    Negative(u64),
    Bytes(usize),
    Text(usize),
    Array(usize),
    Map(usize),
    Tag(u64),
    Simple(u8),
}

/// A key of a map in a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Key<'a> {
    Number(i64),
    Text(&'a str),
}

/// A cursor over items.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cbor<'a> {
    rest: &'a [u8],
}

impl<'a> Cbor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn end(&self, field: &'static str) -> Result<(), WireError> {
        if self.rest.is_empty() { Ok(()) } else { Err(WireError::Trailing { field, left: self.rest.len() }) }
    }

    fn take(&mut self, field: &'static str, wanted: usize) -> Result<&'a [u8], WireError> {
        let left = self.rest.len();
        let (taken, rest) = self.rest.split_at_checked(wanted).ok_or(WireError::Truncated { field, wanted, left })?;
        self.rest = rest;
        Ok(taken)
    }

    /// Reads the head of the next item.
    pub(crate) fn head(&mut self, field: &'static str) -> Result<Head, WireError> {
        let first = self.take(field, 1)?.first().copied().unwrap_or_default();
        let (major, info) = (first >> 5, first & 0x1f);
        let argument = match info {
            0..=23 => u64::from(info),
            24..=27 => self.argument(field, 1 << (info - 24), major)?,
            _ => {
                let actual = format!("0x{first:02x}");
                return Err(WireError::Value { field, expected: "a definite length", actual });
            }
        };
        let length = || {
            let left = self.rest.len();
            // An item takes a byte at least, so that a count never exceeds the bytes that are left.
            usize::try_from(argument).ok().filter(|count| *count <= left).ok_or(WireError::Truncated {
                field,
                wanted: usize::try_from(argument).unwrap_or(usize::MAX),
                left,
            })
        };
        Ok(match major {
            0 => Head::Unsigned(argument),
            1 => Head::Negative(argument),
            2 => Head::Bytes(length()?),
            3 => Head::Text(length()?),
            4 => Head::Array(length()?),
            5 => Head::Map(length()?),
            6 => Head::Tag(argument),
            _ if info < 24 => Head::Simple(info),
            _ => {
                let actual = format!("0x{first:02x}");
                return Err(WireError::Value { field, expected: "no floating-point number", actual });
            }
        })
    }

    fn argument(&mut self, field: &'static str, length: usize, major: u8) -> Result<u64, WireError> {
        let bytes = self.take(field, length)?;
        let value = bytes.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        let shortest = match length {
            1 => 24,
            2 => 1 << 8,
            4 => 1 << 16,
            _ => 1 << 32,
        };
        if value < shortest && major != 7 {
            return Err(WireError::Value { field, expected: "the shortest form", actual: hex::encode(bytes) });
        }
        Ok(value)
    }

    pub(crate) fn unsigned(&mut self, field: &'static str) -> Result<u64, WireError> {
        match self.head(field)? {
            Head::Unsigned(value) => Ok(value),
            other => Err(wrong(field, "an unsigned number", other)),
        }
    }

    pub(crate) fn number(&mut self, field: &'static str) -> Result<i64, WireError> {
        match self.head(field)? {
            Head::Unsigned(value) => i64::try_from(value).map_err(|_| wrong(field, "a number of 63 bits", value)),
            Head::Negative(value) => {
                i64::try_from(value).map(|value| -1 - value).map_err(|_| wrong(field, "a number of 63 bits", value))
            }
            other => Err(wrong(field, "a number", other)),
        }
    }

    pub(crate) fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], WireError> {
        match self.head(field)? {
            Head::Bytes(length) => self.take(field, length),
            other => Err(wrong(field, "a byte string", other)),
        }
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Result<&'a str, WireError> {
        match self.head(field)? {
            Head::Text(length) => self.text_of(field, length),
            other => Err(wrong(field, "a text", other)),
        }
    }

    fn text_of(&mut self, field: &'static str, length: usize) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.take(field, length)?).map_err(|error| wrong(field, "UTF-8", error))
    }

    pub(crate) fn array(&mut self, field: &'static str) -> Result<usize, WireError> {
        match self.head(field)? {
            Head::Array(length) => Ok(length),
            other => Err(wrong(field, "an array", other)),
        }
    }

    pub(crate) fn map(&mut self, field: &'static str) -> Result<usize, WireError> {
        match self.head(field)? {
            Head::Map(length) => Ok(length),
            other => Err(wrong(field, "a map", other)),
        }
    }

    pub(crate) fn tag(&mut self, field: &'static str, tag: u64) -> Result<(), WireError> {
        match self.head(field)? {
            Head::Tag(actual) if actual == tag => Ok(()),
            other => Err(wrong(field, "another tag", other)),
        }
    }

    /// Takes `null` if it is next.
    pub(crate) fn null(&mut self, field: &'static str) -> Result<bool, WireError> {
        if self.rest.first() == Some(&0xf6) {
            self.take(field, 1)?;
            return Ok(true);
        }
        Ok(false)
    }

    pub(crate) fn key(&mut self, field: &'static str) -> Result<Key<'a>, WireError> {
        let mut ahead = *self;
        match ahead.head(field)? {
            Head::Text(length) => {
                let text = ahead.text_of(field, length)?;
                *self = ahead;
                Ok(Key::Text(text))
            }
            _ => self.number(field).map(Key::Number),
        }
    }

    /// Passes over one item and returns its bytes.
    pub(crate) fn skip(&mut self, field: &'static str) -> Result<&'a [u8], WireError> {
        let start = self.rest;
        self.skip_within(field, DEPTH_MAX)?;
        let length = start.len().saturating_sub(self.rest.len());
        Ok(start.get(..length).unwrap_or_default())
    }

    fn skip_within(&mut self, field: &'static str, depth: usize) -> Result<(), WireError> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(WireError::TooMany { field, actual: DEPTH_MAX + 1, max: DEPTH_MAX });
        };
        let items = match self.head(field)? {
            Head::Bytes(length) | Head::Text(length) => return self.take(field, length).map(drop),
            Head::Array(length) => length,
            Head::Map(length) => length.saturating_mul(2),
            Head::Tag(_) => 1,
            Head::Unsigned(_) | Head::Negative(_) | Head::Simple(_) => 0,
        };
        (0..items).try_for_each(|_| self.skip_within(field, depth))
    }

    /// Reads a map entry by entry. A key that comes twice is refused.
    pub(crate) fn entries<E: From<WireError>>(
        &mut self,
        field: &'static str,
        mut entry: impl FnMut(&Key<'a>, &mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let length = self.map(field)?;
        if length > ENTRIES_MAX {
            return Err(WireError::TooMany { field, actual: length, max: ENTRIES_MAX }.into());
        }
        let mut seen: Vec<Key<'a>> = Vec::new();
        (0..length).try_for_each(|_| self.entry(field, &mut seen, &mut entry))
    }

    /// As [`Self::entries`], for the outermost map of what is known to be written with an indefinite length; a definite one
    /// is read too. Nothing within may be of indefinite length.
    pub(crate) fn entries_of_any_length<E: From<WireError>>(
        &mut self,
        field: &'static str,
        mut entry: impl FnMut(&Key<'a>, &mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.rest.first() != Some(&INDEFINITE_MAP) {
            return self.entries(field, entry);
        }
        self.take(field, 1)?;
        let mut seen: Vec<Key<'a>> = Vec::new();
        while self.rest.first() != Some(&BREAK) {
            if seen.len() >= ENTRIES_MAX {
                return Err(WireError::TooMany { field, actual: seen.len().saturating_add(1), max: ENTRIES_MAX }.into());
            }
            self.entry(field, &mut seen, &mut entry)?;
        }
        self.take(field, 1)?;
        Ok(())
    }

    fn entry<E: From<WireError>>(
        &mut self,
        field: &'static str,
        seen: &mut Vec<Key<'a>>,
        entry: &mut impl FnMut(&Key<'a>, &mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let key = self.key(field)?;
        if seen.contains(&key) {
            let actual = format!("{key:?}");
            return Err(WireError::Value { field, expected: "each key once", actual }.into());
        }
        entry(&key, self)?;
        seen.push(key);
        Ok(())
    }
}

fn wrong(field: &'static str, expected: &'static str, actual: impl std::fmt::Debug) -> WireError {
    WireError::Value { field, expected, actual: format!("{actual:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_map() {
        let mut cbor = Cbor::new(&[0xa2, 0x01, 0x43, 1, 2, 3, 0x61, b'a', 0x39, 0x01, 0x00]);
        let mut seen = Vec::new();
        cbor.entries::<WireError>("map", |key, cbor| {
            seen.push(format!("{key:?} {:?}", cbor.skip("value")?));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, ["Number(1) [67, 1, 2, 3]", "Text(\"a\") [57, 1, 0]"]);
        assert_eq!(cbor.end("map"), Ok(()));
        assert_eq!(Cbor::new(&[0x39, 0x01, 0x00]).number("n"), Ok(-257));
    }

    #[test]
    fn only_the_outermost_map_may_be_of_indefinite_length() {
        let read = |bytes: &[u8]| {
            let mut cbor = Cbor::new(bytes);
            let mut keys = 0;
            cbor.entries_of_any_length::<WireError>("map", |_, cbor| {
                keys += 1;
                cbor.skip("value").map(drop)
            })?;
            cbor.end("map").map(|()| keys)
        };
        assert_eq!(read(&[0xbf, 1, 2, 3, 4, 0xff]), Ok(2));
        assert_eq!(read(&[0xa1, 1, 2]), Ok(1));
        for (crime, bytes) in [
            ("no_break", &[0xbf, 1, 2][..]),
            ("break_for_a_value", &[0xbf, 1, 0xff]),
            ("duplicate_key", &[0xbf, 1, 2, 1, 3, 0xff]),
            ("indefinite_within", &[0xbf, 1, 0xbf, 0xff, 0xff]),
            ("trailing", &[0xbf, 0xff, 0]),
        ] {
            assert!(read(bytes).is_err(), "{crime}");
        }
    }

    #[test]
    fn refuses_what_is_ambiguous() {
        for (crime, bytes) in [
            ("indefinite_map", &[0xbf, 0xff][..]),
            ("duplicate_key", &[0xa2, 1, 1, 1, 2]),
            ("number_not_shortest", &[0xa1, 0x18, 1, 1]),
            ("map_longer_than_the_bytes", &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            ("key_is_an_array", &[0xa1, 0x80, 1]),
            ("float", &[0xa1, 1, 0xf9, 0, 0]),
        ] {
            let read = Cbor::new(bytes).entries::<WireError>("map", |_, cbor| cbor.skip("value").map(drop));
            assert!(read.is_err(), "{crime}");
        }
        let deep = [0x81; 40];
        assert!(Cbor::new(&deep).skip("deep").is_err());
    }
}
