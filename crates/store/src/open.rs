//! Opening a state folder.
//!
//! 1. The folder: made with mode 0700 where it is missing; one that others can enter is refused.
//! 2. The file: Casemate's (`application_id`), sound (`quick_check`), of a format that is known (`user_version`).
//! 3. Migrations, each in a transaction with the number of the format it leads to.
//! 4. The ledger's files: not ahead of the state, and complete.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool, Transaction,
    sqlite::{Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{StoreError, error::Failure, lock};

/// The newest format of state files that this code knows, and the one it writes.
pub const FORMAT: i64 = 4;
/// "Case", in SQLite's header: this is a file of Casemate's.
const APPLICATION_ID: i64 = 0x4361_7365;
const MIGRATIONS: [&str; 4] = [
    include_str!("../schema/1.sql"),
    include_str!("../schema/2.sql"),
    include_str!("../schema/3.sql"),
    include_str!("../schema/4.sql"),
];
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECTIONS_MAX: u32 = 4;

/// The open state of one party. Several processes may have it open; each operation is one transaction.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) pool: SqlitePool,
    dir: PathBuf,
    path: PathBuf,
}

impl Store {
    /// Opens the state in the folder `dir`, making or migrating it as needed.
    ///
    /// # Errors
    /// [`StoreError`], whose variants name the path and what to do.
    pub async fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("state.db");
        make_folder(dir, &path)?;
        // SQLite does not wait for others while it makes a file or turns on its write-ahead log.
        let lock = lock::wait(dir).await?;
        let options = SqliteConnectOptions::new().filename(&path).foreign_keys(true).busy_timeout(BUSY_TIMEOUT);
        prepare(&options, &path).await?;
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .after_release(|connection, _| Box::pin(is_usable(connection)))
            .connect_with(options);
        let pool = pool.await.map_err(|error| StoreError::sqlite(&path, error))?;
        drop(lock);
        let store = Self { pool, dir: dir.to_owned(), path };
        store.export_all().await?;
        Ok(store)
    }

    /// The state folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Waits for running operations and closes the file. Dropping the store is as safe, only less tidy.
    pub async fn close(self) {
        self.pool.close().await;
    }

    /// Begins a transaction that nobody can write beside.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(|error| StoreError::sqlite(&self.path, error))
    }

    /// Begins a transaction that sees one state throughout.
    pub(crate) async fn read(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.pool.begin().await.map_err(|error| StoreError::sqlite(&self.path, error))
    }

    /// Ends a transaction: durable once this returns.
    pub(crate) async fn commit(&self, tx: Transaction<'static, Sqlite>) -> Result<(), StoreError> {
        tx.commit().await.map_err(|error| StoreError::sqlite(&self.path, error))
    }

    /// Gives a failure its path.
    pub(crate) fn fail(&self) -> impl Fn(Failure) -> StoreError {
        |failure| failure.at(&self.path)
    }
}

/// Whether a connection can be used again. On a full disk SQLite ends a transaction by itself, after which sqlx's rollback fails
/// and the connection counts as inside a transaction for ever: such a one is closed, so that a broker works again once there
/// is space.
async fn is_usable(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

fn make_folder(dir: &Path, path: &Path) -> Result<(), StoreError> {
    let refuse = |error| StoreError::io(dir, error);
    match fs::metadata(dir) {
        Ok(found) if !found.is_dir() => return Err(StoreError::NotAFolder { path: dir.to_owned() }),
        Ok(found) => {
            let mode = found.permissions().mode() & 0o777;
            if mode & 0o077 != 0 && path.exists() {
                return Err(StoreError::Exposed { path: dir.to_owned(), mode });
            }
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(refuse)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(refuse)?;
        }
        Err(error) => return Err(refuse(error)),
    }
    // SQLite gives its side files the mode of the file itself.
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    file.map(drop).map_err(|error| StoreError::io(path, error))
}

/// Steps 2 and 3, over a connection that changes nothing in a file that is not ours.
async fn prepare(options: &SqliteConnectOptions, path: &Path) -> Result<(), StoreError> {
    let mut connection = options.clone().connect().await.map_err(|error| StoreError::sqlite(path, error))?;
    let prepared = examine(&mut connection, path).await.map_err(|failure| failure.at(path));
    let closed = connection.close().await.map_err(|error| StoreError::sqlite(path, error));
    prepared.and(closed)
}

async fn examine(connection: &mut SqliteConnection, path: &Path) -> Result<(), Failure> {
    let path = path.to_owned();
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    let application: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *tx).await?;
    let format: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *tx).await?;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *tx).await?;
    let new = application == 0 && format == 0 && tables == 0;
    if !new && application != APPLICATION_ID {
        return Err(StoreError::Foreign { path }.into());
    }
    if format > FORMAT {
        return Err(StoreError::Newer { path, found: format, supported: FORMAT }.into());
    }
    let found: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut *tx).await?;
    if found != "ok" || format < 0 {
        return Err(StoreError::Corrupt { path, detail: found }.into());
    }
    tx.commit().await?;
    for (number, migration) in (1..).zip(MIGRATIONS) {
        if number > format {
            migrate(connection, number, migration).await?;
        }
    }
    Ok(())
}

async fn migrate(connection: &mut SqliteConnection, format: i64, migration: &'static str) -> Result<(), Failure> {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    // Another process may have been faster.
    let found: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *tx).await?;
    if found < format {
        sqlx::raw_sql(migration).execute(&mut *tx).await?;
        let marks = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {format};");
        sqlx::raw_sql(sqlx::AssertSqlSafe(marks)).execute(&mut *tx).await?;
    }
    Ok(tx.commit().await?)
}
