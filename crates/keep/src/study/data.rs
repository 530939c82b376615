//! The sealed files: checked against the contract, opened with the released keys, queried under the gates.

use std::{
    fs::File,
    io::{Seek as _, SeekFrom},
};

use casemate_channel::message::AbandonReason;
use casemate_contract::{Dataset, GateOutcome};
use casemate_query::{Limits, Sealed, Table, views};
use casemate_seal::{aad_prefix, fingerprint};
use tokio::task::spawn_blocking;

use super::{refusal::Refusal, terms::Terms};
use crate::secret::SecretBytes;

/// The key of one dataset, in secret memory.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) dataset: String,
    pub(super) key: SecretBytes,
}

/// What a query gave, all gates passed.
pub(super) struct Computed {
    pub(super) table: Vec<u8>,
    pub(super) gates: Vec<GateOutcome>,
}

/// Reads every file to its end and compares its digest with the contract's.
///
/// The host owns the disk and may still change a file after this. It gains nothing: every page is authenticated with the
/// key of this dataset and version when it is used.
pub(super) async fn check_files(terms: &Terms, files: Vec<(String, File)>) -> Result<Vec<(String, File)>, Refusal> {
    let mut checked = Vec::new();
    for (name, mut file) in files {
        let reading = spawn_blocking(move || {
            file.seek(SeekFrom::Start(0))?;
            fingerprint(&file).map(|found| (found.digest, file))
        });
        let unreadable = || refused(&name, "a file that can be read", "one that cannot");
        let (actual, file) = reading.await.map_err(|_| unreadable())?.map_err(|_| unreadable())?;
        let dataset = dataset(terms, &name)?;
        if actual != dataset.digest {
            return Err(refused(&name, &format!("`{}`", dataset.digest), &format!("`{actual}`")));
        }
        checked.push((name, file));
    }
    Ok(checked)
}

/// Runs the query. The error says as well what the brokers are told.
pub(super) async fn compute(
    terms: &Terms,
    files: Vec<(String, File)>,
    keys: Vec<Key>,
    threads: usize,
) -> Result<Computed, (AbandonReason, Refusal)> {
    let own = |refusal| (AbandonReason::ComputationFailed, refusal);
    let tables = tables(terms, files, keys).map_err(own)?;
    // A quarter is left to what lies outside the query's own accounting: TLS, the result, the allocator.
    let memory_bytes = terms.manifest.fields().limits.memory_bytes / 4 * 3;
    let limits = Limits { memory_bytes, threads: u32::try_from(threads).unwrap_or(1) };
    let output = casemate_query::run(&terms.sql, tables, limits)
        .await
        .map_err(|refusal| (AbandonReason::GateRefused, Refusal::query(&refusal)))?;
    let gates = gates(terms, &output.gates).map_err(own)?;
    Ok(Computed { table: output.ipc, gates })
}

/// Joins each file with its key and its view.
fn tables(terms: &Terms, files: Vec<(String, File)>, mut keys: Vec<Key>) -> Result<Vec<(Table, Sealed)>, Refusal> {
    let mut tables = Vec::new();
    let views = views(terms.contract.contract(), terms.computation()?);
    for (name, file) in files {
        let found = keys.iter().position(|key| key.dataset == name);
        let key = found.map(|index| keys.swap_remove(index).key);
        let key = key.ok_or_else(|| refused(&name, "its key, from its owner's broker", "none"))?;
        let dataset = dataset(terms, &name)?;
        let prefix = aad_prefix(dataset.id.as_bytes(), dataset.version.as_bytes());
        let view = views.iter().find(|view| view.name == name).cloned();
        let view = view.ok_or_else(|| refused(&name, "a table that the computation reads", "another file"))?;
        tables.push((view, Sealed { file, key: Box::new(key), aad_prefix: prefix }));
    }
    Ok(tables)
}

/// The query's outcomes in the contract's words: one for each rule of each gate, and every one passed.
fn gates(terms: &Terms, outcomes: &[casemate_query::GateOutcome]) -> Result<Vec<GateOutcome>, Refusal> {
    let mut gates = Vec::new();
    for (dataset, _) in terms.contract.contract().reads(terms.computation()?) {
        let rules = dataset.gate.rules();
        let of_dataset = outcomes.iter().filter(|outcome| outcome.table == dataset.name.as_str());
        if of_dataset.clone().count() != rules.len() || of_dataset.clone().any(|outcome| !outcome.passed) {
            return Err(refused(dataset.name.as_str(), "every rule of its gate passed", "not every one"));
        }
        gates.extend(rules.into_iter().map(|rule| GateOutcome::passed(dataset.name.clone(), rule)));
    }
    Ok(gates)
}

fn dataset<'a>(terms: &'a Terms, name: &str) -> Result<&'a Dataset, Refusal> {
    terms.contract.contract().dataset(name).ok_or_else(|| refused(name, "a dataset of the contract", "another"))
}

fn refused(dataset: &str, expected: &str, actual: &str) -> Refusal {
    let remedy = "give the sealed file of exactly this version, as its owner sealed it";
    Refusal::one("sealed-file", &format!("`{dataset}`: {expected}"), actual, remedy)
}
