//! What a workload can see and do from inside.
#![allow(unsafe_code, reason = "system calls that a keep must be refused")]

use std::collections::BTreeSet;

use casemate_evidence::Lack;
use casemate_launch::LaunchError;

use crate::launcher::{answer, as_ordinary_user, lacks, look, run, spec};

#[test]
fn sees_and_does_nothing() {
    let (seen, report) = look(spec("look"));
    for (name, expected, lack) in [
        ("pid", "1", Some(Lack::PidNamespace)),
        ("user", "0", Some(Lack::UserNamespace)),
        ("arguments", "1", None),
        ("environment", "0", None),
        ("files", "0", Some(Lack::EmptyRoot)),
        ("passwd", "false", Some(Lack::EmptyRoot)),
        ("proc", "false", Some(Lack::EmptyRoot)),
        ("write", "false", None),
        ("mkdir", "false", Some(Lack::EmptyRoot)),
        ("interfaces", "1", Some(Lack::NetworkNamespace)),
        ("connect", "network unreachable", Some(Lack::NetworkNamespace)),
        ("mount", "false", None),
        ("signal", "false", Some(Lack::PidNamespace)),
        ("dumpable", "false", Some(Lack::Undumpable)),
        ("no_new_privs", "true", Some(Lack::NoNewPrivileges)),
        ("core", "Ok((0, 0))", None),
        ("unexpected_descriptors", "0", None),
        ("dataset_writable", "false", None),
    ] {
        if !lack.is_some_and(|lack| lacks(&report, lack, name)) {
            assert_eq!(seen.get(name).map(String::as_str), Some(expected), "{name}");
        }
    }
}

#[test]
fn reports_exactly_what_this_kind_of_isolation_never_gives() {
    let (_, report) = look(spec("look"));
    assert!(report.lacks.contains(&Lack::SecretPlaintext));
    assert_eq!(report.secret_bytes == 0, report.lacks.contains(&Lack::SecretKeys));
}

#[test]
fn a_lack_that_is_not_accepted_refuses_the_run_by_name() {
    let mut strict = spec("look");
    strict.accept_lacks.retain(|lack| *lack != Lack::SecretPlaintext);
    let error = run(strict).unwrap_err();
    assert!(matches!(&error, LaunchError::Lacks(lacks) if *lacks == [Lack::SecretPlaintext]), "{error}");
    assert!(error.to_string().contains("`secret-plaintext`"));
}

#[test]
fn only_secret_plaintext_is_lacking_where_namespaces_are_allowed() {
    let (_, report) = look(spec("look"));
    if !lacks(&report, Lack::UserNamespace, "only_secret_plaintext_is_lacking") {
        assert_eq!(report.lacks, BTreeSet::from([Lack::SecretPlaintext]));
    }
}

#[test]
fn an_ordinary_user_gets_the_same() {
    as_ordinary_user("inside::sees_and_does_nothing");
    as_ordinary_user("inside::only_secret_plaintext_is_lacking_where_namespaces_are_allowed");
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
    let LaunchError::Died { status } = &error else { panic!("{error}") };
    assert!(status.contains("70") && !format!("{error:?}").contains("bob"), "{status}");
}

#[test]
fn an_abort_leaves_no_core_and_no_more_than_a_code() {
    assert!(matches!(run(spec("abort")), Err(LaunchError::Died { .. })));
    assert!(matches!(run(spec("exit")), Err(LaunchError::Died { .. })));
}

#[test]
fn memory_beyond_the_limit_is_refused() {
    let (text, _) = answer(spec("eat"));
    let refused: u64 = text.strip_prefix("refused after ").unwrap().strip_suffix(" MiB").unwrap().parse().unwrap();
    assert!(refused < 512, "{text}");
}
