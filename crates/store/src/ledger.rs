//! The steps that the ledger tells of. Each is one transaction with its receipt; each can be repeated.
//!
//! Repeating a step for the same run and the same decision, the time aside, returns the first receipt. For another decision
//! it is refused: nothing is doubled, nothing is changed afterwards.

use casemate_cose::{Digest, PublicKey, SigningKey, UnixTime};
use casemate_ledger::{
    BodyError, DurableReceipt, Event, Leave, Log, OfPermit, OfRelease, Origin, Receipt, ReceiptBody, ReceiptError,
    TreeError, reads,
};
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use thiserror::Error;

use crate::{
    DatasetError, Run, RunError, RunState, Store, StoreError,
    append::{self, Entry},
    contract, dataset,
    error::Failure,
    row::{Columns as _, damaged},
    run,
};

/// Why the ledger does not allow an operation.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum LedgerError {
    /// The body is not one of this step.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The log of this name was closed; a new one needs a new name.
    #[error("the log `{0}` was closed")]
    Closed(Origin),
    /// What is stored of the log contradicts itself.
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
    /// The body tells of another event than the step.
    #[error("the receipt of a {actual} was offered for a {expected}")]
    Event {
        /// The step's event.
        expected: Event,
        /// The body's event.
        actual: Event,
    },
    /// Another log is open.
    #[error("the log `{open}` is open, so nothing is appended to `{offered}`")]
    OtherLog {
        /// The log that is open.
        open: Origin,
        /// The log offered.
        offered: Origin,
    },
    /// The files show a log that the state does not continue: an older copy of the state was put back.
    #[error("the state is older than its ledger's files: {stored} entries, and {exported} were published")]
    RolledBack {
        /// Entries in the state.
        stored: u64,
        /// Entries under the published checkpoint.
        exported: u64,
    },
    /// The tree refused.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// The log that a broker writes: its name and its key.
#[derive(Clone, Copy, Debug)]
pub struct LogSigner<'a> {
    /// The log's name; [`Origin::of_key`] unless the owner names it otherwise.
    pub origin: &'a Origin,
    /// The log's key.
    pub key: &'a SigningKey,
}

/// The newest state of a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LedgerHead {
    pub(crate) log: i64,
    /// Its name.
    pub origin: Origin,
    /// Its key.
    pub key: PublicKey,
    /// Its entries.
    pub size: u64,
    /// Its newest checkpoint.
    pub checkpoint: String,
    /// When it was closed.
    pub closed_at: Option<UnixTime>,
}

impl Store {
    /// Logs the release of a decided run's keys. What this returns lets them leave.
    ///
    /// # Errors
    /// [`RunError`] where the run is unknown, not decided, or differs from the body; [`FloorError`](crate::FloorError)
    /// where a newer contract was accepted since; [`DatasetError::Revoked`]; [`LedgerError`].
    pub async fn commit_release(
        &self,
        body: &ReceiptBody,
        salt: &[u8; 32],
        signer: &LogSigner<'_>,
    ) -> Result<DurableReceipt<OfRelease>, StoreError> {
        self.step(RunState::Decided, RunState::Released, body, salt, signer).await
    }

    /// Logs the permit for one result of a released run. What this returns lets it leave.
    ///
    /// # Errors
    /// As [`Store::commit_release`]; also where the run has a permit for another result.
    pub async fn commit_permit(
        &self,
        body: &ReceiptBody,
        salt: &[u8; 32],
        signer: &LogSigner<'_>,
    ) -> Result<DurableReceipt<OfPermit>, StoreError> {
        self.step(RunState::Released, RunState::Permitted, body, salt, signer).await
    }

    /// Logs a refusal. Where it is of the very session (keep key and evidence) of a run that was decided on, it ends that
    /// run; a refusal of anybody else who names that run does not touch it.
    ///
    /// # Errors
    /// [`RunError`] where the run was permitted already, or refused for another reason; [`LedgerError`].
    pub async fn commit_refusal(
        &self,
        body: &ReceiptBody,
        salt: &[u8; 32],
        signer: &LogSigner<'_>,
    ) -> Result<Receipt, StoreError> {
        let mut tx = self.begin().await?;
        let receipt = refuse(&mut tx, body, salt, signer).await.map_err(self.fail())?;
        self.commit(tx).await?;
        self.export_new().await?;
        Ok(receipt)
    }

