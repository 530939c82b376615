//! A keep whose workload is what its program says: it tries what a keep must not be able to do, and reports.
//!
//! Its answers leave as the `bundle` of a result, which the product never does with anything but the run's proofs.
#![allow(unsafe_code, reason = "system calls that a keep must be refused")]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test: failing loudly is its purpose"
)]

mod attempts;
mod stress;

use std::{collections::BTreeMap, fs, io::Write as _, os::fd::AsRawFd as _, time::Duration};

use casemate_attester::control::{Done, FromKeep, send};
use casemate_keep::{
    Exit, Inside, main_if_keep, main_if_keep_running, sandbox,
    secret::{SecretBytes, dangerously_use_ordinary_memory, ordinary_bytes_max},
};

/// A copy of this binary that ends in these bytes is a keep that lies: it isolates nothing and says that nothing lacks.
const LIAR: &[u8] = b"\ncasemate-liar\n";

/// A copy of this binary that ends in these bytes is the product's keep.
const STUDY: &[u8] = b"\ncasemate-study\n";

/// A copy of this binary that ends in these bytes is the product's keep on a machine without secret memory.
const NAKED_STUDY: &[u8] = b"\ncasemate-naked-study\n";

/// A copy of this binary that ends in these bytes is this probe on a machine without secret memory.
const NAKED: &[u8] = b"\ncasemate-naked\n";

fn main() {
    let tail = tail();
    if tail.ends_with(NAKED) || tail.ends_with(NAKED_STUDY) {
        dangerously_use_ordinary_memory();
    }
    if tail.ends_with(LIAR) {
        lie();
    }
    if tail.ends_with(STUDY) || tail.ends_with(NAKED_STUDY) {
        main_if_keep();
    }
    main_if_keep_running(workload);
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, verb, name] = arguments.as_slice()
        && verb == "attempt"
    {
        println!("{}", attempt(name));
        return;
    }
    eprintln!("this binary is a keep for tests; a launcher starts it");
}

fn workload(inside: Inside) -> Exit {
    let program = String::from_utf8_lossy(&inside.start.program).into_owned();
    let answer = match program.split(' ').collect::<Vec<_>>().as_slice() {
        ["look"] => look(&inside, BTreeMap::new()),
        ["look", "around"] => {
            let around = look_around();
            look(&inside, around)
        }
        ["loading", name @ ..] => attempt(&name.join(" ")),
        ["sealed", name @ ..] => {
            sandbox::seal().unwrap();
            attempt(&name.join(" "))
        }
        ["panic", secret] => panic!("{secret}"),
        ["abort"] => std::process::abort(),
        ["exit"] => return Exit::Refused,
        ["evidence", count] => return evidence(inside, count.parse().unwrap_or(0)),
        ["stress"] => stress::stress(),
        ["hold"] => hold(&inside),
        ["eat"] => eat(),
        ["glut"] => glut(),
        ["half"] => half(),
        ["echo"] => echo(inside.brokers),
        ["spin"] => loop {
            std::hint::spin_loop();
        },
        ["sleep"] => {
            std::thread::sleep(Duration::from_secs(600));
            String::new()
        }
        _ => "unknown program".to_owned(),
    };
    finish(&inside.control, answer)
}

/// The last bytes of this program's file.
fn tail() -> Vec<u8> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut image = fs::File::open("/proc/self/exe").unwrap();
    let mut tail = Vec::new();
    image.seek(SeekFrom::End(-64)).unwrap();
    image.read_to_end(&mut tail).unwrap();
    tail
}

/// Says what a keep says, having done nothing of it but what would stop the launcher's look at once.
fn lie() {
    use casemate_attester::control::{Hardened, Isolated, ToKeep, receive};
    use std::os::fd::FromRawFd as _;
    // SAFETY: the launcher gave this process descriptor 3, and nothing else takes it here.
    let control = unsafe { std::os::unix::net::UnixStream::from_raw_fd(3) };
    nix::sys::prctl::set_no_new_privs().unwrap();
    send(&control, &FromKeep::Isolated(Isolated::default()), &[]).unwrap();
    let _harden = receive::<ToKeep>(&control).unwrap();
    send(&control, &FromKeep::Hardened(Hardened { lacks: Vec::new(), secret_bytes: 1 }), &[]).unwrap();
    let _start = receive::<ToKeep>(&control);
    std::process::exit(0);
}

