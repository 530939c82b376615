//! A canary in the data of a running study, and root looking for it everywhere: in the keep's memory, by every call that reads
//! another process; in what is relayed; in files written meanwhile; in swap. Each search first finds it in a keep that has no
//! secret memory.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::SystemTime,
};

use casemate_evidence::Lack;
use casemate_launch::{Outcome, Report, Spec};

use crate::{
    launcher::{self, as_ordinary_user, lacks, run},
    memory::may_trace_everyone,
    owners::{Crime, Setting, Study, Wasm, dataset_key},
    program,
    reader::{Way, contains, descendants, find, is_child, mappings, peek},
};

const WAYS: [Way; 3] = [Way::Mem, Way::VmReadv, Way::Core];
/// Not the words themselves, which this program's own file holds: they are made when the test runs.
const MASK: u8 = 0x55;
const MASKED: [&[u8]; 2] = [b"!=0u%4!<0;!u<&u\"099u;:u8dem", b"!=0u%4!<0;!u<&u<99u;:u8dem"];

pub(crate) fn canaries() -> [String; 2] {
    MASKED.map(|masked| masked.iter().map(|byte| char::from(byte ^ MASK)).collect())
}

/// What must not be found: both values, and both keys.
pub(crate) fn secrets() -> Vec<Vec<u8>> {
    let values = canaries().map(String::into_bytes);
    values.into_iter().chain([0, 1].map(|owner| dataset_key(owner).to_vec())).collect()
}

/// What was found while the keep held its result.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Ways and mappings.
    found: BTreeSet<(String, String)>,
    peeked: usize,
    processes: usize,
    secret_mappings: usize,
    opened: usize,
}

/// Runs a study with the canaries, and searches all the while, at the latest while its result waits for a permit.
fn search(runtime: &'static [u8], program: Option<Wasm>) -> (Seen, Report, Vec<u8>) {
    // One at a time: all children of this process are looked at.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = Arc::new(Mutex::new(Seen::default()));
    let shared = Arc::clone(&seen);
    let meanwhile = move || shared.lock().unwrap().add(look());
    let setting =
        Setting { diagnoses: canaries(), patients: 4000, runtime, meanwhile: Some(Arc::new(meanwhile)), program };
    let study = Study::with(setting);
    let mut spec = study.spec([Crime::None, Crime::None]);
    let relayed = Arc::new(Mutex::new(Vec::new()));
    for broker in &mut spec.brokers {
        broker.address = listen_in(broker.address.clone(), Arc::clone(&relayed));
    }
    let outcome = watched(spec, &seen);
    let Outcome::Done { report, .. } = outcome else { panic!("{outcome:?}") };
    let (seen, relayed) = (seen.lock().unwrap().clone(), relayed.lock().unwrap().clone());
    assert!(seen.processes >= 2 && relayed.len() > 4096);
    (seen, report, relayed)
}

/// Runs it and looks all the while, so while the query or the program works.
fn watched(spec: Spec, seen: &Mutex<Seen>) -> Outcome {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                let more = look();
                seen.lock().unwrap().add(more);
            }
        });
        let outcome = run(spec).unwrap();
        over.store(true, Ordering::SeqCst);
        outcome
    })
}

impl Seen {
    fn add(&mut self, more: Self) {
        self.found.extend(more.found);
        self.peeked += more.peeked;
        self.processes += more.processes;
        self.secret_mappings += more.secret_mappings;
        self.opened += more.opened;
    }
}

fn look() -> Seen {
    let mut seen = Seen::default();
    for process in descendants() {
        seen.processes += 1;
        for way in WAYS.into_iter().filter(|way| *way != Way::Core || !is_child(process)) {
            seen.found.extend(find(process, way, &secrets()).into_iter().map(|name| (format!("{way:?}"), name)));
        }
        for mapped in mappings(process).iter().filter(|mapped| mapped.name.starts_with("/secretmem")) {
            seen.secret_mappings += 1;
            let pages: Vec<u64> = (mapped.start..mapped.end).step_by(4096).take(4096).collect();
            seen.peeked += if is_child(process) { 0 } else { peek(process, &pages) };
            // The kernel shows each mapping's file to root. This one can't be opened again.
            let link = format!("/proc/{process}/map_files/{:x}-{:x}", mapped.start, mapped.end);
            seen.opened += usize::from(fs::File::open(link).is_ok());
        }
        // A descriptor of the same pages could be taken by `pidfd_getfd` and mapped.
        let held = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        let held = held.filter_map(|entry| fs::read_link(entry.path()).ok());
        seen.opened += held.filter(|link| link.to_string_lossy().contains("secretmem")).count();
    }
    seen
}

/// An address that leads to `address`, and keeps a copy of all that passes either way.
fn listen_in(address: String, copy: Arc<Mutex<Vec<u8>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (near, _) = listener.accept().unwrap();
        let far = TcpStream::connect(address).unwrap();
        for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
            let copy = Arc::clone(&copy);
            thread::spawn(move || {
                let mut buffer = [0; 65536];
                while let Ok(got @ 1..) = from.read(&mut buffer) {
                    copy.lock().unwrap().extend_from_slice(&buffer[..got]);
                    if to.write_all(&buffer[..got]).is_err() {
                        break;
                    }
                }
                let _closed = to.shutdown(std::net::Shutdown::Write);
            });
        }
    });
    own
}

