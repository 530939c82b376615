//! The last fence: each attempt to climb it succeeds without it, and fails behind it, before and after it is sealed.

use std::{
    collections::BTreeSet,
    fs,
    process::Command,
    sync::{Arc, Mutex},
};

use casemate_attester::control::SECCOMP_FILTERS;
use casemate_evidence::Lack;
use casemate_launch::{LaunchError, Outcome, Spec};
use libc::{EMFILE, ENOENT, ENOSYS, EPERM};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

use crate::{
    inside::assert_nothing,
    launcher::{answer, as_ordinary_user, is_child, lacks, look, probe, probe_with, run, spec},
    owners::{Crime, Setting, Study, Wasm},
    plaintext::alone,
    program::{open_honest, sealed_honest},
    reader::{self, descendants, threads},
};

/// Who can do it outside a keep.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Outside {
    Anyone,
    Root,
}

/// What becomes of whoever tries it in a keep.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    Ended,
    Refused(i32),
    Succeeds,
}

use Fate::{Ended, Refused, Succeeds};
use Outside::{Anyone, Root};

/// The same before and after sealing.
const ALWAYS: [(&str, Outside, Fate); 62] = [
    ("open", Anyone, Refused(ENOENT)),
    ("open-proc", Anyone, Refused(ENOENT)),
    ("open-device", Anyone, Refused(ENOENT)),
    ("open-attester", Anyone, Refused(ENOENT)),
    ("list", Anyone, Refused(ENOENT)),
    ("create", Anyone, Refused(ENOENT)),
    ("make-folder", Anyone, Refused(ENOENT)),
    ("symlink", Anyone, Ended),
    ("stat", Anyone, Refused(ENOENT)),
    ("connect", Anyone, Ended),
    ("duplicate", Anyone, Refused(EPERM)),
    ("duplicate-over", Anyone, Refused(EPERM)),
    ("pipe", Anyone, Ended),
    ("own-signals", Anyone, Refused(EPERM)),
    ("inotify", Anyone, Ended),
    ("timer", Anyone, Ended),
    ("handle", Anyone, Ended),
    ("descriptors", Anyone, Refused(EMFILE)),
    ("fork", Anyone, Ended),
    ("fork-new", Anyone, Refused(ENOSYS)),
    ("fork-into-namespace", Anyone, Ended),
    #[cfg(target_arch = "x86_64")]
    ("fork-old", Anyone, Ended),
    ("execute", Anyone, Ended),
    ("execute-descriptor", Anyone, Ended),
    ("signal", Anyone, Refused(EPERM)),
    ("signal-all", Anyone, Refused(EPERM)),
    ("signal-thread", Anyone, Ended),
    ("signal-queue", Anyone, Ended),
    ("process-descriptor", Anyone, Ended),
    ("trace-me", Anyone, Ended),
    ("read-process", Anyone, Ended),
    ("write-process", Anyone, Ended),
    ("compare", Anyone, Ended),
    ("become-dumpable", Anyone, Refused(EPERM)),
    ("limit", Anyone, Refused(EPERM)),
    ("become-another", Anyone, Ended),
    ("session", Anyone, Ended),
    ("code-mapped", Anyone, Ended),
    ("code-mapped-shared", Anyone, Ended),
    ("code-mapped-empty", Anyone, Ended),
    ("code-published-writable", Anyone, Ended),
    ("code-by-key", Anyone, Ended),
    ("code-by-alias", Anyone, Ended),
    ("code-in-memory-file", Anyone, Ended),
    ("code-in-shared-memory", Anyone, Ended),
    ("code-in-shared-memory-at-once", Anyone, Ended),
    ("code-everywhere", Anyone, Ended),
    ("data", Anyone, Succeeds),
    ("shared-memory", Anyone, Ended),
    ("secret-memory", Anyone, Refused(ENOSYS)),
    ("ring", Anyone, Ended),
    ("page-faults", Anyone, Ended),
    ("namespace", Anyone, Ended),
    ("enter-namespace", Root, Ended),
    ("mount-new", Root, Ended),
    ("change-root", Root, Ended),
    ("bpf", Root, Ended),
    ("performance", Root, Ended),
    ("keys", Anyone, Ended),
    ("filters", Anyone, Ended),
    ("restrict", Anyone, Ended),
    #[cfg(target_arch = "x86_64")]
    ("old-door", Anyone, Ended),
];

/// What loading a program needs, and nothing after it.
const LOADING: [&str; 2] = ["code-published", "socketpair 1"];

