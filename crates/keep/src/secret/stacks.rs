//! Stacks in secret memory for every thread that is made once they are switched on, the C library's own and Rust's alike.
//!
//! ```text
//! one place:  guard │ stack for signals │ guard │ stack (thread-local storage at its upper end)
//! ```
//! A place is used again when its thread has ended: after `pthread_join`, or for a detached thread once the kernel no longer
//! knows its number. The stack for signals is there because Rust and Wasmtime would otherwise map one in ordinary memory, to
//! which the kernel writes the registers of an interrupted computation.
//!
//! The C library waits for a thread's end on a word of its stack that the kernel clears, by a futex that several processes could
//! share; the kernel refuses those in secret memory. So [`pthread_join`] waits here first, until the thread is gone.
//! Source: pthread_attr_setstack(3), sigaltstack(2), tgkill(2), futex(2).
#![expect(unreachable_pub, reason = "the linker finds them by their names")]

use std::{
    ffi::{CStr, c_int, c_void},
    mem::MaybeUninit,
    ptr::NonNull,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI32, AtomicU32, Ordering},
    },
    thread::yield_now,
};

use super::{cache, heap};

const PAGE_BYTES: usize = 4096;
/// More than Wasmtime asks for before it makes its own.
const SIGNAL_BYTES: usize = 256 << 10;
const PLACES_MAX: usize = 256;
/// The C library's default.
const DEFAULT_BYTES: usize = 8 << 20;

type Start = extern "C" fn(*mut c_void) -> *mut c_void;

static STACKS: Mutex<Stacks> = Mutex::new(Stacks {
    start: 0,
    bytes: 0,
    taken: 0,
    is_complete: false,
    places: [const { Place { start: 0, bytes: 0, state: State::Free } }; PLACES_MAX],
    count: 0,
});
/// The kernel's number of the thread in each place; zero before it runs.
static NUMBERS: [AtomicI32; PLACES_MAX] = [const { AtomicI32::new(0) }; PLACES_MAX];
/// One when the function of the thread in each place has returned. What the C library still has to do takes no time.
static RETURNED: [AtomicU32; PLACES_MAX] = [const { AtomicU32::new(0) }; PLACES_MAX];
/// How long a thread that has not said that it returned is waited for before it is looked at again.
static LOOK: libc::timespec = libc::timespec { tv_sec: 1, tv_nsec: 0 };

struct Stacks {
    start: usize,
    bytes: usize,
    taken: usize,
    is_complete: bool,
    places: [Place; PLACES_MAX],
    count: usize,
}

/// One place; `bytes` are the stack's alone.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    bytes: usize,
    state: State,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    Free,
    Detached,
    Joinable(libc::pthread_t),
}

/// Threads made from here on have their stacks in these bytes; ordinary ones when they are used up and not `is_complete`.
///
/// # Safety
/// The bytes are mapped, nobody else's, and stay so until the process ends.
pub(super) unsafe fn switch_on(start: NonNull<u8>, bytes: usize, is_complete: bool) {
    let mut stacks = stacks();
    (stacks.start, stacks.bytes, stacks.is_complete) = (start.as_ptr().expose_provenance(), bytes, is_complete);
}

fn stacks() -> MutexGuard<'static, Stacks> {
    STACKS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stacks {
    /// The index of a place with a stack of at least `bytes`.
    fn take(&mut self, bytes: usize) -> Option<usize> {
        self.collect();
        let fits = |place: &&Place| place.state == State::Free && place.bytes >= bytes;
        let used = self.places.iter().take(self.count);
        let best = used.enumerate().filter(|(_, place)| fits(place)).min_by_key(|(_, place)| place.bytes);
        if let Some((index, _)) = best {
            return Some(index);
        }
        let whole = bytes.checked_add(SIGNAL_BYTES + 2 * PAGE_BYTES)?;
        let end = self.taken.checked_add(whole).filter(|end| *end <= self.bytes)?;
        let place = self.places.get_mut(self.count)?;
        let start = self.start + self.taken;
        for guard in [start, start + PAGE_BYTES + SIGNAL_BYTES] {
            // SAFETY: a page of this stretch that nothing uses.
            let guarded =
                unsafe { libc::mprotect(std::ptr::with_exposed_provenance_mut(guard), PAGE_BYTES, libc::PROT_NONE) };
            (guarded == 0).then_some(())?;
        }
        *place = Place { start, bytes, state: State::Free };
        (self.taken, self.count) = (end, self.count + 1);
        Some(self.count - 1)
    }

    /// Frees the places of detached threads that the kernel knows no more.
    fn collect(&mut self) {
        for (index, place) in self.places.iter_mut().take(self.count).enumerate() {
            if place.state == State::Detached && is_gone(index) {
                place.state = State::Free;
            }
        }
    }

    fn owns(&self, stack: *mut c_void) -> bool {
        stack.addr().wrapping_sub(self.start) < self.bytes
    }

    /// The place of a thread that can be joined.
    fn find(&self, thread: libc::pthread_t) -> Option<usize> {
        self.places.iter().position(|place| place.state == State::Joinable(thread))
    }

    /// Moves the place of a thread that can be joined to `state`.
    fn release(&mut self, thread: libc::pthread_t, state: State) {
        if let Some(place) = self.places.iter_mut().find(|place| place.state == State::Joinable(thread)) {
            place.state = state;
        }
    }
}

