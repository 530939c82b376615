//! WASI 0.2, for components: the interfaces of `wasi:cli/command`, over files in memory.
//!
//! | interface | what a program finds |
//! | --- | --- |
//! | `wasi:cli/environment` | its arguments; no variable, no working directory |
//! | `wasi:cli/exit` | the end, well or not |
//! | `wasi:cli/stdin` | nothing: closed from the start |
//! | `wasi:cli/stdout`, `stderr` | what is said is counted and forgotten |
//! | `wasi:cli/terminal-*` | no terminal |
//! | `wasi:clocks/wall-clock` | one moment, rounded; it stands still |
//! | `wasi:clocks/monotonic-clock` | a counter of its own readings; sleeping takes no time |
//! | `wasi:filesystem/*` | `/in` and `/out`; no links, no new directories, no times |
//! | `wasi:io/*` | streams over these; everything is ready at once |
//! | `wasi:random/*` | numbers from the job's seed |
//! | `wasi:sockets/*` | every call refused |
//!
//! Any other import is refused before the program starts.

pub(crate) mod bindings;
mod cli;
mod descriptors;
mod fault;
mod sockets;
mod streams;

use wasmtime::component::{Component, HasSelf, Linker};

use crate::world::World;

/// Gives a component all of the table above, and nothing else.
pub(crate) fn linker(engine: &wasmtime::Engine, component: &Component) -> wasmtime::Result<Linker<World>> {
    let mut linker = Linker::new(engine);
    bindings::Imports::add_to_linker::<World, HasSelf<World>>(&mut linker, |world| world)?;
    sockets::add(&mut linker, component)?;
    Ok(linker)
}
