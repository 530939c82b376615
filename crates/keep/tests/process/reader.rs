//! Reads another process's memory, in every way that the kernel offers to root.
#![allow(unsafe_code, reason = "system calls that read another process")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{BufRead as _, BufReader, IoSliceMut},
    os::unix::{fs::FileExt as _, process::CommandExt as _},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use nix::{
    sched::{CloneFlags, unshare},
    sys::{
        ptrace,
        signal::{self, Signal},
        uio::{RemoteIoVec, process_vm_readv},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::{launcher, plaintext::root_only};

const PIECE_BYTES: u64 = 1 << 20;
const PAGE_BYTES: u64 = 4096;
/// How often threads that were stopped are looked at.
const LOOK: Duration = Duration::from_micros(50);
/// Pages of secret memory of which a debugger tries the first word, and pages of ordinary memory that it reads word by word: each
/// word is a system call, and the keep stands still meanwhile.
const PEEKED_SECRET_MAX: usize = 8192;
const PEEKED_MAX: usize = 512;

/// What secret memory is called in `/proc/PID/maps`.
pub(crate) const SECRET: &str = "/secretmem";

/// Children of this process, and theirs.
pub(crate) fn descendants() -> Vec<i32> {
    let children = |parent: i32| -> Vec<i32> {
        let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
        let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        lists.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>()).collect()
    };
    let stubs = children(std::process::id().cast_signed());
    stubs.iter().flat_map(|stub| children(*stub)).chain(stubs.iter().copied()).collect()
}

/// Whether this process started it: then its launcher waits for it too, and would be told of every stop.
pub(crate) fn is_child(process: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let parent = stat.rsplit_once(") ").and_then(|(_, fields)| fields.split(' ').nth(1)?.parse().ok());
    parent == Some(std::process::id())
}

/// A line of `/proc/PID/maps` that can be read.
#[derive(Clone, Debug)]
pub(crate) struct Mapped {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) name: String,
}

pub(crate) fn mappings(process: i32) -> Vec<Mapped> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap_or_default();
    let readable =
        maps.lines().filter(|line| line.split_whitespace().nth(1).is_some_and(|access| access.starts_with('r')));
    readable
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let (start, end) = fields.next()?.split_once('-')?;
            let number = |digits| u64::from_str_radix(digits, 16).ok();
            let name = fields.skip(4).collect::<Vec<_>>().join(" ");
            Some(Mapped { start: number(start)?, end: number(end)?, name })
        })
        .collect()
}

/// A way to read.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Way {
    /// What `gcore` does: stops the process by ptrace, then writes all that can be read of it into a file.
    Core,
    /// `/proc/PID/mem`.
    Mem,
    /// `PTRACE_PEEKDATA`, word by word.
    Peek,
    /// `process_vm_readv`.
    VmReadv,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Core, Self::Mem, Self::Peek, Self::VmReadv];

    pub(crate) const fn stops(self) -> bool {
        matches!(self, Self::Core | Self::Peek)
    }
}

/// What a search came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Looked {
    /// The mappings in which a canary was found.
    pub(crate) found: BTreeSet<String>,
    /// How much could be read at all: a search that reads nothing shows nothing.
    pub(crate) bytes: u64,
    /// Words of secret memory among it.
    pub(crate) secret_words: usize,
}

/// Looks for `canaries` in what `process` has mapped. Nothing where the process has ended.
pub(crate) fn find(process: i32, way: Way, canaries: &[Vec<u8>]) -> Looked {
    match way {
        Way::Core => stopped(process, || core(process, canaries)).unwrap_or_default(),
        Way::Mem => searched(&by_mem(process, canaries)),
        Way::Peek => stopped(process, || peek(process, canaries)).unwrap_or_default(),
        Way::VmReadv => searched(&search(process, canaries, |at, piece| vm_readv(process, at, piece))),
    }
}

/// `process_vm_readv`; how many bytes it gave.
pub(crate) fn vm_readv(process: i32, at: u64, piece: &mut [u8]) -> usize {
    let remote = [RemoteIoVec { base: usize::try_from(at).unwrap(), len: piece.len() }];
    process_vm_readv(Pid::from_raw(process), &mut [IoSliceMut::new(piece)], &remote).unwrap_or(0)
}

/// The word at `at` of a process that this thread has stopped.
pub(crate) fn peek_word(process: i32, at: u64) -> Option<[u8; 8]> {
    let place = std::ptr::with_exposed_provenance_mut(usize::try_from(at).unwrap());
    ptrace::read(Pid::from_raw(process), place).ok().map(i64::to_ne_bytes)
}

/// What was read, and where a canary begins.
#[derive(Default)]
struct Read {
    bytes: u64,
    hits: Vec<(String, u64)>,
}

fn searched(read: &Read) -> Looked {
    let found = read.hits.iter().map(|(name, _)| name.clone()).collect();
    Looked { found, bytes: read.bytes, secret_words: 0 }
}

