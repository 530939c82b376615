//! CSV as RFC 4180 has it: a header, commas, quotes doubled inside quotes; UTF-8, with or without a byte order mark.

use std::{
    io::{self, Read, Write},
    mem,
    sync::Arc,
};

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use csv::{ByteRecord, ReaderBuilder};

use super::{
    cell,
    write::{SealedTable, TableWriter},
};
use crate::{Column, ColumnType, Schema, SealError, schema::check_names};

/// Bytes that one row may have; an unclosed quote would otherwise take the rest of the input for one cell.
pub(super) const ROW_BYTES_MAX: u64 = 16 << 20;
/// Rows that become columns at once.
const BATCH_ROWS: usize = 8192;
/// Bytes of text that become columns at once, whatever the rows.
const BATCH_BYTES: usize = 8 << 20;

/// Seals the CSV `input`, whose header must name the columns of `schema` in their order. `progress` hears of the rows
/// sealed so far. On an error, `output` holds the beginning of a file that no reader accepts; the caller removes it.
///
/// # Errors
/// [`SealError`] with line and column: `EmptyInput`, `NoRows`, `Header`, `Ragged`, `WrongType`, `NotUtf8`, `RowTooLong`,
/// `UnclosedQuote`; `Read` and `Write`.
pub fn seal_csv<R: Read, W: Write + Send>(
    input: R,
    output: W,
    schema: &Schema,
    key: &[u8; 32],
    aad_prefix: &[u8; 32],
    mut progress: impl FnMut(u64),
) -> Result<SealedTable, SealError> {
    let mut rows = Rows::open(input)?;
    rows.check_header(schema)?;
    let mut writer = TableWriter::new(output, schema, key, aad_prefix)?;
    let mut batch = Batch::new(schema);
    while let Some(row) = rows.next_row()? {
        batch.push(&row)?;
        if batch.is_full() {
            writer.write(&batch.take()?)?;
            progress(writer.rows());
        }
    }
    writer.write(&batch.take()?)?;
    progress(writer.rows());
    writer.finish()
}

/// The rows of a CSV file, each as wide as its header.
pub(super) struct Rows<R> {
    names: Vec<String>,
    reader: csv::Reader<Metered<R>>,
    record: ByteRecord,
    last_line: u64,
}

/// One row and where it starts.
pub(super) struct Row<'a> {
    pub(super) line: u64,
    names: &'a [String],
    record: &'a ByteRecord,
}

impl<R: Read> Rows<R> {
    /// Reads the header.
    pub(super) fn open(input: R) -> Result<Self, SealError> {
        let metered = Metered { input, row_bytes: 0, quotes_are_even: true };
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(metered);
        let mut record = ByteRecord::new();
        if !reader.read_byte_record(&mut record).map_err(|error| reading(error, 1))? {
            return Err(SealError::EmptyInput);
        }
        let name = |(index, bytes)| match std::str::from_utf8(bytes) {
            Ok(name) => Ok(name.to_owned()),
            Err(_) => Err(SealError::NotUtf8 { line: 1, column: format!("#{}", index + 1_usize) }),
        };
        let names = record.iter().enumerate().map(name).collect::<Result<Vec<_>, _>>()?;
        check_names(names.iter().map(String::as_str))?;
        Ok(Self { names, reader, record, last_line: 1 })
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The next row, or nothing at the end of the input.
    pub(super) fn next_row(&mut self) -> Result<Option<Row<'_>>, SealError> {
        self.reader.get_mut().row_bytes = 0;
        let line = self.reader.position().line();
        if !self.reader.read_byte_record(&mut self.record).map_err(|error| reading(error, line))? {
            let line = self.last_line;
            return if self.reader.get_ref().quotes_are_even {
                Ok(None)
            } else {
                Err(SealError::UnclosedQuote { line })
            };
        }
        let line = self.record.position().map_or(line, csv::Position::line);
        self.last_line = line;
        if self.record.len() != self.names.len() {
            return Err(SealError::Ragged { line, expected: self.names.len(), found: self.record.len() });
        }
        Ok(Some(Row { line, names: &self.names, record: &self.record }))
    }

    fn check_header(&self, schema: &Schema) -> Result<(), SealError> {
        let columns = schema.columns();
        for index in 0..columns.len().max(self.names.len()) {
            let expected = columns.get(index).map(|column| column.name.clone()).unwrap_or_default();
            let found = self.names.get(index).cloned().unwrap_or_default();
            if expected != found {
                return Err(SealError::Header { expected, found });
            }
        }
        Ok(())
    }
}

