//! `contract check`: what is wrong with a study.toml is found before anyone signs, with the place marked.

use std::fs;

use crate::study::Study;

const HONEST: &str = r#"
[computations.ages]
sql = """SELECT d.diagnosis, COUNT(*) AS n, AVG(m.mean_radius) AS radius
FROM measurements m JOIN diagnoses d ON m.patient_id = d.patient_id GROUP BY d.diagnosis"""
runners = ["researcher"]
recipients = ["researcher"]
reads = { measurements = ["patient_id", "mean_radius"], diagnoses = ["patient_id", "diagnosis"] }
"#;

/// Name, text to replace, its replacement, exit code, what the message says, what the marked text says or holds.
type Crime = (&'static str, &'static str, &'static str, i32, &'static [&'static str]);

const GATE: &str = "gate = { min_entities = 10, max_rows = 1000, max_bytes = 262144 }";

#[rustfmt::skip]
const CRIMES: &[Crime] = &[
    ("unknown_column", "\"mean_radius\"], d", "\"mean_radios\"], d", 2, &["no column `mean_radios`"]),
    ("unknown_column_in_reads", "[\"patient_id\", \"diagnosis\"]", "[\"patient_id\", \"ward\"]", 2, &["no column `ward`"]),
    ("sql_outside_its_view", "AVG(m.mean_radius)", "AVG(m.mean_area)", 1, &["gates refuse"]),
    ("sql_of_unknown_table", "FROM measurements m", "FROM secrets m", 1, &["gates refuse"]),
    ("sql_of_single_rows", "SELECT d.diagnosis, COUNT(*) AS n, AVG(m.mean_radius) AS radius", "SELECT d.diagnosis, m.mean_radius AS radius", 1, &["gates refuse"]),
    ("sql_explain", "SELECT d.diagnosis,", "EXPLAIN SELECT d.diagnosis,", 1, &["gates refuse"]),
    ("sql_two_statements", "GROUP BY d.diagnosis\"\"\"", "GROUP BY d.diagnosis; SELECT 1\"\"\"", 1, &["gates refuse"]),
    ("sql_no_sql", "SELECT d.diagnosis,", "SELEKT d.diagnosis,", 1, &["gates refuse"]),
    ("no_gate", GATE, "", 2, &["gate"]),
    ("gate_of_one", "min_entities = 10", "min_entities = 1", 2, &["min_entities"]),
    ("unknown_key", "[study]\n", "[study]\ncolour = \"red\"\n", 2, &["unknown key `colour`"]),
    ("unknown_isolation", "isolations = [\"process\"]", "isolations = [\"hope\"]", 2, &["hope"]),
    ("unknown_party", "runners = [\"researcher\"]", "runners = [\"nobody\"]", 2, &["no party `nobody`"]),
    ("dataset_twice", "[datasets.diagnoses]\n", "[datasets.measurements]\n", 2, &["stands here twice"]),
    ("sequence_without_supersedes", "sequence = 1\n", "sequence = 2\n", 2, &["needs `supersedes`"]),
    ("not_toml", "[study]\n", "[study\n", 2, &["not TOML"]),
];

#[test]
fn each_crime_is_named_and_marked() {
    let study = Study::sealed("bad-study");
    let researcher = &study.researcher;
    let honest = study.write_contract(HONEST);
    researcher.expect(&["contract", "check", "study.toml"]);
    let expired = honest.lines().find(|line| line.starts_with("expires = ")).unwrap().to_owned();
    let old = ("expired", expired.as_str(), "expires = 2020-01-01T00:00:00Z", 2, &["expired at 2020-01-01"][..]);
    let [own, other] = [researcher, &study.clinic].map(|party| party.expect(&["key", "card"])["launcher"].to_string());
    let (line, twice) = (format!("launchers = [{own}]"), format!("launchers = [{own}, {own}]"));
    let without = &["`researcher` is to run in isolation `process` but has no `launchers`", "casemate init"][..];
    let launchers = [
        ("runner_without_launcher", line.as_str(), "", 2, without),
        ("launcher_twice", line.as_str(), twice.as_str(), 2, &["stands here twice"]),
        ("launcher_of_another", own.as_str(), other.as_str(), 2, &["the same key as `parties.clinic.launchers"]),
    ];

    for (name, from, to, code, parts) in CRIMES.iter().copied().chain([old]).chain(launchers) {
        assert!(honest.contains(from), "{name}: `{from}` is not in the template any more");
        let file = researcher.write(&format!("{name}.toml"), honest.replacen(from, to, 1));
        let before = study.folder.files().unwrap();
        let checked = researcher.call(&["contract", "check", &file]);
        checked.fails(code, parts);
        checked.fails(code, &[&format!("`{file}`")]);
        let marks = checked.json["marks"].as_array().unwrap_or_else(|| panic!("{name} marks nothing: {checked:?}"));
        assert!(!marks.is_empty(), "{name} marks nothing: {checked:?}");
        let signed = researcher.call(&["contract", "sign", &file, "--yes"]);
        signed.fails(code, parts);
        assert_eq!(study.folder.files().unwrap(), before, "{name} left something");
    }
    assert!(!fs::exists(researcher.join("no_gate.contract")).unwrap());

    // For people, the line itself is shown.
    let mut command = researcher.command(&["contract", "check", "unknown_key.toml"]);
    command = {
        let args: Vec<_> = command.get_args().filter(|arg| *arg != "--json").map(ToOwned::to_owned).collect();
        let mut plain = std::process::Command::new(command.get_program());
        plain.args(args).current_dir(&researcher.folder);
        plain
    };
    let text = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(text.contains("colour = \"red\"") && text.contains("unknown_key.toml"), "{text}");
}

/// What a program's contract may pin, and what no keep of this version could load.
const PROGRAM: &str = r#"
[computations.score]
wasm = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
artifact = { digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111", wasmtime = "WASMTIME", target = "TARGET", settings = "sha256:2222222222222222222222222222222222222222222222222222222222222222" }
max_output_bytes = 65536
clock_rounds_to_s = 3600
seed = 1
limits = { memory_mib = 64, seconds = 60 }
free_form = true
runners = ["researcher"]
recipients = ["researcher"]
reads = { measurements = ["patient_id", "mean_radius"] }
inputs = { "patients.csv" = "SELECT patient_id, mean_radius FROM measurements" }
outputs = { "report.txt" = "text" }
"#;

#[test]
fn an_artifact_that_no_keep_loads_is_refused_before_anyone_signs() {
    let study = Study::sealed("bad-artifact");
    let researcher = &study.researcher;
    let check = |wasmtime: &str, target: &str| {
        study.write_contract(&PROGRAM.replace("WASMTIME", wasmtime).replace("TARGET", target));
        researcher.call(&["contract", "check", "study.toml"])
    };
    let (own, linux) = (casemate_wasm::WASMTIME, casemate_wasm::TARGET);
    let honest = check(own, linux);
    assert_eq!(honest.code, Some(0), "{honest:?}");
    for (wasmtime, target) in
        [("999.0.0", linux), ("0.0.1", linux), (own, "z80-unknown-cpm"), (own, "x86_64-pc-windows-msvc")]
    {
        let refused = check(wasmtime, target);
        refused.refused(&["artifact-runtime"]);
        refused.fails(1, &["pins compiled code that no keep loads"]);
        let reason = &refused.json["reasons"][0];
        assert!(
            reason["expected"].as_str().unwrap().contains(own) && reason["actual"].as_str().unwrap().contains(target)
        );
        assert_eq!(refused.json["marks"].as_array().unwrap().len(), 1, "{refused:?}");
    }
    // What turns the direction of reading is shown escaped, in the list, at the mark, and in the text around it.
    let crime = "x86_64\u{202e}unknown";
    let file = PROGRAM
        .replace("WASMTIME", own)
        .replace("TARGET", crime)
        .replace("[computations.score]", "[computations.score] # \u{202e}");
    study.write_contract(&file);
    for command in [
        researcher.command(&["contract", "check", "study.toml"]),
        researcher.people(&["contract", "check", "study.toml"]),
    ] {
        let output = { command }.output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("u{202e}") && !said.contains('\u{202e}'), "{said}");
    }
}

/// Two modules that do nothing, of which the second has a function more.
const GENUINE: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x01\x07\x13\x02\x06_start\0\0\x06memory\x02\0\x0a\x04\x01\x02\0\x0b";
const OTHER: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x03\x02\0\0\x05\x03\x01\0\x01\x07\x13\x02\x06_start\0\0\x06memory\x02\0\x0a\x07\x02\x02\0\x0b\x02\0\x0b";

#[test]
fn nobody_signs_code_that_another_program_was_compiled_to() {
    let study = Study::sealed("other-artifact");
    let researcher = &study.researcher;
    let [genuine, other] = [("genuine", GENUINE), ("other", OTHER)].map(|(name, bytes)| {
        let file = researcher.write(&format!("{name}.wasm"), bytes);
        researcher.expect(&["program", "compile", &file, "--out", &format!("{name}.cwasm")])
    });
    let text = |of: &serde_json::Value, field: &str| of[field].as_str().unwrap().to_owned();
    assert_ne!(text(&genuine, "digest"), text(&other, "digest"));
    let zeros = |digit: &str| format!("sha256:{}", digit.repeat(64));
    let sign = |artifact: &str, settings: &str, out: &str| {
        let contract = PROGRAM
            .replace("WASMTIME", casemate_wasm::WASMTIME)
            .replace("TARGET", casemate_wasm::TARGET)
            .replace(&zeros("0"), &text(&genuine, "program"))
            .replace(&zeros("1"), artifact)
            .replace(&zeros("2"), settings);
        study.write_contract(&contract);
        researcher.call(&["contract", "sign", "study.toml", "--out", out, "--yes"])
    };
    let (own, settings) = (text(&genuine, "digest"), text(&genuine, "settings"));
    let crimes =
        [("another program's", text(&other, "digest"), &settings), ("other settings", own.clone(), &zeros("3"))];
    for (crime, artifact, settings) in crimes {
        let refused = sign(&artifact, settings, "crime.contract");
        refused.refused(&["artifact-recompiled"]);
        assert!(!fs::exists(researcher.join("crime.contract")).unwrap(), "{crime}");
    }
    let honest = sign(&own, &settings, "honest.contract");
    assert_eq!(honest.code, Some(0), "{honest:?}");
    // Who does not have the program can't say what its code is.
    fs::remove_file(researcher.join("genuine.wasm")).unwrap();
    sign(&own, &settings, "blind.contract").fails(2, &["is not here to compile"]);
}
