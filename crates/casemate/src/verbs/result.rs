//! `casemate result open`: decrypt a result, verify all that it rests on, show its table or write its files.

use std::path::Path;

use casemate_contract::{Output, OutputFile, ResultBody};
use casemate_keep::ResultFile;
use casemate_service::{VerifiedRun, verify_result, verify_run};
use serde_json::{Value, json};

use crate::{
    cli::{Global, ResultOpenArgs, ResultVerb},
    failure::{Failure, Outcome},
    files, output,
    screen::Screen,
    state::{self, State},
};

use super::{receipt, result_files};

/// Dispatches `casemate result`.
pub(crate) async fn result(verb: &ResultVerb, global: &Global, screen: Screen) -> Outcome {
    match verb {
        ResultVerb::Open(args) => open(args, global, screen).await,
    }
}

async fn open(args: &ResultOpenArgs, global: &Global, screen: Screen) -> Outcome {
    let state = State::open(global)?;
    let sealed = files::read(&args.file)?;
    let (keys, store) = state.unlock().await?;
    let content = keys.decrypt(&sealed).map_err(|error| state::in_file(&args.file, error))?;
    let refused = |error: &dyn std::fmt::Display| {
        Failure::refused(format!("`{}` does not verify: {error}", args.file.display()), Vec::new())
    };
    let file = ResultFile::from_bytes(&content).map_err(|error| refused(&error))?;
    let run = verify_run(&file.bundle, None).map_err(|error| refused(&error))?;
    let body = verify_result(&file.result, &run).map_err(|error| refused(&error))?;
    let known = store.contract(&run.contract.digest()).await.map_err(state::store)?.is_some();
    let (table, outputs) = match &body.output {
        Output::Table(ipc) => {
            let pretty = casemate_query::to_pretty(ipc).map_err(|error| refused(&error))?;
            screen.line(pretty.trim_end());
            screen.line("");
            show(&run, &body, known, screen);
            let csv = casemate_query::to_csv(ipc).map_err(|error| refused(&error))?;
            if let Some(path) = &args.csv {
                output::write_once(path, csv.as_bytes())?;
                screen.line(format!("table            {}", path.display()));
            }
            (table(&csv), Value::Null)
        }
        Output::Files(outputs) => {
            if args.csv.is_some() {
                return Err(Failure::input("this result is files, and no table").help("leave --csv away; see --out"));
            }
            show(&run, &body, known, screen);
            let folder = args.out.clone().unwrap_or_else(|| args.file.with_extension("files"));
            (Value::Null, write(&folder, outputs, screen)?)
        }
    };
    screen.object(&json!({
        "study": body.study.as_str(), "computation": body.computation.as_str(), "run": body.run.to_string(),
        "contract": body.contract.to_string(), "contract_known": known, "table": table, "files": outputs,
        "gates": gates(&body), "free_form": run.free_form(), "at": body.at.to_string(), "verified": receipt::summary(&run),
    }));
    Ok(())
}

/// Writes a program's files, and tells of each.
fn write(folder: &Path, outputs: &[OutputFile], screen: Screen) -> Result<Value, Failure> {
    let paths = result_files::write(folder, outputs)?;
    let told = outputs.iter().zip(paths).map(|(output, path)| {
        screen.line(format!("file             {} ({} bytes)", path.display(), output.bytes.len()));
        // Verified to be UTF-8.
        let text = String::from_utf8_lossy(&output.bytes);
        json!({"name": output.name.as_str(), "path": path, "bytes": output.bytes.len(), "text": text})
    });
    Ok(told.collect())
}

fn show(run: &VerifiedRun, body: &ResultBody, known: bool, screen: Screen) {
    screen.line(format!("study            {} {}, run {} at {}", body.study, body.computation, body.run, body.at));
    let contract = if known { "the contract that this party has" } else { "a contract that this party does NOT have" };
    screen.line(format!("contract         {}: {contract}", body.contract));
    screen.line(format!("verified         {}", receipt::summary(run)));
    for gate in &body.gates {
        let outcome = if gate.passed { "passed" } else { "refused" };
        screen.line(format!("gate             {}: {}: {outcome}", gate.dataset, gate.gate));
    }
}

fn gates(body: &ResultBody) -> Vec<Value> {
    let gates = body.gates.iter().map(|gate| {
        json!({
            "dataset": gate.dataset.as_str(), "gate": gate.gate, "outcome": if gate.passed { "passed" } else { "refused" },
        })
    });
    gates.collect()
}

/// The table as JSON: numbers as numbers, everything else as text.
fn table(text: &str) -> Value {
    let mut lines = text.lines().map(cells);
    let columns = lines.next().unwrap_or_default();
    let rows: Vec<Vec<Value>> = lines.map(|cells| cells.into_iter().map(value).collect()).collect();
    json!({"columns": columns, "rows": rows})
}

fn value(cell: String) -> Value {
    if cell.is_empty() {
        return Value::Null;
    }
    cell.parse::<i64>()
        .map(Value::from)
        .or_else(|_| cell.parse::<f64>().map(Value::from))
        .unwrap_or(Value::String(cell))
}

/// The cells of one CSV line [RFC 4180]; a result's cells hold no line breaks worth keeping.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            other => cell.push(other),
        }
    }
    cells.push(cell);
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_csv_cells() {
        assert_eq!(cells("a,\"b,\"\"c\"\"\",1"), ["a", "b,\"c\"", "1"]);
        assert_eq!(table("a,b\n1,2.5\n,x\n"), json!({"columns": ["a", "b"], "rows": [[1, 2.5], [null, "x"]]}));
    }
}