impl<'a> Row<'a> {
    /// The cells from left to right, nothing for an empty one.
    pub(super) fn cells(&self) -> impl Iterator<Item = Result<Option<&'a str>, SealError>> {
        let line = self.line;
        self.record.iter().zip(self.names).map(move |(bytes, name)| match std::str::from_utf8(bytes) {
            Ok("") => Ok(None),
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(SealError::NotUtf8 { line, column: name.clone() }),
        })
    }
}

/// A reader that refuses more than [`ROW_BYTES_MAX`] between two rows, and counts quotes.
struct Metered<R> {
    input: R,
    row_bytes: u64,
    quotes_are_even: bool,
}

/// Marks the error of a row that is too long on its way through `csv`.
#[derive(Debug, thiserror::Error)]
#[error("row too long")]
struct TooLong;

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.row_bytes = self.row_bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        if self.row_bytes > ROW_BYTES_MAX {
            return Err(io::Error::other(TooLong));
        }
        let quotes = buffer.iter().take(length).filter(|byte| **byte == b'"').count();
        self.quotes_are_even ^= quotes % 2 == 1;
        Ok(length)
    }
}

fn reading(error: csv::Error, line: u64) -> SealError {
    let io = io::Error::from(error);
    let is_too_long = io.get_ref().is_some_and(|source| {
        let inner = source.downcast_ref::<csv::Error>().map(csv::Error::kind);
        let direct = source.is::<TooLong>();
        direct || matches!(inner, Some(csv::ErrorKind::Io(error)) if error.get_ref().is_some_and(|e| e.is::<TooLong>()))
    });
    if is_too_long { SealError::RowTooLong { line, max: ROW_BYTES_MAX } } else { SealError::Read(io) }
}

/// Rows on their way to columns.
struct Batch<'a> {
    schema: &'a Schema,
    builders: Vec<Builder>,
    rows: usize,
    bytes: usize,
}

impl<'a> Batch<'a> {
    fn new(schema: &'a Schema) -> Self {
        let builders = schema.columns().iter().map(|column| Builder::new(column.kind)).collect();
        Self { schema, builders, rows: 0, bytes: 0 }
    }

    fn push(&mut self, row: &Row<'_>) -> Result<(), SealError> {
        for ((builder, column), cell) in self.builders.iter_mut().zip(self.schema.columns()).zip(row.cells()) {
            let cell = cell?;
            if !builder.push(cell) {
                return Err(wrong_type(row.line, column, cell.unwrap_or_default()));
            }
            self.bytes += cell.map_or(0, str::len);
        }
        self.rows += 1;
        Ok(())
    }

    const fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    fn take(&mut self) -> Result<RecordBatch, SealError> {
        (self.rows, self.bytes) = (0, 0);
        let arrays = self.builders.iter_mut().map(Builder::take).collect();
        RecordBatch::try_new(self.schema.to_arrow(), arrays).map_err(|error| SealError::Parquet(error.to_string()))
    }
}

fn wrong_type(line: u64, column: &Column, text: &str) -> SealError {
    let found = text.chars().take(40).collect();
    SealError::WrongType { line, column: column.name.clone(), expected: column.kind, found }
}

enum Builder {
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Float64(Float64Builder),
    Int64(Int64Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Utf8(StringBuilder),
}

impl Builder {
    fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::new()),
            ColumnType::Date => Self::Date(Date32Builder::new()),
            ColumnType::Float64 => Self::Float64(Float64Builder::new()),
            ColumnType::Int64 => Self::Int64(Int64Builder::new()),
            ColumnType::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            ColumnType::Utf8 => Self::Utf8(StringBuilder::new()),
        }
    }

    /// Whether `text`, where there is one, is of this column's type.
    fn push(&mut self, text: Option<&str>) -> bool {
        /// Appends what `read` makes of the text, unless it makes nothing of one that is there.
        macro_rules! append {
            ($builder:expr, $read:expr) => {{
                let value = text.map($read);
                $builder.append_option(value.flatten());
                value != Some(None)
            }};
        }
        match self {
            Self::Boolean(builder) => append!(builder, cell::boolean),
            Self::Date(builder) => append!(builder, cell::date),
            Self::Float64(builder) => append!(builder, cell::float64),
            Self::Int64(builder) => append!(builder, cell::int64),
            Self::Timestamp(builder) => append!(builder, cell::timestamp),
            Self::Utf8(builder) => append!(builder, Some),
        }
    }

    fn take(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(mem::take(builder).finish()),
            Self::Date(builder) => Arc::new(mem::take(builder).finish()),
            Self::Float64(builder) => Arc::new(mem::take(builder).finish()),
            Self::Int64(builder) => Arc::new(mem::take(builder).finish()),
            Self::Timestamp(builder) => Arc::new(mem::take(builder).finish()),
            Self::Utf8(builder) => Arc::new(mem::take(builder).finish()),
        }
    }
}
