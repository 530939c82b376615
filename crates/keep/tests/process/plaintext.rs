//! A canary in the data of a running study, and root looking for it everywhere: in the keep's memory, by every call that reads
//! another process; in what is relayed and what the launcher is told; in files written meanwhile; in swap. Each search of memory
//! first finds it in a keep that has no secret memory, and each other one finds it where it was put.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use casemate_evidence::Lack;
use casemate_launch::{Event, Outcome, Report, Spec};

use crate::{
    launcher::{self, as_ordinary_user, lacks, run, run_telling},
    memory::may_trace_everyone,
    owners::{Crime, Setting, Study, Wasm, dataset_key},
    program,
    reader::{SECRET, Way, contains, descendants, find, is_child, mappings},
    written::{folders, written_since},
};

/// Not the words themselves, which this program's own file holds: they are made when the test runs.
const MASK: u8 = 0x55;
const MASKED: [&[u8]; 2] = [b"!=0u%4!<0;!u<&u\"099u;:u8dem", b"!=0u%4!<0;!u<&u<99u;:u8dem"];
/// What a look reads at least, in each way.
const LOOKED_BYTES_MIN: u64 = 64 << 10;

/// Each process its own, for tests run beside each other and leave cores.
pub(crate) fn canaries() -> [String; 2] {
    let own = format!(" of {:08x}", std::process::id());
    MASKED.map(|masked| masked.iter().map(|byte| char::from(byte ^ MASK)).chain(own.chars()).collect())
}

/// What must not be found: both values, and both keys.
pub(crate) fn secrets() -> Vec<Vec<u8>> {
    let values = canaries().map(String::into_bytes);
    values.into_iter().chain([0, 1].map(|owner| dataset_key(owner).to_vec())).collect()
}

/// One study at a time: all children of this process are looked at.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was found while the keep worked and held its result.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Ways and mappings.
    found: BTreeSet<(Way, String)>,
    /// How much was read in the shortest look of each way.
    least_bytes: BTreeMap<Way, u64>,
    secret_words: usize,
    processes: usize,
    secret_mappings: usize,
    opened: usize,
}

/// A study that ran while it was looked at.
struct Searched {
    seen: Seen,
    report: Report,
    /// What passed between the keep and the brokers.
    relayed: Vec<u8>,
    /// What the keep said on its control socket. Its messages are deterministic CBOR of closed types, so that nothing is in their
    /// bytes which is not in these: the steps, how it is isolated, the bundle, and the results as they leave.
    told: Vec<u8>,
    /// The result, opened with its recipient's key.
    opened: Vec<u8>,
    state: Vec<PathBuf>,
}

/// Runs a study with the canaries, and searches all the while, at the latest while its result waits for a permit.
fn search(runtime: &'static [u8], program: Option<Wasm>) -> Searched {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let shared = Arc::clone(&seen);
    let meanwhile = move || look(&shared);
    let setting = Setting {
        diagnoses: canaries(),
        patients: 4000,
        runtime,
        meanwhile: Some(Arc::new(meanwhile)),
        program,
        ..Setting::default()
    };
    let study = Study::with(setting);
    let mut spec = study.spec([Crime::None, Crime::None]);
    // It stands still while it is looked into.
    spec.limits.wall_s = 280;
    let state = vec![spec.runtime.parent().unwrap().to_path_buf()];
    let relayed = Arc::new(Mutex::new(Vec::new()));
    for broker in &mut spec.brokers {
        broker.address = listen_in(broker.address.clone(), Arc::clone(&relayed));
    }
    let mut told = Vec::new();
    let outcome = watched(spec, &seen, &mut told);
    let Outcome::Done { report, results, bundle, ordinary_bytes } = outcome else { panic!("{outcome:?}") };
    told.extend(format!("{report:?} {ordinary_bytes} {results:?}").into_bytes());
    told.extend(bundle);
    let mut opened = Vec::new();
    for result in results {
        casemate_seal::blob::open(result.file.as_slice(), &mut opened, &study.recipient_secret()).unwrap();
        told.extend(result.file);
    }
    let (seen, relayed) = (seen.lock().unwrap().clone(), relayed.lock().unwrap().clone());
    assert!(seen.processes >= 2 && relayed.len() > 4096);
    for way in Way::ALL {
        let bytes = seen.least_bytes.get(&way).copied().unwrap_or_default();
        assert!(bytes >= LOOKED_BYTES_MIN, "{way:?} read {bytes} bytes, and shows nothing");
    }
    Searched { seen, report, relayed, told, opened, state }
}

