//! A sealed file: its footer opened and checked once, and that footer handed to every scan.
//!
//! 1. The file ends in `PARE`: encrypted footer. [Parquet Modular Encryption §5.1]
//! 2. The crypto metadata names AES_GCM_V1. [§5.1, thrift `FileCryptoMetaData`]
//! 3. The footer opens with this key and AAD prefix.
//! 4. Every column of every row group is encrypted with the footer key.
//! 5. The contract's columns are there, with the contract's types; there is at least one row.
//!
//! The bytes may change under the open file, as the host owns the disk. So the scan never parses a footer again, which could by
//! then be a plaintext one: it gets the checked metadata, whose columns are all encrypted, and every page must authenticate.

use std::{collections::BTreeSet, fmt, fs::File, io, ops::Range, os::unix::fs::FileExt, sync::Arc};

use arrow::datatypes::DataType;
use bytes::Bytes;
use datafusion::{
    datasource::{listing::PartitionedFile, physical_plan::ParquetFileReaderFactory},
    error::{DataFusionError, Result as DataFusionResult},
    physical_plan::metrics::ExecutionPlanMetricsSet,
};
use futures::{FutureExt, future::BoxFuture};
use parquet::{
    arrow::{arrow_reader::ArrowReaderOptions, async_reader::AsyncFileReader, parquet_to_arrow_schema},
    encryption::decrypt::FileDecryptionProperties,
    errors::{ParquetError, Result as ParquetResult},
    file::{
        column_crypto_metadata::ColumnCryptoMetaData,
        metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader},
        reader::{ChunkReader, Length},
    },
};

use crate::{ColumnType, QueryRefusal, Sealed, SealedFault, Table};

const KEY_BYTES: usize = 32;
const MAGIC_ENCRYPTED_FOOTER: &[u8; 4] = b"PARE";
const MAGIC_PLAINTEXT_FOOTER: &[u8; 4] = b"PAR1";
/// Field 1 of `FileCryptoMetaData` (a struct), then field 1 of the union `EncryptionAlgorithm`, in thrift's compact protocol.
const AES_GCM_V1: &[u8; 2] = &[0x1c, 0x1c];
const TAIL_BYTES: u64 = 8;

/// A sealed file that passed.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    bytes: Arc<FdBytes>,
    metadata: Arc<ParquetMetaData>,
    /// Columns that have no NULL, by the file's own (authenticated) statistics.
    pub(crate) never_null: BTreeSet<String>,
}

impl Opened {
    /// Opens and checks the footer.
    pub(crate) fn open(table: &Table, sealed: Sealed) -> Result<Self, QueryRefusal> {
        let refuse = |fault| QueryRefusal::SealedFile { table: table.name.clone(), fault };
        let bytes = FdBytes::new(sealed.file).map_err(|_| refuse(SealedFault::Unreadable))?;
        check_tail(&bytes).map_err(refuse)?;
        let metadata = open_footer(&bytes, (*sealed.key).as_ref(), &sealed.aad_prefix).map_err(refuse)?;
        check_columns_sealed(&metadata).map_err(refuse)?;
        check_schema(table, &metadata).map_err(refuse)?;
        let never_null = never_null(&metadata);
        Ok(Self { bytes: Arc::new(bytes), metadata: Arc::new(metadata), never_null })
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.bytes.len
    }

    pub(crate) fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

fn check_tail(bytes: &FdBytes) -> Result<(), SealedFault> {
    let at = bytes.len.checked_sub(TAIL_BYTES).ok_or(SealedFault::NotParquet)?;
    let mut tail = [0; 8];
    bytes.file.read_exact_at(&mut tail, at).map_err(|_| SealedFault::Unreadable)?;
    let [a, b, c, d, magic @ ..] = tail;
    match &magic {
        MAGIC_ENCRYPTED_FOOTER => {}
        MAGIC_PLAINTEXT_FOOTER => return Err(SealedFault::PlaintextFooter),
        _ => return Err(SealedFault::NotParquet),
    }
    let footer_bytes = u64::from(u32::from_le_bytes([a, b, c, d]));
    let start = at.checked_sub(footer_bytes).ok_or(SealedFault::NotParquet)?;
    let mut algorithm = [0; 2];
    bytes.file.read_exact_at(&mut algorithm, start).map_err(|_| SealedFault::Unreadable)?;
    if &algorithm == AES_GCM_V1 { Ok(()) } else { Err(SealedFault::NotAesGcm) }
}

fn open_footer(bytes: &FdBytes, key: &[u8], aad_prefix: &[u8; 32]) -> Result<ParquetMetaData, SealedFault> {
    if key.len() != KEY_BYTES {
        return Err(SealedFault::WrongKeyOrVersion);
    }
    let properties = FileDecryptionProperties::builder(key.to_vec())
        .with_aad_prefix(aad_prefix.to_vec())
        .build()
        .map_err(|_| SealedFault::WrongKeyOrVersion)?;
    ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Optional)
        .with_decryption_properties(Some(properties))
        .parse_and_finish(bytes)
        .map_err(|_| SealedFault::WrongKeyOrVersion)
}

