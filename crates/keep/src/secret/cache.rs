//! Small blocks that a thread has freed and will soon want again, so that most calls take no lock.
//!
//! A list for each size of a chunk, linked through the blocks themselves. A list that is full gives half of it back, one that
//! is empty takes several at once. When a thread's function has returned, all of its blocks go back ([`close`]).

use std::{cell::Cell, ptr};

use super::heap;

/// Chunks are multiples of this.
const STEP: usize = 16;
/// The largest chunk that is kept: lists from 0 to here.
const CHUNK_BYTES_MAX: usize = 1024;
const LISTS: usize = CHUNK_BYTES_MAX / STEP + 1;
/// A list holds at most this many blocks, and no more bytes than [`LIST_BYTES_MAX`].
const BLOCKS_MAX: usize = 64;
const LIST_BYTES_MAX: usize = 16 << 10;
const REFILL: usize = 8;

thread_local! {
    static CACHE: Cache = const { Cache { lists: [const { List::new() }; LISTS], is_closed: Cell::new(false) } };
}

struct Cache {
    lists: [List; LISTS],
    is_closed: Cell<bool>,
}

struct List {
    first: Cell<*mut u8>,
    count: Cell<usize>,
}

impl List {
    const fn new() -> Self {
        Self { first: Cell::new(ptr::null_mut()), count: Cell::new(0) }
    }

    fn pop(&self) -> *mut u8 {
        let block = self.first.get();
        if !block.is_null() {
            // SAFETY: a block in a list is nobody else's, and begins with the address of the next.
            self.first.set(unsafe { block.cast::<*mut u8>().read() });
            self.count.set(self.count.get() - 1);
        }
        block
    }

    /// # Safety
    /// `block` is allocated, and used no more.
    unsafe fn push(&self, block: *mut u8) {
        // SAFETY: every block has room for an address.
        unsafe { block.cast::<*mut u8>().write(self.first.get()) };
        self.first.set(block);
        self.count.set(self.count.get() + 1);
    }
}

/// A block of at least `bytes`; null when the heap has none, or `bytes` are too many for this.
pub(super) fn take(bytes: usize) -> *mut u8 {
    let chunk = heap::chunk_bytes(bytes);
    CACHE.with(|cache| {
        let Some(list) = cache.lists.get(chunk / STEP) else { return ptr::null_mut() };
        let block = list.pop();
        if block.is_null() && !cache.is_closed.get() { refill(list, chunk, bytes) } else { block }
    })
}

/// Takes one block for the caller, and more for the list.
fn refill(list: &List, chunk: usize, bytes: usize) -> *mut u8 {
    let mut heap = heap::lock();
    // SAFETY: the heap takes any size; what it gives is nobody else's.
    unsafe {
        let block = heap.c_malloc(bytes);
        for _ in 1..REFILL.min(LIST_BYTES_MAX / chunk) {
            let more = heap.c_malloc(bytes);
            if more.is_null() {
                break;
            }
            // One that is a little larger serves as well: it has at least what this list's have.
            list.push(more);
        }
        block
    }
}

/// Keeps `block` for later. False where it is too large, or this thread keeps no more: then it is still the caller's.
///
/// # Safety
/// `block` is allocated in the heap, and used no more if this is true.
pub(super) unsafe fn keep(block: *mut u8) -> bool {
    // SAFETY: by the caller's word.
    let chunk = unsafe { heap::usable_bytes(block) } + size_of::<usize>();
    CACHE.with(|cache| {
        let Some(list) = cache.lists.get(chunk / STEP).filter(|_| !cache.is_closed.get()) else { return false };
        // SAFETY: as above; `chunk` is its true size, so the list's blocks are no smaller than it says.
        unsafe { list.push(block) };
        let most = BLOCKS_MAX.min(LIST_BYTES_MAX / chunk);
        if list.count.get() > most {
            give_back(list, most / 2);
        }
        true
    })
}

/// Gives all blocks of this thread back; it keeps none from here on.
pub(super) fn close() {
    CACHE.with(|cache| {
        cache.is_closed.set(true);
        cache.lists.iter().for_each(|list| give_back(list, 0));
    });
}

fn give_back(list: &List, until: usize) {
    let mut heap = heap::lock();
    while list.count.get() > until {
        // SAFETY: a block of a list is nobody else's.
        unsafe { heap.c_free(list.pop()) };
    }
}
