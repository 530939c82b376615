//! What the log holds in the place of a body.
//!
//! ```text
//! commitment = SHA-256("casemate/leaf/1" ‖ salt[32] ‖ SHA-256(body))      32 bytes, the log's entry
//! leaf hash  = SHA-256(0x00 ‖ commitment)                                 [RFC 6962 §2.1]
//! ```
//! Every part has one length, so no two (salt, body) pairs give the same bytes. The salt hides bodies that could be guessed.

use casemate_cose::Digest;

const DOMAIN: &[u8] = b"casemate/leaf/1";

/// The log's entry for `body`. The caller draws a fresh `salt` for each entry.
#[must_use]
pub fn commitment(salt: &[u8; 32], body: &[u8]) -> Digest {
    Digest::of_parts(&[DOMAIN, salt, Digest::of(body).as_bytes()])
}

/// The Merkle tree's leaf for an entry.
#[must_use]
pub fn leaf_hash(entry: &Digest) -> Digest {
    Digest::of_parts(&[&[0], entry.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salt_and_body_both_decide() {
        let entry = commitment(&[1; 32], b"body");
        assert_ne!(entry, commitment(&[2; 32], b"body"));
        assert_ne!(entry, commitment(&[1; 32], b"bodz"));
        assert_ne!(entry, Digest::of(b"body"), "the entry does not give the body's digest away");
    }

    #[test]
    fn an_entry_never_equals_a_node() {
        // The leaf prefix 0x00 keeps a 64-byte pair of children from being read as an entry, and the other way round.
        let entry = commitment(&[0; 32], b"");
        assert_ne!(leaf_hash(&entry), Digest::of(entry.as_bytes()));
    }

    #[test]
    fn agrees_with_tlog_tiles() {
        let entry = commitment(&[3; 32], b"body");
        assert_eq!(leaf_hash(&entry).as_bytes(), &tlog_tiles::record_hash(entry.as_bytes()).0);
    }
}