/// Whether the thread in a place has run, and the kernel knows it no more.
fn is_gone(index: usize) -> bool {
    let number = NUMBERS.get(index).map_or(0, |number| number.load(Ordering::Acquire));
    // SAFETY: signal 0 asks only whether there is such a thread.
    let unknown = || unsafe {
        libc::syscall(libc::SYS_tgkill, libc::getpid(), number, 0) < 0 && *libc::__errno_location() == libc::ESRCH
    };
    number != 0 && unknown()
}

fn wait_for(index: usize) {
    let Some(returned) = RETURNED.get(index) else { return };
    while !is_gone(index) {
        if returned.load(Ordering::Acquire) == 0 {
            // SAFETY: a word that lives as long as the program, and a time that does too.
            unsafe {
                let wait = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
                libc::syscall(libc::SYS_futex, returned.as_ptr(), wait, 0, &raw const LOOK);
            }
        } else {
            yield_now();
        }
    }
}

impl Place {
    fn signals(self) -> *mut c_void {
        std::ptr::with_exposed_provenance_mut(self.start + PAGE_BYTES)
    }

    fn stack(self) -> *mut c_void {
        std::ptr::with_exposed_provenance_mut(self.start + 2 * PAGE_BYTES + SIGNAL_BYTES)
    }
}

/// What a thread needs to begin.
struct Errand {
    start: Start,
    argument: *mut c_void,
    signals: *mut c_void,
    place: usize,
}

extern "C" fn begin(errand: *mut c_void) -> *mut c_void {
    // SAFETY: `create` made it and has given it to this thread alone.
    let Errand { start, argument, signals, place } = *unsafe { Box::from_raw(errand.cast::<Errand>()) };
    // SAFETY: the place's own stretch, which is nobody else's while this thread lives.
    unsafe {
        let stack = libc::stack_t { ss_sp: signals, ss_flags: 0, ss_size: SIGNAL_BYTES };
        libc::sigaltstack(&raw const stack, std::ptr::null_mut());
        if let Some(number) = NUMBERS.get(place) {
            number.store(libc::gettid(), Ordering::Release);
        }
    }
    let result = start(argument);
    cache::close();
    if let Some(returned) = RETURNED.get(place) {
        returned.store(1, Ordering::Release);
        // SAFETY: a word that lives as long as the program.
        unsafe { libc::syscall(libc::SYS_futex, returned.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1) };
    }
    result
}

/// # Safety
/// As POSIX says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: only a type, of what the C library calls so.
    type Create = unsafe extern "C" fn(*mut libc::pthread_t, *const libc::pthread_attr_t, Start, *mut c_void) -> c_int;
    // SAFETY: the C library's function of this name has this type.
    let Some(create) = (unsafe { next::<Create>(c"pthread_create") }) else { return libc::EAGAIN };
    // SAFETY: attributes that their owner has initialised, or none.
    let Wanted { bytes, detached } = unsafe { wanted(attributes) };
    let mut stacks = stacks();
    if stacks.bytes == 0 {
        drop(stacks);
        // SAFETY: by the caller's word.
        return spill(bytes, || unsafe { create(thread, attributes, start, argument) });
    }
    let place = stacks.take(bytes).and_then(|index| Some((index, stacks.places.get(index).copied()?)));
    let Some((index, place)) = place else {
        let may_spill = !stacks.is_complete;
        drop(stacks);
        // SAFETY: by the caller's word.
        return if may_spill {
            spill(bytes, || unsafe { create(thread, attributes, start, argument) })
        } else {
            libc::EAGAIN
        };
    };
    if let (Some(number), Some(returned)) = (NUMBERS.get(index), RETURNED.get(index)) {
        number.store(0, Ordering::Relaxed);
        returned.store(0, Ordering::Relaxed);
    }
    let errand = Box::into_raw(Box::new(Errand { start, argument, signals: place.signals(), place: index }));
    // SAFETY: attributes of this call's own; the stack is the place's, which no thread uses. On success the errand is the
    // new thread's, else it is still this one's.
    unsafe {
        let mut own = MaybeUninit::<libc::pthread_attr_t>::uninit();
        libc::pthread_attr_init(own.as_mut_ptr());
        libc::pthread_attr_setdetachstate(own.as_mut_ptr(), detached);
        let set = libc::pthread_attr_setstack(own.as_mut_ptr(), place.stack(), place.bytes);
        let created = if set == 0 { create(thread, own.as_ptr(), begin, errand.cast()) } else { set };
        libc::pthread_attr_destroy(own.as_mut_ptr());
        if created != 0 {
            drop(Box::from_raw(errand));
        } else if let Some(place) = stacks.places.get_mut(index) {
            let is_detached = detached == libc::PTHREAD_CREATE_DETACHED;
            place.state = if is_detached { State::Detached } else { State::Joinable(*thread) };
        }
        created
    }
}

