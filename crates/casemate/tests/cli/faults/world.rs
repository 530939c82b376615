//! A study in which things go wrong: its brokers behind wires that lose messages, each started again when it has died, and a
//! look at everything that a run leaves.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use casemate_cose::Digest;
use serde_json::{Value, json};

use super::{
    agree::{agree, complete, views},
    plan::{Fault, Menu, Role, harms},
    wire::{Mishap, Wire},
};
use crate::{
    kill::{
        ledger::Auditor,
        trace::{Step, Traced, Whose},
    },
    party::{CASEMATE, Party},
    study::{COMPUTATIONS, MEASUREMENTS, Study, free_address},
};

/// Longer than all that a keep, a runner and a broker wait for before each gives up.
const PATIENCE: Duration = Duration::from_secs(400);
/// How long an operator takes to start a broker again.
const RESTART: Duration = Duration::from_millis(200);
const LOOK: Duration = Duration::from_millis(10);
const PROGRAM: &[u8] = include_bytes!("../../../../../examples/logistic/logistic.wasm");
const TRAIN: &str = include_str!("../../../demo/train.toml");
/// In SQL, and in Wasm.
pub(crate) const RUNS: [&str; 2] = ["by-diagnosis", "train"];
const RESULT: &str = "results/researcher.result";
const RECEIPT: &str = "results/run.receipt";

pub(crate) struct World {
    study: Study,
    brokers: [Supervised; 2],
    auditors: [Auditor; 2],
    /// What each of [`RUNS`] does, and what comes out, when nothing goes wrong.
    calm: Vec<(Menu, Value)>,
}

/// An owner's broker, and the operator who looks after it.
struct Supervised {
    owner: Party,
    listen: String,
    wire: Wire,
    broker: Traced,
}

/// How a run ended.
pub(crate) struct Ended {
    /// `result`, or why not: the rules of a refusal, the words of a failure.
    pub(crate) how: String,
    /// The faults that came to pass.
    pub(crate) hits: Vec<Fault>,
}

impl World {
    pub(crate) async fn new(name: &str) -> Self {
        let study = Study::sealed(name);
        study.write_contract(&format!("{COMPUTATIONS}{}", TRAIN.replace("{digest}", &Digest::of(PROGRAM).to_string())));
        study.sign("study.toml", "study.contract");
        study.researcher.write("logistic.wasm", PROGRAM);
        let brokers = [&study.clinic, &study.registry].map(Supervised::start);
        let mut world = Self { study, brokers, auditors: Default::default(), calm: Vec::new() };
        for computation in RUNS {
            let (run, menu) = world.attempt(computation, &[]);
            assert_eq!(run.code, Some(0), "{computation}: {:?}", run.lines);
            world.calm.push((menu, world.opened(computation)));
            world.look(&run, "calm").await;
        }
        world
    }

    /// What a run of this computation does when nothing goes wrong.
    pub(crate) fn menu(&self, computation: usize) -> &Menu {
        &self.calm[computation].0
    }

    /// One run with all these faults, and a look at what it leaves.
    pub(crate) async fn run(&mut self, computation: usize, faults: &[Fault], when: &str) -> Ended {
        let name = RUNS[computation];
        let (run, _) = self.attempt(name, faults);
        let hits = run.hits.clone();
        let said = self.judge(&run, when);
        // Nobody is so impatient that a message may not come late.
        let harms = |fault: &Fault| !matches!(fault, Fault::Message { mishap: Mishap::Delayed(_), .. });
        assert!(said == "result" || hits.iter().any(harms), "{when}: {:?}", run.lines);
        if self.study.researcher.join(RESULT).exists() {
            assert_eq!(self.opened(name), self.calm[computation].1, "{when}");
        }
        self.look(&run, when).await;
        Ended { how: said, hits }
    }

