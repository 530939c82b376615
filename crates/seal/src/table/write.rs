//! Writes encrypted Parquet in row groups of bounded size.

use std::io::Write;

use arrow::array::RecordBatch;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    encryption::encrypt::FileEncryptionProperties,
    file::properties::{WriterProperties, WriterVersion},
};

use crate::{Fingerprint, Schema, SealError, sink::Sink};

/// Rows of a row group: small enough for every core to get some of a million rows.
const ROW_GROUP_ROWS_MAX: usize = 1 << 18;
/// Encoded bytes of a row group, which the writer holds in memory. 32,767 of them, the format's limit, are 1 TiB.
const ROW_GROUP_BYTES_MAX: usize = 32 << 20;

/// What was sealed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SealedTable {
    /// The table's columns.
    pub schema: Schema,
    /// Its rows.
    pub rows: u64,
    /// The sealed file's length and SHA-256, which contracts pin.
    pub file: Fingerprint,
}

/// An encrypted Parquet file being written.
pub(super) struct TableWriter<W: Write + Send> {
    schema: Schema,
    rows: u64,
    writer: ArrowWriter<Sink<W>>,
}

impl<W: Write + Send> TableWriter<W> {
    pub(super) fn new(output: W, schema: &Schema, key: &[u8; 32], aad_prefix: &[u8; 32]) -> Result<Self, SealError> {
        let encryption = FileEncryptionProperties::builder(key.to_vec())
            .with_aad_prefix(aad_prefix.to_vec())
            .with_aad_prefix_storage(false)
            .with_plaintext_footer(false)
            .build()
            .map_err(SealError::writing)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES_MAX))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .with_file_encryption_properties(encryption)
            .build();
        let writer =
            ArrowWriter::try_new(Sink::new(output), schema.to_arrow(), Some(properties)).map_err(SealError::writing)?;
        Ok(Self { schema: schema.clone(), rows: 0, writer })
    }

    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), SealError> {
        self.writer.write(batch).map_err(SealError::writing)?;
        self.rows = self.rows.saturating_add(u64::try_from(batch.num_rows()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Writes the footer. A table without rows is refused: every gate counts rows, and none could pass.
    pub(super) fn finish(mut self) -> Result<SealedTable, SealError> {
        if self.rows == 0 {
            return Err(SealError::NoRows);
        }
        self.writer.finish().map_err(SealError::writing)?;
        let file = self.writer.inner().fingerprint();
        Ok(SealedTable { schema: self.schema, rows: self.rows, file })
    }
}