/// Makes a thread on an ordinary stack. In a keep that stack counts whole, and for good, as what did not fit.
fn spill(bytes: usize, create: impl FnOnce() -> c_int) -> c_int {
    let created = create();
    if created == 0 && heap::is_on() {
        heap::count_spilled(bytes);
    }
    created
}

/// # Safety
/// As POSIX says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_join(thread: libc::pthread_t, result: *mut *mut c_void) -> c_int {
    type Join = unsafe extern "C" fn(libc::pthread_t, *mut *mut c_void) -> c_int;
    // SAFETY: the C library's function of this name has this type, and the caller keeps its promises.
    unsafe {
        let Some(join) = next::<Join>(c"pthread_join") else { return libc::EINVAL };
        let place = stacks().find(thread);
        if let Some(place) = place {
            wait_for(place);
        }
        let joined = join(thread, result);
        if joined == 0 {
            stacks().release(thread, State::Free);
        }
        joined
    }
}

/// # Safety
/// As POSIX says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_detach(thread: libc::pthread_t) -> c_int {
    type Detach = unsafe extern "C" fn(libc::pthread_t) -> c_int;
    // SAFETY: the C library's function of this name has this type, and the caller keeps its promises.
    unsafe {
        let Some(detach) = next::<Detach>(c"pthread_detach") else { return libc::EINVAL };
        // Held over the call: a thread that ends at once must not have its place taken as another's.
        let mut stacks = stacks();
        let detached = detach(thread);
        if detached == 0 {
            stacks.release(thread, State::Detached);
        }
        detached
    }
}

/// Rust asks for the guard page of its thread, which the C library does not know of a stack that it was given.
///
/// # Safety
/// As the manual of the C library says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_getattr_np(thread: libc::pthread_t, attributes: *mut libc::pthread_attr_t) -> c_int {
    type Ask = unsafe extern "C" fn(libc::pthread_t, *mut libc::pthread_attr_t) -> c_int;
    // SAFETY: the C library's function of this name has this type, and the caller keeps its promises.
    unsafe {
        let Some(ask) = next::<Ask>(c"pthread_getattr_np") else { return libc::ENOMEM };
        let asked = ask(thread, attributes);
        let (mut start, mut bytes) = (std::ptr::null_mut(), 0);
        if asked == 0
            && libc::pthread_attr_getstack(attributes, &raw mut start, &raw mut bytes) == 0
            && stacks().owns(start)
        {
            return libc::pthread_attr_setguardsize(attributes, PAGE_BYTES);
        }
        asked
    }
}

struct Wanted {
    bytes: usize,
    detached: c_int,
}

/// # Safety
/// `attributes` is null or initialised.
unsafe fn wanted(attributes: *const libc::pthread_attr_t) -> Wanted {
    let (mut bytes, mut detached) = (DEFAULT_BYTES, libc::PTHREAD_CREATE_JOINABLE);
    if !attributes.is_null() {
        // SAFETY: by the caller's word.
        unsafe {
            libc::pthread_attr_getstacksize(attributes, &raw mut bytes);
            pthread_attr_getdetachstate(attributes, &raw mut detached);
        }
    }
    Wanted { bytes: bytes.next_multiple_of(PAGE_BYTES), detached }
}

// SAFETY: the C library's function, as its manual declares it.
unsafe extern "C" {
    fn pthread_attr_getdetachstate(attributes: *const libc::pthread_attr_t, state: *mut c_int) -> c_int;
}

/// The function of this name behind this program's own.
///
/// # Safety
/// `F` is the function's type.
unsafe fn next<F: Copy>(name: &CStr) -> Option<F> {
    // SAFETY: a name that ends in a zero byte; a function's address is as large as a pointer.
    unsafe {
        let found = libc::dlsym(libc::RTLD_NEXT, name.as_ptr());
        (!found.is_null() && size_of::<F>() == size_of::<*mut c_void>())
            .then(|| std::mem::transmute_copy::<*mut c_void, F>(&found))
    }
}
