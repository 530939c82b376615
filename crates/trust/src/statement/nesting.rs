//! How deep CBOR is nested, found out without recursion: decoders of nested types recurse, and hostile bytes would end the stack.

use casemate_cose::{CborError, decode};
use minicbor::{Decode, Encode};

/// The deepest CBOR that is decoded, in arrays and maps within each other. Statements of [`super::NESTING_MAX`] need 32.
pub const LEVELS_MAX: usize = 64;

/// As [`casemate_cose::decode`], for types that hold sentences: refuses bytes that are nested deeper than [`LEVELS_MAX`]
/// before anything recurses into them.
///
/// # Errors
/// [`CborError`].
pub fn decode_nested<'b, T: Decode<'b, ()> + Encode<()>>(bytes: &'b [u8], bytes_max: usize) -> Result<T, CborError> {
    if bytes.len() > bytes_max {
        return Err(CborError::TooLong { actual: bytes.len(), max: bytes_max });
    }
    check_levels(bytes)?;
    decode(bytes, bytes_max)
}

/// Walks the heads of all items; what is open is a list of at most [`LEVELS_MAX`] counts.
fn check_levels(bytes: &[u8]) -> Result<(), CborError> {
    let mut rest = bytes;
    let mut open: Vec<u64> = Vec::new();
    loop {
        while open.last() == Some(&0) {
            open.pop();
        }
        let Some(left) = open.last_mut() else {
            if rest.is_empty() {
                return Ok(());
            }
            rest = enter(rest, &mut open)?;
            // What follows the first whole item is refused by the decoder.
            if open.is_empty() {
                return Ok(());
            }
            continue;
        };
        *left -= 1;
        rest = enter(rest, &mut open)?;
    }
}

/// Reads one head; skips a string's bytes, opens an array, map or tag.
fn enter<'b>(bytes: &'b [u8], open: &mut Vec<u64>) -> Result<&'b [u8], CborError> {
    let malformed = |what: &str| CborError::Malformed(what.to_owned());
    let (&first, rest) = bytes.split_first().ok_or_else(|| malformed("ends within an item"))?;
    let (argument, rest) = match first & 0x1f {
        small @ 0..=23 => (u64::from(small), rest),
        size @ 24..=27 => {
            let (argument, rest) =
                rest.split_at_checked(1 << (size - 24)).ok_or_else(|| malformed("ends within a head"))?;
            (argument.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)), rest)
        }
        _ => return Err(CborError::NotDeterministic),
    };
    let items = match first >> 5 {
        2 | 3 => {
            let length = usize::try_from(argument).unwrap_or(usize::MAX);
            return rest.get(length..).ok_or_else(|| malformed("ends within a string"));
        }
        4 => argument,
        5 => argument.checked_mul(2).ok_or_else(|| malformed("a map of too many entries"))?,
        6 => 1,
        _ => return Ok(rest),
    };
    if open.len() >= LEVELS_MAX {
        return Err(malformed("nested deeper than 64 levels"));
    }
    open.push(items);
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use casemate_cose::{Digest, encode};

    use super::*;
    use crate::statement::{NESTING_MAX, Sentence};

    fn nested(levels: usize) -> Sentence {
        (0..levels).fold(Sentence::Revokes(Digest::of(b"")), |inner, _| Sentence::Says {
            key: Digest::of(b"k"),
            sentence: Box::new(inner),
        })
    }

    /// The bytes of "K says (K says (…", written without recursion.
    fn hostile(levels: usize) -> Vec<u8> {
        let mut inner = encode(&nested(0));
        let (one, two) = (encode(&nested(1)), encode(&nested(2)));
        let prefix = &two[..two.len() - one.len()];
        let mut bytes = prefix.repeat(levels);
        bytes.append(&mut inner);
        bytes
    }

    #[test]
    fn the_hostile_bytes_are_what_they_claim() {
        assert_eq!(hostile(5), encode(&nested(5)));
        assert_eq!(minicbor::decode::<Sentence>(&hostile(20)).unwrap(), nested(20), "the plain decoder follows");
    }

    #[test]
    fn reads_what_statements_need_and_refuses_ten_thousand_levels() {
        assert_eq!(decode_nested::<Sentence>(&hostile(NESTING_MAX), 1 << 20).unwrap(), nested(NESTING_MAX));
        for levels in [40, 10_000, 1_000_000] {
            assert_eq!(
                decode_nested::<Sentence>(&hostile(levels), usize::MAX),
                Err(CborError::Malformed("nested deeper than 64 levels".into()))
            );
        }
    }

    #[test]
    fn every_truncation_is_malformed() {
        let bytes = encode(&nested(3));
        for length in 0..bytes.len() {
            assert!(matches!(decode_nested::<Sentence>(&bytes[..length], 1 << 20), Err(CborError::Malformed(_))));
        }
    }

    #[test]
    fn indefinite_lengths_and_tags_without_end_are_refused() {
        assert_eq!(decode_nested::<Sentence>(&[0x9f; 100], 1 << 20), Err(CborError::NotDeterministic));
        assert!(matches!(decode_nested::<Sentence>(&[0xc1; 100_000], 1 << 20), Err(CborError::Malformed(_))));
        assert!(matches!(decode_nested::<Sentence>(&[0xbb; 9], 1 << 20), Err(CborError::Malformed(_))));
    }
}