fn by_mem(process: i32, canaries: &[Vec<u8>]) -> Read {
    match File::open(format!("/proc/{process}/mem")) {
        Ok(memory) => search(process, canaries, |at, piece| memory.read_at(piece, at).unwrap_or(0)),
        Err(error) => {
            // A process that ends gives its memory back before it is one that has ended.
            let has_none = error.raw_os_error() == Some(libc::ESRCH);
            assert!(has_none || is_gone(process, process), "the memory of {process}: {error}");
            Read::default()
        }
    }
}

/// Reads every mapping, in pieces, and page by page where a piece has pages that can't be read.
fn search(process: i32, canaries: &[Vec<u8>], read: impl Fn(u64, &mut [u8]) -> usize) -> Read {
    let mut all = Read::default();
    for mapped in mappings(process) {
        // Longer than any canary, so that one across the end of a piece is found as well.
        let mut buffer = vec![0; usize::try_from(PIECE_BYTES + PAGE_BYTES).unwrap()];
        let mut at = mapped.start;
        while at < mapped.end {
            let bytes = usize::try_from((mapped.end - at).min(PIECE_BYTES + PAGE_BYTES)).unwrap();
            let got = read(at, &mut buffer[..bytes]);
            all.bytes += u64::try_from(got).unwrap();
            if let Some(place) = position(&buffer[..got], canaries) {
                all.hits.push((mapped.name.clone(), at + u64::try_from(place).unwrap()));
                break;
            }
            at += if got == bytes { PIECE_BYTES } else { (u64::try_from(got).unwrap() / PAGE_BYTES + 1) * PAGE_BYTES };
        }
    }
    all
}

pub(crate) fn contains(bytes: &[u8], canaries: &[Vec<u8>]) -> bool {
    position(bytes, canaries).is_some()
}

fn position(bytes: &[u8], canaries: &[Vec<u8>]) -> Option<usize> {
    canaries.iter().find_map(|canary| memmem(bytes, canary))
}

fn memmem(bytes: &[u8], canary: &[u8]) -> Option<usize> {
    // SAFETY: both slices are as long as is said. Rust has no search for bytes that is as fast.
    let found = unsafe { libc::memmem(bytes.as_ptr().cast(), bytes.len(), canary.as_ptr().cast(), canary.len()) };
    (!found.is_null()).then(|| found.addr() - bytes.as_ptr().addr())
}

/// Stops every thread of `process`, runs `work`, and lets them go on. None where the process has ended; whatever else is in the way
/// fails the test. A process has one tracer at a time.
pub(crate) fn stopped<T>(process: i32, work: impl FnOnce() -> T) -> Option<T> {
    static TRACER: Mutex<()> = Mutex::new(());
    let _one = TRACER.lock().unwrap_or_else(PoisonError::into_inner);
    // Each with the signal that came to it as it was stopped, which it is given again.
    let (mut held, mut gone) = (BTreeMap::new(), BTreeSet::new());
    // Until there is none that was started meanwhile.
    while let Some(thread) =
        threads(process).into_iter().find(|thread| !held.contains_key(thread) && !gone.contains(thread))
    {
        // Not `attach`: where another signal comes first, its SIGSTOP would stop the process when it is let go.
        let number = Pid::from_raw(thread);
        if let Err(error) = ptrace::seize(number, ptrace::Options::empty()) {
            assert!(is_gone(process, thread), "thread {thread} of {process} can't be traced: {error}");
            gone.insert(thread);
            continue;
        }
        let _ends = ptrace::interrupt(number);
        // One thread's end may wait until this one has heard of all others'.
        let became = loop {
            match heard(thread) {
                Some(WaitStatus::StillAlive) => {
                    gone.extend(held.extract_if(.., |thread, _| has_ended(*thread)).map(|(thread, _)| thread))
                }
                became => break became,
            }
            thread::sleep(LOOK);
        };
        match became {
            Some(WaitStatus::Stopped(_, signal)) => held.insert(thread, Some(signal)).is_none(),
            Some(WaitStatus::PtraceEvent(..)) => held.insert(thread, None).is_none(),
            _ => gone.insert(thread),
        };
    }
    let done = (!held.is_empty()).then(work);
    // Whoever can't be let go was killed, and its end is told to nobody else before its tracer has heard of it.
    held.retain(|thread, signal| ptrace::detach(Pid::from_raw(*thread), *signal).is_err());
    while !held.is_empty() {
        held.retain(|thread, _| !has_ended(*thread));
        thread::sleep(LOOK);
    }
    done
}

/// What became of a thread that this one traces, if anything did. It is asked for by its own number, whoever started it: `__WALL`.
fn heard(thread: i32) -> Option<WaitStatus> {
    waitpid(Pid::from_raw(thread), Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)).ok()
}

/// Whether its end was heard of now, or before.
fn has_ended(thread: i32) -> bool {
    matches!(heard(thread), None | Some(WaitStatus::Exited(..) | WaitStatus::Signaled(..)))
}

/// The threads of `process`, by number.
pub(crate) fn threads(process: i32) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    tasks.filter_map(|task| task.file_name().to_str()?.parse().ok()).collect()
}

