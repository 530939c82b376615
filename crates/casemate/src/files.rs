//! Files that are there whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
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

/// Reads a whole file of at most 64 MiB that the caller named: one that isn't there is wrong input. What is no file, such as a pipe or a device, may have no end, or never begin: it is refused.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: io::Error| Failure::reading(path, &error);
    // Nobody may ever write into a pipe: opening it doesn't wait.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    // A folder says so itself when it is read.
    if !metadata.is_file() && !metadata.is_dir() {
        let message = format!("`{}` is not a file, but a pipe or a device", path.display());
        return Err(Failure::input(message).help("give a file; copy what a pipe brings into one"));
    }
    let mut bytes = Vec::new();
    let length = file.take(READ_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(length).unwrap_or(u64::MAX) > READ_BYTES_MAX {
        let message = format!("`{}` has more than {READ_BYTES_MAX} bytes, more than any such file", path.display());
        return Err(Failure::input(message));
    }
    Ok(bytes)
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

/// Like [`write`], but replaces nothing.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let temporary = temporary(path)?;
    temporary.as_file().write_all(bytes).map_err(|error| Failure::io("write", path, &error))?;
    persist_new(temporary, path)
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;

    #[test]
    fn only_files_are_read_and_only_so_much() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), b"text").unwrap();
        symlink(path("file"), path("link")).unwrap();
        mkfifo(&path("pipe"), Mode::S_IRWXU).unwrap();
        symlink("/dev/zero", path("zeros")).unwrap();
        assert!(read(&path("file")).is_ok_and(|bytes| bytes == b"text"));
        assert!(read(&path("link")).is_ok_and(|bytes| bytes == b"text"));
        for name in ["pipe", "zeros"] {
            let message = read(&path(name)).unwrap_err().to_string();
            assert!(message.contains("is not a file"), "{name}: {message}");
        }
        assert!(read(&path(".")).unwrap_err().to_string().contains("cannot read"));
        let long = File::create(path("long")).unwrap();
        long.set_len(READ_BYTES_MAX + 1).unwrap();
        assert!(read(&path("long")).unwrap_err().to_string().contains("more than any such file"));
        long.set_len(READ_BYTES_MAX).unwrap();
        assert!(read(&path("long")).is_ok());
    }
}
