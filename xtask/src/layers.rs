//! The table of layers, and the check that the workspace keeps to it.
//!
//! 1. Every package is in the table, every row is a package, folder `crates/x` holds `casemate-x` (the binary's is `casemate`).
//! 2. A crate uses layers below its own; a sibling only where the row has an arrow. Tests may use siblings.
//! 3. `testkit` is only ever a dev-dependency.
//! 4. Layers 0 to 2 are pure: `#![forbid(unsafe_code)]`, no `async`, no crate that does I/O, the clippy.toml that bans the rest.
//! 5. ARCHITECTURE.md shows this table.

mod table;

use std::{fs, path::Path};

use table::{ROWS, Row, TESTKIT};

use crate::{
    complaint::{Complaint, conclude},
    failure::Failure,
    metadata::{self, Package, Use},
    process::root,
    tidy::{masked, rust_files},
};

/// Crates that do I/O, run things, or read the clock: not in layers 0 to 2.
const EFFECTS: [&str; 22] = [
    "async-trait",
    "axum",
    "chrono",
    "datafusion",
    "futures",
    "getrandom",
    "hyper",
    "indicatif",
    "libc",
    "nix",
    "object_store",
    "rand",
    "reqwest",
    "rpassword",
    "rustix",
    "rustls",
    "sqlx",
    "tempfile",
    "tokio",
    "tokio-rustls",
    "tracing",
    "tracing-subscriber",
];

/// The file that every pure crate's `clippy.toml` equals.
const PURE_CLIPPY: &str = "crates/cose/clippy.toml";

/// `cargo xtask layers`.
pub(crate) fn check() -> Result<(), Failure> {
    let (members, _) = metadata::members()?;
    let mut complaints = shape(&members);
    for package in &members {
        let Some(row) = table::row(&package.name) else { continue };
        complaints.extend(uses(row, package));
        if row.is_pure() {
            complaints.extend(purity(package)?);
        }
    }
    complaints.extend(mirror());
    conclude("layers", &format!("{} crates", members.len()), complaints)
}

/// `cargo xtask layers --print`.
#[expect(clippy::unnecessary_wraps, reason = "every verb has this shape")]
pub(crate) fn print() -> Result<(), Failure> {
    print!("{}", table::markdown());
    Ok(())
}

fn shape(members: &[Package]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for package in members.iter().filter(|package| package.name != "xtask") {
        let Some(row) = table::row(&package.name) else {
            let remedy = "give it a row in xtask/src/layers/table.rs, with its one-sentence duty";
            complaints.push(Complaint::new(&package.name, "is not in the table of layers", remedy));
            continue;
        };
        if !package.folder.ends_with(Path::new("crates").join(row.name)) {
            let what = format!("lies in `{}`", package.folder.display());
            complaints.push(Complaint::new(&package.name, what, format!("its folder is crates/{}", row.name)));
        }
    }
    for row in ROWS.iter().filter(|row| !members.iter().any(|package| package.name == row.package())) {
        let remedy = "take the row out of xtask/src/layers/table.rs until there is one";
        complaints.push(Complaint::new(row.package(), "is in the table of layers and not in the workspace", remedy));
    }
    complaints
}

fn uses(row: &Row, package: &Package) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for dependency in &package.dependencies {
        let in_tests = dependency.kind == Use::Dev;
        if row.is_pure() && !in_tests && EFFECTS.contains(&dependency.name.as_str()) {
            let what = format!("is pure and uses `{}`, which has effects", dependency.name);
            complaints.push(Complaint::new(&package.name, what, "take bytes, time and randomness as parameters"));
        }
        let Some(used) = table::row(&dependency.name) else { continue };
        if used.name == TESTKIT {
            if !in_tests {
                let what = format!("uses `{}` outside its tests", dependency.name);
                complaints.push(Complaint::new(&package.name, what, "make it a dev-dependency"));
            }
            continue;
        }
        let below = used.layer < row.layer || (in_tests && used.layer == row.layer);
        if !below && !row.siblings.contains(&used.name) {
            let what = format!("layer {}, uses `{}` of layer {}", row.layer, dependency.name, used.layer);
            let remedy = "move what is needed to a lower layer, or hand it in through a trait";
            complaints.push(Complaint::new(&package.name, what, remedy));
        }
    }
    complaints
}

