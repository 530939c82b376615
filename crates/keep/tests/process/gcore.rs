//! Debian's own `gcore` on a running study, while its result waits and while a program works: what it copies of a keep's memory
//! holds no canary; without secret memory it does.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use casemate_evidence::Lack;
use casemate_launch::{Event, LaunchError, Outcome, Report, launch};
use nix::unistd::{Whence, lseek};

use crate::{
    launcher::{lacks, run},
    owners::{Crime, Setting, Study},
    plaintext::{alone, canaries, root_only, secrets},
    program::reads_all_and_stays,
    reader::{contains, descendants, is_child, threads},
};

/// Keeps of the product's, as [`Setting::runtime`] names them: without and with secret memory.
const NAKED: &[u8] = b"\ncasemate-naked-study\n";
const STUDY: &[u8] = b"\ncasemate-study\n";

#[test]
fn gcore_finds_plaintext_only_in_a_keep_without_secret_memory() {
    const TEST: &str = "gcore_finds_plaintext";
    if !can_dump(TEST) {
        return;
    }
    let _alone = alone();
    let (cores, report) = dumped(NAKED);
    assert!(report.lacks.contains(&Lack::SecretPlaintext));
    assert!(cores.iter().any(|core| core.has_canary), "the attack finds nothing where nothing is defended: {cores:?}");

    let (cores, report) = dumped(STUDY);
    if !lacks(&report, Lack::SecretPlaintext, TEST) {
        assert!(cores.iter().all(|core| core.memory_bytes > 1 << 20), "{cores:?}");
        assert!(!cores.is_empty() && !cores.iter().any(|core| core.has_canary), "{cores:?}");
    }
}

#[test]
fn gcore_finds_what_a_program_has_read_only_in_a_keep_without_secret_memory() {
    const TEST: &str = "gcore_finds_what_a_program_has_read";
    if !can_dump(TEST) {
        return;
    }
    let _alone = alone();
    let core = dumped_at_work(NAKED, Lack::ALL).unwrap();
    assert!(core.has_canary, "the attack finds nothing where nothing is defended: {core:?}");

    let others: Vec<Lack> = Lack::ALL.iter().copied().filter(|lack| *lack != Lack::SecretPlaintext).collect();
    match dumped_at_work(STUDY, &others) {
        Some(core) => assert!(core.memory_bytes > 1 << 20 && !core.has_canary, "{core:?}"),
        None => casemate_testkit::skip(TEST, "too little secret memory", Lack::SecretPlaintext.explain().remedy),
    }
}

fn can_dump(test: &str) -> bool {
    if !root_only(test) {
        return false;
    }
    let is_there = Command::new("gcore").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !is_there {
        casemate_testkit::skip(test, "no `gcore`", "install the package `gdb`");
    }
    is_there
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
        // The launcher is this process: it would see the stop of its own child, and take it for the child's.
        let inside = descendants().into_iter().filter(|process| !is_child(*process));
        shared.lock().unwrap().extend(inside.filter_map(|process| dump(process, &path)));
    };
    let meanwhile: Arc<dyn Fn() + Send + Sync> = Arc::new(meanwhile);
    let study = Study::with(Setting {
        diagnoses: canaries(),
        patients: 4000,
        runtime,
        meanwhile: Some(meanwhile),
        ..Setting::default()
    });
    let mut spec = study.spec([Crime::None, Crime::None]);
    // It stands still while it is dumped.
    spec.limits.wall_s = 280;
    let outcome = run(spec).unwrap();
    let Outcome::Done { report, .. } = outcome else { panic!("{outcome:?}") };
    (cores.lock().unwrap().clone(), report)
}

/// The core file of a keep in which a program works that has every row, and does not end by itself: it is ended with its core
/// written. None where this machine has too little secret memory.
fn dumped_at_work(runtime: &'static [u8], accept: &[Lack]) -> Option<Core> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_path_buf();
    let program = Some(reads_all_and_stays());
    let study = Study::with(Setting { diagnoses: canaries(), patients: 4000, runtime, program, ..Setting::default() });
    let mut spec = study.spec([Crime::None, Crime::None]);
    (spec.limits.wall_s, spec.limits.cpu_s) = (0, 600);
    spec.accept_lacks = accept.to_vec();
    let over = Arc::new(AtomicBool::new(false));
    let (tell, told) = tokio::sync::oneshot::channel();
    let is_over = Arc::clone(&over);
    let dumping = thread::spawn(move || {
        while !is_over.load(Ordering::SeqCst) {
            // With both keys released, only a program that runs has a thread of this name: it was compiled before.
            if let Some(process) = works(study.released()) {
                let core = dump(process, &path).unwrap();
                assert_eq!(works(study.released()), Some(process), "the program did not outlive its core");
                return drop(tell.send(core));
            }
            thread::sleep(Duration::from_millis(5));
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let core = runtime.block_on(async {
        tokio::select! {
            core = told => Some(core.unwrap()),
            ended = launch(spec, |_: Event| {}) => match ended {
                Err(LaunchError::Lacks(lacks)) if lacks == [Lack::SecretPlaintext] => None,
                other => panic!("{other:?}"),
            },
        }
    });
    over.store(true, Ordering::SeqCst);
    dumping.join().unwrap();
    core
}

/// The keep in which a program works, once `released` says that both owners' keys are there.
fn works(released: usize) -> Option<i32> {
    let is_at_work = |process: &i32| {
        let names = threads(*process).into_iter().map(|thread| format!("/proc/{process}/task/{thread}/comm"));
        names.filter_map(|path| fs::read_to_string(path).ok()).any(|name| name.trim() == "program")
    };
    (released == 2).then(|| descendants().into_iter().find(is_at_work)).flatten()
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
