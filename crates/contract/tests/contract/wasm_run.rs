//! A run of a Wasm program: what follows from the contract, who decides, what a permit asks for, what a result may hold.

use std::collections::BTreeSet;

use casemate_contract::{
    Contract, Decision, DenyReason, FullySigned, GateOutcome, GateRule, Limits, Manifest, ManifestFields, Output,
    OutputError, OutputFile, PermitDecision, PermitRequest, Program, RunRecord, Standing, Variable, authorise,
    authorise_permit,
};
use casemate_cose::{Digest, encode};
use casemate_evidence::Binding;

use crate::{
    study::{AT, accepted, binding, run_of, statement},
    wasm::{manifest, signed_from, study},
};

#[test]
fn the_manifest_follows_from_the_contract() {
    let contract = signed_from(&study());
    let manifest = manifest(&contract, "train");
    let fields = manifest.fields();
    assert_eq!(fields.program, Digest::of(b"program"));
    assert_eq!(fields.arguments, ["--holdout", "3", "--name", "a \"b\"", ""]);
    assert!(fields.environment.is_empty());
    let sql = Limits::SQL;
    let program =
        Limits { memory_bytes: sql.memory_bytes + (256 << 20), cpu_s: sql.cpu_s + 60, wall_s: sql.wall_s + 60 };
    assert_eq!(fields.limits, program);
    assert_eq!(Manifest::check(manifest.bytes(), &contract).unwrap(), manifest);
    type Commit = fn(&mut ManifestFields);
    let crimes: [(&str, &str, Commit); 9] = [
        ("another_program", "program", |m| m.program = Digest::of(b"another")),
        ("the_artifact_for_the_program", "program", |m| m.program = Digest::of(b"artifact")),
        ("an_argument_more", "arguments", |m| m.arguments.push("--leak".into())),
        ("an_argument_less", "arguments", |m| drop(m.arguments.pop())),
        ("arguments_in_another_order", "arguments", |m| m.arguments.swap(0, 1)),
        ("more_memory", "limits", |m| m.limits.memory_bytes += 1),
        ("the_limits_of_sql", "limits", |m| m.limits = Limits::SQL),
        ("more_processor_time", "limits", |m| m.limits.cpu_s += 1),
        ("a_variable", "environment", |m| m.environment.push(Variable { name: "A".into(), value: "b".into() })),
    ];
    for (crime, field, commit) in crimes {
        let mut fields = fields.clone();
        commit(&mut fields);
        match Manifest::check(&encode(&fields), &contract) {
            Err(DenyReason::Manifest { field: named, .. }) => assert_eq!(named, field, "{crime}"),
            other => panic!("{crime}: {other:?}"),
        }
    }
}

fn decide(contract: &FullySigned, manifest: &Manifest, owner: &str, program: Digest) -> Decision {
    let binding: Binding = binding(manifest, owner);
    let mut stated = statement(manifest, &binding);
    stated.program = program;
    authorise(contract, &run_of(manifest), &accepted(&stated, binding), &owner.parse().unwrap(), AT)
}

fn rules(reasons: &[DenyReason]) -> Vec<&'static str> {
    reasons.iter().map(DenyReason::rule).collect()
}

#[test]
fn every_owner_decides_and_only_for_the_agreed_program() {
    let contract = signed_from(&study());
    for (computation, owners, agreed) in [
        ("train", ["clinic", "registry"], Digest::of(b"program")),
        ("score", ["author", "clinic"], Digest::of(b"scorer")),
    ] {
        let manifest = manifest(&contract, computation);
        for owner in owners {
            assert!(matches!(decide(&contract, &manifest, owner, agreed), Decision::Allow(_)), "{computation} {owner}");
            // A keep that runs the artifact, or another component, in place of the component.
            for other in [Digest::of(b"artifact"), Digest::of(b"another")] {
                let Decision::Deny(reasons) = decide(&contract, &manifest, owner, other) else { panic!("allowed") };
                assert_eq!(rules(&reasons)[0], "program-digest", "{computation} {owner}");
            }
        }
    }
    let Decision::Deny(reasons) = decide(&contract, &manifest(&contract, "train"), "author", Digest::of(b"program"))
    else {
        panic!("the author decided on a run that opens nothing of it")
    };
    assert!(rules(&reasons).contains(&"contract-owner"), "{reasons:?}");
}

fn outcomes(contract: &Contract, computation: &str) -> Vec<GateOutcome> {
    let computation = contract.computation(computation).unwrap();
    let of = contract.reads(computation).flat_map(|(dataset, _)| {
        let rules = dataset.gate.rules_for(&computation.program);
        rules.into_iter().map(|rule| GateOutcome::passed(dataset.name.clone(), rule))
    });
    of.collect()
}

