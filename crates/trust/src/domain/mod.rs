//! A domain: whom one owner believes, for which isolations, with which lacks. [docs/formats/domain.md]
//!
//! A person writes `domain.toml`; what counts is its compiled form, deterministic CBOR in one order, whose digest every
//! verdict carries. What the domain does not name is not accepted; an empty list accepts nothing.

mod compiled;
mod error;
mod text;

use std::collections::BTreeSet;

use casemate_cose::{Digest, PublicKey};
use casemate_evidence::{Endorsements, Isolation, Lack};
use minicbor::{Decode, Encode};

pub use error::DomainError;

use crate::printable::hides_or_moves;

/// The longest `domain.toml` and the longest compiled domain that are read: 1 MiB.
pub const DOMAIN_BYTES_MAX: usize = 1 << 20;

/// The most launchers, and the most runtimes, of one domain.
pub const ENTRIES_MAX: usize = 4096;

/// The longest name of an owner, launcher or runtime.
pub const NAME_BYTES_MAX: usize = 128;

/// Whom one owner believes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Domain {
    owner: String,
    launchers: Vec<Launcher>,
    runtimes: Vec<Runtime>,
    process: Option<Process>,
}

/// A host whose launcher the owner believes for isolation `process`.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Launcher {
    /// The owner's name for it.
    #[n(0)]
    pub name: String,
    /// The launcher's key.
    #[n(1)]
    pub key: PublicKey,
}

/// A runtime that the owner believes to keep its promises.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Runtime {
    /// The owner's name for it.
    #[n(0)]
    pub name: String,
    /// SHA-256 of the runtime's binary.
    #[n(1)]
    pub digest: Digest,
}

/// How the owner accepts isolation `process`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Process {
    /// What a machine may fail to give.
    pub accept_lacks: BTreeSet<Lack>,
}

impl Domain {
    /// A domain from its parts; `None` for `process` accepts no keep of that isolation. Order does not matter.
    ///
    /// # Errors
    /// [`DomainError`]: a name that is empty, too long or not printable; a name, key or digest twice; too many entries;
    /// launchers that no accepted isolation uses.
    pub fn new(
        owner: impl Into<String>,
        mut launchers: Vec<Launcher>,
        mut runtimes: Vec<Runtime>,
        process: Option<Process>,
    ) -> Result<Self, DomainError> {
        launchers.sort_by_key(|launcher| launcher.key);
        runtimes.sort_by_key(|runtime| runtime.digest);
        let domain = Self { owner: owner.into(), launchers, runtimes, process };
        domain.check()?;
        Ok(domain)
    }

    /// Reads `domain.toml`.
    ///
    /// # Errors
    /// [`DomainError`], with the place in `text`; unknown words are errors.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        text::parse(text)
    }

    /// Writes the domain as `domain.toml`; [`Domain::parse`] reads the same domain from it.
    #[must_use]
    pub fn to_toml(&self) -> String {
        text::write(self)
    }

    /// The compiled form: deterministic CBOR, the same for every order in which the file names its entries.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        compiled::write(self)
    }

    /// Reads the compiled form.
    ///
    /// # Errors
    /// [`DomainError`]: as [`Domain::new`], and whatever is not exactly what [`Domain::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DomainError> {
        compiled::parse(bytes)
    }

    /// SHA-256 of the compiled form: verdicts, decisions and receipts name the domain by it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// The party whose domain this is.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The launchers that are believed, ordered by key.
    #[must_use]
    pub fn launchers(&self) -> &[Launcher] {
        &self.launchers
    }

    /// The runtimes that are believed, ordered by digest.
    #[must_use]
    pub fn runtimes(&self) -> &[Runtime] {
        &self.runtimes
    }

    /// How isolation `process` is accepted, if it is.
    #[must_use]
    pub const fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// The isolations that are accepted, in order of their names.
    #[must_use]
    pub fn accepted_isolations(&self) -> Vec<Isolation> {
        self.process.iter().map(|_| Isolation::Process).collect()
    }

    /// The lacks that are accepted, in order of their names.
    #[must_use]
    pub fn accepted_lacks(&self) -> Vec<Lack> {
        self.process.iter().flat_map(|process| process.accept_lacks.iter().copied()).collect()
    }

    /// Whether this lack is accepted.
    #[must_use]
    pub fn accepts_lack(&self, lack: Lack) -> bool {
        self.process.as_ref().is_some_and(|process| process.accept_lacks.contains(&lack))
    }

    /// The endorsements to authenticate evidence with: this domain's launchers.
    #[must_use]
    pub fn endorsements(&self) -> Endorsements {
        Endorsements::of_launchers(self.launchers.iter().map(|launcher| launcher.key))
    }

    fn check(&self) -> Result<(), DomainError> {
        let entries = self.launchers.len().max(self.runtimes.len());
        if entries > ENTRIES_MAX {
            return Err(DomainError::TooMany { actual: entries, max: ENTRIES_MAX });
        }
        check_name(&self.owner)?;
        for name in self.launchers.iter().map(|l| &l.name).chain(self.runtimes.iter().map(|r| &r.name)) {
            check_name(name)?;
        }
        check_once(self.launchers.iter().map(|launcher| launcher.key.to_string()))?;
        check_once(self.launchers.iter().map(|launcher| launcher.name.clone()))?;
        check_once(self.runtimes.iter().map(|runtime| runtime.digest.to_string()))?;
        check_once(self.runtimes.iter().map(|runtime| runtime.name.clone()))?;
        if self.process.is_none() && !self.launchers.is_empty() {
            return Err(DomainError::Unused { span: None });
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), DomainError> {
    let printable = !name.chars().any(hides_or_moves) && name.trim() == name && !name.is_empty();
    if printable && name.len() <= NAME_BYTES_MAX {
        Ok(())
    } else {
        Err(DomainError::Name { actual: name.to_owned(), span: None })
    }
}

fn check_once(values: impl Iterator<Item = String>) -> Result<(), DomainError> {
    let mut seen = BTreeSet::new();
    for value in values {
        if let Some(actual) = seen.replace(value) {
            return Err(DomainError::Twice { actual, span: None });
        }
    }
    Ok(())
}
