//! What a workload can see and do from inside.
#![allow(unsafe_code, reason = "system calls that a keep must be refused")]

use std::collections::{BTreeMap, BTreeSet};

use casemate_evidence::Lack;
use casemate_launch::{Ending, LaunchError, Limits, Outcome, Report, Spec};
use nix::sys::signal::Signal;

use crate::launcher::{answer, as_ordinary_user, lacks, look, run, spec};

/// What a keep sees and can do, and the lack with which it is otherwise.
const NOTHING: [(&str, &str, Option<Lack>); 14] = [
    ("pid", "1", Some(Lack::PidNamespace)),
    ("user", "0", Some(Lack::UserNamespace)),
    ("arguments", "1", None),
    ("environment", "0", None),
    ("passwd", "false", Some(Lack::EmptyRoot)),
    ("proc", "false", Some(Lack::EmptyRoot)),
    ("write", "false", None),
    ("mkdir", "false", Some(Lack::EmptyRoot)),
    ("signal", "false", Some(Lack::PidNamespace)),
    ("dumpable", "false", Some(Lack::Undumpable)),
    ("no_new_privs", "true", Some(Lack::NoNewPrivileges)),
    ("core", "Ok((0, 0))", None),
    ("unexpected_descriptors", "0", None),
    ("dataset_writable", "false", None),
];

/// Asserts that what was `seen` is nothing, and is this besides.
pub(crate) fn assert_nothing(seen: &BTreeMap<String, String>, report: &Report, more: &[(&str, &str, Option<Lack>)]) {
    for (name, expected, lack) in NOTHING.iter().chain(more) {
        if !lack.is_some_and(|lack| lacks(report, lack, name)) {
            assert_eq!(seen.get(*name).map(String::as_str), Some(*expected), "{name}");
        }
    }
}

#[test]
fn sees_and_does_nothing() {
    let (seen, report) = look(spec("look"));
    assert_nothing(&seen, &report, &[("files", "entity not found", Some(Lack::Seccomp))]);
}

#[test]
fn reports_exactly_what_this_kind_of_isolation_never_gives() {
    let (_, report) = look(spec("look"));
    let limit = spec("look").limits.memory_bytes;
    assert_eq!(report.secret_bytes < limit, report.lacks.contains(&Lack::SecretPlaintext));
    assert_eq!(report.secret_bytes == 0, report.lacks.contains(&Lack::SecretKeys));
}

/// Whether a keep of this user may lock as much memory as it likes: `CAP_IPC_LOCK`, capability 14, or no limit.
fn may_lock() -> bool {
    let (limit, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_MEMLOCK).unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    limit > 4 << 30 || u64::from_str_radix(effective.trim(), 16).unwrap() & (1 << 14) != 0
}

#[test]
fn a_contract_that_accepts_no_plaintext_outside_runs_where_all_fits_and_is_refused_by_name_where_not() {
    let mut strict = spec("look");
    strict.accept_lacks.retain(|lack| *lack != Lack::SecretPlaintext);
    let outcome = run(strict);
    if may_lock() {
        let Ok(Outcome::Done { report, ordinary_bytes, .. }) = outcome else { panic!("{outcome:?}") };
        assert!(
            report.secret_bytes > spec("look").limits.memory_bytes && !report.lacks.contains(&Lack::SecretPlaintext)
        );
        assert_eq!(ordinary_bytes, 0);
        return;
    }
    let error = outcome.unwrap_err();
    assert!(matches!(&error, LaunchError::Lacks(lacks) if *lacks == [Lack::SecretPlaintext]), "{error}");
    assert!(error.to_string().contains("`secret-plaintext`"));
}

#[test]
fn nothing_is_lacking_where_namespaces_and_locked_memory_are_allowed() {
    let (_, report) = look(spec("look"));
    if !lacks(&report, Lack::UserNamespace, "nothing_is_lacking") {
        let expected = if may_lock() { BTreeSet::new() } else { BTreeSet::from([Lack::SecretPlaintext]) };
        assert_eq!(report.lacks, expected);
    }
}

