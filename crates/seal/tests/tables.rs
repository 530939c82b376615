//! Sealed tables: what goes in comes out, and one test for each way in which a file or an input can be wrong.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::{fmt::Write as _, sync::Arc};

use arrow::{
    array::{
        ArrayRef, Float32Array, Int32Array, ListBuilder, RecordBatch, StringViewArray, TimestampMicrosecondArray,
        TimestampNanosecondArray, UInt64Array, builder::Int64Builder,
    },
    datatypes::Schema as ArrowSchema,
};
use bytes::Bytes;
use casemate_seal::{ColumnType, Fingerprint, Schema, SealError, aad_prefix, fingerprint, table};
use parquet::{arrow::ArrowWriter, encryption::encrypt::FileEncryptionProperties, file::properties::WriterProperties};

const KEY: [u8; 32] = [7; 32];
const VISITS: &str = "patient,score,ward,discharged,born,seen\n\
    1,0.5,\"north, upper\",true,1970-02-28,2026-11-22T01:54:56\n\
    2,-1e300,,false,2000-02-29,2026-11-22T01:54:56.000001\n\
    3,,\"say \"\"aah\"\"\",,,\n";

fn prefix() -> [u8; 32] {
    aad_prefix(&[1; 16], &[2; 16])
}

fn seal(text: &str) -> Result<(Bytes, table::SealedTable), SealError> {
    let inferred = table::infer_csv(text.as_bytes())?;
    seal_as(text, &inferred.schema)
}

fn seal_as(text: &str, schema: &Schema) -> Result<(Bytes, table::SealedTable), SealError> {
    let mut output = Vec::new();
    let sealed = table::seal_csv(text.as_bytes(), &mut output, schema, &KEY, &prefix(), |_| {})?;
    Ok((Bytes::from(output), sealed))
}

fn unseal(file: &Bytes) -> Result<String, SealError> {
    let mut output = Vec::new();
    table::unseal_to_csv(file.clone(), &mut output, &KEY, &prefix(), |_| {})?;
    Ok(String::from_utf8(output).unwrap())
}

fn check(file: &[u8]) -> Result<table::CheckedTable, SealError> {
    table::check_sealed(&Bytes::copy_from_slice(file), &KEY, &prefix())
}

#[test]
fn a_table_comes_back_as_it_went_in() {
    let (file, sealed) = seal(VISITS).unwrap();
    use ColumnType::{Boolean, Date, Float64, Int64, Timestamp, Utf8};
    let kinds: Vec<_> = sealed.schema.columns().iter().map(|column| column.kind).collect();
    assert_eq!(kinds, [Int64, Float64, Utf8, Boolean, Date, Timestamp]);
    assert_eq!(sealed.rows, 3);
    assert_eq!(sealed.file, fingerprint(&*file).unwrap());
    assert_eq!(check(&file).unwrap(), table::CheckedTable { schema: sealed.schema, rows: 3 });
    assert_eq!(unseal(&file).unwrap(), VISITS);
}

#[test]
fn no_cell_lies_readable_in_the_file() {
    let (file, _) = seal("name,ward\nUnmistakable,quarantine\n").unwrap();
    for text in ["Unmistakable", "quarantine", "name", "ward"] {
        assert!(!file.windows(text.len()).any(|window| window == text.as_bytes()), "{text}");
    }
}

#[test]
fn sealing_twice_shares_no_bytes_but_the_format_s() {
    let (one, two) = (seal(VISITS).unwrap(), seal(VISITS).unwrap());
    let same = one.0.iter().zip(&two.0).filter(|(a, b)| a == b).count();
    assert!(same < one.0.len() / 10, "{same} of {}", one.0.len());
}

#[test]
fn refuses_wrong_keys_and_swapped_files() {
    let (file, _) = seal(VISITS).unwrap();
    // Without a prefix to compare, a reader that was given the swapped file's own would open it: that is the attack.
    for (crime, dataset, version) in [("other dataset", [9; 16], [2; 16]), ("older version", [1; 16], [9; 16])] {
        let swapped = aad_prefix(&dataset, &version);
        let mut other = Vec::new();
        let schema = table::infer_csv(VISITS.as_bytes()).unwrap().schema;
        table::seal_csv(VISITS.as_bytes(), &mut other, &schema, &KEY, &swapped, |_| {}).unwrap();
        let other = Bytes::from(other);
        assert!(table::check_sealed(&other, &KEY, &swapped).is_ok(), "{crime}");
        assert!(matches!(check(&other), Err(SealError::WrongAad)), "{crime}");
    }
    let wrong_key = table::check_sealed(&file, &[8; 32], &prefix());
    assert!(matches!(wrong_key, Err(SealError::WrongKey)), "{wrong_key:?}");
    assert!(matches!(table::check_sealed(&file, &[8; 32], &[0; 32]), Err(SealError::WrongKey)));
}