fn finish(control: &std::os::unix::net::UnixStream, answer: String) -> Exit {
    let done = Done { bundle: answer.into_bytes(), ordinary_bytes: ordinary_bytes_max(), ..Done::default() };
    if send(control, &FromKeep::Done(done), &[]).is_ok() { Exit::Done } else { Exit::Broken }
}

/// Does what `name` says, if the kernel lets it return.
fn attempt(name: &str) -> String {
    match attempts::attempt(name) {
        Some(Ok(())) => "ok".to_owned(),
        Some(Err(error)) => format!("error {error}"),
        None => "unknown attempt".to_owned(),
    }
}

/// What only a keep without filters lives to tell.
fn look_around() -> BTreeMap<&'static str, String> {
    let connected = std::net::TcpStream::connect("127.0.0.1:1");
    let mounted = nix::mount::mount(None::<&str>, "/", Some("tmpfs"), nix::mount::MsFlags::empty(), None::<&str>);
    BTreeMap::from([
        ("interfaces", interfaces().to_string()),
        ("connect", connected.map_or_else(|error| error.kind().to_string(), |_| "ok".into())),
        ("unshare", nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER).is_ok().to_string()),
        ("mount", mounted.is_ok().to_string()),
    ])
}

/// `name=value` lines: what can be seen and done from inside, after what was `seen` already.
fn look(inside: &Inside, mut seen: BTreeMap<&'static str, String>) -> String {
    seen.insert("pid", std::process::id().to_string());
    seen.insert("user", nix::unistd::getuid().to_string());
    seen.insert("arguments", std::env::args().count().to_string());
    seen.insert("environment", std::env::vars_os().count().to_string());
    seen.insert(
        "files",
        fs::read_dir("/").map_or_else(|error| error.kind().to_string(), |list| list.count().to_string()),
    );
    seen.insert("passwd", fs::read("/etc/passwd").is_ok().to_string());
    seen.insert("proc", fs::read_dir("/proc").is_ok().to_string());
    seen.insert("write", writes().to_string());
    seen.insert("mkdir", fs::create_dir("/casemate-keep-probe.d").is_ok().to_string());
    // Where the root is not empty, this must not stay on the host.
    let _none = fs::remove_dir("/casemate-keep-probe.d");
    seen.insert("signal", (2..4096).any(signals_another).to_string());
    seen.insert("dumpable", nix::sys::prctl::get_dumpable().unwrap_or(true).to_string());
    seen.insert("no_new_privs", nix::sys::prctl::get_no_new_privs().unwrap_or(false).to_string());
    let core = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_CORE);
    seen.insert("core", format!("{core:?}"));
    // SAFETY: `F_GETFD` takes any number and changes nothing.
    let open = (0..1024).filter(|number| unsafe { libc::fcntl(*number, libc::F_GETFD) } >= 0).count();
    // Standard three, control, files, sockets.
    seen.insert("unexpected_descriptors", (open - 4 - inside.datasets.len() - inside.brokers.len()).to_string());
    let writable = inside.datasets.iter().any(|(_, file)| (&*file).write_all(b"x").is_ok());
    seen.insert("dataset_writable", writable.to_string());
    seen.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
}

/// Whether `pid` can be signalled, and is no thread of this process.
fn signals_another(pid: i32) -> bool {
    let is_there = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok();
    // SAFETY: takes numbers; no signal is sent.
    is_there && unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), pid, 0) } != 0
}

fn writes() -> bool {
    // A write beyond the limit on files would otherwise end this process before it can say so.
    // SAFETY: ignoring a signal runs no code of this process.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let written = fs::write("/casemate-keep-probe", "x").is_ok();
    let _none = fs::remove_file("/casemate-keep-probe");
    written
}

