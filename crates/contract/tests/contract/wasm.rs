//! Computations in Wasm: what the contract has to say of them, and what follows. Each crime is refused by name.

use casemate_contract::{
    Code, Compiled, CompiledError, Contract, ContractError, DenyReason, FREE_FORM, FullySigned, Manifest,
    OutputContent, Problem, SignedContract, WasmProgram,
};
use casemate_cose::{Digest, SigningKey};
use casemate_evidence::Isolation;

use crate::study::{AT, RUN, broker_of, clinic, compiled_from, key, registry, researcher, toml};

fn author() -> SigningKey {
    key(4)
}

/// The study with two programs more: one that anyone may read, and one that its author sealed.
pub(crate) fn study() -> String {
    format!(
        r#"{toml}
[parties.author]
key = "{author}"
broker = {{ key = "{broker}", address = "127.0.0.1:7703" }}

[datasets.scorer]
owner = "author"
id = "05050505050505050505050505050505"
version = "06060606060606060606060606060606"
digest = "{scorer}"
format = "age"
gate = {{ min_entities = 2, max_rows = 1, max_bytes = 4096 }}

[computations.train]
wasm = "{program}"
artifact = {{ digest = "{artifact}", wasmtime = "48.0.8", target = "x86_64-unknown-linux-gnu", settings = "{settings}" }}
arguments = ["--holdout", "3", "--name", "a \"b\"", ""]
inputs = {{ "patients.csv" = "SELECT patient_id, mean_radius FROM measurements", "d.arrow" = "SELECT diagnosis FROM diagnoses" }}
outputs = {{ "model.csv" = {{ feature = "utf8", "coefficient (log)" = "float64", ci_high = "float64" }}, "report.txt" = "text" }}
max_output_bytes = 1024
clock_rounds_to_s = 3600
seed = 7
limits = {{ memory_mib = 256, seconds = 60 }}
free_form = true
runners = ["researcher"]
recipients = ["researcher"]
reads = {{ measurements = ["patient_id", "mean_radius"], diagnoses = ["patient_id", "diagnosis"] }}

[computations.score]
wasm = {{ dataset = "scorer" }}
inputs = {{ "patients.csv" = "SELECT mean_radius FROM measurements" }}
outputs = {{ "scores.txt" = "text" }}
max_output_bytes = 4096
clock_rounds_to_s = 1
seed = 0
limits = {{ memory_mib = 1, seconds = 1 }}
free_form = true
runners = ["researcher"]
recipients = ["researcher"]
reads = {{ measurements = ["patient_id", "mean_radius"] }}
"#,
        toml = toml(),
        author = author().public(),
        broker = broker_of("author").public(),
        scorer = Digest::of(b"scorer"),
        program = Digest::of(b"program"),
        artifact = Digest::of(b"artifact"),
        settings = Digest::of(b"settings"),
    )
}

pub(crate) fn edited(from: &str, to: &str) -> String {
    let study = study();
    assert!(study.contains(from), "the study has no `{from}`");
    study.replacen(from, to, 1)
}

pub(crate) fn signed_from(toml: &str) -> FullySigned {
    let mut signed = SignedContract::new(compiled_from(toml));
    for key in [clinic(), registry(), researcher(), author()] {
        signed.sign(&key).unwrap();
    }
    FullySigned::check(signed).unwrap()
}

pub(crate) fn manifest(contract: &FullySigned, computation: &str) -> Manifest {
    let (computation, runner) = (computation.parse().unwrap(), "researcher".parse().unwrap());
    Manifest::derive(contract, &computation, RUN, &runner, Isolation::Process).unwrap()
}

fn program(contract: &Contract, computation: &str) -> WasmProgram {
    contract.computation(computation).unwrap().program.wasm().unwrap().clone()
}

fn errors(text: &str) -> Vec<ContractError> {
    Contract::parse(text, AT).expect_err("a crime was accepted").errors().to_vec()
}

