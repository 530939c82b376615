//! What a query may see: tables with their columns, entity and gate, and the sealed files behind them.

use std::{collections::BTreeSet, fmt, fs::File, str::FromStr, sync::Arc};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::QueryRefusal;

/// Names that start so are Casemate's own; neither a column nor an alias may.
pub(crate) const RESERVED_PREFIX: &str = "__casemate";

/// One dataset as this computation sees it: the view. A column that isn't listed doesn't exist for the query.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Table {
    /// The name that SQL uses. Lower-case letters, digits and `_`, starting with a letter.
    pub name: String,
    /// The column that says whose row it is. Must be listed in `columns`, as `int64` or `utf8`.
    pub entity: String,
    /// Columns and their exact types.
    pub columns: Vec<(String, ColumnType)>,
    /// What may leave.
    pub gate: Gate,
}

/// The type of a column in a sealed table.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ColumnType {
    /// True or false.
    Boolean,
    /// Days since 1970-01-01.
    Date32,
    /// IEEE 754 binary64.
    Float64,
    /// Signed 64-bit integer.
    Int64,
    /// Microseconds since 1970-01-01T00:00:00, no time zone.
    TimestampMicros,
    /// Text.
    Utf8,
}

/// An owner's conditions on what leaves. All of them hold for every result.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gate {
    /// Distinct entities that must stand behind every number that leaves. At least 1.
    pub min_entities: u32,
    /// Rows of the result.
    pub max_rows: u64,
    /// Bytes of the result as an Arrow IPC stream.
    pub max_bytes: u64,
}

/// A sealed table's bytes and what opens them.
pub struct Sealed {
    /// The sealed Parquet file, open for reading. Read by position only; its offset is neither used nor moved.
    pub file: File,
    /// The 256-bit dataset key. Held by the caller's secret memory until the file's footer is opened.
    pub key: Box<dyn AsRef<[u8]> + Send + Sync>,
    /// SHA-256(dataset id ‖ version id), not stored in the file.
    pub aad_prefix: [u8; 32],
}

impl Table {
    /// Finds what no view may have: bad or reserved names, no columns, a column twice, an entity column that isn't there or
    /// can't identify, no minimum.
    ///
    /// # Errors
    /// [`QueryRefusal::BadTable`], all findings together.
    pub fn validate(&self) -> Result<(), QueryRefusal> {
        let mut faults = Vec::new();
        if !is_plain_name(&self.name) {
            faults.push("its name must be lower-case letters, digits and `_`, starting with a letter".to_owned());
        }
        let mut seen = BTreeSet::new();
        for (column, _) in &self.columns {
            if column.is_empty() || column.starts_with(RESERVED_PREFIX) {
                faults.push(format!("column name `{column}` is empty or reserved"));
            }
            if !seen.insert(column.as_str()) {
                faults.push(format!("column `{column}` is listed twice"));
            }
        }
        match self.columns.iter().find(|(column, _)| *column == self.entity) {
            None => faults.push(format!("entity column `{}` isn't among its columns", self.entity)),
            Some((_, ColumnType::Int64 | ColumnType::Utf8)) => {}
            Some((_, other)) => {
                faults.push(format!("entity column `{}` is `{other}`, not `int64` or `utf8`", self.entity))
            }
        }
        if self.gate.min_entities == 0 {
            faults.push("its gate names no minimum of entities".to_owned());
        }
        if faults.is_empty() {
            return Ok(());
        }
        Err(QueryRefusal::BadTable { table: self.name.clone(), faults: faults.join("; ") })
    }

    /// The schema that SQL sees. Text is read as views, as DataFusion does by default.
    pub(crate) fn schema(&self) -> SchemaRef {
        let fields: Vec<Field> =
            self.columns.iter().map(|(name, kind)| Field::new(name, kind.in_memory(), true)).collect();
        Arc::new(Schema::new(fields))
    }
}

fn is_plain_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

impl ColumnType {
    /// Every type, in the order of their names.
    pub const ALL: [Self; 6] =
        [Self::Boolean, Self::Date32, Self::Float64, Self::Int64, Self::TimestampMicros, Self::Utf8];

    /// The Arrow type as it must lie in the sealed file.
    #[must_use]
    pub const fn in_file(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Date32 => DataType::Date32,
            Self::Float64 => DataType::Float64,
            Self::Int64 => DataType::Int64,
            Self::TimestampMicros => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Utf8 => DataType::Utf8,
        }
    }

    /// The Arrow type while a query runs.
    pub(crate) const fn in_memory(self) -> DataType {
        match self {
            Self::Utf8 => DataType::Utf8View,
            other => other.in_file(),
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::Date32 => "date32",
            Self::Float64 => "float64",
            Self::Int64 => "int64",
            Self::TimestampMicros => "timestamp-micros",
            Self::Utf8 => "utf8",
        })
    }
}

impl FromStr for ColumnType {
    type Err = String;

    /// The name that [`fmt::Display`] writes; anything else comes back as the error.
    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.to_string() == name).ok_or_else(|| name.to_owned())
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("file", &self.file).finish_non_exhaustive()
    }
}
