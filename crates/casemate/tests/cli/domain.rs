//! `casemate domain`, `appraise`, `proof` and `explain`: evidence of an AMD of our own and recorded evidence, held against domains.

mod appraise;
mod change;
mod import;
mod kept;
mod outputs;
mod proofs;
mod recorded;
mod records;
mod said;
mod signed;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use casemate_testkit::{
    Folder, NOW,
    vendor::amd::{Amd, Line, Report, at},
};
use serde_json::Value;

use crate::party::{Answer, CASEMATE};

static AMD: LazyLock<Amd> = LazyLock::new(|| Amd::new(Line::Milan));

/// A folder with a report, one of another measurement, one of a keep in debug mode, their certificates, their root, and a domain that
/// was drafted from the first.
struct World {
    folder: Folder,
}

impl World {
    fn new(name: &str) -> Self {
        let folder = Folder::new(name);
        let report = Report::of(Line::Milan);
        let (mut other, mut debug) = (report.clone(), report.clone());
        other.put(at::MEASUREMENT, &[0x42; 48]);
        debug.put(at::POLICY, &0xb_001f_u64.to_le_bytes());
        for (name, report) in [("report.bin", &report), ("other.bin", &other), ("debug.bin", &debug)] {
            folder.write(name, report.sign(&AMD.vcek)).unwrap();
        }
        folder.write("root.der", AMD.ark.root()).unwrap();
        fs::create_dir_all(folder.join("certificates")).unwrap();
        folder.write("certificates/vcek.der", AMD.vcek(&report).issue(&AMD.ask)).unwrap();
        folder.write("certificates/ask.der", AMD.ark.issue(&AMD.ask_certificate())).unwrap();
        let world = Self { folder };
        let made =
            world.judged(&["domain", "init", "--from", "report.bin", "--owner", "clinic", "--out", "domain.toml"]);
        assert_eq!(made.code, Some(0), "{made:?}");
        world
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The command with the world's endorsements, at the tests' time.
    fn judged(&self, args: &[&str]) -> Answer {
        let at = NOW.0.to_string();
        let mut all = args.to_vec();
        all.extend(["--endorsements", "certificates", "--trust-root", "amd=root.der", "--at", &at]);
        casemate(self.path(), &all)
    }

    fn appraise(&self, evidence: &str, domain: &str, more: &[&str]) -> Answer {
        let mut args = vec!["appraise", evidence, "--domain", domain, "--dangerously-unbound"];
        args.extend(more);
        self.judged(&args)
    }

    fn check(&self, proof: &str, domain: &str, evidence: &str) -> Answer {
        self.judged(&["proof", "check", proof, "--domain", domain, "--evidence", evidence, "--dangerously-unbound"])
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap()
    }

    /// The domain with one text for another, under a name of its own.
    #[track_caller]
    fn changed(&self, from: &str, to: &str) -> String {
        changed(self.path(), "domain.toml", from, to)
    }
}

#[track_caller]
fn changed(folder: &Path, domain: &str, from: &str, to: &str) -> String {
    let text = fs::read_to_string(folder.join(domain)).unwrap();
    assert!(text.contains(from), "`{from}` is not in:\n{text}");
    fs::write(folder.join("changed.toml"), text.replacen(from, to, 1)).unwrap();
    "changed.toml".to_owned()
}

/// The command under `--json` in `folder`, without a party's state.
#[track_caller]
fn casemate(folder: &Path, args: &[&str]) -> Answer {
    let mut command = Command::new(CASEMATE);
    command.args(args).arg("--json").current_dir(folder).env("CASEMATE_STATE", folder.join("no-state"));
    Answer::of(command)
}

/// What the command prints for people.
fn printed(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(CASEMATE)
        .args(args)
        .current_dir(folder)
        .env("CASEMATE_STATE", folder.join("no-state"))
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The lines of an account.
fn account(json: &Value) -> String {
    let lines = json["account"].as_array().into_iter().flatten().filter_map(Value::as_str);
    lines.collect::<Vec<_>>().join("\n")
}

/// A recorded file.
fn recorded_file(folder: &Path, path: &str) -> String {
    let path: PathBuf = folder.join(path);
    assert!(path.exists(), "{}", path.display());
    path.display().to_string()
}
