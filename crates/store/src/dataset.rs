//! A party's sealed datasets: the current version of each name, and the superseded ones.

use casemate_cose::{Digest, UnixTime};
use minicbor::{Decode, Encode};
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use thiserror::Error;

use crate::{Store, StoreError, error::Failure, row::Columns as _};

/// Why the datasets do not allow an operation.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum DatasetError {
    /// The name belongs to another dataset, or the identifier to another name.
    #[error("the name `{0}` and this dataset identifier do not belong together")]
    Identity(String),
    /// The version is stored already, with other content.
    #[error("this version of `{0}` is stored already, with other content")]
    Version(String),
    /// The dataset was revoked.
    #[error("the dataset `{name}` was revoked at {at}")]
    Revoked {
        /// Its name.
        name: String,
        /// When.
        at: UnixTime,
    },
    /// There is no such dataset or version.
    #[error("there is no dataset `{0}` here")]
    Unknown(String),
}

/// One version of one dataset.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cbor(array)]
pub struct DatasetVersion {
    /// The dataset, the same for all its versions.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub id: [u8; 16],
    /// The version, random.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub version: [u8; 16],
}

/// A dataset as it was sealed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SealedDataset {
    /// The owner's name for it.
    pub name: String,
    /// The dataset and this version of it.
    pub version: DatasetVersion,
    /// `parquet` or `age`.
    pub format: String,
    /// The column that names the entity, in a table.
    pub entity: Option<String>,
    /// The columns, in the caller's encoding.
    pub columns: Vec<u8>,
    /// Where the sealed file is.
    pub sealed_path: String,
    /// The sealed file's digest.
    pub digest: Digest,
    /// The file's key, wrapped by the caller.
    pub wrapped_key: Vec<u8>,
    /// When it was sealed.
    pub sealed_at: UnixTime,
}

/// A stored dataset and what became of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dataset {
    /// As it was sealed.
    pub sealed: SealedDataset,
    /// When a newer version took its place.
    pub superseded_at: Option<UnixTime>,
    /// When it was revoked.
    pub revoked_at: Option<UnixTime>,
}

impl Store {
    /// Stores a sealed dataset. A newer version of a name supersedes the older, which stays. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`DatasetError::Identity`], [`DatasetError::Version`].
    pub async fn put_dataset(&self, dataset: &SealedDataset) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        put(&mut tx, dataset).await.map_err(self.fail())?;
        self.commit(tx).await
    }

    /// Replaces the wrapped keys of these versions, all or none.
    ///
    /// # Errors
    /// [`DatasetError::Unknown`] where one of them is not stored.
    pub async fn rewrap_keys(&self, keys: &[(DatasetVersion, Vec<u8>)]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for (version, wrapped) in keys {
            rewrap(&mut tx, version, wrapped).await.map_err(self.fail())?;
        }
        self.commit(tx).await
    }

    /// All versions of all datasets, by name, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn datasets(&self) -> Result<Vec<Dataset>, StoreError> {
        let mut tx = self.read().await?;
        let rows =
            sqlx::query("SELECT * FROM datasets ORDER BY name, superseded_at IS NOT NULL, sealed_at DESC, rowid DESC");
        let rows = rows.fetch_all(&mut *tx).await.map_err(Failure::from).map_err(self.fail())?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(self.fail())
    }

    /// The current version of the dataset `name`, revoked or not.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn dataset(&self, name: &str) -> Result<Option<Dataset>, StoreError> {
        let mut tx = self.read().await?;
        current(&mut tx, name).await.map_err(self.fail())
    }

    /// A version of a dataset, current or superseded, revoked or not.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn dataset_version(&self, version: &DatasetVersion) -> Result<Option<Dataset>, StoreError> {
        let mut tx = self.read().await?;
        of_version(&mut tx, version).await.map_err(self.fail())
    }
}

async fn rewrap(tx: &mut SqliteConnection, version: &DatasetVersion, wrapped: &[u8]) -> Result<(), Failure> {
    let update = sqlx::query("UPDATE datasets SET wrapped_key = ? WHERE version = ? AND id = ?").bind(wrapped);
    let update = update.bind(version.version.as_slice()).bind(version.id.as_slice()).execute(tx).await?;
    if update.rows_affected() == 1 {
        return Ok(());
    }
    Err(DatasetError::Unknown(Digest::of(&version.version).short()).into())
}

