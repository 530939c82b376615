//! Seals a table that is a plaintext Parquet file. Types that fit one of ours without loss are widened to it.

use std::io::{Read, Write};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    compute::{CastOptions, cast_with_options},
    datatypes::{DataType, TimeUnit, TimestampNanosecondType},
    util::display::FormatOptions,
};
use parquet::{
    arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    file::reader::ChunkReader,
};

use super::write::{SealedTable, TableWriter};
use crate::{Column, ColumnType, Schema, SealError};

/// Rows that are read at once.
const BATCH_ROWS: usize = 8192;

/// Seals the plaintext Parquet file `input`. `progress` hears of the rows sealed so far. On an error, `output` holds the
/// beginning of a file that no reader accepts; the caller removes it.
///
/// # Errors
/// [`SealError`]: as [`parquet_schema`], then `NoRows`, `ValueLost`, `Parquet` for damaged pages, `Read` and `Write`.
pub fn seal_parquet<R: ChunkReader + 'static, W: Write + Send>(
    input: R,
    output: W,
    key: &[u8; 32],
    aad_prefix: &[u8; 32],
    mut progress: impl FnMut(u64),
) -> Result<SealedTable, SealError> {
    let metadata = open(&input)?;
    let schema = widened(&metadata)?;
    let mut writer = TableWriter::new(output, &schema, key, aad_prefix)?;
    let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(input, metadata)
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(SealError::reading)?;
    for batch in batches {
        let batch = batch.map_err(|error| SealError::Parquet(error.to_string()))?;
        writer.write(&widen(&batch, &schema)?)?;
        progress(writer.rows());
    }
    writer.finish()
}

/// The columns that [`seal_parquet`] would give the plaintext Parquet file `input`.
///
/// # Errors
/// `NotParquet`, `EmptyInput`, `Truncated`, `AlreadySealed`, `UnsupportedType` (nested columns are), and what
/// [`Schema::new`] refuses.
pub fn parquet_schema<R: ChunkReader>(input: &R) -> Result<Schema, SealError> {
    widened(&open(input)?)
}

fn open<R: ChunkReader>(input: &R) -> Result<ArrowReaderMetadata, SealError> {
    let mut head = Vec::new();
    let start = input.get_read(0).map_err(SealError::reading)?;
    start.take(4).read_to_end(&mut head).map_err(SealError::Read)?;
    match head.as_slice() {
        b"" => return Err(SealError::EmptyInput),
        b"PARE" => return Err(SealError::AlreadySealed),
        b"PAR1" => {}
        _ => return Err(SealError::NotParquet),
    }
    // A file with this magic at its start and none at its end was cut off.
    let mut tail = Vec::new();
    let end = input.get_read(input.len().saturating_sub(4)).map_err(SealError::reading)?;
    end.take(4).read_to_end(&mut tail).map_err(SealError::Read)?;
    if input.len() < 12 || tail != b"PAR1" {
        return Err(SealError::Truncated);
    }
    ArrowReaderMetadata::load(input, ArrowReaderOptions::new()).map_err(SealError::reading)
}

fn widened(metadata: &ArrowReaderMetadata) -> Result<Schema, SealError> {
    let column = |field: &arrow::datatypes::FieldRef| match wider(field.data_type()) {
        Some(kind) => Ok(Column { name: field.name().clone(), kind }),
        None => Err(SealError::UnsupportedType { column: field.name().clone(), found: field.data_type().to_string() }),
    };
    Schema::new(metadata.schema().fields().iter().map(column).collect::<Result<_, _>>()?)
}

/// The type of ours that every value of `data_type` fits, or nearly every: the exceptions are refused one by one.
fn wider(data_type: &DataType) -> Option<ColumnType> {
    match data_type {
        DataType::Boolean => Some(ColumnType::Boolean),
        DataType::Date32 => Some(ColumnType::Date),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Some(ColumnType::Float64),
        integer if integer.is_integer() => Some(ColumnType::Int64),
        DataType::Timestamp(_, None) => Some(ColumnType::Timestamp),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(ColumnType::Utf8),
        DataType::Dictionary(_, value) => wider(value),
        _ => None,
    }
}

fn widen(batch: &RecordBatch, schema: &Schema) -> Result<RecordBatch, SealError> {
    let column = |(array, column): (&ArrayRef, &Column)| {
        let lost = || SealError::ValueLost { column: column.name.clone(), expected: column.kind };
        if is_finer_than_microseconds(array) {
            return Err(lost());
        }
        // `safe: false` makes an overflow an error and not a missing value.
        let options = CastOptions { safe: false, format_options: FormatOptions::default() };
        cast_with_options(array, &column.kind.to_arrow(), &options).map_err(|_| lost())
    };
    let arrays = batch.columns().iter().zip(schema.columns()).map(column).collect::<Result<_, _>>()?;
    RecordBatch::try_new(schema.to_arrow(), arrays).map_err(|error| SealError::Parquet(error.to_string()))
}

fn is_finer_than_microseconds(array: &ArrayRef) -> bool {
    *array.data_type() == DataType::Timestamp(TimeUnit::Nanosecond, None)
        && array.as_primitive::<TimestampNanosecondType>().iter().flatten().any(|nanos| nanos % 1000 != 0)
}
