//! What a keep must not be able to do, one attempt a name: each asks the kernel directly, without the C library's help.
//!
//! An attempt that succeeds says so; one that the kernel refuses gives the error's number; one that it does not forgive never
//! returns. Outside a keep every one succeeds, some for root only, which shows that it is an attempt at all.
#![expect(unsafe_op_in_unsafe_fn, reason = "each line is a system call, and what it needs stands beside it")]

use std::ptr::{null, null_mut};

use libc::{c_int, c_long, c_void};

const PAGE: usize = 4096;
const READ: c_int = libc::PROT_READ;
const READ_WRITE: c_int = libc::PROT_READ | libc::PROT_WRITE;
const READ_EXECUTE: c_int = libc::PROT_READ | libc::PROT_EXEC;
const ALL: c_int = READ_WRITE | libc::PROT_EXEC;
const PRIVATE: c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
const SHARED: c_int = libc::MAP_SHARED | libc::MAP_ANONYMOUS;

/// `mov eax, 42; ret` or `mov w0, #42; ret`.
#[cfg(target_arch = "x86_64")]
const CODE: [u8; 6] = [0xb8, 42, 0, 0, 0, 0xc3];
#[cfg(target_arch = "aarch64")]
const CODE: [u8; 8] = [0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6];

/// The kernel's answer: nothing, or its error.
type Answer = Result<(), i32>;

/// Does what `name` says. `None` where there is no such attempt.
pub(crate) fn attempt(name: &str) -> Option<Answer> {
    // SAFETY: each attempt is given memory of its own or numbers; those that reach further are what this program is for.
    unsafe { file(name).or_else(|| process(name)).or_else(|| memory(name)).or_else(|| kernel(name)) }
}

/// A system call. Each argument as wide as a register: of a narrower one the kernel would read what stood there before.
macro_rules! call {
    ($number:expr $(, $argument:expr)* $(,)?) => {
        answer(libc::syscall($number $(, $argument as c_long)*))
    };
}

fn answer(answered: c_long) -> Answer {
    if answered < 0 { Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) } else { Ok(()) }
}

/// Files, sockets and descriptors.
// SAFETY: paths end in a zero byte, and what the kernel writes to is a frame's own and long enough.
unsafe fn file(name: &str) -> Option<Answer> {
    const HERE: c_int = libc::AT_FDCWD;
    let (family, pair) = (name.strip_prefix("socket "), name.strip_prefix("socketpair "));
    if let Some(family) = family.and_then(|family| family.parse::<c_int>().ok()) {
        return Some(call!(libc::SYS_socket, family, libc::SOCK_DGRAM, 0));
    }
    if let Some(family) = pair.and_then(|family| family.parse::<c_int>().ok()) {
        let mut pair = [0; 2];
        return Some(call!(libc::SYS_socketpair, family, libc::SOCK_STREAM, 0, pair.as_mut_ptr()));
    }
    let open = |path: &std::ffi::CStr, flags: c_int| call!(libc::SYS_openat, HERE, path.as_ptr(), flags, 0o600);
    Some(match name {
        "open" => open(c"/etc/passwd", libc::O_RDONLY),
        "open-proc" => open(c"/proc/self/maps", libc::O_RDONLY),
        "open-device" => open(c"/dev/null", libc::O_RDWR),
        "open-attester" => open(c"/sys/kernel", libc::O_RDONLY),
        "list" => open(c"/", libc::O_RDONLY | libc::O_DIRECTORY),
        "create" => open(c"/tmp", libc::O_WRONLY | libc::O_TMPFILE),
        "make-folder" => {
            let made = call!(libc::SYS_mkdirat, HERE, c"/tmp/casemate-keep-probe.d".as_ptr(), 0o700);
            libc::rmdir(c"/tmp/casemate-keep-probe.d".as_ptr());
            made
        }
        "symlink" => {
            let path = c"/tmp/casemate-keep-probe.l".as_ptr();
            let made = call!(libc::SYS_symlinkat, c"/".as_ptr(), HERE, path);
            libc::unlink(path);
            made
        }
        "stat" => {
            let mut found = [0_u8; 256];
            call!(libc::SYS_statx, HERE, c"/etc".as_ptr(), 0, 0, found.as_mut_ptr())
        }
        "connect" => {
            let place = libc::sockaddr { sa_family: 0, sa_data: [0; 14] };
            // A keep has its control socket as descriptor 3; outside, any socket will do.
            let mut pair = [3; 2];
            if libc::fcntl(3, libc::F_GETFD) < 0 {
                libc::socketpair(libc::AF_UNIX, libc::SOCK_DGRAM, 0, pair.as_mut_ptr());
            }
            call!(libc::SYS_connect, pair[0], &raw const place, size_of::<libc::sockaddr>())
        }
        "duplicate" => call!(libc::SYS_dup, 0),
        "duplicate-over" => call!(libc::SYS_dup3, 0, 1000, 0),
        "pipe" => call!(libc::SYS_pipe2, [0; 2].as_mut_ptr(), 0),
        "own-signals" => call!(libc::SYS_fcntl, 0, libc::F_SETOWN, libc::getppid()),
        "inotify" => call!(libc::SYS_inotify_init1, 0),
        "timer" => call!(libc::SYS_timerfd_create, libc::CLOCK_MONOTONIC, 0),
        "handle" => open_by_handle(),
        "descriptors" => descriptors(),
        _ => return None,
    })
}

