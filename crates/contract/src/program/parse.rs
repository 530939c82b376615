//! The part of `study.toml` that says which Wasm program runs, on what, and what it leaves.

use casemate_cose::Digest;
use toml::de::DeValue;

use crate::{
    contract::{Column, ColumnType},
    name::{Argument, ColumnName, DatasetName, FileName, SqlText, Target, WasmtimeVersion},
    parse::{COLUMN_TYPE, COMPUTATION_KEYS, DIGEST, placeholder},
    problem::Path,
    program::{Artifact, Code, OutputContent, WasmInput, WasmLimits, WasmOutput, WasmProgram},
    read::{Reader, Table},
};

const KEYS: [&str; 10] = [
    "wasm",
    "artifact",
    "arguments",
    "inputs",
    "outputs",
    "max_output_bytes",
    "clock_rounds_to_s",
    "seed",
    "limits",
    "free_form",
];
const CONTENT: &str = "`\"text\"`, or a table of the CSV's columns in order, like `{ feature = \"utf8\" }`";

/// Reads the program of a computation that has the key `wasm`.
pub(crate) fn read_wasm(reader: &mut Reader, table: &Table) -> WasmProgram {
    reader.only(table, &[KEYS.as_slice(), &COMPUTATION_KEYS].concat());
    let arguments = match reader.optional(table, "arguments") {
        Some(value) => reader.as_list(table.path.then("arguments"), value, Argument::EXPECTED),
        None => Vec::new(),
    };
    WasmProgram {
        code: read_code(reader, table),
        artifact: read_artifact(reader, table),
        arguments,
        inputs: read_inputs(reader, table),
        outputs: read_outputs(reader, table),
        max_output_bytes: reader.number(table, "max_output_bytes").unwrap_or(1),
        clock_rounds_to_s: reader.number(table, "clock_rounds_to_s").unwrap_or(1),
        seed: reader.number(table, "seed").unwrap_or(0),
        limits: read_limits(reader, table),
        // Where it is not written, the check says why it has to be.
        free_form: reader.flag(table, "free_form").unwrap_or(false),
    }
}

fn read_code(reader: &mut Reader, table: &Table) -> Code {
    let path = table.path.then("wasm");
    match reader.required(table, "wasm") {
        Some(value @ DeValue::Table(_)) => {
            let dataset = reader.as_table(path, value).and_then(|table| {
                reader.only(&table, &["dataset"]);
                reader.text(&table, "dataset", DatasetName::EXPECTED)
            });
            Code::Sealed { dataset: dataset.unwrap_or_else(|| placeholder("x")) }
        }
        Some(value) => Code::Open { digest: reader.as_text(path, value, DIGEST).unwrap_or_else(no_digest) },
        None => Code::Open { digest: no_digest() },
    }
}

const fn no_digest() -> Digest {
    Digest::from_bytes([0; 32])
}

fn read_artifact(reader: &mut Reader, table: &Table) -> Option<Artifact> {
    let value = reader.optional(table, "artifact")?;
    let table = reader.as_table(table.path.then("artifact"), value)?;
    reader.only(&table, &["digest", "wasmtime", "target", "settings"]);
    Some(Artifact {
        digest: reader.text(&table, "digest", DIGEST).unwrap_or_else(no_digest),
        wasmtime: reader.text(&table, "wasmtime", WasmtimeVersion::EXPECTED).unwrap_or_else(|| placeholder("0.0.0")),
        target: reader.text(&table, "target", Target::EXPECTED).unwrap_or_else(|| placeholder("x")),
        settings: reader.text(&table, "settings", DIGEST).unwrap_or_else(no_digest),
    })
}

fn read_inputs(reader: &mut Reader, table: &Table) -> Vec<WasmInput> {
    let Some(table) = reader.table(table, "inputs") else { return Vec::new() };
    let mut inputs = Vec::new();
    for (name, path, value) in reader.entries(&table, FileName::EXPECTED) {
        // What is wrong with a view is marked at the view, what is wrong with a file at its name.
        if value.get_ref().as_str().is_none_or(|sql| sql.parse::<SqlText>().is_err()) {
            reader.mark(path.clone(), value.span());
        }
        let sql = reader.as_text(path, value.get_ref(), SqlText::EXPECTED).unwrap_or_else(|| placeholder("x"));
        inputs.push(WasmInput { name, sql });
    }
    inputs.sort_by(|a, b| a.name.cmp(&b.name));
    inputs
}

fn read_outputs(reader: &mut Reader, table: &Table) -> Vec<WasmOutput> {
    let Some(table) = reader.table(table, "outputs") else { return Vec::new() };
    let mut outputs = Vec::new();
    for (name, path, value) in reader.entries(&table, FileName::EXPECTED) {
        if !matches!(value.get_ref(), DeValue::Table(_)) {
            reader.mark(path.clone(), value.span());
        }
        let content = read_content(reader, path, value.get_ref());
        outputs.push(WasmOutput { name, content });
    }
    outputs.sort_by(|a: &WasmOutput, b| a.name.cmp(&b.name));
    outputs
}

/// The columns of a CSV are in the order of the text: it is the order of the file.
fn read_content(reader: &mut Reader, path: Path, value: &DeValue) -> OutputContent {
    if !matches!(value, DeValue::Table(_)) {
        let _: Option<Text> = reader.as_text(path, value, CONTENT);
        return OutputContent::Text;
    }
    let Some(table) = reader.as_table(path, value) else { return OutputContent::Text };
    let mut columns: Vec<(usize, Column)> = Vec::new();
    for (name, path, value) in reader.entries::<ColumnName>(&table, ColumnName::EXPECTED) {
        reader.mark(path.clone(), value.span());
        let kind = reader.as_text(path, value.get_ref(), COLUMN_TYPE).unwrap_or(ColumnType::Utf8);
        columns.push((value.span().start, Column { name, kind }));
    }
    columns.sort_by_key(|(start, _)| *start);
    OutputContent::Csv { columns: columns.into_iter().map(|(_, column)| column).collect() }
}

fn read_limits(reader: &mut Reader, table: &Table) -> WasmLimits {
    let Some(table) = reader.table(table, "limits") else { return WasmLimits { memory_mib: 1, seconds: 1 } };
    reader.only(&table, &["memory_mib", "seconds"]);
    WasmLimits {
        memory_mib: reader.number(&table, "memory_mib").unwrap_or(1),
        seconds: reader.number(&table, "seconds").unwrap_or(1),
    }
}

/// The word for an output without columns.
struct Text;

impl std::str::FromStr for Text {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "text" { Ok(Self) } else { Err(()) }
    }
}
