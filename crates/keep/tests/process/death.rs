//! No keep outlives its launcher.
#![allow(unsafe_code)]

use std::{
    fs,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    time::Duration,
};

use casemate_launch::LaunchError;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, setsid},
};

use crate::launcher::{as_ordinary_user, run, spec};

/// Every process of a session that has not ended.
fn session(id: i32) -> Vec<i32> {
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
    let _ended = run(spec("sleep"));
}

#[test]
fn killing_the_launcher_at_any_moment_ends_the_keep() {
    let mut alive_at_kill = 0;
    for delay_ms in [0, 3, 7, 15, 30, 45, 60, 80, 100, 130, 170, 250, 400, 700] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "death::launcher_of_a_keep_that_sleeps", "--ignored"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        // SAFETY: one system call between fork and exec.
        unsafe { command.pre_exec(|| setsid().map(drop).map_err(Into::into)) };
        let mut launcher = command.spawn().unwrap();
        let id = launcher.id().cast_signed();
        std::thread::sleep(Duration::from_millis(delay_ms));
        alive_at_kill = session(id).len();
        kill(Pid::from_raw(id), Signal::SIGKILL).unwrap();
        launcher.wait().unwrap();
        let mut waited_ms = 0;
        while !session(id).is_empty() {
            assert!(waited_ms < 10_000, "after {delay_ms} ms, {:?} outlived the launcher", session(id));
            std::thread::sleep(Duration::from_millis(20));
            waited_ms += 20;
        }
    }
    // The last time, launcher, stub and process 1 were all there: otherwise this test would have shown nothing.
    assert!(alive_at_kill >= 3, "only {alive_at_kill} processes ran");
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
