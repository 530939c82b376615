//! Starts probe keeps.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
};

use casemate_cose::{SigningKey, UnixTime};
use casemate_evidence::Lack;
use casemate_launch::{Broker, Dataset, Debug, Event, LaunchError, Limits, Outcome, Report, Spec, launch};

pub(crate) const AT: UnixTime = UnixTime(1_800_000_000);

pub(crate) fn probe() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_casemate-keep-probe"))
}

/// A copy of the probe in a folder of its own, with `tail` behind it: still a program, as ELF ignores what follows.
pub(crate) fn probe_with(tail: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let everyone = || fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), everyone()).unwrap();
    let path = folder.path().join("runtime");
    let mut image = fs::read(probe()).unwrap();
    image.extend_from_slice(tail);
    fs::write(&path, image).unwrap();
    fs::set_permissions(&path, everyone()).unwrap();
    (folder, path)
}

pub(crate) fn spec(program: &str) -> Spec {
    Spec {
        runtime: probe(),
        contract: b"contract".to_vec(),
        manifest: b"manifest".to_vec(),
        program: program.as_bytes().to_vec(),
        sealed_program: None,
        artifact: Vec::new(),
        limits: Limits { cpu_s: 60, memory_bytes: 512 << 20, open_files: 64, wall_s: 60 },
        accept_lacks: Lack::ALL.to_vec(),
        datasets: vec![Dataset { name: "exe".into(), file: File::open("/proc/self/exe").unwrap() }],
        brokers: Vec::new(),
        launcher_key: SigningKey::from_seed(&[9; 32]),
        debug: Debug::Forbidden,
        clock: || AT,
    }
}

pub(crate) fn broker(owner: &str, address: impl ToString) -> Broker {
    Broker { owner: owner.into(), address: address.to_string() }
}

/// Runs `spec` to its end on a runtime of its own.
pub(crate) fn run(spec: Spec) -> Result<Outcome, LaunchError> {
    run_telling(spec, |_: Event| {})
}

/// As [`run`], and tells what the keep says on the way.
pub(crate) fn run_telling(spec: Spec, tell: impl FnMut(Event)) -> Result<Outcome, LaunchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(launch(spec, tell))
}

/// What the probe answered, and how it was isolated.
pub(crate) fn answer(spec: Spec) -> (String, Report) {
    match run(spec) {
        Ok(Outcome::Done { bundle, report, .. }) => (String::from_utf8(bundle).unwrap(), report),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn look(spec: Spec) -> (BTreeMap<String, String>, Report) {
    let (text, report) = answer(spec);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    (pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), report)
}

/// Whether this machine lacks `lack`: then the test that needs it is reported as skipped.
pub(crate) fn lacks(report: &Report, lack: Lack, test: &str) -> bool {
    let lacking = report.lacks.contains(&lack);
    if lacking {
        casemate_testkit::skip(test, &format!("this machine lacks `{lack}`"), lack.explain().remedy);
    }
    lacking
}

/// Runs the test `name` of this binary as an ordinary user: in a process of its own when this one is root's.
pub(crate) fn as_ordinary_user(name: &str) {
    use std::os::unix::process::CommandExt as _;
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--include-ignored", "--nocapture"]).env(CHILD, "1");
    if nix::unistd::geteuid().is_root() {
        if !root_has_other_users() {
            casemate_testkit::skip(name, "root has no other user here", "run the tests as an ordinary user as well");
            return;
        }
        command.uid(ORDINARY_USER).gid(ORDINARY_USER);
    }
    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains("1 passed"), "{name}: {said}");
}

/// Whether root may become another user: not in every container.
pub(crate) fn root_has_other_users() -> bool {
    use std::os::unix::process::CommandExt as _;
    let mut command = std::process::Command::new("true");
    command.uid(ORDINARY_USER).gid(ORDINARY_USER).status().is_ok_and(|status| status.success())
}

/// Set for a test that another test starts: by itself, as where ignored tests are run too, it has nothing to do.
pub(crate) const CHILD: &str = "CASEMATE_KEEP_TEST_CHILD";

pub(crate) fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

const ORDINARY_USER: u32 = 60_123;
