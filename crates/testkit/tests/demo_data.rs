//! The demo's tables are what the checked-in script makes of the published set.

use std::{fs, path::Path, process::Command};

use casemate_testkit::{Folder, python};

#[test]
fn split_makes_the_checked_in_tables() {
    let Some(python) = python("split_makes_the_checked_in_tables") else { return };
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../casemate/demo");
    let made = Folder::new("demo-data");
    let status = Command::new(python).arg(demo.join("split.py")).arg(made.path()).status().unwrap();
    assert!(status.success());
    for table in ["diagnoses.csv", "measurements.csv"] {
        assert_eq!(fs::read(made.join(table)).unwrap(), fs::read(demo.join(table)).unwrap(), "{table}");
    }
}
