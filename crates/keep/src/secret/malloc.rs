//! C's allocation functions for the whole program: the C library's own until the secret heap is switched on, then that one.
//!
//! Defined here, they stand before the C library's for Rust's `System`, for every C library linked in (aws-lc, zstd), and
//! for the C library itself. A process that is no keep never switches: each call is passed on after one load. A pointer's
//! address tells whose it is, so what was allocated before the switch is freed where it came from.
//! Source: "Replacing malloc", the GNU C Library manual.
#![expect(unreachable_pub, reason = "the linker finds them by their names")]

use std::ffi::{c_int, c_void};

use super::heap::{self, MIN_ALIGN};

/// # Safety
/// As the C standard says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc(bytes: usize) -> *mut c_void {
    if heap::is_on() {
        or_no_memory(heap::allocate(MIN_ALIGN, bytes))
    } else {
        libc_heap::allocate(MIN_ALIGN, bytes).cast()
    }
}

/// # Safety
/// As the C standard says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn calloc(count: usize, each: usize) -> *mut c_void {
    if !heap::is_on() {
        return libc_heap::allocate_zeros(count, each).cast();
    }
    let Some(bytes) = count.checked_mul(each) else { return or_no_memory(std::ptr::null_mut()) };
    let block = heap::allocate(MIN_ALIGN, bytes);
    if !block.is_null() {
        // SAFETY: so many were just allocated. They may have been used before.
        unsafe { block.write_bytes(0, bytes) };
    }
    or_no_memory(block)
}

/// # Safety
/// As the C standard says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(block: *mut c_void) {
    let block = block.cast::<u8>();
    // SAFETY: the caller gives back what it was given; its address says by which of the two.
    unsafe {
        if heap::owns(block) {
            heap::free(block);
        } else if heap::is_on() && !block.is_null() {
            heap::free_ordinary(block);
        } else {
            libc_heap::free(block);
        }
    }
}

/// # Safety
/// As the C standard says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(block: *mut c_void, bytes: usize) -> *mut c_void {
    let block = block.cast::<u8>();
    // SAFETY: as of `free`.
    unsafe {
        if !heap::is_on() {
            return libc_heap::reallocate(block, bytes).cast();
        }
        if block.is_null() {
            return malloc(bytes);
        }
        if bytes == 0 {
            free(block.cast());
            return std::ptr::null_mut();
        }
        or_no_memory(if heap::owns(block) { heap::reallocate(block, bytes) } else { heap::take_over(block, bytes) })
    }
}

/// # Safety
/// As POSIX says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(place: *mut *mut c_void, align: usize, bytes: usize) -> c_int {
    if !align.is_power_of_two() || align < size_of::<usize>() {
        return libc::EINVAL;
    }
    let block = aligned(align, bytes);
    if block.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller's pointer to a pointer.
    unsafe { place.write(block) };
    0
}

/// # Safety
/// As the C standard says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aligned_alloc(align: usize, bytes: usize) -> *mut c_void {
    // SAFETY: the same promise.
    unsafe { memalign(align, bytes) }
}

/// # Safety
/// As the manual of the C library says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memalign(align: usize, bytes: usize) -> *mut c_void {
    match align.checked_next_power_of_two() {
        Some(align) => or_no_memory(aligned(align, bytes).cast()),
        None => or_no_memory(std::ptr::null_mut()),
    }
}

/// # Safety
/// As the manual of the C library says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn valloc(bytes: usize) -> *mut c_void {
    or_no_memory(aligned(PAGE_BYTES, bytes).cast())
}

/// # Safety
/// As the manual of the C library says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pvalloc(bytes: usize) -> *mut c_void {
    or_no_memory(
        bytes
            .checked_next_multiple_of(PAGE_BYTES)
            .map_or(std::ptr::null_mut(), |bytes| aligned(PAGE_BYTES, bytes).cast()),
    )
}

/// # Safety
/// As the manual of the C library says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    let block = block.cast::<u8>();
    // SAFETY: as of `free`.
    unsafe { if heap::owns(block) { heap::usable_bytes(block) } else { libc_heap::usable_bytes(block) } }
}

const PAGE_BYTES: usize = 4096;

fn aligned(align: usize, bytes: usize) -> *mut c_void {
    if heap::is_on() { heap::allocate(align, bytes).cast() } else { libc_heap::allocate(align, bytes).cast() }
}

fn or_no_memory(block: *mut u8) -> *mut c_void {
    if block.is_null() {
        nix::errno::Errno::ENOMEM.set();
    }
    block.cast()
}

/// The C library's own allocator, under the names that stay its own.
pub(super) mod libc_heap {
    use std::{
        ffi::c_void,
        sync::atomic::{AtomicPtr, Ordering},
    };

    use super::MIN_ALIGN;

    // SAFETY: the C library's functions, with the types of those that they are the second names of.
    unsafe extern "C" {
        fn __libc_malloc(bytes: usize) -> *mut c_void;
        fn __libc_calloc(count: usize, each: usize) -> *mut c_void;
        fn __libc_free(block: *mut c_void);
        fn __libc_realloc(block: *mut c_void, bytes: usize) -> *mut c_void;
        fn __libc_memalign(align: usize, bytes: usize) -> *mut c_void;
    }

    /// `malloc_usable_size` has no second name: it is looked up behind this program's.
    static USABLE: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

    pub(in super::super) fn allocate(align: usize, bytes: usize) -> *mut u8 {
        // SAFETY: they take any size, and an alignment that is a power of two.
        unsafe { if align <= MIN_ALIGN { __libc_malloc(bytes) } else { __libc_memalign(align, bytes) }.cast() }
    }

    pub(super) fn allocate_zeros(count: usize, each: usize) -> *mut u8 {
        // SAFETY: it takes any numbers.
        unsafe { __libc_calloc(count, each).cast() }
    }

    /// # Safety
    /// As of C's `free`.
    pub(in super::super) unsafe fn free(block: *mut u8) {
        // SAFETY: by the caller's word.
        unsafe { __libc_free(block.cast()) }
    }

    /// # Safety
    /// As of C's `realloc`.
    pub(super) unsafe fn reallocate(block: *mut u8, bytes: usize) -> *mut u8 {
        // SAFETY: by the caller's word.
        unsafe { __libc_realloc(block.cast(), bytes).cast() }
    }

    /// # Safety
    /// `block` is the C library's, or null.
    pub(in super::super) unsafe fn usable_bytes(block: *mut u8) -> usize {
        let mut found = USABLE.load(Ordering::Relaxed);
        if found.is_null() {
            // SAFETY: a name that ends in a zero byte.
            found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"malloc_usable_size".as_ptr()) };
            USABLE.store(found, Ordering::Relaxed);
        }
        if found.is_null() {
            return 0;
        }
        // SAFETY: the C library's function of this name has this type.
        unsafe {
            let usable = std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void) -> usize>(found);
            usable(block.cast())
        }
    }

    /// What it has handed out and not got back.
    pub(in super::super) fn bytes_in_use() -> usize {
        // SAFETY: it only counts.
        let counted = unsafe { libc::mallinfo() };
        let bytes = |count: libc::c_int| usize::try_from(count).unwrap_or(0);
        bytes(counted.uordblks) + bytes(counted.hblkhd)
    }
}