#[test]
fn what_does_not_fit_lies_outside_only_where_the_contract_accepts_it() {
    for (what, accepted) in [("accepted", true), ("not accepted", false)] {
        let mut glut = spec("glut");
        glut.accept_lacks.retain(|lack| accepted || *lack != Lack::SecretPlaintext);
        match (run(glut), accepted) {
            // More than the limit in either case: it is refused by the heap where all is secret, by the kernel where not.
            (Err(LaunchError::Exhausted), is_accepted) if may_lock() || is_accepted => {}
            (Err(LaunchError::Lacks(found)), false) if !may_lock() => assert_eq!(found, [Lack::SecretPlaintext]),
            (other, _) => panic!("{what}: {other:?}"),
        }
    }
    let Ok(Outcome::Done { report, ordinary_bytes, .. }) = run(spec("half")) else { panic!("half of the limit") };
    assert_eq!(ordinary_bytes > 200 << 20, report.lacks.contains(&Lack::SecretPlaintext), "{ordinary_bytes}");
    assert_eq!(ordinary_bytes == 0, may_lock(), "{ordinary_bytes}");
}

#[test]
fn doctor_says_how_much_secret_memory_a_keep_gets() {
    let rows = casemate_launch::probe();
    let row = rows.iter().find(|row| row.what == "secret memory").unwrap();
    assert_eq!(row.detail.starts_with("no limit"), may_lock(), "{}", row.detail);
    let (_, report) = look(spec("look"));
    assert_eq!(row.detail.starts_with("no limit"), !report.lacks.contains(&Lack::SecretPlaintext), "{}", row.detail);
}

#[test]
fn memory_and_threads_do_what_they_should() {
    let (said, _) = answer(spec("stress"));
    assert_eq!(said, "ok");
}

#[test]
fn an_ordinary_user_gets_the_same() {
    as_ordinary_user("inside::sees_and_does_nothing");
    as_ordinary_user("inside::nothing_is_lacking_where_namespaces_and_locked_memory_are_allowed");
    as_ordinary_user("inside::doctor_says_how_much_secret_memory_a_keep_gets");
    as_ordinary_user("inside::memory_and_threads_do_what_they_should");
    as_ordinary_user("inside::what_does_not_fit_lies_outside_only_where_the_contract_accepts_it");
    as_ordinary_user(
        "inside::a_contract_that_accepts_no_plaintext_outside_runs_where_all_fits_and_is_refused_by_name_where_not",
    );
}

#[test]
fn a_descriptor_that_the_launcher_left_open_is_not_there() {
    // A duplicate made so is not closed on execution, as one of a careless library's.
    // SAFETY: `dup` takes any number and touches no memory; what it gives is closed below.
    let leaked = unsafe { libc::dup(std::os::fd::AsRawFd::as_raw_fd(&std::fs::File::open("/etc/passwd").unwrap())) };
    assert!(leaked >= 0);
    let (seen, _) = look(spec("look"));
    assert_eq!(seen.get("unexpected_descriptors").map(String::as_str), Some("0"));
    // SAFETY: the number is the one that `dup` gave, which nothing else owns.
    let closed = unsafe { libc::close(leaked) };
    assert_eq!(closed, 0);
}

#[test]
fn a_panic_says_nothing_but_that_it_broke() {
    let error = run(spec("panic the-patient-is-bob")).unwrap_err();
    let LaunchError::Died { ending } = &error else { panic!("{error}") };
    assert_eq!(*ending, Ending::Exited(70));
    assert!(!format!("{error:?}").contains("bob"), "{ending}");
}

#[test]
fn an_abort_leaves_no_core_and_no_more_than_a_code() {
    let died = |what: &str| match run(spec(what)) {
        Err(LaunchError::Died { ending }) => ending,
        other => panic!("{what}: {other:?}"),
    };
    let aborted = died("abort");
    assert!(matches!(aborted, Ending::Killed(Signal::SIGABRT | Signal::SIGSEGV | Signal::SIGILL)), "{aborted}");
    assert!(matches!(died("exit"), Ending::Exited(_)), "{}", died("exit"));
}

#[test]
fn a_keep_that_used_up_its_time_says_so() {
    let limits = Limits { cpu_s: 1, ..spec("spin").limits };
    let error = run(Spec { limits, ..spec("spin") }).unwrap_err();
    assert!(error.to_string().contains("limit of 1 s of processor time"), "{error}");
}

#[test]
fn memory_beyond_the_limit_is_refused() {
    let (text, _) = answer(spec("eat"));
    let refused: u64 = text.strip_prefix("refused after ").unwrap().strip_suffix(" MiB").unwrap().parse().unwrap();
    assert!(refused < 512, "{text}");
}