fn check_columns_sealed(metadata: &ParquetMetaData) -> Result<(), SealedFault> {
    for column in metadata.row_groups().iter().flat_map(|group| group.columns()) {
        if !matches!(column.crypto_metadata(), Some(ColumnCryptoMetaData::ENCRYPTION_WITH_FOOTER_KEY)) {
            return Err(SealedFault::ColumnNotSealed { column: column.column_path().string() });
        }
    }
    Ok(())
}

fn check_schema(table: &Table, metadata: &ParquetMetaData) -> Result<(), SealedFault> {
    let file = metadata.file_metadata();
    let schema =
        parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata()).map_err(|_| SealedFault::NotParquet)?;
    for (column, kind) in &table.columns {
        let mut found = schema.fields().iter().filter(|field| field.name() == column);
        let (Some(field), None) = (found.next(), found.next()) else {
            return Err(SealedFault::ColumnMissing { column: column.clone() });
        };
        if !is_kind(field.data_type(), *kind) {
            return Err(SealedFault::ColumnType {
                column: column.clone(),
                expected: kind.to_string(),
                actual: field.data_type().to_string(),
            });
        }
    }
    if metadata.row_groups().iter().all(|group| group.num_rows() == 0) {
        return Err(SealedFault::NoRows);
    }
    Ok(())
}

/// Text is one type in Parquet; Arrow's hint in the file only says how the writer held it.
fn is_kind(actual: &DataType, kind: ColumnType) -> bool {
    match kind {
        ColumnType::Utf8 => matches!(actual, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
        other => *actual == other.in_file(),
    }
}

fn never_null(metadata: &ParquetMetaData) -> BTreeSet<String> {
    let groups = metadata.row_groups();
    let columns = metadata.file_metadata().schema_descr().columns();
    let without_null = |i: usize| {
        groups.iter().all(|group| {
            group.columns().get(i).and_then(|c| c.statistics()).and_then(|s| s.null_count_opt()) == Some(0)
        })
    };
    columns
        .iter()
        .enumerate()
        .filter(|(i, column)| column.path().parts().len() == 1 && without_null(*i))
        .map(|(_, column)| column.name().to_owned())
        .collect()
}

/// An open file, read by position.
#[derive(Debug)]
struct FdBytes {
    file: File,
    len: u64,
}

impl FdBytes {
    fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len })
    }

    fn read(&self, range: &Range<u64>) -> ParquetResult<Bytes> {
        let inside = range.start <= range.end && range.end <= self.len;
        let length = range.end.checked_sub(range.start).and_then(|n| usize::try_from(n).ok());
        let (true, Some(length)) = (inside, length) else {
            return Err(ParquetError::EOF("range outside the file".to_owned()));
        };
        let mut buffer = vec![0; length];
        self.file.read_exact_at(&mut buffer, range.start)?;
        Ok(buffer.into())
    }
}

impl Length for FdBytes {
    fn len(&self) -> u64 {
        self.len
    }
}

impl ChunkReader for FdBytes {
    type T = io::Cursor<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        self.read(&(start..self.len)).map(io::Cursor::new)
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        self.read(&(start..start.saturating_add(length)))
    }
}

/// Gives scans the checked footer and positioned reads of one sealed file; without a file (a plan only), nothing.
pub(crate) struct SealedReaders(pub(crate) Option<Opened>);

impl fmt::Debug for SealedReaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SealedReaders").finish_non_exhaustive()
    }
}

impl ParquetFileReaderFactory for SealedReaders {
    fn create_reader(
        &self,
        _: usize,
        _: PartitionedFile,
        _: Option<usize>,
        _: &ExecutionPlanMetricsSet,
    ) -> DataFusionResult<Box<dyn AsyncFileReader + Send>> {
        match &self.0 {
            Some(opened) => Ok(Box::new(SealedReader(opened.clone()))),
            None => Err(DataFusionError::Internal("a plan made without data can't run".to_owned())),
        }
    }
}

struct SealedReader(Opened);