/// Whether a thread has ended: it is no more, or nobody has heard of its end yet.
fn is_gone(process: i32, thread: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/task/{thread}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, fields)| fields.starts_with(['Z', 'X']))
}

fn core(process: i32, canaries: &[Vec<u8>]) -> Looked {
    use std::io::{Read as _, Seek as _, Write as _};
    let mut core = std::io::BufWriter::new(tempfile::tempfile().unwrap());
    // It may have ended just now.
    let Ok(memory) = File::open(format!("/proc/{process}/mem")) else { return Looked::default() };
    for mapped in mappings(process) {
        let mut page = [0; PAGE_BYTES as usize];
        let mut at = mapped.start;
        while at < mapped.end {
            if let Ok(got @ 1..) = memory.read_at(&mut page, at) {
                core.write_all(&page[..got]).unwrap();
            }
            at += PAGE_BYTES;
        }
    }
    let mut file = core.into_inner().unwrap();
    file.rewind().unwrap();
    let mut image = Vec::new();
    file.read_to_end(&mut image).unwrap();
    let found = contains(&image, canaries).then(|| "core".to_owned()).into_iter().collect();
    Looked { found, bytes: u64::try_from(image.len()).unwrap(), secret_words: 0 }
}

/// Of a stopped process: secret pages, as many as the limit; pages where `/proc/PID/mem` shows a canary, so that the limit does
/// not decide what is found; and others of the heap and of no file.
fn peek(process: i32, canaries: &[Vec<u8>]) -> Looked {
    let mut looked = Looked::default();
    let mappings = mappings(process);
    let pages = |mapped: &Mapped| (mapped.start..mapped.end).step_by(usize::try_from(PAGE_BYTES).unwrap());
    let secret = mappings.iter().filter(|mapped| mapped.name.starts_with(SECRET)).flat_map(pages);
    looked.secret_words = secret.take(PEEKED_SECRET_MAX).filter(|page| peek_word(process, *page).is_some()).count();
    for (name, at) in by_mem(process, canaries).hits {
        // From the page in which it begins to the end of the next.
        let first = at & !(PAGE_BYTES - 1);
        let words: Vec<u8> = words(process, first, first + 2 * PAGE_BYTES);
        looked.bytes += u64::try_from(words.len()).unwrap();
        looked.found.extend(contains(&words, canaries).then_some(name));
    }
    let is_ordinary = |mapped: &&Mapped| {
        mapped.name.is_empty()
            || mapped.name.starts_with("[heap")
            || mapped.name.starts_with("[anon")
            || mapped.name == "[stack]"
    };
    let ordinary =
        mappings.iter().filter(is_ordinary).flat_map(|mapped| pages(mapped).map(|page| (page, &mapped.name)));
    for (page, name) in ordinary.take(PEEKED_MAX) {
        let words = words(process, page, page + PAGE_BYTES);
        looked.bytes += u64::try_from(words.len()).unwrap();
        looked.found.extend(contains(&words, canaries).then(|| name.clone()));
    }
    looked
}

/// From `start` on, up to `end` or the first word that can't be read.
fn words(process: i32, start: u64, end: u64) -> Vec<u8> {
    (start..end).step_by(8).map_while(|at| peek_word(process, at)).flatten().collect()
}

/// Kills a process that is the first one of its PID namespace, as keeps are: its last thread waits until all others are told of.
#[test]
fn what_is_killed_while_it_is_stopped_has_an_end_that_its_parent_hears_of() {
    if !root_only("what_is_killed_while_it_is_stopped") {
        return;
    }
    let moments = [0, 200, 500, 1000, 2000].map(Some).into_iter().chain([None; 10]);
    for killed_after in moments {
        let script =
            "\"$0\" --exact reader::a_process_of_threads --include-ignored >/dev/null & echo $!; wait; echo over";
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(std::env::current_exe().unwrap()).env(launcher::CHILD, "1");
        // SAFETY: one system call between fork and exec.
        unsafe { shell.pre_exec(|| unshare(CloneFlags::CLONE_NEWPID).map_err(Into::into)) };
        let mut shell = shell.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(shell.stdout.take().unwrap()).lines();
        let process = said.next().unwrap().unwrap().parse().unwrap();
        while threads(process).len() < THREADS {
            thread::sleep(Duration::from_millis(1));
        }
        let kill = || signal::kill(Pid::from_raw(process), Signal::SIGKILL).unwrap();
        thread::scope(|scope| match killed_after {
            None => stopped(process, kill).unwrap(),
            Some(micros) => {
                scope.spawn(move || {
                    thread::sleep(Duration::from_micros(micros));
                    kill();
                });
                stopped(process, || thread::sleep(Duration::from_millis(1)));
            }
        });
        assert_eq!(said.next().unwrap().unwrap(), "over");
        assert!(shell.wait().unwrap().success());
    }
}

const THREADS: usize = 8;

#[test]
#[ignore = "run in a process of its own by the test above"]
fn a_process_of_threads() {
    if launcher::is_child() {
        (0..THREADS).for_each(|_| drop(thread::spawn(thread::park)));
        thread::sleep(Duration::from_secs(60));
    }
}
