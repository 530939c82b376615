//! Finds the program that a run hands to the keep: by its digest, never by its name.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use casemate_contract::{Code, Computation, Program, WasmProgram};
use casemate_cose::Digest;

use crate::{
    cli::RunArgs,
    failure::{Failure, Outcome},
    files,
};

/// What the keep gets to run.
pub(crate) struct Handed {
    /// The program's bytes; none where it is one of the sealed files.
    pub(crate) program: Vec<u8>,
    /// The dataset that it is sealed in.
    pub(crate) sealed: Option<String>,
    /// Code compiled ahead of time, where the contract pins some and it is here.
    pub(crate) artifact: Vec<u8>,
}

/// Finds the program of `computation` among what `args` names and what lies about.
pub(crate) fn find(args: &RunArgs, computation: &Computation) -> Result<Handed, Failure> {
    match &computation.program {
        Program::Sql { text } => {
            unasked(args, "is SQL, which the contract holds")?;
            Ok(Handed { program: text.as_str().as_bytes().to_vec(), sealed: None, artifact: Vec::new() })
        }
        Program::Wasm(WasmProgram { code: Code::Sealed { dataset }, .. }) => {
            unasked(args, "is sealed: its sealed file comes with --data")?;
            Ok(Handed { program: Vec::new(), sealed: Some(dataset.to_string()), artifact: Vec::new() })
        }
        Program::Wasm(WasmProgram { code: Code::Open { digest }, artifact, .. }) => {
            let folders = folders(args);
            let program = match &args.program {
                Some(path) => named(path, *digest)?,
                None => lying_about(&folders, "wasm", *digest).ok_or_else(|| missing(&folders, *digest))?,
            };
            // Without it the keep compiles the program itself.
            let artifact = artifact.as_ref().and_then(|pinned| lying_about(&folders, "cwasm", pinned.digest));
            Ok(Handed { program, sealed: None, artifact: artifact.unwrap_or_default() })
        }
    }
}

fn unasked(args: &RunArgs, why: &str) -> Outcome {
    match &args.program {
        None => Ok(()),
        Some(path) => Err(Failure::input(format!("`{}` is not needed: the program {why}", path.display()))
            .help("leave --program away")),
    }
}

fn named(path: &Path, expected: Digest) -> Result<Vec<u8>, Failure> {
    let bytes = files::read(path)?;
    let actual = Digest::of(&bytes);
    if actual == expected {
        return Ok(bytes);
    }
    let what = format!("`{}` is another program: it has {actual}, the contract names {expected}", path.display());
    Err(Failure::input(what).help("give the very file that was agreed on; whoever wrote the contract has it"))
}

/// The contract's folder, the current one, and those of the data; each once.
fn folders(args: &RunArgs) -> BTreeSet<PathBuf> {
    let mut folders = beside(&args.contract);
    folders.extend(args.data.iter().filter(|path| path.is_dir()).cloned());
    folders
}

/// The folder of this contract, and the current one.
pub(crate) fn beside(contract: &Path) -> BTreeSet<PathBuf> {
    let here = Path::new(".");
    let beside = contract.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(here);
    [beside, here].map(Path::to_path_buf).into()
}

/// The file with this ending and this digest. What can't be read is passed over: it is not asked for by name.
pub(crate) fn lying_about(folders: &BTreeSet<PathBuf>, ending: &str, digest: Digest) -> Option<Vec<u8>> {
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().filter_map(Result::ok);
    let mut paths: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && path.extension().is_some_and(|found| found == ending))
        .collect();
    paths.sort();
    paths.iter().filter_map(|path| files::read(path).ok()).find(|bytes| Digest::of(bytes) == digest)
}

fn missing(folders: &BTreeSet<PathBuf>, digest: Digest) -> Failure {
    let folders: Vec<_> = folders.iter().map(|folder| format!("`{}`", folder.display())).collect();
    Failure::input(format!("the program {digest} is not here: no *.wasm in {} has this digest", folders.join(", ")))
        .help("name its file with --program; whoever wrote the contract has it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(contract: PathBuf, program: Option<PathBuf>) -> RunArgs {
        RunArgs { contract, computation: None, data: Vec::new(), out: None, program }
    }

    #[test]
    fn a_program_is_found_by_its_digest_and_by_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("another.wasm"), b"another").unwrap();
        fs::write(at("renamed.wasm"), b"agreed").unwrap();
        let folders = folders(&args(at("study.contract"), None));
        assert_eq!(lying_about(&folders, "wasm", Digest::of(b"agreed")).unwrap(), b"agreed");
        assert!(lying_about(&folders, "cwasm", Digest::of(b"agreed")).is_none());
        assert!(lying_about(&folders, "wasm", Digest::of(b"a third")).is_none());
        let failure = missing(&folders, Digest::of(b"a third"));
        assert!(failure.to_string().contains(&Digest::of(b"a third").to_string()), "{failure}");
    }

    #[test]
    fn a_named_program_must_be_the_agreed_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.wasm");
        fs::write(&path, b"substituted").unwrap();
        assert_eq!(named(&path, Digest::of(b"substituted")).unwrap(), b"substituted");
        let failure = named(&path, Digest::of(b"agreed")).unwrap_err().to_string();
        for digest in [Digest::of(b"agreed"), Digest::of(b"substituted")] {
            assert!(failure.contains(&digest.to_string()), "{failure}");
        }
    }
}