    /// Both runs in full, everything being there.
    pub(crate) async fn recover(&mut self, when: &str) {
        for computation in 0..RUNS.len() {
            let ended = self.run(computation, &[], when).await;
            assert_eq!(ended.how, "result", "{when}");
        }
        let left = self.study.folder.files().unwrap();
        let is_half = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with(".tmp") || name.ends_with(".part")
        };
        assert!(!left.iter().any(|path| is_half(path)), "{when}: {left:?}");
    }

    /// Starts a run and waits for its end, and for the brokers to be up again.
    fn attempt(&mut self, computation: &str, faults: &[Fault]) -> (Attempt, Menu) {
        let _ = fs::remove_dir_all(self.study.researcher.join("results"));
        for (place, supervised) in self.brokers.iter().enumerate() {
            supervised.begin(faults, place);
        }
        let [runner, keep] = [Role::Runner, Role::Keep].map(|role| harms(faults, role));
        let run = Traced::harmed(self.command(computation), runner, keep);
        let start = Instant::now();
        let mut hits = Vec::new();
        // It runs for as long as any of its processes does.
        while run.is_running() {
            assert!(start.elapsed() < PATIENCE, "it doesn't end: {faults:?} {:?}", run.lines());
            for (place, supervised) in self.brokers.iter_mut().enumerate() {
                supervised.look_after(faults, place, &mut hits);
            }
            std::thread::sleep(LOOK);
        }
        let mut menu = Menu::default();
        for (place, supervised) in self.brokers.iter_mut().enumerate() {
            let (steps, messages) = supervised.end(faults, place, &mut hits);
            menu.steps.insert(Role::Broker(place), steps);
            menu.messages[place] = messages;
        }
        for (role, whose) in [(Role::Runner, Whose::Own), (Role::Keep, Whose::Children)] {
            let watched = run.watched(whose);
            hits.extend(came_to_pass(faults, role, &watched.hits));
            menu.steps.insert(role, watched.steps.clone());
        }
        let end = run.wait();
        (Attempt { code: end.code, lines: end.lines, hits }, menu)
    }

    /// A run as a person starts it: with a line for each step.
    fn command(&self, computation: &str) -> Command {
        let researcher = &self.study.researcher;
        let mut command = Command::new(CASEMATE);
        command
            .args(["run", "study.contract", "--computation", computation, "--data", ".", "--out", "results"])
            .env("CASEMATE_STATE", researcher.join("state"))
            .env("CASEMATE_PASSPHRASE_FILE", researcher.join("passphrase"))
            .current_dir(&researcher.folder);
        command
    }

    /// How it ended, if it ended as a run may.
    fn judge(&self, run: &Attempt, when: &str) -> String {
        let is_hit = |wanted: &dyn Fn(&Fault) -> bool| run.hits.iter().any(wanted);
        let all = run.lines.join("\n");
        for crash in
            ["panicked at", "RUST_BACKTRACE", "exit status: 101", "SIGABRT", "SIGSEGV", "sandbox does not admit"]
        {
            assert!(!all.contains(crash), "{when}: {all}");
        }
        let has_result = self.study.researcher.join(RESULT).exists() && self.study.researcher.join(RECEIPT).exists();
        match run.code {
            None => {
                assert!(is_hit(&|fault| matches!(fault, Fault::Death(Role::Runner, _))), "{when}: {all}");
                "the runner is dead".to_owned()
            }
            Some(0) => {
                assert!(has_result, "{when}: {all}");
                "result".to_owned()
            }
            Some(code @ (1 | 3)) => {
                let said = why(&run.lines);
                // Who can't write to the terminal can say nothing there.
                let is_mute =
                    is_hit(&|fault| matches!(fault, Fault::Call(Role::Runner, step, _) if step.what == "write pipe"));
                assert!(!said.is_empty() || is_mute, "{when}: {code} without a word: {all}");
                said
            }
            other => panic!("{when}: {other:?} {all}"),
        }
    }

    /// Looks at all that a run may have left.
    async fn look(&mut self, run: &Attempt, when: &str) {
        let researcher = &self.study.researcher;
        self.no_plaintext(when);
        let results = researcher.join("results");
        for entry in fs::read_dir(results).into_iter().flatten().map(Result::unwrap) {
            let name = entry.file_name().to_string_lossy().into_owned();
            assert!(["researcher.result", "run.receipt"].contains(&name.as_str()), "{when}: `{name}` was left");
        }
        for supervised in &mut self.brokers {
            supervised.is_well(when);
        }
        for (auditor, supervised) in self.auditors.iter_mut().zip(&self.brokers) {
            auditor.check(&supervised.owner).await;
        }
        let views = views([&self.brokers[0].owner, &self.brokers[1].owner]).await;
        agree(&views, when);
        if researcher.join(RECEIPT).exists() {
            let verified = researcher.expect(&["receipt", "verify", RECEIPT, "--contract", "study.contract"]);
            assert_eq!(verified["verified"], json!(true), "{when}");
            let id = hex::decode(verified["run"].as_str().unwrap()).unwrap();
            complete(&views, &id.try_into().unwrap(), when);
        } else {
            assert_ne!(run.code, Some(0), "{when}");
        }
    }

    /// No file but its owner's holds any data.
    fn no_plaintext(&self, when: &str) {
        let row = MEASUREMENTS.lines().nth(1).unwrap();
        let wide = row.split(',').nth(1).unwrap().parse::<f64>().unwrap().to_le_bytes();
        let telling = [row.as_bytes(), b"\n1,malignant\n", b"\nbenign,357,", b"AGE-SECRET-KEY", &wide];
        for path in self.study.folder.files().unwrap() {
            if ["measurements.csv", "diagnoses.csv"].iter().any(|source| path.ends_with(source)) {
                continue;
            }
            let Ok(bytes) = fs::read(self.study.folder.path().join(&path)) else { continue };
            for part in telling {
                assert!(!bytes.windows(part.len()).any(|window| window == part), "{when}: `{}` tells", path.display());
            }
        }
    }

    /// The numbers of a result, which must verify.
    fn opened(&self, computation: &str) -> Value {
        let researcher = &self.study.researcher;
        let _ = fs::remove_dir_all(researcher.join("opened"));
        let mut args = vec!["result", "open", RESULT];
        if computation == "train" {
            args.extend(["--out", "opened"]);
        }
        let opened = researcher.expect(&args);
        let _ = fs::remove_dir_all(researcher.join("opened"));
        let files = opened["files"].as_array().into_iter().flatten();
        json!([opened["table"], files.map(|file| json!([file["name"], file["text"]])).collect::<Vec<_>>()])
    }
}

