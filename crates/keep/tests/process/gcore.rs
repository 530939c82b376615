//! Debian's own `gcore` on a running study: what it copies of a keep's memory holds no canary; without secret memory it does.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use casemate_evidence::Lack;
use casemate_launch::{Outcome, Report};
use nix::unistd::{Whence, lseek};

use crate::{
    launcher::{lacks, run},
    owners::{Crime, Setting, Study},
    plaintext::{canaries, root_only, secrets},
    reader::{contains, descendants, is_child},
};

#[test]
fn gcore_finds_plaintext_only_in_a_keep_without_secret_memory() {
    const TEST: &str = "gcore_finds_plaintext";
    if !root_only(TEST) {
        return;
    }
    if Command::new("gcore").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        return casemate_testkit::skip(TEST, "no `gcore`", "install the package `gdb`");
    }
    let (cores, report) = dumped(b"\ncasemate-naked-study\n");
    assert!(report.lacks.contains(&Lack::SecretPlaintext));
    assert!(cores.iter().any(|core| core.has_canary), "the attack finds nothing where nothing is defended: {cores:?}");

    let (cores, report) = dumped(b"\ncasemate-study\n");
    if !lacks(&report, Lack::SecretPlaintext, TEST) {
        assert!(cores.iter().all(|core| core.memory_bytes > 1 << 20), "{cores:?}");
        assert!(!cores.is_empty() && !cores.iter().any(|core| core.has_canary), "{cores:?}");
    }
}

/// A core file, read.
#[derive(Clone, Debug)]
struct Core {
    memory_bytes: usize,
    has_canary: bool,
}

/// The core files of a keep while its result waits for a permit.
fn dumped(runtime: &'static [u8]) -> (Vec<Core>, Report) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_path_buf();
    let cores = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&cores);
    let meanwhile = move || {
        // A stop of the stub would be told to the launcher, which waits for it.
        let inside = descendants().into_iter().filter(|process| !is_child(*process));
        shared.lock().unwrap().extend(inside.filter_map(|process| dump(process, &path)));
    };
    let meanwhile: Arc<dyn Fn() + Send + Sync> = Arc::new(meanwhile);
    let study = Study::with(Setting {
        diagnoses: canaries(),
        patients: 4000,
        runtime,
        meanwhile: Some(meanwhile),
        program: None,
    });
    let outcome = run(study.spec([Crime::None, Crime::None])).unwrap();
    let Outcome::Done { report, .. } = outcome else { panic!("{outcome:?}") };
    (cores.lock().unwrap().clone(), report)
}

/// `gcore -a`: with the mappings that ask not to be dumped, as secret memory does.
fn dump(process: i32, folder: &Path) -> Option<Core> {
    let prefix = folder.join("core");
    let output = Command::new("gcore").arg("-a").arg("-o").arg(&prefix).arg(process.to_string()).output().unwrap();
    let path = folder.join(format!("core.{process}"));
    let file = File::open(&path).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    fs::remove_file(path).unwrap();
    let memory = memory(&file)?;
    Some(Core { memory_bytes: memory.len(), has_canary: contains(&memory, &secrets()) })
}

/// What a core file holds beside its notes [ELF-64, program headers]. Those hold registers, which may tell something:
/// docs/threat-model.md says so. Pages that were never used are holes of the file, gigabytes of them.
fn memory(file: &File) -> Option<Vec<u8>> {
    let notes = notes(file)?;
    let (mut memory, mut end) = (Vec::new(), 0);
    while let Ok(start) = lseek(file, end, Whence::SeekData) {
        end = lseek(file, start, Whence::SeekHole).ok()?;
        let mut piece = vec![0; usize::try_from(end - start).ok()?];
        file.read_exact_at(&mut piece, u64::try_from(start).ok()?).ok()?;
        let at = |offset: i64| usize::try_from((offset - start).clamp(0, end - start)).unwrap();
        notes.iter().for_each(|(first, last)| piece[at(*first)..at(*last)].fill(0));
        memory.append(&mut piece);
    }
    Some(memory)
}

/// Where the notes of a core file begin and end.
fn notes(file: &File) -> Option<Vec<(i64, i64)>> {
    const NOTE: i64 = 4;
    let number = |at: i64, bytes: usize| {
        let mut little_endian = [0; 8];
        file.read_exact_at(&mut little_endian[..bytes], u64::try_from(at).ok()?).ok()?;
        Some(i64::from_le_bytes(little_endian))
    };
    let (first, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let headers = (0..count).map(|index| first + index * size);
    let notes = headers.filter(|header| number(*header, 4) == Some(NOTE)).map(|header| {
        let start = number(header + 8, 8)?;
        Some((start, start + number(header + 32, 8)?))
    });
    notes.collect()
}
