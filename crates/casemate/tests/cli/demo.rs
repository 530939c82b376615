//! `casemate demo`: what it shows, what it leaves, and what it must not touch.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use casemate_cose::decode;
use casemate_keyring::{PartyKeys, WrappedKey};
use casemate_store::Store;
use casemate_testkit::{Folder, skip};
use serde_json::{Value, json};

use crate::{
    party::{Answer, CASEMATE, rules},
    plaintext,
    study::{DIAGNOSES, MEASUREMENTS},
};

/// The demo's folder.
const NAME: &str = "the demo's";
const SQL: &str = "SELECT d.diagnosis, COUNT(*), AVG(m.mean_radius), STDDEV(m.mean_radius), AVG(m.mean_texture), \
    STDDEV(m.mean_texture), AVG(m.mean_area), STDDEV(m.mean_area) \
    FROM measurements m JOIN diagnoses d ON m.patient_id = d.patient_id GROUP BY d.diagnosis ORDER BY d.diagnosis";

fn demo(args: &[&str], within: &Path) -> Answer {
    let mut command = Command::new(CASEMATE);
    command.arg("demo").args(args).arg("--json").current_dir(within);
    Answer::of(command)
}

#[tokio::test]
async fn the_demo_from_start_to_end() {
    let folder = Folder::new("demo");
    // A name that a shell would take apart.
    let dir = folder.join(NAME);
    fs::create_dir(&dir).unwrap();
    // An earlier demo's folder: refused as it is, taken with --clean.
    fs::write(dir.join(".casemate-demo"), "made by casemate demo\n").unwrap();
    fs::write(dir.join("left"), "of an earlier demo").unwrap();
    demo(&["--dir", NAME], folder.path()).fails(2, &[&format!("`{NAME}` holds an earlier demo"), "--clean"]);
    let left = [".casemate-demo", "left"].map(|file| PathBuf::from(NAME).join(file));
    assert_eq!(folder.files().unwrap(), left);

    let answer = demo(&["--dir", NAME, "--clean"], folder.path());
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(!dir.join("left").exists());

    let attacks = answer.json["attacks"].as_array().unwrap();
    let refused: Vec<_> = attacks.iter().map(rules).collect();
    assert_eq!(refused, [["contract-signatures"], ["evidence-binding"], ["min-entities"]], "{attacks:#?}");
    assert!(!dir.join("researcher/attack-3").exists(), "what was refused leaves no folder");
    let written = answer.json["written"].as_array().unwrap();
    assert!(written.len() >= 10);
    for entry in written {
        assert!(Path::new(entry["path"].as_str().unwrap()).exists(), "{entry}");
    }
    let owners = answer.json["run"]["owners"].as_array().unwrap();
    assert_eq!(owners.iter().map(|owner| &owner["owner"]).collect::<Vec<_>>(), [&json!("clinic"), &json!("registry")]);
    assert!(answer.json["run"]["trust"].to_string().contains("not a TEE"));

    the_model_is_worth_something(&answer.json["model"]);

    nothing_secret_outside_its_owner(&dir).await;
    numbers_of_another_engine(&answer.json["result"]["table"]["rows"], &dir);
    the_closing_commands_work_as_they_are_pasted(&answer.json["by_hand"], &folder);
    a_new_domain_is_held_against_the_evidence_of_the_runs(&dir);
}

/// Another runtime in the domain: both runs would be denied.
fn a_new_domain_is_held_against_the_evidence_of_the_runs(dir: &Path) {
    let old = dir.join("clinic/state/domain.toml");
    let text = fs::read_to_string(&old).unwrap();
    let digest = text.split("sha256:").nth(1).unwrap()[..64].to_owned();
    fs::write(dir.join("new.toml"), text.replace(&digest, &"00".repeat(32))).unwrap();
    let mut command = Command::new(CASEMATE);
    command.args(["domain", "diff"]).arg(&old).arg(dir.join("new.toml")).arg("--json");
    command.env("CASEMATE_STATE", dir.join("no-state"));
    for run in ["results", "model"] {
        command.arg("--evidence").arg(dir.join("researcher").join(run).join("run.receipt"));
    }
    let answer = Answer::of(command);
    assert_eq!(answer.json["changed"], 4, "two runs, as two brokers saw them: {answer:?}");
    let judged = &answer.json["judged"][0];
    assert_eq!(
        (&judged["old"]["verdict"], &judged["new"]["verdict"]),
        (&json!("accepted"), &json!("denied")),
        "{judged}"
    );
}

