//! The runtime and its settings: fixed, written down, and part of what a contract may pin.

use std::{fmt, sync::Arc, time::Duration};

use casemate_cose::Digest;
use wasmtime::{Config, MemoryCreator, OptLevel, RegallocAlgorithm, Strategy};

use crate::{
    Program, WasmRefusal,
    deadline::{Spent, within_memory},
    inspect::inspect,
    program::{Kind, unusable},
    refusal::plain,
};

/// The version of Wasmtime, which compiled code is bound to.
pub const WASMTIME: &str = "48.0.8";
/// Every target that some build of this version has a runtime for.
pub const TARGETS: [&str; 2] = ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"];
/// The target of compiled code that a contract pins: this architecture's baseline, without what some chips have more.
#[cfg(target_arch = "x86_64")]
pub const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The target of compiled code that a contract pins: this architecture's baseline, without what some chips have more.
#[cfg(target_arch = "aarch64")]
pub const TARGET: &str = "aarch64-unknown-linux-gnu";

/// Address space of one memory. A [`MemoryCreator`] is asked for it, with [`GUARD_BYTES`] after it that nothing may be in.
pub const RESERVATION_BYTES: u64 = 4 << 30;
/// Address space after a memory, where every access faults.
pub const GUARD_BYTES: u64 = 32 << 20;
/// Stack of a program's own calls.
pub const STACK_BYTES: usize = 1 << 20;

/// How long a program may take to compile.
pub const COMPILE_TIME: Duration = Duration::from_secs(120);

/// How much memory compiling a program may take, where the process can see how much it has.
pub const COMPILE_BYTES_MAX: u64 = 3 << 30;

/// What can be chosen.
#[derive(Clone, Default)]
pub struct Settings {
    /// Where memories come from; from ordinary memory if absent. It is asked for [`RESERVATION_BYTES`] and [`GUARD_BYTES`], and
    /// code relies on both: what it gives never moves, and faults past what was granted.
    pub memory: Option<Arc<dyn MemoryCreator>>,
    /// Counts fuel, which makes a limit independent of the machine's speed and programs slower.
    pub fuel: bool,
}

/// The runtime.
#[derive(Clone)]
pub struct Engine {
    raw: wasmtime::Engine,
    settings: Settings,
}

/// Code that a Wasmtime compiled from a program.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Artifact {
    /// The code, as Wasmtime loads it. To load it is to trust whoever made it, so a keep loads only what it made or what every
    /// signer pinned.
    pub bytes: Vec<u8>,
    /// Of what it was compiled from.
    pub kind: Kind,
    /// [`Engine::settings_digest`].
    pub settings: Digest,
    /// [`TARGET`].
    pub target: &'static str,
    /// [`WASMTIME`].
    pub wasmtime: &'static str,
}

impl Engine {
    /// Sets the runtime up for this machine's chip.
    ///
    /// # Errors
    /// [`WasmRefusal::Engine`] if Wasmtime can't be set up here.
    pub fn new(settings: Settings) -> Result<Self, WasmRefusal> {
        let raw = wasmtime::Engine::new(&config(&settings)).map_err(|error| no_engine(&error))?;
        Ok(Self { raw, settings })
    }

    /// Compiles a program, and looks whether all that it calls exists.
    ///
    /// Compiled code is refused by its form, and nothing here ever loads any.
    ///
    /// # Errors
    /// Every [`WasmRefusal`] that does not depend on data.
    pub fn compile(&self, bytes: &[u8]) -> Result<Program, WasmRefusal> {
        let kind = inspect(bytes)?.kind;
        let (engine, program) = (self.clone(), bytes.to_vec());
        bounded(COMPILE_TIME, COMPILE_BYTES_MAX, move || engine.compile_here(kind, &program))
    }

    fn compile_here(&self, kind: Kind, bytes: &[u8]) -> Result<Program, WasmRefusal> {
        match kind {
            Kind::Component => {
                let component =
                    wasmtime::component::Component::new(&self.raw, bytes).map_err(|error| unusable(&error))?;
                Program::from_component(self, component, bytes)
            }
            Kind::Module => {
                let module = wasmtime::Module::new(&self.raw, bytes).map_err(|error| unusable(&error))?;
                Program::from_module(self, module, bytes)
            }
        }
    }

    /// Compiles a program for [`TARGET`], to be loaded elsewhere. Equal bytes and settings give equal code on every machine.
    ///
    /// # Errors
    /// As [`Engine::compile`].
    pub fn precompile(&self, bytes: &[u8]) -> Result<Artifact, WasmRefusal> {
        let kind = inspect(bytes)?.kind;
        let mut config = config(&self.settings);
        config.target(TARGET).map_err(|error| no_engine(&error))?;
        let engine = wasmtime::Engine::new(&config).map_err(|error| no_engine(&error))?;
        let program = bytes.to_vec();
        let code = bounded(COMPILE_TIME, COMPILE_BYTES_MAX, move || {
            let code = match kind {
                Kind::Component => engine.precompile_component(&program),
                Kind::Module => engine.precompile_module(&program),
            };
            code.map_err(|error| unusable(&error))
        })?;
        Ok(Artifact { bytes: code, kind, settings: self.settings_digest(), target: TARGET, wasmtime: WASMTIME })
    }

