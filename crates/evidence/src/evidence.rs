//! Evidence as it is carried and stored: `[format, bytes]` in deterministic CBOR.

use casemate_cose::{CborError, Digest, decode, encode};
use minicbor::{Decode, Encode};

use crate::{Format, Refusal};

/// The longest piece of evidence that is read, frame included: 1 MiB.
pub const EVIDENCE_BYTES_MAX: usize = 1 << 20;

/// Received evidence: bytes of one format, of which nothing is known yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Evidence {
    format: Format,
    bytes: Vec<u8>,
}

#[derive(Decode, Encode)]
struct Frame {
    #[n(0)]
    format: String,
    #[cbor(n(1), with = "minicbor::bytes")]
    bytes: Vec<u8>,
}

impl Evidence {
    /// Takes bytes to be of `format`. Nothing of them is looked at.
    #[must_use]
    pub const fn new(format: Format, bytes: Vec<u8>) -> Self {
        Self { format, bytes }
    }

    /// The format.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The evidence itself, without its frame.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The frame `[format, bytes]`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&Frame { format: self.format.as_str().to_owned(), bytes: self.bytes.clone() })
    }

    /// Reads a frame. Nothing of its content is looked at.
    ///
    /// # Errors
    /// [`Refusal::TooLong`], [`Refusal::Frame`] and [`Refusal::UnknownFormat`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let frame: Frame = decode(bytes, EVIDENCE_BYTES_MAX).map_err(|error| match error {
            CborError::TooLong { actual, max } => Refusal::TooLong { actual, max },
            error => Refusal::Frame(error),
        })?;
        let format = frame.format.parse().map_err(|_| Refusal::UnknownFormat(frame.format))?;
        Ok(Self { format, bytes: frame.bytes })
    }

    /// SHA-256 of the framed bytes: how decisions and receipts name this evidence. Frames have one encoding only, so
    /// this is also the digest of the bytes as received.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip() {
        for bytes in [vec![], vec![0], vec![0xff; 300]] {
            let evidence = Evidence::new(Format::Software, bytes);
            let framed = evidence.to_bytes();
            assert_eq!(Evidence::from_bytes(&framed), Ok(evidence.clone()));
            assert_eq!(evidence.digest(), Digest::of(&framed));
        }
    }

    #[test]
    fn refuses_other_frames() {
        let honest = Evidence::new(Format::Software, vec![1, 2]).to_bytes();
        let crimes: [(&str, Vec<u8>); 7] = [
            ("empty", vec![]),
            ("truncated", honest[..honest.len() - 1].to_vec()),
            ("trailing_byte", [honest.as_slice(), &[0]].concat()),
            ("third_element", [&[0x83], &honest[1..], &[0]].concat()),
            ("indefinite_length", [&[0x9f], &honest[1..], &[0xff]].concat()),
            ("text_for_bytes", encode(&("software", "bytes"))),
            ("a_map", encode(&std::collections::BTreeMap::from([("software", 1)]))),
        ];
        for (crime, bytes) in crimes {
            assert!(matches!(Evidence::from_bytes(&bytes), Err(Refusal::Frame(_))), "{crime}");
        }
    }

    #[test]
    fn refuses_an_unknown_format_by_name() {
        for format in ["sgx", "Software", "software\0", ""] {
            let bytes = encode(&Frame { format: format.to_owned(), bytes: vec![] });
            assert_eq!(Evidence::from_bytes(&bytes), Err(Refusal::UnknownFormat(format.to_owned())));
        }
    }

    #[test]
    fn refuses_one_byte_more_than_the_most() {
        let fits = Evidence::new(Format::Software, vec![0; EVIDENCE_BYTES_MAX - 15]).to_bytes();
        assert_eq!(fits.len(), EVIDENCE_BYTES_MAX);
        assert!(Evidence::from_bytes(&fits).is_ok());
        let over = Evidence::new(Format::Software, vec![0; EVIDENCE_BYTES_MAX - 14]).to_bytes();
        let refusal = Refusal::TooLong { actual: EVIDENCE_BYTES_MAX + 1, max: EVIDENCE_BYTES_MAX };
        assert_eq!(Evidence::from_bytes(&over), Err(refusal));
    }
}
