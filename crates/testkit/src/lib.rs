//! What only tests need: skips that are reported, deterministic keys. Never in a release binary's dependency tree.

use std::{env, fs::OpenOptions, io::Write as _};

/// Reports that `test` did not run: what was missing and how to get it. `cargo xtask test` prints the list at its end.
pub fn skip(test: &str, why: &str, remedy: &str) {
    let line = format!("{test}: {why}; {remedy}\n");
    eprint!("SKIPPED {line}");
    if let Some(path) = env::var_os("CASEMATE_SKIPS")
        && let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path)
    {
        let _ = file.write_all(line.as_bytes());
    }
}