    /// The digest of everything that is set, in words: code compiled under other settings does not run here.
    #[must_use]
    pub fn settings_digest(&self) -> Digest {
        Digest::of(settings_text(self.settings.fuel).as_bytes())
    }

    /// Wasmtime's own engine: what a keep needs to load an artifact whose digest every signer pinned.
    #[must_use]
    pub const fn raw(&self) -> &wasmtime::Engine {
        &self.raw
    }

    pub(crate) const fn counts_fuel(&self) -> bool {
        self.settings.fuel
    }
}

/// Compiles on a thread of its own: the compiler can't be interrupted, and few bytes can keep it busy for long or fill a machine.
fn bounded<T: Send + 'static>(
    time: Duration,
    bytes: u64,
    work: impl FnOnce() -> Result<T, WasmRefusal> + Send + 'static,
) -> Result<T, WasmRefusal> {
    let done =
        within_memory(time, bytes, work).map_err(|error| WasmRefusal::Engine { why: plain(&error.to_string()) })?;
    done.unwrap_or_else(|spent| {
        Err(match spent {
            Spent::Memory => WasmRefusal::CompileMemory { limit_bytes: bytes },
            Spent::Time => WasmRefusal::CompileTime { limit_s: time.as_secs() },
        })
    })
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("fuel", &self.settings.fuel).finish_non_exhaustive()
    }
}

/// Everything that is set. What Wasmtime was built without (asynchronous calls, threads, garbage collection, caches, profiling,
/// text) can't be switched on, and isn't here.
fn config(settings: &Settings) -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking)
        .cranelift_nan_canonicalization(false)
        .relaxed_simd_deterministic(true)
        .consume_fuel(settings.fuel)
        .epoch_interruption(false)
        .max_wasm_stack(STACK_BYTES)
        .memory_reservation(RESERVATION_BYTES)
        .memory_guard_size(GUARD_BYTES)
        .memory_may_move(false)
        .memory_init_cow(false)
        .signals_based_traps(true)
        .generate_address_map(false)
        .native_unwind_info(false)
        .wasm_backtrace_max_frames(None)
        .parallel_compilation(true);
    config
        .wasm_bulk_memory(true)
        .wasm_component_model(true)
        .wasm_extended_const(true)
        .wasm_multi_memory(true)
        .wasm_multi_value(true)
        .wasm_relaxed_simd(true)
        .wasm_simd(true)
        .wasm_tail_call(true)
        .wasm_custom_page_sizes(false)
        .wasm_memory64(false)
        .wasm_wide_arithmetic(false);
    if let Some(memory) = &settings.memory {
        config.with_host_memory(Arc::clone(memory));
    }
    config
}

/// The same in words, for the digest. A change here or in [`config`] is a change in both.
fn settings_text(fuel: bool) -> String {
    format!(
        "casemate program settings 1\nwasmtime {WASMTIME}\ncompiler cranelift, for speed, registers by backtracking\n\
         nan as computed\nrelaxed-simd deterministic\nepochs off\nfuel {fuel}\nstack {STACK_BYTES}\nreservation {RESERVATION_BYTES}\n\
         guard {GUARD_BYTES}\nmove off\nimages off\nsignals on\naddresses off\nunwind off\nbacktrace off\n\
         on bulk-memory component-model extended-const multi-memory multi-value relaxed-simd simd tail-call\n\
         off custom-page-sizes memory64 wide-arithmetic\n"
    )
}

fn no_engine(error: &wasmtime::Error) -> WasmRefusal {
    WasmRefusal::Engine { why: plain(&format!("{error:#}")) }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[test]
    fn nobody_waits_for_a_compiler_that_does_not_end() {
        let (_held, never) = mpsc::channel::<()>();
        let compiles = move || never.recv().map_err(|_| WasmRefusal::NoEntryPoint);
        assert_eq!(bounded(Duration::ZERO, u64::MAX, compiles), Err(WasmRefusal::CompileTime { limit_s: 0 }));
        let done = bounded(COMPILE_TIME, u64::MAX, || Ok(thread::current().name().map(str::to_owned)));
        assert_eq!(done, Ok(Some("program".to_owned())));
    }

    #[test]
    fn a_compiler_that_fills_the_machine_is_left() {
        let limit_bytes = 16 << 20;
        let swells = || {
            let mut held = Vec::new();
            // Until it is left, and not for ever if it isn't.
            for _ in 0..1000 {
                held.push(vec![1_u8; 1 << 20]);
                thread::sleep(Duration::from_millis(2));
            }
            Ok(held.len())
        };
        assert_eq!(bounded(COMPILE_TIME, limit_bytes, swells), Err(WasmRefusal::CompileMemory { limit_bytes }));
    }
}
