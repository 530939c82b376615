//! Verifiers of others on the same evidence: the same answer, or the test says why not.
#![expect(clippy::disallowed_methods, reason = "tests read recorded evidence from files")]
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests are as free as tests")]

mod dcap;
mod snp;

use std::path::{Path, PathBuf};

use casemate_evidence::{Endorsement, loose};

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The certificates in a file, DER.
fn certificates(bytes: &[u8]) -> Vec<Vec<u8>> {
    let items = loose(bytes).unwrap().into_iter();
    items.filter_map(|item| if let Endorsement::Certificate(der) = item { Some(der) } else { None }).collect()
}

/// Where Cargo has unpacked the newest package whose name and version begin so.
fn package(prefix: &str) -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))?;
    let registries = std::fs::read_dir(cargo.join("registry/src")).ok()?;
    let packages = registries.flatten().flat_map(|registry| std::fs::read_dir(registry.path()).into_iter().flatten());
    let named = packages
        .flatten()
        .map(|package| package.path())
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix)));
    named.max()
}
