//! The Merkle tree [RFC 6962 §2.1]: appending, roots, inclusion and consistency proofs, over hashes kept by the caller.
//!
//! Every complete node is stored once, under the dense index of [`tlog_tiles::stored_hash_index`]: an append writes
//! `1 + log₂ n` hashes at most and rewrites none. A caller whose storage is asynchronous asks [`reads`] first which hashes
//! an operation needs.

use std::{cell::RefCell, collections::BTreeMap};

use casemate_cose::Digest;
use thiserror::Error;
use tlog_tiles::{Error as TlogError, Hash};

/// The longest proof that is read: a tree of [`SIZE_MAX`] entries has fewer levels, and a consistency proof one hash more.
pub const PROOF_HASHES_MAX: usize = 64;
/// The largest number of entries in a log.
pub const SIZE_MAX: u64 = 1 << 48;

/// Why a tree operation was refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum TreeError {
    /// There is no such entry in the tree.
    #[error("entry {index} is not among the log's {size} entries")]
    Entry {
        /// The entry asked for.
        index: u64,
        /// Entries in the tree.
        size: u64,
    },
    /// The stored hashes do not hold a node that they must hold.
    #[error("the log's stored hashes are incomplete")]
    Missing,
    /// The older tree is empty or larger than the newer one.
    #[error("a log of {new} entries cannot continue one of {old}")]
    OldSize {
        /// Entries in the older tree.
        old: u64,
        /// Entries in the newer tree.
        new: u64,
    },
    /// The proof does not lead to the root.
    #[error("the proof does not lead to the checkpoint's root")]
    Proof,
    /// The log is larger than [`SIZE_MAX`].
    #[error("{0} entries where a log has at most 2^48")]
    Size(u64),
}

/// Gives the stored hash at a dense index, if there is one.
pub trait HashReader {
    /// The hash that [`Log::append`] returned for `index`.
    fn hash(&self, index: u64) -> Option<Digest>;
}

impl HashReader for Vec<Digest> {
    fn hash(&self, index: u64) -> Option<Digest> {
        self.get(usize::try_from(index).ok()?).copied()
    }
}

impl HashReader for BTreeMap<u64, Digest> {
    fn hash(&self, index: u64) -> Option<Digest> {
        self.get(&index).copied()
    }
}

/// A log of `size` entries over stored hashes.
#[derive(Clone, Copy, Debug)]
pub struct Log<'a, R> {
    size: u64,
    hashes: &'a R,
}

impl<'a, R: HashReader> Log<'a, R> {
    /// A view of the first `size` entries that `hashes` holds.
    ///
    /// # Errors
    /// [`TreeError::Size`].
    pub const fn new(size: u64, hashes: &'a R) -> Result<Self, TreeError> {
        if size > SIZE_MAX { Err(TreeError::Size(size)) } else { Ok(Self { size, hashes }) }
    }

    /// The number of entries.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The hashes to store, with their indices, when `entry` is appended as number `size`.
    ///
    /// # Errors
    /// [`TreeError::Missing`], [`TreeError::Size`].
    pub fn append(&self, entry: &Digest) -> Result<Vec<(u64, Digest)>, TreeError> {
        if self.size >= SIZE_MAX {
            return Err(TreeError::Size(self.size.saturating_add(1)));
        }
        let hashes = tlog_tiles::stored_hashes(self.size, entry.as_bytes(), &Adapter(self.hashes)).map_err(missing)?;
        Ok((tlog_tiles::stored_hash_index(0, self.size)..).zip(hashes.into_iter().map(digest)).collect())
    }

    /// The root. Of an empty log, the digest of nothing.
    ///
    /// # Errors
    /// [`TreeError::Missing`].
    pub fn root(&self) -> Result<Digest, TreeError> {
        tlog_tiles::tree_hash(self.size, &Adapter(self.hashes)).map(digest).map_err(missing)
    }

