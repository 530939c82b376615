//! The study that the tests start from: two owners, one researcher, one query.

use std::collections::BTreeSet;

use casemate_contract::{
    Allow, Compiled, Contract, Decision, FullySigned, GateOutcome, Manifest, Run, RunHistory, RunId, SignedContract,
    Standing, authorise,
};
use casemate_cose::{Digest, SigningKey, UnixTime};
use casemate_evidence::{
    Binding, Bound, Endorsements, Isolation, Lack, Role, authenticate,
    software::{Statement, sign},
};
use casemate_trust::{
    Accepted, Domain, Verdict, appraise,
    domain::{Launcher, Process, Runtime},
};

pub(crate) const AT: UnixTime = UnixTime(1_800_000_000);
pub(crate) const RUN: RunId = RunId::from_bytes([7; 16]);
pub(crate) const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
pub(crate) const RUNTIME: Digest = Digest::from_bytes([0x11; 32]);

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

pub(crate) fn clinic() -> SigningKey {
    key(1)
}

pub(crate) fn registry() -> SigningKey {
    key(2)
}

pub(crate) fn researcher() -> SigningKey {
    key(3)
}

pub(crate) fn broker_of(owner: &str) -> SigningKey {
    match owner {
        "clinic" => key(11),
        "registry" => key(12),
        "author" => key(13),
        _ => key(99),
    }
}

/// The key of the launcher on `party`'s host.
pub(crate) fn launcher_of(party: &str) -> SigningKey {
    match party {
        "clinic" => key(32),
        "researcher" => key(31),
        _ => key(98),
    }
}

pub(crate) fn keep_key() -> Digest {
    key(21).public().spki_digest()
}

pub(crate) fn toml() -> String {
    format!(
        r#"[study]
id = "breast-cancer"
sequence = 1
purpose = "Compare measurements by diagnosis."
legal_basis = "Consent of the patients."
expires = 2027-01-31T00:00:00Z
isolations = ["process"]
accept_lacks = ["secret-plaintext"]
regions = ["any"]

[parties.clinic]
key = "{clinic}"
broker = {{ key = "{clinic_broker}", address = "127.0.0.1:7701" }}
launchers = ["{clinic_launcher}"]

[parties.registry]
key = "{registry}"
broker = {{ key = "{registry_broker}", address = "127.0.0.1:7702" }}

[parties.researcher]
key = "{researcher}"
recipient = "{RECIPIENT}"
launchers = ["{researcher_launcher}"]

[datasets.measurements]
owner = "clinic"
id = "01010101010101010101010101010101"
version = "02020202020202020202020202020202"
digest = "{measurements}"
format = "parquet"
entity = "patient_id"
columns = {{ patient_id = "int64", mean_radius = "float64", "mean area" = "float64" }}
gate = {{ min_entities = 10, max_rows = 100, max_bytes = 65536 }}

[datasets.diagnoses]
owner = "registry"
id = "03030303030303030303030303030303"
version = "04040404040404040404040404040404"
digest = "{diagnoses}"
format = "parquet"
entity = "patient_id"
columns = {{ patient_id = "int64", diagnosis = "utf8" }}
gate = {{ min_entities = 5, max_rows = 10, max_bytes = 1024 }}

[computations.by-diagnosis]
sql = """SELECT d.diagnosis, count(*) AS n, avg(m.mean_radius) AS mean_radius
FROM measurements AS m JOIN diagnoses AS d ON m.patient_id = d.patient_id
GROUP BY d.diagnosis"""
runners = ["researcher"]
recipients = ["researcher"]
reads = {{ measurements = ["patient_id", "mean_radius"], diagnoses = ["patient_id", "diagnosis"] }}
"#,
        clinic = clinic().public(),
        clinic_broker = broker_of("clinic").public(),
        clinic_launcher = launcher_of("clinic").public(),
        registry = registry().public(),
        registry_broker = broker_of("registry").public(),
        researcher = researcher().public(),
        researcher_launcher = launcher_of("researcher").public(),
        measurements = Digest::of(b"measurements"),
        diagnoses = Digest::of(b"diagnoses"),
    )
}

/// The study's TOML with `from` replaced by `to`. Fails where there is nothing to replace.
pub(crate) fn edited(from: &str, to: &str) -> String {
    let toml = toml();
    assert!(toml.contains(from), "the study has no `{from}`");
    toml.replace(from, to)
}