// SAFETY: the handle says how much of the array behind it there is.
unsafe fn open_by_handle() -> Answer {
    let mut handle = [0_u32; 64];
    handle[0] = 128;
    let mut mount = 0;
    let (path, handle) = (c"/etc".as_ptr(), handle.as_mut_ptr());
    call!(libc::SYS_name_to_handle_at, libc::AT_FDCWD, path, handle, &raw mut mount, 0)
}

/// More than a keep of these tests may have open, and fewer than any other program.
// SAFETY: takes numbers.
unsafe fn descriptors() -> Answer {
    (0..200).try_for_each(|_| call!(libc::SYS_eventfd2, 0, 0))
}

/// Other processes, and new ones. A process that these make ends at once.
// SAFETY: a child makes no call but its own end; the rest takes numbers or a frame's own memory.
unsafe fn process(name: &str) -> Option<Answer> {
    let parent = libc::getppid();
    let own = libc::getpid();
    let children = |made: c_long| {
        if made == 0 {
            libc::_exit(0);
        }
        answer(made)
    };
    Some(match name {
        "fork" => children(libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0)),
        "fork-new" => {
            let mut arguments = [0_u64; 11];
            arguments[4] = 17;
            children(libc::syscall(libc::SYS_clone3, arguments.as_mut_ptr(), 88))
        }
        "fork-into-namespace" => {
            children(libc::syscall(libc::SYS_clone, libc::SIGCHLD | libc::CLONE_NEWUSER, 0, 0, 0, 0))
        }
        #[cfg(target_arch = "x86_64")]
        "fork-old" => children(libc::syscall(libc::SYS_fork)),
        "execute" => {
            let arguments = [c"true".as_ptr(), null()];
            call!(libc::SYS_execve, c"/bin/true".as_ptr(), arguments.as_ptr(), null::<c_void>())
        }
        "execute-descriptor" => {
            let arguments = [c"true".as_ptr(), null()];
            let program = libc::open(c"/bin/true".as_ptr(), libc::O_RDONLY);
            let empty = c"".as_ptr();
            call!(libc::SYS_execveat, program, empty, arguments.as_ptr(), null::<c_void>(), libc::AT_EMPTY_PATH)
        }
        "signal" => call!(libc::SYS_kill, parent, 0),
        "signal-all" => call!(libc::SYS_kill, -1, 0),
        "signal-thread" => call!(libc::SYS_tgkill, parent, parent, 0),
        "signal-queue" => {
            let mut information = [0_u8; 128];
            information[8..12].copy_from_slice(&(-1_i32).to_ne_bytes());
            call!(libc::SYS_rt_sigqueueinfo, own, 0, information.as_ptr())
        }
        "process-descriptor" => call!(libc::SYS_pidfd_open, own, 0),
        "trace-me" => call!(libc::SYS_ptrace, libc::PTRACE_TRACEME, 0, 0, 0),
        "read-process" => copy(libc::SYS_process_vm_readv),
        "write-process" => copy(libc::SYS_process_vm_writev),
        "compare" => call!(libc::SYS_kcmp, own, own, 1, 0, 0),
        "become-dumpable" => call!(libc::SYS_prctl, libc::PR_SET_DUMPABLE, 1, 0, 0, 0),
        "limit" => {
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
            call!(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE, &raw const limit, null_mut::<c_void>())
        }
        "become-another" => call!(libc::SYS_setuid, libc::getuid()),
        "session" => call!(libc::SYS_setpgid, 0, 0).or(call!(libc::SYS_setsid)),
        _ => return None,
    })
}

