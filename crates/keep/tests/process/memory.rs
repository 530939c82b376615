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

use crate::launcher::{as_ordinary_user, broker, is_child, lacks, run, spec};

/// A keep that holds its canary twice: in secret and in ordinary memory.
struct Held {
    processes: Vec<i32>,
    secret: u64,
    ordinary: u64,
    canary: Vec<u8>,
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
        attack(&Held { processes: descendants(), secret: places[0], ordinary: places[1], canary });
        (&stream).write_all(b"g").unwrap();
    });
    let outcome = run(held).unwrap();
    attacker.join().unwrap();
    let Outcome::Done { bundle, report, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(bundle, b"held");
    report
}

/// Children of this process, and theirs.
fn descendants() -> Vec<i32> {
    let children = |parent: i32| -> Vec<i32> {
        let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
        let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        lists.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>()).collect()
    };
    let stubs = children(std::process::id().cast_signed());
    stubs.iter().flat_map(|stub| children(*stub)).chain(stubs.iter().copied()).collect()
}

fn read(process: i32, at: u64, bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut found = vec![0; bytes];
    File::open(format!("/proc/{process}/mem"))?.read_exact_at(&mut found, at)?;
    Ok(found)
}

/// `CAP_SYS_PTRACE`, capability 19.
fn may_trace_everyone() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    u64::from_str_radix(effective.trim(), 16).unwrap() & (1 << 19) != 0
}

#[test]
fn not_even_root_reads_secret_memory_through_the_kernel() {
    if !may_trace_everyone() {
        let (why, remedy) = ("no CAP_SYS_PTRACE", "run the tests as root as well, outside a container");
        casemate_testkit::skip("not_even_root_reads_secret_memory", why, remedy);
        return;
    }
    let report = while_held(|held| {
        let reads =
            |at| held.processes.iter().any(|pid| read(*pid, at, held.canary.len()).is_ok_and(|it| it == held.canary));
        assert!(reads(held.ordinary), "the attack does not work on ordinary memory either, and shows nothing");
        assert!(!reads(held.secret), "root read the secret canary");
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
