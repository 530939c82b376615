//! Inside a keep: programs on the keep's engine with secret memories, and on plain Wasmtime with its defaults, in turn.
//!
//! Both engines live in one process, so that chip, kernel and neighbours are the same. Plain Wasmtime's memories come from
//! the kernel as it gives them to anyone; so does what the first touch of a page costs. Loops and walks are timed by what
//! their thread had of a processor, which says the same on a machine that has other work.

use std::{
    fmt::Write as _,
    hint::black_box,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use casemate_keep::secret::SecretMemories;
use casemate_wasm::{Engine, Settings};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike as _,
};
use wasmtime::{Instance, Linker, Module, Store, WasmParams, WasmResults};

use crate::programs;

const PAGE_BYTES: u64 = 4096;
/// Walks through the memory in order, in one round.
const PASSES: i64 = 8;
/// The demo's own program, for what compiling takes.
const LOGISTIC: &[u8] = include_bytes!("../../../../examples/logistic/logistic.wasm");

/// Nanoseconds by what was measured, one a round.
#[derive(Default)]
pub(crate) struct Times(Vec<(String, Vec<u128>)>);

impl Times {
    pub(crate) fn add(&mut self, name: impl Into<String>, time: Duration) {
        let name = name.into();
        match self.0.iter_mut().find(|(other, _)| *other == name) {
            Some((_, times)) => times.push(time.as_nanos()),
            None => self.0.push((name, vec![time.as_nanos()])),
        }
    }

    /// `name value value …` lines.
    pub(crate) fn lines(&self) -> String {
        self.0.iter().fold(String::new(), |mut lines, (name, times)| {
            let times: Vec<String> = times.iter().map(u128::to_string).collect();
            writeln!(lines, "{name} {}", times.join(" ")).unwrap();
            lines
        })
    }
}

/// One of the two engines.
struct Side {
    name: &'static str,
    engine: wasmtime::Engine,
}

impl Side {
    fn keep() -> Self {
        let settings = Settings { memory: Some(Arc::new(SecretMemories::default())), ..Settings::default() };
        Self { name: "keep", engine: Engine::new(settings).unwrap().raw().clone() }
    }

    fn plain() -> Self {
        Self { name: "plain", engine: wasmtime::Engine::default() }
    }

    fn store(&self) -> Store<()> {
        Store::new(&self.engine, ())
    }
}

/// An instance with a memory to walk.
struct Walker {
    store: Store<()>,
    instance: Instance,
}

impl Walker {
    fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, parameters: P) -> (R, Duration) {
        let function = self.instance.get_typed_func::<P, R>(&mut self.store, name).unwrap();
        let before = busy();
        let answer = black_box(function.call(&mut self.store, black_box(parameters)).unwrap());
        (answer, busy() - before)
    }
}

/// What this thread has had of a processor. The kernel counts to the last tick or change of threads, so one is asked for.
fn busy() -> Duration {
    thread::yield_now();
    let used = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
    let microseconds = used.user_time().num_microseconds() + used.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(microseconds).unwrap())
}

/// `rounds` of `turns` of each loop, and of walks through `mib` of memory, at random and in order.
pub(crate) fn walk(rounds: usize, turns: i64, mib: u64) -> String {
    let mut times = Times::default();
    let module = wat::parse_str(programs::walker(mib)).unwrap();
    let mut sides = [Side::plain(), Side::keep()].map(|side| {
        let mut store = side.store();
        let instance = Instance::new(&mut store, &Module::new(&side.engine, &module).unwrap(), &[]).unwrap();
        let mut walker = Walker { store, instance };
        let pages = i32::try_from((mib << 20) / PAGE_BYTES).unwrap();
        let ((), touched) = walker.call("touch", pages);
        times.add(format!("first_touch.{}", side.name), touched / u32::try_from(pages).unwrap());
        (side, walker)
    });
    for round in 0..rounds {
        // Whoever is first in one round is second in the next.
        sides.rotate_left(1);
        let mut answers = Vec::new();
        for (side, walker) in &mut sides {
            let (integers, first) = walker.call::<i64, i64>("integers", turns);
            let (floats, second) = walker.call::<i64, f64>("floats", turns);
            let (sum, third) = walker.call::<i64, i64>("sequential", PASSES);
            let (last, fourth) = walker.call::<i64, i64>("random", 1 + turns / 32);
            for (name, time) in [("integers", first), ("floats", second), ("sequential", third), ("random", fourth)] {
                times.add(format!("{name}.{}", side.name), time);
            }
            answers.push((integers, floats.to_bits(), sum, last));
        }
        assert_eq!(answers[0], answers[1], "round {round}: the engines disagree");
    }
    times.lines()
}

/// Compiling the demo's program `rounds` times; instances of it and of a module with one page, first and later ones.
///
/// The keep's engine alone in a keep, and plain Wasmtime alone outside: a memory's image in a file, which is its default, is
/// what no keep may make.
pub(crate) fn instantiate(rounds: usize, is_keep: bool) -> String {
    let mut times = Times::default();
    let small = wat::parse_str(programs::ONE_PAGE).unwrap();
    for _ in 0..rounds {
        let side = if is_keep { Side::keep() } else { Side::plain() };
        let started = Instant::now();
        let module = Module::new(&side.engine, LOGISTIC).unwrap();
        times.add(format!("compile.{}", side.name), started.elapsed());
        instances(&side, "program", &module, rounds, &mut times);
        instances(&side, "page", &Module::new(&side.engine, &small).unwrap(), rounds, &mut times);
    }
    times.lines()
}

/// The first instance of an engine, and `more`. Each with a store of its own, as runs have.
fn instances(side: &Side, what: &str, module: &Module, more: usize, times: &mut Times) {
    for number in 0..=more {
        let started = Instant::now();
        let mut store = side.store();
        let mut linker = Linker::new(&side.engine);
        linker.define_unknown_imports_as_default_values(&mut store, module).unwrap();
        let instance = linker.instantiate(&mut store, module).unwrap();
        black_box(instance);
        let which = if number == 0 { "first" } else { "later" };
        times.add(format!("{which}_{what}.{}", side.name), started.elapsed());
    }
}
