//! The ledger's files: derived from the state, so that a web server can publish them as they are.
//!
//! ```text
//! ledger/checkpoint      ledger/tile/…      of the first log; ledger-2/… of the second, and so on
//! ```
//! Written after the commit, under a lock, each by rename, the checkpoint last: it never names a tile that is not there.
//! What is missing after a crash is written at the next open or append. A checkpoint among the files that the state does not
//! continue means that an older state was put back: nothing is opened then.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use casemate_ledger::{Log, Tile, entry_bundle, open_checkpoint, tiles};
use sqlx::SqliteConnection;

use crate::{LedgerError, LedgerHead, Store, StoreError, append, error::Failure, lock, row::Columns as _};

/// A file to write, and folders that it makes superfluous.
struct Output {
    path: PathBuf,
    bytes: Vec<u8>,
    superseded: Option<PathBuf>,
}

impl Store {
    /// Writes the files of the open log that an append has added.
    pub(crate) async fn export_new(&self) -> Result<(), StoreError> {
        let mut tx = self.read().await?;
        let head = append::open_log(&mut tx).await.map_err(self.fail())?;
        drop(tx);
        match head {
            None => Ok(()),
            Some(head) => self.export(head.log, false).await,
        }
    }

    /// Writes every file of every log that is missing or has the wrong length.
    pub(crate) async fn export_all(&self) -> Result<(), StoreError> {
        for head in self.ledgers().await? {
            self.export(head.log, true).await?;
        }
        Ok(())
    }

    async fn export(&self, log: i64, all: bool) -> Result<(), StoreError> {
        let folder = self.dir().join(if log == 1 { "ledger".to_owned() } else { format!("ledger-{log}") });
        let lock = lock::wait(&folder).await?;
        let mut tx = self.read().await?;
        let outputs = outputs(&mut tx, log, &folder, all).await.map_err(self.fail())?;
        drop(tx);
        lock::blocking(move || {
            outputs.iter().try_for_each(write)?;
            outputs.iter().try_for_each(remove_superseded)?;
            drop(lock);
            Ok(())
        })
        .await
    }
}

/// The files to write, the checkpoint last.
async fn outputs(tx: &mut SqliteConnection, log: i64, folder: &Path, all: bool) -> Result<Vec<Output>, Failure> {
    let row = sqlx::query("SELECT * FROM logs WHERE log = ?").bind(log).fetch_one(&mut *tx).await?;
    let head = append::read_head(&row)?;
    let exported = exported_size(tx, &head, folder).await?;
    let mut outputs = Vec::new();
    for tile in tiles(if all { 0 } else { exported }, head.size) {
        let present = |path: &Path, bytes| all && fs::metadata(path).is_ok_and(|file| file.len() == bytes);
        let path = folder.join(tile.path());
        if !present(&path, u64::from(tile.width()) * 32) {
            let superseded = tile.superseded_path().map(|path| folder.join(path));
            outputs.push(Output { path, bytes: tile_bytes(tx, log, &tile).await?, superseded });
        }
        let Some(path) = tile.entries_path() else { continue };
        let path = folder.join(path);
        if !present(&path, u64::from(tile.width()) * 34) {
            let superseded = tile.superseded_entries_path().map(|path| folder.join(path));
            outputs.push(Output { path, bytes: bundle_bytes(tx, log, &tile).await?, superseded });
        }
    }
    outputs.push(Output { path: folder.join("checkpoint"), bytes: head.checkpoint.into_bytes(), superseded: None });
    Ok(outputs)
}

/// The size under the checkpoint among the files. A missing or unreadable one counts as 0: the files are derived.
async fn exported_size(tx: &mut SqliteConnection, head: &LedgerHead, folder: &Path) -> Result<u64, Failure> {
    let Ok(text) = fs::read_to_string(folder.join("checkpoint")) else { return Ok(0) };
    let Ok(exported) = open_checkpoint(&text, &head.origin, &head.key) else { return Ok(0) };
    let rolled_back = LedgerError::RolledBack { stored: head.size, exported: exported.size() };
    if exported.size() > head.size {
        return Err(rolled_back.into());
    }
    let hashes = append::peaks(tx, head.log, exported.size()).await?;
    if Log::new(exported.size(), &hashes)?.root()? != exported.root() {
        return Err(rolled_back.into());
    }
    Ok(exported.size())
}

async fn tile_bytes(tx: &mut SqliteConnection, log: i64, tile: &Tile) -> Result<Vec<u8>, Failure> {
    let wanted = tile.hash_indices();
    let hashes = match (tile.level(), wanted.first(), wanted.last()) {
        // The leaves of one tile lie within 511 neighbouring hashes: one query instead of 256.
        (0, Some(first), Some(last)) => append::stored_range(tx, log, *first..=*last).await?,
        _ => append::stored_hashes(tx, log, &wanted).await?,
    };
    Ok(tile.bytes(&hashes)?)
}

async fn bundle_bytes(tx: &mut SqliteConnection, log: i64, tile: &Tile) -> Result<Vec<u8>, Failure> {
    let entries = tile.entries();
    let rows = sqlx::query("SELECT entry FROM entries WHERE log = ? AND number >= ? AND number < ? ORDER BY number");
    let rows = rows.bind(log).bind(entries.start.cast_signed()).bind(entries.end.cast_signed()).fetch_all(tx).await?;
    let entries: Result<Vec<_>, _> = rows.iter().map(|row| row.digest("entry")).collect();
    Ok(entry_bundle(&entries?))
}

fn write(output: &Output) -> Result<(), StoreError> {
    let folder = output.path.parent().unwrap_or(Path::new("."));
    let part = folder.join(".part");
    let written = (|| {
        fs::create_dir_all(folder)?;
        let mut file = File::create(&part)?;
        file.write_all(&output.bytes)?;
        file.sync_data()?;
        fs::rename(&part, &output.path)
    })();
    written.map_err(|error| StoreError::io(&output.path, error))
}

fn remove_superseded(output: &Output) -> Result<(), StoreError> {
    match output.superseded.as_ref().map(fs::remove_dir_all) {
        Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io(&output.path, error)),
        _ => Ok(()),
    }
}
