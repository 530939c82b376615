//! What a keep costs: programs on its engine and in its memory, its start, a query in secret memory, many at once.
//!
//! This binary is also the runtime of its own keeps, which measure from inside. All that is compared is measured in one run
//! and in turn; medians are compared. `cargo bench` calls it with `--bench`; without, it goes through the same once, with
//! little of everything, and shows that each figure comes to something: then no time counts.
#![expect(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench that cannot measure has nothing better to do than to stop and say where"
)]

mod engines;
mod inside;
mod keeps;
mod many;
#[path = "../parties/mod.rs"]
mod parties;
mod programs;
mod sql;
mod start;

use std::{cell::RefCell, env, path::Path};

use casemate_evidence::Lack;

use keeps::{Answer, is_naked, median, naked, own, run, spec, times};

/// The test that this binary is for `cargo test`.
const SMOKE: &str = "every_figure_comes_to_something";

/// How much of everything is measured.
pub(crate) struct Sizes {
    /// Of loops and walks in turn.
    pub(crate) walks: usize,
    /// Of all else.
    pub(crate) rounds: usize,
    /// Of a loop.
    pub(crate) turns: u32,
    /// Of memory that is walked through.
    pub(crate) mib: u32,
    /// First touched one by one.
    pub(crate) pages: u32,
    /// Rows of the two tables that a query joins.
    pub(crate) visits: usize,
    pub(crate) people: usize,
    /// That a thread allocates and frees.
    pub(crate) blocks: u32,
    /// At once.
    pub(crate) keeps: usize,
}

const FULL: Sizes = Sizes {
    walks: 21,
    rounds: 7,
    turns: 20_000_000,
    mib: 64,
    pages: 16_384,
    visits: 400_000,
    people: 20_000,
    blocks: 500_000,
    keeps: 16,
};
const LITTLE: Sizes = Sizes {
    walks: 1,
    rounds: 1,
    turns: 1_000_000,
    mib: 1,
    pages: 16,
    visits: 1000,
    people: 100,
    blocks: 1000,
    keeps: 2,
};

fn main() {
    if is_naked() {
        casemate_keep::secret::dangerously_use_ordinary_memory();
    }
    casemate_keep::main_if_keep_running(inside::workload);
    let arguments: Vec<String> = env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    match arguments.as_slice() {
        [first, program] if first == start::PLAIN => start::plain(Path::new(program)),
        // What cargo-nextest asks of a test that is no ordinary one.
        _ if has("--list") => {
            if !has("--ignored") {
                println!("{SMOKE}: test");
            }
        }
        _ if has("--bench") => drop(measure(&FULL)),
        _ => smoke(),
    }
}

/// Each figure is there, is a number, and no time is zero.
fn smoke() {
    let figures = measure(&LITTLE);
    assert!(figures.len() > 20, "{figures:?}");
    for (name, value) in figures {
        assert!(value.is_finite() && value > 0.0, "{name} {value}");
    }
}

/// Collects what it reports.
#[derive(Default)]
struct Figures(RefCell<Vec<(String, f64)>>);

impl Figures {
    fn add(&self, name: &str, value: f64) {
        casemate_testkit::figure(name, value);
        self.0.borrow_mut().push((name.to_owned(), value));
    }
}

fn measure(sizes: &Sizes) -> Vec<(String, f64)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let naked = naked(folder.path());
    let figures = Figures::default();
    programs_and_memory(&figures, sizes);
    starts(&figures, folder.path(), &naked, sizes);
    queries(&figures, folder.path(), &naked, sizes);
    let many = many::measure(sizes.keeps);
    println!("{} keeps at once, without brokers", sizes.keeps);
    figures.add("many_keeps_per_second", many.per_second);
    figures.add("many_private_mib_per_keep", mib(many.private_bytes));
    figures.add("many_secret_mib_per_keep", mib(many.secret_bytes));
    figures.add("many_runtime_image_mib_per_keep", mib(many.image_bytes));
    figures.0.into_inner()
}