/// A run that has ended.
struct Attempt {
    code: Option<i32>,
    lines: Vec<String>,
    hits: Vec<Fault>,
}

/// The faults of a role that came to pass.
fn came_to_pass(faults: &[Fault], of: Role, hits: &[Step]) -> Vec<Fault> {
    let is_hit = |fault: &&Fault| match fault {
        Fault::Death(role, step) | Fault::Call(role, step, _) => *role == of && hits.contains(step),
        Fault::Message { .. } => false,
    };
    faults.iter().filter(is_hit).cloned().collect()
}

/// Why a run failed, as it says itself: the rules, or the words without what differs from run to run.
fn why(lines: &[String]) -> String {
    let words = |line: &str| line.trim_start_matches([' ', '│', '×', '\u{2570}', '─', '▶']).trim().to_owned();
    let mut rules: Vec<_> =
        lines.iter().filter_map(|line| Some(words(line).strip_prefix("rule ")?.trim().to_owned())).collect();
    rules.sort();
    rules.dedup();
    if !rules.is_empty() {
        return format!("refused: {}", rules.join(", "));
    }
    let said = lines.iter().skip_while(|line| !line.contains('×')).take_while(|line| !words(line).starts_with("help:"));
    let said: Vec<_> = said.map(|line| words(line)).collect();
    let is_place = |word: &&str| word.contains("/casemate-") || word.contains("127.0.0.1");
    said.join(" ").split(' ').map(|word| if is_place(&word) { "…" } else { word }).collect::<Vec<_>>().join(" ")
}

