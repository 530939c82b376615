//! The rules of style that no compiler checks. Each rule is a file of `tidy/`; this one walks and reports.
//!
//! `xtask/tidy.exceptions` lists what may break a rule, one `RULE PATH REASON` a line. An exception that nothing needs is itself
//! a complaint.

mod links;
mod mask;
mod rust;
mod text;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

pub(crate) use mask::masked;

use crate::{
    complaint::{Complaint, conclude},
    failure::Failure,
    process::{self, root},
};

/// What lies outside the rules: other people's words, and what tools write.
const FOREIGN: [&str; 4] = ["Cargo.lock", "LICENSE", "crates/casemate/demo/LICENSE", "xtask/tidy.exceptions"];
/// The endings of files whose text is checked.
const TEXT_ENDINGS: [&str; 11] = ["cedar", "json", "md", "py", "rs", "sh", "sql", "toml", "txt", "yaml", "yml"];
/// Where exceptions are argued.
const EXCEPTIONS: &str = "xtask/tidy.exceptions";

/// A rule that was broken: its name, the line, and what about it.
#[derive(Debug)]
pub(super) struct Breach {
    rule: &'static str,
    /// From 1; 0 for the file as a whole.
    line: usize,
    what: String,
    remedy: &'static str,
}

impl Breach {
    fn new(rule: &'static str, line: usize, what: impl Into<String>, remedy: &'static str) -> Self {
        Self { rule, line, what: what.into(), remedy }
    }
}

/// `cargo xtask tidy`.
pub(crate) fn check() -> Result<(), Failure> {
    let mut exceptions = exceptions()?;
    let files = tracked()?;
    let mut complaints = Vec::new();
    for path in &files {
        let file = root().join(path);
        // A file that was just removed is still listed.
        let Ok(bytes) = fs::read(&file) else { continue };
        let Ok(content) = String::from_utf8(bytes) else {
            complaints.push(Complaint::new(path, "is not UTF-8", "write it in UTF-8"));
            continue;
        };
        for breach in breaches(path, &content) {
            if let Some(exception) = exceptions.iter_mut().find(|e| e.rule == breach.rule && e.path == *path) {
                exception.used = true;
                continue;
            }
            let place = if breach.line == 0 { path.clone() } else { format!("{path}:{}", breach.line) };
            complaints.push(Complaint::new(place, format!("{}: {}", breach.rule, breach.what), breach.remedy));
        }
    }
    for exception in exceptions.iter().filter(|exception| !exception.used) {
        let what = format!("nothing needs the exception `{} {}`", exception.rule, exception.path);
        complaints.push(Complaint::new(EXCEPTIONS, what, "take it out"));
    }
    conclude("tidy", &format!("{} files", files.len()), complaints)
}

/// The Rust files below `folder`, in order.
pub(crate) fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Failure::of_file(&folder))? {
            let path = entry.map_err(Failure::of_file(&folder))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn breaches(path: &str, content: &str) -> Vec<Breach> {
    let mut breaches = text::check(content);
    if path.ends_with(".rs") {
        breaches.extend(rust::check(path, content));
    }
    if path.ends_with(".md") {
        breaches.extend(links::check(&root().join(path), content));
    }
    breaches
}

/// The text files that git has or would add, relative to the root.
fn tracked() -> Result<Vec<String>, Failure> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]).current_dir(root());
    let listed = process::output(&mut git, "git ls-files")?;
    let is_text = |path: &&str| {
        let ending = Path::new(path).extension().map(|ending| ending.to_string_lossy());
        ending.is_none_or(|ending| TEXT_ENDINGS.contains(&ending.as_ref()))
    };
    let files = listed.split('\0').filter(|path| !path.is_empty() && !FOREIGN.contains(path));
    Ok(files.filter(is_text).map(str::to_owned).collect())
}

struct Exception {
    rule: String,
    path: String,
    used: bool,
}

fn exceptions() -> Result<Vec<Exception>, Failure> {
    let path = root().join(EXCEPTIONS);
    let text = fs::read_to_string(&path).map_err(Failure::of_file(&path))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(exception).collect()
}

fn exception(line: &str) -> Result<Exception, Failure> {
    let mut words = line.splitn(3, ' ');
    match (words.next(), words.next(), words.next()) {
        (Some(rule), Some(path), Some(_reason)) => {
            Ok(Exception { rule: rule.to_owned(), path: path.to_owned(), used: false })
        }
        _ => Err(Failure::with_remedy(format!("`{EXCEPTIONS}`: `{line}`"), "write `RULE PATH REASON`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_needs_a_reason() {
        assert!(exception("file-length crates/a/src/b.rs").is_err());
        assert!(exception("file-length crates/a/src/b.rs one table that reads as one").is_ok());
    }
}
