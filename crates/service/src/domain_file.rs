//! An owner's `domain.toml`: read for every session, so that an edit counts at once, and parsed when its bytes are others.
//!
//! Parsing checks the signature of every statement of others that the file holds; the digest of the file's bytes spares that, and
//! two files of one digest are one domain.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use casemate_cose::Digest;
use casemate_trust::Domain;

/// The file and the domain that it was when it was read last.
pub(crate) struct DomainFile {
    path: PathBuf,
    last: Mutex<Option<(Digest, Arc<Domain>)>>,
}

impl DomainFile {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path, last: Mutex::new(None) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The domain that the file is now, or why it is none.
    pub(crate) fn read(&self) -> Result<Arc<Domain>, String> {
        let bytes = fs::read(&self.path).map_err(|error| error.to_string())?;
        let digest = Digest::of(&bytes);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, domain)) = last.as_ref().filter(|(of, _)| *of == digest) {
            return Ok(Arc::clone(domain));
        }
        // What was in force is so no more, whether or not this is a domain.
        *last = None;
        let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
        let domain = Arc::new(Domain::parse(&text).map_err(|error| error.to_string())?);
        *last = Some((digest, Arc::clone(&domain)));
        Ok(domain)
    }
}

#[cfg(test)]
mod tests {
    use casemate_testkit::Folder;

    use super::*;

    fn of(sequence: u8) -> String {
        format!("[domain]\nowner = \"clinic\"\nsequence = {sequence}\n")
    }

    #[test]
    fn a_file_is_parsed_once_until_its_bytes_change() {
        let folder = Folder::new("domain-file");
        let path = folder.join("domain.toml");
        let file = DomainFile::new(path.clone());
        assert!(file.read().is_err(), "there is none");
        fs::write(&path, of(1)).unwrap();
        let first = file.read().unwrap();
        assert!(Arc::ptr_eq(&first, &file.read().unwrap()), "read again, parsed once");

        // One digit, same length, same second: another domain at once.
        fs::write(&path, of(2)).unwrap();
        let second = file.read().unwrap();
        assert_eq!((first.sequence(), second.sequence()), (1, 2));

        fs::write(&path, "[domain").unwrap();
        assert!(file.read().is_err(), "the domain of before does not stand in for none");
        fs::write(&path, [0xff]).unwrap();
        assert!(file.read().is_err());
        fs::remove_file(&path).unwrap();
        assert!(file.read().is_err());
        fs::write(&path, of(1)).unwrap();
        assert_eq!(file.read().unwrap(), first);
    }
}
