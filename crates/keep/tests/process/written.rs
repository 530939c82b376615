//! Looks for canaries in every file that was written meanwhile, where anything may write, and in swap.

use std::{
    collections::BTreeSet,
    env,
    fs::{self, File, Metadata},
    io::{Read as _, Seek as _, SeekFrom},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use nix::unistd::{Whence, lseek};

use crate::reader::contains;

/// Folders in folders.
const DEPTH_MAX: usize = 24;
/// Files and folders of one search.
const ENTRIES_MAX: usize = 2_000_000;
/// What is read of a file at once, and how much of it again with what follows: longer than any canary.
const PIECE_BYTES: usize = 1 << 20;
const OVERLAP_BYTES: usize = 256;
/// By how much the times of files lag behind the clock, at most.
const LAG: Duration = Duration::from_secs(1);

/// Where a keep, its launcher or the kernel on their behalf might write: temporary folders, this process's own, its user's with all
/// state in it, and `more`.
pub(crate) fn folders(more: &[PathBuf]) -> BTreeSet<PathBuf> {
    let fixed = ["/tmp", "/var/tmp", "/var/crash", "/var/lib/systemd/coredump", "/dev/shm", "/run"].map(PathBuf::from);
    let named = ["HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"].into_iter().filter_map(env::var_os);
    let own = [env::temp_dir(), env::current_dir().unwrap()];
    let all = fixed.into_iter().chain(named.map(PathBuf::from)).chain(own).chain(more.iter().cloned());
    all.filter_map(|folder| fs::canonicalize(folder).ok()).filter(|folder| folder.is_dir()).collect()
}

/// Files below [`folders`], and right in the root, that were changed since `began` and hold a canary; and swap areas that do.
pub(crate) fn written_since(began: SystemTime, more: &[PathBuf], canaries: &[Vec<u8>]) -> BTreeSet<PathBuf> {
    let mut changed = BTreeSet::new();
    let mut search = Search { since: began - LAG, entries: 0, seen: BTreeSet::new() };
    search.folder(Path::new("/"), DEPTH_MAX, &mut changed);
    folders(more).iter().for_each(|folder| search.folder(folder, 0, &mut changed));
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let areas = swaps.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(Into::into);
    changed.into_iter().chain(areas).filter(|path| holds(path, canaries)).collect()
}

struct Search {
    since: SystemTime,
    entries: usize,
    seen: BTreeSet<(u64, u64)>,
}

impl Search {
    /// Adds to `changed`. Links are not followed, and what is no file but the kernel's word is left out.
    fn folder(&mut self, folder: &Path, depth: usize, changed: &mut BTreeSet<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            self.entries += 1;
            assert!(self.entries <= ENTRIES_MAX, "more than {ENTRIES_MAX} files: the search is not complete");
            let Ok(metadata) = entry.metadata() else { continue };
            let path = entry.path();
            let is_kernels = ["/proc", "/sys", "/dev/pts"].iter().any(|kernels| path == Path::new(kernels));
            if metadata.is_dir() && depth < DEPTH_MAX && !is_kernels {
                // A folder below two of those that are searched is searched once.
                if self.seen.insert((metadata.dev(), metadata.ino())) {
                    self.folder(&path, depth + 1, changed);
                }
            } else if metadata.is_file() && changed_at(&metadata) >= self.since {
                changed.insert(path);
            }
        }
    }
}

/// When a file's bytes or anything else of it were changed: the second can't be set back.
fn changed_at(metadata: &Metadata) -> SystemTime {
    let (seconds, nanoseconds) = (metadata.ctime(), metadata.ctime_nsec());
    UNIX_EPOCH
        + Duration::from_secs(seconds.try_into().unwrap_or(0))
        + Duration::from_nanos(nanoseconds.try_into().unwrap_or(0))
}

/// Whether a file or a device holds a canary; read piece by piece, without the holes of a file.
fn holds(path: &Path, canaries: &[Vec<u8>]) -> bool {
    let Ok(mut file) = File::open(path) else { return false };
    let is_device = file.metadata().is_ok_and(|metadata| metadata.file_type().is_block_device());
    let (mut piece, mut kept, mut at) = (vec![0; PIECE_BYTES + OVERLAP_BYTES], 0, 0);
    loop {
        // Not past the end of what the last piece kept: that belongs to what follows.
        if kept == 0 && !is_device {
            let Ok(start) = lseek(&file, at, Whence::SeekData) else { return false };
            at = start;
            if file.seek(SeekFrom::Start(at.try_into().unwrap())).is_err() {
                return false;
            }
        }
        let Ok(got) = file.read(&mut piece[kept..]) else { return false };
        if contains(&piece[..kept + got], canaries) {
            return true;
        }
        if got == 0 {
            return false;
        }
        at += i64::try_from(got).unwrap();
        let filled = kept + got;
        // A piece of zeros may be the beginning of a hole: it keeps nothing, and the next data are looked for.
        let is_empty = piece[..filled].iter().all(|byte| *byte == 0);
        kept = if is_empty { 0 } else { filled.min(OVERLAP_BYTES) };
        piece.copy_within(filled - kept..filled, 0);
    }
}
