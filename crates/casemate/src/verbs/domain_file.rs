//! Domains in files: text, compiled, or signed by their owner. What is wrong with text is shown in it.

use std::{ops::Range, path::Path};

use casemate_cose::{PublicKey, claimed_signer};
use casemate_trust::{Domain, DomainError};

use crate::{cli::Global, failure::Failure, files, state::State};

/// A domain as it was read.
pub(super) struct DomainFile {
    pub(super) domain: Domain,
    /// Whose signature is under it. It was verified; whether that is the owner's key, the reader has to know.
    pub(super) signer: Option<PublicKey>,
}

/// Reads the named file, or `domain.toml` in the state folder; where there is none, `domain.signed`.
pub(super) fn read_or_own(file: Option<&Path>, global: &Global) -> Result<(std::path::PathBuf, DomainFile), Failure> {
    let path = match file {
        Some(path) => path.to_owned(),
        None => own(&State::open(global)?.dir),
    };
    let read = read(&path)?;
    Ok((path, read))
}

fn own(dir: &Path) -> std::path::PathBuf {
    let (text, signed) = (dir.join("domain.toml"), dir.join("domain.signed"));
    if signed.exists() && !text.exists() { signed } else { text }
}

/// Reads a domain in any form.
pub(super) fn read(path: &Path) -> Result<DomainFile, Failure> {
    let bytes = files::read(path)?;
    if let Ok(signer) = claimed_signer(&bytes) {
        let domain = Domain::open(&bytes, &signer).map_err(|error| plain(path, &error))?;
        return Ok(DomainFile { domain, signer: Some(signer) });
    }
    match String::from_utf8(bytes) {
        Ok(text) => {
            let domain = Domain::parse(&text).map_err(|error| marked(path, &text, &error))?;
            Ok(DomainFile { domain, signer: None })
        }
        Err(not_text) => {
            let domain = Domain::from_bytes(not_text.as_bytes()).map_err(|error| plain(path, &error))?;
            Ok(DomainFile { domain, signer: None })
        }
    }
}

/// What is wrong with a `domain.toml`, at its place.
pub(super) fn marked(path: &Path, text: &str, error: &DomainError) -> Failure {
    let failure = plain(path, error);
    match error.span() {
        Some(span) => {
            let line = line_of(text, &span);
            failure.renamed(format!("`{}`, line {line}: {error}", path.display())).marked(
                path,
                text,
                vec![(span, "here".to_owned())],
            )
        }
        None => failure,
    }
}

fn plain(path: &Path, error: &DomainError) -> Failure {
    Failure::input(format!("`{}`: {error}", path.display())).help(error.help())
}

pub(super) fn line_of(text: &str, span: &Range<usize>) -> usize {
    text.as_bytes().iter().take(span.start).filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use casemate_cose::{Kind, SigningKey, sign};

    use super::*;

    const TEXT: &str = "[domain]\nowner = \"clinic\"\n";

    #[test]
    fn every_form_is_the_same_domain() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("domain");
        let key = SigningKey::from_seed(&[3; 32]);
        let domain = Domain::parse(TEXT).unwrap();
        let signed = domain.sign(&key);
        for (bytes, signer) in
            [(TEXT.as_bytes().to_vec(), None), (domain.to_bytes(), None), (signed.clone(), Some(key.public()))]
        {
            std::fs::write(&path, bytes).unwrap();
            let read = read(&path).unwrap();
            assert_eq!((read.domain.digest(), read.signer), (domain.digest(), signer));
        }
        let mut forged = signed;
        let last = forged.last_mut().unwrap();
        *last ^= 1;
        std::fs::write(&path, &forged).unwrap();
        assert!(read(&path).is_err_and(|failure| failure.exit_code() == 2));
        // Another kind of object with the same payload is no domain.
        std::fs::write(&path, sign(Kind::Contract, &domain.to_bytes(), &key)).unwrap();
        assert!(read(&path).is_err());
    }

    #[test]
    fn a_wrong_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("domain.toml");
        std::fs::write(&path, format!("{TEXT}surprise = 1\n")).unwrap();
        let failure = read(&path).err().unwrap();
        assert!(failure.to_string().contains("line 3"), "{failure}");
        assert!(failure.json()["marks"][0]["offset"].is_number());
    }
}