#[test]
fn refuses_every_truncation_and_addition() {
    let (file, _) = seal("a\n1\n").unwrap();
    for length in 0..file.len() {
        let error = check(&file[..length]).unwrap_err();
        let expected = match length {
            0 => matches!(error, SealError::EmptyInput),
            1..16 => matches!(error, SealError::NotParquet),
            _ => matches!(error, SealError::Truncated),
        };
        assert!(expected, "{length}: {error:?}");
    }
    assert!(matches!(check(&[&*file, b"x"].concat()), Err(SealError::Truncated)));
    // The tail whole, the middle gone.
    for cut in [1, 8, 40] {
        let shorter = [&file[..4], &file[4 + cut..]].concat();
        assert!(unseal(&Bytes::from(shorter)).is_err(), "{cut}");
    }
}

#[test]
fn refuses_every_flipped_byte() {
    let (file, _) = seal("a,b\n1,x\n2,y\n").unwrap();
    for index in 0..file.len() {
        let mut flipped = file.to_vec();
        flipped[index] ^= 0x10;
        let flipped = Bytes::from(flipped);
        match unseal(&flipped) {
            Err(_) => {}
            // Bytes that reading the rows never touches (page indexes): the rows must be the ones that were sealed.
            Ok(text) => assert_eq!(text, "a,b\n1,x\n2,y\n", "byte {index}"),
        }
    }
}

#[test]
fn refuses_pages_of_another_file_under_the_same_key_and_prefix() {
    let (one, _) = seal("a\n1\n").unwrap();
    let (two, _) = seal("a\n2\n").unwrap();
    assert_eq!(one.len(), two.len());
    // Everything but the footer from the other file, as a host may splice them.
    let footer =
        one.len() - 8 - usize::try_from(u32::from_le_bytes(one[one.len() - 8..][..4].try_into().unwrap())).unwrap();
    let spliced = Bytes::from([&two[..footer], &one[footer..]].concat());
    assert!(check(&spliced).is_ok(), "the footer itself is authentic");
    assert!(unseal(&spliced).is_err());
}

#[test]
fn refuses_other_encryptions() {
    let batch = table_of("a", Arc::new(arrow::array::Int64Array::from(vec![1, 2])));
    let two = RecordBatch::try_from_iter([("a", batch.column(0).clone()), ("b", batch.column(0).clone())]).unwrap();
    let base = || FileEncryptionProperties::builder(KEY.to_vec()).with_aad_prefix(prefix().to_vec());
    assert!(check(&parquet(&two, Some(base()))).is_ok());

    let plain = check(&parquet(&two, None));
    assert!(matches!(plain, Err(SealError::PlaintextFooter)), "{plain:?}");
    let footer = check(&parquet(&two, Some(base().with_plaintext_footer(true))));
    assert!(matches!(footer, Err(SealError::PlaintextFooter)), "{footer:?}");
    let stored = check(&parquet(&two, Some(base().with_aad_prefix_storage(true))));
    assert!(matches!(stored, Err(SealError::AadPrefixStored)), "{stored:?}");
    let none = check(&parquet(&two, Some(FileEncryptionProperties::builder(KEY.to_vec()))));
    assert!(matches!(none, Err(SealError::WrongAad)), "{none:?}");
    let short = check(&parquet(&two, Some(FileEncryptionProperties::builder(vec![7; 16]))));
    assert!(matches!(short, Err(SealError::WrongKey)), "{short:?}");
    // Both columns under the footer key by name are the same as uniform encryption to a reader, but not in the file.
    let own = base().with_column_key("a", vec![9; 32]).with_column_key("b", vec![9; 32]);
    assert!(matches!(check(&parquet(&two, Some(own))), Err(SealError::ColumnKey { column }) if column == "a"));
    let subset = base().with_column_key("a", KEY.to_vec());
    let bare = parquet(&two, Some(base().with_column_key("b", KEY.to_vec())));
    assert!(matches!(check(&bare), Err(SealError::UnencryptedColumn { column }) if column == "a"));
    assert!(matches!(check(&parquet(&two, Some(subset))), Err(SealError::ColumnKey { .. })));
}

