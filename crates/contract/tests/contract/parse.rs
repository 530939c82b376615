//! `study.toml`: each mistake is found, named and marked.

use casemate_contract::{Contract, ContractError, Problem};
use casemate_cose::UnixTime;

use crate::study::{AT, RECIPIENT, broker_of, clinic, contract, edited, key, launcher_of, researcher, toml};

fn errors(text: &str) -> Vec<ContractError> {
    Contract::parse(text, AT).expect_err("a crime was accepted").errors().to_vec()
}

#[test]
fn reads_what_was_written() {
    let contract = contract();
    assert_eq!(contract.study().id.as_str(), "breast-cancer");
    assert_eq!(contract.study().expires.to_string(), "2027-01-31T00:00:00Z");
    assert_eq!(
        contract.parties().iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
        ["clinic", "registry", "researcher"]
    );
    let computation = contract.computation("by-diagnosis").unwrap();
    assert_eq!(
        contract.owners(computation).iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
        ["clinic", "registry"]
    );
    let reads: Vec<_> =
        contract.reads(computation).map(|(dataset, columns)| (dataset.name.as_str(), columns.len())).collect();
    assert_eq!(reads, [("diagnoses", 2), ("measurements", 2)]);
    assert_eq!(contract.dataset("measurements").unwrap().columns().len(), 3);
}