#[test]
fn reads_what_was_written() {
    let contract = Contract::parse(&study(), AT).unwrap_or_else(|errors| panic!("{errors}"));
    let train = program(&contract, "train");
    assert_eq!(train.code, Code::Open { digest: Digest::of(b"program") });
    let arguments: Vec<_> = train.arguments.iter().map(|argument| argument.as_str()).collect();
    assert_eq!(arguments, ["--holdout", "3", "--name", "a \"b\"", ""], "arguments are a list, not a set");
    let inputs: Vec<_> = train.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(inputs, ["d.arrow", "patients.csv"]);
    let OutputContent::Csv { columns } = &train.outputs[0].content else { panic!("no columns") };
    let columns: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(columns, ["feature", "coefficient (log)", "ci_high"], "columns stand in the order of the file");
    assert_eq!(train.outputs[1].content, OutputContent::Text);
    assert_eq!((train.seed, train.limits.memory_mib, train.limits.seconds), (7, 256, 60));
    assert_eq!(train.artifact.unwrap().wasmtime.as_str(), "48.0.8");
}

#[test]
fn the_author_of_a_sealed_program_is_one_more_owner_and_gets_nothing() {
    let contract = signed_from(&study());
    let score = contract.contract().computation("score").unwrap();
    let owners: Vec<_> = contract.contract().owners(score).iter().map(|party| party.name.as_str()).collect();
    assert_eq!(owners, ["author", "clinic"]);
    let manifest = manifest(&contract, "score");
    let fields = manifest.fields();
    let brokers: Vec<_> = fields.brokers.iter().map(|broker| broker.owner.as_str()).collect();
    assert_eq!(brokers, ["author", "clinic"]);
    let opened: Vec<_> = fields.datasets.iter().map(|opened| (opened.name.as_str(), opened.columns.len())).collect();
    assert_eq!(opened, [("measurements", 2), ("scorer", 0)]);
    assert_eq!(fields.program, Digest::of(b"scorer"), "the digest of the sealed file");
    // Nothing of the data reaches the author: it receives no result and runs nothing.
    assert!(fields.recipients.iter().all(|to| to.party.as_str() != "author") && fields.runner.as_str() != "author");
    let policies = contract.contract().cedar(&"author".parse().unwrap());
    assert!(policies.contains("@id(\"score/scorer\")") && !policies.contains("measurements"), "{policies}");
}

#[test]
fn bytes_and_toml_lead_back_to_the_same_contract() {
    let compiled = compiled_from(&study());
    let received = Compiled::from_bytes(compiled.bytes().to_vec()).unwrap();
    assert_eq!(received, compiled);
    assert_eq!(compiled_from(&received.to_toml()).bytes(), compiled.bytes(), "{}", received.to_toml());
    for end in 0..compiled.bytes().len() {
        assert!(Compiled::from_bytes(compiled.bytes()[..end].to_vec()).is_err(), "cut at {end}");
    }
}

#[test]
fn shows_everything_that_is_signed() {
    let shown = compiled_from(&study()).show();
    for part in [
        FREE_FORM,
        "it could write out any value that it reads",
        &Digest::of(b"program").to_string(),
        &Digest::of(b"artifact").to_string(),
        "compiled by Wasmtime 48.0.8 for x86_64-unknown-linux-gnu",
        "1: \"--holdout\"",
        "4: \"a \\\"b\\\"\"",
        "5: \"\"",
        "patients.csv, by SQL without a gate:",
        "SELECT patient_id, mean_radius FROM measurements",
        "model.csv: CSV of feature: utf8, coefficient (log): float64, ci_high: float64",
        "report.txt: UTF-8 text",
        "at most 1024 in all files together",
        "rounded down to 3600 s",
        "256 MiB of memory, 60 s",
        "the program is `scorer` of `author`; nobody else sees its code",
    ] {
        assert!(shown.contains(part), "`{part}` is not shown:\n{shown}");
    }
    assert!(!compiled_from(&toml()).show().contains(FREE_FORM), "a query's output is no program's");
}