#[test]
fn a_permit_asks_for_free_form_and_bytes() {
    let contract = signed_from(&study());
    let manifest = manifest(&contract, "score");
    let outcomes = outcomes(contract.contract(), "score");
    let written: Vec<_> = outcomes.iter().map(|outcome| format!("{}: {}", outcome.dataset, outcome.gate)).collect();
    assert_eq!(
        written,
        [
            "measurements: free-form output of a program that every signer trusts",
            "measurements: at most 65536 bytes",
            "scorer: free-form output of a program that every signer trusts",
            "scorer: at most 4096 bytes",
        ]
    );
    for (owner, dataset) in [("author", "scorer"), ("clinic", "measurements")] {
        let permit = |gates: Vec<GateOutcome>| {
            let Decision::Allow(allow) = decide(&contract, &manifest, owner, Digest::of(b"scorer")) else {
                panic!("refused")
            };
            let request = PermitRequest { result: Digest::of(b"result"), gates, ordinary_bytes: 0 };
            let released = BTreeSet::from([dataset.parse().unwrap()]);
            let record = RunRecord { released, permitted: None, standing: Standing::default() };
            match authorise_permit(&contract, &allow, &request, &record, AT.plus_s(60)) {
                PermitDecision::Permit(permit) => Ok(permit.statement().gates.clone()),
                PermitDecision::Deny(reasons) => Err(rules(&reasons)),
            }
        };
        let repeated = permit(outcomes.clone()).unwrap();
        assert!(repeated.iter().any(|outcome| outcome.gate == GateRule::FreeForm.to_string()));
        let without = |gate: &str| outcomes.iter().filter(|outcome| outcome.gate != gate).cloned().collect();
        assert_eq!(permit(without(&GateRule::FreeForm.to_string())), Err(vec!["gate-missing"]), "{owner}");
        // A keep that calls the output a query's does not get around saying so.
        let as_sql = contract
            .contract()
            .datasets()
            .iter()
            .flat_map(|dataset| dataset.gate.rules().map(|rule| GateOutcome::passed(dataset.name.clone(), rule)));
        assert_eq!(permit(as_sql.collect()), Err(vec!["gate-missing"]), "{owner}");
        let mut failed = outcomes.clone();
        failed[1].passed = false;
        assert!(permit(failed).unwrap_err().contains(&"gate-failed"), "{owner}");
    }
}

fn file(name: &str, bytes: &[u8]) -> OutputFile {
    OutputFile { name: name.parse().unwrap(), bytes: bytes.to_vec() }
}

#[test]
fn an_output_is_exactly_the_declared_files() {
    let contract = Contract::parse(&study(), AT).unwrap();
    let train = &contract.computation("train").unwrap().program;
    let (model, report) = (file("model.csv", b"feature\n"), file("report.txt", "ä".as_bytes()));
    assert_eq!(Output::Files(vec![model.clone(), report.clone()]).check(train), Ok(()));
    let long = file("report.txt", &[b'a'; 1024]);
    for (crime, output, refused) in [
        ("a_table", Output::Table(vec![1]), "`a table` of a computation in wasm"),
        ("no_files", Output::Files(vec![]), "the declared file `model.csv` is not there"),
        ("one_missing", Output::Files(vec![model.clone()]), "the declared file `report.txt` is not there"),
        (
            "one_undeclared",
            Output::Files(vec![model.clone(), report.clone(), file("x.csv", b"")]),
            "the file `x.csv` is not among the declared outputs",
        ),
        ("out_of_order", Output::Files(vec![report.clone(), model.clone()]), "the files are not in order, each once"),
        ("one_twice", Output::Files(vec![model.clone(), model.clone()]), "the files are not in order, each once"),
        (
            "not_text",
            Output::Files(vec![model.clone(), file("report.txt", &[0xff])]),
            "the file `report.txt` is not UTF-8",
        ),
        ("too_long", Output::Files(vec![model, long]), "more than 1024 bytes in all files"),
    ] {
        assert_eq!(output.check(train).unwrap_err().to_string(), refused, "{crime}");
    }
    let sql = &contract.computation("by-diagnosis").unwrap().program;
    assert!(matches!(sql, Program::Sql { .. }) && Output::Table(vec![]).check(sql).is_ok());
    assert!(matches!(Output::Files(vec![report]).check(sql), Err(OutputError::Kind("files", "sql"))));
}

#[test]
fn a_file_name_that_is_a_path_is_no_output() {
    let honest = encode(&Output::Files(vec![file("report.txt", b"x")]));
    assert!(casemate_cose::decode::<Output>(&honest, 1024).is_ok());
    for crime in [b"../rep.txt", b"/eport.txt", b"a/port.txt", b"re\0ort.txt", b".eport.txt", b"REPORT.TXT"] {
        let at = honest.windows(10).position(|window| window == b"report.txt").unwrap();
        let mut forged = honest.clone();
        forged[at..at + 10].copy_from_slice(crime);
        assert!(casemate_cose::decode::<Output>(&forged, 1024).is_err(), "{crime:?}");
    }
}
