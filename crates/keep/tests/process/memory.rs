//! Who can read a keep's memory. Each refusal stands beside the same attack on memory that is not protected.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::FileExt as _,
    thread,
};

use casemate_evidence::Lack;
use casemate_launch::{Outcome, Report};
use nix::{sys::ptrace, unistd::Pid};

use crate::{
    launcher::{as_ordinary_user, broker, is_child, lacks, run, spec},
    plaintext::root_only,
    reader::{descendants, is_child as is_own, peek_word, stopped, vm_readv},
};

/// A keep that holds its canary twice: in secret and in ordinary memory.
struct Held {
    processes: Vec<i32>,
    secret: u64,
    ordinary: u64,
    canary: Vec<u8>,
    /// The other end of the keep's first broker socket.
    stream: TcpStream,
}

/// Starts a keep, lets `attack` try while it holds its canaries, and ends it.
fn while_held(attack: impl FnOnce(&Held) + Send + 'static) -> Report {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = spec("hold");
    held.manifest = (0..64).map(|byte: u8| byte.wrapping_mul(37) ^ 0x11).collect();
    let canary = held.manifest.iter().map(|byte| byte ^ 0x5a).collect();
    held.brokers = vec![broker("clinic", address)];
    let attacker = thread::spawn(move || {
        let (stream, _): (TcpStream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        let places: Vec<u64> = line.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let other = stream.try_clone().unwrap();
        attack(&Held { processes: descendants(), secret: places[0], ordinary: places[1], canary, stream: other });
        (&stream).write_all(b"g").unwrap();
    });
    let outcome = run(held).unwrap();
    attacker.join().unwrap();
    let Outcome::Done { bundle, report, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(bundle, b"held");
    report
}

fn read(process: i32, at: u64, bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut found = vec![0; bytes];
    File::open(format!("/proc/{process}/mem"))?.read_exact_at(&mut found, at)?;
    Ok(found)
}

/// Every call by which one process reads so many bytes of another, from an address on.
#[expect(clippy::type_complexity, reason = "a list of functions")]
const WAYS: [(&str, fn(i32, u64, usize) -> Option<Vec<u8>>); 3] = [
    ("/proc/PID/mem", |process, at, bytes| read(process, at, bytes).ok()),
    ("process_vm_readv", |process, at, bytes| {
        let mut found = vec![0; bytes];
        (vm_readv(process, at, &mut found) == bytes).then_some(found)
    }),
    ("PTRACE_PEEKDATA", |process, at, bytes| {
        // The launcher is this process: it would see the stop of its own child, and take it for the child's.
        let words = || (at..at + bytes as u64).step_by(8).map(|at| peek_word(process, at)).collect::<Option<Vec<_>>>();
        let words = if is_own(process) { None } else { stopped(process, words).flatten() };
        words.map(|words| words.concat())
    }),
];

/// `CAP_SYS_PTRACE`, capability 19.
pub(crate) fn may_trace_everyone() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    u64::from_str_radix(effective.trim(), 16).unwrap() & (1 << 19) != 0
}

#[test]
fn not_even_root_reads_secret_memory_through_the_kernel() {
    if !root_only("not_even_root_reads_secret_memory") {
        return;
    }
    let report = while_held(|held| {
        for (way, reads) in WAYS {
            let reads = |at| {
                let found = held.processes.iter().filter_map(|process| reads(*process, at, held.canary.len()));
                found.into_iter().any(|bytes| bytes == held.canary)
            };
            assert!(reads(held.ordinary), "{way} does not work on ordinary memory either, and shows nothing");
            assert!(!reads(held.secret), "root read the secret canary by {way}");
        }
    });
    assert!(!lacks(&report, Lack::SecretKeys, "not_even_root_reads_secret_memory"));
}

#[test]
fn a_process_of_the_same_user_neither_reads_nor_traces() {
    as_ordinary_user("memory::an_attacker_of_the_same_user");
}

#[test]
#[ignore = "run as an ordinary user by the test above"]
fn an_attacker_of_the_same_user() {
    if !is_child() {
        return;
    }
    // The attack works on a process that does not protect itself.
    let mut naive = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let pid = naive.id().cast_signed();
    assert!(File::open(format!("/proc/{pid}/mem")).is_ok());
    assert!(ptrace::attach(Pid::from_raw(pid)).is_ok());
    naive.kill().unwrap();
    naive.wait().unwrap();
    while_held(|held| {
        assert!(!held.processes.is_empty());
        for pid in &held.processes {
            assert!(File::open(format!("/proc/{pid}/mem")).is_err(), "opened the memory of {pid}");
            assert!(fs::read(format!("/proc/{pid}/environ")).is_err());
            assert!(fs::read_dir(format!("/proc/{pid}/fd")).is_err());
            assert!(fs::read_link(format!("/proc/{pid}/exe")).is_err());
            assert!(ptrace::attach(Pid::from_raw(*pid)).is_err(), "traced {pid}");
        }
    });
}

/// What `process` isolation does not stop, and says so: docs/threat-model.md.
#[cfg(target_arch = "x86_64")]
#[test]
fn root_that_injects_code_has_the_keep_give_its_secret_away() {
    if !root_only("root_that_injects_code") {
        return;
    }
    let taken = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let shared = std::sync::Arc::clone(&taken);
    let _report = while_held(move |held| {
        // Process 1 of the keep, of which the stub is the parent.
        let keep = held.processes[0];
        let socket = fs::read_dir(format!("/proc/{keep}/fd")).unwrap().flatten();
        let socket = socket.filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok()).max().unwrap();
        assert!(read(keep, held.secret, held.canary.len()).is_err(), "there was nothing to circumvent");
        assert_eq!(inject_write(keep, socket, held.secret, held.canary.len()), held.canary.len());
        let mut bytes = vec![0; held.canary.len()];
        std::io::Read::read_exact(&mut &held.stream, &mut bytes).unwrap();
        shared.lock().unwrap().extend(bytes.iter().zip(&held.canary).map(|(got, canary)| got == canary));
    });
    let taken = taken.lock().unwrap();
    assert!(!taken.is_empty() && taken.iter().all(|same| *same), "the injected call did not send the secret");
}