#[test]
fn the_order_of_writing_does_not_matter() {
    let swapped = edited(r#"["patient_id", "mean_radius"]"#, r#"["mean_radius", "patient_id"]"#);
    assert_eq!(Contract::parse(&swapped, AT).unwrap(), contract());
}

#[test]
fn offsets_and_years_are_counted_right() {
    for (written, seconds) in [
        ("2027-01-31T01:00:00+01:00", 1_801_353_600),
        ("2028-02-29T23:59:59Z", 1_835_481_599),
        ("2100-03-01T00:00:00Z", 4_107_542_400),
        ("2027-01-30T18:30:00-05:30", 1_801_353_600),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
    ] {
        let contract = Contract::parse(&edited("2027-01-31T00:00:00Z", written), AT).unwrap();
        assert_eq!(contract.study().expires, UnixTime(seconds), "{written}");
    }
}

/// One crime: what is replaced, by what, what is said about it, and what is marked.
struct Crime(&'static str, &'static str, &'static str, &'static str, &'static str);

const CRIMES: &[Crime] = &[
    Crime("study_id_shouted", r#"id = "breast-cancer""#, r#"id = "Breast""#, "`Breast` is not a name", "\"Breast\""),
    Crime("study_id_missing", "id = \"breast-cancer\"\n", "", "`id` is missing", "[study]"),
    Crime("sequence_zero", "sequence = 1", "sequence = 0", "0 is less than 1", "0"),
    Crime("sequence_negative", "sequence = 1", "sequence = -1", "`-1` is not a whole number", "-1"),
    Crime("sequence_text", "sequence = 1", "sequence = \"1\"", "a string where a whole number", "\"1\""),
    Crime("supersedes_missing", "sequence = 1", "sequence = 2", "sequence 2 needs `supersedes`", "[study]"),
    Crime("purpose_of_control_characters", "Compare", "\\u001b[2J", "is not 1 to 4096 bytes of printable text", "\""),
    Crime("purpose_reversed", "Compare", "\u{202e}Compare", "printable text", "\""),
    Crime("purpose_missing", "purpose = ", "porpoise = ", "unknown key `porpoise`", "porpoise"),
    Crime("expires_without_offset", "00:00:00Z", "00:00:00", "a date and time with offset", "2027-01-31T00:00:00"),
    Crime("expires_fraction", "00:00:00Z", "00:00:00.5Z", "in whole seconds", "2027-01-31T00:00:00.5Z"),
    Crime("expires_text", "2027-01-31T00:00:00Z", "\"2027\"", "a string where a date and time", "\"2027\""),
    Crime("expires_past", "2027-01-31", "2017-01-31", "expired at 2017-01-31T00:00:00Z", "2017-01-31T00:00:00Z"),
    Crime("isolation_unknown", "[\"process\"]", "[\"enclave\"]", "`enclave` is not one of `process`", "\"enclave\""),
    Crime("isolation_none", "[\"process\"]", "[]", "must not be empty", "[]"),
    Crime(
        "isolation_twice",
        "[\"process\"]",
        "[\"process\", \"process\"]",
        "`process` stands here twice",
        "\"process\"",
    ),
    Crime("isolation_number", "[\"process\"]", "[1]", "an integer where one of", "1"),
    Crime("isolation_alone", "[\"process\"]", "\"process\"", "a string where a list", "\"process\""),
    Crime("lack_unknown", "\"secret-plaintext\"", "\"everything\"", "`everything` is not a lack", "\"everything\""),
    Crime("region_unproven", "[\"any\"]", "[\"eu\"]", "no evidence of this version proves the region `eu`", "\"eu\""),
    Crime("regions_missing", "regions = [\"any\"]\n", "", "`regions` is missing", "[study]"),
    Crime("top_level_extra", "[study]", "extra = 1\n[study]", "unknown key `extra`", "extra"),
    Crime(
        "party_name_shouted",
        "[parties.researcher]",
        "[parties.Researcher]",
        "`Researcher` is not a name",
        "Researcher",
    ),
    Crime("party_twice", "[parties.registry]", "[parties.clinic]", "this name stands here twice", "clinic"),
    Crime("party_with_extra", "[parties.clinic]", "[parties.clinic]\nadmin = true", "unknown key `admin`", "admin"),
    Crime("party_key_of_another_kind", "key = \"ed25519:", "key = \"rsa:", "is not `ed25519:`", "\"rsa:"),
    Crime(
        "recipient_mistyped",
        RECIPIENT,
        "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8q",
        "is not an age X25519 recipient",
        "\"age1",
    ),
    Crime(
        "recipient_without_key",
        "recipient = \"age1",
        "#",
        "is to receive results but has no `recipient`",
        "\"researcher\"",
    ),
    Crime(
        "runner_without_launcher",
        "launchers = [",
        "# [",
        "`researcher` is to run in isolation `process` but has no `launchers`",
        "\"researcher\"",
    ),
    Crime("launcher_of_another_kind", "launchers = [\"ed25519:", "launchers = [\"rsa:", "is not `ed25519:`", "\"rsa:"),
    Crime("launchers_no_list", "launchers = [", "launchers = 1 # [", "an integer where a list", "1"),
    Crime("launcher_misspelt", "launchers = [", "launcher = [", "unknown key `launcher`", "launcher"),
    Crime("broker_address_without_port", "127.0.0.1:7701", "127.0.0.1", "is not an address", "\"127.0.0.1\""),
    Crime(
        "broker_extra",
        "address = \"127.0.0.1:7701\"",
        "address = \"127.0.0.1:7701\", insecure = true",
        "unknown key `insecure`",
        "insecure",
    ),
    Crime("dataset_name_for_sql", "[datasets.diagnoses]", "[datasets.\"a;b\"]", "`a;b` is not a table name", "\"a;b\""),
    Crime(
        "dataset_twice",
        "[datasets.diagnoses]",
        "[datasets.measurements]",
        "this name stands here twice",
        "measurements",
    ),
    Crime(
        "dataset_of_nobody",
        "owner = \"registry\"",
        "owner = \"nobody\"",
        "there is no party `nobody`",
        "\"nobody\"",
    ),
    Crime(
        "dataset_of_who_has_no_broker",
        "owner = \"registry\"",
        "owner = \"researcher\"",
        "`researcher` owns `diagnoses` but has no broker",
        "researcher",
    ),
    Crime(
        "dataset_id_short",
        "03030303030303030303030303030303",
        "0303",
        "is not 32 lower-case hex digits",
        "\"0303\"",
    ),
    Crime(
        "dataset_id_of_another",
        "03030303030303030303030303030303",
        "01010101010101010101010101010101",
        "the same id as `datasets.diagnoses.id`",
        "\"0101",
    ),
    Crime(
        "dataset_version_of_another",
        "04040404040404040404040404040404",
        "02020202020202020202020202020202",
        "the same version as `datasets.diagnoses.version`",
        "\"0202",
    ),
    Crime("dataset_digest_missing", "digest = \"sha256:", "# \"sha256:", "`digest` is missing", ""),
    Crime(
        "dataset_format_unknown",
        "format = \"parquet\"",
        "format = \"csv\"",
        "`csv` is not `parquet` or `age`",
        "\"csv\"",
    ),
    Crime(
        "dataset_without_gate",
        "gate = { min_entities = 5, max_rows = 10, max_bytes = 1024 }",
        "",
        "`gate` is missing",
        "diagnoses",
    ),
    Crime("gate_of_one_entity", "min_entities = 5", "min_entities = 1", "1 is less than 2", "1"),
    Crime("gate_without_rows", "max_rows = 10,", "max_rows = 0,", "0 is less than 1", "0"),
    Crime(
        "gate_of_too_many_bytes",
        "max_bytes = 1024",
        "max_bytes = 8388609",
        "8388609 is more than 8388608",
        "8388609",
    ),
    Crime("gate_misspelt", "min_entities = 5", "min_entity = 5", "unknown key `min_entity`", "min_entity"),
    Crime(
        "column_type_unknown",
        "diagnosis = \"utf8\"",
        "diagnosis = \"text\"",
        "`text` is not one of `boolean`",
        "\"text\"",
    ),
    Crime(
        "column_named_for_injection",
        "diagnosis = \"utf8\"",
        "'dia\"gnosis' = \"utf8\"",
        "is not a column name",
        "'dia",
    ),
    Crime(
        "column_read_unknown",
        "\"patient_id\", \"diagnosis\"]",
        "\"patient_id\", \"grade\"]",
        "`diagnoses` has no column `grade`",
        "\"grade\"",
    ),
    Crime("dataset_read_unknown", "diagnoses = [\"pat", "deaths = [\"pat", "there is no dataset `deaths`", "deaths"),
    Crime(
        "entity_not_read",
        "[\"patient_id\", \"diagnosis\"]",
        "[\"diagnosis\"]",
        "reads `diagnoses` without its entity column `patient_id`",
        "diagnoses",
    ),
    Crime("columns_read_none", "[\"patient_id\", \"diagnosis\"]", "[]", "must not be empty", "diagnoses"),
    Crime("runners_none", "runners = [\"researcher\"]", "runners = []", "must not be empty", "[]"),
    Crime(
        "runner_unknown",
        "runners = [\"researcher\"]",
        "runners = [\"student\"]",
        "there is no party `student`",
        "\"student\"",
    ),
    Crime("recipients_none", "recipients = [\"researcher\"]", "recipients = []", "must not be empty", "[]"),
    Crime("recipients_missing", "recipients = [\"researcher\"]", "", "`recipients` is missing", "by-diagnosis"),
    Crime(
        "sql_blank",
        "sql = \"\"\"SELECT",
        "sql = \" \"\nx = \"\"\"SELECT",
        "` ` is not 1 to 65536 bytes of SQL",
        "\" \"",
    ),
    Crime("computation_of_another_kind", "sql = ", "wasm = ", "is not `sha256:`", "\"\"\"SELECT"),
    Crime("not_toml", "[study]", "[study", "not TOML", ""),
];

#[test]
fn refuses_each_crime_by_name_and_marks_it() {
    for Crime(crime, from, to, said, marked) in CRIMES {
        let text = edited(from, to);
        let errors = errors(&text);
        let error = errors.iter().find(|error| error.to_string().contains(said));
        let error = error.unwrap_or_else(|| panic!("{crime}: {errors:#?}"));
        let span = error.span.clone().unwrap();
        let shown = &text[span];
        assert!(shown.contains(marked), "{crime}: marks `{shown}`");
        assert!(!error.help().is_empty(), "{crime}");
    }
}

#[test]
fn names_what_stands_twice() {
    for (from, to, path) in [
        ("[datasets.diagnoses]", "[datasets.measurements]", "datasets.measurements"),
        ("[parties.registry]", "[parties.clinic]", "parties.clinic"),
        ("sequence = 1", "sequence = 1\nsequence = 1", "study.sequence"),
        ("reads = { ", "reads = { diagnoses = [], ", "computations.by-diagnosis.reads.diagnoses"),
    ] {
        let errors = errors(&edited(from, to));
        let twice = errors.iter().find(|error| error.problem == Problem::DuplicateKey);
        assert_eq!(twice.unwrap_or_else(|| panic!("{path}: {errors:#?}")).path.to_string(), path);
    }
}

#[test]
fn says_one_thing_about_one_mistake() {
    for (crime, from, to) in [
        ("owner misspelt as no name", "owner = \"registry\"", "owner = \"REGISTRY\""),
        ("study without id", "id = \"breast-cancer\"\n", ""),
        ("broker without key", "broker = { key = ", "broker = { kex = "),
        ("runner that is no name", "runners = [\"researcher\"]", "runners = [\"!\"]"),
        ("columns of no table", "columns = { patient_id = \"int64\", diagnosis = \"utf8\" }", "columns = 1"),
    ] {
        let text = edited(from, to);
        let count = if crime == "broker without key" { 4 } else { 1 };
        assert_eq!(errors(&text).len(), count, "{crime}: {:#?}", errors(&text));
    }
}

#[test]
fn says_everything_at_once_in_the_order_of_the_text() {
    let text = toml()
        .replace("sequence = 1", "sequence = 0")
        .replace("[\"any\"]", "[\"eu\"]")
        .replace("min_entities = 5", "min_entities = 1")
        .replace("\"diagnosis\"]", "\"grade\"]")
        .replace("owner = \"clinic\"", "owner = \"nobody\"");
    let errors = errors(&text);
    let paths: Vec<String> = errors.iter().map(|error| error.path.to_string()).collect();
    assert_eq!(
        paths,
        [
            "study.sequence",
            "study.regions.eu",
            "datasets.measurements.owner",
            "datasets.diagnoses.gate.min_entities",
            "computations.by-diagnosis.reads.diagnoses.grade",
        ]
    );
}

#[test]
fn refuses_one_key_in_two_places() {
    for (crime, other) in [("another party", key(2)), ("a broker", key(11)), ("another broker", key(12))] {
        let text = edited(&clinic().public().to_string(), &other.public().to_string());
        let errors = errors(&text);
        assert!(errors.iter().any(|error| matches!(error.problem, Problem::SameKey { .. })), "{crime}");
    }
}

#[test]
fn refuses_a_launcher_that_is_not_one_hosts_alone() {
    let own = launcher_of("researcher").public();
    let line = format!("launchers = [\"{own}\"]");
    let replaced = |by: &str| edited(&line, &format!("launchers = [{by}]"));
    for (crime, other) in [
        ("another_partys_launcher", launcher_of("clinic")),
        ("its_own_identity", researcher()),
        ("another_partys_identity", clinic()),
        ("another_partys_broker", broker_of("registry")),
    ] {
        let text = replaced(&format!("\"{}\"", other.public()));
        let errors = errors(&text);
        let [error] = errors.as_slice() else { panic!("{crime}: {errors:#?}") };
        assert!(matches!(error.problem, Problem::SameKey { .. }), "{crime}: {error}");
        assert!(text[error.span.clone().unwrap()].contains(&other.public().to_string()), "{crime}");
    }
    let twice = replaced(&format!("\"{own}\", \"{own}\""));
    let errors_of_twice = errors(&twice);
    let [error] = errors_of_twice.as_slice() else { panic!("{errors_of_twice:#?}") };
    assert!(matches!(error.problem, Problem::Repeated { .. }), "{error}");
    assert_eq!(&twice[error.span.clone().unwrap()], format!("\"{own}\""));
    let many: Vec<String> = (0..=casemate_contract::LAUNCHERS_MAX)
        .map(|number| format!("\"{}\"", key(100 + u8::try_from(number).unwrap()).public()))
        .collect();
    let errors_of_many = errors(&replaced(&many.join(", ")));
    assert!(matches!(errors_of_many[0].problem, Problem::TooMany { actual: 65, max: 64 }), "{errors_of_many:#?}");
}

#[test]
fn a_launcher_is_needed_of_runners_and_of_nobody_else() {
    // Of a party that does not run it grants nothing, and does no harm.
    let of_clinic = format!("launchers = [\"{}\"]\n", launcher_of("clinic").public());
    assert!(Contract::parse(&edited(&of_clinic, ""), AT).is_ok());
    // A party that runs in an isolation that needs none has to have none; one that needs it decides.
    let of_researcher = format!("launchers = [\"{}\"]\n", launcher_of("researcher").public());
    let hardware = edited(&of_researcher, "").replace("[\"process\"]", "[\"snp\", \"tdx\"]");
    assert!(Contract::parse(&hardware, AT).is_ok());
    for isolations in ["[\"process\"]", "[\"process\", \"snp\"]"] {
        for written in ["", "launchers = []\n"] {
            let text = edited(&of_researcher, written).replace("[\"process\"]", isolations);
            let errors = errors(&text);
            let [error] = errors.as_slice() else { panic!("{errors:#?}") };
            assert_eq!(error.path.to_string(), "computations.by-diagnosis.runners.researcher");
            assert!(matches!(error.problem, Problem::RunnerWithoutLauncher { .. }), "{error}");
            assert!(error.help().contains("to `parties.researcher`"), "{}", error.help());
        }
    }
}

#[test]
fn refuses_one_sealed_file_under_two_names() {
    let (one, other) = (casemate_cose::Digest::of(b"diagnoses"), casemate_cose::Digest::of(b"measurements"));
    let errors = errors(&edited(&one.to_string(), &other.to_string()));
    assert!(matches!(errors[0].problem, Problem::SameDataset { field: "digest", .. }));
}

#[test]
fn refuses_an_entity_that_is_no_column() {
    let errors = errors(&edited("entity = \"patient_id\"", "entity = \"id\""));
    assert_eq!(errors.iter().filter(|error| matches!(error.problem, Problem::UnknownColumn { .. })).count(), 2);
}

#[test]
fn refuses_sql_over_a_blob_and_columns_of_a_blob() {
    let table =
        "format = \"parquet\"\nentity = \"patient_id\"\ncolumns = { patient_id = \"int64\", diagnosis = \"utf8\" }";
    let errors_of_blob = errors(&edited(table, "format = \"age\""));
    assert!(errors_of_blob.iter().any(|error| matches!(error.problem, Problem::SqlReadsBlob { .. })));
    let errors_of_both = errors(&edited(table, &table.replace("parquet", "age")));
    assert!(errors_of_both.iter().any(|error| error.to_string().contains("unknown key `columns`")));
}

#[test]
fn refuses_a_text_that_is_too_long() {
    let text = format!("{}# {}", toml(), "x".repeat(casemate_contract::TOML_BYTES_MAX));
    assert!(matches!(errors(&text)[0].problem, Problem::TooMany { .. }));
}

#[test]
fn expires_at_the_second_that_it_says() {
    let expires = contract().study().expires;
    assert!(Contract::parse(&toml(), UnixTime(expires.0 - 1)).is_ok());
    assert!(Contract::parse(&toml(), expires).is_err());
}

#[test]
fn no_text_makes_the_parser_fall_over() {
    let toml = toml();
    for end in (0..toml.len()).filter(|end| toml.is_char_boundary(*end)).step_by(7) {
        assert!(Contract::parse(&toml[..end], AT).is_err() || end > toml.len() - 40, "cut at {end}");
    }
    let deep = format!("a = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Contract::parse(&deep, AT).is_err());
}