#[test]
fn refuses_sealed_columns_of_other_types() {
    let encrypted = |array: ArrayRef| {
        let base = FileEncryptionProperties::builder(KEY.to_vec()).with_aad_prefix(prefix().to_vec());
        check(&parquet(&table_of("odd", array), Some(base)))
    };
    let mut list = ListBuilder::new(Int64Builder::new());
    list.append_value([Some(1)]);
    let crimes: [(&str, ArrayRef); 3] = [
        ("int32", Arc::new(Int32Array::from(vec![1]))),
        ("zoned", Arc::new(TimestampMicrosecondArray::from(vec![1]).with_timezone("UTC"))),
        ("nested", Arc::new(list.finish())),
    ];
    for (crime, array) in crimes {
        let error = encrypted(array).unwrap_err();
        assert!(matches!(&error, SealError::UnsupportedType { column, .. } if column == "odd"), "{crime}: {error:?}");
    }
    // A hint of a wider Arrow type changes nothing in the file, and is ignored.
    let hinted = encrypted(Arc::new(StringViewArray::from(vec!["x"]))).unwrap();
    assert_eq!(hinted.schema.columns()[0].kind, ColumnType::Utf8);
}

#[test]
fn names_line_and_column_of_bad_csv() {
    for (crime, text, message) in [
        ("empty", "", "the input is empty; a table starts with a line of column names"),
        ("header only", "a,b\n", "the table has a header but no rows"),
        ("too few", "a,b\n1,2\n3\n", "line 3: 1 fields where the header has 2"),
        ("too many", "a,b\n1,2,3\n", "line 2: 3 fields where the header has 2"),
        ("after a cell of two lines", "a,b\n\"x\ny\",2\n3\n", "line 4: 1 fields where the header has 2"),
        ("duplicate", "a,a\n1,2\n", "line 1: two columns are named `a`"),
        ("nameless", "a,\n1,2\n", "line 1: column 2 has no name"),
        (
            "open quote",
            "a\n1\n\"2\n3\n",
            "a `\"` is never closed (the last row starts on line 3); quote fields that hold one, and double it",
        ),
    ] {
        assert_eq!(table::infer_csv(text.as_bytes()).unwrap_err().to_string(), message, "{crime}");
    }
    for (crime, bytes, message) in [
        ("latin-1 cell", b"a,b\n1,2\n3,\xe9\n".as_slice(), "line 3, column `b`: not UTF-8; convert the file first"),
        ("latin-1 name", b"a,\xe9\n1,2\n", "line 1, column `#2`: not UTF-8; convert the file first"),
    ] {
        assert_eq!(table::infer_csv(bytes).unwrap_err().to_string(), message, "{crime}");
    }
}

#[test]
fn refuses_csv_that_is_not_of_the_given_schema() {
    let schema = table::infer_csv("id,score,day\n1,0.5,2026-11-22\n".as_bytes()).unwrap().schema;
    for (text, message) in [
        ("id,score,day\n1,0.5,2026-11-22\nx,1,2026-11-22\n", "line 3, column `id`: `x` is not int64"),
        ("id,score,day\n1,high,2026-11-22\n", "line 2, column `score`: `high` is not float64"),
        ("id,score,day\n1,1,22.11.2026\n", "line 2, column `day`: `22.11.2026` is not date"),
        ("id,day,score\n1,2026-11-22,1\n", "line 1: the header names `day` where the schema says `score`"),
        ("id,score\n1,1\n", "line 1: the header names `` where the schema says `day`"),
        ("id,score,day,more\n1,1,2026-11-22,1\n", "line 1: the header names `more` where the schema says ``"),
        ("id,score,day\n", "the table has a header but no rows"),
    ] {
        assert_eq!(seal_as(text, &schema).unwrap_err().to_string(), message);
    }
}

#[test]
fn an_unclosed_quote_takes_no_unbounded_memory() {
    let text = format!("a\n1\n\"{}", "x".repeat(20 << 20));
    assert!(matches!(table::infer_csv(text.as_bytes()), Err(SealError::RowTooLong { line: 3, .. })));
}

#[test]
fn seals_parquet_with_types_widened() {
    let batch = RecordBatch::try_from_iter([
        ("small", Arc::new(Int32Array::from(vec![Some(1), None])) as ArrayRef),
        ("half", Arc::new(Float32Array::from(vec![0.5, 1.5]))),
        ("view", Arc::new(StringViewArray::from(vec!["x", "y"]))),
        ("at", Arc::new(TimestampNanosecondArray::from(vec![1_000, 2_000]))),
    ])
    .unwrap();
    let file = seal_file(&parquet(&batch, None)).unwrap();
    assert_eq!(
        unseal(&file).unwrap(),
        "small,half,view,at\n1,0.5,x,1970-01-01T00:00:00.000001\n,1.5,y,1970-01-01T00:00:00.000002\n"
    );
}

