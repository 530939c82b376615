//! A broker's runs: what it decided on, and how far it went. Decided → released → permitted, or refused before that.

use std::fmt;

use casemate_cose::{Digest, UnixTime, decode, encode};
use casemate_ledger::Event;
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use thiserror::Error;

use crate::{
    DatasetVersion, Store, StoreError, contract, dataset,
    error::Failure,
    row::{Columns as _, damaged},
};

const DATASETS_BYTES_MAX: usize = 1 << 20;

/// Why a run does not allow an operation.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum RunError {
    /// The run id was used for something else: another contract, manifest, keep key or evidence.
    #[error("run {} was decided on already, with another `{field}`", hex(run))]
    Different {
        /// The run.
        run: [u8; 16],
        /// What differs.
        field: &'static str,
    },
    /// The step was taken already, with another content.
    #[error("run {} has a {event} already, with another content", hex(run))]
    Repeated {
        /// The run.
        run: [u8; 16],
        /// The event.
        event: Event,
    },
    /// The step does not follow on the run's state.
    #[error("run {} is {state}, so no {event} can follow", hex(run))]
    State {
        /// The run.
        run: [u8; 16],
        /// Its state.
        state: RunState,
        /// The event.
        event: Event,
    },
    /// The run was never decided on.
    #[error("run {} was never decided on here", hex(run))]
    Unknown {
        /// The run.
        run: [u8; 16],
    },
}

/// How far a run went at this broker.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum RunState {
    /// The broker signed its decision; no key has left.
    Decided,
    /// The keys were released, with a receipt.
    Released,
    /// A result was permitted, with a receipt.
    Permitted,
    /// The run was refused, or its keep ended it, with a receipt. Nothing follows.
    Refused,
}

impl RunState {
    const ALL: [Self; 4] = [Self::Decided, Self::Released, Self::Permitted, Self::Refused];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Released => "released",
            Self::Permitted => "permitted",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a broker decided on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunTerms {
    /// The run.
    pub run: [u8; 16],
    /// The study.
    pub study: String,
    /// The contract's sequence number.
    pub sequence: u64,
    /// The contract's digest.
    pub contract: Digest,
    /// The manifest's digest.
    pub manifest: Digest,
    /// The digest of the keep's public key, which is one session's.
    pub keep_key: Digest,
    /// The digest of the evidence.
    pub evidence: Digest,
    /// This owner's datasets that the run reads.
    pub datasets: Vec<DatasetVersion>,
    /// When.
    pub decided_at: UnixTime,
}

/// A stored run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Run {
    /// What was decided on.
    pub terms: RunTerms,
    /// How far it went.
    pub state: RunState,
}

impl Store {
    /// Records the decision on a run, before it is signed and sent, and raises the study's floor to its contract.
    ///
    /// Repeating it for the same terms, the time aside, changes nothing and tells the state.
    ///
    /// # Errors
    /// [`RunError::Different`] where the run id stands for anything else; [`RunError::State`] where the run has ended; [`FloorError`](crate::FloorError) for an older
    /// contract; [`DatasetError`](crate::DatasetError) for a dataset that is unknown or revoked.
    pub async fn decide(&self, terms: &RunTerms) -> Result<RunState, StoreError> {
        let mut tx = self.begin().await?;
        let state = decide(&mut tx, terms).await.map_err(self.fail())?;
        self.commit(tx).await?;
        Ok(state)
    }

    /// The run of this id.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn run(&self, run: &[u8; 16]) -> Result<Option<Run>, StoreError> {
        let mut tx = self.read().await?;
        by_id(&mut tx, run).await.map_err(self.fail())
    }

    /// All runs, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn runs(&self) -> Result<Vec<Run>, StoreError> {
        let mut tx = self.read().await?;
        let rows = sqlx::query("SELECT * FROM runs ORDER BY decided_at DESC, rowid DESC").fetch_all(&mut *tx).await;
        let rows = rows.map_err(Failure::from).map_err(self.fail())?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(self.fail())
    }
}

/// The run of this id.
pub(crate) async fn by_id(tx: &mut SqliteConnection, run: &[u8; 16]) -> Result<Option<Run>, Failure> {
    let row = sqlx::query("SELECT * FROM runs WHERE run = ?").bind(run.as_slice()).fetch_optional(tx).await?;
    row.as_ref().map(read).transpose()
}

/// Moves the run on. The caller has checked that it may.
pub(crate) async fn set_state(tx: &mut SqliteConnection, run: &[u8; 16], state: RunState) -> Result<(), Failure> {
    let update = sqlx::query("UPDATE runs SET state = ? WHERE run = ?");
    update.bind(state.as_str()).bind(run.as_slice()).execute(tx).await?;
    Ok(())
}

/// 32 lower-case hex digits.
pub(crate) fn hex(run: &[u8; 16]) -> String {
    run.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn decide(tx: &mut SqliteConnection, terms: &RunTerms) -> Result<RunState, Failure> {
    if let Some(known) = by_id(tx, &terms.run).await? {
        return match (difference(&known.terms, terms), known.state) {
            (Some(field), _) => Err(RunError::Different { run: terms.run, field }.into()),
            (None, state @ (RunState::Decided | RunState::Released)) => Ok(state),
            (None, state) => Err(RunError::State { run: terms.run, state, event: Event::Release }.into()),
        };
    }
    contract::raise(tx, &terms.study, terms.sequence, &terms.contract).await?;
    dataset::check_usable(tx, &terms.datasets).await?;
    sqlx::query(
        "INSERT INTO runs (run, study, sequence, contract, manifest, keep_key, evidence, datasets, decided_at, state)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(terms.run.as_slice())
    .bind(&terms.study)
    .bind(terms.sequence.cast_signed())
    .bind(terms.contract.as_bytes().as_slice())
    .bind(terms.manifest.as_bytes().as_slice())
    .bind(terms.keep_key.as_bytes().as_slice())
    .bind(terms.evidence.as_bytes().as_slice())
    .bind(encode(&terms.datasets))
    .bind(terms.decided_at.0.cast_signed())
    .bind(RunState::Decided.as_str())
    .execute(tx)
    .await?;
    Ok(RunState::Decided)
}

fn difference(known: &RunTerms, offered: &RunTerms) -> Option<&'static str> {
    let checks = [
        ("contract", known.contract == offered.contract),
        ("study", known.study == offered.study),
        ("sequence", known.sequence == offered.sequence),
        ("manifest", known.manifest == offered.manifest),
        ("keep key", known.keep_key == offered.keep_key),
        ("evidence", known.evidence == offered.evidence),
        ("datasets", known.datasets == offered.datasets),
    ];
    checks.into_iter().find(|(_, same)| !same).map(|(field, _)| field)
}

fn read(row: &SqliteRow) -> Result<Run, Failure> {
    let word = row.text("state")?;
    let state = RunState::ALL.into_iter().find(|state| state.as_str() == word);
    let datasets = decode(&row.bytes("datasets")?, DATASETS_BYTES_MAX);
    Ok(Run {
        terms: RunTerms {
            run: row.id("run")?,
            study: row.text("study")?,
            sequence: row.number("sequence")?,
            contract: row.digest("contract")?,
            manifest: row.digest("manifest")?,
            keep_key: row.digest("keep_key")?,
            evidence: row.digest("evidence")?,
            datasets: datasets.map_err(|error| damaged(row, "datasets", &error.to_string()))?,
            decided_at: row.time("decided_at")?,
        },
        state: state.ok_or_else(|| damaged(row, "state", "is unknown"))?,
    })
}
