//! What secret memory costs, measured from inside.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use casemate_keep::Inside;
use casemate_query::{ColumnType, Gate, Limits, Sealed, Table, run};

const SQL: &str = "SELECT d.region, COUNT(*) AS visits, AVG(v.value) AS mean, STDDEV(v.value) AS deviation \
                   FROM visits v JOIN people d ON v.person = d.person GROUP BY d.region ORDER BY d.region";
const KEY: [u8; 32] = [7; 32];
const PREFIX: [u8; 32] = [9; 32];
const PAGE_BYTES: usize = 4096;

/// Microseconds of each of `rounds` runs of one query over the first two datasets.
pub(crate) fn query(inside: &Inside, rounds: usize) -> String {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let times = (0..rounds).map(|_| {
        let started = Instant::now();
        let output = runtime.block_on(run(SQL, tables(inside), Limits { memory_bytes: 1 << 30, threads: 2 })).unwrap();
        assert!(!output.ipc.is_empty());
        started.elapsed()
    });
    list(times)
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

/// Microseconds for the first touch of `pages` pages, and for the second.
pub(crate) fn touch(pages: usize) -> String {
    let mut memory: Vec<u8> = Vec::with_capacity(pages * PAGE_BYTES);
    list((0..2).map(|_| {
        let started = Instant::now();
        for page in memory.spare_capacity_mut().chunks_mut(PAGE_BYTES) {
            black_box(page[0].write(1));
        }
        started.elapsed()
    }))
}

/// Microseconds for `threads` threads to allocate and free small and large blocks at once, twice.
pub(crate) fn allocate(threads: u64) -> String {
    list((0..2).map(|_| {
        let started = Instant::now();
        let busy: Vec<_> = (0..threads).map(|seed| std::thread::spawn(move || churn(seed + 1))).collect();
        busy.into_iter().for_each(|thread| thread.join().unwrap());
        started.elapsed()
    }))
}

/// Mostly strings, now and then the buffer of a column.
fn churn(mut seed: u64) {
    let mut held: Vec<Vec<u8>> = vec![Vec::new(); 500];
    for _ in 0..500_000 {
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

fn list(times: impl Iterator<Item = Duration>) -> String {
    times.map(|time| time.as_micros().to_string()).collect::<Vec<_>>().join(" ")
}
