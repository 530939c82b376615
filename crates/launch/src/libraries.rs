//! The host's shared libraries that run inside a keep: part of what decides its behaviour, and not of its binary.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
};

use casemate_cose::Digest;
use casemate_evidence::software::digest_of_libraries;

use crate::{LaunchError, process::inspect::Code};

/// The libraries that are mapped into a process, and its dynamic loader.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Libraries(BTreeMap<String, Library>);

/// One of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Library {
    /// Where it was mapped from.
    pub path: PathBuf,
    /// SHA-256 of the whole file.
    pub digest: Digest,
}

impl Libraries {
    pub(crate) const fn new(libraries: BTreeMap<String, Library>) -> Self {
        Self(libraries)
    }

    /// The one digest that evidence states for all of them.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest_of_libraries(&self.0.iter().map(|(name, library)| (name.clone(), library.digest)).collect())
    }

    /// Each with the name under which it is called for; ascending.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Library)> {
        self.0.iter().map(|(name, library)| (name.as_str(), library))
    }
}

/// The libraries that this very process runs with: a keep of the same program on this host has the same.
///
/// # Errors
/// [`LaunchError::Unmeasured`] where something else is loaded into it.
pub fn libraries() -> Result<Libraries, LaunchError> {
    let refuse = |error: std::io::Error| LaunchError::Unmeasured(format!("its memory cannot be looked at: {error}"));
    let maps = fs::read_to_string("/proc/self/smaps").map_err(refuse)?;
    let image = File::open("/proc/self/exe").map_err(refuse)?;
    Code::of(&maps, &image).map(|code| code.libraries)
}
