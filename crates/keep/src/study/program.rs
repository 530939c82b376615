//! A Wasm program inside a keep: compiled by the measured runtime, given its views, run, and its files taken.
//!
//! 1. An open program is compiled before any key arrives; from then on nothing in this process can be made executable.
//! 2. A sealed one is opened with its author's key and compiled then, before the first byte of data is decrypted.
//! 3. Its inputs are the views of the contract: [`casemate_query::prepare_inputs`].
//! 4. It runs on a thread of its own, and leaves exactly the files that the contract declares.
//!
//! A launcher's precompiled code is used only where the contract pins its digest. The signers answer for that digest: `casemate
//! contract sign` compiles the program again and compares, and no keep can see whether each of them did.
//!
//! Invariant: of a sealed program nothing leaves but how it ended; what is wrong with it before it runs has a name and no words.
#![allow(unsafe_code, reason = "an artifact that every signer answers for is loaded without compiling")]

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Seek as _, SeekFrom},
    sync::Arc,
    time::Duration,
};

use casemate_attester::control::Start;
use casemate_contract::{Artifact, Code, Column, ColumnType, InputFormat, Output, OutputContent, WasmProgram};
use casemate_cose::{Digest, UnixTime};
use casemate_query::{Form, Input, Sealed, Table, prepare_inputs};
use casemate_wasm::{
    Clock, Engine, FileRule, Job, Limits, OutputRules, Program, Settings, TARGET, WASMTIME, WasmRefusal,
};
use tokio::task::spawn_blocking;
use wasmtime::{Module, component::Component};

use super::{data::Key, refusal::Refusal, terms::Terms};
use crate::{sandbox, secret::SecretMemories};

/// A computation's code, as far as it is known before any key.
pub(super) enum Prepared {
    /// A query: it is planned when its tables are open.
    Sql,
    /// Compiled.
    Wasm(Program),
    /// Still sealed.
    SealedWasm,
}

impl Prepared {
    /// Step 1. What is open is compiled and the process sealed; what is sealed has to wait for its key.
    pub(super) fn before_keys(terms: &Terms, start: &Start) -> Result<Self, Refusal> {
        let Some(program) = terms.computation()?.program.wasm() else {
            close()?;
            return Ok(Self::Sql);
        };
        if let Code::Sealed { .. } = program.code {
            return Ok(Self::SealedWasm);
        }
        let compiled = compile(program, &start.program, &start.artifact)?;
        close()?;
        Ok(Self::Wasm(compiled))
    }
}

/// Nothing in this process becomes executable any more.
fn close() -> Result<(), Refusal> {
    sandbox::seal().map_err(|error| {
        let expected = "a kernel that forbids new executable memory before a key arrives";
        Refusal::one("keep-sandbox", expected, &error.to_string(), "see `casemate doctor` for what this machine lacks")
    })
}

fn engine() -> Result<Engine, WasmRefusal> {
    Engine::new(Settings { memory: Some(Arc::new(SecretMemories::default())), ..Settings::default() })
}

/// A sealed program, of which whoever runs it learns nothing: neither what it imports nor the compiler's words.
fn compile_sealed(bytes: &[u8]) -> Result<Program, Refusal> {
    engine().and_then(|engine| engine.compile(bytes)).map_err(|error| {
        let (rule, expected, actual, remedy) = error.reason_of_sealed();
        Refusal::one(&rule, &expected, &actual, &remedy)
    })
}

fn compile(program: &WasmProgram, bytes: &[u8], artifact: &[u8]) -> Result<Program, Refusal> {
    let engine = engine().map_err(|error| refused(&error))?;
    match &program.artifact {
        Some(pinned) if !artifact.is_empty() => load(&engine, pinned, bytes, artifact),
        _ => engine.compile(bytes).map_err(|error| refused(&error)),
    }
}

/// Takes an artifact instead of compiling, if it is the one that the contract pins for this very runtime.
fn load(engine: &Engine, pinned: &Artifact, bytes: &[u8], artifact: &[u8]) -> Result<Program, Refusal> {
    let differs = |expected: &str, actual: &str| {
        let remedy = "leave the artifact out, and the keep compiles the program; or pin one for this runtime";
        Err(Refusal::one("program-artifact", expected, actual, remedy))
    };
    let actual = Digest::of(artifact);
    if actual != pinned.digest {
        return differs(&format!("the artifact `{}`", pinned.digest), &format!("`{actual}`"));
    }
    let (wasmtime, target) = (pinned.wasmtime.as_str(), pinned.target.as_str());
    if (wasmtime, target, pinned.settings) != (WASMTIME, TARGET, engine.settings_digest()) {
        let expected = format!("an artifact for Wasmtime {WASMTIME} on {TARGET}");
        return differs(&expected, &format!("one for Wasmtime {wasmtime} on {target}, or with other settings"));
    }
    let broken = |error: wasmtime::Error| refused(&WasmRefusal::Compile { why: error.to_string() });
    // SAFETY: in both calls these bytes are what this compiler makes of the program, by the word of every party: each signed the
    // digest that is checked above, and `casemate contract sign` signs none that it did not get by compiling the program itself.
    // A party that signs by other means what it did not compile stakes its own data as well. Nobody else's bytes come here.
    let program = match unsafe { Component::deserialize(engine.raw(), artifact) } {
        Ok(component) => Program::from_component(engine, component, bytes),
        Err(_) => {
            // SAFETY: as above.
            let module = unsafe { Module::deserialize(engine.raw(), artifact) };
            Program::from_module(engine, module.map_err(broken)?, bytes)
        }
    };
    program.map_err(|error| refused(&error))
}

