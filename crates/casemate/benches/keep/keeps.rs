//! Keeps of this very binary, started by the real launcher.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{Read as _, Seek as _, SeekFrom},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use casemate_cose::{SigningKey, UnixTime};
use casemate_evidence::Lack;
use casemate_launch::{Debug, Event, Limits, Outcome, Report, Spec, launch};

/// A copy of this binary that ends in these bytes takes no secret memory, as on a machine that has none.
const NAKED: &[u8] = b"\ncasemate-naked\n";

/// What a keep said and when.
pub(crate) struct Answer {
    /// Nanoseconds by name.
    pub(crate) times: BTreeMap<String, Vec<f64>>,
    pub(crate) report: Report,
    /// From the launcher's first step until the keep said that its program had ended.
    pub(crate) begun: Option<Duration>,
}

impl Answer {
    pub(crate) fn median(&self, name: &str) -> f64 {
        median(self.times.get(name).cloned().unwrap_or_default())
    }
}

/// Whether this copy of the binary is one that takes no secret memory.
pub(crate) fn is_naked() -> bool {
    let mut image = fs::File::open("/proc/self/exe").unwrap();
    let mut tail = Vec::new();
    image.seek(SeekFrom::End(-i64::try_from(NAKED.len()).unwrap())).unwrap();
    image.read_to_end(&mut tail).unwrap();
    tail == NAKED
}

/// Makes the copy that takes no secret memory. ELF ignores what follows.
pub(crate) fn naked(folder: &Path) -> PathBuf {
    let path = folder.join("naked");
    let mut image = fs::read(own()).unwrap();
    image.extend_from_slice(NAKED);
    fs::write(&path, image).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// This binary.
pub(crate) fn own() -> PathBuf {
    env::current_exe().unwrap()
}

pub(crate) fn spec(runtime: &Path, program: &str) -> Spec {
    Spec {
        runtime: runtime.to_owned(),
        contract: Vec::new(),
        manifest: Vec::new(),
        program: program.as_bytes().to_vec(),
        sealed_program: None,
        artifact: Vec::new(),
        limits: Limits { cpu_s: 3600, memory_bytes: 2 << 30, open_files: 256, wall_s: 3600 },
        accept_lacks: Lack::ALL.to_vec(),
        datasets: Vec::new(),
        brokers: Vec::new(),
        launcher_key: SigningKey::from_seed(&[9; 32]),
        debug: Debug::Forbidden,
        clock: || UnixTime(1_800_000_000),
    }
}

/// Runs a keep to its end.
pub(crate) fn run(spec: Spec) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let started = Instant::now();
    let mut begun = None;
    let ended = runtime.block_on(launch(spec, |event| {
        if matches!(event, Event::Step { .. }) {
            begun = Some(started.elapsed());
        }
    }));
    match ended {
        Ok(Outcome::Done { bundle, report, .. }) => {
            Answer { times: times(&String::from_utf8_lossy(&bundle)), report, begun }
        }
        other => panic!("{other:?}"),
    }
}

/// What [`crate::engines::Times`] wrote.
pub(crate) fn times(text: &str) -> BTreeMap<String, Vec<f64>> {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines
        .map(|(name, values)| (name.to_owned(), values.split(' ').filter_map(|value| value.parse().ok()).collect()))
        .collect()
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
