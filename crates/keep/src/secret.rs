//! Secret memory: `memfd_secret` pages, which the kernel itself does not map and no other process can read.
//!
//! ```text
//! one mapping:  keys │ stacks of threads │ heap, from below ──>      <── memories of Wasm programs, from above
//! ```
//! 1. [`Claim::make`], before the process isolates itself: the address space, as much as the machine lets it have.
//! 2. [`switch_on`], before anything secret arrives: [`SecretPool`] for keys, [`stacks`] for every thread made from then
//!    on, [`heap`] for everything that Rust or C allocates from then on ([`malloc`]), [`memories`] for Wasm programs.
//! 3. Where all of it is as large as the run's memory limit, nothing else is used: who needs more gets none. Where it is
//!    smaller, that depends on the contract. If it accepts the lack `secret-plaintext`, keys come first, the rest goes as far
//!    as it does, what is more lies in ordinary memory, and the keep reports the lack before it is given anything. If it does
//!    not, the run has that much memory and no more, or is refused by the lack's name where that is next to nothing.
//!
//! A page costs 25 to 85 microseconds when it is first touched (the kernel takes it out of its own map and flushes that from
//! every processor), so pages are taken when they are needed, used again, and never given back. The kernel wipes them when
//! the keep ends. Freed blocks are not wiped before: only this process could read them, and nothing of it that reads memory
//! which it did not write is trusted with another's plaintext; keys are wiped by their owners ([`SecretBytes`]).
//! Source: memfd_secret(2).
#![allow(unsafe_code, reason = "`memfd_secret` and its mapping, which no library wraps")]

mod arena;
mod cache;
mod heap;
mod malloc;
mod memories;
mod stacks;

use std::{
    fmt, io,
    ptr::NonNull,
    slice,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mlock, mmap_anonymous, munmap};
use zeroize::Zeroize as _;

pub use arena::dangerously_use_ordinary_memory;
pub(crate) use arena::{Claim, Secrecy, let_go, switch_on};
pub use heap::ordinary_bytes_max;
pub(crate) use heap::{bytes_of, ordinary_bytes_told, warm};
pub use memories::SecretMemories;

/// A stretch of memory that secrets are cut from.
#[derive(Clone, Debug)]
pub struct SecretPool(Arc<Mapping>);

#[derive(Debug)]
struct Mapping {
    base: NonNull<u8>,
    bytes: usize,
    taken: AtomicUsize,
    kind: Kind,
}

/// Whose a mapping is, and of what it is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// Part of the keep's one secret mapping, which stays until the process ends.
    Carved,
    /// Its own, locked and undumpable.
    Locked,
    /// Its own, secret.
    Secret,
}

// SAFETY: the mapping is shared memory that lives until the last owner is dropped; each byte of it is handed to one
// `SecretBytes` only, whose borrow rules govern it.
unsafe impl Send for Mapping {}
// SAFETY: as above; `taken` is atomic and the rest never changes.
unsafe impl Sync for Mapping {}

/// Bytes in a [`SecretPool`], wiped when they are dropped.
pub struct SecretBytes {
    // Held so that the memory outlives this.
    _mapping: Arc<Mapping>,
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: it is the only owner of its bytes.
unsafe impl Send for SecretBytes {}
// SAFETY: a shared reference only reads.
unsafe impl Sync for SecretBytes {}

impl SecretPool {
    /// Reserves `bytes`, at least one: secret memory where the kernel gives it, else locked memory.
    ///
    /// # Errors
    /// The kernel's, when it gives neither.
    pub fn reserve(bytes: usize) -> io::Result<Self> {
        match if arena::is_ordinary() { None } else { arena::map_secret(bytes).ok() } {
            Some(base) => Ok(Self::over(base, bytes, Kind::Secret)),
            None => Ok(Self::over(map_locked(bytes)?, bytes, Kind::Locked)),
        }
    }

