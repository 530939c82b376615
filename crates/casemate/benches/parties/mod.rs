//! Parties of a study in folders of their own, acting through the product's own command, their brokers running.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use serde_json::Value;

/// All parties of one study. Dropped, their brokers end.
pub(crate) struct Parties {
    pub(crate) dir: PathBuf,
    brokers: Vec<Child>,
}

impl Parties {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), brokers: Vec::new() }
    }

    /// Makes an owner, with an address for its broker, or a party without data.
    pub(crate) fn join(&self, party: &str, is_owner: bool) {
        fs::write(self.dir.join(format!("{party}.passphrase")), "a passphrase for a bench\n").unwrap();
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let more: &[&str] = if is_owner { &["--address", &address] } else { &[] };
        self.call(party, &[&["init", "--name", party], more].concat());
    }

    /// Writes the party's card; gives its path.
    pub(crate) fn card(&self, party: &str) -> String {
        let path = self.dir.join(format!("{party}.card"));
        if !path.exists() {
            self.call(party, &["key", "card", text(&path)]);
        }
        text(&path).to_owned()
    }

    /// Starts a party's broker, and waits until it listens.
    pub(crate) fn start_broker(&mut self, party: &str) {
        let mut child = self.command(party, &["broker", "run"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        thread::spawn(move || for _ in reader.lines() {});
        self.brokers.push(child);
    }

    /// `casemate` for one party.
    pub(crate) fn command(&self, party: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_casemate"));
        command
            .args(arguments)
            .arg("--json")
            .env("CASEMATE_STATE", self.dir.join(party))
            .env("CASEMATE_PASSPHRASE_FILE", self.dir.join(format!("{party}.passphrase")))
            .stdin(Stdio::null());
        command
    }

    /// Calls it, and gives the object that it prints.
    pub(crate) fn call(&self, party: &str, arguments: &[&str]) -> Value {
        let output = self.command(party, arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "casemate {arguments:?}: {text} {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(text.lines().last().unwrap_or("null")).unwrap()
    }

    /// `writer`'s contract over the data of `owners`, with `computations` in place of the template's, signed by all.
    pub(crate) fn agree(&self, writer: &str, owners: &[&str], lacks: &[String], computations: &str) -> PathBuf {
        let cards: Vec<String> = owners.iter().chain([&writer]).map(|party| self.card(party)).collect();
        let study = self.dir.join("study.toml");
        let mut arguments = vec!["contract", "new", "--study", "bench", "--out", text(&study)];
        arguments.extend(["--purpose", "Measure.", "--legal-basis", "None needed: the data is public."]);
        arguments.extend(cards.iter().map(String::as_str));
        arguments.extend(lacks.iter().flat_map(|lack| ["--accept-lack", lack]));
        self.call(writer, &arguments);
        let template = fs::read_to_string(&study).unwrap();
        let head = template.split("[computations.").next().unwrap();
        fs::write(&study, format!("{head}{computations}")).unwrap();
        let contract = self.dir.join("study.contract");
        self.call(writer, &["contract", "sign", text(&study), "--yes"]);
        for party in owners {
            let mut arguments = vec!["party", "add"];
            arguments.extend(cards.iter().map(String::as_str));
            self.call(party, &arguments);
            self.call(party, &["contract", "sign", text(&contract), "--yes"]);
        }
        contract
    }

    /// What this machine lacks, by `doctor`.
    pub(crate) fn lacks(&self, party: &str) -> Vec<String> {
        let doctor = self.call(party, &["doctor"]);
        let lacks = doctor["lacks"].as_array().into_iter().flatten();
        lacks.filter_map(|lack| lack["name"].as_str()).map(str::to_owned).collect()
    }

    /// Has an owner believe the host of `runner`, with `lacks`.
    pub(crate) fn believe(&self, owner: &str, runner: &str, lacks: &[String]) {
        let host = self.card(runner);
        let mut arguments = vec!["domain", "init", "--host", &host];
        arguments.extend(lacks.iter().flat_map(|lack| ["--accept-lack", lack]));
        self.call(owner, &arguments);
    }
}

impl Drop for Parties {
    fn drop(&mut self) {
        for broker in &mut self.brokers {
            let _ = broker.kill();
            let _ = broker.wait();
        }
    }
}

/// A process, its children, theirs, and so on.
pub(crate) fn descendants(process: u32) -> Vec<u32> {
    let mut found = vec![process];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().filter_map(Result::ok);
        for task in tasks {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    found
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
