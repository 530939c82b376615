//! Folders for a test's files, removed when the test ends.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// A folder of one test's own. It and what it holds are removed when it is dropped.
pub struct Folder(TempDir);

impl Folder {
    /// Makes an empty folder, named after `name` for whoever looks while the test runs.
    ///
    /// # Panics
    /// If the system's temporary folder can't be written.
    #[must_use]
    #[expect(clippy::panic, reason = "a test that has no folder cannot go on, and says why")]
    pub fn new(name: &str) -> Self {
        match tempfile::Builder::new().prefix(&format!("casemate-{name}-")).tempdir() {
            Ok(folder) => Self(folder),
            Err(error) => panic!("the system's temporary folder can't be written: {error}"),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The path of `name` in it; nothing is made.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file into it and tells its path.
    ///
    /// # Errors
    /// Those of [`fs::write`].
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> io::Result<PathBuf> {
        let path = self.join(name);
        fs::write(&path, content).map(|()| path)
    }

    /// Every file below it, in order, relative to it: to see that a refusal left nothing half-written.
    ///
    /// # Errors
    /// Those of [`fs::read_dir`].
    pub fn files(&self) -> io::Result<Vec<PathBuf>> {
        let (mut files, mut folders) = (Vec::new(), vec![self.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                } else if let Ok(path) = entry.path().strip_prefix(self.path()) {
                    files.push(path.to_owned());
                }
            }
        }
        files.sort();
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_what_was_written_and_leaves_nothing() {
        let folder = Folder::new("folder");
        fs::create_dir(folder.join("b")).unwrap();
        folder.write("b/deep", "2").unwrap();
        folder.write("a", "1").unwrap();
        assert_eq!(folder.files().unwrap(), [PathBuf::from("a"), PathBuf::from("b/deep")]);
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
    }
}