    /// The proof that entry `index` is in this log.
    ///
    /// # Errors
    /// [`TreeError::Entry`], [`TreeError::Missing`].
    pub fn inclusion(&self, index: u64) -> Result<Vec<Digest>, TreeError> {
        if index >= self.size {
            return Err(TreeError::Entry { index, size: self.size });
        }
        let proof = tlog_tiles::prove_record(self.size, index, &Adapter(self.hashes)).map_err(missing)?;
        Ok(proof.into_iter().map(digest).collect())
    }

    /// The proof that this log continues its own first `old` entries.
    ///
    /// # Errors
    /// [`TreeError::OldSize`], [`TreeError::Missing`].
    pub fn consistency(&self, old: u64) -> Result<Vec<Digest>, TreeError> {
        if old == 0 || old > self.size {
            return Err(TreeError::OldSize { old, new: self.size });
        }
        let proof = tlog_tiles::prove_tree(self.size, old, &Adapter(self.hashes)).map_err(missing)?;
        Ok(proof.into_iter().map(digest).collect())
    }
}

/// The indices of the stored hashes that `work` reads of a log of `size` entries, in ascending order.
///
/// # Errors
/// [`TreeError::Size`], or what `work` returns.
pub fn reads<T>(
    size: u64,
    work: impl FnOnce(&Log<'_, Recorder>) -> Result<T, TreeError>,
) -> Result<Vec<u64>, TreeError> {
    let recorder = Recorder::default();
    work(&Log::new(size, &recorder)?)?;
    let mut indices = recorder.0.into_inner();
    indices.sort_unstable();
    indices.dedup();
    Ok(indices)
}

/// Answers every read with zeros and remembers it: which hashes an operation needs depends on sizes alone.
#[derive(Debug, Default)]
pub struct Recorder(RefCell<Vec<u64>>);

impl HashReader for Recorder {
    fn hash(&self, index: u64) -> Option<Digest> {
        self.0.borrow_mut().push(index);
        Some(Digest::from_bytes([0; 32]))
    }
}

/// Verifies that `entry` is number `index` in the log of `size` entries with this `root`.
///
/// # Errors
/// [`TreeError::Entry`], [`TreeError::Proof`].
pub fn verify_inclusion(
    size: u64,
    root: &Digest,
    index: u64,
    entry: &Digest,
    proof: &[Digest],
) -> Result<(), TreeError> {
    if index >= size {
        return Err(TreeError::Entry { index, size });
    }
    if size > SIZE_MAX {
        return Err(TreeError::Size(size));
    }
    let leaf = tlog_tiles::record_hash(entry.as_bytes());
    tlog_tiles::check_record(&hashes(proof)?, size, hash(root), index, leaf).map_err(|_| TreeError::Proof)
}

/// Verifies that the log of `new.0` entries with root `new.1` continues the one of `old.0` entries with root `old.1`.
///
/// # Errors
/// [`TreeError::OldSize`], [`TreeError::Proof`].
pub fn verify_consistency(old: (u64, &Digest), new: (u64, &Digest), proof: &[Digest]) -> Result<(), TreeError> {
    if old.0 == 0 || old.0 > new.0 {
        return Err(TreeError::OldSize { old: old.0, new: new.0 });
    }
    if new.0 > SIZE_MAX {
        return Err(TreeError::Size(new.0));
    }
    tlog_tiles::check_tree(&hashes(proof)?, new.0, hash(new.1), old.0, hash(old.1)).map_err(|_| TreeError::Proof)
}

struct Adapter<'a, R>(&'a R);

impl<R: HashReader> tlog_tiles::HashReader for Adapter<'_, R> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, TlogError> {
        let read = |index: &u64| self.0.hash(*index).map(|found| hash(&found)).ok_or(TlogError::IndexesNotInTree);
        indexes.iter().map(read).collect()
    }
}

fn missing(_: TlogError) -> TreeError {
    TreeError::Missing
}

fn digest(hash: Hash) -> Digest {
    Digest::from_bytes(hash.0)
}

fn hash(digest: &Digest) -> Hash {
    Hash(*digest.as_bytes())
}

fn hashes(proof: &[Digest]) -> Result<Vec<Hash>, TreeError> {
    if proof.len() > PROOF_HASHES_MAX { Err(TreeError::Proof) } else { Ok(proof.iter().map(hash).collect()) }
}
