//! Files that aren't what the contract says, each refused with its fault before a row of it is used.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Float64Array, RecordBatch},
    datatypes::{DataType, Field, Schema},
};
use casemate_query::{ColumnType, QueryRefusal, Sealed, SealedFault, run};
use parquet::{encryption::encrypt::FileEncryptionProperties, file::properties::WriterProperties};

use crate::fixture::{AAD_PREFIX, KEY, LIMITS, block_on, clinic, file, parquet, sealed, sealing};

const SQL: &str = "SELECT site, avg(radius) FROM clinic GROUP BY site";

fn encrypted(change: impl Fn(&mut Vec<u8>)) -> Sealed {
    let mut bytes = parquet(&clinic().rows, sealing().build());
    change(&mut bytes);
    sealed(&bytes)
}

fn written_with(properties: WriterProperties) -> Sealed {
    sealed(&parquet(&clinic().rows, properties))
}

fn footer_start(bytes: &[u8]) -> usize {
    let at = bytes.len() - 8;
    at - u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

fn outcome(sealed: Sealed) -> Result<(), QueryRefusal> {
    block_on(run(SQL, vec![(clinic().table, sealed)], LIMITS)).map(|_| ())
}

fn with_columns(change: impl Fn(&mut Vec<Field>, &mut Vec<ArrayRef>)) -> Sealed {
    let rows = clinic().rows;
    let mut fields: Vec<Field> = rows.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    let mut columns = rows.columns().to_vec();
    change(&mut fields, &mut columns);
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    sealed(&parquet(&rows, sealing().build()))
}

#[test]
fn a_sealed_file_is_read() {
    assert_eq!(outcome(encrypted(|_| {})), Ok(()));
}

/// What is wrong with a file, the file, and the fault that it must be refused for.
struct Faulty(&'static str, Sealed, SealedFault);

#[test]
fn faults_of_files_have_names() {
    let cases = [wrongly_encrypted(), damaged(), with_other_columns()].into_iter().flatten();
    let mut wrong = Vec::new();
    for Faulty(what, sealed, fault) in cases {
        let expected = Err(QueryRefusal::SealedFile { table: "clinic".into(), fault });
        let found = outcome(sealed);
        if found != expected {
            wrong.push(format!("{what}: {expected:?} expected, {found:?} found"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Files encrypted in another way, or for another key or version.
fn wrongly_encrypted() -> Vec<Faulty> {
    let column_key = || {
        FileEncryptionProperties::builder(KEY.to_vec())
            .with_aad_prefix(AAD_PREFIX.to_vec())
            .with_aad_prefix_storage(false)
            .with_column_key("radius", vec![1; 32])
            .build()
            .unwrap()
    };
    let plaintext_footer = FileEncryptionProperties::builder(KEY.to_vec())
        .with_aad_prefix(AAD_PREFIX.to_vec())
        .with_plaintext_footer(true)
        .build()
        .unwrap();
    let whole = || file(&parquet(&clinic().rows, sealing().build()));
    vec![
        Faulty("not_encrypted", written_with(WriterProperties::new()), SealedFault::PlaintextFooter),
        Faulty(
            "plaintext_footer",
            written_with(WriterProperties::builder().with_file_encryption_properties(plaintext_footer).build()),
            SealedFault::PlaintextFooter,
        ),
        Faulty(
            "columns_with_another_key_or_none",
            written_with(WriterProperties::builder().with_file_encryption_properties(column_key()).build()),
            SealedFault::WrongKeyOrVersion,
        ),
        Faulty(
            "wrong_key",
            Sealed { file: whole(), key: Box::new([8_u8; 32]), aad_prefix: AAD_PREFIX },
            SealedFault::WrongKeyOrVersion,
        ),
        Faulty(
            "key_of_half_the_length",
            Sealed { file: whole(), key: Box::new([7_u8; 16]), aad_prefix: AAD_PREFIX },
            SealedFault::WrongKeyOrVersion,
        ),
        Faulty(
            "file_of_another_dataset_or_version",
            Sealed { file: whole(), key: Box::new(KEY), aad_prefix: [1; 32] },
            SealedFault::WrongKeyOrVersion,
        ),
    ]
}

/// Files that were cut, altered, or never were Parquet.
fn damaged() -> Vec<Faulty> {
    vec![
        Faulty(
            "footer_altered",
            encrypted(|b| {
                let at = b.len() - 20;
                b[at] ^= 1;
            }),
            SealedFault::WrongKeyOrVersion,
        ),
        Faulty(
            "aes_gcm_ctr",
            encrypted(|b| {
                let at = footer_start(b) + 1;
                b[at] = 0x2c;
            }),
            SealedFault::NotAesGcm,
        ),
        Faulty("cut_at_the_end", encrypted(|b| b.truncate(b.len() - 5)), SealedFault::NotParquet),
        Faulty(
            "cut_at_the_start",
            encrypted(|b| {
                b.drain(..b.len() - 60);
            }),
            SealedFault::NotParquet,
        ),
        Faulty("empty", sealed(b""), SealedFault::NotParquet),
        Faulty("text", sealed(b"id,age\n1,2\n"), SealedFault::NotParquet),
        Faulty("footer_longer_than_the_file", sealed(b"\xff\xff\xff\xffPARE"), SealedFault::NotParquet),
    ]
}

/// Files without what the view needs.
fn with_other_columns() -> Vec<Faulty> {
    let no_rows = clinic().rows.slice(0, 0);
    vec![
        Faulty("no_rows", sealed(&parquet(&no_rows, sealing().build())), SealedFault::NoRows),
        Faulty(
            "column_missing",
            with_columns(|fields, columns| {
                fields.remove(2);
                columns.remove(2);
            }),
            SealedFault::ColumnMissing { column: "radius".into() },
        ),
        Faulty(
            "column_of_another_type",
            with_columns(|fields, columns| {
                fields[1] = Field::new("age", DataType::Float64, true);
                columns[1] = Arc::new(Float64Array::from(vec![1.0; 200]));
            }),
            SealedFault::ColumnType {
                column: "age".into(),
                expected: ColumnType::Int64.to_string(),
                actual: "Float64".into(),
            },
        ),
    ]
}

/// A byte flipped anywhere: the query either doesn't read it and answers as before, or is refused without saying which.
#[test]
fn altered_bytes_are_never_used() {
    let answer = |sealed| block_on(run(SQL, vec![(clinic().table, sealed)], LIMITS)).map(|output| output.ipc);
    let whole = answer(encrypted(|_| {})).unwrap();
    let length = parquet(&clinic().rows, sealing().build()).len();
    let mut refused_pages = 0;
    for at in (4..length).step_by(211) {
        match answer(encrypted(|bytes| bytes[at] ^= 1)) {
            Ok(ipc) => assert_eq!(ipc, whole, "byte {at}"),
            Err(QueryRefusal::Execution) => refused_pages += 1,
            Err(QueryRefusal::SealedFile { .. }) => {}
            Err(other) => panic!("byte {at}: {other:?}"),
        }
    }
    assert!(refused_pages > 0);
}

#[test]
fn the_key_is_not_shown() {
    let text = format!("{:?}", encrypted(|_| {}));
    assert!(text.contains("Sealed") && !text.contains("7, 7"), "{text}");
}
