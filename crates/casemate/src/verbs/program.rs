//! `casemate program show|try|compile`: a Wasm program before anybody signs it, with the very runtime that a keep has.

use std::{collections::BTreeMap, fs, path::Path, thread, time::Duration};

use casemate_cose::Digest;
use casemate_trust::Reason;
use casemate_wasm::{
    Clock, Column, ColumnType, Description, Engine, FileRule, Job, Kind, Limits, OutputFile, OutputRules, Program,
    STACK_BYTES, Settings, WasmRefusal,
};
use serde_json::json;

use crate::{
    cli::program::{ProgramCompileArgs, ProgramFileArgs, ProgramTryArgs, ProgramVerb},
    clock,
    failure::{Failure, Outcome},
    files,
    output::{self, Written},
    screen::{Screen, steers},
};

/// Dispatches `casemate program`.
pub(crate) fn program(verb: &ProgramVerb, screen: Screen) -> Outcome {
    match verb {
        ProgramVerb::Show(args) => show(args, screen),
        ProgramVerb::Try(args) => attempt(args, screen),
        ProgramVerb::Compile(args) => compile(args, screen),
    }
}

/// The engine as keeps have it, but for where memory comes from.
pub(crate) fn engine() -> Result<Engine, Failure> {
    Engine::new(Settings::default()).map_err(|refusal| Failure::machine(refusal.to_string()))
}

/// A refusal by the rules of a keep, about the file at `path`.
pub(crate) fn refused(path: &Path, refusal: &WasmRefusal) -> Failure {
    let (rule, expected, actual, remedy) = refusal.reason();
    let message = format!("`{}` is refused: {refusal}", path.display());
    Failure::refused(message, vec![Reason { rule, expected, actual, remedy }])
}

fn show(args: &ProgramFileArgs, screen: Screen) -> Outcome {
    let bytes = files::read(&args.file)?;
    let (program, seconds) = compiled(&args.file, &bytes, screen)?;
    let Description { kind, digest, imports, exports, memory_bytes } = program.describe();
    let kind = match kind {
        Kind::Component => "component, WASI 0.2",
        Kind::Module => "module, WASI preview 1",
    };
    screen.line(format!("program   {} ({} bytes)", args.file.display(), bytes.len()));
    screen.line(format!("digest    {digest}"));
    screen.line(format!("kind      {kind}"));
    screen.line(format!("memory    {} KiB at its start", memory_bytes >> 10));
    screen.line(format!("compiled  in {seconds:.1} s, by the runtime that keeps have"));
    for (what, names) in [("imports", imports), ("exports", exports)] {
        let first = if names.is_empty() { "nothing" } else { "" };
        screen.line(format!("{what:<9} {first}"));
        names.iter().for_each(|name| screen.line(format!("          {name}")));
    }
    screen.line("");
    screen.line("In a contract, to be filled in:");
    screen.line("");
    for line in stanza(&args.file, &digest.to_string()) {
        screen.line(line);
    }
    screen.object(&json!({
        "digest": digest.to_string(), "bytes": bytes.len(), "kind": kind, "memory_bytes": memory_bytes, "imports": imports, "exports": exports,
    }));
    Ok(())
}

/// The lines that a contract needs.
fn stanza(file: &Path, digest: &str) -> Vec<String> {
    let stem: String = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    [
        &format!("[computations.{name}]"),
        &format!("wasm = \"{digest}\""),
        "arguments = []",
        "inputs = { \"rows.csv\" = \"SELECT … FROM …\" }       # the program reads /in/rows.csv",
        "outputs = { \"report.txt\" = \"text\" }                # and leaves /out/report.txt",
        "max_output_bytes = 65536",
        "clock_rounds_to_s = 3600",
        "seed = 1",
        "limits = { memory_mib = 256, seconds = 60 }",
        "free_form = true                                      # every signer trusts this program's code",
        "runners = […]",
        "recipients = […]",
        "reads = { … }",
    ]
    .map(ToOwned::to_owned)
    .to_vec()
}

