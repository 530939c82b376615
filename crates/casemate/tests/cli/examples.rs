//! The programs of `examples/`: built by the commands that `examples/README.md` names, and compared with scikit-learn.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use casemate_testkit::Folder;
use casemate_wasm::{
    Clock, Column, ColumnType, Engine, FileRule, Job, Limits, OutputRules, Program, Settings, WasmRefusal,
};
use serde_json::Value;

use crate::study::{DIAGNOSES, MEASUREMENTS};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
const ARGUMENTS: &str = "--label\ndiagnosis\n--every\n3\n--l2\n1.0\n";
const OUTPUTS: [&str; 2] = ["model.csv", "report.csv"];
const MODEL: &str = "feature utf8,mean float64,deviation float64,coefficient float64,odds float64";
const REPORT: &str = "rows int64,trained int64,held_back int64,auc float64,accuracy float64,log_loss float64";
/// Stands in cells of bad tables: nothing that a program says may hold it.
const CANARY: &str = "31337.125";

#[test]
fn the_module_is_what_its_source_gives() {
    let Some(python) = casemate_testkit::python("the example module rebuilt from its source") else { return };
    let folder = Folder::new("examples-module");
    let built = build(&python, "python -m ziglang cc ", &folder).join("logistic/logistic.wasm");
    let (built, committed) = (fs::read(built).unwrap(), fs::read(module()).unwrap());
    assert!(committed.len() < 100 << 10, "{} bytes", committed.len());
    assert!(built == committed, "examples/logistic/logistic.wasm is not what its source gives: build it again");
}

#[test]
fn the_module_finds_the_model_that_scikit_learn_finds() {
    let Some(python) = casemate_testkit::python("the example in C compared with scikit-learn") else { return };
    finds_the_same_model(&python, &module(), &Folder::new("examples-c"));
}

#[test]
fn the_python_component_finds_the_model_that_scikit_learn_finds() {
    let Some(python) = casemate_testkit::python("the example in Python compared with scikit-learn") else { return };
    let folder = Folder::new("examples-python");
    let component = build(&python, "componentize-py ", &folder).join("logistic-python/logistic.wasm");
    finds_the_same_model(&python, &component, &folder);
}

