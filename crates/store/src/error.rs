//! Why the state could not be used, with the path and what to do.

use std::{
    io,
    path::{Path, PathBuf},
};

use casemate_ledger::{BodyError, TreeError};
use thiserror::Error;

use crate::{DatasetError, DomainMarkError, FloorError, LedgerError, PartyError, QuotaError, RunError};

/// Why an operation on the state was refused or failed. [`StoreError::remedy`] says what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process holds the file for too long.
    #[error("`{}` is being written by another process", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("`{}` is damaged: {detail}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The datasets do not allow it.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The domain that was in force does not allow it.
    #[error(transparent)]
    Domain(#[from] DomainMarkError),
    /// Other users of the machine can enter the folder.
    #[error("other users of this machine can enter `{}` (mode {mode:03o})", path.display())]
    Exposed {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The floor of the study does not allow it.
    #[error(transparent)]
    Floor(#[from] FloorError),
    /// The file is some other program's database.
    #[error("`{}` is not a state file of Casemate", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// No space is left. Nothing was changed.
    #[error("no space is left for `{}`", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The ledger does not allow it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Another process uses the folder in the same role.
    #[error("another `casemate {name}` uses this state folder, pid {}", pid.map_or("unknown".into(), |pid| pid.to_string()))]
    Locked {
        /// The role.
        name: String,
        /// The folder.
        path: PathBuf,
        /// The other process, if it has told.
        pid: Option<u32>,
    },
    /// A newer Casemate wrote the file.
    #[error("`{}` has format {found}, and this Casemate knows formats up to {supported}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's format.
        found: i64,
        /// The newest format known.
        supported: i64,
    },
    /// The state folder is something else.
    #[error("`{}` is not a folder", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The known parties do not allow it.
    #[error(transparent)]
    Party(#[from] PartyError),
    /// The mailbox is full.
    #[error(transparent)]
    Quota(#[from] QuotaError),
    /// The run does not allow it.
    #[error(transparent)]
    Run(#[from] RunError),
    /// SQLite failed in another way.
    #[error("`{}`: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: sqlx::Error,
    },
    /// The folder or a file in it cannot be written.
    #[error("`{}` cannot be written", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
    },
}

impl StoreError {
    /// What the user can do, where the message does not say it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Busy { .. } => "wait for the other `casemate` to finish, then run this again".into(),
            Self::Corrupt { path, .. } => format!("put back a copy of `{}` from before the damage", path.display()),
            Self::Exposed { path, .. } => format!("run `chmod 700 {}`", path.display()),
            Self::Foreign { .. } | Self::NotAFolder { .. } => "name another state folder".into(),
            Self::Full { .. } => "free some space and run this again: nothing was changed".into(),
            Self::Locked { pid: Some(pid), .. } => format!("wait for it, or stop it with `kill {pid}`"),
            Self::Party(PartyError::Key { name: known, .. } | PartyError::Name { known, .. }) => {
                format!(
                    "compare the keys with `{known}` over another channel; `casemate party remove {known}` forgets the old"
                )
            }
            Self::Quota(_) => "sign what waits, or `casemate contract discard` it".into(),
            Self::Newer { .. } => "use the newer Casemate that wrote it".into(),
            Self::Unwritable { path } => {
                format!("make `{}` writable for this user, or name another folder", path.display())
            }
            Self::Dataset(_)
            | Self::Domain(_)
            | Self::Floor(_)
            | Self::Io { .. }
            | Self::Ledger(_)
            | Self::Locked { pid: None, .. }
            | Self::Party(PartyError::Unknown(_))
            | Self::Run(_)
            | Self::Sqlite { .. } => return None,
        })
    }

    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotADirectory => Self::NotAFolder { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Unwritable { path },
            io::ErrorKind::QuotaExceeded | io::ErrorKind::StorageFull => Self::Full { path },
            _ => Self::Io { path, source },
        }
    }

    /// By SQLite's primary result code [sqlite.org/rescode.html].
    pub(crate) fn sqlite(path: &Path, source: sqlx::Error) -> Self {
        let path = path.to_owned();
        let database = source.as_database_error();
        let code = database.and_then(|error| error.code()).and_then(|code| code.parse::<u32>().ok());
        match code.map(|code| code & 0xff) {
            Some(3 | 8 | 14) => Self::Unwritable { path },
            Some(5 | 6) => Self::Busy { path },
            Some(11 | 26) => {
                Self::Corrupt { path, detail: database.map(|e| e.message().to_owned()).unwrap_or_default() }
            }
            Some(13) => Self::Full { path },
            _ => Self::Sqlite { path, source },
        }
    }
}

/// What goes wrong inside a transaction, before the path is known.
#[derive(Debug)]
pub(crate) enum Failure {
    Sql(sqlx::Error),
    Store(StoreError),
}

impl Failure {
    pub(crate) fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Sql(error) => StoreError::sqlite(path, error),
            Self::Store(error) => error,
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl<E: Into<StoreError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

impl From<BodyError> for StoreError {
    fn from(error: BodyError) -> Self {
        Self::Ledger(error.into())
    }
}

impl From<TreeError> for StoreError {
    fn from(error: TreeError) -> Self {
        Self::Ledger(error.into())
    }
}