/// Steps 2 to 4 for one run.
pub(super) struct Execution<'a> {
    pub(super) terms: &'a Terms,
    pub(super) program: &'a WasmProgram,
    pub(super) limits: casemate_query::Limits,
    pub(super) at: UnixTime,
}

impl Execution<'_> {
    /// Step 2: the program of a sealed file, by its author's key.
    pub(super) async fn open(&self, file: File, key: Key) -> Result<Program, Refusal> {
        let sealed = |actual: &str| {
            let remedy = "give the sealed file of exactly this version, as the program's author sealed it";
            Refusal::one("sealed-file", "a program that its author's key opens", actual, remedy)
        };
        let opening = spawn_blocking(move || {
            let mut bytes = Vec::new();
            let mut file = file;
            // It was read to its end when its digest was compared.
            file.seek(SeekFrom::Start(0)).ok()?;
            let key: &[u8; 32] = key.key.as_ref().try_into().ok()?;
            casemate_seal::blob::open(file, &mut bytes, key).ok()?;
            Some(bytes)
        });
        let bytes = opening.await.ok().flatten().ok_or_else(|| sealed("one that it doesn't open"))?;
        let program = compile_sealed(&bytes)?;
        close()?;
        Ok(program)
    }

    /// Steps 3 and 4.
    pub(super) async fn run(&self, program: Program, tables: Vec<(Table, Sealed)>) -> Result<Output, Refusal> {
        // All or none: a view that was passed over would give its name to the next one's rows.
        let views: Option<Vec<Input>> = self.program.inputs.iter().map(view).collect();
        let views = views.ok_or_else(Refusal::machine)?;
        let inputs = prepare_inputs(&views, tables, self.limits).await.map_err(|error| Refusal::query(&error))?;
        let job = self.job(inputs)?;
        // What is not done in time is left behind, and ends with this process.
        let ran = spawn_blocking(move || program.run(job)).await.map_err(|_| Refusal::machine())?;
        let files = ran.map_err(|error| refused(&error))?;
        let files = files.into_iter().filter_map(|file| {
            Some(casemate_contract::OutputFile { name: file.name.parse().ok()?, bytes: file.bytes })
        });
        let output = Output::Files(files.collect());
        output.check(&self.terms.computation()?.program).map_err(|error| {
            let remedy = "write exactly what the contract declares";
            Refusal::one("program-output", "the files that the contract declares", &error.to_string(), remedy)
        })?;
        Ok(output)
    }

    fn job(&self, inputs: Vec<Vec<u8>>) -> Result<Job, Refusal> {
        let program = self.program;
        let named = program.inputs.iter().zip(inputs).map(|(input, bytes)| (input.name.to_string(), bytes.into()));
        let files: BTreeMap<String, FileRule> =
            program.outputs.iter().map(|output| (output.name.to_string(), rule(&output.content))).collect();
        Ok(Job {
            name: self.terms.computation()?.name.to_string(),
            arguments: program.arguments.iter().map(ToString::to_string).collect(),
            inputs: named.collect(),
            outputs: OutputRules { files, max_bytes: program.max_output_bytes },
            clock: Clock { unix_s: self.at.0, rounds_to_s: program.clock_rounds_to_s },
            seed: program.seed,
            limits: Limits {
                memory_bytes: program.limits.memory_mib.saturating_mul(1 << 20),
                time: Duration::from_secs(program.limits.seconds),
                fuel: None,
            },
        })
    }
}

/// A view, in the engine's words. Contracts hold no name with another ending.
fn view(input: &casemate_contract::WasmInput) -> Option<Input> {
    let form = match input.format()? {
        InputFormat::Arrow => Form::Arrow,
        InputFormat::Csv => Form::Csv,
    };
    Some(Input { sql: input.sql.as_str().to_owned(), form })
}

fn rule(content: &OutputContent) -> FileRule {
    match content {
        OutputContent::Text => FileRule::Text,
        OutputContent::Csv { columns } => FileRule::Csv(columns.iter().map(column).collect()),
    }
}

fn column(column: &Column) -> casemate_wasm::Column {
    use casemate_wasm::ColumnType as Written;
    let kind = match column.kind {
        ColumnType::Boolean => Written::Boolean,
        ColumnType::Date32 => Written::Date32,
        ColumnType::Float64 => Written::Float64,
        ColumnType::Int64 => Written::Int64,
        ColumnType::Timestamp => Written::Timestamp,
        ColumnType::Utf8 => Written::Utf8,
    };
    casemate_wasm::Column { name: column.name.to_string(), kind }
}

fn refused(error: &WasmRefusal) -> Refusal {
    let (rule, expected, actual, remedy) = error.reason();
    Refusal::one(&rule, &expected, &actual, &remedy)
}
