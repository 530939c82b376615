//! Tests that can't run on this machine say so, and `cargo xtask test` repeats it at its end.
//!
//! A skip is one line in the file that `CASEMATE_SKIPS` names: `test: what was missing; how to get it`.

use std::{
    env,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
};

/// Reports that `test` did not run: what was missing and how to get it. `cargo xtask test` prints the list at its end.
pub fn skip(test: &str, why: &str, remedy: &str) {
    let line = format!("{test}: {why}; {remedy}\n");
    eprint!("SKIPPED {line}");
    if let Some(path) = env::var_os("CASEMATE_SKIPS") {
        report(Path::new(&path), &line);
    }
}

/// The Python with the packages of `tests/requirements.txt`, or `None` after reporting the skip.
#[must_use]
pub fn python(test: &str) -> Option<PathBuf> {
    let path = env::var_os("CASEMATE_PYTHON").map(PathBuf::from);
    if path.is_none() {
        skip(test, "no Python with the packages of tests/requirements.txt", "run it by `cargo xtask test`");
    }
    path
}

/// The folder of real evidence that `CASEMATE_VECTORS` names, or `None` after reporting the skip.
#[must_use]
pub fn vectors(test: &str) -> Option<PathBuf> {
    let path = env::var_os("CASEMATE_VECTORS").map(PathBuf::from).filter(|path| path.is_dir());
    if path.is_none() {
        skip(test, "no recorded evidence", "set CASEMATE_VECTORS to a folder of it");
    }
    path
}

/// The program `name` of the system package `package`, or `None` after reporting the skip.
#[must_use]
pub fn tool(test: &str, name: &str, package: &str) -> Option<PathBuf> {
    let found = find(name, &env::var_os("PATH").unwrap_or_default());
    if found.is_none() {
        skip(test, &format!("`{name}` is not installed"), &format!("install the package `{package}`"));
    }
    found
}

/// Appends the line in one write, so that the lines of tests that run at once stay whole.
fn report(path: &Path, line: &str) {
    let written =
        OpenOptions::new().create(true).append(true).open(path).and_then(|mut f| f.write_all(line.as_bytes()));
    if let Err(error) = written {
        eprintln!("the skip was not recorded in {}: {error}", path.display());
    }
}

fn find(name: &str, path: &std::ffi::OsStr) -> Option<PathBuf> {
    env::split_paths(path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Folder;

    #[test]
    fn skips_add_up() {
        let folder = Folder::new("skip");
        let path = folder.join("skips");
        report(&path, "a: b; c\n");
        report(&path, "d: e; f\n");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "a: b; c\nd: e; f\n");
    }

    #[test]
    fn finds_programs_on_the_path_only() {
        let folder = Folder::new("tool");
        let program = folder.write("a-program", "").unwrap();
        assert_eq!(find("a-program", folder.path().as_os_str()), Some(program));
        assert_eq!(find("no-such-program", folder.path().as_os_str()), None);
    }
}
