//! All that exists for a program while it runs, whichever WASI it speaks.
//!
//! Nothing here reads a clock, the machine's randomness, the environment or a file: two runs of one job are one run.

use std::fmt;

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};
use wasmtime::component::ResourceTable;

use crate::{
    files::Files,
    job::{Clock, Job},
    meter::Meter,
    p1::Descriptors,
};

/// Bytes that a program may say on its standard output and error before these are closed. They go nowhere.
pub(crate) const SAID_BYTES_MAX: u64 = 64 << 20;
/// Bytes of it that are kept where a program is overheard.
const OVERHEARD_BYTES_MAX: usize = 64 << 10;
/// Open files, streams and the like of a component.
const RESOURCES_MAX: usize = 1024;
/// By how much the monotonic clock advances when it is read: it counts readings and sleeps, not time.
pub(crate) const TICK_NS: u64 = 1000;

/// What a program's calls act on.
pub(crate) struct World {
    pub(crate) arguments: Vec<String>,
    pub(crate) clock: Clock,
    pub(crate) descriptors: Descriptors,
    pub(crate) files: Files,
    pub(crate) meter: Meter,
    pub(crate) resources: ResourceTable,
    monotonic_ns: u64,
    /// What it says, where somebody listens; never in a keep.
    pub(crate) overheard: Option<Vec<u8>>,
    random: ChaCha20Rng,
    said_bytes: u64,
}

/// Why the program is stopped from inside a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stop {
    /// It ended itself, well or not.
    Exit { well: bool },
    /// A call that can't be answered with an error.
    Host,
}

impl World {
    pub(crate) fn new(job: Job) -> Self {
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(RESOURCES_MAX);
        Self {
            arguments: [job.name].into_iter().chain(job.arguments).collect(),
            clock: job.clock,
            descriptors: Descriptors::default(),
            files: Files::new(job.inputs, job.outputs.max_bytes),
            meter: Meter::new(job.limits.memory_bytes),
            resources,
            monotonic_ns: 0,
            overheard: None,
            random: ChaCha20Rng::seed_from_u64(job.seed),
            said_bytes: 0,
        }
    }

    /// The wall clock: always the same moment, in seconds.
    pub(crate) const fn wall_s(&self) -> u64 {
        self.clock.rounded_s()
    }

    /// The monotonic clock. It tells how often it was read and what was slept, so nothing about this machine.
    pub(crate) const fn monotonic_ns(&mut self) -> u64 {
        self.monotonic_ns = self.monotonic_ns.saturating_add(TICK_NS);
        self.monotonic_ns
    }

    /// Sleeps until then, which takes no time.
    pub(crate) const fn sleep_until_ns(&mut self, instant_ns: u64) {
        if self.monotonic_ns < instant_ns {
            self.monotonic_ns = instant_ns;
        }
    }

    /// What the monotonic clock stands at, without reading it.
    pub(crate) const fn instant_ns(&self) -> u64 {
        self.monotonic_ns
    }

    /// Seeded numbers.
    pub(crate) fn fill_random(&mut self, bytes: &mut [u8]) {
        self.random.fill_bytes(bytes);
    }

    /// Seeded numbers.
    pub(crate) fn random_u64(&mut self) -> u64 {
        self.random.next_u64()
    }

    /// Counts and forgets what the program says, unless somebody listens. False once it has said too much.
    pub(crate) fn say(&mut self, words: &[u8]) -> bool {
        self.said_bytes = self.said_bytes.saturating_add(words.len() as u64);
        if let Some(overheard) = &mut self.overheard {
            let room = OVERHEARD_BYTES_MAX.saturating_sub(overheard.len()).min(words.len());
            overheard.extend_from_slice(words.get(..room).unwrap_or_default());
        }
        self.said_bytes <= SAID_BYTES_MAX
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exit { well: true } => "the program ended",
            Self::Exit { well: false } => "the program ended with an error",
            Self::Host => "a call that isn't allowed",
        })
    }
}

impl std::error::Error for Stop {}
