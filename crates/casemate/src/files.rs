//! Files that are there whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::{fd::AsRawFd as _, unix::fs::OpenOptionsExt as _},
    path::Path,
};

use nix::{
    fcntl::{AT_FDCWD, AtFlags, OFlag},
    unistd::linkat,
};
use tempfile::NamedTempFile;

use crate::failure::Failure;

/// Where the kernel names the descriptors of this process.
const DESCRIPTORS: &str = "/proc/self/fd";
/// The longest file that a verb reads into memory: 64 MiB.
const READ_BYTES_MAX: u64 = 64 << 20;

/// Reads a whole file of at most 64 MiB.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let length = fs::metadata(path).map_err(|error| Failure::io("read", path, &error))?.len();
    if length > READ_BYTES_MAX {
        return Err(Failure::input(format!("`{}` has {length} bytes, more than any such file", path.display())));
    }
    fs::read(path).map_err(|error| Failure::io("read", path, &error))
}

/// Reads a whole text file.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?).map_err(|_| Failure::input(format!("`{}` is not UTF-8 text", path.display())))
}

/// What will be a file: readable by its owner alone, and gone if it doesn't become one, also when this process is killed.
pub(crate) enum Temporary {
    /// Without a name.
    Unnamed(File),
    /// Where the file system knows no files without a name: one that is killed leaves it.
    Named(NamedTempFile),
}

impl Temporary {
    /// What to write into.
    pub(crate) fn as_file(&self) -> &File {
        match self {
            Self::Unnamed(file) => file,
            Self::Named(file) => file.as_file(),
        }
    }
}

/// Writes `bytes` so that `path` holds its old content or all of the new, also after a crash.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let temporary = temporary(path)?;
    temporary.as_file().write_all(bytes).map_err(|error| Failure::io("write", path, &error))?;
    persist(temporary, path)
}

/// What becomes `path` by [`persist`] or [`persist_new`].
pub(crate) fn temporary(path: &Path) -> Result<Temporary, Failure> {
    let folder = folder(path);
    fs::create_dir_all(folder).map_err(|error| Failure::io("create", folder, &error))?;
    let flags = OFlag::O_TMPFILE.bits();
    match OpenOptions::new().read(true).write(true).mode(0o600).custom_flags(flags).open(folder) {
        Ok(file) if Path::new(DESCRIPTORS).exists() => Ok(Temporary::Unnamed(file)),
        _ => NamedTempFile::new_in(folder)
            .map(Temporary::Named)
            .map_err(|error| Failure::io("write into", folder, &error)),
    }
}

/// Gives a temporary file its name, durably.
pub(crate) fn persist(temporary: Temporary, path: &Path) -> Result<(), Failure> {
    settle(temporary, path, Existing::Replace).map_err(|error| Failure::io("write", path, &error))
}

/// Like [`persist`], but refuses to replace anything.
pub(crate) fn persist_new(temporary: Temporary, path: &Path) -> Result<(), Failure> {
    settle(temporary, path, Existing::Keep).map_err(|error| Failure::io("write", path, &error))
}

/// Gives a whole file another name, durably.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    let renamed = fs::rename(from, to).and_then(|()| File::open(folder(to))?.sync_all());
    renamed.map_err(|error| Failure::io("rename", from, &error))
}

/// Removes a file if it is there, durably.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    let removed = match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => File::open(folder(path)).and_then(|folder| folder.sync_all()),
    };
    removed.map_err(|error| Failure::io("remove", path, &error))
}

/// What becomes of a file that is there already.
enum Existing {
    Keep,
    Replace,
}

fn settle(temporary: Temporary, path: &Path, existing: Existing) -> io::Result<()> {
    temporary.as_file().sync_all()?;
    match (temporary, existing) {
        (Temporary::Unnamed(file), Existing::Keep) => link(&file, path)?,
        (Temporary::Unnamed(file), Existing::Replace) => replace(&file, path)?,
        (Temporary::Named(file), Existing::Keep) => file.persist_noclobber(path).map(drop).map_err(|e| e.error)?,
        (Temporary::Named(file), Existing::Replace) => file.persist(path).map(drop).map_err(|e| e.error)?,
    }
    File::open(folder(path))?.sync_all()
}

fn link(file: &File, path: &Path) -> io::Result<()> {
    let descriptor = Path::new(DESCRIPTORS).join(file.as_raw_fd().to_string());
    Ok(linkat(AT_FDCWD, &descriptor, AT_FDCWD, path, AtFlags::AT_SYMLINK_FOLLOW)?)
}

/// A file without a name cannot take one that is taken: it gets another beside it and is renamed.
fn replace(file: &File, path: &Path) -> io::Result<()> {
    match link(file, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        linked => return linked,
    }
    let part = path.with_file_name(format!(".{}.part", path.file_name().unwrap_or_default().display()));
    // One at a time: what lies under the other name now is of a process that was killed just here.
    let alone = File::open(folder(path))?;
    alone.lock()?;
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    link(file, &part)?;
    fs::rename(&part, path)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
