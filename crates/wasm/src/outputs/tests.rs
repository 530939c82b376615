//! One fault a file: what leaves, and what doesn't.

use super::*;

fn verdict(rule: FileRule, bytes: &[u8]) -> Result<(), OutputFault> {
    check_file(&rule, bytes)
}

fn csv(kind: ColumnType) -> FileRule {
    let column = |name: &str, kind| Column { name: name.to_owned(), kind };
    FileRule::Csv(vec![column("feature", ColumnType::Utf8), column("value", kind)])
}

#[test]
fn text_is_utf8_that_drives_no_terminal() {
    assert_eq!(verdict(FileRule::Text, "AUC\t0.99 ± 0.01\r\n".as_bytes()), Ok(()));
    assert_eq!(verdict(FileRule::Text, b""), Ok(()));
    assert_eq!(verdict(FileRule::Text, b"\xff\xfe"), Err(OutputFault::Utf8));
    for hostile in ["\u{1b}[2J", "\0", "\u{7}", "\u{9b}31m", "\u{7f}"] {
        assert_eq!(verdict(FileRule::Text, hostile.as_bytes()), Err(OutputFault::ControlCharacter), "{hostile:?}");
    }
}

#[test]
fn a_table_is_as_declared() {
    let rule = || csv(ColumnType::Float64);
    assert_eq!(verdict(rule(), b"feature,value\n\"mean, radius\",-0.5\nsmooth,\n"), Ok(()));
    assert_eq!(verdict(rule(), b"feature,value\n"), Ok(()));
    for (bytes, fault) in [
        (&b""[..], OutputFault::Header),
        (b"value,feature\n", OutputFault::Header),
        (b"feature,value,more\n", OutputFault::Header),
        (b"feature\n", OutputFault::Header),
        (b"Feature,value\n", OutputFault::Header),
        (b"feature,value\na,1,2\n", OutputFault::Shape),
        (b"feature,value\na\n", OutputFault::Shape),
        (b"feature,value\na,1\nb,patient 17\n", OutputFault::Column("value".to_owned())),
        (b"feature,value\n\x1b,1\n", OutputFault::ControlCharacter),
        (b"feature,value\n\xff,1\n", OutputFault::Utf8),
    ] {
        assert_eq!(verdict(rule(), bytes), Err(fault), "{bytes:?}");
    }
}

#[test]
fn values_are_of_their_types() {
    let cases = [
        (ColumnType::Boolean, vec!["true", "false"], vec!["True", "1", "yes"]),
        (
            ColumnType::Date32,
            vec!["2024-02-29", "1900-12-31"],
            vec![
                "2023-02-29",
                "1900-02-29",
                "2024-13-01",
                "2024-00-10",
                "2024-1-01",
                "24-01-01",
                "2024-01-01x",
                "2024-04-31",
            ],
        ),
        (
            ColumnType::Float64,
            vec!["1", "-1.5e-300", "NaN", "inf"],
            vec!["1,5", "0x10", "1 ", "abc", "00000000000000000000000000000000001"],
        ),
        (ColumnType::Int64, vec!["-9223372036854775808", "+7"], vec!["9223372036854775808", "1.0", "1e3", "--1"]),
        (
            ColumnType::Timestamp,
            vec!["2024-02-29T23:59:59", "2024-01-01 00:00:00.000001", "2024-01-01T00:00:00Z"],
            vec![
                "2024-01-01",
                "2024-01-01T24:00:00",
                "2024-01-01T00:00:60",
                "2024-01-01T00:00:00.",
                "2024-01-01T00:00:00.0000001",
                "2024-01-01T00:00:00+01:00",
                "2024-01-01T00:00",
            ],
        ),
        (ColumnType::Utf8, vec!["anything", "é"], vec![]),
    ];
    for (kind, good, bad) in cases {
        for value in good {
            assert!(fits(kind, value), "{kind:?} {value}");
        }
        for value in bad {
            assert!(!fits(kind, value), "{kind:?} {value}");
        }
    }
}

#[test]
fn refusals_name_declared_files_only() {
    let rules = OutputRules { files: BTreeMap::from([("a.txt".to_owned(), FileRule::Text)]), max_bytes: 10 };
    let left =
        |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), b"x".to_vec())).collect::<BTreeMap<_, _>>();
    assert_eq!(check(&rules, left(&["a.txt"])).map(|files| files.len()), Ok(1));
    assert_eq!(check(&rules, left(&["a.txt", "patient-17"])), Err(WasmRefusal::OutputUndeclared));
    let missing = WasmRefusal::Output { file: "a.txt".to_owned(), fault: OutputFault::Missing };
    assert_eq!(check(&rules, left(&[])), Err(missing.clone()));
    assert_eq!(check(&rules, left(&["patient-17"])), Err(missing));
}
