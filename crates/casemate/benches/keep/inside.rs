//! What a keep of this bench does: what its program says, and it answers with times.

use std::{
    hint::black_box,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    str::FromStr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use casemate_attester::control::{Done, FromKeep, Progress, Step, send};
use casemate_keep::{Exit, Inside, secret::SecretMemories};
use casemate_query::{ColumnType, Gate, Sealed, Table};
use casemate_wasm::{Clock, Engine, FileRule, Job, Limits, OutputRules, STACK_BYTES, Settings};
use nix::sys::resource::{UsageWho, getrusage};

use crate::{
    engines::{self, Times},
    programs::{self, BEGUN},
    sql::{KEY, PREFIX, SQL},
};

const PAGE_BYTES: usize = 4096;
/// What a program's thread needs beside its own stack.
const HOST_STACK_BYTES: usize = 1 << 20;
/// Threads of a query, on both sides.
const QUERY_THREADS: usize = 2;

/// The workload of this binary's keeps.
pub(crate) fn workload(inside: Inside) -> Exit {
    let program = String::from_utf8_lossy(&inside.start.program).into_owned();
    let words: Vec<&str> = program.split(' ').collect();
    let answer = match words.as_slice() {
        ["walk", rounds, turns, mib] => {
            let (rounds, turns, mib) = (number(rounds), number(turns), number(mib));
            on_its_own_thread(move || engines::walk(rounds, turns, mib))
        }
        ["instantiate", rounds] => {
            let rounds = number(rounds);
            on_its_own_thread(move || engines::instantiate(rounds, true))
        }
        ["begin"] => begin(&inside.control),
        ["hold"] => {
            let said = begin(&inside.control);
            hold(inside.brokers);
            said
        }
        ["query", rounds] => query(&inside, number(rounds)),
        ["touch", pages] => touch(number(pages)),
        ["allocate", threads, blocks] => allocate(number(threads), number(blocks)),
        _ => return Exit::Broken,
    };
    let done = Done { bundle: answer.into_bytes(), ..Done::default() };
    if send(&inside.control, &FromKeep::Done(done), &[]).is_ok() { Exit::Done } else { Exit::Broken }
}

fn number<N: FromStr>(text: &str) -> N {
    text.parse().ok().unwrap()
}

/// As the product runs programs.
fn on_its_own_thread(work: impl FnOnce() -> String + Send + 'static) -> String {
    let builder = thread::Builder::new().stack_size(STACK_BYTES + HOST_STACK_BYTES);
    builder.spawn(work).unwrap().join().unwrap()
}

/// Compiles the smallest program and runs it as the product does; then says so to the launcher.
fn begin(control: &UnixStream) -> String {
    let left = on_its_own_thread(|| {
        let memory = Some(Arc::new(SecretMemories::default()) as Arc<_>);
        let engine = Engine::new(Settings { memory, ..Settings::default() }).unwrap();
        let program = engine.compile(&wat::parse_str(programs::BEGIN).unwrap()).unwrap();
        let job = Job {
            name: "begin".into(),
            arguments: Vec::new(),
            inputs: Vec::new(),
            outputs: OutputRules { files: [(BEGUN.to_owned(), FileRule::Text)].into(), max_bytes: 4096 },
            clock: Clock { unix_s: 0, rounds_to_s: 1 },
            seed: 1,
            limits: Limits { memory_bytes: 1 << 20, time: Duration::from_secs(60), fuel: None },
        };
        let files = program.run(job).unwrap();
        String::from_utf8(files[0].bytes.clone()).unwrap()
    });
    send(control, &FromKeep::Progress(Progress { step: Step::Computed, broker: None }), &[]).unwrap();
    left
}

/// Says that it is here, and stays until it is told to go.
fn hold(brokers: Vec<(String, UnixStream)>) {
    for (_, mut socket) in brokers {
        socket.write_all(b"h").unwrap();
        socket.read_exact(&mut [0]).unwrap();
    }
}

/// `rounds` of one query over the first two datasets, each with the pages that were touched first meanwhile.
fn query(inside: &Inside, rounds: usize) -> String {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(QUERY_THREADS).enable_all().build().unwrap();
    let mut times = Times::default();
    for _ in 0..rounds {
        let limits = casemate_query::Limits { memory_bytes: 1 << 30, threads: u32::try_from(QUERY_THREADS).unwrap() };
        let faults = page_faults();
        let started = Instant::now();
        let output = runtime.block_on(casemate_query::run(SQL, tables(inside), limits)).unwrap();
        times.add("query", started.elapsed());
        times.add("faults", Duration::from_nanos(page_faults() - faults));
        assert!(!output.ipc.is_empty());
    }
    times.lines()
}

/// Of all threads of this process.
fn page_faults() -> u64 {
    u64::try_from(getrusage(UsageWho::RUSAGE_SELF).unwrap().minor_page_faults()).unwrap()
}

fn tables(inside: &Inside) -> Vec<(Table, Sealed)> {
    let table = |name: &str, columns: &[(&str, ColumnType)]| Table {
        name: name.into(),
        entity: "person".into(),
        columns: columns.iter().map(|(name, kind)| ((*name).into(), *kind)).collect(),
        gate: Gate { min_entities: 2, max_rows: 100, max_bytes: 1 << 20 },
    };
    let views = [
        table("visits", &[("person", ColumnType::Int64), ("value", ColumnType::Float64)]),
        table("people", &[("person", ColumnType::Int64), ("region", ColumnType::Utf8)]),
    ];
    let sealed = inside.datasets.iter().map(|(_, file)| Sealed {
        file: file.try_clone().unwrap(),
        key: Box::new(KEY),
        aad_prefix: PREFIX,
    });
    views.into_iter().zip(sealed).collect()
}

/// The first touch of `pages` pages of the heap, and the second: each per page.
fn touch(pages: usize) -> String {
    let mut memory: Vec<u8> = Vec::with_capacity(pages * PAGE_BYTES);
    let mut times = Times::default();
    for name in ["first", "second"] {
        let started = Instant::now();
        for page in memory.spare_capacity_mut().chunks_mut(PAGE_BYTES) {
            black_box(page[0].write(1));
        }
        times.add(name, started.elapsed() / u32::try_from(pages).unwrap());
    }
    times.lines()
}

/// `threads` threads that allocate and free `blocks` each, at once; the second time, when no page is new any more.
fn allocate(threads: u64, blocks: u32) -> String {
    let mut times = Times::default();
    for name in ["first", "blocks"] {
        let started = Instant::now();
        let busy: Vec<_> = (0..threads).map(|seed| thread::spawn(move || churn(seed + 1, blocks))).collect();
        busy.into_iter().for_each(|thread| thread.join().unwrap());
        times.add(name, started.elapsed());
    }
    times.lines()
}

/// Mostly strings, now and then the buffer of a column.
fn churn(mut seed: u64, blocks: u32) {
    let mut held: Vec<Vec<u8>> = vec![Vec::new(); 500];
    for _ in 0..blocks {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let bytes = match seed % 100 {
            0..80 => 16 + (seed >> 8) % 256,
            80..98 => 1024 + (seed >> 8) % 8192,
            _ => 65_536 + (seed >> 8) % 262_144,
        };
        let mut block = Vec::with_capacity(usize::try_from(bytes).unwrap());
        block.push(1);
        let place = usize::try_from(seed >> 20).unwrap() % held.len();
        held[place] = black_box(block);
    }
}
