//! Wasm programs in a real keep: what they get, what they leave, and what a launcher or a program can't do.

use std::fmt::Write as _;

use casemate_contract::{GateOutcome, Output, ResultBody, RunBundle};
use casemate_cose::Digest;
use casemate_keep::ResultFile;
use casemate_launch::Outcome;
use casemate_wasm::{Engine, Settings};

use crate::{
    launcher::run,
    owners::{Crime, Setting, Study, Wasm, program_key, read_only},
};

const VIEW: &str = "SELECT m.patient, d.diagnosis FROM measurements m JOIN diagnoses d ON m.patient = d.patient \
                    WHERE m.patient < 3 ORDER BY m.patient";

/// Opens `/in/rows.csv` and reads it, then `$between`, then writes `bytes` of it to `/out/NAME`.
fn copier(name: &str, between: &str, bytes: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
  (type $start (func))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 16)
  (data (i32.const 0) "rows.csv")
  (data (i32.const 32) "{name}")
  (func $must (param i32) (if (local.get 0) (then unreachable)))
  (func (export "_start") (local $bytes i32) (local $spin i64)
    (call $must (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 64)))
    (i32.store (i32.const 72) (i32.const 4096))
    (i32.store (i32.const 76) (i32.const 900000))
    (call $must (call $read (i32.load (i32.const 64)) (i32.const 72) (i32.const 1) (i32.const 80)))
    (local.set $bytes (i32.load (i32.const 80)))
    {between}
    (call $must (call $open (i32.const 4) (i32.const 0) (i32.const 32) (i32.const {length}) (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 64)))
    (i32.store (i32.const 72) (i32.const 4096))
    (i32.store (i32.const 76) {bytes})
    (call $must (call $write (i32.load (i32.const 64)) (i32.const 72) (i32.const 1) (i32.const 80)))))"#,
        length = name.len()
    );
    wat::parse_str(text).unwrap()
}

/// The program with the contract's lines for it.
pub(crate) fn wasm(bytes: Vec<u8>, seconds: u32, view: &str) -> Wasm {
    let digest = Digest::of(&bytes);
    let lines = format!(
        "wasm = \"{digest}\"\narguments = []\ninputs = {{ \"rows.csv\" = \"{view}\" }}\noutputs = {{ \"copy.txt\" = \"text\" }}\n\
         max_output_bytes = 4096\nclock_rounds_to_s = 3600\nseed = 7\nlimits = {{ memory_mib = 64, seconds = {seconds} }}\n\
         free_form = true"
    );
    Wasm { bytes, lines, ..Wasm::default() }
}

/// The same, sealed by its author.
fn sealed(bytes: &[u8], view: &str) -> Wasm {
    let mut file = Vec::new();
    casemate_seal::blob::seal(bytes, &mut file, &program_key()).unwrap();
    of_sealed_file(file, view)
}

fn of_sealed_file(file: Vec<u8>, view: &str) -> Wasm {
    let open = wasm(Vec::new(), 60, view);
    let (_, lines) = open.lines.split_once('\n').unwrap();
    Wasm { bytes: Vec::new(), sealed: Some(file), lines: format!("wasm = {{ dataset = \"model\" }}\n{lines}"), ..open }
}

/// A program over all rows that writes three bytes of them, after `turns` of a loop.
pub(crate) fn reads_all(turns: u64) -> Wasm {
    let view = VIEW.replace("WHERE m.patient < 3 ", "");
    let spin = format!(
        "(local.set $spin (i64.const {turns})) (loop $again (local.set $spin (i64.sub (local.get $spin) (i64.const 1))) \
         (br_if $again (i64.ne (local.get $spin) (i64.const 0))))"
    );
    // Its time runs on while the keep is searched and stands still.
    wasm(copier("copy.txt", &spin, "(i32.const 3)"), 240, &view)
}

/// A program that reads all rows and then works for ever.
pub(crate) fn reads_all_and_stays() -> Wasm {
    let view = VIEW.replace("WHERE m.patient < 3 ", "");
    wasm(copier("copy.txt", "(loop $again (br $again))", "(i32.const 3)"), 600, &view)
}