/// Runs it and looks all the while, so while the query or the program works: from when every broker has evidence, which is before
/// anything secret comes. Earlier, a broker waits 5 seconds for a handshake, and the keep stands still while it is looked into.
fn watched(spec: Spec, seen: &Mutex<Seen>, told: &mut Vec<u8>) -> Outcome {
    let (brokers, attested, over) = (spec.brokers.len(), AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                if attested.load(Ordering::SeqCst) < brokers {
                    thread::sleep(Duration::from_millis(1));
                } else {
                    look(seen);
                }
            }
        });
        let outcome = run_telling(spec, |event| {
            attested.fetch_add(usize::from(matches!(event, Event::EvidenceSigned { .. })), Ordering::SeqCst);
            told.extend(format!("{event:?}").into_bytes());
        });
        over.store(true, Ordering::SeqCst);
        outcome.unwrap()
    })
}

fn look(seen: &Mutex<Seen>) {
    for process in descendants() {
        let mut more = Seen { processes: 1, ..Seen::default() };
        for way in Way::ALL.into_iter().filter(|way| !way.stops() || !is_child(process)) {
            let looked = find(process, way, &secrets());
            more.found.extend(looked.found.into_iter().map(|name| (way, name)));
            more.secret_words += looked.secret_words;
            // What has ended meanwhile has nothing to read.
            if looked.bytes > 0 {
                more.least_bytes.insert(way, looked.bytes);
            }
        }
        for mapped in mappings(process).iter().filter(|mapped| mapped.name.starts_with(SECRET)) {
            more.secret_mappings += 1;
            // The kernel shows each mapping's file to root. This one can't be opened again.
            let link = format!("/proc/{process}/map_files/{:x}-{:x}", mapped.start, mapped.end);
            more.opened += usize::from(fs::File::open(link).is_ok());
        }
        // A descriptor of the same pages could be taken by `pidfd_getfd` and mapped.
        let held = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        let held = held.filter_map(|entry| fs::read_link(entry.path()).ok());
        more.opened += held.filter(|link| link.to_string_lossy().contains("secretmem")).count();
        seen.lock().unwrap().add(more);
    }
}

