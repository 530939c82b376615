//! Every role of a study, killed at its every step: with everything started again, the study runs, and the ledgers tell
//! exactly what happened.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    choose::{Extent, Plan},
    ledger::{Auditor, Logged},
    trace::{End, Step, Traced, Whose, can_trace, kinds},
};
use crate::{
    party::{Broker, CASEMATE, Party},
    study::Study,
};

/// Steps of each role at which it is killed, if not at all of them.
const SAMPLE: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);
const RESULT: &str = "results/researcher.result";

/// A study with its auditors, and the table that it has when nobody dies.
struct World {
    study: Study,
    auditors: [Auditor; 2],
    table: Value,
}

impl World {
    async fn new(name: &str) -> Self {
        let study = Study::signed(name);
        {
            let _brokers = study.brokers();
            assert_eq!(study.run().code, Some(0));
        }
        let table = study.open()["table"].clone();
        let mut world = Self { study, auditors: Default::default(), table };
        world.audit(&[]).await;
        world
    }

    fn owners(&self) -> [&Party; 2] {
        [&self.study.clinic, &self.study.registry]
    }

    /// A run as a person starts it: with a line for each step.
    fn command(&self) -> Command {
        let researcher = &self.study.researcher;
        let mut command = Command::new(CASEMATE);
        command
            .args(["run", "study.contract", "--data", ".", "--out", "results"])
            .env("CASEMATE_STATE", researcher.join("state"))
            .env("CASEMATE_PASSPHRASE_FILE", researcher.join("passphrase"))
            .current_dir(&researcher.folder);
        let _ = fs::remove_dir_all(researcher.join("results"));
        command
    }

    /// Looks at both ledgers. What the keep said that it got, in these lines of a run, they tell of.
    async fn audit(&mut self, lines: &[String]) {
        let run = lines.iter().find_map(|line| line.strip_prefix("run ")?.split(' ').next());
        let run: Option<[u8; 16]> = run.map(|run| hex::decode(run).unwrap().try_into().unwrap());
        let owners = [self.study.clinic.clone(), self.study.registry.clone()];
        for (auditor, owner) in self.auditors.iter_mut().zip(owners) {
            let logged: Logged = auditor.check(&owner).await;
            let counts = run.and_then(|run| logged.get(&run).copied()).unwrap_or_default();
            for (place, got) in ["broker released its keys", "broker permitted the result"].into_iter().enumerate() {
                let said = format!("{got} ({})", owner.name);
                let was_told = lines.iter().any(|line| line.ends_with(&said));
                assert!(!was_told || counts[place] == 1, "{said}, and the ledger has {counts:?}: {lines:?}");
            }
        }
    }

    /// A run with everything in place: it succeeds, with the result that it always has, and nothing else lies there.
    async fn recover(&mut self, when: &str) {
        let output = self.command().stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{when}: {said}");
        let lines: Vec<_> = said.lines().map(str::to_owned).collect();
        assert!(lines.iter().any(|line| line.ends_with("broker permitted the result (registry)")), "{said}");
        self.audit(&lines).await;
        assert_eq!(self.study.open()["table"], self.table, "{when}");
        let left = fs::read_dir(self.study.researcher.join("results")).unwrap();
        let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["researcher.result", "run.receipt"], "{when}");
    }

    /// What a result that is there is worth, whoever died: it opens, or it is not there.
    fn whole(&self, when: &str) {
        if self.study.researcher.join(RESULT).exists() {
            assert_eq!(self.study.open()["table"], self.table, "{when}");
        }
    }

    /// The steps of one owner's broker within a run.
    async fn broker_dies(&mut self, owner: usize, extent: Extent) {
        let [clinic, registry] = self.owners().map(Clone::clone);
        let (mortal, other) = if owner == 0 { (clinic, registry) } else { (registry, clinic) };
        let _other = other.broker();
        let broker = traced_broker(&mortal);
        broker.watch(None);
        self.recover("calm").await;
        let calm = broker.steps();
        drop(broker);
        let mut plan = Plan::new(&calm, extent);
        assert!(kinds(&calm).len() >= 10, "{calm:?}");
        while let Some(step) = plan.next() {
            let when = format!("the broker of {} killed at {step}", mortal.name);
            let broker = traced_broker(&mortal);
            broker.watch(Some(step.clone()));
            let run = Traced::start(self.command(), Whose::Own, None).wait();
            let is_hit = broker.is_hit();
            plan.note(&step, is_hit);
            broker.kill();
            broker.wait();
            assert!(is_hit || run.code == Some(0), "{when}: {run:?}");
            self.whole(&when);
            self.audit(&run.lines).await;
            let _broker = mortal.broker();
            self.recover(&when).await;
        }
    }

    /// The steps of a broker that starts, with its ledger's files to be written anew.
    async fn starting_broker_dies(&mut self, extent: Extent) {
        let mortal = self.study.clinic.clone();
        let begin = |target: Option<Step>| {
            let _ = fs::remove_dir_all(mortal.join("state/ledger"));
            Traced::start(mortal.command(&["broker", "run"]), Whose::Own, target)
        };
        let calm = begin(None);
        listening(&calm);
        let mut plan = Plan::new(&calm.steps(), extent);
        drop(calm);
        while let Some(step) = plan.next() {
            let broker = begin(Some(step.clone()));
            let is_up = listening(&broker);
            plan.note(&step, !is_up);
            drop(broker);
            drop(mortal.broker());
            assert!(mortal.join("state/ledger/checkpoint").exists(), "after a kill at {step}");
            self.audit(&[]).await;
        }
        let _brokers = self.study.brokers();
        self.recover("brokers killed as they started").await;
    }

    /// The steps of the runner, or of its keep.
    async fn runner_dies(&mut self, whose: Whose, extent: Extent) {
        let _brokers: [Broker; 2] = self.study.brokers();
        let calm = Traced::start(self.command(), whose, None).wait();
        assert_eq!(calm.code, Some(0), "{calm:?}");
        let mut plan = Plan::new(&calm.steps, extent);
        assert!(kinds(&calm.steps).len() >= 5, "{calm:?}");
        while let Some(step) = plan.next() {
            let when = format!("{whose:?} killed at {step}");
            let End { code, is_hit, lines, .. } = Traced::start(self.command(), whose, Some(step.clone())).wait();
            plan.note(&step, is_hit);
            match whose {
                Whose::Own if is_hit => assert_eq!(code, None, "{when}"),
                // A keep may die after its last word.
                Whose::Children if is_hit => assert!(code.is_some(), "{when}"),
                _ => assert_eq!(code, Some(0), "{when}: {lines:?}"),
            }
            self.whole(&when);
            self.audit(&lines).await;
            self.recover(&when).await;
        }
    }
}

