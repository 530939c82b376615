//! Reads another process's memory, in every way that the kernel offers to root.
#![allow(unsafe_code, reason = "system calls that read another process")]

use std::{
    fs::{self, File},
    io::IoSliceMut,
    os::unix::fs::FileExt as _,
};

use nix::{
    sys::{
        ptrace,
        uio::{RemoteIoVec, process_vm_readv},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

const PIECE_BYTES: u64 = 1 << 20;
const PAGE_BYTES: u64 = 4096;

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
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// What `gcore` does: stops the process by ptrace, then writes all that can be read of it into a file.
    Core,
    /// `/proc/PID/mem`.
    Mem,
    /// `process_vm_readv`.
    VmReadv,
}

/// Where any of `canaries` is found in what `process` has mapped, as the mappings' names.
pub(crate) fn find(process: i32, way: Way, canaries: &[Vec<u8>]) -> Vec<String> {
    match way {
        Way::Core => core(process, canaries),
        Way::Mem => {
            let Ok(memory) = File::open(format!("/proc/{process}/mem")) else { return Vec::new() };
            search(process, canaries, |at, piece| memory.read_at(piece, at).unwrap_or(0))
        }
        Way::VmReadv => search(process, canaries, |at, piece| {
            let remote = [RemoteIoVec { base: usize::try_from(at).unwrap(), len: piece.len() }];
            process_vm_readv(Pid::from_raw(process), &mut [IoSliceMut::new(piece)], &remote).unwrap_or(0)
        }),
    }
}

/// Reads every mapping, in pieces, and page by page where a piece has pages that can't be read.
fn search(process: i32, canaries: &[Vec<u8>], read: impl Fn(u64, &mut [u8]) -> usize) -> Vec<String> {
    let mut found = Vec::new();
    for mapped in mappings(process) {
        // Longer than any canary, so that one across the end of a piece is found as well.
        let mut buffer = vec![0; usize::try_from(PIECE_BYTES + PAGE_BYTES).unwrap()];
        let mut at = mapped.start;
        while at < mapped.end {
            let bytes = usize::try_from((mapped.end - at).min(PIECE_BYTES + PAGE_BYTES)).unwrap();
            let got = read(at, &mut buffer[..bytes]);
            if contains(&buffer[..got], canaries) {
                found.push(mapped.name.clone());
                break;
            }
            at += if got == bytes { PIECE_BYTES } else { (u64::try_from(got).unwrap() / PAGE_BYTES + 1) * PAGE_BYTES };
        }
    }
    found
}

pub(crate) fn contains(bytes: &[u8], canaries: &[Vec<u8>]) -> bool {
    canaries.iter().any(|canary| memmem(bytes, canary))
}

fn memmem(bytes: &[u8], canary: &[u8]) -> bool {
    // SAFETY: both slices are as long as is said. Rust has no search for bytes that is as fast.
    unsafe { !libc::memmem(bytes.as_ptr().cast(), bytes.len(), canary.as_ptr().cast(), canary.len()).is_null() }
}

/// Stops every thread of `process`, runs `work`, and lets them go on.
pub(crate) fn stopped<T>(process: i32, work: impl FnOnce() -> T) -> Option<T> {
    let threads: Vec<Pid> = fs::read_dir(format!("/proc/{process}/task"))
        .ok()?
        .flatten()
        .filter_map(|task| Some(Pid::from_raw(task.file_name().to_str()?.parse().ok()?)))
        .collect();
    let stopped: Vec<Pid> = threads.into_iter().filter(|thread| ptrace::attach(*thread).is_ok()).collect();
    for thread in &stopped {
        // A thread is waited for by its own number, whoever started it: `__WALL`.
        let _status = waitpid(*thread, Some(WaitPidFlag::__WALL));
    }
    let done = (!stopped.is_empty()).then(work);
    for thread in stopped {
        let _gone = ptrace::detach(thread, None);
    }
    done
}

fn core(process: i32, canaries: &[Vec<u8>]) -> Vec<String> {
    use std::io::{Read as _, Seek as _, Write as _};
    let mut core = std::io::BufWriter::new(tempfile::tempfile().unwrap());
    let written = stopped(process, || {
        // It may have ended just now.
        let Ok(memory) = File::open(format!("/proc/{process}/mem")) else { return };
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
    });
    if written.is_none() {
        return Vec::new();
    }
    let mut file = core.into_inner().unwrap();
    file.rewind().unwrap();
    let mut image = Vec::new();
    file.read_to_end(&mut image).unwrap();
    if contains(&image, canaries) { vec!["core".to_owned()] } else { Vec::new() }
}

/// How many of the first words of pages from `start` on a debugger can read, of so many tried.
pub(crate) fn peek(process: i32, pages: &[u64]) -> usize {
    let readable =
        || pages.iter().filter(|page| ptrace::read(Pid::from_raw(process), **page as *mut _).is_ok()).count();
    stopped(process, readable).unwrap_or(0)
}