    /// Logs that a keep was refused before anything was decided for it. Whatever run it names, in whatever words, that run
    /// is another session's and goes on.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn commit_refused_claim(
        &self,
        body: &ReceiptBody,
        salt: &[u8; 32],
        signer: &LogSigner<'_>,
    ) -> Result<Receipt, StoreError> {
        let mut tx = self.begin().await?;
        let receipt = refuse_claim(&mut tx, body, salt, signer).await.map_err(self.fail())?;
        self.commit(tx).await?;
        self.export_new().await?;
        Ok(receipt)
    }

    /// Ends a decided or released run whose keep ended it, and logs that. None where the run has ended already, by a
    /// permit, a refusal or an end: a run has one end.
    ///
    /// # Errors
    /// [`RunError`] where the run is unknown or differs from the body; [`LedgerError`].
    pub async fn commit_end(
        &self,
        body: &ReceiptBody,
        salt: &[u8; 32],
        signer: &LogSigner<'_>,
    ) -> Result<Option<Receipt>, StoreError> {
        let mut tx = self.begin().await?;
        let receipt = end(&mut tx, body, salt, signer).await.map_err(self.fail())?;
        self.commit(tx).await?;
        self.export_new().await?;
        Ok(receipt)
    }

    /// Revokes the dataset `name`, all its versions, and logs it. Repeating it returns the first receipt.
    ///
    /// # Errors
    /// [`DatasetError::Unknown`], [`LedgerError`].
    pub async fn commit_revocation(
        &self,
        name: &str,
        body: &ReceiptBody,
        salt: &[u8; 32],
        signer: &LogSigner<'_>,
    ) -> Result<Receipt, StoreError> {
        let mut tx = self.begin().await?;
        let receipt = revoke(&mut tx, name, body, salt, signer).await.map_err(self.fail())?;
        self.commit(tx).await?;
        self.export_new().await?;
        Ok(receipt)
    }

    /// Closes the open log, as when its key is replaced. The next entry begins another, under another name.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn close_ledger(&self, at: UnixTime) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let close = sqlx::query("UPDATE logs SET closed_at = ? WHERE closed_at IS NULL").bind(at.0.cast_signed());
        close.execute(&mut *tx).await.map_err(Failure::from).map_err(self.fail())?;
        self.commit(tx).await
    }

    /// The heads of all logs, the oldest first. At most the last is open.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn ledgers(&self) -> Result<Vec<LedgerHead>, StoreError> {
        let mut tx = self.read().await?;
        let rows = sqlx::query("SELECT * FROM logs ORDER BY log").fetch_all(&mut *tx).await;
        let rows = rows.map_err(Failure::from).map_err(self.fail())?;
        rows.iter().map(append::read_head).collect::<Result<_, _>>().map_err(self.fail())
    }

    /// All receipts, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn receipts(&self) -> Result<Vec<Receipt>, StoreError> {
        let mut tx = self.read().await?;
        let rows = sqlx::query("SELECT receipt FROM entries ORDER BY log, number").fetch_all(&mut *tx).await;
        let rows = rows.map_err(Failure::from).map_err(self.fail())?;
        rows.iter().map(read_receipt).collect::<Result<_, _>>().map_err(self.fail())
    }

    /// The receipts that name a run, the oldest first; refusals of strangers who named it are among them.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn receipts_of(&self, run: &[u8; 16]) -> Result<Vec<Receipt>, StoreError> {
        let mut tx = self.read().await?;
        let rows = sqlx::query("SELECT receipt FROM entries WHERE subject = ? ORDER BY log, number");
        let rows = rows.bind(run.as_slice()).fetch_all(&mut *tx).await.map_err(Failure::from).map_err(self.fail())?;
        rows.iter().map(read_receipt).collect::<Result<_, _>>().map_err(self.fail())
    }

    /// The proof that the log `head` continues its own first `old` entries.
    ///
    /// # Errors
    /// [`TreeError::OldSize`]; [`StoreError`] where the file fails.
    pub async fn consistency(&self, head: &LedgerHead, old: u64) -> Result<Vec<Digest>, StoreError> {
        let wanted = reads(head.size, |log| log.consistency(old))?;
        let mut tx = self.read().await?;
        let hashes = append::stored_hashes(&mut tx, head.log, &wanted).await.map_err(self.fail())?;
        Ok(Log::new(head.size, &hashes)?.consistency(old)?)
    }

    /// Recomputes every log from its receipts: no gap, every receipt verifies, the stored hashes and the head follow.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] says what does not.
    pub async fn check_ledgers(&self) -> Result<(), StoreError> {
        let mut tx = self.read().await?;
        let rows = sqlx::query("SELECT * FROM logs ORDER BY log").fetch_all(&mut *tx).await;
        for row in rows.map_err(Failure::from).map_err(self.fail())? {
            let head = append::read_head(&row).map_err(self.fail())?;
            check_log(&mut tx, &head).await.map_err(self.fail())?;
        }
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "here is the commit that it speaks of")]
    async fn step<K: Leave>(
        &self,
        from: RunState,
        to: RunState,
        body: &ReceiptBody,
        salt: &[u8; 32],
        signer: &LogSigner<'_>,
    ) -> Result<DurableReceipt<K>, StoreError> {
        let mut tx = self.begin().await?;
        let receipt = advance(&mut tx, (K::EVENT, from, to), body, salt, signer).await.map_err(self.fail())?;
        self.commit(tx).await?;
        self.export_new().await?;
        let durable = DurableReceipt::after_commit(receipt, signer.origin, &signer.key.public());
        durable.map_err(|error| LedgerError::Damaged(error.to_string()).into())
    }
}