#[test]
fn refuses_parquet_that_would_change() {
    let mut list = ListBuilder::new(Int64Builder::new());
    list.append_value([Some(1)]);
    let crimes: [(&str, ArrayRef, &str); 4] = [
        ("nested", Arc::new(list.finish()), "column `odd` has type `List(Int64)`"),
        (
            "zoned",
            Arc::new(TimestampMicrosecondArray::from(vec![1]).with_timezone("UTC")),
            "column `odd` has type `Timestamp(µs, \"UTC\")`",
        ),
        (
            "nanoseconds",
            Arc::new(TimestampNanosecondArray::from(vec![1])),
            "column `odd`: a value does not fit `timestamp`",
        ),
        ("overflow", Arc::new(UInt64Array::from(vec![u64::MAX])), "column `odd`: a value does not fit `int64`"),
    ];
    for (crime, array, message) in crimes {
        let error = seal_file(&parquet(&table_of("odd", array), None)).unwrap_err().to_string();
        assert!(error.starts_with(message), "{crime}: {error}");
    }
}

#[test]
fn refuses_damaged_parquet() {
    let file = parquet(&table_of("a", Arc::new(Int32Array::from(vec![1]))), None);
    for length in 0..file.len() {
        let error = seal_file(&file[..length]).unwrap_err();
        let expected = match length {
            0 => matches!(error, SealError::EmptyInput),
            1..4 => matches!(error, SealError::NotParquet),
            _ => matches!(error, SealError::Truncated),
        };
        assert!(expected, "{length}: {error:?}");
    }
    assert!(matches!(seal_file(b"a,b\n1,2\n 3,4\n"), Err(SealError::NotParquet)));
    assert!(matches!(seal_file(&seal("a\n1\n").unwrap().0), Err(SealError::AlreadySealed)));
    let none = RecordBatch::new_empty(table_of("a", Arc::new(Int32Array::from(vec![1]))).schema());
    assert!(matches!(seal_file(&parquet(&none, None)), Err(SealError::NoRows)));
    let bare = RecordBatch::new_empty(Arc::new(ArrowSchema::empty()));
    assert!(matches!(seal_file(&parquet(&bare, None)), Err(SealError::EmptyInput)));
}

#[test]
fn many_rows_come_back_in_order_over_many_row_groups() {
    let rows = 600_000_u64;
    let mut text = String::from("n\n");
    for row in 0..rows {
        writeln!(text, "{}", row * 7_919 % 1_000_003).unwrap();
    }
    let mut heard = Vec::new();
    let schema = table::infer_csv(text.as_bytes()).unwrap().schema;
    let mut output = Vec::new();
    let sealed =
        table::seal_csv(text.as_bytes(), &mut output, &schema, &KEY, &prefix(), |rows| heard.push(rows)).unwrap();
    assert_eq!((sealed.rows, heard.last()), (rows, Some(&rows)));
    assert!(heard.is_sorted());
    assert!(unseal(&Bytes::from(output)).unwrap() == text);
}

#[test]
fn a_full_disk_is_an_error_of_writing() {
    /// Takes 100 bytes, then is full.
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let schema = table::infer_csv(VISITS.as_bytes()).unwrap().schema;
    let error = table::seal_csv(VISITS.as_bytes(), Full(100), &schema, &KEY, &prefix(), |_| {}).unwrap_err();
    assert!(
        matches!(&error, SealError::Write(source) if source.kind() == std::io::ErrorKind::StorageFull),
        "{error:?}"
    );
    let (file, _) = seal(VISITS).unwrap();
    let error = table::unseal_to_csv(file, Full(100), &KEY, &prefix(), |_| {}).unwrap_err();
    assert!(
        matches!(&error, SealError::Write(source) if source.kind() == std::io::ErrorKind::StorageFull),
        "{error:?}"
    );
}

fn table_of(name: &str, array: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter([(name, array)]).unwrap()
}

fn seal_file(file: &[u8]) -> Result<Bytes, SealError> {
    let mut output = Vec::new();
    let sealed = table::seal_parquet(Bytes::copy_from_slice(file), &mut output, &KEY, &prefix(), |_| {})?;
    let Fingerprint { bytes, .. } = sealed.file;
    assert_eq!(usize::try_from(bytes).unwrap(), output.len());
    Ok(Bytes::from(output))
}

fn parquet(
    batch: &RecordBatch,
    encryption: Option<parquet::encryption::encrypt::EncryptionPropertiesBuilder>,
) -> Vec<u8> {
    let mut properties = WriterProperties::builder();
    if let Some(encryption) = encryption {
        properties = properties.with_file_encryption_properties(encryption.build().unwrap());
    }
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties.build())).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    file
}
