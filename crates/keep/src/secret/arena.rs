//! The one secret mapping of a keep: claimed before the process isolates itself, divided once, never given back.
//!
//! A claim comes first because the kernel counts secret memory as locked: only before it enters its own user namespace does
//! a keep have what its launcher may have given it for this (`CAP_IPC_LOCK`). Else the limit on locked memory decides.
//! The descriptor is closed at once: who takes it (`pidfd_getfd`) maps the same pages and reads them.

use std::{
    fs, io,
    os::fd::{AsFd as _, FromRawFd as _, OwnedFd},
    ptr::NonNull,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread::available_parallelism,
};

use nix::{
    sys::{
        mman::{MapFlags, ProtFlags, mmap, munmap},
        resource::{Resource, getrlimit},
        signal::{SigHandler, Signal, signal},
    },
    unistd::ftruncate,
};

use super::{SecretPool, heap, stacks};
use crate::Exit;

/// Bytes for keys and seeds.
const KEY_BYTES: usize = 64 << 10;
/// Address space for the stacks of threads, beside the memory limit: of those that a keep always has, and for each
/// processor. Pages are taken as they are touched.
const STACK_BYTES: usize = 128 << 20;
const STACK_BYTES_PER_PROCESSOR: usize = 8 << 20;
/// Of a mapping that is too small for all, the part that stacks get; none of one in which that is not even a few stacks.
const STACK_SHARE: usize = 8;
const STACK_BYTES_MIN: usize = 16 << 20;
/// A heap that is the whole memory of a run has at least this, or its limit.
const HEAP_BYTES_MIN: usize = 512 << 20;
const PAGE_BYTES: usize = 4096;

static ORDINARY: AtomicBool = AtomicBool::new(false);
static CLAIMED_AT: AtomicUsize = AtomicUsize::new(0);
static CLAIMED_BYTES: AtomicUsize = AtomicUsize::new(0);

/// From here on this process takes no secret memory, as a machine that has none. For tests, which show with it that an
/// attack works where there is no defence; nothing in the product calls it.
pub fn dangerously_use_ordinary_memory() {
    ORDINARY.store(true, Ordering::Relaxed);
}

pub(super) fn is_ordinary() -> bool {
    ORDINARY.load(Ordering::Relaxed)
}

/// Address space of secret memory that nothing uses yet.
#[derive(Debug)]
pub(crate) struct Claim {
    base: NonNull<u8>,
    bytes: usize,
}

/// What a keep has of secret memory.
#[derive(Debug)]
pub(crate) struct Secrecy {
    /// For keys.
    pub(crate) pool: SecretPool,
    /// All of it: keys, stacks, heap.
    pub(crate) bytes: u64,
    /// Bytes of the heap.
    pub(crate) heap_bytes: u64,
    /// Whether everything that the run may use fits.
    pub(crate) is_complete: bool,
}

impl Claim {
    /// Half of what the machine has available, or as much as may be locked; `None` where there is none.
    pub(crate) fn make() -> Option<Self> {
        if is_ordinary() {
            return None;
        }
        let half = whole_pages(available_bytes()? / 2);
        let (limit, _) = getrlimit(Resource::RLIMIT_MEMLOCK).ok()?;
        let limited = whole_pages(usize::try_from(limit).unwrap_or(usize::MAX)).min(half);
        [half, limited].into_iter().find_map(|bytes| {
            let base = map_secret(bytes).ok()?;
            CLAIMED_AT.store(base.as_ptr().addr(), Ordering::Relaxed);
            CLAIMED_BYTES.store(bytes, Ordering::Relaxed);
            Some(Self { base, bytes })
        })
    }

    /// Keeps the first `bytes`.
    fn trim(&mut self, bytes: usize) {
        if let Some(rest) = self.bytes.checked_sub(bytes).filter(|rest| *rest > 0) {
            // SAFETY: the rest lies within the claim, which nothing uses yet.
            if unsafe { munmap(self.base.add(bytes).cast(), rest) }.is_ok() {
                self.bytes = bytes;
            }
        }
    }
}

/// Unmaps the claim in a process that stays outside the keep: a fork of the one that made it.
pub(crate) fn let_go() {
    let bytes = CLAIMED_BYTES.swap(0, Ordering::Relaxed);
    if let Some(base) = NonNull::new(std::ptr::with_exposed_provenance_mut(CLAIMED_AT.load(Ordering::Relaxed))) {
        // SAFETY: this process has one thread and uses nothing of the claim.
        let _unmapped = unsafe { munmap(base, bytes) };
    }
}

