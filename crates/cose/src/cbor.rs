//! Deterministic CBOR [RFC 8949 §4.2.1] through `minicbor`.

use minicbor::{Decode, Encode};
use thiserror::Error;

/// Why bytes are not the deterministic encoding of the expected type.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CborError {
    /// The bytes are not CBOR of the expected shape.
    #[error("not the expected CBOR: {0}")]
    Malformed(String),
    /// The bytes decode but do not encode back to themselves: an unknown or duplicate field, an indefinite length,
    /// a long integer form, keys out of order, or trailing bytes.
    #[error("not deterministic CBOR: unknown or duplicate field, long form, or trailing bytes")]
    NotDeterministic,
    /// The input is longer than its reader allows.
    #[error("{actual} bytes of CBOR where at most {max} are allowed")]
    TooLong {
        /// Bytes given.
        actual: usize,
        /// Bytes allowed.
        max: usize,
    },
}

/// Encodes `value`. Types derive `minicbor::Encode` with `#[cbor(map)]` and ascending indices, which is deterministic.
#[must_use]
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    match minicbor::encode(value, &mut bytes) {
        Ok(()) => bytes,
        // Writing to a `Vec` is infallible, and no `Encode` of this workspace returns a message of its own.
        Err(error) => unreachable!("encoding into memory failed: {error}"),
    }
}

/// Decodes exactly one value of at most `bytes_max` bytes, refusing everything but its deterministic encoding.
///
/// # Errors
/// [`CborError`], whose variants say which rule was broken.
pub fn decode<'b, T: Decode<'b, ()> + Encode<()>>(bytes: &'b [u8], bytes_max: usize) -> Result<T, CborError> {
    if bytes.len() > bytes_max {
        return Err(CborError::TooLong { actual: bytes.len(), max: bytes_max });
    }
    let value: T = minicbor::decode(bytes).map_err(|error| CborError::Malformed(error.to_string()))?;
    if encode(&value) == bytes { Ok(value) } else { Err(CborError::NotDeterministic) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Decode, Encode, Eq, PartialEq)]
    #[cbor(map)]
    struct Pair {
        #[n(0)]
        left: u64,
        #[n(1)]
        right: Option<String>,
    }

    #[test]
    fn round_trips() {
        let pair = Pair { left: 7, right: Some("x".into()) };
        assert_eq!(decode::<Pair>(&encode(&pair), 64).unwrap(), pair);
    }

    #[test]
    fn refuses_every_other_encoding() {
        let crimes: [(&str, &[u8]); 6] = [
            ("unknown field", &[0xa2, 0x00, 0x07, 0x02, 0x01]),
            ("duplicate key", &[0xa2, 0x00, 0x07, 0x00, 0x07]),
            ("indefinite length", &[0xbf, 0x00, 0x07, 0xff]),
            ("long integer", &[0xa1, 0x00, 0x18, 0x07]),
            ("trailing byte", &[0xa1, 0x00, 0x07, 0x00]),
            ("keys out of order", &[0xa2, 0x01, 0x61, 0x78, 0x00, 0x07]),
        ];
        for (crime, bytes) in crimes {
            assert!(minicbor::decode::<Pair>(bytes).is_ok(), "{crime}: the lenient decoder accepts it");
            assert_eq!(decode::<Pair>(bytes, 64), Err(CborError::NotDeterministic), "{crime}");
        }
        assert!(matches!(decode::<Pair>(&[0xa1], 64), Err(CborError::Malformed(_))));
        assert!(matches!(decode::<Pair>(&[0; 65], 64), Err(CborError::TooLong { .. })));
    }
}
