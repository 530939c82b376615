//! Sealed tables: Parquet files under Parquet Modular Encryption. [parquet-format `Encryption.md`, 1.0]
//!
//! AES-256-GCM (`AES_GCM_V1`) over every page, page header and index, one key for the footer and all columns, the footer
//! encrypted (magic `PARE`), the AAD prefix of [`crate::aad_prefix`] not stored. pyarrow opens these files with the key
//! and the prefix, and seals files that [`check_sealed`] accepts.

mod cell;
mod check;
mod csv;
mod footer;
mod from_parquet;
mod infer;
mod unseal;
mod write;

use std::sync::Arc;

use parquet::encryption::decrypt::FileDecryptionProperties;

pub use check::{CheckedTable, check_sealed};
pub use csv::seal_csv;
pub use from_parquet::{parquet_schema, seal_parquet};
pub use infer::{InferredTable, infer_csv};
pub use unseal::unseal_to_csv;
pub use write::SealedTable;

use crate::SealError;

/// What Parquet readers need to open a sealed table. Call [`check_sealed`] first: these properties alone would also open
/// a file whose columns were never encrypted.
///
/// # Errors
/// None for a 32-byte key; Parquet's builder could refuse, so it is a result.
pub fn decryption(key: &[u8; 32], aad_prefix: &[u8; 32]) -> Result<Arc<FileDecryptionProperties>, SealError> {
    FileDecryptionProperties::builder(key.to_vec())
        .with_aad_prefix(aad_prefix.to_vec())
        .build()
        .map_err(SealError::reading)
}
