//! Checks a sealed table before one row of it is used.
//!
//! 1. `PARE` at both ends, a footer that lies within the file, AES-GCM, no stored AAD prefix.
//! 2. The footer opens with this key and this AAD prefix: the file is this version of this dataset.
//! 3. Every column chunk is encrypted with the footer key, and lies within the file.
//! 4. Every column's type is one that tables may have.
//!
//! Every page is authenticated under the same AAD prefix and the random file identifier that the footer carries, so that
//! reading refuses a page from another file, column, row group or position. That the file is the one the contract names
//! is for its digest to say ([`crate::fingerprint`]).

use parquet::{
    arrow::{
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
        parquet_to_arrow_schema,
    },
    encryption::decrypt::FileDecryptionProperties,
    file::{
        column_crypto_metadata::ColumnCryptoMetaData,
        metadata::{ParquetMetaData, ParquetMetaDataReader},
        reader::ChunkReader,
    },
    schema::types::SchemaDescriptor,
};
use std::sync::Arc;

use super::{decryption, footer};
use crate::{Column, ColumnType, Schema, SealError};

/// What a sealed table holds, as its authenticated footer says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CheckedTable {
    /// The table's columns, by Parquet's own types: a writer's hint of a wider Arrow type is ignored.
    pub schema: Schema,
    /// Its rows.
    pub rows: u64,
}

/// Checks that `file` is sealed as [`crate::table`] describes, under `key`, for the dataset version of `aad_prefix`.
///
/// # Errors
/// `NotParquet`, `Truncated`, `PlaintextFooter`, `AesGcmCtr`, `AadPrefixStored`, `WrongKey`, `WrongAad`,
/// `UnencryptedColumn`, `ColumnKey`, `UnsupportedType`, `Damaged`, `Read`.
pub fn check_sealed<R: ChunkReader>(
    file: &R,
    key: &[u8; 32],
    aad_prefix: &[u8; 32],
) -> Result<CheckedTable, SealError> {
    Ok(open(file, key, aad_prefix)?.0)
}

/// As [`check_sealed`], with what reading the rows takes.
pub(super) fn open<R: ChunkReader>(
    file: &R,
    key: &[u8; 32],
    aad_prefix: &[u8; 32],
) -> Result<(CheckedTable, ArrowReaderMetadata), SealError> {
    let footer = footer::read(file)?;
    let properties = decryption(key, aad_prefix)?;
    let metadata = match metadata(file, &properties) {
        Err(SealError::Parquet(_)) => return Err(footer.diagnose(key)),
        other => other?,
    };
    check_columns(&metadata, footer.offset)?;
    let rows = u64::try_from(metadata.file_metadata().num_rows())
        .map_err(|_| SealError::Damaged("a negative number of rows".to_owned()))?;
    let schema = schema(metadata.file_metadata().schema_descr())?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true).with_file_decryption_properties(properties);
    let reader = ArrowReaderMetadata::try_new(Arc::new(metadata), options).map_err(SealError::reading)?;
    Ok((CheckedTable { schema, rows }, reader))
}

fn metadata<R: ChunkReader>(
    file: &R,
    properties: &Arc<FileDecryptionProperties>,
) -> Result<ParquetMetaData, SealError> {
    ParquetMetaDataReader::new()
        .with_decryption_properties(Some(Arc::clone(properties)))
        .parse_and_finish(file)
        .map_err(SealError::reading)
}

fn check_columns(metadata: &ParquetMetaData, data_end: u64) -> Result<(), SealError> {
    for group in metadata.row_groups() {
        for chunk in group.columns() {
            let column = chunk.column_path().string();
            match chunk.crypto_metadata() {
                Some(ColumnCryptoMetaData::ENCRYPTION_WITH_FOOTER_KEY) => {}
                Some(ColumnCryptoMetaData::ENCRYPTION_WITH_COLUMN_KEY(_)) => {
                    return Err(SealError::ColumnKey { column });
                }
                None => return Err(SealError::UnencryptedColumn { column }),
            }
            let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
            let end = start.checked_add(chunk.compressed_size()).and_then(|end| u64::try_from(end).ok());
            if start < 4 || chunk.compressed_size() < 0 || end.is_none_or(|end| end > data_end) {
                return Err(SealError::Damaged(format!("column `{column}` lies outside of the file")));
            }
        }
    }
    Ok(())
}

/// The columns of a Parquet schema, by its own types.
pub(super) fn schema(descriptor: &SchemaDescriptor) -> Result<Schema, SealError> {
    let arrow = parquet_to_arrow_schema(descriptor, None).map_err(SealError::reading)?;
    let column = |field: &Arc<arrow::datatypes::Field>| match ColumnType::from_arrow(field.data_type()) {
        Some(kind) => Ok(Column { name: field.name().clone(), kind }),
        None => Err(SealError::UnsupportedType { column: field.name().clone(), found: field.data_type().to_string() }),
    };
    Schema::new(arrow.fields().iter().map(column).collect::<Result<_, _>>()?)
}