/// How good exactly, beside another implementation: the tests of the examples.
fn the_model_is_worth_something(model: &Value) {
    let files = model["files"].as_array().unwrap();
    let text = |name: &str| files.iter().find(|file| file["name"] == name).unwrap()["text"].as_str().unwrap();
    let report: Vec<Vec<&str>> = text("report.csv").lines().map(|line| line.split(',').collect()).collect();
    let cell = |name: &str| report[1][report[0].iter().position(|column| *column == name).unwrap()];
    assert_eq!((cell("rows"), cell("held_back")), ("569", "189"));
    assert!(cell("auc").parse::<f64>().unwrap() > 0.98, "{report:?}");
    assert_eq!(text("model.csv").lines().count(), 32, "a header, thirty features, the intercept");
    assert!(model["free_form"].as_str().unwrap().contains("every signer trusts"), "{model}");
}

/// All of them in one shell, as somebody would paste them, with no `casemate` on the path.
fn the_closing_commands_work_as_they_are_pasted(commands: &Value, folder: &Folder) {
    let commands: Vec<_> = commands.as_array().unwrap().iter().map(|command| command.as_str().unwrap()).collect();
    let brokers = commands.iter().filter(|command| command.ends_with(" broker run &")).count();
    assert_eq!((brokers, commands.iter().filter(|command| command.contains(" run ")).count()), (2, 3), "{commands:#?}");
    // Only so that nothing is left running: the shell remembers the brokers and stops them at its end.
    let script = format!("trap 'kill $pids' EXIT\n{}\n", commands.join("\n")).replace(" &\n", " & pids=\"$pids $!\"\n");
    let log = folder.join("pasted.log");
    let file = fs::File::create(&log).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", &script]).current_dir("/").env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    let status = shell.stdout(file.try_clone().unwrap()).stderr(file).status().unwrap();
    let said = fs::read_to_string(&log).unwrap();
    assert!(status.success(), "{said}");
    for part in ["is listening on", "malignant", "is proved by its record", "result for researcher"] {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
}

#[test]
fn a_folder_that_no_demo_made_is_left_alone() {
    let folder = Folder::new("demo-foreign");
    fs::create_dir(folder.join("mine")).unwrap();
    folder.write("mine/thesis.txt", "years of work").unwrap();
    for args in [&["--dir", "mine"][..], &["--dir", "mine", "--clean"]] {
        demo(args, folder.path()).fails(2, &["`mine` exists and no demo made it"]);
        assert_eq!(folder.files().unwrap(), [PathBuf::from("mine/thesis.txt")]);
    }
}

#[test]
fn an_ordinary_user_sees_the_whole_story() {
    let folder = Folder::new("demo-user");
    let mut command = Command::new(CASEMATE);
    if nix::unistd::geteuid().is_root() {
        // The program may lie where only root can enter.
        let program = folder.join("casemate");
        fs::copy(CASEMATE, &program).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let Some(setpriv) = casemate_testkit::tool("demo as an ordinary user", "setpriv", "util-linux") else { return };
        command = Command::new(setpriv);
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    }
    // Where the shell finds this very program by its name, the closing commands say the name.
    let folders = [folder.path(), Path::new(CASEMATE).parent().unwrap()].map(Path::display);
    let path = format!("{}:{}:{}", folders[0], folders[1], std::env::var("PATH").unwrap_or_default());
    command.args(["demo", "--dir", "demo"]).current_dir(folder.path()).env("PATH", path);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let mut rest = &*text;
    for part in [
        "clinic      made its keys",
        "sealed 569 rows",
        "Result\n",
        "malignant",
        "Model (a Wasm program",
        "auc",
        "coefficient",
        "Gates\n",
        "at least 10 distinct entities",
        "Keys\n",
        "released the key of measurements",
        "Isolation\n",
        "not a TEE",
        "launcher's key",
        "could sign evidence for any program, and so fake this keep",
        "secret memory    ",
        "Attacks\n",
        "refused: contract-signatures",
        "refused: evidence-binding",
        "refused: min-entities",
        "Written\n",
        "run.receipt",
        "Go on by hand\n",
        "  casemate --state",
        "receipt verify",
    ] {
        let at = rest.find(part);
        assert!(at.is_some(), "`{part}` is missing, or not in its place, in\n{text}");
        rest = &rest[at.unwrap()..];
    }
}

/// No data key anywhere, and of the plaintext nothing but in its owner's folder.
async fn nothing_secret_outside_its_owner(dir: &Path) {
    let texts = [("clinic", MEASUREMENTS), ("registry", DIAGNOSES)];
    for (owner, text) in texts {
        let key = data_key(&dir.join(owner)).await;
        assert_eq!(holding(dir, &[&key]), Vec::<PathBuf>::new(), "the data key of {owner}");
        assert_eq!(holding(dir, &[hex::encode(key).as_bytes()]), Vec::<PathBuf>::new(), "in hexadecimal");
        // Whole lines, and as a column of numbers would hold them in memory or in a plain Parquet file.
        let lines: Vec<&[u8]> = text.lines().skip(1).take(20).map(|line| line.trim().as_bytes()).collect();
        let plain = holding(dir, &[&lines.join(&b'\n')]);
        assert_eq!(plain.len(), 1, "{plain:?}");
        assert!(plain[0].starts_with(dir.join(owner)), "the owner's own CSV is where this test finds plaintext");
    }
    let cells: Vec<Vec<f64>> = MEASUREMENTS
        .lines()
        .skip(1)
        .map(|line| line.split(',').filter_map(|cell| cell.parse().ok()).collect())
        .collect();
    let column: Vec<u8> = cells.iter().take(3).flat_map(|row| row[1].to_le_bytes()).collect();
    let row = MEASUREMENTS.lines().nth(5).unwrap().as_bytes();
    assert_eq!(
        holding(&dir.join("researcher"), &[&column, row, b"\n7,benign", b"\n7,malignant"]),
        Vec::<PathBuf>::new()
    );
}

/// The files below `dir` that hold any of the needles.
fn holding(dir: &Path, needles: &[&[u8]]) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            if needles.iter().any(|needle| bytes.windows(needle.len()).any(|window| window == *needle)) {
                found.push(path);
            }
        }
    }
    found
}

