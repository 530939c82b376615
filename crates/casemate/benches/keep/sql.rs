//! A query with all plaintext in secret memory, against the same keep that has ordinary memory and the C library's allocator.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use casemate_launch::{Dataset, Spec};
use casemate_seal::table;

use crate::{
    Sizes,
    keeps::{Answer, median, own, run, spec},
};

pub(crate) const SQL: &str = "SELECT d.region, COUNT(*) AS visits, AVG(v.value) AS mean, STDDEV(v.value) AS deviation \
                              FROM visits v JOIN people d ON v.person = d.person GROUP BY d.region ORDER BY d.region";
pub(crate) const KEY: [u8; 32] = [7; 32];
pub(crate) const PREFIX: [u8; 32] = [9; 32];
/// Runs of a query that count as warming up: a keep touches the first pages of its heap while it attests itself, and here, where
/// nothing comes before the query, beside the first of these.
const WARM_UP: usize = 30;
/// As many again for each of the bench's rounds are measured.
const RUNS: usize = 3;

/// What the query took, in nanoseconds.
pub(crate) struct Query {
    pub(crate) secret: f64,
    pub(crate) ordinary: f64,
    /// The first in a keep with secret memory, whose pages are touched for the first time.
    pub(crate) first: f64,
    /// Pages that a query in secret memory was the first to touch.
    pub(crate) faults: f64,
}

pub(crate) fn measure(folder: &Path, naked: &Path, sizes: &Sizes) -> Query {
    let visits: String = (0..sizes.visits).map(|row| format!("{},{}.5\n", row % sizes.people, row % 977)).collect();
    let people: String = (0..sizes.people).map(|person| format!("{person},region-{}\n", person % 7)).collect();
    let files = [
        ("visits", sealed(folder, "visits", &format!("person,value\n{visits}"))),
        ("people", sealed(folder, "people", &format!("person,region\n{people}"))),
    ];
    let (mut secret, mut ordinary, mut first, mut faults) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..sizes.rounds.div_ceil(2) {
        ordinary.extend(ask(naked, &files, sizes.rounds).times["query"].iter().skip(WARM_UP));
        let answer = ask(&own(), &files, sizes.rounds);
        first.push(answer.times["query"][0]);
        secret.extend(answer.times["query"].iter().skip(WARM_UP));
        faults.extend(answer.times["faults"].iter().skip(WARM_UP));
    }
    Query { secret: median(secret), ordinary: median(ordinary), first: median(first), faults: median(faults) }
}

fn ask(runtime: &Path, files: &[(&str, PathBuf)], rounds: usize) -> Answer {
    let program = format!("query {}", WARM_UP + RUNS * rounds);
    let datasets = files.iter().map(|(name, path)| Dataset { name: (*name).into(), file: File::open(path).unwrap() });
    run(Spec { datasets: datasets.collect(), ..spec(runtime, &program) })
}

fn sealed(folder: &Path, name: &str, csv: &str) -> PathBuf {
    let path = folder.join(format!("{name}.sealed"));
    let schema = table::infer_csv(csv.as_bytes()).unwrap().schema;
    table::seal_csv(csv.as_bytes(), File::create(&path).unwrap(), &schema, &KEY, &PREFIX, |_| {}).unwrap();
    path
}
