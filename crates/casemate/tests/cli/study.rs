//! A clinic, a registry and a researcher with a contract that all signed, over small real tables.

use std::{fs, net::TcpListener, path::Path};

use casemate_testkit::Folder;
use serde_json::Value;

use crate::party::{Answer, Broker, Party};

pub(crate) const MEASUREMENTS: &str = include_str!("../../demo/measurements.csv");
pub(crate) const DIAGNOSES: &str = include_str!("../../demo/diagnoses.csv");

pub(crate) const COMPUTATIONS: &str = r#"
[computations.by-diagnosis]
sql = """
SELECT d.diagnosis, COUNT(*) AS patients, AVG(m.mean_radius) AS radius
FROM measurements m JOIN diagnoses d ON m.patient_id = d.patient_id
GROUP BY d.diagnosis ORDER BY d.diagnosis
"""
runners = ["researcher"]
recipients = ["researcher"]
reads = { measurements = ["patient_id", "mean_radius"], diagnoses = ["patient_id", "diagnosis"] }
"#;

/// All cards, from the folder of any party.
pub(crate) const CARDS: [&str; 3] = ["../clinic.card", "../registry.card", "../researcher.card"];
/// What `contract new` leaves to be said.
pub(crate) const SAID: [&str; 4] = ["--purpose", "Compare tumours.", "--legal-basis", "Consent of the patients."];

pub(crate) struct Study {
    pub(crate) clinic: Party,
    pub(crate) registry: Party,
    pub(crate) researcher: Party,
    pub(crate) folder: Folder,
}

impl Study {
    /// Sealed, agreed and signed by all; no broker runs yet. The researcher has `study.contract` and the sealed files.
    pub(crate) fn signed(name: &str) -> Self {
        let study = Self::sealed(name);
        study.write_contract(COMPUTATIONS);
        study.sign("study.toml", "study.contract");
        study
    }

    /// Parties with sealed data, cards and domains.
    pub(crate) fn sealed(name: &str) -> Self {
        let folder = Folder::new(name);
        let [clinic, registry, researcher] =
            ["clinic", "registry", "researcher"].map(|party| Party::new(folder.path(), party));
        std::thread::scope(|scope| {
            scope.spawn(|| join(&clinic, Some(("measurements.csv", MEASUREMENTS)), folder.path()));
            scope.spawn(|| join(&registry, Some(("diagnoses.csv", DIAGNOSES)), folder.path()));
            scope.spawn(|| join(&researcher, None, folder.path()));
        });
        let study = Self { clinic, registry, researcher, folder };
        let lacks = lacks(&study.researcher);
        for (owner, sealed) in [(&study.clinic, "measurements.parquet"), (&study.registry, "diagnoses.parquet")] {
            let mut args = vec!["domain", "init", "--host", "../researcher.card"];
            args.extend(lacks.iter().flat_map(|lack| ["--accept-lack", lack]));
            owner.expect(&args);
            owner.expect(&[&["party", "add"][..], &CARDS].concat());
            fs::copy(owner.join("state/datasets").join(sealed), study.researcher.join(sealed)).unwrap();
        }
        study
    }

    /// Writes the researcher's study.toml: the template's head with these computations.
    pub(crate) fn write_contract(&self, computations: &str) -> String {
        let _ = fs::remove_file(self.researcher.join("study.toml"));
        let lacks = lacks(&self.researcher);
        let mut args = [&["contract", "new", "--study", "cohort"][..], &SAID, &CARDS].concat();
        args.extend(lacks.iter().flat_map(|lack| ["--accept-lack", lack]));
        self.researcher.expect(&args);
        let template = fs::read_to_string(self.researcher.join("study.toml")).unwrap();
        let head = template.split("[computations.").next().unwrap();
        let text = format!("{head}{computations}");
        self.researcher.write("study.toml", &text);
        text
    }

    /// All three sign; files are passed by hand.
    pub(crate) fn sign(&self, input: &str, contract: &str) {
        let shared = self.folder.join(contract);
        let shared = shared.to_str().unwrap();
        self.researcher.expect(&["contract", "sign", input, "--out", shared, "--yes"]);
        self.clinic.expect(&["contract", "sign", shared, "--yes"]);
        let last = self.registry.expect(&["contract", "sign", shared, "--yes"]);
        assert_eq!(last.get("missing"), Some(&serde_json::json!([])));
        fs::copy(shared, self.researcher.join(contract)).unwrap();
    }

    pub(crate) fn brokers(&self) -> [Broker; 2] {
        [self.clinic.broker(), self.registry.broker()]
    }

    /// A run into `results`, in place of an earlier one's.
    pub(crate) fn run(&self) -> Answer {
        let _ = fs::remove_dir_all(self.researcher.join("results"));
        self.researcher.call(&["run", "study.contract", "--data", ".", "--out", "results"])
    }

    #[track_caller]
    pub(crate) fn open(&self) -> Value {
        self.researcher.expect(&["result", "open", "results/researcher.result"])
    }
}

/// What a keep lacks here, by `casemate doctor`.
pub(crate) fn lacks(party: &Party) -> Vec<String> {
    let doctor = party.expect(&["doctor"]);
    let lacks = doctor.get("lacks").and_then(Value::as_array).unwrap();
    lacks.iter().map(|lack| lack.get("name").unwrap().as_str().unwrap().to_owned()).collect()
}

/// An address of this machine that nobody listens on.
pub(crate) fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn join(party: &Party, data: Option<(&str, &str)>, shared: &Path) {
    match data {
        None => drop(party.expect(&["init", "--name", &party.name])),
        Some((file, text)) => {
            party.expect(&["init", "--name", &party.name, "--address", &free_address()]);
            party.write(file, text);
            party.expect(&["dataset", "seal", file, "--entity", "patient_id"]);
        }
    }
    let card = shared.join(format!("{}.card", party.name));
    party.expect(&["key", "card", card.to_str().unwrap()]);
}
