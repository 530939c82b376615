//! A runner's own record of the studies it ran.

use std::fmt;

use casemate_cose::{Digest, UnixTime};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use crate::{
    RunError, Store, StoreError,
    error::Failure,
    row::{Columns as _, damaged},
};

/// How far a study's run came, for its runner.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StudyState {
    /// Started and not ended, or ended by a crash.
    Running,
    /// The result was delivered to this path.
    Done {
        /// Where the result is.
        result_path: String,
    },
    /// It ended without a result.
    Failed {
        /// Why.
        error: String,
    },
}

impl fmt::Display for StudyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl StudyState {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
        }
    }
}

/// One run of a study, at its runner.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StudyRun {
    /// The run.
    pub run: [u8; 16],
    /// The contract's digest.
    pub contract: Digest,
    /// The computation's name.
    pub computation: String,
    /// When it was started.
    pub started_at: UnixTime,
    /// How far it came.
    pub state: StudyState,
}

impl Store {
    /// Records that a run was started, before anything of it is.
    ///
    /// # Errors
    /// [`RunError::Different`] where the run id was used before.
    pub async fn start_study_run(
        &self,
        run: &[u8; 16],
        contract: &Digest,
        computation: &str,
        started_at: UnixTime,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if by_id(&mut tx, run).await.map_err(self.fail())?.is_some() {
            return Err(RunError::Different { run: *run, field: "start" }.into());
        }
        let insert = sqlx::query(
            "INSERT INTO study_runs (run, contract, computation, state, started_at) VALUES (?, ?, ?, 'running', ?)",
        );
        let insert = insert.bind(run.as_slice()).bind(contract.as_bytes().as_slice()).bind(computation);
        let insert = insert.bind(started_at.0.cast_signed()).execute(&mut *tx).await;
        insert.map_err(Failure::from).map_err(self.fail())?;
        self.commit(tx).await
    }

    /// Records how a run ended. Repeating it with the same end changes nothing.
    ///
    /// # Errors
    /// [`RunError::Unknown`]; [`RunError::Different`] where it ended otherwise already.
    pub async fn end_study_run(&self, run: &[u8; 16], end: &StudyState) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        finish(&mut tx, run, end).await.map_err(self.fail())?;
        self.commit(tx).await
    }

    /// All runs that this runner started, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn study_runs(&self) -> Result<Vec<StudyRun>, StoreError> {
        let mut tx = self.read().await?;
        let rows = sqlx::query("SELECT * FROM study_runs ORDER BY started_at DESC, rowid DESC").fetch_all(&mut *tx);
        let rows = rows.await.map_err(Failure::from).map_err(self.fail())?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(self.fail())
    }
}

async fn finish(tx: &mut SqliteConnection, run: &[u8; 16], end: &StudyState) -> Result<(), Failure> {
    let known = by_id(tx, run).await?.ok_or(RunError::Unknown { run: *run })?;
    if known.state == *end {
        return Ok(());
    }
    if known.state != StudyState::Running {
        return Err(RunError::Different { run: *run, field: "end" }.into());
    }
    let (result_path, error) = match end {
        StudyState::Running => (None, None),
        StudyState::Done { result_path } => (Some(result_path), None),
        StudyState::Failed { error } => (None, Some(error)),
    };
    let update = sqlx::query("UPDATE study_runs SET state = ?, result_path = ?, error = ? WHERE run = ?");
    update.bind(end.as_str()).bind(result_path).bind(error).bind(run.as_slice()).execute(tx).await?;
    Ok(())
}

async fn by_id(tx: &mut SqliteConnection, run: &[u8; 16]) -> Result<Option<StudyRun>, Failure> {
    let row = sqlx::query("SELECT * FROM study_runs WHERE run = ?").bind(run.as_slice()).fetch_optional(tx).await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &SqliteRow) -> Result<StudyRun, Failure> {
    let state = match (row.text("state")?.as_str(), row.maybe_text("result_path")?, row.maybe_text("error")?) {
        ("running", ..) => StudyState::Running,
        ("done", Some(result_path), _) => StudyState::Done { result_path },
        ("failed", _, Some(error)) => StudyState::Failed { error },
        _ => return Err(damaged(row, "state", "does not fit its row").into()),
    };
    Ok(StudyRun {
        run: row.id("run")?,
        contract: row.digest("contract")?,
        computation: row.text("computation")?,
        started_at: row.time("started_at")?,
        state,
    })
}
