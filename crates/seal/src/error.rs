//! Why something was not sealed or not opened. Lines count from 1 and include the header.

use std::io;

use parquet::errors::ParquetError;
use thiserror::Error;

use crate::ColumnType;

/// Why something was not sealed or not opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The file stores its AAD prefix. Fault: who sealed it. Remedy: seal with `store_aad_prefix=False`.
    #[error("the file stores its AAD prefix; seal it without (`store_aad_prefix=False`)")]
    AadPrefixStored,
    /// The page cipher is AES-GCM-CTR, which authenticates no page. Remedy: seal with AES-GCM.
    #[error("the pages are sealed with AES-GCM-CTR, which does not authenticate them; seal with AES-GCM")]
    AesGcmCtr,
    /// The input of `seal` is sealed already.
    #[error("the table is encrypted already")]
    AlreadySealed,
    /// An age file is damaged, truncated, or of an unknown version.
    #[error("not an intact age file: {0}")]
    Blob(String),
    /// A column is sealed under a key of its own, which nobody would release.
    #[error("column `{column}` is sealed under a key of its own; seal all columns with the footer key")]
    ColumnKey {
        /// The column's name.
        column: String,
    },
    /// The metadata is authentic but contradicts itself or the file's length.
    #[error("damaged Parquet metadata: {0}")]
    Damaged(String),
    /// Two columns have one name.
    #[error("line 1: two columns are named `{0}`")]
    DuplicateColumn(String),
    /// A column has no name.
    #[error("line 1: column {position} has no name")]
    EmptyColumnName {
        /// The column's position, from 1.
        position: usize,
    },
    /// The input has no bytes, or a table without columns.
    #[error("the input is empty; a table starts with a line of column names")]
    EmptyInput,
    /// The header does not name the columns of the given schema, in their order.
    #[error("line 1: the header names `{found}` where the schema says `{expected}`")]
    Header {
        /// The column's name by the schema, or nothing.
        expected: String,
        /// The column's name in the file, or nothing.
        found: String,
    },
    /// The table has columns but no rows.
    #[error("the table has a header but no rows")]
    NoRows,
    /// The input is not a Parquet file.
    #[error("not a Parquet file")]
    NotParquet,
    /// Text is not UTF-8.
    #[error("line {line}, column `{column}`: not UTF-8; convert the file first")]
    NotUtf8 {
        /// Where the row starts.
        line: u64,
        /// The column's name.
        column: String,
    },
    /// Parquet itself refused: the input's pages, or their encryption.
    #[error("parquet: {0}")]
    Parquet(String),
    /// The footer is readable by anyone.
    #[error("the footer is not encrypted; seal with an encrypted footer")]
    PlaintextFooter,
    /// A row has more or fewer fields than the header.
    #[error("line {line}: {found} fields where the header has {expected}")]
    Ragged {
        /// Where the row starts.
        line: u64,
        /// Fields in the header.
        expected: usize,
        /// Fields in the row.
        found: usize,
    },
    /// The input could not be read.
    #[error("cannot read the input: {0}")]
    Read(#[source] io::Error),
    /// A recipient or secret key is not an age X25519 key.
    #[error("`{0}` is not an age recipient (`age1…`)")]
    Recipient(String),
    /// One row is longer than its reader allows.
    #[error("line {line}: a row of more than {max} bytes; is a quote left open?")]
    RowTooLong {
        /// Where the row starts.
        line: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// More columns than a table may have.
    #[error("{found} columns where at most {max} are allowed")]
    TooManyColumns {
        /// Columns found.
        found: usize,
        /// Columns allowed.
        max: usize,
    },
    /// The file ends before its metadata says it does.
    #[error("the file is truncated")]
    Truncated,
    /// A quote is never closed.
    #[error("a `\"` is never closed (the last row starts on line {line}); quote fields that hold one, and double it")]
    UnclosedQuote {
        /// Where the last row starts.
        line: u64,
    },
    /// A column of a sealed table is readable by anyone.
    #[error("column `{column}` is not encrypted; seal all columns with the footer key")]
    UnencryptedColumn {
        /// The column's name.
        column: String,
    },
    /// A column's type is none that tables may have.
    #[error("column `{column}` has type `{found}`; cast it to one of int64, float64, utf8, boolean, date, timestamp")]
    UnsupportedType {
        /// The column's name.
        column: String,
        /// Its type.
        found: String,
    },
    /// A value would lose digits in its column's type.
    #[error("column `{column}`: a value does not fit `{expected}` without loss")]
    ValueLost {
        /// The column's name.
        column: String,
        /// The type it was to become.
        expected: ColumnType,
    },
    /// The output could not be written.
    #[error("cannot write the output: {0}")]
    Write(#[source] io::Error),
    /// The key opens the file, but the file is another dataset's or another version's.
    #[error("the file was sealed for another dataset or another version of this one")]
    WrongAad,
    /// The key is not this file's.
    #[error("the key does not open this file")]
    WrongKey,
    /// A value is not of its column's type.
    #[error("line {line}, column `{column}`: `{found}` is not {expected}")]
    WrongType {
        /// Where the row starts.
        line: u64,
        /// The column's name.
        column: String,
        /// The column's type.
        expected: ColumnType,
        /// The value, shortened.
        found: String,
    },
}

impl SealError {
    /// An error of reading Parquet.
    pub(crate) fn reading(error: ParquetError) -> Self {
        match error {
            ParquetError::EOF(_) | ParquetError::NeedMoreData(_) | ParquetError::NeedMoreDataRange(_) => {
                Self::Truncated
            }
            ParquetError::External(source) => match source.downcast::<io::Error>() {
                Ok(error) => Self::Read(*error),
                Err(source) => Self::Parquet(source.to_string()),
            },
            other => Self::Parquet(other.to_string()),
        }
    }

    /// An error of writing Parquet.
    pub(crate) fn writing(error: ParquetError) -> Self {
        match Self::reading(error) {
            Self::Read(error) => Self::Write(error),
            other => other,
        }
    }
}
