//! The study: three owners with a dataset each, one researcher who runs on a host of its own, one query over all three.

use casemate_contract::{Compiled, Contract, FullySigned, GateOutcome, Manifest, RunId, SignedContract};
use casemate_cose::{Digest, SigningKey};
use casemate_evidence::Isolation;
use casemate_keyring::{ENTROPY_BYTES, PartyKeys};
use casemate_store::DatasetVersion;
use casemate_testkit::{NOW, key, seed};

/// The owners, ascending.
pub(crate) const OWNERS: [&str; 3] = ["clinic", "hospital", "registry"];
/// Everybody who signs.
pub(crate) const PARTIES: [&str; 4] = ["clinic", "hospital", "registry", "researcher"];
/// The digest of the runtime that every domain names.
pub(crate) const RUNTIME: &[u8] = b"the runtime's binary";
/// When the contract ends: 2027-01-31T00:00:00Z.
pub(crate) const EXPIRES: u64 = 1_801_353_600;

/// The keys of a party; the same at every call.
pub(crate) fn keys(party: &str) -> PartyKeys {
    let first = match party {
        "clinic" => 10,
        "hospital" => 20,
        "registry" => 30,
        "researcher" => 40,
        _ => 50,
    };
    let mut entropy = [0; ENTROPY_BYTES];
    for (number, bytes) in (first..).zip(entropy.chunks_exact_mut(32)) {
        bytes.copy_from_slice(&seed(number));
    }
    PartyKeys::generate(&entropy)
}

/// The key that signs what the broker of `owner` says.
pub(crate) fn broker_key(owner: &str) -> SigningKey {
    SigningKey::from_seed(keys(owner).broker().seed())
}

/// The key of whoever is no party of anything.
pub(crate) fn stranger() -> SigningKey {
    key(99)
}

/// The one dataset of an owner.
pub(crate) fn dataset_of(owner: &str) -> &'static str {
    match owner {
        "clinic" => "measurements",
        "hospital" => "stays",
        _ => "diagnoses",
    }
}

/// What the dataset is known by.
pub(crate) fn version_of(owner: &str) -> DatasetVersion {
    let number = match owner {
        "clinic" => 1,
        "hospital" => 2,
        _ => 3,
    };
    DatasetVersion { id: [number; 16], version: [number + 0x10; 16] }
}

/// The key of an owner's sealed file.
pub(crate) fn data_key(owner: &str) -> [u8; 32] {
    *Digest::of_parts(&[b"data key", owner.as_bytes()]).as_bytes()
}

/// The digest of an owner's sealed file.
pub(crate) fn file_digest(owner: &str) -> Digest {
    Digest::of(dataset_of(owner).as_bytes())
}

/// `study.toml`.
pub(crate) fn toml() -> String {
    let mut toml = r#"[study]
id = "outcomes"
sequence = 1
purpose = "Compare measurements by diagnosis."
legal_basis = "Consent of the patients."
expires = 2027-01-31T00:00:00Z
isolations = ["process"]
accept_lacks = ["network-namespace", "secret-plaintext"]
regions = ["any"]

[computations.by-diagnosis]
sql = """SELECT d.diagnosis, count(*) AS n, avg(m.radius) AS radius, avg(s.days) AS days
FROM measurements AS m JOIN diagnoses AS d ON m.patient_id = d.patient_id JOIN stays AS s ON m.patient_id = s.patient_id
GROUP BY d.diagnosis"""
runners = ["researcher"]
recipients = ["researcher"]
reads = { measurements = ["patient_id", "radius"], diagnoses = ["patient_id", "diagnosis"], stays = ["patient_id", "days"] }
"#
    .to_owned();
    let researcher = keys("researcher");
    let recipient = researcher.recipient().unwrap();
    toml += &format!(
        "[parties.researcher]\nkey = \"{}\"\nrecipient = \"{recipient}\"\nlaunchers = [\"{}\"]\n",
        researcher.public(),
        researcher.launcher().public()
    );
    for (owner, column, kind) in
        [("clinic", "radius", "float64"), ("hospital", "days", "int64"), ("registry", "diagnosis", "utf8")]
    {
        let (keys, version) = (keys(owner), version_of(owner));
        let hex = |id: [u8; 16]| RunId::from_bytes(id).to_string();
        toml += &format!(
            r#"
[parties.{owner}]
key = "{}"
broker = {{ key = "{}", address = "127.0.0.1:7701" }}
launchers = ["{}"]

[datasets.{}]
owner = "{owner}"
id = "{}"
version = "{}"
digest = "{}"
format = "parquet"
entity = "patient_id"
columns = {{ patient_id = "int64", {column} = "{kind}" }}
gate = {{ min_entities = 10, max_rows = 100, max_bytes = 65536 }}
"#,
            keys.public(),
            keys.broker().public(),
            keys.launcher().public(),
            dataset_of(owner),
            hex(version.id),
            hex(version.version),
            file_digest(owner),
        );
    }
    toml
}

/// The study's TOML with these replaced. Fails where there is nothing to replace.
pub(crate) fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(toml(), |toml, (from, to)| {
        assert!(toml.contains(from), "the study has no `{from}`");
        toml.replace(from, to)
    })
}

/// The contract of this TOML with the signatures of `parties`.
pub(crate) fn signed_by(toml: &str, parties: &[&str]) -> SignedContract {
    let contract = Contract::parse(toml, NOW).unwrap_or_else(|errors| panic!("{errors}"));
    let mut signed = SignedContract::new(Compiled::new(contract));
    for party in parties {
        signed.sign(keys(party).identity()).unwrap();
    }
    signed
}

/// The contract of this TOML with all signatures.
pub(crate) fn signed(toml: &str) -> FullySigned {
    FullySigned::check(signed_by(toml, &PARTIES)).unwrap()
}

/// A fully signed contract that replaces `old`.
pub(crate) fn successor(old: &FullySigned) -> FullySigned {
    let sequence = old.contract().study().sequence + 1;
    signed(&edited(&[("sequence = 1", &format!("sequence = {sequence}\nsupersedes = \"{}\"", old.digest()))]))
}

/// The manifest of one run by the researcher, honestly derived.
pub(crate) fn manifest_of(contract: &FullySigned, run: RunId) -> Manifest {
    manifest_by(contract, run, "researcher")
}

/// The manifest of one run by `runner`, honestly derived.
pub(crate) fn manifest_by(contract: &FullySigned, run: RunId, runner: &str) -> Manifest {
    let (computation, runner) = ("by-diagnosis".parse().unwrap(), runner.parse().unwrap());
    Manifest::derive(contract, &computation, run, &runner, Isolation::Process).unwrap()
}

/// What a keep says of a result that keeps every rule of every gate.
pub(crate) fn passed(contract: &FullySigned) -> Vec<GateOutcome> {
    let outcomes = contract
        .contract()
        .datasets()
        .iter()
        .flat_map(|dataset| dataset.gate.rules().map(|rule| GateOutcome::passed(dataset.name.clone(), rule)));
    outcomes.collect()
}