/// Divides `claim` and has everything from here on live in it. `limit_bytes` is what the run may use; zero is without limit.
///
/// Complete is what is as large as that limit, or, where nothing `may_spill`, is all that the run then has. `None` where not
/// even ordinary memory for keys was left.
pub(crate) fn switch_on(claim: Option<Claim>, limit_bytes: u64, may_spill: bool) -> Option<Secrecy> {
    let Some(mut claim) = claim else { return without(is_ordinary()) };
    let limit = usize::try_from(limit_bytes).ok()?.next_multiple_of(PAGE_BYTES);
    let key_bytes = KEY_BYTES.min(claim.bytes);
    let processors = available_parallelism().map_or(1, std::num::NonZero::get);
    let stack_bytes = STACK_BYTES + STACK_BYTES_PER_PROCESSOR * processors;
    let least = if may_spill { limit } else { limit.min(HEAP_BYTES_MIN) };
    let is_complete = limit > 0 && claim.bytes >= KEY_BYTES + stack_bytes + least;
    let stack_bytes = if is_complete {
        claim.trim(KEY_BYTES + stack_bytes + limit);
        stack_bytes
    } else {
        let share = whole_pages((claim.bytes - key_bytes) / STACK_SHARE).min(stack_bytes);
        if share < STACK_BYTES_MIN { 0 } else { share }
    };
    let heap_bytes = claim.bytes - key_bytes - stack_bytes;
    // SAFETY: the three parts lie within the claim, side by side, and nothing else uses them from here on: the claim is
    // taken by value and its memory stays mapped until the process ends.
    let pool = unsafe {
        let (keys, threads) = (claim.base, claim.base.add(key_bytes));
        touch(keys, key_bytes);
        stacks::switch_on(threads, stack_bytes, is_complete);
        heap::switch_on(threads.add(stack_bytes), heap_bytes, is_complete);
        SecretPool::carve(keys, key_bytes)
    };
    heed_aborts()?;
    let bytes = u64::try_from(claim.bytes).ok()?;
    Some(Secrecy { pool, bytes, heap_bytes: u64::try_from(heap_bytes).ok()?, is_complete })
}

/// A refused allocation mostly ends the process by an abort: then its exit code says so.
fn heed_aborts() -> Option<()> {
    // SAFETY: the handler only reads a flag and exits.
    unsafe { signal(Signal::SIGABRT, SigHandler::Handler(say_why)) }.ok().map(drop)
}

extern "C" fn say_why(_: std::ffi::c_int) {
    if heap::has_refused() {
        // SAFETY: ends the process without running anything more.
        unsafe { libc::_exit(Exit::Exhausted.code()) }
    }
}

/// A machine that gave nothing: locked memory for keys, and what is allocated is counted, not kept secret.
fn without(is_test: bool) -> Option<Secrecy> {
    let pool = SecretPool::reserve(KEY_BYTES).ok()?;
    if !is_test {
        // SAFETY: no byte is used.
        unsafe { heap::switch_on(NonNull::dangling(), 0, false) };
        heed_aborts()?;
    }
    Some(Secrecy { bytes: pool.secret_bytes(), pool, heap_bytes: 0, is_complete: false })
}

/// Has the kernel give the pages now: keys must find their place when they come.
///
/// # Safety
/// The bytes are mapped, writable, and nobody else's.
unsafe fn touch(base: NonNull<u8>, bytes: usize) {
    for offset in (0..bytes).step_by(PAGE_BYTES) {
        // SAFETY: by the caller's word.
        unsafe { base.add(offset).write_volatile(0) };
    }
}

/// A new shared mapping of secret memory that no descriptor leads to.
pub(super) fn map_secret(bytes: usize) -> io::Result<NonNull<u8>> {
    let length = bytes.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: takes a number; a non-negative answer is a new descriptor that nothing else owns.
    let file = unsafe {
        let descriptor = libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC);
        let descriptor = i32::try_from(descriptor).map_err(|_| io::ErrorKind::InvalidData)?;
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(descriptor)
    };
    ftruncate(&file, i64::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?)?;
    // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
    let base = unsafe {
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        mmap(None, length, protection, MapFlags::MAP_SHARED, file.as_fd(), 0)?
    };
    Ok(base.cast())
}

/// `MemAvailable` of `/proc/meminfo`, in bytes.
fn available_bytes() -> Option<usize> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: usize = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

const fn whole_pages(bytes: usize) -> usize {
    bytes - bytes % PAGE_BYTES
}
