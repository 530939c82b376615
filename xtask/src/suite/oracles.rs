//! The comparisons with verifiers that pull in OpenSSL: a crate outside the workspace, with a lockfile of its own.

use std::{path::Path, process::Command};

use crate::{
    failure::Failure,
    process::{self, cargo, root},
};

/// What they need, and how to get it.
const MISSING: &str = "oracles: OpenSSL's headers are not installed; apt install libssl-dev pkg-config";

/// Their tests, or why they don't run here. They are built below `target`, away from the product's artifacts.
pub(super) fn tests(target: &Path) -> Result<Command, Failure> {
    if !process::succeeds(Command::new("pkg-config").args(["--exists", "openssl"])) {
        return Err(Failure::new(MISSING));
    }
    let mut command = cargo(&["test", "--quiet", "--locked"]);
    command.current_dir(root().join("oracles")).env("CARGO_TARGET_DIR", target.join("oracles"));
    // The system's: building OpenSSL anew takes longer than all the rest.
    command.env("OPENSSL_NO_VENDOR", "1");
    Ok(command)
}
