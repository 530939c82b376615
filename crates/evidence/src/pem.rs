//! Textual encodings of PKIX structures: PEM [RFC 7468], and the other ways in which bytes travel as text.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// The most blocks of one file.
const BLOCKS_MAX: usize = 1024;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// One block: its label and its bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Block {
    pub(crate) label: String,
    pub(crate) bytes: Vec<u8>,
}

/// The blocks in `text`, in order; text around them is passed over. `None` if one is broken.
pub(crate) fn blocks(text: &str) -> Option<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, begun)) = rest.split_once("-----BEGIN ") {
        let (label, body) = begun.split_once("-----")?;
        let (body, after) = body.split_once(&format!("-----END {label}-----"))?;
        blocks.push(Block { label: label.to_owned(), bytes: base64(body)? });
        if blocks.len() > BLOCKS_MAX {
            return None;
        }
        rest = after;
    }
    Some(blocks)
}

/// Base64 in either alphabet, with or without padding, white space passed over.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let dense: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    if dense.is_empty() {
        return None;
    }
    STANDARD.decode(&dense).or_else(|_| URL_SAFE.decode(&dense)).ok()
}

/// Hexadecimal, white space and a leading `0x` passed over.
pub(crate) fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let dense: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    let digits = dense.strip_prefix("0x").unwrap_or(&dense);
    if digits.is_empty() { None } else { hex::decode(digits).ok() }
}

/// Undoes `%xx` of a URL.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let (digits, after) = after.split_first_chunk::<2>()?;
            bytes.extend(hex::decode(digits).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_block() {
        let text =
            "before\n-----BEGIN A-----\nAQID\n-----END A-----\nbetween\n-----BEGIN B C-----\nBA==\n-----END B C-----\n";
        let read = blocks(text).unwrap();
        assert_eq!(read[0], Block { label: "A".to_owned(), bytes: vec![1, 2, 3] });
        assert_eq!(read[1], Block { label: "B C".to_owned(), bytes: vec![4] });
        assert_eq!(blocks("no block at all"), Some(vec![]));
    }

    #[test]
    fn refuses_broken_blocks() {
        for text in [
            "-----BEGIN A-----\nAQID\n",
            "-----BEGIN A-----\nAQID\n-----END B-----\n",
            "-----BEGIN A-----\n!\n-----END A-----\n",
            "-----BEGIN A-----\n-----END A-----\n",
            "-----BEGIN A",
        ] {
            assert_eq!(blocks(text), None, "{text}");
        }
    }

    #[test]
    fn reads_text_of_bytes() {
        assert_eq!(base64("_-8"), Some(vec![0xff, 0xef]));
        assert_eq!(base64("/+8="), Some(vec![0xff, 0xef]));
        assert_eq!(hexadecimal("0x0A\n0b"), Some(vec![10, 11]));
        assert_eq!(hexadecimal("0"), None);
        assert_eq!(percent_decoded("a%20b%0A").as_deref(), Some("a b\n"));
        assert_eq!(percent_decoded("a%2"), None);
    }
}
