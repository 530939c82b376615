//! `cargo xtask test`: everything that tests the project, on a fresh machine.
//!
//! 1. System packages that some tests need: installed as root on Debian, named elsewhere.
//! 2. A Python with the packages of `tests/requirements.txt`, in the target folder.
//! 3. Doc tests, then all other tests, once, by cargo-nextest where it is installed.
//! 4. With `--full`, the comparisons with verifiers that pull in OpenSSL: `oracles/`, outside the workspace.
//! 5. What was skipped on this machine, and why.

mod oracles;
mod packages;
mod python;

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use crate::{
    failure::Failure,
    metadata::{self, Package},
    process::{self, cargo, root},
    tidy::rust_files,
};

/// What was asked for.
#[derive(Debug, Default)]
struct Request {
    /// Also the long runs: tests marked `#[ignore = "long: …"]`.
    full: bool,
    /// Run tests only whose names contain one of these.
    filters: Vec<String>,
}

/// `cargo xtask test [--full] [FILTER]...`
pub(crate) fn run(arguments: &[&str]) -> Result<(), Failure> {
    let request = parse(arguments)?;
    let (members, target) = metadata::members()?;
    fs::create_dir_all(&target).map_err(Failure::of_file(&target))?;
    let skips = target.join("skips.txt");
    fs::write(&skips, "").map_err(Failure::of_file(&skips))?;

    let missing = packages::provide();
    let python = python::provide(&target.join("pyenv"));
    let prepare = |mut command: Command| {
        command.env("CASEMATE_SKIPS", &skips);
        if let Ok(python) = &python {
            command.env("CASEMATE_PYTHON", python);
        }
        if request.full {
            command.env("CASEMATE_FULL", "1");
        }
        command
    };

    let mut outcomes = Vec::new();
    if request.filters.is_empty() && has_doc_tests(&members)? {
        let mut doc_tests = prepare(cargo(&["test", "--quiet", "--workspace", "--doc", "--no-fail-fast"]));
        outcomes.push(process::run(&mut doc_tests, "doc tests"));
    }
    outcomes.push(process::run(&mut prepare(tests(&request)), "tests"));
    let mut oracles_missing = None;
    if request.full && request.filters.is_empty() {
        match oracles::tests(&target) {
            Ok(command) => outcomes.push(process::run(&mut prepare(command), "oracles")),
            Err(missing) => oracles_missing = Some(missing.to_string()),
        }
    }

    println!();
    for line in missing.iter().chain(python.err().iter()).chain(&oracles_missing) {
        println!("not on this machine: {line}");
    }
    for line in skipped(&skips)? {
        println!("skipped: {line}");
    }
    if !request.full {
        println!("left out: the long runs (`cargo xtask test --full`)");
    }
    outcomes.into_iter().collect()
}

fn parse(arguments: &[&str]) -> Result<Request, Failure> {
    let mut request = Request::default();
    for argument in arguments {
        match *argument {
            "--full" => request.full = true,
            flag if flag.starts_with('-') => {
                let remedy = "usage: cargo xtask test [--full] [FILTER]...";
                return Err(Failure::with_remedy(format!("`{flag}` is not a flag of `cargo xtask test`"), remedy));
            }
            filter => request.filters.push(filter.to_owned()),
        }
    }
    Ok(request)
}

fn tests(request: &Request) -> Command {
    let nextest = process::succeeds(&mut cargo(&["nextest", "--version"]));
    let mut command = if nextest {
        let mut command = cargo(&["nextest", "run", "--workspace", "--no-fail-fast", "--config-file"]);
        command.arg(root().join("xtask/nextest.toml"));
        if request.full {
            command.args(["--profile", "full", "--run-ignored", "all"]);
        }
        command
    } else {
        println!("cargo-nextest is not installed: `cargo test` does the same, more slowly and at greater length");
        cargo(&["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests"])
    };
    command.arg("--").args(&request.filters);
    if !nextest && request.full {
        command.arg("--include-ignored");
    }
    command
}

/// Whether any comment holds code to run: rustdoc is started only where there is something to test.
fn has_doc_tests(members: &[Package]) -> Result<bool, Failure> {
    for package in members {
        for file in rust_files(&package.folder.join("src"))? {
            if holds_doc_test(&fs::read_to_string(&file).map_err(Failure::of_file(&file))?) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn holds_doc_test(source: &str) -> bool {
    let mut fenced = false;
    for line in source.lines().map(str::trim_start) {
        let Some(text) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else { continue };
        let Some(language) = text.trim_start().strip_prefix("```") else { continue };
        fenced = !fenced;
        if fenced && language.split(',').map(str::trim).all(is_run) {
            return true;
        }
    }
    false
}

/// Whether rustdoc runs code of which a fence says this. `text`, `ignore` and other languages it leaves alone.
fn is_run(word: &str) -> bool {
    let is_error_code = word.len() == 5 && word.starts_with('E');
    ["", "compile_fail", "no_run", "rust", "should_panic"].contains(&word)
        || is_error_code
        || word.starts_with("edition")
}

fn skipped(file: &Path) -> Result<BTreeSet<String>, Failure> {
    let text = fs::read_to_string(file).map_err(Failure::of_file(file))?;
    Ok(text.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_requests() {
        let request = parse(&["--full", "relay"]).unwrap();
        assert!(request.full);
        assert_eq!(request.filters, ["relay"]);
        assert!(parse(&["--ful"]).is_err());
    }

    #[test]
    fn tells_doc_tests_from_pictures() {
        assert!(holds_doc_test("//! ```\n//! f();\n//! ```\n"));
        assert!(holds_doc_test("    /// ```compile_fail,E0451\n    /// f();\n    /// ```\n"));
        assert!(!holds_doc_test("//! ```text\n//! a picture\n//! ```\n"));
        assert!(!holds_doc_test("let a = \"```\";\n"));
    }
}
