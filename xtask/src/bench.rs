//! `cargo xtask bench NAME`: measures, prints a table, and compares with the targets written here.
//!
//! A bench is a program (`[[bench]]`, `harness = false`, release profile) that prints, among what it likes, one line
//! `casemate-figure NAME VALUE` for each figure that it measured (`casemate_testkit::figure`). All else is done here, so
//! that all benches read alike: with `--json` the last line is one object
//! `{"NAME": {"value": …, "target": …, "met": true|false}, …}`, in which a figure that was not measured has the value `null`
//! and is not met. A figure without a target has its value alone.

mod figures;
mod machine;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use figures::{BENCHES, Bench, Measured};
use serde_json::{Map, Value, json};

use crate::{
    failure::Failure,
    process::{cargo, root},
};

/// Where the last results are kept.
const RECORD: &str = "docs/benchmarks.md";
/// Begins a line that reports a figure.
const FIGURE: &str = "casemate-figure ";

/// `cargo xtask bench NAME [--json] [--write]`
pub(crate) fn run(arguments: &[&str]) -> Result<(), Failure> {
    let names: Vec<&str> = arguments.iter().filter(|argument| !argument.starts_with("--")).copied().collect();
    let flags: Vec<&str> = arguments.iter().filter(|argument| argument.starts_with("--")).copied().collect();
    let [name] = names.as_slice() else { return Err(Failure::new("name one bench: cargo xtask bench NAME")) };
    let bench = BENCHES.iter().find(|bench| bench.name == *name).ok_or_else(|| {
        let names: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
        Failure::with_remedy(format!("there is no bench `{name}`"), format!("there are: {}", names.join(", ")))
    })?;
    if let Some(flag) = flags.iter().find(|flag| !["--json", "--write"].contains(flag)) {
        return Err(Failure::new(format!("`{flag}` is not a flag of `cargo xtask bench`")));
    }

    let (measured, ended) = measure(bench)?;
    let machine = machine::name();
    print!("\n{}", table(bench, &measured, &machine));
    if flags.contains(&"--write") {
        record(bench, &measured, &machine)?;
    }
    if flags.contains(&"--json") {
        println!("{}", object(bench, &measured));
    }
    ended?;
    let missed: Vec<&str> =
        bench.figures.iter().filter(|figure| !figure.is_met(&measured)).map(|figure| figure.name).collect();
    if missed.is_empty() { Ok(()) } else { Err(Failure::new(format!("not met: {}", missed.join(", ")))) }
}

/// Runs the bench's program and collects its figures. How the program ended does not make the figures go away.
fn measure(bench: &Bench) -> Result<(Measured, Result<(), Failure>), Failure> {
    let mut command: Command = cargo(&["bench", "--quiet", "--package", bench.package, "--bench", bench.target]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::new(format!("`cargo bench` could not be started: {error}")))?;
    let mut measured = BTreeMap::new();
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufReader::lines) {
        let line = line.map_err(|error| Failure::new(format!("the bench's output could not be read: {error}")))?;
        match figure(&line) {
            Some((name, value)) => drop(measured.insert(name, value)),
            None => println!("{line}"),
        }
    }
    let status = child.wait().map_err(|error| Failure::new(format!("`cargo bench` got lost: {error}")))?;
    let ended = if status.success() { Ok(()) } else { Err(Failure::new(format!("the bench failed ({status})"))) };
    Ok((measured, ended))
}

fn figure(line: &str) -> Option<(String, f64)> {
    let (name, value) = line.strip_prefix(FIGURE)?.split_once(' ')?;
    let value: f64 = value.trim().parse().ok()?;
    value.is_finite().then(|| (name.to_owned(), value))
}