impl Supervised {
    fn start(owner: &Party) -> Self {
        let text = fs::read_to_string(owner.join("state/party.toml")).unwrap();
        let address = text.lines().find_map(|line| line.strip_prefix("address = ")).unwrap().trim_matches('"');
        let listen = free_address();
        let wire = Wire::between(address, &listen);
        let broker = broker(owner, &listen);
        Self { owner: owner.clone(), listen, wire, broker }
    }

    fn begin(&self, faults: &[Fault], place: usize) {
        let mishaps = faults.iter().filter_map(|fault| match fault {
            Fault::Message { owner, direction, before, mishap } if *owner == place => {
                Some(((*direction, *before), *mishap))
            }
            _ => None,
        });
        self.wire.begin(mishaps.collect());
        self.broker.harm(harms(faults, Role::Broker(place)));
    }

    /// Starts it again if it has ended.
    fn look_after(&mut self, faults: &[Fault], place: usize, hits: &mut Vec<Fault>) {
        if self.broker.is_running() {
            return;
        }
        hits.extend(came_to_pass(faults, Role::Broker(place), &self.broker.watched(Whose::Own).hits));
        self.is_well("as it ended");
        let was_killed =
            hits.iter().any(|fault| matches!(fault, Fault::Death(Role::Broker(owner), _) if *owner == place));
        assert!(was_killed, "the broker of {} ended by itself: {:?}", self.owner.name, self.broker.lines());
        std::thread::sleep(RESTART);
        self.broker = broker(&self.owner, &self.listen);
    }

    /// After a run: what it did, and how many messages it had. Nothing happens to it any more, and connections that hang end.
    fn end(&mut self, faults: &[Fault], place: usize, hits: &mut Vec<Fault>) -> (Vec<Step>, [u32; 2]) {
        let at = self.wire.hits();
        let is_hit = |fault: &&Fault| match fault {
            Fault::Message { owner, direction, before, .. } => *owner == place && at.contains(&(*direction, *before)),
            _ => false,
        };
        hits.extend(faults.iter().filter(is_hit).cloned());
        self.look_after(faults, place, hits);
        // With this it is harmed no more; what was decided before may still be killing it.
        let watch = std::mem::take(&mut *self.broker.watched(Whose::Own));
        let late = came_to_pass(faults, Role::Broker(place), &watch.hits);
        if late.iter().any(|fault| matches!(fault, Fault::Death(..))) {
            let began = Instant::now();
            while self.broker.is_running() {
                assert!(began.elapsed() < PATIENCE, "it still runs: {:?}", self.broker.lines());
                std::thread::sleep(LOOK);
            }
            self.is_well("as it ended");
            self.broker = broker(&self.owner, &self.listen);
        }
        hits.extend(late);
        let done = (watch.steps, self.wire.counts());
        self.wire.begin(Vec::new());
        done
    }

    fn is_well(&self, when: &str) {
        let lines = self.broker.lines();
        assert!(!lines.iter().any(|line| line.contains("panicked at")), "{when}: {lines:?}");
    }
}

/// A broker that listens.
fn broker(owner: &Party, listen: &str) -> Traced {
    let broker = Traced::start(owner.command(&["broker", "run", "--listen", listen]), Whose::Own, None);
    let start = Instant::now();
    while !broker.lines().iter().any(|line| line.contains("listening")) {
        assert!(broker.is_running() && start.elapsed() < PATIENCE, "{:?}", broker.lines());
        std::thread::sleep(LOOK);
    }
    broker
}
