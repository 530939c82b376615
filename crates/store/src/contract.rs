//! Contracts by their digest, and the floor of each study.

use casemate_cose::{Digest, PublicKey, UnixTime};
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use thiserror::Error;

use crate::{Store, StoreError, error::Failure, row::Columns as _};

/// Why a study's floor does not allow a contract.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum FloorError {
    /// An older contract of the study than one already accepted.
    #[error("the contract of `{study}` has sequence {offered}, and sequence {} was accepted already", current.sequence)]
    Older {
        /// The study.
        study: String,
        /// The sequence offered.
        offered: u64,
        /// The floor.
        current: Floor,
    },
    /// Another contract of the same sequence was accepted already.
    #[error("another contract of `{study}` with sequence {} was accepted already: `{}`", current.sequence, current.digest)]
    Other {
        /// The study.
        study: String,
        /// The floor.
        current: Floor,
    },
    /// The digest is stored with another study or sequence.
    #[error("the contract `{0}` is stored with another study or sequence")]
    Stored(Digest),
}

/// The lowest contract of a study that is still accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Floor {
    /// Its sequence number.
    pub sequence: u64,
    /// Its digest.
    pub digest: Digest,
}

/// A stored contract, with the signatures it has so far.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredContract {
    /// The digest of what is signed.
    pub digest: Digest,
    /// The study.
    pub study: String,
    /// The sequence number within the study.
    pub sequence: u64,
    /// The signed contract's file.
    pub bytes: Vec<u8>,
    /// When it was first stored.
    pub first_seen: UnixTime,
    /// The known party that answers for it; none where this party signed, sent or collected it itself.
    pub sender: Option<PublicKey>,
}

/// Why a contract was not merged.
#[derive(Debug, Error)]
pub enum MergeError<E> {
    /// The caller's merge refused.
    #[error("the contract's signatures cannot be merged")]
    Merge(#[source] E),
    /// The state refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Stores the file of the contract `digest` as this party's own, merged by `merge` with the one that is there, in one
    /// transaction. What others bring comes in by [`Store::take_mail`].
    ///
    /// # Errors
    /// [`MergeError::Merge`] with what `merge` says; [`FloorError::Stored`] where study or sequence differ.
    pub async fn merge_contract<E>(
        &self,
        digest: &Digest,
        study: &str,
        sequence: u64,
        at: UnixTime,
        merge: impl FnOnce(Option<&[u8]>) -> Result<Vec<u8>, E>,
    ) -> Result<StoredContract, MergeError<E>> {
        let mut tx = self.begin().await?;
        let stored = by_digest(&mut tx, digest).await.map_err(self.fail())?;
        check_stored(stored.as_ref(), digest, study, sequence)?;
        let bytes = merge(stored.as_ref().map(|stored| stored.bytes.as_slice())).map_err(MergeError::Merge)?;
        let first_seen = stored.map_or(at, |stored| stored.first_seen);
        let contract =
            StoredContract { digest: *digest, study: study.to_owned(), sequence, bytes, first_seen, sender: None };
        write(&mut tx, &contract).await.map_err(self.fail())?;
        self.commit(tx).await?;
        Ok(contract)
    }

    /// The contract of this digest.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn contract(&self, digest: &Digest) -> Result<Option<StoredContract>, StoreError> {
        let mut tx = self.read().await?;
        by_digest(&mut tx, digest).await.map_err(self.fail())
    }