fn table(bench: &Bench, measured: &Measured, machine: &str) -> String {
    let mut text =
        format!("{}, on {machine}\n\n| figure | value | target | met |\n| --- | --- | --- | --- |\n", bench.what);
    for figure in bench.figures {
        let value = measured.get(figure.name).map_or_else(|| "not measured".to_owned(), |value| format!("{value:.3}"));
        let met = if figure.is_met(measured) { "yes" } else { "no" };
        text += &format!("| {} | {value} | {} | {met} |\n", figure.name, figure.target);
    }
    for (name, value) in measured.iter().filter(|(name, _)| !bench.figures.iter().any(|f| f.name == **name)) {
        text += &format!("| {name} | {value:.3} | | |\n");
    }
    text
}

fn object(bench: &Bench, measured: &Measured) -> Value {
    let others = measured.iter().map(|(name, value)| (name.clone(), json!({ "value": value })));
    let figures = bench.figures.iter().map(|figure| {
        let value = measured.get(figure.name);
        let target = figure.target.limit();
        (figure.name.to_owned(), json!({ "value": value, "target": target, "met": figure.is_met(measured) }))
    });
    Value::Object(others.chain(figures).collect::<Map<_, _>>())
}

/// Replaces the bench's section of the record, or appends one.
fn record(bench: &Bench, measured: &Measured, machine: &str) -> Result<(), Failure> {
    let path = root().join(RECORD);
    let text = fs::read_to_string(&path).map_err(Failure::of_file(&path))?;
    let section = format!("{}\n{}", machine::today(), table(bench, measured, machine));
    fs::write(&path, replaced(&text, bench.name, &section)).map_err(Failure::of_file(&path))
}

fn replaced(text: &str, name: &str, section: &str) -> String {
    let heading = format!("## `{name}`\n");
    let (before, after) = match text.split_once(&heading) {
        None => (text, ""),
        Some((before, rest)) => (before, rest.find("\n## ").and_then(|at| rest.get(at..)).unwrap_or("")),
    };
    format!("{}\n\n{heading}\n{}\n{after}", before.trim_end(), section.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_figures() {
        assert_eq!(figure("casemate-figure time_ratio 1.07"), Some(("time_ratio".to_owned(), 1.07)));
        for other in ["time_ratio 1.07", "casemate-figure time_ratio", "casemate-figure a b", "casemate-figure a NaN"] {
            assert_eq!(figure(other), None, "{other}");
        }
    }

    #[test]
    fn what_was_not_measured_is_there_as_not_met() {
        let bench = &BENCHES[0];
        let first = bench.figures[0].name;
        let object = object(bench, &BTreeMap::new());
        assert_eq!(object.as_object().unwrap().len(), bench.figures.len());
        assert_eq!(object[first]["value"], Value::Null);
        assert_eq!(object[first]["met"], false);
        assert!(table(bench, &BTreeMap::new(), "m").contains("not measured"));
    }

    #[test]
    fn met_and_missed() {
        let bench = BENCHES.iter().find(|bench| bench.name == "study").unwrap();
        let name = "query_time_ratio";
        for (value, met) in [(1.149, true), (1.15, true), (1.151, false)] {
            assert_eq!(object(bench, &BTreeMap::from([(name.to_owned(), value)]))[name]["met"], met, "{value}");
        }
    }

    #[test]
    fn what_has_no_target_is_told_too() {
        let object = object(&BENCHES[0], &BTreeMap::from([("start_ms".to_owned(), 7.0)]));
        assert_eq!(object["start_ms"], json!({ "value": 7.0 }));
    }

    #[test]
    fn sections_are_replaced_alone() {
        let text = "# B\n\n## `a`\n\nold\n\n## `b`\n\nkept\n";
        assert_eq!(replaced(text, "a", "new\n"), "# B\n\n## `a`\n\nnew\n\n## `b`\n\nkept\n");
        assert_eq!(replaced(text, "b", "new\n"), "# B\n\n## `a`\n\nold\n\n## `b`\n\nnew\n");
        assert_eq!(replaced("# B\n", "a", "new\n"), "# B\n\n## `a`\n\nnew\n");
    }
}
