//! The same numbers from another engine: DuckDB on the plaintext, by way of `plaintext.py`.

use std::{path::Path, process::Command};

use serde_json::Value;

/// What DuckDB answers to `sql` over tables of plaintext files, as rows.
pub(crate) fn query(python: &Path, sql: &str, tables: &[(&str, &Path)]) -> Value {
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/plaintext.py")).arg(sql);
    command.args(tables.iter().map(|(name, path)| format!("{name}={}", path.display())));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Sees that both have the same rows: text and whole numbers equal, others to 1e-9 of their size.
#[track_caller]
pub(crate) fn assert_same(ours: &Value, theirs: &Value) {
    let (ours_rows, theirs_rows) = (ours.as_array().unwrap(), theirs.as_array().unwrap());
    assert!(!theirs_rows.is_empty());
    assert_eq!(ours_rows.len(), theirs_rows.len(), "{ours} {theirs}");
    for (one, other) in ours_rows.iter().zip(theirs_rows) {
        let (one, other) = (one.as_array().unwrap(), other.as_array().unwrap());
        assert_eq!(one.len(), other.len());
        assert!(one.iter().zip(other).all(|(a, b)| same(a, b)), "{one:?} {other:?}");
    }
}

fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
        _ => a == b,
    }
}

#[test]
fn a_difference_is_seen() {
    let table = |number: f64| serde_json::json!([["benign", 357, number]]);
    assert_same(&table(12.5), &table(12.5 + 1e-12));
    assert!(std::panic::catch_unwind(|| assert_same(&table(12.5), &table(12.500_001))).is_err());
    assert!(std::panic::catch_unwind(|| assert_same(&table(12.5), &serde_json::json!([]))).is_err());
}
