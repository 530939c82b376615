//! Protobuf's wire format, as far as these messages need it: varints and lengths. [protobuf.dev: programming-guides/encoding]
//!
//! Fields of other wire types, unknown fields, and fields twice that are there once, are refused: what a reader would pass over
//! in silence can't change what is imported.

use crate::import::ImportError;

/// The most fields of one message.
const FIELDS_MAX: usize = 4096;

/// A field's value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Value<'a> {
    Bytes(&'a [u8]),
    Varint(u64),
}

/// A message's fields, in the order of the bytes.
#[derive(Clone, Debug)]
pub(super) struct Message<'a> {
    place: String,
    fields: Vec<(u32, Value<'a>)>,
}

impl<'a> Message<'a> {
    /// Reads a message of which fields 1 to `last` are known.
    pub(super) fn read(place: &str, bytes: &'a [u8], last: u32) -> Result<Self, ImportError> {
        let mut reader = Reader { place, bytes, position: 0 };
        let mut fields = Vec::new();
        while reader.position < bytes.len() {
            let at = reader.position;
            let key = reader.varint()?;
            let number = u32::try_from(key >> 3).ok().filter(|number| (1..=last).contains(number));
            let number = number.ok_or_else(|| reader.refuse(at, &format!("field {} is not known here", key >> 3)))?;
            let value = match key & 7 {
                0 => Value::Varint(reader.varint()?),
                2 => Value::Bytes(reader.length_delimited()?),
                other => return Err(reader.refuse(at, &format!("wire type {other}, which these messages have not"))),
            };
            if fields.len() >= FIELDS_MAX {
                return Err(reader.refuse(at, "more than 4096 fields"));
            }
            fields.push((number, value));
        }
        Ok(Self { place: place.to_owned(), fields })
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// All values of a field that is repeated.
    pub(super) fn all(&self, number: u32) -> impl Iterator<Item = Value<'a>> + '_ {
        self.fields.iter().filter(move |(own, _)| *own == number).map(|(_, value)| *value)
    }

    /// Whether every field is this one.
    pub(super) fn is_only(&self, number: u32) -> bool {
        self.fields.iter().all(|(own, _)| *own == number)
    }

    /// The bytes of a field that is there at most once; absent, none.
    pub(super) fn bytes(&self, number: u32, name: &str) -> Result<Option<&'a [u8]>, ImportError> {
        match self.once(number, name)? {
            None => Ok(None),
            Some(Value::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Value::Varint(_)) => Err(self.refuse(name, "a number where bytes have to stand")),
        }
    }

    /// The text of a field that is there at most once; absent, empty.
    pub(super) fn text(&self, number: u32, name: &str) -> Result<&'a str, ImportError> {
        let bytes = self.bytes(number, name)?.unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|_| self.refuse(name, "not UTF-8"))
    }

    /// The number of a field that is there at most once.
    pub(super) fn number(&self, number: u32, name: &str) -> Result<Option<u64>, ImportError> {
        match self.once(number, name)? {
            None => Ok(None),
            Some(Value::Varint(value)) => Ok(Some(value)),
            Some(Value::Bytes(_)) => Err(self.refuse(name, "bytes where a number has to stand")),
        }
    }

    /// The message of a field that is there at most once.
    pub(super) fn message(&self, number: u32, name: &str, last: u32) -> Result<Option<Self>, ImportError> {
        let bytes = self.bytes(number, name)?;
        bytes.map(|bytes| Self::read(&format!("{}/{name}", self.place), bytes, last)).transpose()
    }

    pub(super) fn refuse(&self, name: &str, reason: &str) -> ImportError {
        ImportError::Malformed { place: format!("{}/{name}", self.place), reason: reason.to_owned() }
    }

    fn once(&self, number: u32, name: &str) -> Result<Option<Value<'a>>, ImportError> {
        let mut values = self.all(number);
        let first = values.next();
        if values.next().is_some() { Err(self.refuse(name, "appears twice")) } else { Ok(first) }
    }
}

struct Reader<'p, 'a> {
    place: &'p str,
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'_, 'a> {
    fn refuse(&self, at: usize, reason: &str) -> ImportError {
        ImportError::Malformed { place: format!("{}, byte {at}", self.place), reason: reason.to_owned() }
    }

    fn varint(&mut self) -> Result<u64, ImportError> {
        let at = self.position;
        let mut value = 0_u64;
        for shift in (0_u32..64).step_by(7) {
            let byte = *self.bytes.get(self.position).ok_or_else(|| self.refuse(at, "the number is cut off"))?;
            self.position = self.position.saturating_add(1);
            let part = u64::from(byte & 0x7f);
            if part.leading_zeros() < shift {
                break;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.refuse(at, "a number beyond 64 bits"))
    }

    fn length_delimited(&mut self) -> Result<&'a [u8], ImportError> {
        let at = self.position;
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let end = self.position.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| self.refuse(at, "longer than the message"))?;
        let bytes = self.bytes.get(self.position..end).unwrap_or_default();
        self.position = end;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(bytes: &[u8]) -> String {
        Message::read("m", bytes, 5).unwrap_err().to_string()
    }

    #[test]
    fn reads_fields() {
        let message = Message::read("m", &[0x08, 0x96, 0x01, 0x12, 0x01, 0x78], 5).unwrap();
        assert_eq!(message.number(1, "a").unwrap(), Some(150));
        assert_eq!(message.text(2, "b").unwrap(), "x");
        assert_eq!(message.bytes(3, "c").unwrap(), None);
        let most = [&[0x08][..], &[0xff; 9], &[0x01]].concat();
        assert_eq!(Message::read("m", &most, 5).unwrap().number(1, "a").unwrap(), Some(u64::MAX));
    }

    #[test]
    fn refuses_what_is_no_such_message() {
        for (crime, bytes) in [
            ("field 0 is not known", &[0x00, 0x00][..]),
            ("field 6 is not known", &[0x30, 0x00]),
            ("wire type 5", &[0x0d, 0, 0, 0, 0]),
            ("wire type 1", &[0x09, 0, 0, 0, 0, 0, 0, 0, 0]),
            ("wire type 3", &[0x0b]),
            ("longer than the message", &[0x0a, 0x02, 0x00]),
            ("longer than the message", &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            ("cut off", &[0x08, 0x80]),
            ("beyond 64 bits", &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]),
            ("beyond 64 bits", &[0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
        ] {
            assert!(reason(bytes).contains(crime), "{crime}: {}", reason(bytes));
        }
        assert!(reason(&[0x08, 0x00].repeat(5000)).contains("more than 4096 fields"));
        let twice = Message::read("m", &[0x08, 0x01, 0x08, 0x01], 5).unwrap();
        assert!(twice.number(1, "a").unwrap_err().to_string().contains("appears twice"));
        assert!(twice.bytes(1, "a").is_err() && Message::read("m", &[0x0a, 0x00], 5).unwrap().number(1, "a").is_err());
    }
}