impl Seen {
    fn add(&mut self, more: Self) {
        self.found.extend(more.found);
        for (way, bytes) in more.least_bytes {
            self.least_bytes.entry(way).and_modify(|least| *least = bytes.min(*least)).or_insert(bytes);
        }
        self.secret_words += more.secret_words;
        self.processes += more.processes;
        self.secret_mappings += more.secret_mappings;
        self.opened += more.opened;
    }
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

/// Every way finds it where nothing is defended.
fn assert_found(searched: &Searched) {
    let Searched { seen, report, .. } = searched;
    assert!(report.lacks.contains(&Lack::SecretPlaintext) && report.lacks.contains(&Lack::SecretKeys));
    assert_eq!((report.secret_bytes, seen.secret_mappings), (0, 0));
    for way in Way::ALL {
        assert!(seen.found.iter().any(|(how, _)| *how == way), "{way:?} found nothing: {seen:?}");
    }
}

/// Nobody finds anything, whoever was told something or wrote something since `began`.
fn assert_nowhere(searched: &Searched, began: SystemTime) {
    let Searched { seen, relayed, told, state, .. } = searched;
    assert_eq!(seen.found, BTreeSet::new());
    assert!(seen.secret_mappings >= 1, "{seen:?}");
    assert_eq!((seen.secret_words, seen.opened), (0, 0), "{seen:?}");
    assert!(!contains(relayed, &secrets()), "the canary was relayed");
    assert!(!contains(told, &secrets()), "the launcher was told the canary");
    assert_eq!(written_since(began, state, &secrets()), BTreeSet::new());
}

#[test]
fn root_finds_the_plaintext_of_a_keep_without_secret_memory() {
    if root_only("root_finds_the_plaintext") {
        let _alone = alone();
        assert_found(&search(b"\ncasemate-naked-study\n", None));
    }
}

#[test]
fn root_finds_no_plaintext_in_a_keep_with_secret_memory() {
    if !root_only("root_finds_no_plaintext") {
        return;
    }
    let (_alone, began) = (alone(), SystemTime::now());
    let searched = search(b"\ncasemate-study\n", None);
    if lacks(&searched.report, Lack::SecretPlaintext, "root_finds_no_plaintext") {
        return;
    }
    assert_nowhere(&searched, began);
    // What the launcher was given holds it, for the recipient.
    assert!(contains(&searched.opened, &secrets()), "the result does not hold the canary, and shows nothing");
}

/// Turns of a loop that a program works for when it has read all rows: a second or more.
const TURNS: u64 = 2_000_000_000;

#[test]
fn root_finds_what_a_program_reads_without_secret_memory() {
    if root_only("root_finds_what_a_program_reads") {
        let _alone = alone();
        assert_found(&search(b"\ncasemate-naked-study\n", Some(program::reads_all(TURNS))));
    }
}

#[test]
fn root_finds_nothing_that_a_program_reads_while_it_works() {
    if !root_only("root_finds_nothing_that_a_program_reads") {
        return;
    }
    let (_alone, began) = (alone(), SystemTime::now());
    let searched = search(b"\ncasemate-study\n", Some(program::reads_all(TURNS)));
    if !lacks(&searched.report, Lack::SecretPlaintext, "root_finds_nothing_that_a_program_reads") {
        assert_nowhere(&searched, began);
    }
}

/// The searches that memory has no part in, each where it must find something.
#[test]
fn what_is_relayed_or_written_in_the_clear_is_found() {
    let _alone = alone();
    let began = SystemTime::now();
    assert_eq!(written_since(began, &[], &secrets()), BTreeSet::new());
    let planted: Vec<_> = folders(&[]).iter().filter_map(|folder| tempfile::tempdir_in(folder).ok()).collect();
    assert!(planted.len() >= 3, "{planted:?}");
    let mut expected = BTreeSet::new();
    for (number, folder) in planted.iter().enumerate() {
        let deep = fs::canonicalize(folder.path()).unwrap().join("a/b/c");
        fs::create_dir_all(&deep).unwrap();
        let path = deep.join("log");
        fs::write(&path, [b"said ", canaries()[number % 2].as_bytes()].concat()).unwrap();
        expected.insert(path);
    }
    // Across the end of a piece, far behind where a search of small files stops; and behind a hole.
    let folder_of_all = fs::canonicalize(std::env::temp_dir()).unwrap();
    let folder = planted.iter().find(|folder| folder.path().starts_with(&folder_of_all)).unwrap();
    let folder = fs::canonicalize(folder.path()).unwrap().join("a");
    let long = [vec![b'x'; (65 << 20) - 9], canaries()[0].clone().into_bytes()].concat();
    fs::write(folder.join("long"), long).unwrap();
    let holey = fs::File::create(folder.join("holey")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&holey, &dataset_key(1), 1 << 36).unwrap();
    expected.extend([folder.join("long"), folder.join("holey")]);
    assert_eq!(written_since(began, &[], &secrets()), expected);

    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let near = listen_in(far.local_addr().unwrap().to_string(), Arc::clone(&heard));
    let mut keep = TcpStream::connect(near).unwrap();
    let mut broker = far.accept().unwrap().0;
    for (from, to) in [(&mut keep, 0), (&mut broker, 1)] {
        from.write_all(canaries()[to].as_bytes()).unwrap();
    }
    let mut arrived = vec![0; canaries()[0].len()];
    broker.read_exact(&mut arrived).unwrap();
    keep.read_exact(&mut arrived[..canaries()[1].len()]).unwrap();
    for canary in canaries() {
        assert!(contains(&heard.lock().unwrap(), &[canary.into_bytes()]), "what was relayed was not heard");
    }
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
