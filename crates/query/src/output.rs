//! What leaves: the result as an Arrow IPC stream, and what each gate decided.

use std::io::Cursor;

use arrow::{
    array::RecordBatch,
    csv::WriterBuilder,
    datatypes::SchemaRef,
    error::ArrowError,
    ipc::{reader::StreamReader, writer::StreamWriter},
    util::pretty::pretty_format_batches,
};
use thiserror::Error;

/// A result that passed every gate.
#[derive(Clone, Debug)]
pub struct Output {
    /// Column names as in the SQL, and their types.
    pub schema: SchemaRef,
    /// The rows, as one batch (none if there are no rows).
    pub batches: Vec<RecordBatch>,
    /// `schema` and `batches` as one Arrow IPC stream: the bytes that are signed and leave.
    pub ipc: Vec<u8>,
    /// Every gate of every table of the view, in the tables' order.
    pub gates: Vec<GateOutcome>,
}

/// What one gate decided.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GateOutcome {
    /// The table whose owner set the gate.
    pub table: String,
    /// The gate with its threshold, like `min-entities 10`.
    pub gate: String,
    /// Whether the result passed. In an [`Output`] always true: one that doesn't pass is a refusal.
    pub passed: bool,
}

/// Result bytes that aren't an Arrow IPC stream.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The bytes can't be read or shown.
    #[error("the result isn't a readable Arrow stream")]
    Unreadable(#[from] ArrowError),
}

/// The result as a table for people.
///
/// # Errors
/// [`OutputError::Unreadable`] if `ipc` isn't an Arrow IPC stream.
pub fn to_pretty(ipc: &[u8]) -> Result<String, OutputError> {
    let (schema, mut batches) = read(ipc)?;
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    Ok(pretty_format_batches(&batches)?.to_string())
}

/// The result as CSV with a header line.
///
/// # Errors
/// [`OutputError::Unreadable`] if `ipc` isn't an Arrow IPC stream.
pub fn to_csv(ipc: &[u8]) -> Result<String, OutputError> {
    let (schema, mut batches) = read(ipc)?;
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    let mut bytes = Vec::new();
    let mut writer = WriterBuilder::new().with_header(true).build(&mut bytes);
    for batch in &batches {
        writer.write(batch)?;
    }
    drop(writer);
    String::from_utf8(bytes).map_err(|e| OutputError::Unreadable(ArrowError::ExternalError(Box::new(e))))
}

/// One IPC stream of the schema and its batches.
pub(crate) fn to_ipc(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.into_inner()
}

fn read(ipc: &[u8]) -> Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    let reader = StreamReader::try_new(Cursor::new(ipc), None)?;
    let schema = reader.schema();
    Ok((schema, reader.collect::<Result<_, _>>()?))
}