// SAFETY: from one of a frame's arrays to the other, both of the length that is said.
unsafe fn copy(call: c_long) -> Answer {
    let (mut from, mut to) = ([1_u8; 8], [0_u8; 8]);
    let local = libc::iovec { iov_base: to.as_mut_ptr().cast(), iov_len: 8 };
    let remote = libc::iovec { iov_base: from.as_mut_ptr().cast(), iov_len: 8 };
    call!(call, libc::getpid(), &raw const local, 1, &raw const remote, 1, 0)
}

/// Fresh code: it counts when it has run.
// SAFETY: each page is this attempt's own; what runs is the code above, or the process ends.
unsafe fn memory(name: &str) -> Option<Answer> {
    Some(match name {
        "code-mapped" => map(ALL, PRIVATE, -1).and_then(|page| fill_and_run(page)),
        "code-mapped-shared" => map(ALL, SHARED, -1).and_then(|page| fill_and_run(page)),
        "code-mapped-empty" => map(READ_EXECUTE, PRIVATE, -1).map(drop),
        "code-published" => map(READ_WRITE, PRIVATE, -1).and_then(|page| publish(page, READ_EXECUTE)),
        "code-published-writable" => map(READ_WRITE, PRIVATE, -1).and_then(|page| publish(page, ALL)),
        "code-by-key" => map(READ_WRITE, PRIVATE, -1).and_then(|page| {
            fill(page);
            call!(libc::SYS_pkey_mprotect, page, PAGE, READ_EXECUTE, -1)?;
            run(page)
        }),
        "code-by-alias" => map(READ_WRITE, SHARED, -1).and_then(|page| {
            let alias = libc::mremap(page, 0, PAGE, libc::MREMAP_MAYMOVE);
            call!(libc::SYS_mprotect, alias, PAGE, READ_EXECUTE)?;
            fill(page);
            run(alias)
        }),
        "code-in-memory-file" => memory_file().and_then(|file| {
            let page = map(READ_WRITE, libc::MAP_SHARED, file)?;
            let alias = map(READ_EXECUTE, libc::MAP_SHARED, file)?;
            fill(page);
            run(alias)
        }),
        "code-in-shared-memory" => shared_memory(0).and_then(|page| publish(page, READ_EXECUTE)),
        "code-in-shared-memory-at-once" => shared_memory(libc::SHM_EXEC).and_then(|page| fill_and_run(page)),
        "code-everywhere" => {
            const READ_IMPLIES_EXEC: c_long = 0x0040_0000;
            call!(libc::SYS_personality, READ_IMPLIES_EXEC)
                .and_then(|()| map(READ_WRITE, PRIVATE, -1))
                .and_then(|page| fill_and_run(page))
        }
        "data" => map(READ_WRITE, PRIVATE, -1).and_then(|page| {
            fill(page);
            call!(libc::SYS_mprotect, page, PAGE, READ)
        }),
        "shared-memory" => map(READ_WRITE, SHARED, -1).map(drop),
        "secret-memory" => call!(libc::SYS_memfd_secret, 0),
        _ => return None,
    })
}

// SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
unsafe fn map(access: c_int, flags: c_int, file: c_int) -> Result<*mut c_void, i32> {
    let page = libc::mmap(null_mut(), PAGE, access, flags, file, 0);
    if page == libc::MAP_FAILED { answer(-1).map(|()| page) } else { Ok(page) }
}

// SAFETY: the page is longer than the code, and writable, or the process ends.
unsafe fn fill(page: *mut c_void) {
    page.cast::<u8>().copy_from(CODE.as_ptr(), CODE.len());
}

