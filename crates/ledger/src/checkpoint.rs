//! Checkpoints [C2SP tlog-checkpoint]: the log's size and root, signed by the log's key.
//!
//! ```text
//! <origin>
//! <size, decimal>
//! <root, base64>
//!
//! — <origin> <signature>
//! ```
//! Extension lines and further signatures are refused: what nobody checks, nobody relies on.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use casemate_cose::{Digest, PublicKey, SigningKey};
use thiserror::Error;

use crate::{
    Origin, TreeError,
    note::{self, NoteError},
    verify_consistency,
};

/// The longest checkpoint that is read.
pub const CHECKPOINT_BYTES_MAX: usize = 1024;

/// Why a checkpoint was refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It names a key of this log that is not the expected one.
    #[error("the checkpoint of `{origin}` is not signed by `{key}`")]
    Key {
        /// The log that was expected.
        origin: Origin,
        /// The key that was expected.
        key: PublicKey,
    },
    /// It is another log's.
    #[error("the checkpoint is not that of the log `{0}`")]
    Origin(Origin),
    /// It is not a checkpoint of the one accepted shape.
    #[error("not a checkpoint: {0}")]
    Shape(&'static str),
    /// The signature does not verify.
    #[error("the checkpoint's signature does not verify with `{0}`")]
    Signature(PublicKey),
}

/// A checkpoint whose signature was checked. Only [`open_checkpoint`] makes one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    origin: Origin,
    key: PublicKey,
    size: u64,
    root: Digest,
}

impl Checkpoint {
    /// The log.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The log's key.
    #[must_use]
    pub const fn key(&self) -> PublicKey {
        self.key
    }

    /// The number of entries.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree.
    #[must_use]
    pub const fn root(&self) -> Digest {
        self.root
    }
}

/// Signs the checkpoint of a log.
#[must_use]
pub fn sign_checkpoint(origin: &Origin, size: u64, root: &Digest, key: &SigningKey) -> String {
    note::sign(&format!("{origin}\n{size}\n{}\n", BASE64_STANDARD.encode(root.as_bytes())), origin, key)
}

/// Verifies that `text` is a checkpoint of `origin`, signed by `key`.
///
/// # Errors
/// [`CheckpointError`].
pub fn open_checkpoint(text: &str, origin: &Origin, key: &PublicKey) -> Result<Checkpoint, CheckpointError> {
    if text.len() > CHECKPOINT_BYTES_MAX {
        return Err(CheckpointError::Shape("longer than 1024 bytes"));
    }
    let text = note::open(text, origin, key).map_err(|error| match error {
        NoteError::KeyId => CheckpointError::Key { origin: origin.clone(), key: *key },
        NoteError::Name => CheckpointError::Origin(origin.clone()),
        NoteError::Shape(what) => CheckpointError::Shape(what),
        NoteError::Signature => CheckpointError::Signature(*key),
    })?;
    let mut lines = text.split('\n');
    let (Some(name), Some(size), Some(root), Some(""), None) =
        (lines.next(), lines.next(), lines.next(), lines.next(), lines.next())
    else {
        return Err(CheckpointError::Shape("not the three lines origin, size, root"));
    };
    if name != origin.as_str() {
        return Err(CheckpointError::Origin(origin.clone()));
    }
    let number: u64 = size.parse().map_err(|_| CheckpointError::Shape("the size is not a number"))?;
    if number.to_string() != size {
        return Err(CheckpointError::Shape("the size is not in its one spelling"));
    }
    let root = BASE64_STANDARD.decode(root).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let root = root.map(Digest::from_bytes).ok_or(CheckpointError::Shape("the root is not 32 bytes of base64"))?;
    Ok(Checkpoint { origin: origin.clone(), key: *key, size: number, root })
}

/// What two checkpoints say about each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Comparison {
    /// One log, seen at two times: the larger continues the smaller.
    Consistent,
    /// The log shows different histories to different people. Two signed checkpoints prove it.
    SplitView,
}

