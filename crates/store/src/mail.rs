//! Contracts that others bring: stored only where everything about them was in order, and only so many.

use casemate_cose::{Digest, PublicKey, UnixTime};
use sqlx::SqliteConnection;
use thiserror::Error;

use crate::{
    Floor, MergeError, Store, StoreError, StoredContract,
    contract::{by_digest, check_floor, check_stored, floor, raise, write},
    error::Failure,
    row::Columns as _,
};

/// A contract on its way in.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'a> {
    /// The digest of what is signed.
    pub digest: &'a Digest,
    /// The study.
    pub study: &'a str,
    /// The sequence number within the study.
    pub sequence: u64,
    /// The known party that answers for it; none where it is this party's own.
    pub sender: Option<PublicKey>,
    /// The time.
    pub at: UnixTime,
}

/// How much waits at most of what this party has neither signed nor collected itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MailQuota {
    /// Contracts of one sender.
    pub of_sender_max: u64,
    /// Contracts of all senders.
    pub contracts_max: u64,
    /// Bytes of all senders.
    pub bytes_max: u64,
}

/// The mailbox is full. Nothing is dropped to make room.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum QuotaError {
    /// Too many bytes of all senders.
    #[error("{actual} bytes of unsigned contracts would wait, and at most {max} may")]
    Bytes {
        /// How many there would be.
        actual: u64,
        /// How many there may be.
        max: u64,
    },
    /// Too many contracts of all senders.
    #[error("{max} unsigned contracts wait already")]
    Contracts {
        /// How many there may be.
        max: u64,
    },
    /// Too many contracts of this sender.
    #[error("{max} unsigned contracts of this sender wait already")]
    Sender {
        /// How many there may be.
        max: u64,
    },
}

/// What the caller made of a contract and the copy that was there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Merged {
    /// The file to store.
    pub bytes: Vec<u8>,
    /// Whether everybody has signed: then the contract becomes its study's floor.
    pub is_complete: bool,
}

impl Store {
    /// Stores a contract that was brought. All of it is one transaction: floor, the caller's `merge`, quota, and only then
    /// a write. What is refused leaves nothing.
    ///
    /// # Errors
    /// [`MergeError::Merge`] with what `merge` says; [`FloorError`](crate::FloorError); [`QuotaError`].
    pub async fn take_mail<E>(
        &self,
        mail: &Mail<'_>,
        quota: &MailQuota,
        merge: impl FnOnce(Option<&[u8]>, Option<Floor>) -> Result<Merged, E>,
    ) -> Result<StoredContract, MergeError<E>> {
        let mut tx = self.begin().await?;
        let stored = by_digest(&mut tx, mail.digest).await.map_err(self.fail())?;
        check_stored(stored.as_ref(), mail.digest, mail.study, mail.sequence)?;
        check_floor(&mut tx, mail.study, mail.sequence, mail.digest).await.map_err(self.fail())?;
        let floor = floor(&mut tx, mail.study).await.map_err(self.fail())?;
        let merged = merge(stored.as_ref().map(|stored| stored.bytes.as_slice()), floor).map_err(MergeError::Merge)?;
        let sender = match &stored {
            Some(stored) if stored.sender.is_none() => None,
            _ => mail.sender,
        };
        if let (None, Some(sender)) = (&stored, &sender) {
            check_quota(&mut tx, quota, sender, merged.bytes.len()).await.map_err(self.fail())?;
        }
        let contract = StoredContract {
            digest: *mail.digest,
            study: mail.study.to_owned(),
            sequence: mail.sequence,
            bytes: merged.bytes,
            first_seen: stored.map_or(mail.at, |stored| stored.first_seen),
            sender,
        };
        write(&mut tx, &contract).await.map_err(self.fail())?;
        if merged.is_complete {
            raise(&mut tx, mail.study, mail.sequence, mail.digest).await.map_err(self.fail())?;
        }
        self.commit(tx).await?;
        Ok(contract)
    }

    /// Removes a contract that came by mail and that this party has not made its own. Tells whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn discard_mail(&self, digest: &Digest) -> Result<Discarded, StoreError> {
        let mut tx = self.begin().await?;
        let found = by_digest(&mut tx, digest).await.map_err(self.fail())?;
        match found.map(|found| found.sender) {
            None => return Ok(Discarded::Unknown),
            Some(None) => return Ok(Discarded::Own),
            Some(Some(_)) => {}
        }
        let delete = sqlx::query("DELETE FROM contracts WHERE digest = ?").bind(digest.as_bytes().as_slice());
        delete.execute(&mut *tx).await.map_err(Failure::from).map_err(self.fail())?;
        self.commit(tx).await?;
        Ok(Discarded::Removed)
    }
}

/// What became of a contract that was to be discarded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Discarded {
    /// It is this party's own, and stays.
    Own,
    /// It is gone.
    Removed,
    /// There was none.
    Unknown,
}

async fn check_quota(
    tx: &mut SqliteConnection,
    quota: &MailQuota,
    sender: &PublicKey,
    bytes: usize,
) -> Result<(), Failure> {
    let query = "SELECT count(*) AS contracts, coalesce(sum(sender = ?), 0) AS of_sender, \
                 coalesce(sum(length(bytes)), 0) AS bytes FROM contracts WHERE sender IS NOT NULL";
    let waiting = sqlx::query(query).bind(sender.as_bytes().as_slice()).fetch_one(tx).await?;
    if waiting.number("of_sender")? >= quota.of_sender_max {
        return Err(QuotaError::Sender { max: quota.of_sender_max }.into());
    }
    if waiting.number("contracts")? >= quota.contracts_max {
        return Err(QuotaError::Contracts { max: quota.contracts_max }.into());
    }
    let actual = waiting.number("bytes")?.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    if actual > quota.bytes_max {
        return Err(QuotaError::Bytes { actual, max: quota.bytes_max }.into());
    }
    Ok(())
}
