//! Wasm programs over files in memory.
//!
//! A program gets arguments, input files in `/in`, one directory `/out` with a quota, a clock that stands still, and numbers
//! from a seed. Nothing else exists: no host file, no socket, no environment, no process, no time. It ends by its deadline, its
//! memory is counted, and what it leaves is held against what was declared. docs/formats/program.md has it in full.
//!
//! 1. `inspect`: the program's bytes, section by section: kind, sizes, counts. What isn't WebAssembly goes no further.
//! 2. [`Engine::compile`]: validated and compiled here, by fixed settings; every import is found, or named and refused.
//! 3. [`Program::run`]: one job, from nothing. `p1` answers modules, `p2` components; both over `files` and `world`.
//! 4. `verdict`: how it ended, in words of a closed list. 5. `outputs`: what it left.
//!
//! Two runs of one job are one run: same output, same refusal (but for the deadline, which is the machine's time, and for the
//! bits of a NaN, which differ between chips).
//!
//! ```
//! use casemate_wasm::{Clock, Engine, FileRule, Job, Limits, OutputRules, Settings};
//! use std::time::Duration;
//!
//! // A module that ends at once, and leaves nothing.
//! let module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x01\x07\x13\x02\x06_start\0\0\x06memory\x02\0\x0a\x04\x01\x02\0\x0b";
//! let program = Engine::new(Settings::default())?.compile(module)?;
//! let outputs = program.run(Job {
//!     name: "nothing".to_owned(),
//!     arguments: vec![],
//!     inputs: vec![],
//!     outputs: OutputRules::default(),
//!     clock: Clock { unix_s: 1_800_000_000, rounds_to_s: 3600 },
//!     seed: 7,
//!     limits: Limits { memory_bytes: 1 << 20, time: Duration::from_secs(10), fuel: None },
//! })?;
//! assert!(outputs.is_empty());
//! # Ok::<(), casemate_wasm::WasmRefusal>(())
//! ```
#![forbid(unsafe_code)]

mod deadline;
mod engine;
mod errno;
mod files;
mod inspect;
mod job;
mod meter;
mod outputs;
mod p1;
mod p2;
mod program;
mod refusal;
mod verdict;
mod world;

pub use engine::{
    Artifact, COMPILE_BYTES_MAX, COMPILE_TIME, Engine, GUARD_BYTES, RESERVATION_BYTES, STACK_BYTES, Settings, TARGET,
    TARGETS, WASMTIME,
};
pub use inspect::{
    FUNCTION_BYTES_MAX, FUNCTIONS_MAX, ITEMS_MAX, MODULES_MAX, NESTING_MAX, PROGRAM_BYTES_MAX, TYPE_NESTING_MAX,
};
pub use job::{
    ARGUMENT_BYTES_MAX, Clock, Column, ColumnType, FileRule, INPUTS_MAX, Job, Limits, OUTPUT_BYTES_MAX, OUTPUTS_MAX,
    OutputFile, OutputRules,
};
pub use program::{Description, Kind, Program};
pub use refusal::{BadEnd, Found, OutputFault, TrapKind, WasmRefusal};