/// One more than the highest family of sockets [linux/socket.h].
const FAMILIES: u32 = 46;

/// What becomes of the attempt `name` in a keep that is `phase`: `loading` or `sealed`.
fn fate(phase: &str, name: &str) -> Fate {
    let mut attempt = spec(&format!("{phase} {name}"));
    attempt.accept_lacks.retain(|lack| ![Lack::Landlock, Lack::Seccomp].contains(lack));
    match run(attempt) {
        Err(LaunchError::Trespassed) => Ended,
        Ok(Outcome::Done { bundle, .. }) => match String::from_utf8(bundle).unwrap().split_once(' ') {
            None => Succeeds,
            Some(("error", number)) => Refused(number.parse().unwrap()),
            Some(other) => panic!("{name}: {other:?}"),
        },
        other => panic!("{phase} {name}: {other:?}"),
    }
}

/// Whether `name` succeeds without a keep around it.
fn succeeds_outside(name: &str) -> bool {
    let tried = Command::new(probe()).args(["attempt", name]).output().unwrap();
    let said = String::from_utf8(tried.stdout).unwrap();
    // Who executes another program says nothing more.
    tried.status.success() && (said == "ok\n" || (said.is_empty() && name.starts_with("execute")))
}

/// Whether this machine has the two fences of which these tests are.
fn has_fences(test: &str) -> bool {
    let (_, report) = look(spec("look"));
    !lacks(&report, Lack::Seccomp, test) && !lacks(&report, Lack::Landlock, test)
}

#[test]
fn every_attempt_succeeds_without_the_fence_and_fails_behind_it() {
    tries_everything(&["loading", "sealed"]);
}

#[test]
#[ignore = "run as an ordinary user by the test below"]
fn every_attempt_once_sealed() {
    if is_child() {
        tries_everything(&["sealed"]);
    }
}

fn tries_everything(phases: &[&str]) {
    if !has_fences("every_attempt") {
        return;
    }
    let is_root = nix::unistd::geteuid().is_root();
    for (name, outside, expected) in ALWAYS {
        if is_root || outside == Anyone {
            assert!(succeeds_outside(name), "`{name}` does not even succeed outside, and shows nothing");
        }
        for phase in phases {
            assert_eq!(fate(phase, name), expected, "{phase} {name}");
        }
    }
    for name in LOADING {
        assert!(succeeds_outside(name), "{name}");
        assert_eq!((fate("loading", name), fate("sealed", name)), (Succeeds, Ended), "{name}");
    }
}

#[test]
fn no_family_of_sockets_is_there() {
    if !has_fences("no_family_of_sockets") {
        return;
    }
    let families = || (0..FAMILIES).map(|family| format!("socket {family}"));
    let outside = families().filter(|name| succeeds_outside(name)).count();
    assert!(outside >= 3, "only {outside} families of sockets outside");
    for name in families() {
        assert_eq!(fate("loading", &name), Ended, "{name}");
    }
    for family in [libc::AF_INET, libc::AF_INET6, libc::AF_UNIX, libc::AF_NETLINK, libc::AF_VSOCK, libc::AF_ALG] {
        assert_eq!(fate("sealed", &format!("socket {family}")), Ended, "{family}");
    }
}

#[test]
fn an_ordinary_user_finds_the_same_fence() {
    as_ordinary_user("sandbox::every_attempt_once_sealed");
}

/// Refuses `calls` to this thread and all that comes of it, as the walls of many a container do.
fn refuse(calls: &[libc::c_long]) {
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let action = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let machine = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let filter: BpfProgram =
        SeccompFilter::new(rules, SeccompAction::Allow, action, machine).unwrap().try_into().unwrap();
    apply_filter(&filter).unwrap();
}

#[test]
fn a_kernel_without_filters_is_a_lack_and_the_other_walls_still_stand() {
    refuse(&[libc::SYS_seccomp]);
    let (seen, report) = look(spec("look around"));
    assert!(report.lacks.contains(&Lack::Seccomp));
    assert_nothing(
        &seen,
        &report,
        &[
            ("files", "permission denied", Some(Lack::Landlock)),
            ("interfaces", "1", Some(Lack::NetworkNamespace)),
            ("connect", "permission denied", Some(Lack::Landlock)),
            ("mount", "false", None),
        ],
    );
    let strict = Spec { accept_lacks: vec![Lack::SecretPlaintext], ..spec("look") };
    let error = run(strict).unwrap_err();
    assert!(matches!(&error, LaunchError::Lacks(found) if found.contains(&Lack::Seccomp)), "{error}");
    // Sealing what does not stand changes nothing, and says nothing else than the evidence does.
    assert_eq!(answer(spec("sealed code-published")).0, "ok");
}

