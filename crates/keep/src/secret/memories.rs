//! The memories of Wasm programs, in secret memory.
//!
//! Wasmtime wants a reservation of addresses (4 GiB and a guard) in which a memory grows without moving. That is reserved
//! without any access; as the memory grows, pages of the secret heap appear in it a second time: `mremap` of a shared mapping
//! with an old length of zero, which needs no descriptor. Pages of a memory that is gone serve the next, wiped first.
//! Source: mremap(2); wasmtime's `MemoryCreator`.

use std::{
    ptr::NonNull,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use nix::sys::mman::{MRemapFlags, MapFlags, ProtFlags, mmap_anonymous, mprotect, mremap, munmap};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use super::heap;

/// Makes Wasm memories of secret pages; of ordinary ones where the keep has reported that not all plaintext is secret.
#[derive(Clone, Debug, Default)]
pub struct SecretMemories(Arc<Mutex<Vec<Extent>>>);

/// Pages that were used before and are not any more.
#[derive(Clone, Copy, Debug)]
struct Extent {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a stretch of memory that whoever holds this owns alone.
unsafe impl Send for Extent {}

/// A reservation, and the pages that it has so far.
struct Reserved {
    base: NonNull<u8>,
    reserved: usize,
    capacity: usize,
    size: usize,
    extents: Vec<Extent>,
    free: SecretMemories,
}

// SAFETY: it owns its reservation; Wasmtime governs who uses it.
unsafe impl Send for Reserved {}
// SAFETY: as above; a shared reference only reads numbers.
unsafe impl Sync for Reserved {}

impl SecretMemories {
    /// Pages of the secret heap, zero: used before if there are such, else new.
    fn take(&self, bytes: usize) -> Option<Extent> {
        let mut free = self.free();
        if let Some(index) = free.iter().position(|extent| extent.bytes >= bytes) {
            let Extent { start, bytes: found } = free.swap_remove(index);
            // SAFETY: the extent is this one's alone now; what is more of it than is asked for goes back.
            unsafe {
                if found > bytes {
                    free.push(Extent { start: start.add(bytes), bytes: found - bytes });
                }
                start.write_bytes(0, bytes);
            }
            return Some(Extent { start, bytes });
        }
        drop(free);
        heap::take_pages(bytes).map(|start| Extent { start, bytes })
    }

    fn free(&self) -> MutexGuard<'_, Vec<Extent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// SAFETY: every memory is a reservation of its own of the asked length and guard, of which only the current size can be
// accessed; it does not move, and its pages are zero when they appear.
unsafe impl MemoryCreator for SecretMemories {
    fn new_memory(
        &self,
        _ty: MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved_size_in_bytes: Option<usize>,
        guard_size_in_bytes: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let capacity = reserved_size_in_bytes.unwrap_or(0).max(maximum.unwrap_or(0)).max(minimum);
        let reserved = capacity.checked_add(guard_size_in_bytes).ok_or("a memory larger than all addresses")?;
        let length = reserved.max(1).try_into().map_err(|_| "a memory without addresses")?;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
        let base = unsafe {
            mmap_anonymous(None, length, ProtFlags::PROT_NONE, MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE)
        };
        let base = base.map_err(|error| error.to_string())?.cast();
        let (size, extents, free) = (0, Vec::new(), self.clone());
        let mut memory = Reserved { base, reserved: length.get(), capacity, size, extents, free };
        memory.grow(minimum).ok_or("no memory is left for the program")?;
        Ok(Box::new(memory))
    }
}

impl Reserved {
    fn grow(&mut self, size: usize) -> Option<()> {
        let more = size.checked_sub(self.size).filter(|_| size <= self.capacity)?;
        if more == 0 {
            return Some(());
        }
        // SAFETY: within the reservation, as its capacity is.
        let place = unsafe { self.base.add(self.size) };
        match self.free.take(more) {
            Some(extent) => {
                let flags = MRemapFlags::MREMAP_MAYMOVE | MRemapFlags::MREMAP_FIXED;
                // SAFETY: the extent is a part of a shared mapping, which stays; the place is this reservation's, which
                // nothing uses beyond its size.
                let appeared = unsafe { mremap(extent.start.cast(), 0, more, flags, Some(place.cast())) };
                if appeared.is_err() {
                    self.free.free().push(extent);
                    return None;
                }
                self.extents.push(extent);
            }
            None if heap::may_spill() => {
                let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
                // SAFETY: as above; anonymous pages are zero.
                unsafe { mprotect(place.cast(), more, access) }.ok()?;
                heap::count_spilled(more);
            }
            None => return None,
        }
        self.size = size;
        Some(())
    }
}

// SAFETY: see the creator.
unsafe impl LinearMemory for Reserved {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        self.grow(new_size).ok_or_else(|| wasmtime::Error::from(std::io::Error::from(std::io::ErrorKind::OutOfMemory)))
    }

    fn as_ptr(&self) -> *mut u8 {
        self.base.as_ptr()
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let secret: usize = self.extents.iter().map(|extent| extent.bytes).sum();
        heap::count_returned(self.size.saturating_sub(secret));
        // SAFETY: Wasmtime has let go of the memory; this is what `mmap` gave.
        let unmapped = unsafe { munmap(self.base.cast(), self.reserved) };
        if unmapped.is_ok() {
            self.free.free().append(&mut self.extents);
        }
    }
}