fn programs_and_memory(figures: &Figures, sizes: &Sizes) {
    let walked = run(spec(&own(), &format!("walk {} {} {}", sizes.walks, sizes.turns, sizes.mib)));
    say_what_is_secret(&walked);
    for (figure, name) in [
        ("loop_integer_time_ratio", "integers"),
        ("loop_float_time_ratio", "floats"),
        ("walk_sequential_time_ratio", "sequential"),
        ("walk_random_time_ratio", "random"),
    ] {
        let (keep, plain) = (&walked.times[&format!("{name}.keep")], &walked.times[&format!("{name}.plain")]);
        // Of neighbours in time: what else the machine does changes more slowly than that.
        let ratio = median(keep.iter().zip(plain).map(|(keep, plain)| keep / plain).collect());
        let (keep, plain) = (median(keep.clone()), median(plain.clone()));
        println!("{name:<12} {:>10.2} ms in the keep {:>10.2} ms in plain Wasmtime", keep / 1e6, plain / 1e6);
        figures.add(figure, ratio);
    }
    figures.add("first_touch_program_us_per_page", walked.median("first_touch.keep") / 1e3);
    figures.add("first_touch_program_plain_us_per_page", walked.median("first_touch.plain") / 1e3);

    instances(figures, sizes);
    let touched = run(spec(&own(), &format!("touch {}", sizes.pages)));
    figures.add("first_touch_heap_us_per_page", touched.median("first") / 1e3);
}

fn instances(figures: &Figures, sizes: &Sizes) {
    let in_keep = run(spec(&own(), &format!("instantiate {}", sizes.rounds))).times;
    let outside = times(&engines::instantiate(sizes.rounds, false));
    for (figure, name) in [
        ("compile", "compile"),
        ("instantiate_first", "first_program"),
        ("instantiate_later", "later_program"),
        ("instantiate_page_first", "first_page"),
        ("instantiate_page_later", "later_page"),
    ] {
        for (made, side, suffix) in [(&in_keep, "keep", ""), (&outside, "plain", "_plain")] {
            let time = median(made[&format!("{name}.{side}")].clone());
            figures.add(&format!("{figure}{suffix}_us"), time / 1e3);
        }
    }
}

fn starts(figures: &Figures, folder: &Path, naked: &Path, sizes: &Sizes) {
    let start = start::measure(folder, sizes);
    println!("a keep's start, with one broker:");
    for (step, seconds) in &start.steps {
        println!("{:>10.1} ms  {step}", seconds * 1e3);
    }
    let (secret, ordinary) = start::first_touch(&own(), naked, sizes);
    figures.add("start_ms", start.keep * 1e3);
    figures.add("start_plain_ms", start.plain * 1e3);
    figures.add("start_time_ratio", start.keep / start.plain);
    figures.add("start_without_broker_ms", secret * 1e3);
    figures.add("start_without_broker_nor_secret_memory_ms", ordinary * 1e3);
}

fn queries(figures: &Figures, folder: &Path, naked: &Path, sizes: &Sizes) {
    let query = sql::measure(folder, naked, sizes);
    println!(
        "query        {:>10.2} ms in secret memory {:>10.2} ms in ordinary; {} pages of secret memory touched first",
        query.secret / 1e6,
        query.ordinary / 1e6,
        query.faults
    );
    for threads in [1, 2] {
        let time =
            |runtime: &Path| run(spec(runtime, &format!("allocate {threads} {}", sizes.blocks))).median("blocks");
        figures.add(&format!("allocate_{threads}_threads_time_ratio"), time(&own()) / time(naked));
    }
    figures.add("query_secret_time_ratio", query.secret / query.ordinary);
    figures.add("query_secret_first_ms", query.first / 1e6);
}

/// Where not all is secret, the figures are of less than they say.
fn say_what_is_secret(answer: &Answer) {
    let report = &answer.report;
    println!("secret memory of a keep: {:.0} MiB", mib(report.secret_bytes as f64));
    for lack in [Lack::SecretKeys, Lack::SecretPlaintext].iter().filter(|lack| report.lacks.contains(lack)) {
        println!("not all of it is secret here (`{lack}`): {}", lack.explain().remedy);
    }
}

fn mib(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}