pub(crate) fn contract() -> Contract {
    Contract::parse(&toml(), AT).unwrap()
}

pub(crate) fn compiled_from(toml: &str) -> Compiled {
    Compiled::new(Contract::parse(toml, AT).unwrap_or_else(|errors| panic!("{errors}")))
}

pub(crate) fn signed_from(toml: &str) -> FullySigned {
    let mut signed = SignedContract::new(compiled_from(toml));
    for key in [clinic(), registry(), researcher()] {
        signed.sign(&key).unwrap();
    }
    FullySigned::check(signed).unwrap()
}

pub(crate) fn signed() -> FullySigned {
    signed_from(&toml())
}

pub(crate) fn manifest_of(contract: &FullySigned) -> Manifest {
    let (computation, runner) = ("by-diagnosis".parse().unwrap(), "researcher".parse().unwrap());
    Manifest::derive(contract, &computation, RUN, &runner, Isolation::Process).unwrap()
}

/// What an honest keep's session with the broker of `owner` is bound to.
pub(crate) fn binding(manifest: &Manifest, owner: &str) -> Binding {
    Binding {
        role: Role::Keep,
        nonce: [1; 32],
        manifest: manifest.digest(),
        exporter: [3; 32],
        own_key: keep_key(),
        peer_key: broker_of(owner).public().spki_digest(),
    }
}

/// What an honest launcher states about the keep in that session.
pub(crate) fn statement(manifest: &Manifest, binding: &Binding) -> Statement {
    Statement {
        isolation: Isolation::Process,
        runtime: RUNTIME,
        libraries: Digest::of(b"the libraries"),
        program: manifest.fields().program,
        manifest: binding.manifest,
        report_data: binding.report_data(),
        lacks: [Lack::SecretPlaintext].into(),
        secret_bytes: 4096,
        debug: false,
        at: AT,
    }
}

/// Evidence by the researcher's host, appraised.
pub(crate) fn accepted(statement: &Statement, binding: Binding) -> Accepted<Bound> {
    accepted_by(&launcher_of("researcher"), statement, binding)
}

/// Appraises evidence by `launcher` under a domain that believes it and accepts every lack, so that it is the contract's word
/// that counts here.
pub(crate) fn accepted_by(launcher: &SigningKey, statement: &Statement, binding: Binding) -> Accepted<Bound> {
    let domain = Domain::new(
        "an owner",
        vec![Launcher { name: "host".to_owned(), key: launcher.public() }],
        vec![Runtime { name: "casemate".to_owned(), digest: RUNTIME }],
        Some(Process { accept_lacks: Lack::ALL.iter().copied().collect() }),
    )
    .unwrap();
    let endorsements = Endorsements::of_launchers([launcher.public()]);
    let evidence = sign(statement, launcher);
    let authenticated = authenticate(&evidence, &endorsements, &Bound::new(binding), AT).unwrap();
    match appraise(authenticated, &domain, AT) {
        Verdict::Accepted(accepted) => accepted,
        Verdict::Denied(reasons) => panic!("{reasons:?}"),
    }
}

pub(crate) fn run_of(manifest: &Manifest) -> Run {
    Run {
        manifest: manifest.clone(),
        keep_key: keep_key(),
        history: RunHistory::New,
        standing: Standing { floor: None, revoked: BTreeSet::new() },
    }
}

/// The honest run's leave to release `owner`'s keys.
pub(crate) fn allow(contract: &FullySigned, owner: &str) -> Allow {
    let manifest = manifest_of(contract);
    let binding = binding(&manifest, owner);
    let accepted = accepted(&statement(&manifest, &binding), binding);
    match authorise(contract, &run_of(&manifest), &accepted, &owner.parse().unwrap(), AT) {
        Decision::Allow(allow) => allow,
        Decision::Deny(reasons) => panic!("{reasons:?}"),
    }
}

/// What every gate of the study says of a result that keeps every rule.
pub(crate) fn passed(contract: &Contract) -> Vec<GateOutcome> {
    let outcomes = contract
        .datasets()
        .iter()
        .flat_map(|dataset| dataset.gate.rules().map(|rule| GateOutcome::passed(dataset.name.clone(), rule)));
    outcomes.collect()
}
