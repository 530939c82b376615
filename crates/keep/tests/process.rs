//! Keeps of `process` isolation, started by the real launcher; each test's workload tries one way out.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test: failing loudly is its purpose"
)]

#[path = "process/death.rs"]
mod death;
#[path = "process/gcore.rs"]
mod gcore;
#[path = "process/inside.rs"]
mod inside;
#[path = "process/launcher.rs"]
mod launcher;
#[path = "process/libraries.rs"]
mod libraries;
#[path = "process/memory.rs"]
mod memory;
#[path = "process/owners.rs"]
mod owners;
#[path = "process/plaintext.rs"]
mod plaintext;
#[path = "process/program.rs"]
mod program;
#[path = "process/reader.rs"]
mod reader;
#[path = "process/residue.rs"]
mod residue;
#[path = "process/runtime.rs"]
mod runtime;
#[path = "process/sandbox.rs"]
mod sandbox;
#[path = "process/study.rs"]
mod study;
#[path = "process/written.rs"]
mod written;