async fn put(tx: &mut SqliteConnection, dataset: &SealedDataset) -> Result<(), Failure> {
    let row = sqlx::query("SELECT * FROM datasets WHERE version = ?").bind(dataset.version.version.as_slice());
    if let Some(row) = row.fetch_optional(&mut *tx).await? {
        let same = read(&row)?.sealed == *dataset;
        return if same { Ok(()) } else { Err(DatasetError::Version(dataset.name.clone()).into()) };
    }
    let strangers = sqlx::query_scalar("SELECT count(*) FROM datasets WHERE (name = ?1) <> (id = ?2)");
    let strangers: i64 = strangers.bind(&dataset.name).bind(dataset.version.id.as_slice()).fetch_one(&mut *tx).await?;
    if strangers > 0 {
        return Err(DatasetError::Identity(dataset.name.clone()).into());
    }
    let supersede = sqlx::query("UPDATE datasets SET superseded_at = ?2 WHERE name = ?1 AND superseded_at IS NULL");
    supersede.bind(&dataset.name).bind(dataset.sealed_at.0.cast_signed()).execute(&mut *tx).await?;
    sqlx::query(
        "INSERT INTO datasets (name, id, version, format, entity, columns, sealed_path, digest, wrapped_key, sealed_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&dataset.name)
    .bind(dataset.version.id.as_slice())
    .bind(dataset.version.version.as_slice())
    .bind(&dataset.format)
    .bind(&dataset.entity)
    .bind(&dataset.columns)
    .bind(&dataset.sealed_path)
    .bind(dataset.digest.as_bytes().as_slice())
    .bind(&dataset.wrapped_key)
    .bind(dataset.sealed_at.0.cast_signed())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The current version of a name.
pub(crate) async fn current(tx: &mut SqliteConnection, name: &str) -> Result<Option<Dataset>, Failure> {
    let row = sqlx::query("SELECT * FROM datasets WHERE name = ? AND superseded_at IS NULL").bind(name);
    row.fetch_optional(tx).await?.as_ref().map(read).transpose()
}

/// Refuses unless every one of `versions` is known and none is revoked.
pub(crate) async fn check_usable(tx: &mut SqliteConnection, versions: &[DatasetVersion]) -> Result<(), Failure> {
    for version in versions {
        let found = of_version(tx, version).await?;
        let found = found.ok_or_else(|| DatasetError::Unknown(Digest::of(&version.version).short()))?;
        if let Some(at) = found.revoked_at {
            return Err(DatasetError::Revoked { name: found.sealed.name, at }.into());
        }
    }
    Ok(())
}

/// The names of these versions, in their order.
pub(crate) async fn names(tx: &mut SqliteConnection, versions: &[DatasetVersion]) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for version in versions {
        names.extend(of_version(tx, version).await?.map(|dataset| dataset.sealed.name));
    }
    Ok(names)
}

/// Marks every version of `name` as revoked.
pub(crate) async fn revoke(tx: &mut SqliteConnection, name: &str, at: UnixTime) -> Result<(), Failure> {
    let revoke = sqlx::query("UPDATE datasets SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL");
    revoke.bind(name).bind(at.0.cast_signed()).execute(tx).await?;
    Ok(())
}

async fn of_version(tx: &mut SqliteConnection, version: &DatasetVersion) -> Result<Option<Dataset>, Failure> {
    let row = sqlx::query("SELECT * FROM datasets WHERE version = ? AND id = ?");
    let row = row.bind(version.version.as_slice()).bind(version.id.as_slice()).fetch_optional(tx).await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &SqliteRow) -> Result<Dataset, Failure> {
    let sealed = SealedDataset {
        name: row.text("name")?,
        version: DatasetVersion { id: row.id("id")?, version: row.id("version")? },
        format: row.text("format")?,
        entity: row.maybe_text("entity")?,
        columns: row.bytes("columns")?,
        sealed_path: row.text("sealed_path")?,
        digest: row.digest("digest")?,
        wrapped_key: row.bytes("wrapped_key")?,
        sealed_at: row.time("sealed_at")?,
    };
    Ok(Dataset { sealed, superseded_at: row.maybe_time("superseded_at")?, revoked_at: row.maybe_time("revoked_at")? })
}
