//! A Wasm program for people, and back as TOML.

use crate::{
    contract::Contract,
    program::{Artifact, Code, FREE_FORM, OutputContent, WasmProgram},
    show::{Page, column_key, quoted, text_value},
};

/// What a program may see and leave, and the warning that nobody checks what it does with it.
pub(crate) fn show_wasm(page: &mut Page, contract: &Contract, program: &WasmProgram) {
    page.field("WARNING", FREE_FORM);
    page.field("", "no gate reads what it writes: it could write out any value that it reads");
    page.field("language", "WebAssembly: a component (WASI p2) or a module (WASI p1)");
    if let Code::Sealed { dataset } = &program.code {
        let owner = contract.dataset(dataset.as_str()).map(|dataset| dataset.owner.as_str()).unwrap_or_default();
        page.field("sealed", format_args!("the program is `{dataset}` of `{owner}`; nobody else sees its code"));
    }
    if let Some(artifact) = &program.artifact {
        page.field("artifact", artifact.digest);
        let Artifact { wasmtime, target, settings, .. } = artifact;
        page.field("", format_args!("compiled by Wasmtime {wasmtime} for {target}, settings {settings}"));
    }
    for (place, argument) in (1..).zip(&program.arguments) {
        page.field("argument", format_args!("{place}: {}", text_value(argument.as_str())));
    }
    for input in &program.inputs {
        page.field(
            "input",
            format_args!("{}, by SQL without a gate:\n{}", input.name, input.sql.as_str().trim_matches('\n')),
        );
    }
    for output in &program.outputs {
        match &output.content {
            OutputContent::Text => page.field("output", format_args!("{}: UTF-8 text", output.name)),
            OutputContent::Csv { columns } => {
                let columns: Vec<_> =
                    columns.iter().map(|column| format!("{}: {}", column.name, column.kind)).collect();
                page.field("output", format_args!("{}: CSV of {}", output.name, columns.join(", ")));
            }
        }
    }
    page.field("output bytes", format_args!("at most {} in all files together", program.max_output_bytes));
    page.field("clock", format_args!("the brokers' time, rounded down to {} s", program.clock_rounds_to_s));
    page.field("random seed", program.seed);
    let limits = program.limits;
    page.field("limits", format_args!("{} MiB of memory, {} s", limits.memory_mib, limits.seconds));
}

/// The keys of a Wasm program that are no tables of their own.
pub(crate) fn toml_wasm(page: &mut Page, program: &WasmProgram) {
    match &program.code {
        Code::Open { digest } => page.key("wasm", quoted(digest)),
        Code::Sealed { dataset } => page.key("wasm", format_args!("{{ dataset = \"{dataset}\" }}")),
    }
    if let Some(Artifact { digest, wasmtime, target, settings }) = &program.artifact {
        let artifact = format!(
            "{{ digest = \"{digest}\", wasmtime = \"{wasmtime}\", target = \"{target}\", settings = \"{settings}\" }}"
        );
        page.key("artifact", artifact);
    }
    let arguments: Vec<_> = program.arguments.iter().map(|argument| text_value(argument.as_str())).collect();
    page.key("arguments", format_args!("[{}]", arguments.join(", ")));
    page.key("max_output_bytes", program.max_output_bytes);
    page.key("clock_rounds_to_s", program.clock_rounds_to_s);
    page.key("seed", program.seed);
    let limits = program.limits;
    page.key("limits", format_args!("{{ memory_mib = {}, seconds = {} }}", limits.memory_mib, limits.seconds));
    page.key("free_form", program.free_form);
}

/// The tables of a Wasm program's inputs and outputs.
pub(crate) fn toml_files(page: &mut Page, computation: &str, program: &WasmProgram) {
    page.line(format_args!("\n[computations.{computation}.inputs]"));
    for input in &program.inputs {
        page.key(&column_key(input.name.as_str()), text_value(input.sql.as_str()));
    }
    page.line(format_args!("\n[computations.{computation}.outputs]"));
    for output in &program.outputs {
        let content = match &output.content {
            OutputContent::Text => quoted("text"),
            OutputContent::Csv { columns } => {
                let columns = columns.iter();
                let columns =
                    columns.map(|column| format!("{} = \"{}\"", column_key(column.name.as_str()), column.kind));
                format!("{{ {} }}", columns.collect::<Vec<_>>().join(", "))
            }
        };
        page.key(&column_key(output.name.as_str()), content);
    }
}