// SAFETY: the page holds the code above, which keeps the convention of C, or the process ends.
unsafe fn run(page: *mut c_void) -> Answer {
    let code: extern "C" fn() -> c_int = std::mem::transmute(page);
    if code() == 42 { Ok(()) } else { Err(0) }
}

// SAFETY: as of its two halves.
unsafe fn fill_and_run(page: *mut c_void) -> Answer {
    fill(page);
    run(page)
}

// SAFETY: as of its parts; the page is this attempt's own.
unsafe fn publish(page: *mut c_void, access: c_int) -> Answer {
    fill(page);
    call!(libc::SYS_mprotect, page, PAGE, access)?;
    run(page)
}

// SAFETY: the name ends in a zero byte.
unsafe fn memory_file() -> Result<c_int, i32> {
    let file = libc::syscall(libc::SYS_memfd_create, c"probe".as_ptr(), 0);
    answer(file)?;
    let file = c_int::try_from(file).unwrap_or(-1);
    call!(libc::SYS_ftruncate, file, PAGE).map(|()| file)
}

// SAFETY: a new segment at an address of the kernel's choice overlaps nothing.
unsafe fn shared_memory(flags: c_int) -> Result<*mut c_void, i32> {
    let segment = libc::syscall(libc::SYS_shmget, libc::IPC_PRIVATE, PAGE, 0o700);
    answer(segment)?;
    let segment = c_int::try_from(segment).unwrap_or(-1);
    let page = libc::shmat(segment, null(), flags);
    libc::shmctl(segment, libc::IPC_RMID, null_mut());
    if page.addr() == usize::MAX { answer(-1).map(|()| page) } else { Ok(page) }
}

/// Corners of the kernel.
// SAFETY: structures are as long as is said, or longer; paths end in a zero byte.
unsafe fn kernel(name: &str) -> Option<Answer> {
    Some(match name {
        "ring" => call!(libc::SYS_io_uring_setup, 1, [0_u8; 120].as_mut_ptr()),
        "page-faults" => call!(libc::SYS_userfaultfd, 1),
        "namespace" => call!(libc::SYS_unshare, libc::CLONE_NEWUSER),
        "enter-namespace" => {
            let own = libc::open(c"/proc/self/ns/mnt".as_ptr(), libc::O_RDONLY);
            call!(libc::SYS_setns, own, 0)
        }
        "mount" => call!(libc::SYS_mount, c"x".as_ptr(), c"/tmp".as_ptr(), c"tmpfs".as_ptr(), 0, 0),
        "mount-new" => call!(libc::SYS_fsopen, c"tmpfs".as_ptr(), 0),
        "change-root" => call!(libc::SYS_chroot, c"/".as_ptr()),
        "bpf" => call!(libc::SYS_bpf, 0, [2_u32, 4, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].as_mut_ptr(), 72),
        "performance" => {
            let mut attributes = [0_u32; 32];
            (attributes[0], attributes[1]) = (1, 128);
            call!(libc::SYS_perf_event_open, attributes.as_mut_ptr(), 0, -1, -1, 0)
        }
        "keys" => call!(libc::SYS_keyctl, 0, -3, 1, 0, 0),
        "add-key" => call!(libc::SYS_add_key, c"user".as_ptr(), c"probe".as_ptr(), c"x".as_ptr(), 1, -2),
        "filters" => {
            let kill = libc::SECCOMP_RET_KILL_PROCESS;
            call!(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const kill)
        }
        "restrict" => call!(libc::SYS_landlock_create_ruleset, 0, 0, 1),
        "log" => call!(libc::SYS_syslog, 10, 0, 0),
        #[cfg(target_arch = "x86_64")]
        "segments" => call!(libc::SYS_modify_ldt, 0, [0_u8; 64].as_mut_ptr(), 64),
        #[cfg(target_arch = "x86_64")]
        "old-door" => {
            let number: i64;
            // The call `getpid` of 32-bit programs, whose numbers mean other calls to 64-bit ones.
            std::arch::asm!("int 0x80", inlateout("rax") 20_i64 => number, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
            answer(number)
        }
        _ => return None,
    })
}
