//! The heap in secret memory: dlmalloc over a stretch of pages, and the pages of Wasm memories from its other end.
//!
//! dlmalloc because it is made for this: C's calls without sizes, no header beside its own eight bytes, and a heap that grows
//! from one end without gaps, so that no page is touched before those below it are full. One lock for all threads; small blocks
//! mostly need none ([`cache`]).

use std::{
    ptr::NonNull,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use dlmalloc::{Allocator, Dlmalloc};

use super::{cache, malloc::libc_heap};

/// dlmalloc keeps a block's size in the word before it; the low bits are flags.
const FLAGS: usize = 7;
const PAGE_BYTES: usize = 4096;
/// What a small study needs.
const WARM_BYTES: usize = 32 << 20;
/// What C promises of every block.
pub(super) const MIN_ALIGN: usize = 16;

static ON: AtomicBool = AtomicBool::new(false);
static START: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);
/// Bytes that the heap has taken from below, and Wasm memories from above.
static TAKEN: Mutex<Taken> = Mutex::new(Taken { below: 0, above: 0 });
static HEAP: Mutex<Dlmalloc<Below>> = Mutex::new(Dlmalloc::new_with_allocator(Below));
static SPILLS: AtomicBool = AtomicBool::new(true);
static REFUSED: AtomicBool = AtomicBool::new(false);
static ORDINARY: AtomicUsize = AtomicUsize::new(0);
static ORDINARY_MAX: AtomicUsize = AtomicUsize::new(0);

struct Taken {
    below: usize,
    above: usize,
}

/// Everything that is allocated from here on lies in these bytes. What is full spills only where `is_complete` is false.
///
/// # Safety
/// The bytes are mapped, zero, nobody else's, and stay so until the process ends. The process has one thread.
pub(super) unsafe fn switch_on(start: NonNull<u8>, bytes: usize, is_complete: bool) {
    SPILLS.store(!is_complete, Ordering::Relaxed);
    ORDINARY.store(libc_heap::bytes_in_use(), Ordering::Relaxed);
    START.store(start.as_ptr().expose_provenance(), Ordering::Relaxed);
    BYTES.store(bytes, Ordering::Relaxed);
    ON.store(true, Ordering::Release);
}

/// The most bytes of ordinary memory that were allocated at once since the secret heap was first full; zero where it never
/// was. They include what the keep had allocated before anything secret came and still held then.
#[must_use]
pub fn ordinary_bytes_max() -> u64 {
    u64::try_from(ORDINARY_MAX.load(Ordering::Relaxed)).unwrap_or(u64::MAX)
}

/// [`ordinary_bytes_max`] as it leaves the keep: rounded up to a power of two, of 1 MiB at least. How much memory a run needs
/// depends on the data, so that the exact number would tell of them.
pub(crate) fn ordinary_bytes_told() -> u64 {
    rounded(ordinary_bytes_max())
}

fn rounded(bytes: u64) -> u64 {
    if bytes == 0 { 0 } else { bytes.max(1 << 20).checked_next_power_of_two().unwrap_or(u64::MAX) }
}

/// What a run may use, of a memory limit of so many bytes: where nothing may spill, no more than there is.
pub(crate) fn bytes_of(limit_bytes: u64) -> u64 {
    if is_on() && !may_spill() {
        u64::try_from(BYTES.load(Ordering::Relaxed)).map_or(limit_bytes, |all| all.min(limit_bytes))
    } else {
        limit_bytes
    }
}

pub(super) fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// Whether something was refused: secret memory had run out, and nothing may spill or the kernel gave no more.
pub(crate) fn has_refused() -> bool {
    REFUSED.load(Ordering::Relaxed)
}

pub(super) fn owns(pointer: *const u8) -> bool {
    pointer.addr().wrapping_sub(START.load(Ordering::Relaxed)) < BYTES.load(Ordering::Relaxed)
}

/// `bytes` at a multiple of `align`, a power of two: secret, or ordinary where that is full and may spill, or null.
pub(super) fn allocate(align: usize, bytes: usize) -> *mut u8 {
    if BYTES.load(Ordering::Relaxed) == 0 {
        return spill(align, bytes);
    }
    if align <= MIN_ALIGN {
        let block = cache::take(bytes);
        if !block.is_null() {
            return block;
        }
    }
    // SAFETY: the heap asks nothing of its caller but a power of two.
    let block = unsafe { lock().c_memalign(align, bytes) };
    if block.is_null() { spill(align, bytes) } else { block }
}

/// # Safety
/// `block` is of [`allocate`] or [`reallocate`], lies in the heap ([`owns`]), and is used no more.
pub(super) unsafe fn free(block: *mut u8) {
    // SAFETY: by the caller's word.
    unsafe {
        if !cache::keep(block) {
            lock().c_free(block);
        }
    }
}

/// As `realloc`: null leaves `block` as it was.
///
/// # Safety
/// `block` is of [`allocate`] or [`reallocate`] and lies in the heap; it is used no more unless null comes back.
pub(super) unsafe fn reallocate(block: *mut u8, bytes: usize) -> *mut u8 {
    // SAFETY: by the caller's word.
    let moved = unsafe { lock().c_realloc(block, bytes) };
    if !moved.is_null() {
        return moved;
    }
    let moved = spill(MIN_ALIGN, bytes);
    if !moved.is_null() {
        // SAFETY: both are as long as the shorter of the two, and do not overlap.
        unsafe {
            moved.copy_from_nonoverlapping(block, usable_bytes(block).min(bytes));
            free(block);
        }
    }
    moved
}

