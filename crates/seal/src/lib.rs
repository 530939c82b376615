//! Sealing: what an owner does to a dataset before anyone else holds its bytes.
//!
//! Tables become Parquet files under Parquet Modular Encryption ([`table`], docs/formats/sealed-table.md), every other
//! file becomes an age v1 file ([`blob`], docs/formats/sealed-blob.md). One 256-bit key seals one version of one
//! dataset. Everything streams: memory is bounded whatever the input's length.
//!
//! No I/O of its own: readers, writers, keys and identifiers are parameters. The nonces and file keys inside the two
//! formats are drawn from the operating system by the `parquet` and `age` crates, which offer no other way.

#![forbid(unsafe_code)]

pub mod blob;
mod error;
mod schema;
mod sink;
pub mod table;

use casemate_cose::Digest;

pub use error::SealError;
pub use schema::{Column, ColumnType, ColumnTypeParseError, Schema};
pub use sink::{Fingerprint, fingerprint};

/// The AAD prefix of a sealed table: SHA-256(dataset id ‖ version id). [docs/formats/sealed-table.md]
///
/// The version id is random and new for each sealing, so a file can pass neither for another dataset's nor for an
/// older version of its own.
#[must_use]
pub fn aad_prefix(dataset_id: &[u8; 16], version: &[u8; 16]) -> [u8; 32] {
    *Digest::of_parts(&[dataset_id, version]).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dataset_and_version_has_its_own_prefix() {
        let prefix = aad_prefix(&[1; 16], &[2; 16]);
        assert_eq!(prefix, *Digest::of(&[[1; 16], [2; 16]].concat()).as_bytes());
        for (crime, other) in [
            ("other dataset", aad_prefix(&[3; 16], &[2; 16])),
            ("older version", aad_prefix(&[1; 16], &[3; 16])),
            ("swapped", aad_prefix(&[2; 16], &[1; 16])),
        ] {
            assert_ne!(prefix, other, "{crime}");
        }
    }
}