/// Compares two checkpoints of one log; `proof` is the log's consistency proof from the smaller to the larger.
///
/// For equal sizes the roots decide, and no proof is needed. A split view of different sizes shows as a log that can give
/// no proof that verifies.
///
/// # Errors
/// [`TreeError::OldSize`] where one is empty, [`TreeError::Proof`] where the proof fails or the two are not of one log.
pub fn compare(a: &Checkpoint, b: &Checkpoint, proof: &[Digest]) -> Result<Comparison, TreeError> {
    if a.origin != b.origin || a.key != b.key {
        return Err(TreeError::Proof);
    }
    if a.size == b.size {
        return Ok(if a.root == b.root { Comparison::Consistent } else { Comparison::SplitView });
    }
    let (old, new) = if a.size < b.size { (a, b) } else { (b, a) };
    verify_consistency((old.size, &old.root), (new.size, &new.root), proof)?;
    Ok(Comparison::Consistent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed(&[7; 32])
    }

    fn origin() -> Origin {
        Origin::of_key(&key().public())
    }

    fn open(text: &str) -> Result<Checkpoint, CheckpointError> {
        open_checkpoint(text, &origin(), &key().public())
    }

    #[test]
    fn opens_what_it_signs() {
        let text = sign_checkpoint(&origin(), 5, &Digest::of(b"root"), &key());
        let checkpoint = open(&text).unwrap();
        assert_eq!((checkpoint.size(), checkpoint.root()), (5, Digest::of(b"root")));
        let body = text.split_once("\n\n").unwrap().0;
        let theirs = tlog_tiles::Checkpoint::from_bytes(format!("{body}\n").as_bytes()).unwrap();
        assert_eq!((theirs.size(), theirs.hash().0), (5, *Digest::of(b"root").as_bytes()));
    }

    #[test]
    fn refuses_validly_signed_nonsense() {
        let root = BASE64_STANDARD.encode([1; 32]);
        let name = origin();
        for (crime, text, expected) in [
            ("size with a plus", format!("{name}\n+5\n{root}\n"), "the size is not in its one spelling"),
            ("size with a zero", format!("{name}\n05\n{root}\n"), "the size is not in its one spelling"),
            ("size negative", format!("{name}\n-1\n{root}\n"), "the size is not a number"),
            ("size of 65 bits", format!("{name}\n18446744073709551616\n{root}\n"), "the size is not a number"),
            ("short root", format!("{name}\n5\nAAAA\n"), "the root is not 32 bytes of base64"),
            ("extension line", format!("{name}\n5\n{root}\nextension\n"), "not the three lines origin, size, root"),
            ("no root", format!("{name}\n5\n"), "not the three lines origin, size, root"),
        ] {
            assert_eq!(open(&note::sign(&text, &name, &key())), Err(CheckpointError::Shape(expected)), "{crime}");
        }
        let foreign = note::sign(&format!("example.com\n5\n{root}\n"), &name, &key());
        assert_eq!(open(&foreign), Err(CheckpointError::Origin(name)), "first line of another log");
        assert!(matches!(open(&"x".repeat(1025)), Err(CheckpointError::Shape(_))));
    }

    #[test]
    fn refuses_every_bit_flip() {
        let text = sign_checkpoint(&origin(), 5, &Digest::of(b"root"), &key()).into_bytes();
        for bit in 0..text.len() * 8 {
            let mut flipped = text.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(flipped) = String::from_utf8(flipped) {
                assert!(open(&flipped).is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn refuses_another_key_of_the_same_name() {
        let other = SigningKey::from_seed(&[8; 32]);
        let text = sign_checkpoint(&origin(), 5, &Digest::of(b"root"), &other);
        assert_eq!(open(&text), Err(CheckpointError::Key { origin: origin(), key: key().public() }));
    }
}