/// The owner's one data key, as only its passphrase opens it.
async fn data_key(owner: &Path) -> [u8; 32] {
    let locked = fs::read_to_string(owner.join("state/keys.age")).unwrap();
    let passphrase = fs::read_to_string(owner.join("passphrase")).unwrap();
    let keys = PartyKeys::unlock(&locked, passphrase.trim()).unwrap();
    let datasets = Store::open(&owner.join("state")).await.unwrap().datasets().await.unwrap();
    let [dataset] = datasets.as_slice() else { unreachable!("each owner has one dataset") };
    let wrapped: WrappedKey = decode(&dataset.sealed.wrapped_key, 1024).unwrap();
    *keys.unwrap(&wrapped).unwrap()
}

fn numbers_of_another_engine(rows: &Value, dir: &Path) {
    let Some(python) = casemate_testkit::python("the demo's numbers by DuckDB") else { return };
    let (measurements, diagnoses) = (dir.join("clinic/measurements.csv"), dir.join("registry/diagnoses.csv"));
    let theirs = plaintext::query(&python, SQL, &[("measurements", &measurements), ("diagnoses", &diagnoses)]);
    plaintext::assert_same(rows, &theirs);
}

/// As in a container without a network, in which nobody may make namespaces.
#[test]
fn the_demo_without_network_and_namespaces() {
    const WHAT: &str = "the demo without network and namespaces";
    let folder = Folder::new("demo-bare");
    for (tool, package) in [("unshare", "util-linux"), ("setpriv", "util-linux"), ("ip", "iproute2")] {
        if casemate_testkit::tool(WHAT, tool, package).is_none() {
            return;
        }
    }
    let inside = |script: &str| {
        let mut command = Command::new("unshare");
        let script = format!("ip link set lo up && echo 0 >/proc/sys/user/max_user_namespaces && {script}");
        command.args(["--user", "--map-root-user", "--net", "sh", "-c", &script]).env("CASEMATE", CASEMATE);
        command.current_dir(folder.path());
        command
    };
    if !inside("true").status().is_ok_and(|status| status.success()) {
        return skip(WHAT, "no user namespace can be made here", "allow user namespaces");
    }
    let answer = Answer::of(inside("exec setpriv --bounding-set=-all \"$CASEMATE\" demo --json"));
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let lacks = answer.json["run"]["lacks"].to_string();
    assert!(lacks.contains("user-namespace") && lacks.contains("network-namespace"), "{lacks}");
}
