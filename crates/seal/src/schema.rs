//! What a table's columns are: a name, one of six types, and whether values may be missing.

use std::{fmt, str::FromStr, sync::Arc};

use arrow::datatypes::{DataType, Field, TimeUnit};
use thiserror::Error;

use crate::SealError;

/// Columns that a table may have; Parquet encryption itself ends at 32,767.
pub(crate) const COLUMNS_MAX: usize = 4096;

/// The type of a column.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ColumnType {
    /// `true` or `false`.
    Boolean,
    /// A calendar day, written `2026-11-22`.
    Date,
    /// A 64-bit IEEE 754 number.
    Float64,
    /// A 64-bit signed integer.
    Int64,
    /// Microseconds since 1970 without a time zone, written `2026-11-22T01:54:56.000001`.
    Timestamp,
    /// Text.
    Utf8,
}

impl ColumnType {
    /// Every type.
    pub const ALL: [Self; 6] = [Self::Boolean, Self::Date, Self::Float64, Self::Int64, Self::Timestamp, Self::Utf8];

    /// The name that contracts and messages use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Float64 => "float64",
            Self::Int64 => "int64",
            Self::Timestamp => "timestamp",
            Self::Utf8 => "utf8",
        }
    }

    /// The Arrow type.
    #[must_use]
    pub const fn to_arrow(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Float64 => DataType::Float64,
            Self::Int64 => DataType::Int64,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Utf8 => DataType::Utf8,
        }
    }

    /// The type whose Arrow type is exactly `data_type`.
    #[must_use]
    pub fn from_arrow(data_type: &DataType) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.to_arrow() == *data_type)
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text names none of the column types.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("`{0}` is not one of int64, float64, utf8, boolean, date, timestamp")]
pub struct ColumnTypeParseError(pub String);

impl FromStr for ColumnType {
    type Err = ColumnTypeParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| ColumnTypeParseError(text.to_owned()))
    }
}

/// A column.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Column {
    /// Its name, unique in its table and not empty.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
}

/// A table's columns, in their order: at least one, no two of one name. Every value may be missing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Schema {
    columns: Vec<Column>,
}

impl Schema {
    /// Takes `columns` in their order.
    ///
    /// # Errors
    /// [`SealError::EmptyInput`] for none, [`SealError::TooManyColumns`], [`SealError::EmptyColumnName`],
    /// [`SealError::DuplicateColumn`].
    pub fn new(columns: Vec<Column>) -> Result<Self, SealError> {
        check_names(columns.iter().map(|column| column.name.as_str()))?;
        Ok(Self { columns })
    }

    /// The columns, in their order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The Arrow schema; every column is nullable.
    #[must_use]
    pub fn to_arrow(&self) -> Arc<arrow::datatypes::Schema> {
        let fields = self.columns.iter().map(|column| Field::new(&column.name, column.kind.to_arrow(), true));
        Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()))
    }
}

/// Refuses names that are none, too many, empty or not unique.
pub(crate) fn check_names<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> Result<(), SealError> {
    if names.len() == 0 {
        return Err(SealError::EmptyInput);
    }
    if names.len() > COLUMNS_MAX {
        return Err(SealError::TooManyColumns { found: names.len(), max: COLUMNS_MAX });
    }
    let mut seen = std::collections::HashSet::with_capacity(names.len());
    for (index, name) in names.enumerate() {
        if name.is_empty() {
            return Err(SealError::EmptyColumnName { position: index + 1 });
        }
        if !seen.insert(name) {
            return Err(SealError::DuplicateColumn(name.to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> Column {
        Column { name: name.to_owned(), kind: ColumnType::Int64 }
    }

    #[test]
    fn types_round_trip_through_their_names_and_arrow() {
        for kind in ColumnType::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(ColumnType::from_arrow(&kind.to_arrow()), Some(kind));
        }
        assert!("Int64".parse::<ColumnType>().is_err());
        assert_eq!(ColumnType::from_arrow(&DataType::Int32), None);
        assert_eq!(ColumnType::from_arrow(&DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))), None);
    }

    #[test]
    fn refuses_names_that_are_no_names() {
        assert!(matches!(Schema::new(vec![]), Err(SealError::EmptyInput)));
        assert!(matches!(Schema::new(vec![column("a"), column("")]), Err(SealError::EmptyColumnName { position: 2 })));
        assert!(matches!(Schema::new(vec![column("a"), column("a")]), Err(SealError::DuplicateColumn(_))));
        let many = (0..=COLUMNS_MAX).map(|index| column(&index.to_string())).collect();
        assert!(matches!(Schema::new(many), Err(SealError::TooManyColumns { .. })));
        assert!(Schema::new(vec![column("a"), column("A")]).is_ok());
    }
}
