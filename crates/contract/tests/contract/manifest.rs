//! The manifest: what the contract implies, to the byte.

use casemate_contract::{DenyReason, Limits, Manifest, ManifestError, ManifestFields, RunId, Variable};
use casemate_cose::{Digest, encode};
use casemate_evidence::Isolation;

use crate::study::{RUN, edited, key, manifest_of, signed, signed_from};

#[test]
fn follows_from_the_contract() {
    let contract = signed();
    let manifest = manifest_of(&contract);
    let fields = manifest.fields();
    assert_eq!(fields.contract, contract.digest());
    let computation = contract.contract().computation("by-diagnosis").unwrap();
    assert_eq!(Some(fields.program), contract.contract().program_digest(computation));
    assert_eq!(fields.brokers.iter().map(|broker| broker.owner.as_str()).collect::<Vec<_>>(), ["clinic", "registry"]);
    assert_eq!(fields.brokers[0].key, key(11).public().spki_digest());
    assert_eq!(fields.recipients.len(), 1);
    assert!(fields.arguments.is_empty() && fields.environment.is_empty());
    assert_eq!(manifest.digest(), Digest::of(manifest.bytes()));
    assert_eq!(Manifest::check(manifest.bytes(), &contract).unwrap(), manifest);
    assert_eq!(&ManifestFields::claimed(manifest.bytes()).unwrap(), fields);
}

#[test]
fn refuses_what_the_contract_does_not_allow() {
    let contract = signed();
    let derive = |computation: &str, runner: &str, isolation| {
        Manifest::derive(&contract, &computation.parse().unwrap(), RUN, &runner.parse().unwrap(), isolation)
            .unwrap_err()
    };
    assert!(matches!(derive("other", "researcher", Isolation::Process), ManifestError::UnknownComputation(_)));
    assert!(matches!(derive("by-diagnosis", "clinic", Isolation::Process), ManifestError::Runner { .. }));
    assert!(matches!(derive("by-diagnosis", "researcher", Isolation::Vm), ManifestError::Isolation { .. }));
}

/// One crime: the field it is about, and how it is committed.
type Crime = (&'static str, &'static str, fn(&mut ManifestFields));

const CRIMES: &[Crime] = &[
    ("another_format", "format", |m| m.format = "casemate/manifest/2".into()),
    ("another_study", "study", |m| m.study = "other".parse().unwrap()),
    ("another_sequence", "sequence", |m| m.sequence = 2),
    ("another_program", "program", |m| m.program = Digest::of(b"SELECT *")),
    ("a_fake_broker", "brokers", |m| m.brokers[0].key = key(66).public().spki_digest()),
    ("a_broker_less", "brokers", |m| drop(m.brokers.pop())),
    ("a_broker_twice", "brokers", |m| m.brokers.push(m.brokers[1].clone())),
    ("brokers_swapped", "brokers", |m| m.brokers.swap(0, 1)),
    ("another_file", "datasets", |m| m.datasets[0].digest = Digest::of(b"other")),
    ("an_older_version", "datasets", |m| m.datasets[0].version = "00".repeat(16).parse().unwrap()),
    ("a_column_more", "datasets", |m| m.datasets[1].columns.insert(0, "mean area".parse().unwrap())),
    ("a_dataset_less", "datasets", |m| drop(m.datasets.pop())),
    ("a_recipient_more", "recipients", |m| m.recipients.push(m.recipients[0].clone())),
    ("a_recipient_renamed", "recipients", |m| m.recipients[0].party = "clinic".parse().unwrap()),
    ("more_memory", "limits", |m| m.limits = Limits { memory_bytes: u64::MAX, ..m.limits }),
    ("more_time", "limits", |m| m.limits.wall_s += 1),
    ("an_argument", "arguments", |m| m.arguments.push("--debug".into())),
    ("a_variable", "environment", |m| m.environment.push(Variable { name: "LD_PRELOAD".into(), value: "x".into() })),
];

#[test]
fn refuses_each_field_that_does_not_follow() {
    let contract = signed();
    for (crime, expected, commit) in CRIMES {
        let mut fields = manifest_of(&contract).fields().clone();
        commit(&mut fields);
        let bytes = encode(&fields);
        // A broker that only looked at the contract's digest and the run would let it pass.
        let naive = ManifestFields::claimed(&bytes).unwrap();
        assert!(naive.contract == contract.digest() && naive.run == RUN);
        match Manifest::check(&bytes, &contract) {
            Err(DenyReason::Manifest { field, .. }) => assert_eq!(field, *expected, "{crime}"),
            other => panic!("{crime}: {other:?}"),
        }
    }
}

#[test]
fn refuses_a_run_that_was_not_agreed() {
    let contract = signed();
    let crimes: [Crime; 4] = [
        ("another_contract", "manifest-field", |m| m.contract = Digest::of(b"other")),
        ("another_computation", "contract-computation", |m| m.computation = "other".parse().unwrap()),
        ("another_runner", "contract-runner", |m| m.runner = "clinic".parse().unwrap()),
        ("another_isolation", "contract-isolation", |m| m.isolation = Isolation::Vm),
    ];
    for (crime, rule, commit) in crimes {
        let mut fields = manifest_of(&contract).fields().clone();
        commit(&mut fields);
        assert_eq!(Manifest::check(&encode(&fields), &contract).unwrap_err().rule(), rule, "{crime}");
    }
}

#[test]
fn another_run_has_another_manifest() {
    let contract = signed();
    let mut fields = manifest_of(&contract).fields().clone();
    fields.run = RunId::from_bytes([8; 16]);
    let other = Manifest::check(&encode(&fields), &contract).unwrap();
    assert_ne!(other.digest(), manifest_of(&contract).digest());
}

#[test]
fn a_byte_of_sql_makes_another_manifest() {
    let other = signed_from(&edited("avg(m.mean_radius)", "max(m.mean_radius)"));
    assert_ne!(manifest_of(&other).fields().program, manifest_of(&signed()).fields().program);
    let reason = Manifest::check(manifest_of(&other).bytes(), &signed()).unwrap_err();
    assert!(matches!(reason, DenyReason::Manifest { field: "contract", .. }));
}

#[test]
fn refuses_bytes_that_are_no_manifest() {
    let contract = signed();
    let good = manifest_of(&contract).bytes().to_vec();
    for (crime, bytes) in [
        ("empty", Vec::new()),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("trailing_byte", [good.as_slice(), &[0]].concat()),
        ("a_field_more", [&[good[0] + 1], &good[1..], &[0x0f, 0x00]].concat()),
        ("too_long", vec![0; casemate_contract::MANIFEST_BYTES_MAX + 1]),
    ] {
        assert!(matches!(Manifest::check(&bytes, &contract), Err(DenyReason::ManifestUnreadable { .. })), "{crime}");
    }
}
