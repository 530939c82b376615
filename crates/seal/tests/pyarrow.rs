//! Interoperability with pyarrow, both ways, through `tests/sealed_tables.py`.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]
#![expect(clippy::disallowed_methods, reason = "other programs take files: this test is not part of the pure crate")]

use std::{fs::File, path::Path, process::Command};

use casemate_seal::{ColumnType, SealError, aad_prefix, table};

const KEY: [u8; 32] = [0x5a; 32];

fn prefix() -> [u8; 32] {
    aad_prefix(&[3; 16], &[4; 16])
}

/// Runs `sealed_tables.py` with `verb` on `path`, with the key and AAD prefix of these tests; gives what it printed.
fn pyarrow(test: &str, verb: &str, path: &Path) -> Option<String> {
    let python = casemate_testkit::python(test)?;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sealed_tables.py"))
        .args([verb, path.to_str().unwrap(), &hex(&KEY), &hex(&prefix())])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{verb}: {error}");
    Some(String::from_utf8(output.stdout).unwrap())
}

fn check(path: &Path) -> Result<table::CheckedTable, SealError> {
    table::check_sealed(&File::open(path).unwrap(), &KEY, &prefix())
}

#[test]
fn pyarrow_opens_what_we_seal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ours.parquet");
    let text = "id,score,ward,home,born,seen\n1,0.5,north,true,2000-02-29,2026-11-22T01:54:56.000001\n2,,,,,\n";
    let schema = table::infer_csv(text.as_bytes()).unwrap().schema;
    table::seal_csv(text.as_bytes(), File::create(&path).unwrap(), &schema, &KEY, &prefix(), |_| {}).unwrap();
    let Some(printed) = pyarrow("pyarrow_opens_what_we_seal", "read", &path) else { return };
    assert_eq!(
        printed.lines().collect::<Vec<_>>(),
        [
            "id:int64 score:double ward:string home:bool born:date32[day] seen:timestamp[us]",
            "(1, 0.5, 'north', True, datetime.date(2000, 2, 29), datetime.datetime(2026, 11, 22, 1, 54, 56, 1))",
            "(2, None, None, None, None, None)",
            "wrong prefix refused",
            "wrong key refused",
            "no key refused",
        ]
    );
}

#[test]
fn pyarrow_reads_all_row_groups_of_a_large_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.parquet");
    let text = (0..300_000).fold(String::from("n,t\n"), |text, row| text + &format!("{row},x{}\n", row % 1000));
    let schema = table::infer_csv(text.as_bytes()).unwrap().schema;
    table::seal_csv(text.as_bytes(), File::create(&path).unwrap(), &schema, &KEY, &prefix(), |_| {}).unwrap();
    let Some(printed) = pyarrow("pyarrow_reads_all_row_groups_of_a_large_table", "sum", &path) else { return };
    assert_eq!(printed, "300000 rows, 2 row groups, sum 44999850000, 1000 texts\n");
}

#[test]
fn we_open_what_pyarrow_seals() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.parquet");
    if pyarrow("we_open_what_pyarrow_seals", "write", &path).is_none() {
        return;
    }
    let checked = check(&path).unwrap();
    use ColumnType::{Boolean, Date, Float64, Int64, Timestamp, Utf8};
    let kinds: Vec<_> = checked.schema.columns().iter().map(|column| column.kind).collect();
    assert_eq!(kinds, [Int64, Float64, Utf8, Utf8, Boolean, Date, Timestamp]);
    assert_eq!(checked.rows, 3);
    let mut output = Vec::new();
    table::unseal_to_csv(File::open(&path).unwrap(), &mut output, &KEY, &prefix(), |_| {}).unwrap();
    assert_eq!(
        String::from_utf8(output).unwrap(),
        "id,score,ward,large,home,born,seen\n\
         1,0.5,north,a,true,2000-02-29,2026-11-22T01:54:56.000001\n\
         2,,south,b,,,\n\
         3,-1.5,,c,false,1969-12-31,1969-12-31T23:59:59.999999\n"
    );
    let other = table::check_sealed(&File::open(&path).unwrap(), &KEY, &[0; 32]);
    assert!(matches!(other, Err(SealError::WrongAad)), "{other:?}");
    let other = table::check_sealed(&File::open(&path).unwrap(), &[0; 32], &prefix());
    assert!(matches!(other, Err(SealError::WrongKey)), "{other:?}");
}

/// pyarrow's encryption of single columns takes no AAD prefix; tables.rs tries that with another writer.
#[test]
fn what_pyarrow_seals_otherwise_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for crime in ["ctr", "plaintext_footer", "stored_prefix", "no_prefix", "plain", "zoned"] {
        let path = folder.path().join(crime);
        if pyarrow("what_pyarrow_seals_otherwise_is_refused", &format!("write_{crime}"), &path).is_none() {
            return;
        }
        let error = check(&path).unwrap_err();
        let named = match crime {
            "ctr" => matches!(error, SealError::AesGcmCtr),
            "stored_prefix" => matches!(error, SealError::AadPrefixStored),
            "no_prefix" => matches!(error, SealError::WrongAad),
            "zoned" => matches!(&error, SealError::UnsupportedType { column, .. } if column == "seen"),
            _ => matches!(error, SealError::PlaintextFooter),
        };
        assert!(named, "{crime}: {error:?}");
    }
}

#[test]
fn plaintext_parquet_of_pyarrow_is_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.parquet");
    if pyarrow("plaintext_parquet_of_pyarrow_is_sealed", "write_dictionary", &path).is_none() {
        return;
    }
    let sealed_path = folder.path().join("sealed.parquet");
    let (input, output) = (File::open(&path).unwrap(), File::create(&sealed_path).unwrap());
    let sealed = table::seal_parquet(input, output, &KEY, &prefix(), |_| {}).unwrap();
    assert_eq!(check(&sealed_path).unwrap().schema, sealed.schema);
    let mut text = Vec::new();
    table::unseal_to_csv(File::open(&sealed_path).unwrap(), &mut text, &KEY, &prefix(), |_| {}).unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), "ward,small\nnorth,1\nsouth,2\nnorth,\n");
}
