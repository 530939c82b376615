//! The system calls of a keep: what each group is for. Any call on no list ends the process.
//!
//! The lists are for x86-64 and aarch64 with the GNU C library; those of aarch64 lack the calls that it never had, and were
//! compiled but not run on it.

use libc::c_long;

/// Allowed with any argument.
pub(super) const ALLOWED: &[c_long] = &[
    // Descriptors that it has: sealed files, sockets to brokers and to the launcher.
    libc::SYS_close,
    libc::SYS_fadvise64,
    libc::SYS_fstat,
    libc::SYS_getsockopt,
    libc::SYS_lseek,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_write,
    libc::SYS_writev,
    // Waiting on them.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    // Memory; `mmap` and `mprotect` have conditions.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mlock,
    libc::SYS_mlock2,
    libc::SYS_mremap,
    libc::SYS_munlock,
    libc::SYS_munmap,
    // Threads; `clone` has conditions.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    // Time and randomness.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    // Numbers about itself.
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_sysinfo,
];

/// Allowed with any argument, where they exist.
#[cfg(target_arch = "x86_64")]
pub(super) const ALLOWED_HERE: &[c_long] = &[libc::SYS_epoll_wait, libc::SYS_poll, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
pub(super) const ALLOWED_HERE: &[c_long] = &[];

/// Calls that name a file. Libraries look for settings and devices; as in the keep's empty root, nothing is there.
pub(super) const NOT_FOUND: &[c_long] = &[
    libc::SYS_chdir,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_mkdirat,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_readlinkat,
    libc::SYS_renameat2,
    libc::SYS_statfs,
    libc::SYS_unlinkat,
];

/// The same, where they exist.
#[cfg(target_arch = "x86_64")]
pub(super) const NOT_FOUND_HERE: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_creat,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_stat,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
pub(super) const NOT_FOUND_HERE: &[c_long] = &[];

/// Calls that libraries try and do without. Secret memory was claimed before: all of it is there, and counted. Of `clone3`, whose flags lie in memory that no filter reads, the C library then
/// falls back to `clone`.
pub(super) const ABSENT: &[c_long] = &[
    libc::SYS_clone3,
    libc::SYS_get_mempolicy,
    libc::SYS_mbind,
    libc::SYS_memfd_secret,
    libc::SYS_pkey_alloc,
    libc::SYS_pkey_free,
    libc::SYS_set_mempolicy,
    libc::SYS_uname,
];

/// Calls that are refused: what a program may try that has not noticed where it is.
pub(super) const REFUSED: &[c_long] = &[
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchown,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getpeername,
    libc::SYS_getpriority,
    libc::SYS_getsockname,
    libc::SYS_kill,
    libc::SYS_pwrite64,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setscheduler,
    libc::SYS_setpriority,
    libc::SYS_umask,
];

/// Operations of `fcntl` that a keep may ask for; others are refused.
pub(super) const FCNTL: &[libc::c_int] =
    &[libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_GETFL, libc::F_SETFD, libc::F_SETFL];

/// Operations of `prctl` that a keep may ask for; others are refused, and with them becoming dumpable again.
pub(super) const PRCTL: &[libc::c_int] = &[
    libc::PR_GET_DUMPABLE,
    libc::PR_GET_NO_NEW_PRIVS,
    libc::PR_SET_MDWE,
    libc::PR_SET_NAME,
    libc::PR_SET_NO_NEW_PRIVS,
    libc::PR_SET_VMA,
];

/// Flags of `clone` that make a thread, all of which must be there.
pub(super) const THREAD: libc::c_int = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM;

/// Flags that may be there besides: where the kernel writes the thread's number and what it takes as its local storage.
pub(super) const THREAD_ALSO: libc::c_int =
    libc::CLONE_SETTLS | libc::CLONE_PARENT_SETTID | libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID;
