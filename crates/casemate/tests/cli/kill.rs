//! SIGKILL for each role and each verb, at each of its steps ([`roles`], [`verbs`]) and at any moment between them: started
//! again it succeeds, and no ledger tells of a key too many.

mod calls;
mod choose;
pub(crate) mod ledger;
mod roles;
mod together;
pub(crate) mod trace;
mod verbs;

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use ledger::Auditor;

use crate::study::Study;

/// Rounds of one kill each, all roles in turn; the moments are spread evenly over the length of a run.
const ROUNDS: u32 = 6;
const ROUNDS_FULL: u32 = 240;

#[derive(Clone, Copy, Debug)]
enum Role {
    Broker,
    Runner,
    Keep,
}

#[tokio::test]
async fn any_role_killed_at_any_moment() {
    let study = Study::signed("kill");
    let rounds = if std::env::var_os("CASEMATE_FULL").is_some() { ROUNDS_FULL } else { ROUNDS };
    let length = {
        let _brokers = study.brokers();
        let start = Instant::now();
        assert_eq!(study.run().code, Some(0));
        start.elapsed()
    };
    let mut interrupted = 0;
    let mut auditors = [Auditor::default(), Auditor::default()];
    for round in 0..rounds {
        let role = [Role::Broker, Role::Runner, Role::Keep][round as usize % 3];
        let after = length * (round + 1) / (rounds + 1);
        interrupted += u32::from(kill_one(&study, role, after));
        // With everything started again, a run succeeds.
        if round % 3 == 2 || rounds == ROUNDS_FULL {
            let _brokers = study.brokers();
            let again = study.run();
            assert_eq!(again.code, Some(0), "after the {role:?} was killed at {after:?}: {again:?}");
            study.open();
        }
        for (owner, auditor) in [&study.clinic, &study.registry].into_iter().zip(&mut auditors) {
            auditor.check(owner).await;
        }
    }
    assert!(interrupted >= rounds / 3, "only {interrupted} of {rounds} runs were interrupted");
}

/// Starts brokers and a run, kills one role after a while. Whether the run failed by it.
fn kill_one(study: &Study, role: Role, after: Duration) -> bool {
    let [mut clinic, _registry] = study.brokers();
    let _ = fs::remove_dir_all(study.researcher.join("results"));
    let mut run = study.researcher.command(&["run", "study.contract", "--data", ".", "--out", "results"]);
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    match role {
        Role::Broker => clinic.kill(),
        Role::Runner => drop(run.kill()),
        Role::Keep => {
            for keep in children(run.id()) {
                let _ = kill(Pid::from_raw(keep), Signal::SIGKILL);
            }
        }
    }
    let failed = !run.wait().unwrap().success();
    let result = study.researcher.join("results/researcher.result");
    assert!(failed || result.exists());
    if result.exists() && !failed {
        study.open();
    }
    failed
}

/// The processes that `parent`'s threads started.
fn children(parent: u32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().filter_map(Result::ok);
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}