fn traced_broker(owner: &Party) -> Traced {
    let broker = Traced::start(owner.command(&["broker", "run"]), Whose::Own, None);
    assert!(listening(&broker), "{:?}", broker.lines());
    broker
}

/// Waits until it listens, or is dead.
fn listening(broker: &Traced) -> bool {
    let start = Instant::now();
    while broker.is_running() && start.elapsed() < PATIENCE {
        if broker.lines().iter().any(|line| line.contains("listening")) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

async fn role(name: &str, die: impl AsyncFnOnce(&mut World)) {
    if can_trace(name) {
        die(&mut World::new(name).await).await;
    }
}

#[tokio::test]
async fn the_clinics_broker_dies() {
    role("kill-clinic", async |world| world.broker_dies(0, Extent::Some(SAMPLE)).await).await;
}

#[tokio::test]
async fn the_registrys_broker_dies() {
    role("kill-registry", async |world| world.broker_dies(1, Extent::Some(SAMPLE)).await).await;
}

#[tokio::test]
async fn a_broker_dies_as_it_starts() {
    role("kill-start", async |world| world.starting_broker_dies(Extent::Some(SAMPLE)).await).await;
}

#[tokio::test]
async fn the_runner_dies() {
    role("kill-runner", async |world| world.runner_dies(Whose::Own, Extent::Some(SAMPLE)).await).await;
}

#[tokio::test]
async fn the_keep_dies() {
    role("kill-keep", async |world| world.runner_dies(Whose::Children, Extent::Some(SAMPLE)).await).await;
}

#[tokio::test]
#[ignore = "long: two runs of a study for each system call of the clinic's broker"]
async fn the_clinics_broker_dies_at_every_step() {
    role("kill-clinic", async |world| world.broker_dies(0, Extent::All).await).await;
}

#[tokio::test]
#[ignore = "long: two runs of a study for each system call of the registry's broker"]
async fn the_registrys_broker_dies_at_every_step() {
    role("kill-registry", async |world| world.broker_dies(1, Extent::All).await).await;
}

#[tokio::test]
#[ignore = "long: a broker for each system call with which one starts"]
async fn a_broker_dies_at_every_step_of_its_start() {
    role("kill-start", async |world| world.starting_broker_dies(Extent::All).await).await;
}

#[tokio::test]
#[ignore = "long: two runs of a study for each system call of the runner"]
async fn the_runner_dies_at_every_step() {
    role("kill-runner", async |world| world.runner_dies(Whose::Own, Extent::All).await).await;
}

#[tokio::test]
#[ignore = "long: two runs of a study for each system call of the keep"]
async fn the_keep_dies_at_every_step() {
    role("kill-keep", async |world| world.runner_dies(Whose::Children, Extent::All).await).await;
}
