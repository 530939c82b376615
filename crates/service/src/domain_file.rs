//! An owner's domain in files: `domain.toml`, and `domain.signed` beside it. Both are read for every session, so that an edit counts at
//! once, and parsed when their bytes are others.
//!
//! 1. Where there is a `domain.signed`, it is what counts, if the owner's identity key signed it.
//! 2. Beside it, `domain.toml` may be missing; where it is there, it has to say the same. An edit that nobody has signed shuts the
//!    broker: neither what the owner no longer means counts, nor what perhaps somebody else wrote.
//! 3. Without a `domain.signed`, `domain.toml` counts as it is. Whether a broker may still go by it, is not seen in files.
//!
//! Parsing checks the signature of every statement of others that a file holds; the digest of the file's bytes spares that, and
//! two files of one digest are one domain.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use casemate_cose::{Digest, PublicKey};
use casemate_store::Seal;
use casemate_trust::{Domain, domain::DOMAIN_BYTES_MAX};
use thiserror::Error;

/// How much longer a signed domain is than its compiled form, at most.
const SEAL_BYTES_MAX: usize = 1024;

/// Why files are no domain. The texts are for the operator's screen.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub(crate) enum FileError {
    /// A file is not there, or is no domain.
    #[error("`{}`: {why}", path.display())]
    Domain { path: PathBuf, why: String },
    /// What is signed is not signed by the owner.
    #[error("`{}`: {why}", path.display())]
    Signature { path: PathBuf, why: String },
    /// `domain.toml` says something that nobody has signed.
    #[error("`{}` {what}", path.display())]
    Unsigned { path: PathBuf, what: String },
}

/// The files, and what they were when they were read last.
pub(crate) struct DomainFile {
    text: Read,
    signed: Read,
    /// The owner's identity.
    owner: PublicKey,
}

impl DomainFile {
    /// Of the `domain.toml` at this path, and `domain.signed` beside it.
    pub(crate) fn new(path: PathBuf, owner: PublicKey) -> Self {
        let signed = path.with_file_name("domain.signed");
        Self { text: Read::new(path), signed: Read::new(signed), owner }
    }

    /// Where the signed domain is, if there is one.
    pub(crate) fn signed_path(&self) -> &Path {
        &self.signed.path
    }

    /// The domain that the files are now, or why they are none.
    pub(crate) fn read(&self) -> Result<(Arc<Domain>, Seal), FileError> {
        let signature = |why| FileError::Signature { path: self.signed.path.clone(), why };
        let open = |bytes: &[u8]| Domain::open(bytes, &self.owner).map_err(|error| signature(error.to_string()));
        let Some(signed) = self.signed.read(open)? else {
            let missing = || io::Error::from(io::ErrorKind::NotFound).to_string();
            let missing = || FileError::Domain { path: self.text.path.clone(), why: missing() };
            return Ok((self.text.read(|bytes| self.parse(bytes))?.ok_or_else(missing)?, Seal::Plain));
        };
        let unsigned = |what: String| FileError::Unsigned { path: self.text.path.clone(), what };
        match self.text.read(|bytes| self.parse(bytes)) {
            Ok(None) => Ok((signed, Seal::Signed)),
            Ok(Some(text)) if text.digest() == signed.digest() => Ok((signed, Seal::Signed)),
            Ok(Some(text)) => Err(unsigned(format!(
                "is not what `{}` is: sequence {}, {}, where sequence {}, {}, is signed",
                self.signed.path.display(),
                text.sequence(),
                text.digest(),
                signed.sequence(),
                signed.digest()
            ))),
            Err(FileError::Domain { why, .. }) => Err(unsigned(format!("is not what is signed: {why}"))),
            Err(error) => Err(error),
        }
    }

    fn parse(&self, bytes: &[u8]) -> Result<Domain, FileError> {
        let error = |why| FileError::Domain { path: self.text.path.clone(), why };
        let text = std::str::from_utf8(bytes).map_err(|not_text| error(not_text.to_string()))?;
        Domain::parse(text).map_err(|not_domain| error(not_domain.to_string()))
    }
}

/// A file, and the domain that it was when it was read last.
struct Read {
    path: PathBuf,
    last: Mutex<Option<(Digest, Arc<Domain>)>>,
}

impl Read {
    const fn new(path: PathBuf) -> Self {
        Self { path, last: Mutex::new(None) }
    }

