//! A sealed table back as CSV, for its owner.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType},
};
use parquet::{arrow::arrow_reader::ParquetRecordBatchReaderBuilder, file::reader::ChunkReader};

use super::check::{self, CheckedTable};
use crate::{ColumnType, Schema, SealError};

/// Rows that are read at once.
const BATCH_ROWS: usize = 8192;

/// Writes the sealed table `file` as CSV after all checks of [`super::check_sealed`]. [`super::infer_csv`] reads the same
/// types back, save that a column of numbers kept as text becomes numbers. `progress` hears of the rows written so far.
/// On an error, `output` holds a beginning only; the caller removes it.
///
/// # Errors
/// As [`super::check_sealed`], then `Parquet` for a page that does not authenticate, `Read` and `Write`.
pub fn unseal_to_csv<R: ChunkReader + 'static, W: Write>(
    file: R,
    output: W,
    key: &[u8; 32],
    aad_prefix: &[u8; 32],
    mut progress: impl FnMut(u64),
) -> Result<CheckedTable, SealError> {
    let (table, metadata) = check::open(&file, key, aad_prefix)?;
    let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(SealError::reading)?;
    let mut writer = csv::Writer::from_writer(output);
    writer.write_record(table.schema.columns().iter().map(|column| &column.name)).map_err(writing)?;
    let mut rows = 0_u64;
    for batch in batches {
        let batch = batch.map_err(|error| SealError::Parquet(error.to_string()))?;
        write_rows(&mut writer, &batch, &table.schema)?;
        rows = rows.saturating_add(u64::try_from(batch.num_rows()).unwrap_or(u64::MAX));
        progress(rows);
    }
    writer.flush().map_err(SealError::Write)?;
    Ok(table)
}

fn write_rows<W: Write>(writer: &mut csv::Writer<W>, batch: &RecordBatch, schema: &Schema) -> Result<(), SealError> {
    let mut text = String::new();
    for row in 0..batch.num_rows() {
        for (array, column) in batch.columns().iter().zip(schema.columns()) {
            text.clear();
            if !array.is_null(row) {
                print(array, row, column.kind, &mut text);
            }
            writer.write_field(&text).map_err(writing)?;
        }
        writer.write_record(None::<&[u8]>).map_err(writing)?;
    }
    Ok(())
}

/// Appends the value at `row`, as [`super::cell`] reads it.
fn print(array: &dyn Array, row: usize, kind: ColumnType, text: &mut String) {
    // Writing to a `String` cannot fail.
    let _ = match kind {
        ColumnType::Boolean => write!(text, "{}", array.as_boolean().value(row)),
        ColumnType::Date => write_date(text, i64::from(array.as_primitive::<Date32Type>().value(row))),
        // `Debug` is the shortest text that reads back to the same number, and always looks like a float.
        ColumnType::Float64 => write!(text, "{:?}", array.as_primitive::<Float64Type>().value(row)),
        ColumnType::Int64 => write!(text, "{}", array.as_primitive::<Int64Type>().value(row)),
        ColumnType::Timestamp => write_timestamp(text, array.as_primitive::<TimestampMicrosecondType>().value(row)),
        ColumnType::Utf8 => write!(text, "{}", array.as_string::<i32>().value(row)),
    };
}

fn write_timestamp(text: &mut String, micros: i64) -> std::fmt::Result {
    let (seconds, micro) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    write_date(text, seconds.div_euclid(86_400))?;
    let second = seconds.rem_euclid(86_400);
    write!(text, "T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)?;
    if micro == 0 { Ok(()) } else { write!(text, ".{micro:06}") }
}

/// Civil from days, with the year beginning in March so that the leap day is its last.
fn write_date(text: &mut String, days: i64) -> std::fmt::Result {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    write!(text, "{year:04}-{month:02}-{day:02}")
}

fn writing(error: csv::Error) -> SealError {
    SealError::Write(io::Error::from(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::cell;

    #[test]
    fn dates_and_times_read_back() {
        for days in (-719_468..2_932_896).step_by(97) {
            let mut text = String::new();
            write_date(&mut text, i64::from(days)).unwrap();
            assert_eq!(cell::date(&text), Some(days), "{text}");
        }
        for micros in [0, -1, 1, 1_795_312_496_000_000, -100_000, 951_782_399_999_999] {
            let mut text = String::new();
            write_timestamp(&mut text, micros).unwrap();
            assert_eq!(cell::timestamp(&text), Some(micros), "{text}");
        }
    }
}
