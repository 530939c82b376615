//! One party at its terminal: a folder, a passphrase in a file, and the command.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;

pub(crate) const CASEMATE: &str = env!("CARGO_BIN_EXE_casemate");
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct Party {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
}

/// What a verb said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    /// The JSON object on the last line of standard output, or null.
    pub(crate) json: Value,
    /// Standard error, for the report of a test that fails.
    #[expect(dead_code, reason = "printed with the answer")]
    pub(crate) errors: String,
}

impl Answer {
    pub(crate) fn of(mut command: Command) -> Self {
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let json = text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or(Value::Null);
        Self { code: output.status.code(), json, errors: String::from_utf8_lossy(&output.stderr).into_owned() }
    }

    pub(crate) fn text(&self, field: &str) -> String {
        self.json.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The rules of the reasons for a refusal.
    pub(crate) fn rules(&self) -> Vec<String> {
        rules(&self.json)
    }

    /// Sees that the verb failed with `code` and that message or help holds each of `parts`.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        let said = format!("{} {}", self.text("message"), self.text("help"));
        for part in parts {
            assert!(said.contains(part), "`{part}` is not in: {said}");
        }
    }

    /// Sees that the verb was refused by exactly these rules.
    #[track_caller]
    pub(crate) fn refused(&self, expected: &[&str]) {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert_eq!(self.rules(), expected, "{self:?}");
    }
}

pub(crate) fn rules(object: &Value) -> Vec<String> {
    let reasons = object.get("reasons").and_then(Value::as_array).into_iter().flatten();
    reasons.filter_map(|reason| reason.get("rule")?.as_str()).map(str::to_owned).collect()
}

impl Party {
    /// Makes the party's folder and its passphrase, nothing else.
    pub(crate) fn new(within: &Path, name: &str) -> Self {
        let folder = within.join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("passphrase"), format!("the passphrase of {name}\n")).unwrap();
        Self { name: name.to_owned(), folder }
    }

    pub(crate) fn join(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) -> String {
        fs::write(self.join(path), text).unwrap();
        path.to_owned()
    }

    /// The command, run by `wrapper` (its first word is a program) where it isn't empty.
    pub(crate) fn wrapped(&self, wrapper: &[&str], args: &[&str]) -> Command {
        let words: Vec<_> = wrapper.iter().chain(&[CASEMATE]).chain(args).copied().collect();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .arg("--json")
            .env("CASEMATE_STATE", self.join("state"))
            .env("CASEMATE_PASSPHRASE_FILE", self.join("passphrase"))
            .current_dir(&self.folder);
        command
    }

    /// The command as people type it, without `--json`.
    pub(crate) fn people(&self, args: &[&str]) -> Command {
        let mut command = Command::new(CASEMATE);
        command
            .args(args)
            .env("CASEMATE_STATE", self.join("state"))
            .env("CASEMATE_PASSPHRASE_FILE", self.join("passphrase"))
            .stdin(Stdio::null())
            .current_dir(&self.folder);
        command
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.wrapped(&[], args)
    }

    pub(crate) fn call(&self, args: &[&str]) -> Answer {
        Answer::of(self.command(args))
    }

    #[track_caller]
    pub(crate) fn expect(&self, args: &[&str]) -> Value {
        let answer = self.call(args);
        assert_eq!(answer.code, Some(0), "{} {args:?}: {answer:?}", self.name);
        answer.json
    }

    #[track_caller]
    pub(crate) fn broker(&self) -> Broker {
        Broker::start(self.command(&["broker", "run"]))
    }
}

/// A broker that listens, and the events that it told. It dies with this value.
pub(crate) struct Broker {
    pub(crate) child: Child,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Broker {
    #[track_caller]
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = Arc::clone(&events);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                told.lock().unwrap().push(serde_json::from_str(&line).unwrap_or(Value::Null));
            }
        });
        let mut broker = Self { child, events };
        broker.until("listening");
        broker
    }

    /// Every event so far; the first is `listening`.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, event: &str) -> usize {
        let events = self.events.lock().unwrap();
        events.iter().filter(|told| told.get("event").and_then(Value::as_str) == Some(event)).count()
    }

    /// Waits for the first event of this name, or fails with what the broker said instead.
    #[track_caller]
    pub(crate) fn until(&mut self, event: &str) {
        let start = Instant::now();
        while self.count(event) == 0 {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || start.elapsed() > PATIENCE {
                let _ = self.child.kill();
                let mut errors = String::new();
                let _ = self.child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut errors));
                assert!(self.count(event) > 0, "no `{event}` ({ended:?}): {:?} {errors}", self.events.lock().unwrap());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}
