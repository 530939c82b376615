//! Predicted launch measurements: against other implementations, and images that are refused.
//!
//! A crime is one mutation of an image that is otherwise measured, and asserts the error that refuses it.
#![expect(
    clippy::disallowed_methods,
    reason = "tests run other implementations, and read images of the system's packages"
)]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::type_complexity,
    clippy::unwrap_used,
    reason = "helpers of tests are as free as tests; tables of crimes are tuples"
)]

mod authenticode;
mod firmware;
mod nitro;
mod pcr;
mod pe;
mod snp;
mod tdx;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use casemate_evidence::measure::MeasureError;

/// Lines that a Python script prints.
fn python(python: &Path, script: &str, arguments: &[&Path]) -> Vec<String> {
    let output = Command::new(python).arg("-c").arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Asserts that `crime` was refused with an error that says `words`.
#[track_caller]
fn assert_refused<T: std::fmt::Debug>(crime: &str, outcome: Result<T, MeasureError>, words: &str) {
    match outcome {
        Ok(value) => panic!("`{crime}` was measured: {value:?}"),
        Err(error) => assert!(error.to_string().contains(words), "`{crime}`: `{error}` doesn't say `{words}`"),
    }
}

/// The OVMF images that Debian's package `ovmf` has here; `CASEMATE_OVMF` names another folder of them.
fn packaged_firmware(test: &str) -> Vec<PathBuf> {
    let folders = [
        std::env::var_os("CASEMATE_OVMF").map(PathBuf::from),
        Some("/usr/share/ovmf".into()),
        Some("/usr/share/OVMF".into()),
    ];
    // Code images of the same package are built without what a confidential launch reads.
    let names = ["OVMF.fd", "OVMF.amdsev.fd"];
    let paths = folders.into_iter().flatten().flat_map(|folder| names.map(|name| folder.join(name)));
    let found: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
    if found.is_empty() {
        casemate_testkit::skip(test, "no OVMF image", "install the package `ovmf`");
    }
    found
}

/// Numbers that look random and are always the same.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..length).map(next).collect()
}
