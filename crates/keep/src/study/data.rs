//! The sealed files: checked against the contract, opened with the released keys, queried under the gates.

use std::{
    fs::File,
    io::{Seek as _, SeekFrom},
};

use casemate_channel::message::AbandonReason;
use casemate_contract::{Dataset, GateOutcome, Output, Program};
use casemate_cose::UnixTime;
use casemate_query::{Limits, Sealed, Table, views};
use casemate_seal::{aad_prefix, fingerprint};
use tokio::task::spawn_blocking;

use super::{
    program::{Execution, Prepared},
    refusal::Refusal,
    terms::Terms,
};
use crate::secret::{SecretBytes, bytes_of};

/// The key of one dataset, in secret memory.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) dataset: String,
    pub(super) key: SecretBytes,
}

/// What a computation gave, all gates passed.
pub(super) struct Computed {
    pub(super) output: Output,
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

/// Runs the computation; `at` is what a program's clock shows. The error says as well what the brokers are told.
pub(super) async fn compute(
    terms: &Terms,
    prepared: Prepared,
    opened: Opened,
    threads: usize,
    at: UnixTime,
) -> Result<Computed, (AbandonReason, Refusal)> {
    let own = |refusal| (AbandonReason::ComputationFailed, refusal);
    // A quarter is left to what lies outside the query's own accounting: TLS, the result, the allocator.
    let memory_bytes = bytes_of(casemate_contract::Limits::SQL.memory_bytes) / 4 * 3;
    let limits = Limits { memory_bytes, threads: u32::try_from(threads).unwrap_or(1) };
    match &terms.computation().map_err(own)?.program {
        Program::Sql { text } => {
            let tables = opened.tables(terms).map_err(own)?;
            let output = casemate_query::run(text.as_str(), tables, limits).await;
            let output = output.map_err(|refusal| (AbandonReason::GateRefused, Refusal::query(&refusal)))?;
            let gates = gates(terms, &output.gates).map_err(own)?;
            Ok(Computed { output: Output::Table(output.ipc), gates })
        }
        Program::Wasm(program) => {
            let execution = Execution { terms, program, limits, at };
            execute(execution, prepared, opened).await.map_err(own)
        }
    }
}

async fn execute(run: Execution<'_>, prepared: Prepared, mut opened: Opened) -> Result<Computed, Refusal> {
    let code = match prepared {
        Prepared::Wasm(code) => code,
        Prepared::SealedWasm => {
            let (file, key) = opened.program(run.terms)?;
            run.open(file, key).await?
        }
        Prepared::Sql => return Err(Refusal::machine()),
    };
    let tables = opened.tables(run.terms)?;
    let output = run.run(code, tables).await?;
    // What no gate can read passes by the signers' word, and in no more bytes than each owner lets out.
    let mut gates = Vec::new();
    for (dataset, _) in run.terms.contract.contract().reads(run.terms.computation()?) {
        if output.bytes() > dataset.gate.max_bytes {
            let actual = format!("more, says the gate of `{}`", dataset.name);
            let remedy = "write less";
            return Err(Refusal::one(
                "max-bytes",
                &format!("at most {} bytes", dataset.gate.max_bytes),
                &actual,
                remedy,
            ));
        }
        let rules = dataset.gate.rules_for(&run.terms.computation()?.program);
        gates.extend(rules.into_iter().map(|rule| GateOutcome::passed(dataset.name.clone(), rule)));
    }
    Ok(Computed { output, gates })
}

/// The sealed files and what opens them.
pub(super) struct Opened {
    pub(super) files: Vec<(String, File)>,
    pub(super) keys: Vec<Key>,
}

impl Opened {
    /// Takes out the sealed program.
    fn program(&mut self, terms: &Terms) -> Result<(File, Key), Refusal> {
        let name = terms.computation()?.program.sealed().map(ToString::to_string).unwrap_or_default();
        let key = self.key(&name)?;
        let found = self.files.iter().position(|(file, _)| *file == name);
        let found = found.ok_or_else(|| refused(&name, "its sealed file", "none"))?;
        Ok((self.files.swap_remove(found).1, key))
    }

    fn key(&mut self, name: &str) -> Result<Key, Refusal> {
        let found = self.keys.iter().position(|key| key.dataset == name);
        let found = found.ok_or_else(|| refused(name, "its key, from its owner's broker", "none"))?;
        Ok(self.keys.swap_remove(found))
    }

    /// Joins each table's file with its key and its view.
    fn tables(mut self, terms: &Terms) -> Result<Vec<(Table, Sealed)>, Refusal> {
        let views = views(terms.contract.contract(), terms.computation()?);
        let mut tables = Vec::new();
        for (name, file) in std::mem::take(&mut self.files) {
            let key = self.key(&name)?.key;
            let dataset = dataset(terms, &name)?;
            let prefix = aad_prefix(dataset.id.as_bytes(), dataset.version.as_bytes());
            let view = views.iter().find(|view| view.name == name).cloned();
            let view = view.ok_or_else(|| refused(&name, "a table that the computation reads", "another file"))?;
            tables.push((view, Sealed { file, key: Box::new(key), aad_prefix: prefix }));
        }
        Ok(tables)
    }
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