fn purity(package: &Package) -> Result<Vec<Complaint>, Failure> {
    let mut complaints = Vec::new();
    let library = package.folder.join("src/lib.rs");
    let text = fs::read_to_string(&library).map_err(Failure::of_file(&library))?;
    if !text.lines().any(|line| line == "#![forbid(unsafe_code)]") {
        let remedy = "write `#![forbid(unsafe_code)]` below the opening comment of src/lib.rs";
        complaints.push(Complaint::new(&package.name, "is pure and does not forbid unsafe code", remedy));
    }
    let clippy = fs::read(package.folder.join("clippy.toml")).ok();
    if clippy.is_none() || clippy != fs::read(root().join(PURE_CLIPPY)).ok() {
        let remedy = format!("make its clippy.toml a link to {PURE_CLIPPY}");
        complaints.push(Complaint::new(&package.name, "is pure and has not the pure crates' clippy.toml", remedy));
    }
    for file in rust_files(&package.folder.join("src"))? {
        let text = fs::read_to_string(&file).map_err(Failure::of_file(&file))?;
        for (number, line) in (1..).zip(masked(&text).lines()) {
            if line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "async" || word == "await") {
                let place = format!("{}:{number}", file.strip_prefix(root()).unwrap_or(&file).display());
                complaints.push(Complaint::new(place, "pure code is not async", "leave waiting to layer 3"));
            }
        }
    }
    Ok(complaints)
}

fn mirror() -> Option<Complaint> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap_or_default();
    let remedy = "put there what `cargo xtask layers --print` prints";
    (!text.contains(&table::markdown()))
        .then(|| Complaint::new("ARCHITECTURE.md", "does not show the table of layers", remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    fn package(name: &str, folder: &str, dependencies: &[(&str, Use)]) -> Package {
        let dependencies = dependencies.iter().map(|(name, kind)| Dependency { name: (*name).to_owned(), kind: *kind });
        Package {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            licence: None,
            source: None,
            folder: folder.into(),
            dependencies: dependencies.collect(),
        }
    }

    fn refused(name: &str, dependency: &str, kind: Use) -> bool {
        let package = package(name, "", &[(dependency, kind)]);
        !uses(table::row(name).unwrap(), &package).is_empty()
    }

    #[test]
    fn uses_one_crime_each() {
        for (crime, name, dependency, kind) in [
            ("a layer above", "casemate-trust", "casemate-store", Use::Normal),
            ("a layer above, in tests", "casemate-trust", "casemate-store", Use::Dev),
            ("a layer above, in the build script", "casemate-trust", "casemate-store", Use::Build),
            ("a sibling", "casemate-keep", "casemate-launch", Use::Normal),
            ("an arrow backwards", "casemate-trust", "casemate-contract", Use::Normal),
            ("testkit in the product", "casemate-store", "casemate-testkit", Use::Normal),
            ("testkit in the build script", "casemate-store", "casemate-testkit", Use::Build),
            ("effects in a pure crate", "casemate-seal", "tokio", Use::Normal),
        ] {
            assert!(refused(name, dependency, kind), "{crime}");
        }
    }

    #[test]
    fn uses_that_are_fine() {
        for (name, dependency, kind) in [
            ("casemate-contract", "casemate-trust", Use::Normal),
            ("casemate", "casemate-service", Use::Normal),
            ("casemate-keep", "casemate-launch", Use::Dev),
            ("casemate-store", "casemate-testkit", Use::Dev),
            ("casemate-seal", "tokio", Use::Dev),
            ("casemate-store", "tokio", Use::Normal),
            ("casemate-store", "casemate-cose", Use::Normal),
        ] {
            assert!(!refused(name, dependency, kind), "{name} → {dependency}");
        }
    }

    #[test]
    fn shape_one_crime_each() {
        let row_missing = shape(&[package("casemate-surprise", "crates/surprise", &[])]);
        assert!(row_missing.iter().any(|complaint| complaint.place == "casemate-surprise"));
        let moved = shape(&[package("casemate-seal", "crates/sealing", &[])]);
        assert!(moved.iter().any(|complaint| complaint.place == "casemate-seal"));
        let all: Vec<Package> =
            ROWS.iter().map(|row| package(&row.package(), &format!("crates/{}", row.name), &[])).collect();
        assert!(shape(&all).is_empty());
        assert_eq!(shape(&all[1..]).len(), 1);
    }
}