/// On this machine: not every Rust has the target that it is meant for.
#[test]
fn the_rust_program_passes_its_own_tests() {
    let manifest = Path::new(EXAMPLES).join("counts-rust/Cargo.toml");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--offline", "--locked", "--manifest-path"]).arg(manifest);
    cargo.arg("--target-dir").arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("counts-rust"));
    let output = cargo.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("2 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

fn module() -> PathBuf {
    Path::new(EXAMPLES).join("logistic/logistic.wasm")
}

/// Runs the command of the README that starts with `start`, as it is pasted, in a copy of the folder with nothing built.
fn build(python: &Path, start: &str, folder: &Folder) -> PathBuf {
    let copy = folder.join("a copy");
    for file in [
        "logistic/logistic.c",
        "logistic-python/app.py",
        "logistic-python/wit/world.wit",
        "logistic-python/wit/deps/cli.wit",
    ] {
        fs::create_dir_all(copy.join(file).parent().unwrap()).unwrap();
        fs::copy(Path::new(EXAMPLES).join(file), copy.join(file)).unwrap();
    }
    let readme = fs::read_to_string(Path::new(EXAMPLES).join("README.md")).unwrap();
    let mut commands = readme.lines().filter(|line| line.starts_with(start));
    let (command, None) = (commands.next().unwrap(), commands.next()) else { panic!("two commands for {start}") };

    // libc is compiled once and kept; of the program itself nothing is.
    let (kept, fresh) = (Path::new(env!("CARGO_TARGET_TMPDIR")).join("zig"), folder.join("zig"));
    let path = format!("{}:{}", python.parent().unwrap().display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", command]).current_dir(&copy).env("PATH", path);
    shell.env("ZIG_GLOBAL_CACHE_DIR", kept).env("ZIG_LOCAL_CACHE_DIR", fresh);
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    copy
}

/// One run of a program: its table and its arguments, one a line.
struct Case {
    what: &'static str,
    table: String,
    arguments: &'static str,
}

fn finds_the_same_model(python: &Path, program: &Path, folder: &Folder) {
    let joined = joined();
    let mut turned: Vec<&str> = joined.lines().skip(1).collect();
    turned.reverse();
    let turned = format!("{}\n{}\n", joined.lines().next().unwrap(), turned.join("\n"));
    let case = |what, table: &str, arguments| Case { what, table: table.to_owned(), arguments };
    let good = [
        case("the study", &joined, ARGUMENTS),
        case("rows in another order", &turned, "--label\ndiagnosis\n"),
        case("a stronger penalty", &joined, "--label\ndiagnosis\n--l2\n2\n"),
    ];
    let cases: Vec<Case> = good.into_iter().chain(crimes(&joined)).collect();
    let folders: Vec<PathBuf> = cases.iter().map(|case| lay_out(case, folder)).collect();
    let mut command = vec!["run".into(), program.to_owned()];
    command.extend(folders.iter().cloned());
    let ends = examples(python, &command);
    let compiled = Engine::new(Settings::default()).unwrap().compile(&fs::read(program).unwrap()).unwrap();

    for ((case, folder), end) in cases.iter().zip(&folders).zip(ends.as_array().unwrap()).skip(3) {
        let what = case.what;
        assert_eq!(in_casemate(&compiled, case), Err(WasmRefusal::ExitCode), "{what}");
        assert_ne!(end["code"], 0, "{what}: {end}");
        assert_eq!(fs::read_dir(folder.join("out")).unwrap().count(), 0, "{what} left something");
        let said = end["said"].as_str().unwrap();
        assert!(said.starts_with("logistic: ") && !said.contains(CANARY), "{what}: {said}");
        assert!(said.lines().count() == 1 && !said.contains("failed with"), "{what}: {said}");
    }
    let fitted = examples(python, &["fit".into(), folders[0].join("in/patients.csv")]);
    let [study, turned, stronger] = [0, 1, 2].map(|at| {
        assert_eq!(ends[at]["code"], 0, "{}: {}", cases[at].what, ends[at]);
        let left = OUTPUTS.map(|file| fs::read_to_string(folders[at].join("out").join(file)).unwrap());
        assert_eq!(in_casemate(&compiled, &cases[at]).as_ref(), Ok(&left), "{}: another runtime", cases[at].what);
        left
    });
    assert_eq!(study, turned);
    assert!(difference(&study[0], &fitted) < 1e-4, "{} {fitted}", study[0]);
    assert!(difference(&stronger[0], &fitted) > 1e-3, "the comparison sees no difference");
    same_quality(&study[1], &fitted);
}

/// The demo's two tables as the contract's view gives them.
fn joined() -> String {
    let diagnoses: BTreeMap<&str, &str> = DIAGNOSES.lines().filter_map(|line| line.split_once(',')).collect();
    let rows = MEASUREMENTS.lines().map(|line| {
        let (patient, cells) = line.split_once(',').unwrap();
        let diagnosis = match diagnoses[patient] {
            "malignant" => "1",
            "benign" => "0",
            header => header,
        };
        format!("{patient},{diagnosis},{cells}\n")
    });
    rows.collect()
}

/// Tables and arguments that no program may take: each has one thing wrong with it.
fn crimes(joined: &str) -> Vec<Case> {
    let lines: Vec<&str> = joined.lines().collect();
    let (line, rest) = (lines[7], lines[7].split_once(',').unwrap().1);
    let with = |what, other: String| Case { what, table: joined.replace(line, &other), arguments: ARGUMENTS };
    let whole = |what, table: String| Case { what, table, arguments: ARGUMENTS };
    let told = |what, arguments| Case { what, table: joined.to_owned(), arguments };
    let one_class =
        lines.iter().filter(|line| !line.contains(",0,")).fold(String::new(), |text, line| text + line + "\n");
    vec![
        with("a cell too few", line.rsplit_once(',').unwrap().0.to_owned()),
        with("a cell too many", format!("{line},{CANARY}")),
        with("an empty cell", format!("{},", line.rsplit_once(',').unwrap().0)),
        with("a cell that is no number", format!("{},{CANARY}x", line.rsplit_once(',').unwrap().0)),
        with("a cell that is no finite number", format!("{},nan", line.rsplit_once(',').unwrap().0)),
        with("a label that is neither", line.replacen(",1,", &format!(",{CANARY},"), 1)),
        with("an entity twice", format!("8,{rest}")),
        with("no entity", format!(",{rest}")),
        whole("one class alone", one_class),
        whole("nothing", String::new()),
        whole("a header alone", format!("{}\n", lines[0])),
        whole("no feature", "patient_id,diagnosis\n1,1\n2,0\n3,1\n4,0\n5,1\n6,0\n".to_owned()),
        whole("the label's name twice", joined.replacen("mean_radius", "diagnosis", 1)),
        told("a label that is no column", "--label\noutcome\n"),
        told("the entity as label", "--label\npatient_id\n"),
        told("no label", ""),
        told("everything held back", "--label\ndiagnosis\n--every\n1\n"),
        told("no penalty", "--label\ndiagnosis\n--l2\n0\n"),
        told("an option without its value", "--label\ndiagnosis\n--l2\n"),
        told("an option that is none", "--label\ndiagnosis\n--seed\n1\n"),
    ]
}

fn lay_out(case: &Case, folder: &Folder) -> PathBuf {
    let place = folder.join(case.what);
    for inner in ["in", "out"] {
        fs::create_dir_all(place.join(inner)).unwrap();
    }
    fs::write(place.join("in/patients.csv"), &case.table).unwrap();
    fs::write(place.join("arguments"), case.arguments).unwrap();
    place
}

/// What Casemate's own runtime makes of a case, held to the columns that the demo's contract declares.
fn in_casemate(program: &Program, case: &Case) -> Result<[String; 2], WasmRefusal> {
    let rules = OUTPUTS.into_iter().zip([MODEL, REPORT]).map(|(file, columns)| (file.to_owned(), csv(columns)));
    let outputs = program.run(Job {
        name: "train".to_owned(),
        arguments: case.arguments.lines().map(str::to_owned).collect(),
        inputs: vec![("patients.csv".to_owned(), case.table.clone().into())],
        outputs: OutputRules { files: rules.collect(), max_bytes: 64 << 10 },
        clock: Clock { unix_s: 1_795_312_496, rounds_to_s: 3600 },
        seed: 1,
        limits: Limits { memory_bytes: 64 << 20, time: Duration::from_secs(120), fuel: None },
    })?;
    let texts: Vec<String> = outputs.into_iter().map(|file| String::from_utf8(file.bytes).unwrap()).collect();
    Ok(texts.try_into().unwrap())
}

fn csv(columns: &str) -> FileRule {
    let column = |column: &str| {
        let (name, kind) = column.split_once(' ').unwrap();
        let kind = match kind {
            "float64" => ColumnType::Float64,
            "int64" => ColumnType::Int64,
            _ => ColumnType::Utf8,
        };
        Column { name: name.to_owned(), kind }
    };
    FileRule::Csv(columns.split(',').map(column).collect())
}

fn examples(python: &Path, arguments: &[PathBuf]) -> Value {
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/examples.py")).args(arguments);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The largest difference between two models' coefficients.
fn difference(model: &str, fitted: &Value) -> f64 {
    let theirs = fitted["coefficients"].as_object().unwrap();
    let mut lines = model.lines();
    assert_eq!(lines.next(), Some("feature,mean,deviation,coefficient,odds"));
    let differences: Vec<f64> = lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let [coefficient, odds] = [3, 4].map(|at| cells[at].parse::<f64>().unwrap());
            assert!((odds.ln() - coefficient).abs() < 1e-9, "{line}");
            (coefficient - theirs[cells[0]].as_f64().unwrap()).abs()
        })
        .collect();
    assert_eq!(differences.len(), theirs.len());
    differences.into_iter().fold(0.0, f64::max)
}

fn same_quality(report: &str, fitted: &Value) {
    let [header, line] = report.lines().collect::<Vec<_>>()[..] else { panic!("{report}") };
    assert_eq!(header, "rows,trained,held_back,auc,accuracy,log_loss");
    let cells: Vec<&str> = line.split(',').collect();
    assert_eq!(cells[..3], ["569", "380", "189"]);
    for (cell, (name, tolerance)) in cells[3..].iter().zip([("auc", 1e-9), ("accuracy", 1e-9), ("log_loss", 1e-6)]) {
        let (ours, theirs) = (cell.parse::<f64>().unwrap(), fitted[name].as_f64().unwrap());
        assert!((ours - theirs).abs() < tolerance, "{name}: {ours} {theirs}");
    }
}
