//! The demo's three parties: each a state folder and child processes of its own.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use serde_json::Value;

use crate::{failure::Failure, random::random, screen::Screen};

use super::study::{Run, commands, quote};

/// The parties, their brokers, and where they print.
pub(super) struct Roles {
    pub(super) dir: PathBuf,
    pub(super) screen: Screen,
    started: Instant,
    program: PathBuf,
    brokers: Vec<(String, Child)>,
    written: Vec<(PathBuf, String)>,
}

impl Roles {
    pub(super) fn new(dir: &Path, screen: Screen, started: Instant) -> Result<Self, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::machine(format!("cannot find the running program: {error}")))?;
        let dir = fs::canonicalize(dir).map_err(|e| Failure::io("find", dir, &e))?;
        Ok(Self { dir, screen, started, program, brokers: Vec::new(), written: Vec::new() })
    }

    /// One progress line: elapsed time, who, what.
    pub(super) fn say(&self, who: &str, what: &str) {
        self.screen.line(format!("{:>6.2} s  {who:<10}  {what}", self.started.elapsed().as_secs_f64()));
    }

    /// Remembers a file for the closing list.
    pub(super) fn wrote(&mut self, path: impl AsRef<Path>, what: &str) {
        self.written.push((path.as_ref().to_path_buf(), what.to_owned()));
    }

    /// What was written, for the closing list.
    pub(super) fn written(&self) -> &[(PathBuf, String)] {
        &self.written
    }

    /// A party's own folder.
    pub(super) fn folder(&self, who: &str) -> PathBuf {
        self.dir.join(who)
    }

    /// Makes a party's folder with a passphrase of its own in it.
    pub(super) fn make(&self, who: &str) -> Result<(), Failure> {
        let folder = self.folder(who);
        fs::create_dir_all(&folder).map_err(|e| Failure::io("create", &folder, &e))?;
        write_private(&folder.join("passphrase"), &format!("{}\n", hex::encode(random::<20>()?)))
    }

    /// A verb of a party, as a process of its own. Returns its exit code and its JSON object.
    pub(super) fn call(&self, who: &str, args: &[&str]) -> Result<(i32, Value), Failure> {
        let output = self
            .command(who, args)
            .output()
            .map_err(|error| Failure::machine(format!("cannot start `casemate {}`: {error}", args.join(" "))))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().last().unwrap_or_default();
        let value = serde_json::from_str(last)
            .unwrap_or_else(|_| serde_json::json!({ "message": String::from_utf8_lossy(&output.stderr).trim() }));
        Ok((output.status.code().unwrap_or(-1), value))
    }

    /// A verb that has to succeed.
    pub(super) fn expect(&self, who: &str, args: &[&str]) -> Result<Value, Failure> {
        match self.call(who, args)? {
            (0, value) => Ok(value),
            (code, value) => Err(Failure::machine(format!(
                "{who}: `casemate {}` ended with {code}: {}",
                args.join(" "),
                describe(&value)
            ))),
        }
    }

    /// Starts an owner's broker and waits until it says that it listens.
    pub(super) fn start_broker(&mut self, who: &str) -> Result<(), Failure> {
        let log = self.folder(who).join("broker.log");
        let file = fs::File::create(&log).map_err(|e| Failure::io("create", &log, &e))?;
        let mut child = self
            .command(who, &["broker", "run"])
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .map_err(|error| Failure::machine(format!("cannot start the broker of {who}: {error}")))?;
        let stdout = child.stdout.take();
        self.brokers.push((who.to_owned(), child));
        let mut line = String::new();
        if let Some(stdout) = stdout {
            let mut reader = BufReader::new(stdout);
            let _ = reader.read_line(&mut line);
            // The broker goes on printing a line for each decision: keep its pipe drained.
            std::thread::spawn(move || for _ in reader.lines() {});
        }
        if line.contains("listening") {
            return Ok(());
        }
        let reason = fs::read_to_string(&log).unwrap_or_default();
        Err(Failure::machine(format!("the broker of {who} did not start: {} {}", line.trim(), reason.trim())))
    }

    /// The program as a person types it: its name where the shell finds this very program by it, its path otherwise.
    pub(super) fn typed_program(&self) -> String {
        const NAME: &str = "casemate";
        let found = std::env::var_os("PATH").and_then(|paths| {
            std::env::split_paths(&paths).map(|folder| folder.join(NAME)).find(|path| path.is_file())
        });
        let is_this = |path: PathBuf| fs::canonicalize(path).ok() == fs::canonicalize(&self.program).ok();
        if found.is_some_and(is_this) { NAME.to_owned() } else { quote(&self.program.display().to_string()) }
    }

    /// An address on this machine that nobody listens on.
    pub(super) fn free_address() -> Result<String, Failure> {
        TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .map(|address| address.to_string())
            .map_err(|error| Failure::machine(format!("cannot listen on this machine: {error}")))
    }

    /// Stops the brokers and, under `--json`, prints the demo's object.
    pub(super) fn finish(mut self, run: &Run, attacks: &[Value]) {
        self.stop();
        let by_hand = commands(&self, run);
        let written: Vec<_> =
            self.written.iter().map(|(path, what)| serde_json::json!({"path": path, "what": what})).collect();
        self.screen.object(&serde_json::json!({
            "seconds": self.started.elapsed().as_secs_f64(), "run": run.object, "result": run.opened, "model": run.trained,
            "attacks": attacks, "written": written, "by_hand": by_hand,
        }));
    }

    fn command(&self, who: &str, args: &[&str]) -> Command {
        let folder = self.folder(who);
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .arg("--json")
            .env("CASEMATE_STATE", folder.join("state"))
            .env("CASEMATE_PASSPHRASE_FILE", folder.join("passphrase"))
            .stdin(Stdio::null())
            .current_dir(&folder);
        command
    }

    fn stop(&mut self) {
        for (_, child) in &mut self.brokers {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.brokers.clear();
    }
}

impl Drop for Roles {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The message and the reasons of a verb's failure, in one line.
pub(super) fn describe(value: &Value) -> String {
    let message = value.get("message").and_then(Value::as_str).unwrap_or("no message");
    let reasons: Vec<_> = value
        .get("reasons")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|reason| {
            let field = |name: &str| reason.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            format!("{}: expected {}, actual {}", field("rule"), field("expected"), field("actual"))
        })
        .collect();
    if reasons.is_empty() { message.to_owned() } else { format!("{message} ({})", reasons.join("; ")) }
}

fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|e| Failure::io("write", path, &e))
}