impl AsyncFileReader for SealedReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        futures::future::ready(self.0.bytes.read(&range)).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        futures::future::ready(Ok(Arc::clone(&self.0.metadata))).boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use arrow::{
        array::{ArrayRef, Float64Array, Int64Array, RecordBatch},
        util::pretty::pretty_format_batches,
    };
    use datafusion::{error::Result as PlanResult, prelude::DataFrame};
    use parquet::{
        arrow::ArrowWriter, encryption::encrypt::FileEncryptionProperties, file::properties::WriterProperties,
    };

    use super::*;
    use crate::{Gate, Limits, session::session};

    const KEY: [u8; 32] = [3; 32];
    const AAD_PREFIX: [u8; 32] = [4; 32];

    fn table() -> Table {
        Table {
            name: "t".into(),
            entity: "id".into(),
            columns: vec![("id".into(), ColumnType::Int64), ("x".into(), ColumnType::Float64)],
            gate: Gate { min_entities: 1, max_rows: 10, max_bytes: 1000 },
        }
    }

    fn parquet(x: f64, sealed: bool) -> Vec<u8> {
        let id: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let x: ArrayRef = Arc::new(Float64Array::from(vec![Some(x), None]));
        let rows = RecordBatch::try_from_iter_with_nullable([("id", id, true), ("x", x, true)]).unwrap();
        let mut properties = WriterProperties::builder();
        if sealed {
            let encryption = FileEncryptionProperties::builder(KEY.to_vec())
                .with_aad_prefix(AAD_PREFIX.to_vec())
                .with_aad_prefix_storage(false)
                .build()
                .unwrap();
            properties = properties.with_file_encryption_properties(encryption);
        }
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), Some(properties.build())).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
        bytes
    }

    fn overwrite(file: &mut File, bytes: &[u8]) {
        file.set_len(0).unwrap();
        file.rewind().unwrap();
        file.write_all(bytes).unwrap();
    }

    /// Opens a sealed file, lets the host change it, then reads all of it.
    fn read_after(change: impl FnOnce(&mut File)) -> PlanResult<String> {
        let mut file = tempfile::tempfile().unwrap();
        overwrite(&mut file, &parquet(1.0, true));
        let sealed = Sealed { file: file.try_clone().unwrap(), key: Box::new(KEY), aad_prefix: AAD_PREFIX };
        let opened = Opened::open(&table(), sealed).unwrap();
        assert_eq!(opened.never_null, BTreeSet::from(["id".to_owned()]));
        change(&mut file);
        let state = session(&[(table(), Some(opened))], Limits { memory_bytes: 1 << 24, threads: 1 })?;
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let plan = state.create_logical_plan("SELECT x FROM t").await?;
            let rows = DataFrame::new(state, plan).collect().await?;
            Ok(pretty_format_batches(&rows)?.to_string())
        })
    }

    #[test]
    fn an_unchanged_file_is_read() {
        assert!(read_after(|_| {}).unwrap().contains("| 1.0 |"));
    }

    /// A second reading of the footer would take the host's plaintext file for the owner's.
    #[test]
    fn a_plaintext_file_put_under_the_open_one_is_not_read() {
        let changed = read_after(|file| overwrite(file, &parquet(666.0, false)));
        assert!(changed.is_err(), "{changed:?}");
    }

    #[test]
    fn another_file_of_the_same_key_put_under_the_open_one_is_not_read() {
        let changed = read_after(|file| overwrite(file, &parquet(666.0, true)));
        assert!(changed.is_err(), "{changed:?}");
    }

    #[test]
    fn a_file_cut_while_open_is_not_read() {
        assert!(read_after(|file| file.set_len(10).unwrap()).is_err());
    }

    #[test]
    fn unencrypted_columns_are_found() {
        let plain = ParquetMetaDataReader::new().parse_and_finish(&Bytes::from(parquet(1.0, false))).unwrap();
        assert_eq!(check_columns_sealed(&plain), Err(SealedFault::ColumnNotSealed { column: "id".into() }));
    }

    #[test]
    fn reads_stay_inside_the_file() {
        let mut file = tempfile::tempfile().unwrap();
        overwrite(&mut file, b"0123456789");
        let bytes = FdBytes::new(file).unwrap();
        assert_eq!(bytes.read(&(2..5)).unwrap(), "234");
        #[expect(clippy::reversed_empty_ranges, reason = "what a hostile footer could ask for")]
        for range in [5..2, 5..11, 11..12, 0..u64::MAX] {
            assert!(bytes.read(&range).is_err());
        }
    }
}
