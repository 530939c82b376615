//! The rules that a Wasm program of a contract keeps, beside those of every computation.
//!
//! 1. The contract says that its output is free-form.
//! 2. A sealed program is a dataset of format `age`, whose owner has a broker as every owner has; no artifact shows its code.
//! 3. Arguments, inputs, outputs, clock, seed and limits are within bounds; each input's ending says its format.
//! 4. It writes no more than the tightest gate of what is opened lets out.

use std::collections::BTreeSet;

use crate::{
    check::{COLUMNS_MAX, Findings},
    contract::{Body, Computation, Content},
    problem::{Path, Problem},
    program::{Code, OutputContent, WasmOutput, WasmProgram},
};

/// The most arguments.
pub const ARGUMENTS_MAX: usize = 256;
/// The most bytes of all arguments together: 32 KiB.
pub const ARGUMENTS_BYTES_MAX: usize = 32 << 10;
/// The most inputs.
pub const INPUTS_MAX: usize = 32;
/// The most output files.
pub const OUTPUTS_MAX: usize = 32;
/// The most seconds that a program's clock is rounded to: a leap year.
pub const CLOCK_ROUNDS_S_MAX: u64 = 86_400 * 366;
/// The highest seed: the largest whole number that TOML writes.
pub const SEED_MAX: u64 = (1 << 63) - 1;
/// The most memory of a program, in MiB: what 32 bits address.
pub const WASM_MEMORY_MIB_MAX: u64 = 4096;
/// The most seconds that a program runs: an hour.
pub const WASM_SECONDS_MAX: u64 = 3600;

/// Every rule that `program`, of `computation` at `path`, breaks.
pub(crate) fn check_wasm(
    body: &Body,
    computation: &Computation,
    program: &WasmProgram,
    path: &Path,
    findings: &mut Findings,
) {
    if !program.free_form {
        findings.add(path.then("free_form"), Problem::FreeFormUnsaid);
    }
    check_code(body, program, path, findings);
    let arguments = path.then("arguments");
    if program.arguments.len() > ARGUMENTS_MAX {
        let problem = Problem::TooMany { actual: program.arguments.len(), max: ARGUMENTS_MAX };
        findings.add(arguments.clone(), problem);
    }
    let bytes = program.arguments.iter().map(|argument| argument.as_str().len()).sum();
    at_most(bytes, ARGUMENTS_BYTES_MAX, &arguments, findings);
    let inputs = path.then("inputs");
    findings.count(&inputs, &program.inputs, 1, INPUTS_MAX, |input| input.name.to_string());
    for input in program.inputs.iter().filter(|input| input.format().is_none()) {
        findings.add(inputs.then(input.name.as_str()), Problem::InputFormat { name: input.name.clone() });
    }
    let outputs = path.then("outputs");
    findings.count(&outputs, &program.outputs, 1, OUTPUTS_MAX, |output| output.name.to_string());
    for output in &program.outputs {
        check_output(output, &outputs.then(output.name.as_str()), findings);
    }
    let limits = path.then("limits");
    for (path, actual, min, max) in [
        (path.then("clock_rounds_to_s"), program.clock_rounds_to_s, 1, CLOCK_ROUNDS_S_MAX),
        (path.then("seed"), program.seed, 0, SEED_MAX),
        (limits.then("memory_mib"), program.limits.memory_mib, 1, WASM_MEMORY_MIB_MAX),
        (limits.then("seconds"), program.limits.seconds, 1, WASM_SECONDS_MAX),
        (path.then("max_output_bytes"), program.max_output_bytes, 1, u64::MAX),
    ] {
        if actual < min {
            findings.add(path.clone(), Problem::TooSmall { actual, min });
        }
        if actual > max {
            findings.add(path, Problem::TooLarge { actual, max });
        }
    }
    check_gates(body, computation, program, path, findings);
}

fn at_most(actual: usize, max: usize, path: &Path, findings: &mut Findings) {
    if actual > max {
        let wide = |count| u64::try_from(count).unwrap_or(u64::MAX);
        findings.add(path.clone(), Problem::TooLarge { actual: wide(actual), max: wide(max) });
    }
}

fn check_code(body: &Body, program: &WasmProgram, path: &Path, findings: &mut Findings) {
    let Code::Sealed { dataset: name } = &program.code else { return };
    let place = path.then("wasm").then("dataset");
    let dataset_path = Path::of(&["datasets", name.as_str()]);
    match body.datasets.iter().find(|dataset| dataset.name == *name) {
        None => {
            let known = body.datasets.iter().map(|dataset| dataset.name.clone()).collect();
            findings.add_because(place, dataset_path, Problem::UnknownDataset { name: name.clone(), known });
        }
        Some(dataset) => {
            if let Content::Table { .. } = dataset.content {
                let problem = Problem::ProgramIsTable { name: name.clone() };
                findings.add_because(place, dataset_path.then("format"), problem);
            }
        }
    }
    if program.artifact.is_some() {
        let problem = Problem::ArtifactOfSealed { dataset: name.clone() };
        findings.add_because(path.then("artifact"), path.then("wasm"), problem);
    }
}

fn check_output(output: &WasmOutput, path: &Path, findings: &mut Findings) {
    let OutputContent::Csv { columns } = &output.content else { return };
    if columns.is_empty() {
        findings.add(path.clone(), Problem::Empty);
    }
    if columns.len() > COLUMNS_MAX {
        findings.add(path.clone(), Problem::TooMany { actual: columns.len(), max: COLUMNS_MAX });
    }
    let mut seen = BTreeSet::new();
    for column in columns.iter().filter(|column| !seen.insert(&column.name)) {
        findings.add(path.then(column.name.as_str()), Problem::Repeated { name: column.name.to_string() });
    }
}

fn check_gates(body: &Body, computation: &Computation, program: &WasmProgram, path: &Path, findings: &mut Findings) {
    let opened = computation.reads.iter().map(|read| &read.dataset).chain(computation.program.sealed());
    let gated = opened.filter_map(|name| body.datasets.iter().find(|dataset| dataset.name == *name));
    let Some(tightest) = gated.min_by_key(|dataset| dataset.gate.max_bytes) else { return };
    let (actual, max) = (program.max_output_bytes, tightest.gate.max_bytes);
    if actual > max {
        findings.add_because(
            path.then("max_output_bytes"),
            Path::of(&["datasets", tightest.name.as_str(), "gate"]),
            Problem::OutputAboveGate { actual, dataset: tightest.name.clone(), max },
        );
    }
}
