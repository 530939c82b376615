//! The crates, their layers and duties. ARCHITECTURE.md shows this table; this is where it is written.

/// The crate that only tests use.
pub(super) const TESTKIT: &str = "testkit";
/// The first layer with effects; those below are pure.
const EFFECTS_LAYER: u8 = 3;
/// Above every layer: used by tests only.
const DEV_LAYER: u8 = u8::MAX;

/// One crate.
pub(super) struct Row {
    pub(super) layer: u8,
    /// Its folder in `crates`.
    pub(super) name: &'static str,
    pub(super) duty: &'static str,
    /// The crates of its own layer that it may use.
    pub(super) siblings: &'static [&'static str],
}

pub(super) static ROWS: [Row; 17] = [
    plain(0, "cose", "what is signed: deterministic CBOR, typed COSE_Sign1, digests and keys"),
    plain(1, "evidence", "parse and authenticate any TEE's evidence"),
    plain(1, "ledger", "Merkle tile log, checkpoints, proofs, receipts"),
    plain(1, "seal", "sealed tables and files"),
    plain(2, "trust", "domains, reference values, appraisal, verdicts"),
    Row {
        siblings: &["trust"],
        ..plain(2, "contract", "parties, datasets, computations, gates, signatures, authorisation")
    },
    plain(2, "keyring", "a party's keys, locked by its passphrase"),
    plain(3, "attester", "obtain evidence inside a keep; probe what this machine can isolate with"),
    plain(3, "channel", "attested TLS; gets evidence through a trait"),
    plain(3, "store", "durable state, its format version and migrations"),
    plain(3, "query", "SQL over sealed tables, plan rules, gates at the sink"),
    plain(3, "wasm", "Wasm programs over files in memory"),
    plain(4, "keep", "the runtime inside a keep"),
    plain(4, "launch", "isolation back ends behind one trait"),
    plain(5, "service", "use cases, one file each"),
    Row { siblings: &["service"], ..plain(5, "casemate", "the command: one file per verb") },
    plain(DEV_LAYER, TESTKIT, "keys, folders and skips for tests; never in the product"),
];

const fn plain(layer: u8, name: &'static str, duty: &'static str) -> Row {
    Row { layer, name, duty, siblings: &[] }
}

impl Row {
    pub(super) fn package(&self) -> String {
        match self.name {
            "casemate" => self.name.to_owned(),
            name => format!("casemate-{name}"),
        }
    }

    /// No I/O, no async, no clock, no environment, no unsafe code.
    pub(super) const fn is_pure(&self) -> bool {
        self.layer < EFFECTS_LAYER
    }

    fn layer_named(&self) -> String {
        match self.layer {
            DEV_LAYER => "dev only".to_owned(),
            layer if layer < EFFECTS_LAYER => format!("{layer} pure"),
            layer => layer.to_string(),
        }
    }
}

/// The row of a package of the workspace.
pub(super) fn row(package: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.package() == package)
}

/// The table as ARCHITECTURE.md shows it.
pub(super) fn markdown() -> String {
    let mut text = "| layer | crate | duty | may use, beside lower layers |\n| --- | --- | --- | --- |\n".to_owned();
    for row in &ROWS {
        let siblings: Vec<String> = row.siblings.iter().map(|name| format!("`{name}`")).collect();
        text += &format!("| {} | `{}` | {} | {} |\n", row.layer_named(), row.name, row.duty, siblings.join(", "));
    }
    text
}