fn study(program: Wasm) -> Study {
    Study::with(Setting { program: Some(program), ..Setting::default() })
}

fn outcome(study: &Study) -> Outcome {
    run(study.spec([Crime::None, Crime::None])).unwrap()
}

/// The rule of the keep's own refusal.
fn rule(program: Wasm) -> String {
    let study = study(program);
    match outcome(&study) {
        Outcome::Refused { owner: None, reasons, .. } => reasons[0].rule.clone(),
        other => panic!("{other:?}"),
    }
}

fn files(study: &Study, outcome: &Outcome) -> (Vec<(String, String)>, Vec<GateOutcome>) {
    let Outcome::Done { results, bundle, .. } = outcome else { panic!("{outcome:?}") };
    let mut content = Vec::new();
    casemate_seal::blob::open(results[0].file.as_slice(), &mut content, &study.recipient_secret()).unwrap();
    let file = ResultFile::from_bytes(&content).unwrap();
    let keep = RunBundle::from_bytes(bundle).unwrap().keep_key;
    let body = ResultBody::verify(&file.result, &keep).unwrap();
    let Output::Files(files) = body.output else { panic!("no files") };
    let files = files.into_iter().map(|file| (file.name.to_string(), String::from_utf8(file.bytes).unwrap()));
    (files.collect(), body.gates)
}

const COPIED: &str = "patient,diagnosis\n0,healthy\n1,ill\n2,healthy\n";

fn honest() -> Wasm {
    wasm(copier("copy.txt", "", "(local.get $bytes)"), 60, VIEW)
}

/// The same program as a component, by the standard's adapter.
fn component(module: &[u8]) -> Vec<u8> {
    use wasi_preview1_component_adapter_provider::{
        WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER as ADAPTER,
    };
    let encoder = wit_component::ComponentEncoder::default().validate(true).module(module).unwrap();
    encoder.adapter(NAME, ADAPTER).unwrap().encode().unwrap()
}

#[test]
fn a_component_runs_as_a_module_does() {
    let study = study(wasm(component(&honest().bytes), 60, VIEW));
    assert_eq!(files(&study, &outcome(&study)).0, [("copy.txt".to_owned(), COPIED.to_owned())]);
}

#[test]
fn a_program_reads_its_view_and_leaves_its_file() {
    let study = study(honest());
    let (files, gates) = files(&study, &outcome(&study));
    assert_eq!(files, [("copy.txt".to_owned(), COPIED.to_owned())]);
    let said: Vec<String> = gates.iter().map(|gate| format!("{} {}", gate.dataset, gate.gate)).collect();
    assert_eq!(said.len(), 4);
    assert!(said.iter().any(|gate| gate == "measurements free-form output of a program that every signer trusts"));
    assert_eq!(study.released(), 2);
}

#[test]
fn what_a_program_does_wrong_ends_its_run_and_nothing_else() {
    let copy = |name: &str, between: &str, bytes: &str| copier(name, between, bytes);
    let cases = [
        ("a file that isn't declared", wasm(copy("rows.txt", "", "(local.get $bytes)"), 60, VIEW), "program-output"),
        ("a trap", wasm(copy("copy.txt", "unreachable", "(local.get $bytes)"), 60, VIEW), "program-trap"),
        ("a loop", wasm(copy("copy.txt", "(loop $again (br $again))", "(local.get $bytes)"), 1, VIEW), "program-time"),
        (
            "100 GiB",
            wasm(
                copy(
                    "copy.txt",
                    "(i32.store (i32.mul (memory.grow (i32.const 65000)) (i32.const 65536)) (i32.const 1))",
                    "(local.get $bytes)",
                ),
                60,
                VIEW,
            ),
            "program-memory",
        ),
        ("more bytes than agreed", wasm(copy("copy.txt", "", "(i32.const 4097)"), 60, VIEW), "program-quota"),
        (
            "bytes that aren't text",
            wasm(copy("copy.txt", "(i32.store8 (i32.const 4096) (i32.const 255))", "(i32.const 4)"), 60, VIEW),
            "program-output",
        ),
        (
            "a view of a column that it may not read",
            wasm(copy("copy.txt", "", "(i32.const 1)"), 60, "SELECT m.name FROM measurements m"),
            "unknown-column",
        ),
    ];
    for (crime, program, expected) in cases {
        assert_eq!(rule(program), expected, "{crime}");
    }
    // The machine is as it was.
    a_program_reads_its_view_and_leaves_its_file();
}