/// How many bytes may be used at `block`.
///
/// # Safety
/// `block` is allocated and lies in the heap.
pub(super) unsafe fn usable_bytes(block: *const u8) -> usize {
    // SAFETY: the word before every block is its chunk's size, which includes that word. The size of a block in use does not
    // change; a neighbour's end may change a flag beside it meanwhile, so it is read in one piece.
    let head = unsafe { AtomicUsize::from_ptr(block.cast::<usize>().sub(1).cast_mut()) };
    (head.load(Ordering::Relaxed) & !FLAGS) - size_of::<usize>()
}

/// The chunk that dlmalloc makes for `bytes`: with the word before it, whole steps of 16, at least 32.
pub(super) const fn chunk_bytes(bytes: usize) -> usize {
    let chunk = bytes.saturating_add(size_of::<usize>() + MIN_ALIGN - 1) & !(MIN_ALIGN - 1);
    if chunk < 2 * MIN_ALIGN { 2 * MIN_ALIGN } else { chunk }
}

/// Moves a block of the C library's, allocated before the switch or spilled, into secret memory while it grows.
///
/// # Safety
/// As of C's `realloc`, for a pointer that the C library's own allocator gave.
pub(super) unsafe fn take_over(block: *mut u8, bytes: usize) -> *mut u8 {
    let moved = allocate(MIN_ALIGN, bytes);
    if !moved.is_null() {
        // SAFETY: both are as long as the shorter of the two, and do not overlap.
        unsafe {
            moved.copy_from_nonoverlapping(block, libc_heap::usable_bytes(block).min(bytes));
            free_ordinary(block);
        }
    }
    moved
}

/// # Safety
/// As of C's `free`, for a pointer that the C library's own allocator gave.
pub(super) unsafe fn free_ordinary(block: *mut u8) {
    // SAFETY: by the caller's word.
    unsafe {
        let bytes = libc_heap::usable_bytes(block);
        libc_heap::free(block);
        count_returned(bytes);
    }
}

fn spill(align: usize, bytes: usize) -> *mut u8 {
    if !may_spill() {
        REFUSED.store(true, Ordering::Relaxed);
        return std::ptr::null_mut();
    }
    let block = libc_heap::allocate(align, bytes);
    if block.is_null() {
        REFUSED.store(true, Ordering::Relaxed);
    } else {
        // SAFETY: the C library has just given it.
        count_spilled(unsafe { libc_heap::usable_bytes(block) });
    }
    block
}

/// Whether what does not fit may lie in ordinary memory: the keep has reported it, and the contract accepts it.
pub(super) fn may_spill() -> bool {
    SPILLS.load(Ordering::Relaxed)
}

pub(super) fn count_spilled(bytes: usize) {
    let held = ORDINARY.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
    ORDINARY_MAX.fetch_max(held, Ordering::Relaxed);
}

/// Has the kernel give the first pages of the heap while this thread has nothing better to do: whoever comes to them first
/// waits for them, and data comes later than this.
pub(crate) fn warm() {
    let bytes = WARM_BYTES.min(BYTES.load(Ordering::Relaxed));
    for offset in (0..bytes).step_by(PAGE_BYTES) {
        if let Some(page) = at(offset) {
            // SAFETY: within the stretch, which stays mapped. A byte that another thread may be writing is read and not used.
            unsafe { std::hint::black_box(page.read_volatile()) };
        }
    }
}

pub(super) fn count_returned(bytes: usize) {
    let less = |held: usize| Some(held.saturating_sub(bytes));
    let _held = ORDINARY.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
}

pub(super) fn lock() -> MutexGuard<'static, Dlmalloc<Below>> {
    HEAP.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whole pages for a Wasm memory, from the end of the stretch: zero, and never given back. `None` when all is taken.
pub(super) fn take_pages(bytes: usize) -> Option<NonNull<u8>> {
    let bytes = bytes.checked_next_multiple_of(PAGE_BYTES)?;
    let mut taken = taken();
    let above = taken.above.checked_add(bytes)?;
    let offset = BYTES.load(Ordering::Relaxed).checked_sub(above).filter(|offset| *offset >= taken.below)?;
    taken.above = above;
    at(offset)
}

fn at(offset: usize) -> Option<NonNull<u8>> {
    NonNull::new(std::ptr::with_exposed_provenance_mut(START.load(Ordering::Relaxed).checked_add(offset)?))
}

fn taken() -> MutexGuard<'static, Taken> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What dlmalloc grows on: the stretch from its lower end, in one piece.
pub(super) struct Below;

// SAFETY: what it hands out is mapped, zero, handed out once, and stays until the process ends.
unsafe impl Allocator for Below {
    fn alloc(&self, bytes: usize) -> (*mut u8, usize, u32) {
        let mut taken = taken();
        let room = BYTES.load(Ordering::Relaxed).saturating_sub(taken.above).saturating_sub(taken.below);
        match at(taken.below) {
            Some(base) if bytes <= room => {
                taken.below += bytes;
                (base.as_ptr(), bytes, 0)
            }
            _ => (std::ptr::null_mut(), 0, 0),
        }
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        std::ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn what_is_told_is_never_less_and_one_of_few() {
        assert_eq!(rounded(0), 0, "nothing outside is not rounded up");
        for bytes in [1, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 200 << 20, 1 << 63, (1 << 63) + 1, u64::MAX] {
            let told = rounded(bytes);
            assert!(told >= bytes && (told.is_power_of_two() || told == u64::MAX), "{bytes}: {told}");
        }
        assert_eq!([1, 1 << 20, (1 << 20) + 1].map(rounded), [1 << 20, 1 << 20, 2 << 20]);
    }
}
