//! A compiled program: what it is, and one run of it.

use std::sync::Arc;

use casemate_cose::Digest;
use wasmtime::{
    Module, Store,
    component::{
        Component, ComponentExportIndex, Type,
        types::{ComponentExtern, ComponentItem},
    },
};

use crate::{
    Engine, Job, OutputFile, WasmRefusal,
    deadline::within,
    inspect::inspect,
    outputs, p1, p2,
    refusal::plain,
    verdict::verdict,
    world::{Stop, World},
};

/// What a module exports to be started.
const START: &str = "_start";
/// What a component exports to be started: an interface, whatever its minor version, and the function in it.
const RUN_INTERFACE: &str = "wasi:cli/run@0.2.";
const RUN: &str = "run";
/// What a component may import, whatever the minor version.
const PACKAGES: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];
const VERSIONS: &str = "@0.2.";
/// Names that a refusal lists.
const NAMES_MAX: usize = 10;
/// Bytes that one call may hand to the host beside what it writes to files.
const CALL_BYTES: u64 = 2 << 20;

/// What a program is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Of the component model, with WASI 0.2.
    Component,
    /// A core module, with WASI preview 1.
    Module,
}

/// What a program is, imports and exports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Description {
    /// Component or module.
    pub kind: Kind,
    /// Of its bytes: what a contract names it by.
    pub digest: Digest,
    /// Interfaces of a component, functions of a module.
    pub imports: Vec<String>,
    /// Interfaces of a component, functions and memories of a module.
    pub exports: Vec<String>,
    /// All its memories at their start. It may grow, up to its job's limit.
    pub memory_bytes: u64,
}

/// A program, compiled, with everything that it calls found.
pub struct Program {
    engine: Engine,
    code: Arc<Code>,
    description: Description,
}

enum Code {
    Component { ready: wasmtime::component::InstancePre<World>, run: ComponentExportIndex },
    Module { ready: wasmtime::InstancePre<World> },
}

impl Program {
    /// Takes a component that was compiled or loaded by `engine`. `bytes` are those of the program that it was compiled from.
    ///
    /// # Errors
    /// [`WasmRefusal`] if `bytes` are of no program, something that it imports doesn't exist, or it has no entry point.
    pub fn from_component(engine: &Engine, component: Component, bytes: &[u8]) -> Result<Self, WasmRefusal> {
        let raw = engine.raw();
        let types = component.component_type();
        let imports: Vec<String> = types.imports(raw).map(|(name, _)| plain(name)).collect();
        let exports: Vec<String> = types.exports(raw).map(|(name, _)| plain(name)).collect();
        missing(imports.iter().filter(|name| !is_known(name)))?;
        let linker = p2::linker(raw, &component).map_err(|error| unusable(&error))?;
        let ready = linker.instantiate_pre(&component).map_err(|error| unlinkable(&error))?;
        let starts = |(name, item): (&str, ComponentExtern)| {
            (name.starts_with(RUN_INTERFACE) && is_run(item, raw)).then(|| name.to_owned())
        };
        let interface = types.exports(raw).find_map(starts);
        let interface = interface.and_then(|name| component.get_export_index(None, &name));
        let run = interface.and_then(|interface| component.get_export_index(Some(&interface), RUN));
        let run = run.ok_or(WasmRefusal::NoEntryPoint)?;
        let description = describe(Kind::Component, bytes, imports, exports)?;
        Ok(Self { engine: engine.clone(), code: Arc::new(Code::Component { ready, run }), description })
    }

    /// Takes a module that was compiled or loaded by `engine`. `bytes` are those of the program that it was compiled from.
    ///
    /// # Errors
    /// [`WasmRefusal`] if `bytes` are of no program, something that it imports doesn't exist, or it has no entry point.
    pub fn from_module(engine: &Engine, module: Module, bytes: &[u8]) -> Result<Self, WasmRefusal> {
        let linker = p1::linker(engine.raw()).map_err(|error| unusable(&error))?;
        let named = |import: wasmtime::ImportType<'_>| plain(&format!("{}.{}", import.module(), import.name()));
        let imports: Vec<String> = module.imports().map(named).collect();
        let exports: Vec<String> = module.exports().map(|export| plain(export.name())).collect();
        let strange = |import: &wasmtime::ImportType<'_>| import.module() != p1::MODULE;
        missing(module.imports().filter(strange).map(named).collect::<Vec<_>>().iter())?;
        let ready = linker.instantiate_pre(&module).map_err(|error| unlinkable(&error))?;
        let is_start = |ty: wasmtime::FuncType| ty.params().len() == 0 && ty.results().len() == 0;
        let starts = module.get_export(START).and_then(|export| export.func().cloned()).is_some_and(is_start);
        if !starts || module.get_export("memory").is_none_or(|export| export.memory().is_none()) {
            return Err(WasmRefusal::NoEntryPoint);
        }
        let description = describe(Kind::Module, bytes, imports, exports)?;
        Ok(Self { engine: engine.clone(), code: Arc::new(Code::Module { ready }), description })
    }

    /// What the program is.
    #[must_use]
    pub const fn describe(&self) -> &Description {
        &self.description
    }

    /// Runs the program once, from nothing, and gives what it left.
    ///
    /// It runs on a thread of its own, for which this one waits until `limits.time` is up. A program that has not ended then
    /// is left behind: that thread goes on until the process ends. So call this in a process that ends soon after, as a
    /// keep does.
    ///
    /// # Errors
    /// [`WasmRefusal::Job`] if the job contradicts itself; else one that depends on data.
    pub fn run(&self, job: Job) -> Result<Vec<OutputFile>, WasmRefusal> {
        self.run_in(job, false)?.left
    }