pub(crate) fn root_only(test: &str) -> bool {
    if !may_trace_everyone() {
        casemate_testkit::skip(test, "no CAP_SYS_PTRACE", "run the tests as root as well, outside a container");
    }
    may_trace_everyone()
}

#[test]
fn root_finds_the_plaintext_of_a_keep_without_secret_memory() {
    if !root_only("root_finds_the_plaintext") {
        return;
    }
    let (seen, report, _) = search(b"\ncasemate-naked-study\n", None);
    assert!(report.lacks.contains(&Lack::SecretPlaintext) && report.lacks.contains(&Lack::SecretKeys));
    assert_eq!((report.secret_bytes, seen.secret_mappings), (0, 0));
    for way in WAYS {
        assert!(seen.found.iter().any(|(how, _)| *how == format!("{way:?}")), "{way:?} found nothing: {seen:?}");
    }
}

#[test]
fn root_finds_no_plaintext_in_a_keep_with_secret_memory() {
    if !root_only("root_finds_no_plaintext") {
        return;
    }
    let began = SystemTime::now();
    let (seen, report, relayed) = search(b"\ncasemate-study\n", None);
    if lacks(&report, Lack::SecretPlaintext, "root_finds_no_plaintext") {
        return;
    }
    assert_eq!(seen.found, BTreeSet::new());
    assert!(seen.secret_mappings >= 1, "{seen:?}");
    assert_eq!((seen.peeked, seen.opened), (0, 0), "{seen:?}");
    assert!(!contains(&relayed, &secrets()), "the canary was relayed");
    assert_eq!(written_since(began, &secrets()), Vec::<String>::new());
    // The search for files works.
    let mut planted = tempfile::NamedTempFile::new().unwrap();
    planted.write_all(canaries()[0].as_bytes()).unwrap();
    assert_eq!(written_since(began, &secrets()), [planted.path().display().to_string()]);
}

/// Turns of a loop that a program works for when it has read all rows: a second or more.
const TURNS: u64 = 2_000_000_000;

#[test]
fn root_finds_what_a_program_reads_without_secret_memory() {
    if root_only("root_finds_what_a_program_reads") {
        let (seen, ..) = search(b"\ncasemate-naked-study\n", Some(program::reads_all(TURNS)));
        assert!(seen.found.iter().any(|(how, _)| how == "Mem"), "{seen:?}");
    }
}

#[test]
fn root_finds_nothing_that_a_program_reads_while_it_works() {
    if !root_only("root_finds_nothing_that_a_program_reads") {
        return;
    }
    let began = SystemTime::now();
    let (seen, report, relayed) = search(b"\ncasemate-study\n", Some(program::reads_all(TURNS)));
    if lacks(&report, Lack::SecretPlaintext, "root_finds_nothing_that_a_program_reads") {
        return;
    }
    assert_eq!(seen.found, BTreeSet::new());
    assert_eq!((seen.peeked, seen.opened), (0, 0), "{seen:?}");
    assert!(seen.secret_mappings >= 1 && !contains(&relayed, &secrets()), "{seen:?}");
    assert_eq!(written_since(began, &secrets()), Vec::<String>::new());
}

/// Files that were changed since `began` where anything may write, and hold a canary; and swap areas that do.
fn written_since(began: SystemTime, canaries: &[Vec<u8>]) -> Vec<String> {
    let folders =
        [std::env::temp_dir(), "/tmp".into(), "/var/tmp".into(), "/dev/shm".into(), "/run".into(), "/".into()];
    let folders: BTreeSet<_> = folders.into_iter().collect();
    let files = folders.into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let changed = files.filter(|file| {
        file.metadata().is_ok_and(|it| it.is_file() && it.len() < 64 << 20 && it.modified().is_ok_and(|at| at >= began))
    });
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let areas = swaps.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(Into::into);
    let all = changed.map(|file| file.path()).chain(areas);
    all.filter(|path| fs::read(path).is_ok_and(|bytes| contains(&bytes, canaries)))
        .map(|path| path.display().to_string())
        .collect()
}

#[test]
fn an_ordinary_users_study_runs_as_far_as_its_limit_goes_and_says_so() {
    as_ordinary_user("plaintext::a_study_of_an_ordinary_user");
}

#[test]
#[ignore = "run as an ordinary user by the test above"]
fn a_study_of_an_ordinary_user() {
    if !launcher::is_child() {
        return;
    }
    let outcome = run(Study::new().spec([Crime::None, Crime::None])).unwrap();
    let Outcome::Done { report, .. } = outcome else { panic!("{outcome:?}") };
    let (limit, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_MEMLOCK).unwrap();
    assert!(report.secret_bytes <= limit, "{} of {limit}", report.secret_bytes);
    assert_eq!(report.lacks.contains(&Lack::SecretKeys), report.secret_bytes == 0);
    assert!(limit > 1 << 30 || report.lacks.contains(&Lack::SecretPlaintext));
}
