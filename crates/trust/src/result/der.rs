//! As much DER as certificates of one shape need, to be written and read. [X.690 §8, §10]

/// An object identifier's content, ready to be put under its tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Oid(pub(super) &'static [u8]);

/// A value under its tag.
pub(super) fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => bytes.push(length),
        _ => {
            let length = content.len().to_be_bytes();
            let first = length.iter().position(|byte| *byte != 0).unwrap_or(length.len());
            let digits = length.get(first..).unwrap_or_default();
            // At most eight digits.
            bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
            bytes.extend_from_slice(digits);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

pub(super) fn sequence(items: &[Vec<u8>]) -> Vec<u8> {
    tagged(0x30, &items.concat())
}

pub(super) fn set(item: &[u8]) -> Vec<u8> {
    tagged(0x31, item)
}

pub(super) fn oid(oid: Oid) -> Vec<u8> {
    tagged(0x06, oid.0)
}

pub(super) fn octets(content: &[u8]) -> Vec<u8> {
    tagged(0x04, content)
}

/// A string of whole bytes.
pub(super) fn bits(content: &[u8]) -> Vec<u8> {
    tagged(0x03, &[&[0], content].concat())
}

/// An unsigned number of big-endian bytes.
pub(super) fn unsigned(number: &[u8]) -> Vec<u8> {
    let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let digits = number.get(first..).unwrap_or_default();
    // A first bit that is set would make it negative, and zero has one byte.
    let content =
        if digits.first().is_none_or(|byte| *byte >= 0x80) { [&[0], digits].concat() } else { digits.to_vec() };
    tagged(0x02, &content)
}

/// A time as certificates tell it: UTCTime to the end of 2049, then GeneralizedTime. [RFC 5280 §4.1.2.5]
pub(super) fn time(at: casemate_cose::UnixTime) -> Vec<u8> {
    // `2026-11-22T01:54:56Z` without its separators.
    let digits: String = at.to_string().chars().filter(|character| !"-T:".contains(*character)).collect();
    match digits.get(2..) {
        Some(short) if digits.as_str() < "2050" && digits.as_str() >= "1950" => tagged(0x17, short.as_bytes()),
        _ => tagged(0x18, digits.as_bytes()),
    }
}

/// A cursor over a row of elements, of short form and with no length that more than three bytes tell.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// The content of the one element of this tag that `bytes` are.
    pub(super) fn only(bytes: &'a [u8], tag: u8) -> Option<&'a [u8]> {
        let mut reader = Self::new(bytes);
        let (_, content) = reader.element(tag)?;
        reader.end()?;
        Some(content)
    }

    /// The next element, which has this tag: all of it, and its content.
    pub(super) fn element(&mut self, tag: u8) -> Option<(&'a [u8], &'a [u8])> {
        let [actual, first, ..] = *self.rest else { return None };
        if actual != tag {
            return None;
        }
        let digits = match first {
            0..=0x7f => 0,
            0x81 => 1,
            0x82 => 2,
            _ => return None,
        };
        let header = 2_usize.checked_add(digits)?;
        let length = match self.rest.get(2..header)? {
            [] => usize::from(first),
            more => more.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte)),
        };
        let (raw, rest) = self.rest.split_at_checked(header.checked_add(length)?)?;
        self.rest = rest;
        Some((raw, raw.get(header..)?))
    }

    /// Whether the next element has this tag.
    pub(super) fn is_next(&self, tag: u8) -> bool {
        self.rest.first() == Some(&tag)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Nothing, if something is left.
    pub(super) fn end(&self) -> Option<()> {
        self.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use casemate_cose::UnixTime;

    use super::*;

    #[test]
    fn lengths_take_the_fewest_bytes() {
        assert_eq!(tagged(4, &[])[..], [4, 0]);
        assert_eq!(tagged(4, &[7; 127])[..2], [4, 127]);
        assert_eq!(tagged(4, &[7; 128])[..3], [4, 0x81, 128]);
        assert_eq!(tagged(4, &[7; 256])[..4], [4, 0x82, 1, 0]);
        assert_eq!(tagged(4, &[7; 65_536])[..5], [4, 0x83, 1, 0, 0]);
    }

    #[test]
    fn numbers_are_never_negative_and_have_no_leading_zeros() {
        assert_eq!(unsigned(&[])[..], [2, 1, 0]);
        assert_eq!(unsigned(&[0, 0])[..], [2, 1, 0]);
        assert_eq!(unsigned(&[0, 0x7f])[..], [2, 1, 0x7f]);
        assert_eq!(unsigned(&[0x80])[..], [2, 2, 0, 0x80]);
    }

    #[test]
    fn times_change_their_form_in_2050() {
        assert_eq!(time(UnixTime(1_795_312_496)), [&[0x17, 13], b"261122015456Z".as_slice()].concat());
        assert_eq!(time(UnixTime(2_524_607_999)), [&[0x17, 13], b"491231235959Z".as_slice()].concat());
        assert_eq!(time(UnixTime(2_524_608_000)), [&[0x18, 15], b"20500101000000Z".as_slice()].concat());
    }
}