fn interfaces() -> usize {
    // SAFETY: the list is freed by the call that made it; only its links are followed.
    unsafe {
        let list = libc::if_nameindex();
        if list.is_null() {
            return 0;
        }
        let mut count = 0;
        while (*list.add(count)).if_index != 0 {
            count += 1;
        }
        libc::if_freenameindex(list);
        count
    }
}

/// Holds one canary in secret memory and one in ordinary memory, tells where, and waits for a byte on the first socket.
fn hold(inside: &Inside) -> String {
    let mut source: Vec<u8> = inside.start.manifest.iter().map(|byte| byte ^ 0x5a).collect();
    let canary = in_ordinary_memory(&source);
    let secret: SecretBytes = inside.secrets.absorb(&mut source).unwrap();
    let Some((_, socket)) = inside.brokers.first() else { return String::new() };
    let places = format!("{} {} {}\n", secret.as_ref().as_ptr() as usize, canary.as_ptr() as usize, canary.len());
    let mut socket = socket;
    socket.write_all(places.as_bytes()).unwrap();
    let mut go = [0];
    std::io::Read::read_exact(&mut socket, &mut go).unwrap();
    assert_eq!(secret.as_ref(), canary);
    assert!(socket.as_raw_fd() >= 0);
    "held".into()
}

/// Allocates without asking whether it may.
fn glut() -> String {
    let held: Vec<Vec<u8>> = (0..1024).map(|_| vec![1; 1 << 20]).collect();
    format!("never refused {}", held.len())
}

/// Half of what the tests' limit allows.
fn half() -> String {
    let held: Vec<Vec<u8>> = (0..256).map(|_| vec![1; 1 << 20]).collect();
    format!("held {}", held.len())
}

/// A copy in a mapping of its own: everything that is allocated is secret.
fn in_ordinary_memory(bytes: &[u8]) -> &'static [u8] {
    let access = nix::sys::mman::ProtFlags::PROT_READ | nix::sys::mman::ProtFlags::PROT_WRITE;
    let length = bytes.len().try_into().unwrap();
    // SAFETY: a new mapping that stays until this process ends, and of which nothing is changed after the copy.
    unsafe {
        let place =
            nix::sys::mman::mmap_anonymous(None, length, access, nix::sys::mman::MapFlags::MAP_PRIVATE).unwrap();
        place.cast::<u8>().copy_from_nonoverlapping(std::ptr::NonNull::from(bytes).cast(), bytes.len());
        std::slice::from_raw_parts(place.cast().as_ptr(), bytes.len())
    }
}

/// Allocates until refused.
fn eat() -> String {
    let mut held: Vec<Vec<u8>> = Vec::new();
    for _ in 0..4096 {
        let mut more: Vec<u8> = Vec::new();
        if more.try_reserve_exact(1 << 20).is_err() {
            return format!("refused after {} MiB", held.len());
        }
        more.resize(1 << 20, 1);
        held.push(more);
    }
    "never refused".into()
}

/// Sends back upper case what the first socket says, until it is closed.
fn echo(brokers: Vec<(String, std::os::unix::net::UnixStream)>) -> String {
    let mut heard = Vec::new();
    for (owner, mut socket) in brokers {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut socket, &mut text).unwrap();
        heard.push(format!("{owner}:{text}"));
    }
    heard.join(",")
}

fn evidence(inside: Inside, count: u32) -> Exit {
    use casemate_attester::{Attester as _, software::LauncherSocket};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = LauncherSocket::new(inside.control).unwrap();
        let mut answers = Vec::new();
        for number in 0..count {
            answers.push(match socket.evidence([u8::try_from(number).unwrap(); 64]).await {
                Ok(evidence) => evidence.to_bytes(),
                Err(error) => error.to_string().into_bytes(),
            });
        }
        let lines: Vec<String> =
            answers.iter().map(|answer| answer.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
        let done = Done { bundle: lines.join("\n").into_bytes(), ..Done::default() };
        socket.send(&FromKeep::Done(done)).await.unwrap();
    });
    Exit::Done
}
