//! A CSV file's column types, from all of its values.

use std::io::Read;

use super::{
    cell::{PREFERENCE, suits},
    csv::Rows,
};
use crate::{Column, ColumnType, Schema, SealError};

/// What a first pass over a CSV file found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InferredTable {
    /// The narrowest type of each column that holds all of its values: boolean, int64, float64, date, timestamp, utf8.
    pub schema: Schema,
    /// Rows, without the header.
    pub rows: u64,
}

/// Reads the whole CSV `input` and finds its columns' types. A column without any value is text.
///
/// # Errors
/// [`SealError`] with line and column, as [`super::seal_csv`] but for `Header` and `WrongType`.
pub fn infer_csv(input: impl Read) -> Result<InferredTable, SealError> {
    let mut rows = Rows::open(input)?;
    let mut candidates = vec![Candidates { suitable: [true; PREFERENCE.len()], seen: false }; rows.names().len()];
    let mut count = 0;
    while let Some(row) = rows.next_row()? {
        for (candidate, cell) in candidates.iter_mut().zip(row.cells()) {
            if let Some(text) = cell? {
                candidate.narrow(text);
            }
        }
        count += 1;
    }
    if count == 0 {
        return Err(SealError::NoRows);
    }
    let column = |(name, candidate): (&String, &Candidates)| Column { name: name.clone(), kind: candidate.best() };
    let schema = Schema::new(rows.names().iter().zip(&candidates).map(column).collect())?;
    Ok(InferredTable { schema, rows: count })
}

/// The types of [`PREFERENCE`] that all of a column's values so far have.
#[derive(Clone)]
struct Candidates {
    suitable: [bool; PREFERENCE.len()],
    seen: bool,
}

impl Candidates {
    fn narrow(&mut self, text: &str) {
        self.seen = true;
        for (suitable, kind) in self.suitable.iter_mut().zip(PREFERENCE) {
            *suitable = *suitable && suits(kind, text);
        }
    }

    fn best(&self) -> ColumnType {
        let narrowest = PREFERENCE.into_iter().zip(self.suitable).find(|(_, suitable)| *suitable);
        narrowest.filter(|_| self.seen).map_or(ColumnType::Utf8, |(kind, _)| kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<ColumnType> {
        infer_csv(text.as_bytes()).unwrap().schema.columns().iter().map(|column| column.kind).collect()
    }

    #[test]
    fn the_last_row_counts_as_much_as_the_first() {
        use ColumnType::{Date, Float64, Int64, Utf8};
        assert_eq!(kinds("a,b,c,d\n1,2,2026-01-01,\n3,4,2026-01-02,\n"), [Int64, Int64, Date, Utf8]);
        assert_eq!(kinds("a,b,c,d\n1,2,2026-01-01,\n3.5,x,2026-01-02 00:00,\n"), [Float64, Utf8, Utf8, Utf8]);
        assert_eq!(kinds("a,b\n,1\n2,\n"), [Int64, Int64]);
        // An integer that a float would round keeps its column from becoming one.
        assert_eq!(kinds("a\n0.5\n9007199254740993\n"), [Utf8]);
    }

    #[test]
    fn counts_rows_not_lines() {
        assert_eq!(infer_csv("a,b\r\n\"x\ny\",1\r\n\r\nz,2".as_bytes()).unwrap().rows, 2);
    }
}
