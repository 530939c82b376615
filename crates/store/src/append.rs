//! One entry more in the ledger, within the transaction of the step that it tells of.
//!
//! 1. The log's head, as stored, is a checkpoint that this key signed, and the stored hashes lead to its root.
//! 2. The new nodes of the tree; no old one is written.
//! 3. The new root, its checkpoint, and the receipt with the inclusion proof.

use std::{collections::BTreeMap, ops::RangeInclusive};

use casemate_cose::{Digest, PublicKey};
use casemate_ledger::{Event, Log, Origin, Receipt, TreeError, commitment, open_checkpoint, reads, sign_checkpoint};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use crate::{
    LedgerError, LedgerHead, LogSigner,
    error::Failure,
    row::{Columns as _, damaged},
};

/// What is to be logged.
pub(crate) struct Entry<'a> {
    pub(crate) event: Event,
    pub(crate) subject: Option<&'a [u8; 16]>,
    pub(crate) body: Vec<u8>,
    pub(crate) decision: Digest,
    pub(crate) salt: &'a [u8; 32],
}

/// Appends an entry to the open log, beginning one where there is none.
pub(crate) async fn append(
    tx: &mut SqliteConnection,
    entry: Entry<'_>,
    signer: &LogSigner<'_>,
) -> Result<Receipt, Failure> {
    let head = match open_log(tx).await? {
        Some(head) => head,
        None => begin_log(tx, signer).await?,
    };
    if head.origin != *signer.origin || head.key != signer.key.public() {
        return Err(LedgerError::OtherLog { open: head.origin, offered: signer.origin.clone() }.into());
    }
    let mut hashes = check_head(tx, &head).await?;

    let committed = commitment(entry.salt, &entry.body);
    let new = Log::new(head.size, &hashes)?.append(&committed)?;
    for (number, hash) in &new {
        insert_hash(tx, head.log, *number, hash).await?;
    }
    hashes.extend(new);

    let size = head.size.saturating_add(1);
    let log = Log::new(size, &hashes)?;
    let checkpoint = sign_checkpoint(signer.origin, size, &log.root()?, signer.key);
    let proof = log.inclusion(head.size)?;
    let receipt = Receipt { body: entry.body, salt: *entry.salt, index: head.size, proof, checkpoint };
    sqlx::query(
        "INSERT INTO entries (log, number, event, subject, decision, entry, receipt) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(head.log)
    .bind(head.size.cast_signed())
    .bind(entry.event.as_str())
    .bind(entry.subject.map(<[u8; 16]>::as_slice))
    .bind(entry.decision.as_bytes().as_slice())
    .bind(committed.as_bytes().as_slice())
    .bind(receipt.to_bytes())
    .execute(&mut *tx)
    .await?;
    let update = sqlx::query("UPDATE logs SET size = ?, checkpoint = ? WHERE log = ?");
    update.bind(size.cast_signed()).bind(&receipt.checkpoint).bind(head.log).execute(tx).await?;
    Ok(receipt)
}

/// The head of the log that is open, if one is.
pub(crate) async fn open_log(tx: &mut SqliteConnection) -> Result<Option<LedgerHead>, Failure> {
    let row = sqlx::query("SELECT * FROM logs WHERE closed_at IS NULL").fetch_optional(tx).await?;
    row.as_ref().map(read_head).transpose()
}

/// Checks that the stored head is the checkpoint of the stored hashes, and gives the hashes that an append reads.
pub(crate) async fn check_head(tx: &mut SqliteConnection, head: &LedgerHead) -> Result<BTreeMap<u64, Digest>, Failure> {
    let damaged = |what: &str| LedgerError::Damaged(what.to_owned());
    let checkpoint = open_checkpoint(&head.checkpoint, &head.origin, &head.key);
    let checkpoint = checkpoint.map_err(|error| damaged(&error.to_string()))?;
    let hashes = peaks(tx, head.log, head.size).await?;
    let root = Log::new(head.size, &hashes)?.root().map_err(|error| damaged(&error.to_string()))?;
    if checkpoint.size() != head.size || checkpoint.root() != root {
        return Err(damaged("its hashes do not lead to its checkpoint").into());
    }
    Ok(hashes)
}

/// The stored hashes from which the root of the log's first `size` entries follows: all that an append reads too.
pub(crate) async fn peaks(tx: &mut SqliteConnection, log: i64, size: u64) -> Result<BTreeMap<u64, Digest>, Failure> {
    let wanted = reads(size, |log| log.root())?;
    stored_hashes(tx, log, &wanted).await
}

/// Those of the `wanted` hashes that are stored.
pub(crate) async fn stored_hashes(
    tx: &mut SqliteConnection,
    log: i64,
    wanted: &[u64],
) -> Result<BTreeMap<u64, Digest>, Failure> {
    let mut hashes = BTreeMap::new();
    for number in wanted {
        let row = sqlx::query("SELECT hash FROM hashes WHERE log = ? AND number = ?");
        let row = row.bind(log).bind(number.cast_signed()).fetch_optional(&mut *tx).await?;
        if let Some(row) = row {
            hashes.insert(*number, row.digest("hash")?);
        }
    }
    Ok(hashes)
}

/// All stored hashes of a range of indices.
pub(crate) async fn stored_range(
    tx: &mut SqliteConnection,
    log: i64,
    range: RangeInclusive<u64>,
) -> Result<BTreeMap<u64, Digest>, Failure> {
    let rows = sqlx::query("SELECT number, hash FROM hashes WHERE log = ? AND number BETWEEN ? AND ?").bind(log);
    let rows = rows.bind(range.start().cast_signed()).bind(range.end().cast_signed()).fetch_all(tx).await?;
    rows.iter().map(|row| Ok((row.number("number")?, row.digest("hash")?))).collect()
}

/// Reads a row of `logs`.
pub(crate) fn read_head(row: &SqliteRow) -> Result<LedgerHead, Failure> {
    let key = row.digest("key")?;
    let origin: Result<Origin, _> = row.text("origin")?.parse();
    Ok(LedgerHead {
        log: row.number("log")?.cast_signed(),
        origin: origin.map_err(|error| damaged(row, "origin", &error.to_string()))?,
        key: PublicKey::from_bytes(*key.as_bytes()),
        size: row.number("size")?,
        checkpoint: row.text("checkpoint")?,
        closed_at: row.maybe_time("closed_at")?,
    })
}

async fn begin_log(tx: &mut SqliteConnection, signer: &LogSigner<'_>) -> Result<LedgerHead, Failure> {
    let known = sqlx::query("SELECT log FROM logs WHERE origin = ?").bind(signer.origin.as_str());
    if known.fetch_optional(&mut *tx).await?.is_some() {
        return Err(LedgerError::Closed(signer.origin.clone()).into());
    }
    let root = Log::new(0, &BTreeMap::new())?.root()?;
    let checkpoint = sign_checkpoint(signer.origin, 0, &root, signer.key);
    sqlx::query("INSERT INTO logs (origin, key, size, checkpoint) VALUES (?, ?, 0, ?)")
        .bind(signer.origin.as_str())
        .bind(signer.key.public().as_bytes().as_slice())
        .bind(checkpoint)
        .execute(&mut *tx)
        .await?;
    open_log(tx).await?.ok_or_else(|| TreeError::Missing.into())
}

async fn insert_hash(tx: &mut SqliteConnection, log: i64, number: u64, hash: &Digest) -> Result<(), Failure> {
    let insert = sqlx::query("INSERT INTO hashes (log, number, hash) VALUES (?, ?, ?)");
    insert.bind(log).bind(number.cast_signed()).bind(hash.as_bytes().as_slice()).execute(tx).await?;
    Ok(())
}