/// Moves a run on and logs it.
async fn advance(
    tx: &mut SqliteConnection,
    (event, from, to): (Event, RunState, RunState),
    body: &ReceiptBody,
    salt: &[u8; 32],
    signer: &LogSigner<'_>,
) -> Result<Receipt, Failure> {
    let bytes = bytes_of(event, body)?;
    let id = body.run.ok_or(BodyError::Lacks { event, field: "run" })?;
    let known = run::by_id(tx, &id).await?.ok_or(RunError::Unknown { run: id })?;
    check_body(tx, &known, body).await?;
    // The same step again: the keys or the permit may have been lost on their way.
    let logged = logged(tx, event, &id).await?;
    if logged.as_ref().is_some_and(|(decision, _)| *decision != body.decision_digest()) {
        return Err(RunError::Repeated { run: id, event }.into());
    }
    if known.state != if logged.is_some() { to } else { from } {
        return Err(RunError::State { run: id, state: known.state, event }.into());
    }
    contract::check_floor(tx, &known.terms.study, known.terms.sequence, &known.terms.contract).await?;
    dataset::check_usable(tx, &known.terms.datasets).await?;
    if let Some((_, receipt)) = logged {
        return Ok(receipt);
    }
    let entry = Entry { event, subject: Some(&id), body: bytes, decision: body.decision_digest(), salt };
    let receipt = append::append(tx, entry, signer).await?;
    run::set_state(tx, &id, to).await?;
    Ok(receipt)
}

async fn refuse(
    tx: &mut SqliteConnection,
    body: &ReceiptBody,
    salt: &[u8; 32],
    signer: &LogSigner<'_>,
) -> Result<Receipt, Failure> {
    let event = Event::Refusal;
    if let Some(id) = &body.run
        && let Some(known) = run::by_id(tx, id).await?
        && (body.keep_key, body.evidence) == (Some(known.terms.keep_key), Some(known.terms.evidence))
    {
        match known.state {
            RunState::Decided | RunState::Released => {
                run::set_state(tx, id, RunState::Refused).await?;
                return append_refusal(tx, body, salt, signer).await;
            }
            RunState::Permitted => return Err(RunError::State { run: *id, state: known.state, event }.into()),
            RunState::Refused if refused_before(tx, body).await?.is_none() => {
                return Err(RunError::Repeated { run: *id, event }.into());
            }
            RunState::Refused => {}
        }
    }
    refuse_claim(tx, body, salt, signer).await
}

async fn refuse_claim(
    tx: &mut SqliteConnection,
    body: &ReceiptBody,
    salt: &[u8; 32],
    signer: &LogSigner<'_>,
) -> Result<Receipt, Failure> {
    match refused_before(tx, body).await? {
        Some(receipt) => Ok(receipt),
        None => append_refusal(tx, body, salt, signer).await,
    }
}

async fn append_refusal(
    tx: &mut SqliteConnection,
    body: &ReceiptBody,
    salt: &[u8; 32],
    signer: &LogSigner<'_>,
) -> Result<Receipt, Failure> {
    let event = Event::Refusal;
    let (bytes, decision) = (bytes_of(event, body)?, body.decision_digest());
    append::append(tx, Entry { event, subject: body.run.as_ref(), body: bytes, decision, salt }, signer).await
}

/// The receipt of the same refusal, the time aside.
async fn refused_before(tx: &mut SqliteConnection, body: &ReceiptBody) -> Result<Option<Receipt>, Failure> {
    let row =
        sqlx::query("SELECT receipt FROM entries WHERE decision = ? AND event = ? ORDER BY log DESC, number DESC");
    let row = row.bind(body.decision_digest().as_bytes().as_slice()).bind(Event::Refusal.as_str());
    row.fetch_optional(tx).await?.as_ref().map(read_receipt).transpose()
}

async fn end(
    tx: &mut SqliteConnection,
    body: &ReceiptBody,
    salt: &[u8; 32],
    signer: &LogSigner<'_>,
) -> Result<Option<Receipt>, Failure> {
    let event = Event::End;
    let bytes = bytes_of(event, body)?;
    let id = body.run.ok_or(BodyError::Lacks { event, field: "run" })?;
    let known = run::by_id(tx, &id).await?.ok_or(RunError::Unknown { run: id })?;
    check_body(tx, &known, body).await?;
    if matches!(known.state, RunState::Permitted | RunState::Refused) {
        return Ok(None);
    }
    run::set_state(tx, &id, RunState::Refused).await?;
    let entry = Entry { event, subject: Some(&id), body: bytes, decision: body.decision_digest(), salt };
    append::append(tx, entry, signer).await.map(Some)
}