    /// All contracts, by study, the highest sequence first.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn contracts(&self) -> Result<Vec<StoredContract>, StoreError> {
        let mut tx = self.read().await?;
        let rows = sqlx::query("SELECT * FROM contracts").fetch_all(&mut *tx).await;
        let rows = rows.map_err(Failure::from).map_err(self.fail())?;
        let mut contracts = rows.iter().map(read).collect::<Result<Vec<_>, _>>().map_err(self.fail())?;
        contracts.sort_by(|a, b| a.study.cmp(&b.study).then(b.sequence.cmp(&a.sequence)).then(a.digest.cmp(&b.digest)));
        Ok(contracts)
    }

    /// The floor of a study, if any contract of it was accepted.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn floor(&self, study: &str) -> Result<Option<Floor>, StoreError> {
        let mut tx = self.read().await?;
        floor(&mut tx, study).await.map_err(self.fail())
    }

    /// Raises the floor of `study` to the contract `digest` with this sequence. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`FloorError::Older`], [`FloorError::Other`]: the floor never falls and never changes its contract.
    pub async fn raise_floor(&self, study: &str, sequence: u64, digest: &Digest) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        raise(&mut tx, study, sequence, digest).await.map_err(self.fail())?;
        self.commit(tx).await
    }
}

/// Refuses a digest that is stored with another study or sequence.
pub(crate) fn check_stored(
    stored: Option<&StoredContract>,
    digest: &Digest,
    study: &str,
    sequence: u64,
) -> Result<(), StoreError> {
    match stored {
        Some(stored) if stored.study != study || stored.sequence != sequence => Err(FloorError::Stored(*digest).into()),
        _ => Ok(()),
    }
}

/// Refuses a contract below the floor.
pub(crate) async fn check_floor(
    tx: &mut SqliteConnection,
    study: &str,
    sequence: u64,
    digest: &Digest,
) -> Result<(), Failure> {
    let Some(current) = floor(tx, study).await? else { return Ok(()) };
    if sequence < current.sequence {
        return Err(FloorError::Older { study: study.to_owned(), offered: sequence, current }.into());
    }
    if sequence == current.sequence && *digest != current.digest {
        return Err(FloorError::Other { study: study.to_owned(), current }.into());
    }
    Ok(())
}

/// Refuses a contract below the floor, and makes it the floor.
pub(crate) async fn raise(
    tx: &mut SqliteConnection,
    study: &str,
    sequence: u64,
    digest: &Digest,
) -> Result<(), Failure> {
    check_floor(tx, study, sequence, digest).await?;
    sqlx::query("INSERT OR REPLACE INTO floors (study, sequence, digest) VALUES (?, ?, ?)")
        .bind(study)
        .bind(sequence.cast_signed())
        .bind(digest.as_bytes().as_slice())
        .execute(tx)
        .await?;
    Ok(())
}

pub(crate) async fn floor(tx: &mut SqliteConnection, study: &str) -> Result<Option<Floor>, Failure> {
    let row = sqlx::query("SELECT sequence, digest FROM floors WHERE study = ?").bind(study).fetch_optional(tx).await?;
    row.map(|row| Ok(Floor { sequence: row.number("sequence")?, digest: row.digest("digest")? })).transpose()
}

pub(crate) async fn by_digest(tx: &mut SqliteConnection, digest: &Digest) -> Result<Option<StoredContract>, Failure> {
    let row = sqlx::query("SELECT * FROM contracts WHERE digest = ?").bind(digest.as_bytes().as_slice());
    row.fetch_optional(tx).await?.as_ref().map(read).transpose()
}

pub(crate) async fn write(tx: &mut SqliteConnection, contract: &StoredContract) -> Result<(), Failure> {
    let insert = "INSERT OR REPLACE INTO contracts (digest, study, sequence, bytes, first_seen, sender) \
                  VALUES (?, ?, ?, ?, ?, ?)";
    sqlx::query(insert)
        .bind(contract.digest.as_bytes().as_slice())
        .bind(&contract.study)
        .bind(contract.sequence.cast_signed())
        .bind(&contract.bytes)
        .bind(contract.first_seen.0.cast_signed())
        .bind(contract.sender.as_ref().map(|key| key.as_bytes().as_slice()))
        .execute(tx)
        .await?;
    Ok(())
}

fn read(row: &SqliteRow) -> Result<StoredContract, Failure> {
    Ok(StoredContract {
        digest: row.digest("digest")?,
        study: row.text("study")?,
        sequence: row.number("sequence")?,
        bytes: row.bytes("bytes")?,
        first_seen: row.time("first_seen")?,
        sender: row.maybe_key("sender")?,
    })
}
