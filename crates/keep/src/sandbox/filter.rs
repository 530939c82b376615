//! The lists as seccomp filters, and their way into the kernel.
//!
//! The kernel asks every filter and takes the strictest answer, so each filter says one thing: three answer calls with an
//! error, one admits what is listed at all and ends the process at the rest, and sealing adds one that takes calls away.
//! All begin with a look at the architecture: calls through the 32-bit door of a 64-bit kernel end the process.
#![cfg_attr(test, allow(unsafe_code, reason = "system calls of a child"))]

use std::collections::BTreeMap;

use casemate_attester::control::SECCOMP_FILTERS;
use libc::{c_int, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Op, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads,
};
use thiserror::Error;

use super::calls;

/// Why a filter is not in place.
#[derive(Debug, Error)]
pub(super) enum FilterError {
    /// The list cannot be compiled for this machine.
    #[error("{0}")]
    Compile(#[from] seccompiler::BackendError),
    /// The kernel refused it.
    #[error("{0}")]
    Apply(#[from] seccompiler::Error),
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Admits what a keep needs, of which `pid` is the process, and nothing else, on every thread.
pub(super) fn enter(pid: u32) -> Result<(), FilterError> {
    filters(pid)?.iter().try_for_each(|filter| Ok(apply_filter_all_threads(filter)?))
}

fn filters(pid: u32) -> Result<[BpfProgram; SECCOMP_FILTERS], FilterError> {
    Ok([
        deny(error(libc::ENOENT), not_found()?)?,
        deny(error(libc::ENOSYS), any(&[calls::ABSENT]))?,
        deny(error(libc::EPERM), refused()?)?,
        admit(admitted(pid)?)?,
    ])
}

/// Takes away what only loading a program needed, on every thread.
pub(super) fn seal() -> Result<(), FilterError> {
    let mut rules = any(&[&[libc::SYS_seccomp, libc::SYS_socketpair]]);
    rules.insert(libc::SYS_mprotect, vec![rule(&[has(2, libc::PROT_EXEC)])?]);
    let filter = deny(SeccompAction::KillProcess, rules)?;
    Ok(apply_filter_all_threads(&filter)?)
}

/// Calls that find no file; `statx` and `newfstatat` may be asked about an open descriptor.
fn not_found() -> Result<Rules, FilterError> {
    let mut rules = any(&[calls::NOT_FOUND, calls::NOT_FOUND_HERE]);
    rules.insert(libc::SYS_statx, vec![rule(&[has_not(2, libc::AT_EMPTY_PATH)])?]);
    rules.insert(libc::SYS_newfstatat, vec![rule(&[has_not(3, libc::AT_EMPTY_PATH)])?]);
    Ok(rules)
}

/// Calls that are refused, some only with certain arguments: limits may be read, not set, and only the keep's own.
fn refused() -> Result<Rules, FilterError> {
    let mut rules = any(&[calls::REFUSED]);
    rules.insert(libc::SYS_fcntl, vec![none_of(1, calls::FCNTL)?]);
    rules.insert(libc::SYS_ioctl, vec![rule(&[(1, Length::Dword, Op::Ne, libc::FIONBIO)])?]);
    rules.insert(libc::SYS_prctl, vec![none_of(0, calls::PRCTL)?]);
    let others = rule(&[(0, Length::Dword, Op::Ne, 0)])?;
    let sets = rule(&[(2, Length::Qword, Op::Ne, 0)])?;
    rules.insert(libc::SYS_prlimit64, vec![others, sets]);
    Ok(rules)
}

/// Everything that does not end the process.
fn admitted(pid: u32) -> Result<Rules, FilterError> {
    let mut rules = any(&[calls::ALLOWED, calls::ALLOWED_HERE, calls::ABSENT, calls::REFUSED]);
    rules.extend(any(&[calls::NOT_FOUND, calls::NOT_FOUND_HERE]));
    // Another filter answers these where the arguments are not as they should be.
    rules.extend(any(&[&[
        libc::SYS_fcntl,
        libc::SYS_ioctl,
        libc::SYS_newfstatat,
        libc::SYS_prctl,
        libc::SYS_prlimit64,
        libc::SYS_statx,
    ]]));
    let also = u64::from(calls::THREAD_ALSO.unsigned_abs());
    let thread = u64::from(calls::THREAD.unsigned_abs());
    rules.insert(libc::SYS_clone, vec![rule(&[(0, Length::Qword, Op::MaskedEq(!also), thread)])?]);
    // Private memory alone: its limit counts it, and that of shared memory would be the machine's.
    let (inert, private) = (has_not(2, libc::PROT_EXEC), has_not(3, libc::MAP_SHARED));
    rules.insert(libc::SYS_mmap, vec![rule(&[inert, private])?]);
    let (inert, constant) = (has_not(2, libc::PROT_EXEC), has_not(2, libc::PROT_WRITE));
    rules.insert(libc::SYS_mprotect, vec![rule(&[inert])?, rule(&[constant])?]);
    let mode = u64::from(libc::SECCOMP_SET_MODE_FILTER);
    rules.insert(libc::SYS_seccomp, vec![rule(&[(0, Length::Dword, Op::Eq, mode)])?]);
    let unix = u64::from(libc::AF_UNIX.unsigned_abs());
    rules.insert(libc::SYS_socketpair, vec![rule(&[(0, Length::Dword, Op::Eq, unix)])?]);
    rules.insert(libc::SYS_tgkill, vec![rule(&[(0, Length::Dword, Op::Eq, u64::from(pid))])?]);
    Ok(rules)
}

/// One comparison of an argument: which, how much of it, how, with what.
type Comparison = (u8, Length, Op, u64);

fn has(argument: u8, bit: c_int) -> Comparison {
    let bit = u64::from(bit.unsigned_abs());
    (argument, Length::Dword, Op::MaskedEq(bit), bit)
}

fn has_not(argument: u8, bit: c_int) -> Comparison {
    (argument, Length::Dword, Op::MaskedEq(u64::from(bit.unsigned_abs())), 0)
}

/// Holds where all comparisons do.
fn rule(all: &[Comparison]) -> Result<SeccompRule, FilterError> {
    let condition = |(argument, length, op, value): &Comparison| {
        SeccompCondition::new(*argument, length.clone(), op.clone(), *value)
    };
    let conditions: Result<Vec<_>, _> = all.iter().map(condition).collect();
    Ok(SeccompRule::new(conditions?)?)
}

fn none_of(argument: u8, values: &[c_int]) -> Result<SeccompRule, FilterError> {
    let differs = |value: &c_int| (argument, Length::Dword, Op::Ne, u64::from(value.unsigned_abs()));
    rule(&values.iter().map(differs).collect::<Vec<_>>())
}

/// Calls with any argument.
fn any(lists: &[&[c_long]]) -> Rules {
    lists.iter().flat_map(|list| list.iter()).map(|call| (*call, Vec::new())).collect()
}

/// `action` for the calls of `rules`; the others are for the other filters to judge.
fn deny(action: SeccompAction, rules: Rules) -> Result<BpfProgram, FilterError> {
    compile(rules, SeccompAction::Allow, action)
}

fn admit(rules: Rules) -> Result<BpfProgram, FilterError> {
    compile(rules, SeccompAction::KillProcess, SeccompAction::Allow)
}

fn compile(rules: Rules, otherwise: SeccompAction, matched: SeccompAction) -> Result<BpfProgram, FilterError> {
    let machine = TargetArch::try_from(std::env::consts::ARCH)?;
    Ok(SeccompFilter::new(rules, otherwise, matched, machine)?.try_into()?)
}

fn error(number: c_int) -> SeccompAction {
    SeccompAction::Errno(number.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use nix::{
        sys::{
            signal::Signal,
            wait::{WaitStatus, waitpid},
        },
        unistd::{ForkResult, fork},
    };

    use super::*;

    const LISTS: [&[c_long]; 6] =
        [calls::ALLOWED, calls::ALLOWED_HERE, calls::NOT_FOUND, calls::NOT_FOUND_HERE, calls::ABSENT, calls::REFUSED];

    /// `uretprobe` and `uprobe` of x86-64, which kernels let past every filter: they do nothing but where the kernel itself
    /// has put them [kernel/seccomp.c].
    const UPROBES: std::ops::RangeInclusive<i64> = 335..=336;

    /// How a child ends that makes the call `number` behind `filters`, all arguments zero.
    fn fate(filters: &[BpfProgram], number: c_long) -> WaitStatus {
        // SAFETY: the child makes system calls on memory that was there before, allocates nothing, and leaves by `_exit`.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => unsafe {
                for filter in filters {
                    if seccompiler::apply_filter(filter).is_err() {
                        libc::_exit(1);
                    }
                }
                libc::syscall(number, 0, 0, 0, 0, 0, 0);
                libc::_exit(0)
            },
            ForkResult::Parent { child } => waitpid(child, None).unwrap(),
        }
    }

    #[test]
    fn every_call_that_is_on_no_list_ends_the_process() {
        let filters = filters(0).unwrap();
        let listed: BTreeSet<i64> = admitted(0).unwrap().into_keys().collect();
        assert!(matches!(fate(&filters, libc::SYS_getpid), WaitStatus::Exited(_, 0)), "not even the child's own end");
        for number in (0..1024).filter(|number| !listed.contains(number) && !UPROBES.contains(number)) {
            let ended = fate(&filters, number);
            assert!(matches!(ended, WaitStatus::Signaled(_, Signal::SIGSYS, _)), "call {number}: {ended:?}");
        }
    }

    #[test]
    fn calls_with_other_arguments_than_a_keeps_end_it_too() {
        let filters = filters(1).unwrap();
        for call in [libc::SYS_clone, libc::SYS_seccomp, libc::SYS_socketpair, libc::SYS_tgkill] {
            let ended = fate(&filters, call);
            assert!(matches!(ended, WaitStatus::Signaled(_, Signal::SIGSYS, _)), "call {call}: {ended:?}");
        }
    }

    #[test]
    fn no_call_is_on_two_lists() {
        let all: Vec<c_long> = LISTS.concat();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(all.iter().all(|call| admitted(0).unwrap().contains_key(call)));
    }
}