    /// The pool over `bytes` at `base`: a part of the keep's mapping that nothing else uses.
    fn carve(base: NonNull<u8>, bytes: usize) -> Self {
        Self::over(base, bytes, Kind::Carved)
    }

    fn over(base: NonNull<u8>, bytes: usize, kind: Kind) -> Self {
        Self(Arc::new(Mapping { base, bytes, taken: AtomicUsize::new(0), kind }))
    }

    /// How many bytes of the pool are secret memory: all or none.
    #[must_use]
    pub fn secret_bytes(&self) -> u64 {
        if self.0.kind != Kind::Locked { u64::try_from(self.0.bytes).unwrap_or(u64::MAX) } else { 0 }
    }

    /// Cuts `bytes` zero bytes; `None` when the pool is used up. Dropped bytes are wiped but not used again.
    #[must_use]
    pub fn take(&self, bytes: usize) -> Option<SecretBytes> {
        let grow = |taken: usize| taken.checked_add(bytes).filter(|end| *end <= self.0.bytes);
        let offset = self.0.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow).ok()?;
        // SAFETY: `offset + bytes` is within the mapping, as `grow` has checked.
        let start = unsafe { self.0.base.add(offset) };
        Some(SecretBytes { _mapping: Arc::clone(&self.0), start, bytes })
    }

    /// Moves `secret` into the pool: it is copied, then wiped where it was. Wiped also when the pool is used up.
    #[must_use]
    pub fn absorb(&self, secret: &mut [u8]) -> Option<SecretBytes> {
        let taken = self.take(secret.len()).map(|mut taken| {
            taken.as_mut().copy_from_slice(secret);
            taken
        });
        secret.zeroize();
        taken
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.kind == Kind::Carved {
            return;
        }
        // SAFETY: the last owner is gone, so nothing points here any more; this is what `mmap` gave.
        let _unmapped = unsafe { munmap(self.base.cast(), self.bytes) };
    }
}

impl AsRef<[u8]> for SecretBytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the bytes are mapped, initialised (zero pages) and this one's alone.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.bytes) }
    }
}

impl AsMut<[u8]> for SecretBytes {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and the borrow is exclusive.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.bytes) }
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        self.as_mut().zeroize();
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({} bytes)", self.bytes)
    }
}

fn map_locked(bytes: usize) -> io::Result<NonNull<u8>> {
    let length = bytes.try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: as above; locking and advice change no content.
    unsafe {
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let base = mmap_anonymous(None, length, protection, MapFlags::MAP_PRIVATE)?;
        // Best effort: the keep reports that its keys are not secret in either case.
        let _unlocked = mlock(base, bytes);
        let _dumped = madvise(base, bytes, MmapAdvise::MADV_DONTDUMP);
        Ok(base.cast())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_do_not_overlap_and_the_pool_ends() {
        let pool = SecretPool::reserve(4096).unwrap();
        let mut one = pool.take(4000).unwrap();
        let mut two = pool.take(96).unwrap();
        one.as_mut().fill(1);
        two.as_mut().fill(2);
        assert!(one.as_ref().iter().all(|byte| *byte == 1) && two.as_ref().iter().all(|byte| *byte == 2));
        assert!(pool.take(1).is_none());
        assert!(pool.take(usize::MAX).is_none());
    }

    #[test]
    fn absorbing_wipes_the_source_even_when_the_pool_is_used_up() {
        let pool = SecretPool::reserve(4).unwrap();
        let mut key = [7; 4];
        assert_eq!(pool.absorb(&mut key).unwrap().as_ref(), [7; 4]);
        assert_eq!(key, [0; 4]);
        let mut late = [7; 4];
        assert!(pool.absorb(&mut late).is_none());
        assert_eq!(late, [0; 4]);
    }

    #[test]
    fn debug_shows_no_secret() {
        let pool = SecretPool::reserve(4).unwrap();
        assert_eq!(format!("{:?}", pool.absorb(&mut [7; 4]).unwrap()), "SecretBytes(4 bytes)");
    }
}
