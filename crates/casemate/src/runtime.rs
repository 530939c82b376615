//! This very program, as keeps of this host will be measured.

use std::{fs::File, path::PathBuf};

use casemate_cose::Digest;

use crate::failure::Failure;

/// The running program's file. It stays the one that was started, also when its path is replaced.
pub(crate) fn path() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}

/// The digest that a launcher will state for a keep started by this program.
pub(crate) fn digest() -> Result<Digest, Failure> {
    let file = File::open(path()).map_err(|error| Failure::io("read", &path(), &error))?;
    let fingerprint = casemate_seal::fingerprint(file).map_err(|error| Failure::io("read", &path(), &error))?;
    Ok(fingerprint.digest)
}