/// Has the first thread of `process` make the system call `write`, and puts it back where it was.
#[cfg(target_arch = "x86_64")]
fn inject_write(process: i32, descriptor: u64, from: u64, bytes: usize) -> usize {
    use nix::sys::wait::waitpid;
    let tracee = Pid::from_raw(process);
    let before = loop {
        ptrace::attach(tracee).unwrap();
        waitpid(tracee, None).unwrap();
        let registers = ptrace::getregs(tracee).unwrap();
        let code =
            ptrace::read(tracee, std::ptr::with_exposed_provenance_mut(usize::try_from(registers.rip - 2).unwrap()));
        // Where it waits in a system call, the two bytes before its next instruction are `syscall`.
        if code.unwrap() & 0xffff == 0x050f && registers.orig_rax != u64::MAX {
            break registers;
        }
        ptrace::detach(tracee, None).unwrap();
        thread::yield_now();
    };
    let mut call = before;
    (call.rip, call.rax, call.orig_rax) = (before.rip - 2, libc::SYS_write.cast_unsigned(), u64::MAX);
    (call.rdi, call.rsi, call.rdx) = (descriptor, from, u64::try_from(bytes).unwrap());
    ptrace::setregs(tracee, call).unwrap();
    ptrace::step(tracee, None).unwrap();
    waitpid(tracee, None).unwrap();
    let written = ptrace::getregs(tracee).unwrap().rax;
    // Back before the call that it waited in, so that it waits again.
    let (mut again, waited) = (before, before.orig_rax);
    (again.rip, again.rax, again.orig_rax) = (before.rip - 2, waited, u64::MAX);
    ptrace::setregs(tracee, again).unwrap();
    ptrace::detach(tracee, None).unwrap();
    usize::try_from(written).unwrap_or(0)
}