    /// The domain in the file; none where there is no file.
    fn read(&self, parse: impl FnOnce(&[u8]) -> Result<Domain, FileError>) -> Result<Option<Arc<Domain>>, FileError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = match self.bytes() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                *last = None;
                return Ok(None);
            }
            Err(error) => return Err(FileError::Domain { path: self.path.clone(), why: error.to_string() }),
        };
        let digest = Digest::of(&bytes);
        if let Some((_, domain)) = last.as_ref().filter(|(of, _)| *of == digest) {
            return Ok(Some(Arc::clone(domain)));
        }
        // What was in force is so no more, whether or not this is a domain.
        *last = None;
        let domain = Arc::new(parse(&bytes)?);
        *last = Some((digest, Arc::clone(&domain)));
        Ok(Some(domain))
    }

    /// All bytes of the file, or enough of them to see that it is too long.
    fn bytes(&self) -> io::Result<Vec<u8>> {
        let max = u64::try_from(DOMAIN_BYTES_MAX.saturating_add(SEAL_BYTES_MAX)).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        File::open(&self.path)?.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use casemate_cose::SigningKey;
    use casemate_testkit::{Folder, key};

    use super::*;

    fn of(sequence: u8) -> String {
        format!("[domain]\nowner = \"clinic\"\nsequence = {sequence}\n")
    }

    fn file(folder: &Folder) -> DomainFile {
        DomainFile::new(folder.join("domain.toml"), key(1).public())
    }

    fn sign(folder: &Folder, text: &str, key: &SigningKey) {
        folder.write("domain.signed", Domain::parse(text).unwrap().sign(key)).unwrap();
    }

    #[test]
    fn a_file_is_parsed_once_until_its_bytes_change() {
        let folder = Folder::new("domain-file");
        let (path, file) = (folder.join("domain.toml"), file(&folder));
        let read = || file.read().map(|(domain, seal)| (seal == Seal::Plain).then_some(domain).unwrap());
        assert!(read().is_err(), "there is none");
        fs::write(&path, of(1)).unwrap();
        let first = read().unwrap();
        assert!(Arc::ptr_eq(&first, &read().unwrap()), "read again, parsed once");

        // One digit, same length, same second: another domain at once.
        fs::write(&path, of(2)).unwrap();
        let second = read().unwrap();
        assert_eq!((first.sequence(), second.sequence()), (1, 2));

        fs::write(&path, "[domain").unwrap();
        assert!(read().is_err(), "the domain of before does not stand in for none");
        fs::write(&path, [0xff]).unwrap();
        assert!(read().is_err());
        fs::remove_file(&path).unwrap();
        assert!(read().is_err());
        fs::write(&path, of(1)).unwrap();
        assert_eq!(read().unwrap(), first);
    }

    #[test]
    fn what_is_signed_is_what_counts() {
        let folder = Folder::new("domain-signed");
        let file = file(&folder);
        sign(&folder, &of(3), &key(1));
        let sequence = |file: &DomainFile| file.read().map(|(domain, seal)| (domain.sequence(), seal));
        assert_eq!(sequence(&file), Ok((3, Seal::Signed)), "without a text");
        // The same in other words: comments and order are no part of a domain.
        folder.write("domain.toml", format!("# a comment\n{}\n", of(3))).unwrap();
        assert_eq!(sequence(&file), Ok((3, Seal::Signed)));
        for text in [of(4), of(2), "[domain".to_owned()] {
            folder.write("domain.toml", &text).unwrap();
            assert!(matches!(sequence(&file), Err(FileError::Unsigned { .. })), "{text}");
        }
        folder.write("domain.toml", of(3)).unwrap();
        for signer in [2, 3] {
            sign(&folder, &of(3), &key(signer));
            assert!(matches!(sequence(&file), Err(FileError::Signature { .. })), "another's key");
        }
        let mut damaged = Domain::parse(&of(3)).unwrap().sign(&key(1));
        damaged.pop();
        for bytes in [damaged, Vec::new(), of(3).into_bytes()] {
            folder.write("domain.signed", bytes).unwrap();
            assert!(matches!(sequence(&file), Err(FileError::Signature { .. })), "no signed domain");
        }
        fs::remove_file(file.signed_path()).unwrap();
        assert_eq!(sequence(&file), Ok((3, Seal::Plain)));
        fs::create_dir(file.signed_path()).unwrap();
        assert!(matches!(sequence(&file), Err(FileError::Domain { .. })), "what can't be read is not missing");
    }
}