/// One crime: what is replaced, by what, what is said about it, and what is marked.
struct Crime(&'static str, &'static str, &'static str, &'static str, &'static str);

const CRIMES: &[Crime] = &[
    Crime("free_form_missing", "free_form = true\n", "", "every signer trusts its code", "train"),
    Crime("free_form_false", "free_form = true", "free_form = false", "every signer trusts its code", "false"),
    Crime("free_form_text", "free_form = true", "free_form = \"true\"", "a string where `true` or", "\"true\""),
    Crime("sql_and_wasm", "wasm = \"sha256", "sql = \"SELECT 1\"\nwasm = \"sha256", "unknown key `sql`", "sql"),
    Crime("digest_of_another_kind", "wasm = \"sha256:", "wasm = \"sha512:", "is not `sha256:`", "\"sha512"),
    Crime("neither_digest_nor_dataset", "wasm = { dataset", "wasm = { data", "unknown key `data`", "data"),
    Crime("unknown_key", "seed = 7", "seed = 7\nsockets = true", "unknown key `sockets`", "sockets"),
    Crime("environment", "seed = 7", "seed = 7\nenvironment = {}", "unknown key `environment`", "environment"),
    Crime("argument_with_nul", "\"--holdout\"", "\"a\\u0000b\"", "is not an argument", "\"a\\u0000b\""),
    Crime("argument_with_escape", "\"--holdout\"", "\"\\u001b[2J\"", "is not an argument", "\"\\u001b"),
    Crime("argument_a_number", "\"3\"", "3", "an integer where an argument", "3"),
    Crime("input_up", "\"patients.csv\"", "\"../patients.csv\"", "is not a file name", "../patients.csv"),
    Crime("input_in_a_folder", "\"patients.csv\"", "\"a/patients.csv\"", "is not a file name", "a/patients.csv"),
    Crime("input_of_no_format", "\"patients.csv\"", "\"patients.json\"", "neither in `.csv` nor", "patients.json"),
    Crime(
        "inputs_none",
        "inputs = { \"patients.csv\" = \"SELECT mean",
        "inputs = {}\nx = { a = \"",
        "must not be empty",
        "{}",
    ),
    Crime("input_blank", "\"SELECT diagnosis FROM diagnoses\"", "\" \"", "bytes of SQL", "\" \""),
    Crime("output_up", "\"report.txt\"", "\"../x\"", "`../x` is not a file name", "\"../x\""),
    Crime("output_in_a_folder", "\"report.txt\"", "\"a/b\"", "`a/b` is not a file name", "\"a/b\""),
    Crime("output_here", "\"report.txt\"", "\".\"", "`.` is not a file name", "\".\""),
    Crime("output_with_nul", "\"report.txt\"", "\"a\\u0000b\"", "is not a file name", "a\\u0000b"),
    Crime("output_absolute", "\"report.txt\"", "\"/etc/passwd\"", "is not a file name", "/etc/passwd"),
    Crime("output_hidden", "\"report.txt\"", "\".profile\"", "is not a file name", ".profile"),
    Crime("output_of_another_kind", "= \"text\"", "= \"html\"", "`html` is not `\"text\"`", "\"html\""),
    Crime("output_column_type", "ci_high = \"float64\"", "ci_high = \"float\"", "`float` is not one of", "\"float\""),
    Crime(
        "output_column_twice",
        "ci_high = \"float64\"",
        "feature = \"utf8\"",
        "this name stands here twice",
        "feature",
    ),
    Crime(
        "outputs_of_no_column",
        "{ feature = \"utf8\", \"coefficient (log)\" = \"float64\", ci_high = \"float64\" }",
        "{}",
        "must not be empty",
        "model.csv",
    ),
    Crime(
        "outputs_beyond_the_gate",
        "max_output_bytes = 1024",
        "max_output_bytes = 1025",
        "1025 bytes of output, where the gate of `diagnoses` lets out 1024",
        "1025",
    ),
    Crime(
        "outputs_beyond_the_authors_gate",
        "max_output_bytes = 4096",
        "max_output_bytes = 4097",
        "where the gate of `scorer` lets out 4096",
        "4097",
    ),
    Crime("outputs_of_nothing", "max_output_bytes = 1024", "max_output_bytes = 0", "0 is less than 1", "0"),
    Crime("clock_of_nothing", "clock_rounds_to_s = 3600", "clock_rounds_to_s = 0", "0 is less than 1", "0"),
    Crime(
        "clock_of_years",
        "clock_rounds_to_s = 3600",
        "clock_rounds_to_s = 31622401",
        "is more than 31622400",
        "31622401",
    ),
    Crime("seed_negative", "seed = 7", "seed = -7", "is not a whole number", "-7"),
    Crime("memory_none", "memory_mib = 256", "memory_mib = 0", "0 is less than 1", "0"),
    Crime("memory_beyond_32_bits", "memory_mib = 256", "memory_mib = 4097", "4097 is more than 4096", "4097"),
    Crime("time_none", "seconds = 60", "seconds = 0", "0 is less than 1", "0"),
    Crime("time_of_a_day", "seconds = 60", "seconds = 3601", "3601 is more than 3600", "3601"),
    Crime("limits_misspelt", "memory_mib = 256", "memory_mb = 256", "unknown key `memory_mb`", "memory_mb"),
    Crime(
        "sealed_by_nobody",
        "wasm = { dataset = \"scorer\" }",
        "wasm = { dataset = \"other\" }",
        "there is no dataset `other`",
        "\"other\"",
    ),
    Crime(
        "sealed_as_a_table",
        "wasm = { dataset = \"scorer\" }",
        "wasm = { dataset = \"diagnoses\" }",
        "`diagnoses` is a table, and no program",
        "\"diagnoses\"",
    ),
    Crime(
        "sealed_with_an_artifact",
        "wasm = \"sha256:",
        "wasm = { dataset = \"scorer\" }\nx = \"sha256:",
        "an artifact would show the code that `scorer` seals",
        "digest =",
    ),
    Crime("artifact_of_no_version", "\"48.0.8\"", "\"48\"", "`48` is not a version of Wasmtime", "\"48\""),
    Crime(
        "artifact_of_no_target",
        "\"x86_64-unknown-linux-gnu\"",
        "\"x86 64\"",
        "is not a compiler target",
        "\"x86 64\"",
    ),
    Crime("artifact_with_extra", "wasmtime = \"48", "unsafe = true, wasmtime = \"48", "unknown key `unsafe`", "unsafe"),
    Crime(
        "reads_missing",
        "reads = { measurements = [\"patient_id\", \"mean_radius\"], diagnoses = [\"patient_id\", \"diagnosis\"] }\n\n",
        "",
        "`reads` is missing",
        "",
    ),
];

#[test]
fn refuses_each_crime_by_name_and_marks_it() {
    for Crime(crime, from, to, said, marked) in CRIMES {
        let text = edited(from, to);
        let errors = errors(&text);
        let error = errors.iter().find(|error| error.to_string().contains(said));
        let error = error.unwrap_or_else(|| panic!("{crime}: {errors:#?}"));
        let shown = &text[error.span.clone().unwrap()];
        assert!(shown.contains(marked), "{crime}: marks `{shown}`");
        assert!(!error.help().is_empty(), "{crime}");
    }
}

#[test]
fn the_refusal_without_free_form_says_what_it_means() {
    let errors = errors(&edited("free_form = true\n", ""));
    let [error] = errors.as_slice() else { panic!("{errors:#?}") };
    assert_eq!(error.problem, Problem::FreeFormUnsaid);
    assert_eq!(error.path.to_string(), "computations.train.free_form");
    assert!(error.help().contains("`free_form = true`"), "{}", error.help());
}

#[test]
fn a_sealed_program_is_nobodys_data() {
    // By the computation whose program it is, by another program, and by a query.
    for (reads, program) in [
        ("reads = { measurements = [\"patient_id\", \"mean_radius\"] }", "score"),
        ("reads = { measurements = [\"patient_id\", \"mean_radius\"], diagnoses", "train or by-diagnosis"),
    ] {
        let text = edited(reads, &reads.replacen("{ ", "{ scorer = [\"code\"], ", 1));
        let errors = errors(&text);
        let [error] = errors.as_slice() else { panic!("{program}: {errors:#?}") };
        assert!(
            matches!(&error.problem, Problem::ProgramReadAsData { name, computation }
            if name.as_str() == "scorer" && computation.as_str() == "score"),
            "{program}: {error}"
        );
        assert!(text[error.span.clone().unwrap()].contains("scorer"));
    }
}

#[test]
fn counts_are_bounded() {
    let many = |number: usize, item: &dyn Fn(usize) -> String| (0..number).map(item).collect::<Vec<_>>().join(", ");
    let arguments = "arguments = [\"--holdout\", \"3\", \"--name\", \"a \\\"b\\\"\", \"\"]";
    let inputs = "inputs = { \"patients.csv\" = \"SELECT mean_radius FROM measurements\" }";
    let outputs = "outputs = { \"scores.txt\" = \"text\" }";
    let input = |number: usize| format!("\"i{number}.csv\" = \"SELECT mean_radius FROM measurements\"");
    let output = |number: usize| format!("\"o{number}\" = \"text\"");
    for (what, text, accepted) in [
        ("arguments", edited(arguments, &format!("arguments = [{}]", many(256, &|_| "\"a\"".into()))), true),
        ("arguments", edited(arguments, &format!("arguments = [{}]", many(257, &|_| "\"a\"".into()))), false),
        (
            "arguments' bytes",
            edited(arguments, &format!("arguments = [{}]", many(9, &|_| format!("{:?}", "a".repeat(4096))))),
            false,
        ),
        ("inputs", edited(inputs, &format!("inputs = {{ {} }}", many(32, &input))), true),
        ("inputs", edited(inputs, &format!("inputs = {{ {} }}", many(33, &input))), false),
        ("outputs", edited(outputs, &format!("outputs = {{ {} }}", many(32, &output))), true),
        ("outputs", edited(outputs, &format!("outputs = {{ {} }}", many(33, &output))), false),
    ] {
        match Contract::parse(&text, AT) {
            Ok(_) => assert!(accepted, "too many {what} were accepted"),
            Err(errors) => {
                assert!(!accepted, "{what}: {errors}");
                let problem = &errors.errors()[0].problem;
                assert!(matches!(problem, Problem::TooMany { .. } | Problem::TooLarge { .. }), "{what}: {problem}");
            }
        }
    }
}

/// The study's bytes with the only `from` replaced by `to`, of the same length so that they stay CBOR.
fn bytes_edited(from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = compiled_from(&study()).bytes().to_vec();
    let at = bytes.windows(from.len()).rposition(|window| window == from).expect("nothing to replace");
    bytes[at..at + from.len()].copy_from_slice(to);
    bytes
}

#[test]
fn refuses_bytes_that_no_parser_wrote() {
    type Is = fn(&Problem) -> bool;
    let sense: [(&str, Vec<u8>, Is); 4] = [
        ("free_form_false", bytes_edited(&[0x09, 0xf5], &[0x09, 0xf4]), |p| matches!(p, Problem::FreeFormUnsaid)),
        ("inputs_out_of_order", bytes_edited(b"d.arrow", b"z.arrow"), |p| matches!(p, Problem::OutOfOrder)),
        ("an_input_of_no_format", bytes_edited(b"d.arrow", b"d.arrox"), |p| matches!(p, Problem::InputFormat { .. })),
        ("a_column_twice", bytes_edited(b"gci_high", b"gfeature"), |p| matches!(p, Problem::Repeated { .. })),
    ];
    for (crime, bytes, is_it) in sense {
        let Err(CompiledError::Contract(errors)) = Compiled::from_bytes(bytes) else { panic!("{crime}: accepted") };
        assert!(errors.errors().iter().any(|error| is_it(&error.problem)), "{crime}: {errors}");
    }
    for (crime, bytes) in [
        ("an_output_up", bytes_edited(b"report.txt", b"../rep.txt")),
        ("an_output_in_a_folder", bytes_edited(b"report.txt", b"a/port.txt")),
        ("an_output_with_nul", bytes_edited(b"report.txt", b"re\0ort.txt")),
        ("an_argument_that_is_not_utf8", bytes_edited(b"--holdout", b"--hold\xffut")),
        ("an_argument_with_nul", bytes_edited(b"--holdout", b"--hold\0ut")),
        ("a_name_that_is_not_utf8", bytes_edited(b"report.txt", b"rep\xffrt.txt")),
        ("free_form_a_number", bytes_edited(&[0x09, 0xf5], &[0x09, 0x01])),
        ("a_field_more", bytes_edited(&[0x09, 0xf5], &[0x0a, 0xf5])),
        ("a_program_of_a_third_kind", bytes_edited(&[0x01, 0x82, 0x01, 0x81, 0xaa], &[0x01, 0x82, 0x02, 0x81, 0xaa])),
    ] {
        assert!(matches!(Compiled::from_bytes(bytes), Err(CompiledError::Cbor(_))), "{crime}");
    }
}

#[test]
fn the_format_is_the_documented_one() {
    let compiled = compiled_from(&study());
    // score: { 1: [1, [{ 0: [1, ["scorer"]], 2: [], 3: [{ 0: "patients.csv", 1: … }], … }]] }
    let program = [&[0x01, 0x82, 0x01, 0x81, 0xa9, 0x00, 0x82, 0x01, 0x81, 0x66], &b"scorer"[..], &[0x02, 0x80, 0x03]];
    let end = [
        &[0x04, 0x81, 0xa2, 0x00, 0x6a],
        &b"scores.txt"[..],
        &[0x01, 0x82, 0x00, 0x80],
        &[0x05, 0x19, 0x10, 0x00, 0x06, 0x01, 0x07, 0x00, 0x08, 0xa2, 0x00, 0x01, 0x01, 0x01, 0x09, 0xf5],
    ];
    for part in [program.concat(), end.concat()] {
        assert!(compiled.bytes().windows(part.len()).any(|window| window == part), "{part:02x?}");
    }
}

#[test]
fn what_another_party_would_swap_makes_another_contract() {
    let honest = signed_from(&study());
    for (crime, from, to) in [
        ("an_inputs_sql", "SELECT patient_id, mean_radius FROM", "SELECT mean_radius, patient_id FROM"),
        ("an_argument", "\"3\"", "\"4\""),
        ("the_order_of_arguments", "\"--holdout\", \"3\"", "\"3\", \"--holdout\""),
        ("the_order_of_columns", "feature = \"utf8\", ", ""),
        ("the_artifact", &Digest::of(b"artifact").to_string(), &Digest::of(b"another").to_string()),
        ("the_seed", "seed = 7", "seed = 8"),
        ("the_clock", "clock_rounds_to_s = 3600", "clock_rounds_to_s = 1"),
        ("the_memory", "memory_mib = 256", "memory_mib = 257"),
    ] {
        let other = compiled_from(&edited(from, to));
        assert_ne!(other.digest(), honest.digest(), "{crime}");
        // The honest parties' signatures do not carry over, and a manifest of one is none of the other.
        let mut forged = SignedContract::new(other);
        let mut honestly_signed = SignedContract::new(honest.compiled().clone());
        honestly_signed.sign(&clinic()).unwrap();
        assert!(forged.merge(&honestly_signed).is_err(), "{crime}");
        forged.sign(&registry()).unwrap();
        assert!(FullySigned::check(forged).is_err(), "{crime}");
        let other = signed_from(&edited(from, to));
        let reason = Manifest::check(manifest(&other, "train").bytes(), &honest).unwrap_err();
        assert!(matches!(reason, DenyReason::Manifest { field: "contract", .. }), "{crime}");
    }
}