    /// Runs as [`Program::run`] does, and also gives the first 64 KiB of what the program said on standard output and error,
    /// if it ended in time.
    ///
    /// For trying a program on data that need no protection: what it says may tell what it read.
    ///
    /// # Errors
    /// As [`Program::run`], beside the words.
    pub fn run_overheard(&self, job: Job) -> (Vec<u8>, Result<Vec<OutputFile>, WasmRefusal>) {
        match self.run_in(job, true) {
            Ok(Ran { said, left }) => (said, left),
            Err(refusal) => (Vec::new(), Err(refusal)),
        }
    }

    fn run_in(&self, job: Job, overhears: bool) -> Result<Ran, WasmRefusal> {
        job.check(self.engine.counts_fuel())?;
        let (limits, engine, code) = (job.limits, self.engine.clone(), Arc::clone(&self.code));
        let ran = within(limits.time, move || code.run_job(&engine, job, overhears));
        let ran = ran.map_err(|error| WasmRefusal::Engine { why: plain(&error.to_string()) })?;
        let limit_ms = u64::try_from(limits.time.as_millis()).unwrap_or(u64::MAX);
        ran.ok_or(WasmRefusal::Deadline { limit_ms })
    }
}

/// A run that came to its end in time.
struct Ran {
    said: Vec<u8>,
    left: Result<Vec<OutputFile>, WasmRefusal>,
}

impl Code {
    fn run_job(&self, engine: &Engine, job: Job, overhears: bool) -> Ran {
        let (limits, rules) = (job.limits, job.outputs.clone());
        let mut store = Store::new(engine.raw(), World::new(job));
        store.data_mut().overheard = overhears.then(Vec::new);
        store.limiter(|world| &mut world.meter);
        store.set_hostcall_fuel(usize::try_from(CALL_BYTES.saturating_add(rules.max_bytes)).unwrap_or(usize::MAX));
        if let Some(fuel) = limits.fuel
            && let Err(error) = store.set_fuel(fuel)
        {
            return Ran { said: Vec::new(), left: Err(unusable(&error)) };
        }
        let end = self.run(&mut store);
        let mut world = store.into_data();
        let said = world.overheard.take().unwrap_or_default();
        let left = verdict(end, &world, limits).and_then(|()| outputs::check(&rules, world.files.into_outputs()));
        Ran { said, left }
    }

    fn run(&self, store: &mut Store<World>) -> wasmtime::Result<()> {
        match self {
            Self::Component { ready, run } => {
                let instance = ready.instantiate(&mut *store)?;
                let run = instance.get_typed_func::<(), (Result<(), ()>,)>(&mut *store, run)?;
                match run.call(store, ())? {
                    (Ok(()),) => Ok(()),
                    (Err(()),) => Err(Stop::Exit { well: false }.into()),
                }
            }
            Self::Module { ready } => {
                let instance = ready.instantiate(&mut *store)?;
                instance.get_typed_func::<(), ()>(&mut *store, START)?.call(store, ())
            }
        }
    }
}

fn describe(kind: Kind, bytes: &[u8], imports: Vec<String>, exports: Vec<String>) -> Result<Description, WasmRefusal> {
    let shape = inspect(bytes)?;
    if shape.kind != kind {
        return Err(WasmRefusal::Invalid {
            why: "compiled code is of another kind than the program's bytes".to_owned(),
        });
    }
    Ok(Description { kind, digest: Digest::of(bytes), imports, exports, memory_bytes: shape.memory_bytes })
}

/// Whether an export has the function that starts a program: no parameters, and well or not as its result.
fn is_run(item: ComponentExtern, engine: &wasmtime::Engine) -> bool {
    let ComponentItem::ComponentInstance(interface) = item.ty else { return false };
    let Some(ComponentExtern { ty: ComponentItem::ComponentFunc(run), .. }) = interface.get_export(engine, RUN) else {
        return false;
    };
    let results: Vec<Type> = run.results().collect();
    let [Type::Result(result)] = results.as_slice() else { return false };
    run.params().len() == 0 && result.ok().is_none() && result.err().is_none()
}

fn is_known(import: &str) -> bool {
    PACKAGES.iter().any(|package| import.starts_with(package)) && import.contains(VERSIONS)
}

fn missing<'a>(names: impl Iterator<Item = &'a String>) -> Result<(), WasmRefusal> {
    let names: Vec<String> = names.take(NAMES_MAX).map(|name| format!("`{name}`")).collect();
    if names.is_empty() { Ok(()) } else { Err(WasmRefusal::MissingImports { names: names.join(", ") }) }
}

/// What the compiler refuses: bytes that aren't valid, or that it can't compile.
pub(crate) fn unusable(error: &wasmtime::Error) -> WasmRefusal {
    let why = plain(&format!("{error:#}"));
    match error.downcast_ref::<wasmparser::BinaryReaderError>() {
        Some(_) => WasmRefusal::Invalid { why },
        None => WasmRefusal::Compile { why },
    }
}

/// What the linker refuses: a known module or interface without a thing of that name and type.
fn unlinkable(error: &wasmtime::Error) -> WasmRefusal {
    WasmRefusal::MissingImports { names: plain(&format!("{error:#}")) }
}