fn attempt(args: &ProgramTryArgs, screen: Screen) -> Outcome {
    let bytes = files::read(&args.file)?;
    let job = job(args)?;
    let (program, _) = compiled(&args.file, &bytes, screen)?;
    let running = thread::Builder::new().stack_size(STACK_BYTES + (1 << 20)).spawn(move || program.run_overheard(job));
    let ran = running.map_err(|error| Failure::machine(format!("no thread could be started: {error}")))?.join();
    let (said, left) = ran.map_err(|_| Failure::machine("the runtime broke"))?;
    let said = plain(&said);
    let left = left.map_err(|refusal| {
        let failure = refused(&args.file, &refusal);
        if said.is_empty() { failure } else { failure.help(format!("the program said: {}", said.trim_end())) }
    })?;
    said.lines().for_each(|line| screen.step(format!("said      {line}")));
    fs::create_dir_all(&args.out).map_err(|error| Failure::io("make", &args.out, &error))?;
    for OutputFile { name, bytes } in &left {
        let path = args.out.join(name);
        output::write_once(&path, bytes)?;
        screen.line(format!("left      {} ({} bytes)", path.display(), bytes.len()));
    }
    let written: Vec<_> = left.iter().map(|file| json!({"name": file.name, "bytes": file.bytes.len()})).collect();
    screen.object(&json!({"digest": Digest::of(&bytes).to_string(), "outputs": written, "said": said}));
    Ok(())
}

/// What a program said, without what could drive a terminal.
fn plain(said: &[u8]) -> String {
    String::from_utf8_lossy(said).chars().filter(|character| !steers(*character)).collect()
}

fn job(args: &ProgramTryArgs) -> Result<Job, Failure> {
    let mut inputs = Vec::new();
    for path in &args.inputs {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Failure::input(format!("`{}` has no plain file name", path.display())))?;
        inputs.push((name.to_owned(), files::read(path)?.into()));
    }
    let mut declared: BTreeMap<String, FileRule> =
        args.texts.iter().map(|name| (name.clone(), FileRule::Text)).collect();
    for text in &args.tables {
        let (name, columns) = table(text)?;
        declared.insert(name, FileRule::Csv(columns));
    }
    Ok(Job {
        name: args.file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        arguments: args.arguments.clone(),
        inputs,
        outputs: OutputRules { files: declared, max_bytes: args.max_output_bytes },
        clock: Clock { unix_s: clock::now().0, rounds_to_s: args.clock_rounds_to_s },
        seed: args.seed,
        limits: Limits {
            memory_bytes: args.memory_mib.saturating_mul(1 << 20),
            time: Duration::from_secs(args.seconds),
            fuel: None,
        },
    })
}

/// `NAME=COLUMN:TYPE,…`.
fn table(text: &str) -> Result<(String, Vec<Column>), Failure> {
    let wrong = |why: &str| {
        Failure::input(format!("`--csv {text}`: {why}"))
            .help("write the file's name and its columns: `model.csv=feature:utf8,coefficient:float64`")
    };
    let (name, columns) = text.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
    let columns = columns.split(',').map(|column| {
        let (name, kind) = column.rsplit_once(':').ok_or_else(|| wrong("a column has no type"))?;
        let kind = match kind {
            "boolean" => ColumnType::Boolean,
            "date32" => ColumnType::Date32,
            "float64" => ColumnType::Float64,
            "int64" => ColumnType::Int64,
            "timestamp" => ColumnType::Timestamp,
            "utf8" => ColumnType::Utf8,
            other => return Err(wrong(&format!("there is no type `{other}`"))),
        };
        Ok(Column { name: name.to_owned(), kind })
    });
    Ok((name.to_owned(), columns.collect::<Result<_, _>>()?))
}

fn compile(args: &ProgramCompileArgs, screen: Screen) -> Outcome {
    let bytes = files::read(&args.file)?;
    let artifact = engine()?.precompile(&bytes).map_err(|refusal| refused(&args.file, &refusal))?;
    output::write(&args.out, Written::Artifact, &artifact.bytes)?;
    let (digest, settings) = (Digest::of(&artifact.bytes), artifact.settings);
    let (wasmtime, target) = (artifact.wasmtime, artifact.target);
    screen.line(format!("wrote     {} ({} bytes)", args.out.display(), artifact.bytes.len()));
    screen.line("");
    screen.line("In the computation's part of the contract:");
    screen.line(format!(
        "artifact = {{ digest = \"{digest}\", wasmtime = \"{wasmtime}\", target = \"{target}\", settings = \"{settings}\" }}"
    ));
    screen.object(&json!({
        "digest": digest.to_string(), "wasmtime": wasmtime, "target": target, "settings": settings.to_string(),
        "program": Digest::of(&bytes).to_string(), "bytes": artifact.bytes.len(),
    }));
    Ok(())
}

/// Compiles, and says how long it took: a large component takes seconds.
fn compiled(path: &Path, bytes: &[u8], screen: Screen) -> Result<(Program, f64), Failure> {
    if bytes.len() > 4 << 20 {
        screen.step(format!("compiling {} MiB …", bytes.len() >> 20));
    }
    let begun = std::time::Instant::now();
    let program = engine()?.compile(bytes).map_err(|refusal| refused(path, &refusal))?;
    Ok((program, begun.elapsed().as_secs_f64()))
}