async fn revoke(
    tx: &mut SqliteConnection,
    name: &str,
    body: &ReceiptBody,
    salt: &[u8; 32],
    signer: &LogSigner<'_>,
) -> Result<Receipt, Failure> {
    let event = Event::Revocation;
    let bytes = bytes_of(event, body)?;
    let known = dataset::current(tx, name).await?.ok_or_else(|| DatasetError::Unknown(name.to_owned()))?;
    let subject = known.sealed.version.version;
    if body.datasets != [name] {
        return Err(DatasetError::Unknown(body.datasets.join(", ")).into());
    }
    if let Some((_, receipt)) = logged(tx, event, &subject).await? {
        return Ok(receipt);
    }
    dataset::revoke(tx, name, body.at).await?;
    let entry = Entry { event, subject: Some(&subject), body: bytes, decision: body.decision_digest(), salt };
    append::append(tx, entry, signer).await
}

fn bytes_of(event: Event, body: &ReceiptBody) -> Result<Vec<u8>, Failure> {
    if body.event != event {
        return Err(LedgerError::Event { expected: event, actual: body.event }.into());
    }
    Ok(body.to_bytes()?)
}

/// A receipt tells of the run as it was decided on.
async fn check_body(tx: &mut SqliteConnection, known: &Run, body: &ReceiptBody) -> Result<(), Failure> {
    let terms = &known.terms;
    let checks = [
        ("study", body.study.as_deref() == Some(terms.study.as_str())),
        ("contract", body.contract == Some(terms.contract)),
        ("manifest", body.manifest == Some(terms.manifest)),
        ("keep key", body.keep_key == Some(terms.keep_key)),
        ("evidence", body.evidence == Some(terms.evidence)),
        ("datasets", dataset::names(tx, &terms.datasets).await? == body.datasets),
    ];
    match checks.into_iter().find(|(_, same)| !same) {
        None => Ok(()),
        Some((field, _)) => Err(RunError::Different { run: terms.run, field }.into()),
    }
}

async fn logged(
    tx: &mut SqliteConnection,
    event: Event,
    subject: &[u8; 16],
) -> Result<Option<(Digest, Receipt)>, Failure> {
    let row = sqlx::query("SELECT decision, receipt FROM entries WHERE subject = ? AND event = ?");
    let row = row.bind(subject.as_slice()).bind(event.as_str()).fetch_optional(tx).await?;
    row.map(|row| Ok((row.digest("decision")?, read_receipt(&row)?))).transpose()
}

fn read_receipt(row: &SqliteRow) -> Result<Receipt, Failure> {
    let receipt = Receipt::from_bytes(&row.bytes("receipt")?);
    Ok(receipt.map_err(|error| damaged(row, "receipt", &error.to_string()))?)
}

async fn check_log(tx: &mut SqliteConnection, head: &LedgerHead) -> Result<(), Failure> {
    let wrong = |what: String| LedgerError::Damaged(what);
    let rows = sqlx::query("SELECT entry, receipt FROM entries WHERE log = ? ORDER BY number").bind(head.log);
    let mut hashes = Vec::new();
    let mut size = 0;
    for row in rows.fetch_all(&mut *tx).await? {
        let receipt = read_receipt(&row)?;
        let verified = receipt.verify(&head.origin, &head.key);
        let verified = verified.map_err(|error: ReceiptError| wrong(format!("receipt {size}: {error}")))?;
        let new = Log::new(size, &hashes)?.append(&row.digest("entry")?)?;
        hashes.extend(new.into_iter().map(|(_, hash)| hash));
        size = size.saturating_add(1);
        let root = Log::new(size, &hashes)?.root()?;
        if receipt.index.saturating_add(1) != size
            || (verified.checkpoint().size(), verified.checkpoint().root()) != (size, root)
        {
            return Err(wrong(format!("receipt {} is not entry {size}", receipt.index)).into());
        }
    }
    let stored = sqlx::query("SELECT hash FROM hashes WHERE log = ? ORDER BY number").bind(head.log);
    let stored: Result<Vec<_>, _> = stored.fetch_all(&mut *tx).await?.iter().map(|row| row.digest("hash")).collect();
    if size != head.size || stored? != hashes {
        return Err(wrong(format!("{size} entries, {} under its head, or other hashes", head.size)).into());
    }
    append::check_head(tx, head).await.map(drop)
}
