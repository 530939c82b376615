//! Files that are there whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

use tempfile::NamedTempFile;

use crate::failure::Failure;

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

/// Writes `bytes` so that `path` holds its old content or all of the new, also after a crash.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let temporary = temporary(path)?;
    fill(&temporary, bytes).map_err(|error| Failure::io("write", path, &error))?;
    persist(temporary, path)
}

/// A file beside `path` that becomes it by [`persist`] and vanishes otherwise. Readable by its owner alone.
pub(crate) fn temporary(path: &Path) -> Result<NamedTempFile, Failure> {
    let folder = folder(path);
    fs::create_dir_all(folder).map_err(|error| Failure::io("create", folder, &error))?;
    NamedTempFile::new_in(folder).map_err(|error| Failure::io("write into", folder, &error))
}

/// Gives a temporary file its name, durably.
pub(crate) fn persist(temporary: NamedTempFile, path: &Path) -> Result<(), Failure> {
    let synced = temporary.as_file().sync_all();
    synced.map_err(|error| Failure::io("write", path, &error))?;
    temporary.persist(path).map_err(|error| Failure::io("write", path, &error.error))?;
    File::open(folder(path)).and_then(|folder| folder.sync_all()).map_err(|error| Failure::io("write", path, &error))
}

/// Like [`persist`], but refuses to replace anything.
pub(crate) fn persist_new(temporary: NamedTempFile, path: &Path) -> Result<(), Failure> {
    let synced = temporary.as_file().sync_all();
    synced.map_err(|error| Failure::io("write", path, &error))?;
    temporary.persist_noclobber(path).map(drop).map_err(|error| Failure::io("write", path, &error.error))
}

fn fill(file: &NamedTempFile, bytes: &[u8]) -> io::Result<()> {
    let mut file = file.as_file();
    file.write_all(bytes)?;
    file.flush()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
