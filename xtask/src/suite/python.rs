//! A Python with the packages of `tests/requirements.txt`: a virtual environment in the target folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    failure::Failure,
    process::{self, root},
};

/// Makes the environment, or finds it made: a stamp holds the requirements and the Python it was made for.
///
/// # Errors
/// One line that says why there is none; the tests that need it are then skipped.
pub(super) fn provide(folder: &Path) -> Result<PathBuf, String> {
    let python = folder.join("bin/python");
    make(folder, &python).map(|()| python).map_err(|failure| format!("Python packages for tests: {failure}"))
}

fn make(folder: &Path, python: &Path) -> Result<(), Failure> {
    let requirements = root().join("tests/requirements.txt");
    let wanted = fs::read_to_string(&requirements).map_err(Failure::of_file(&requirements))?;
    let version = process::output(Command::new("python3").arg("--version"), "python3")?;
    let stamp = folder.join("casemate-stamp");
    let made_for = format!("{version}{wanted}");
    if fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == made_for) && python.is_file() {
        return Ok(());
    }
    println!("installing the Python packages of tests/requirements.txt into {}", folder.display());
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder), "python3 -m venv")?;
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "-r"]);
    process::run(pip.arg(&requirements), "pip install")?;
    fs::write(&stamp, made_for).map_err(Failure::of_file(&stamp))
}
