//! No keep outlives its launcher.
#![allow(unsafe_code, reason = "processes are killed by number")]

use std::{
    fs,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    time::Duration,
};

use casemate_launch::{Ending, Event, LaunchError, launch};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, setsid},
};

use crate::launcher::{CHILD, as_ordinary_user, is_child, run, spec};

/// Every process of a session that has not ended.
pub(crate) fn session(id: i32) -> Vec<i32> {
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
        // Fields after the name, which is in parentheses and may hold anything: state, parent, group, session.
        let Some((_, fields)) = stat.rsplit_once(") ") else { return false };
        let fields: Vec<&str> = fields.split(' ').collect();
        fields.first().is_some_and(|state| *state != "Z") && fields.get(3).and_then(|s| s.parse().ok()) == Some(id)
    })
    .collect()
}

#[test]
#[ignore = "the launcher that the next test kills"]
fn launcher_of_a_keep_that_sleeps() {
    if !is_child() {
        return;
    }
    let _ended = run(spec("sleep"));
}

#[test]
fn killing_the_launcher_at_any_moment_ends_the_keep() {
    for delay_ms in [0, 3, 7, 15, 30, 45, 60, 80, 100, 130, 170, 250, 400, 700] {
        let mut launcher = launcher();
        std::thread::sleep(Duration::from_millis(delay_ms));
        kill_and_watch(&mut launcher);
    }
    // Once more when launcher, stub and process 1 are certainly all there: otherwise this might have shown nothing.
    let mut launcher = launcher();
    let id = launcher.id().cast_signed();
    assert!(comes_true(|| session(id).len() >= 3), "the keep never ran: {:?}", session(id));
    kill_and_watch(&mut launcher);
}

#[test]
#[ignore = "the launcher that the next test starts, in a session of its own"]
fn launcher_of_a_keep_that_is_killed() {
    if !is_child() {
        return;
    }
    let own = std::process::id().cast_signed();
    let killed_inside = || {
        let is_first = |pid: &i32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            status.lines().any(|line| line.starts_with("NSpid:") && line.ends_with("\t1"))
        };
        let first = session(own).into_iter().find(is_first).expect("process 1 of the keep");
        kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    };
    let on_event = |event: Event| {
        if matches!(event, Event::Isolated { .. }) {
            killed_inside();
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(launch(spec("sleep"), on_event)).unwrap_err();
    assert!(matches!(&error, LaunchError::Died { ending: Ending::Killed(Signal::SIGKILL) }), "{error}");
    assert!(error.remedy().contains("kernel's log"), "{}", error.remedy());
}

#[test]
fn a_keep_that_is_killed_inside_says_by_which_signal() {
    assert!(launcher_of("death::launcher_of_a_keep_that_is_killed").wait().unwrap().success());
}

fn launcher() -> Child {
    launcher_of("death::launcher_of_a_keep_that_sleeps")
}

/// A launcher in a session of its own, by which every process that comes of it is found.
fn launcher_of(test: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored"]).env(CHILD, "1");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    // SAFETY: one system call between fork and exec.
    unsafe { command.pre_exec(|| setsid().map(drop).map_err(Into::into)) };
    command.spawn().unwrap()
}

fn kill_and_watch(launcher: &mut Child) {
    let id = launcher.id().cast_signed();
    kill(Pid::from_raw(id), Signal::SIGKILL).unwrap();
    launcher.wait().unwrap();
    assert!(comes_true(|| session(id).is_empty()), "{:?} outlived the launcher", session(id));
}

/// Waits for `what`, at most half a minute.
pub(crate) fn comes_true(what: impl Fn() -> bool) -> bool {
    (0..1500).any(|_| {
        let is_true = what();
        if !is_true {
            std::thread::sleep(Duration::from_millis(20));
        }
        is_true
    })
}

#[test]
fn an_ordinary_users_keep_dies_too() {
    as_ordinary_user("death::killing_the_launcher_at_any_moment_ends_the_keep");
}

#[test]
fn a_run_out_of_time_is_ended() {
    let mut short = spec("sleep");
    short.limits.wall_s = 1;
    assert!(matches!(run(short), Err(LaunchError::TimedOut { wall_s: 1 })));
}
