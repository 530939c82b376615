//! README's walk-through for two organisations, word for word: each party in a network namespace of its own, at the
//! addresses that README names.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use casemate_testkit::{Folder, skip};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    party::{CASEMATE, Party},
    study::{DIAGNOSES, MEASUREMENTS, lacks},
};

const README: &str = include_str!("../../../../README.md");
const WHAT: &str = "README's walk-through over three networks";
/// What README's owners accept.
const LACKS: [&str; 1] = ["secret-plaintext"];
const PARTIES: [(&str, &str); 3] = [("clinic", "10.77.0.1"), ("registry", "10.77.0.2"), ("researcher", "10.77.0.3")];

#[test]
fn readme_word_for_word_over_three_networks() {
    let blocks = blocks();
    assert_eq!(blocks.iter().map(|(party, _)| party.as_str()).collect::<BTreeSet<_>>().len(), PARTIES.len());
    assert!(blocks.len() >= 8, "README's walk-through is gone, or its fences are");
    if casemate_testkit::tool(WHAT, "ip", "iproute2").is_none() {
        return;
    }
    let folder = Folder::new("walkthrough");
    if lacks(&Party::new(folder.path(), "probe")) != LACKS {
        return skip(WHAT, "keeps lack more here than README accepts", "see `casemate doctor`");
    }
    let Some(networks) = Networks::make() else {
        return skip(WHAT, "no network namespaces can be made here", "run it as root");
    };
    fs::create_dir(folder.join("bin")).unwrap();
    std::os::unix::fs::symlink(CASEMATE, folder.join("bin/casemate")).unwrap();
    for (party, _) in PARTIES {
        Party::new(folder.path(), party);
    }
    folder.write("clinic/measurements.csv", MEASUREMENTS).unwrap();
    folder.write("registry/diagnoses.csv", DIAGNOSES).unwrap();

    let mut said = String::new();
    for (number, (party, script)) in blocks.iter().enumerate() {
        exchange(folder.path());
        said = run(&folder, &networks, number, party, script);
    }
    assert!(said.contains("is proved by its record") && said.contains("signed, not witnessed"), "{said}");
    let opened = fs::read_to_string(folder.join("researcher.log")).unwrap();
    assert!(opened.contains("malignant") && opened.contains("212"), "{opened}");
}

#[test]
fn blocks_are_found_with_their_party() {
    assert_eq!(blocks().first().unwrap().0, "clinic");
    assert!(blocks().iter().any(|(party, script)| party == "researcher" && script.contains("casemate run ")));
}

/// Each fenced block of the walk-through: whose it is, and its text.
fn blocks() -> Vec<(String, String)> {
    let walk = README.split("## Two organisations, two machines").nth(1).unwrap().split("\n## ").next().unwrap();
    let fenced = walk.split("```sh ").skip(1).map(|rest| rest.split("```").next().unwrap().split_once('\n').unwrap());
    fenced.map(|(party, script)| (party.to_owned(), script.to_owned())).collect()
}

/// What README's prose says the parties send each other: cards to all, sealed files to the researcher, receipts to all.
fn exchange(folder: &Path) {
    let copy = |from: PathBuf, to: &str| {
        if from.exists() {
            fs::copy(&from, folder.join(to).join(from.file_name().unwrap())).unwrap();
        }
    };
    for (from, _) in PARTIES {
        for (to, _) in PARTIES.iter().filter(|(to, _)| *to != from) {
            copy(folder.join(from).join(format!("{from}.card")), to);
        }
        copy(folder.join("researcher/results/run.receipt"), from);
    }
    copy(folder.join("clinic/casemate-state/datasets/measurements.parquet"), "researcher");
    copy(folder.join("registry/casemate-state/datasets/diagnoses.parquet"), "researcher");
}

/// Runs one block in its party's folder and network; a broker that it leaves in the background is waited for.
fn run(folder: &Folder, networks: &Networks, number: usize, party: &str, script: &str) -> String {
    let log = folder.join(&format!("{party}.log"));
    let before = fs::metadata(&log).map_or(0, |metadata| metadata.len()) as usize;
    let file = File::options().create(true).append(true).open(&log).unwrap();
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap_or_default());
    let status = Command::new("ip")
        .args(["netns", "exec", &networks.name(party), "sh", "-e", "-c", script])
        .current_dir(folder.join(party))
        .env("PATH", path)
        .env("CASEMATE_PASSPHRASE_FILE", folder.join(party).join("passphrase"))
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .status()
        .unwrap();
    let said = || String::from_utf8_lossy(&fs::read(&log).unwrap()[before..]).into_owned();
    assert!(status.success(), "block {number} of {party} failed:\n{script}\n{}", said());
    let start = Instant::now();
    while script.contains("broker run &") && !said().contains("is listening on") {
        assert!(start.elapsed() < Duration::from_secs(60), "the broker of {party} does not listen: {}", said());
        std::thread::sleep(Duration::from_millis(20));
    }
    said()
}

/// Three network namespaces on a bridge in a fourth. They and their processes end with this value.
struct Networks(String);

impl Networks {
    fn make() -> Option<Self> {
        let networks = Self(format!("casemate-{}", std::process::id()));
        let switch = networks.name("switch");
        ip(&["netns", "add", &switch]).then_some(())?;
        ip(&["-n", &switch, "link", "add", "bridge", "type", "bridge"]).then_some(())?;
        ip(&["-n", &switch, "link", "set", "bridge", "up"]).then_some(())?;
        for (party, address) in PARTIES {
            let name = networks.name(party);
            ip(&["netns", "add", &name]).then_some(())?;
            ip(&["-n", &switch, "link", "add", party, "type", "veth", "peer", "name", "eth0", "netns", &name])
                .then_some(())?;
            ip(&["-n", &switch, "link", "set", party, "master", "bridge", "up"]).then_some(())?;
            ip(&["-n", &name, "address", "add", &format!("{address}/24"), "dev", "eth0"]).then_some(())?;
            ip(&["-n", &name, "link", "set", "eth0", "up"]).then_some(())?;
            ip(&["-n", &name, "link", "set", "lo", "up"]).then_some(())?;
        }
        Some(networks)
    }

    fn name(&self, of: &str) -> String {
        format!("{}-{of}", self.0)
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for of in ["clinic", "registry", "researcher", "switch"] {
            let name = self.name(of);
            let pids = Command::new("ip").args(["netns", "pids", &name]).stderr(Stdio::null()).output();
            let text = pids.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
            for pid in text.lines().filter_map(|line| line.trim().parse().ok()) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            ip(&["netns", "delete", &name]);
        }
    }
}

fn ip(args: &[&str]) -> bool {
    let status = Command::new("ip").args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
