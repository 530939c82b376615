//! Starting other programs.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::failure::Failure;

/// The workspace's root folder.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// Cargo, in the workspace's root, as if it had been started by hand.
///
/// What `cargo run` tells this program about its own package must not reach the inner cargo: build scripts that watch
/// those variables (`ring`'s does) would be run again each time one alternates between `cargo xtask` and `cargo build`.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name.as_ref());
        }
    }
    command
}

/// Runs to the end; the output goes to the terminal.
///
/// # Errors
/// If it can't be started or does not succeed; `what` says what it was for.
pub(crate) fn run(command: &mut Command, what: &str) -> Result<(), Failure> {
    let status = command.stdin(Stdio::null()).status().map_err(|error| not_started(command, what, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{what}: failed ({status})"))) }
}

/// Runs to the end and returns what was printed; errors go to the terminal.
///
/// # Errors
/// If it can't be started, does not succeed, or prints what is not UTF-8.
pub(crate) fn output(command: &mut Command, what: &str) -> Result<String, Failure> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| not_started(command, what, &error))?;
    if !output.status.success() {
        return Err(Failure::new(format!("{what}: failed ({})", output.status)));
    }
    String::from_utf8(output.stdout).map_err(|_| Failure::new(format!("{what}: printed what is not UTF-8")))
}

/// Whether it runs and succeeds; nothing is shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Where the program lies, if it is installed.
pub(crate) fn installed(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn not_started(command: &Command, what: &str, error: &std::io::Error) -> Failure {
    Failure::new(format!("{what}: `{}` could not be started: {error}", command.get_program().to_string_lossy()))
}