#[test]
fn bytes_that_are_no_program_are_refused_before_any_key() {
    let native = std::fs::read("/proc/self/exe").unwrap()[..4096].to_vec();
    let compiled = Engine::new(Settings::default()).unwrap().precompile(&honest().bytes).unwrap().bytes;
    for (crime, bytes) in [("nothing", Vec::new()), ("an ELF file", native), ("code compiled by somebody", compiled)] {
        let study = study(wasm(bytes, 60, VIEW));
        let Outcome::Refused { owner: None, reasons, .. } = outcome(&study) else { panic!("{crime}") };
        assert_eq!((reasons[0].rule.as_str(), study.released()), ("program-format", 0), "{crime}");
    }
}

#[test]
fn a_launcher_substitutes_the_program() {
    let study = study(honest());
    let mut spec = study.spec([Crime::None, Crime::None]);
    spec.program = copier("copy.txt", "nop", "(local.get $bytes)");
    let Outcome::Refused { owner: None, reasons, .. } = run(spec).unwrap() else { panic!("accepted") };
    assert_eq!((reasons[0].rule.as_str(), study.released()), ("program-digest", 0));
}

/// `program` with the artifact of `pinned` in the contract, and that of `given` handed over.
fn with_artifact(program: &[u8], pinned: &[u8], given: &[u8]) -> Wasm {
    let engine = Engine::new(Settings::default()).unwrap();
    let artifact = engine.precompile(pinned).unwrap();
    let mut program = wasm(program.to_vec(), 60, VIEW);
    write!(
        program.lines,
        "\nartifact = {{ digest = \"{}\", wasmtime = \"{}\", target = \"{}\", settings = \"{}\" }}",
        Digest::of(&artifact.bytes),
        artifact.wasmtime,
        artifact.target,
        artifact.settings
    )
    .unwrap();
    program.artifact = engine.precompile(given).unwrap().bytes;
    program
}

#[test]
fn a_pinned_artifact_is_loaded_and_no_other() {
    let other = copier("copy.txt", "unreachable", "(local.get $bytes)");
    for (own, other) in [(honest().bytes, other.clone()), (component(&honest().bytes), component(&other))] {
        let loaded = study(with_artifact(&own, &own, &own));
        assert_eq!(files(&loaded, &outcome(&loaded)).0, [("copy.txt".to_owned(), COPIED.to_owned())]);
        // Somebody who signs an artifact without compiling it himself gets what he signed: it is what runs.
        assert_eq!(rule(with_artifact(&own, &other, &other)), "program-trap");
        // What the launcher substitutes isn't even looked at.
        let substituted = study(with_artifact(&own, &own, &other));
        let Outcome::Refused { owner: None, reasons, .. } = outcome(&substituted) else { panic!("accepted") };
        assert_eq!((reasons[0].rule.as_str(), substituted.released()), ("program-artifact", 0));
    }
}

/// The same program, sealed, for other tests.
pub(crate) fn sealed_honest() -> Wasm {
    sealed(&honest().bytes, VIEW)
}

pub(crate) fn open_honest() -> Wasm {
    honest()
}

#[test]
fn a_sealed_program_is_opened_in_the_keep_and_runs() {
    for bytes in [honest().bytes, component(&honest().bytes)] {
        let study = study(sealed(&bytes, VIEW));
        assert_eq!(files(&study, &outcome(&study)).0, [("copy.txt".to_owned(), COPIED.to_owned())]);
        assert_eq!(study.released(), 2);
    }
}