#[test]
fn a_kernel_with_neither_fence_leaves_empty_root_and_network() {
    refuse(&[libc::SYS_seccomp, libc::SYS_landlock_create_ruleset]);
    let (seen, report) = look(spec("look around"));
    assert!(report.lacks.contains(&Lack::Seccomp) && report.lacks.contains(&Lack::Landlock));
    assert_nothing(
        &seen,
        &report,
        &[
            ("files", "0", Some(Lack::EmptyRoot)),
            ("interfaces", "1", Some(Lack::NetworkNamespace)),
            ("connect", "network unreachable", Some(Lack::NetworkNamespace)),
            ("mount", "false", None),
        ],
    );
}

#[test]
fn filters_that_a_keep_was_born_with_are_not_its_own() {
    // One of no effect, as the launcher's container may have set it.
    refuse(&[libc::SYS_quotactl]);
    if !has_fences("filters_that_a_keep_was_born_with") {
        return;
    }
    assert_eq!(fate("loading", "namespace"), Ended);
    let (_folder, runtime) = probe_with(b"\ncasemate-liar\n");
    let lying = Spec { runtime, accept_lacks: vec![Lack::SecretPlaintext], ..spec("look") };
    let error = run(lying).unwrap_err();
    assert!(
        matches!(&error, LaunchError::Lacks(found) if found.contains(&Lack::Seccomp))
            || matches!(error, LaunchError::Inspection(_)),
        "{error}"
    );
}

#[test]
fn who_is_ended_says_so_with_no_more_than_a_code() {
    if !has_fences("who_is_ended") {
        return;
    }
    let error = run(spec("loading ring")).unwrap_err();
    assert!(matches!(error, LaunchError::Trespassed), "{error}");
    assert!(error.remedy().contains("1326"));
}

/// What the kernel says of each thread of each keep: how many filters it has on top of this process's.
fn filters() -> BTreeSet<usize> {
    let count = |status: String| -> Option<usize> {
        status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"))?.trim().parse().ok()
    };
    let of = |path: String| fs::read_to_string(path).ok().and_then(count);
    let Some(inherited) = of("/proc/thread-self/status".to_owned()) else { return BTreeSet::new() };
    let keeps = descendants().into_iter().filter(|process| !reader::is_child(*process));
    let tasks =
        keeps.flat_map(|keep| threads(keep).into_iter().map(move |task| format!("/proc/{keep}/task/{task}/status")));
    tasks.filter_map(of).map(|filters| filters - inherited).collect()
}

/// How many filters the threads of a study's keep have when the first broker is shown evidence, and when it is asked for a permit.
fn filters_in_a_study(program: Option<Wasm>) -> [BTreeSet<usize>; 2] {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = || {
        let seen = Arc::clone(&seen);
        move || seen.lock().unwrap().push(filters())
    };
    let (at_claim, meanwhile) = (Some(Arc::new(note()) as Arc<_>), Some(Arc::new(note()) as Arc<_>));
    let study = Study::with(Setting { program, at_claim, meanwhile, ..Setting::default() });
    let outcome = run(study.spec([Crime::None, Crime::None])).unwrap();
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    drop(study);
    let seen = seen.lock().unwrap().clone();
    seen.try_into().unwrap()
}

/// The product's own keep, not the probe: each way through it seals itself, as soon as nothing has to be compiled any more.
#[test]
fn a_studys_keep_is_sealed_before_any_broker_speaks_to_it_or_once_its_sealed_program_is_compiled() {
    let test = "a_studys_keep_is_sealed";
    if !has_fences(test) {
        return;
    }
    let _alone = alone();
    let (open, sealed) = (BTreeSet::from([SECCOMP_FILTERS]), BTreeSet::from([SECCOMP_FILTERS + 1]));
    for (what, program, at_claim) in [
        ("a query", None, &sealed),
        ("a program", Some(open_honest()), &sealed),
        // Its key is still to come, and it is to be compiled then.
        ("a sealed program", Some(sealed_honest()), &open),
    ] {
        let seen = filters_in_a_study(program);
        if seen[0].is_empty() {
            return casemate_testkit::skip(test, "the kernel does not say `Seccomp_filters`", "run Linux 5.9 or later");
        }
        assert_eq!(seen, [at_claim.clone(), sealed.clone()], "{what}");
    }
}