#[test]
fn a_sealed_program_is_opened_with_its_own_key_alone_and_whole() {
    let whole = sealed_honest();
    let file = whole.sealed.clone().unwrap();
    let cut = |at: usize| of_sealed_file(file[..at].to_vec(), VIEW);
    let mut flipped = file.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let cases = [
        ("no key", whole.clone(), Crime::NoProgramKey, "broker-keys"),
        ("another key", whole, Crime::WrongProgramKey, "sealed-file"),
        // Whoever sealed it signed its digest, so that the author's own mistake comes as far as the key.
        ("cut short", cut(file.len() - 1), Crime::None, "sealed-file"),
        ("cut in the middle", cut(file.len() / 2), Crime::None, "sealed-file"),
        ("a bit changed", of_sealed_file(flipped, VIEW), Crime::None, "sealed-file"),
        ("not sealed at all", of_sealed_file(honest().bytes, VIEW), Crime::None, "sealed-file"),
        ("nothing", of_sealed_file(Vec::new(), VIEW), Crime::None, "sealed-file"),
    ];
    for (crime, program, of_broker, expected) in cases {
        let study = study(program);
        let Outcome::Refused { reasons, .. } = run(study.spec([Crime::None, of_broker])).unwrap() else {
            panic!("{crime}: accepted")
        };
        assert_eq!(reasons[0].rule, expected, "{crime}");
    }
}

#[test]
fn a_launcher_substitutes_the_sealed_program() {
    let own = study(sealed_honest());
    let file = sealed_honest().sealed.unwrap();
    let other = sealed(&copier("copy.txt", "nop", "(local.get $bytes)"), VIEW).sealed.unwrap();
    for (crime, bytes) in [("another program of the same author", &other[..]), ("half of it", &file[..file.len() / 2])]
    {
        let mut spec = own.spec([Crime::None, Crime::None]);
        spec.datasets.iter_mut().find(|dataset| dataset.name == "model").unwrap().file = read_only(bytes);
        let Outcome::Refused { owner: None, reasons, .. } = run(spec).unwrap() else { panic!("{crime}: accepted") };
        assert_eq!((reasons[0].rule.as_str(), own.released()), ("sealed-file", 0), "{crime}");
    }
}

/// What only its author may know of a program: here it stands in its imports, and in what is wrong with it.
const ALGORITHM: &str = "weigh-by-postcode";

#[test]
fn whoever_runs_a_sealed_program_that_does_not_compile_learns_nothing_of_it() {
    let start = "(memory (export \"memory\") 1) (func (export \"_start\"))";
    let text = |text: String| wat::parse_str(text).unwrap();
    // wat itself refuses a name that is exported twice: it is put in afterwards, in place of another as long.
    let twice = text(format!(
        "(module (func (export \"{ALGORITHM}\")) (func (export \"{}\")) {start})",
        "x".repeat(ALGORITHM.len())
    ));
    let at = twice.windows(ALGORITHM.len()).position(|name| name.iter().all(|byte| *byte == b'x')).unwrap();
    let twice = [&twice[..at], ALGORITHM.as_bytes(), &twice[at + ALGORITHM.len()..]].concat();
    let cases = [
        ("program-imports", text(format!("(module (import \"env\" \"{ALGORITHM}\" (func)) {start})"))),
        ("program-imports", text(format!("(component (import \"{ALGORITHM}\" (func)))"))),
        ("program-valid", twice),
    ];
    for (rule, bytes) in cases {
        let refused = |program: Wasm| match outcome(&study(program)) {
            Outcome::Refused { owner: None, reasons, .. } => reasons,
            other => panic!("{other:?}"),
        };
        // An open program's refusal says what it is, for whoever may see the program.
        let open = refused(wasm(bytes.clone(), 60, VIEW));
        assert_eq!(open[0].rule, rule);
        assert!(format!("{open:?}").contains(ALGORITHM), "{open:?}");
        let of_sealed = refused(sealed(&bytes, VIEW));
        assert!(of_sealed[0].rule == rule && of_sealed.len() == 1, "{of_sealed:?}");
        assert!(!format!("{of_sealed:?}").contains(ALGORITHM), "{of_sealed:?}");
    }
}
