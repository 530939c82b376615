//! The domain that a broker goes by, which never goes back, and those that it went by before.
//!
//! 1. Once a signed domain was accepted, none that is not signed is.
//! 2. A signed domain has a higher sequence number than the one before, or is the same; a domain that is not signed has none that is
//!    lower. The first signed one begins anew: whoever could write an unsigned one could have raised the number as high as he liked.
//! 3. What else the caller asks of it, within the same transaction.

use casemate_cose::{Digest, UnixTime};
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use thiserror::Error;

use crate::{
    Store, StoreError,
    error::Failure,
    row::{Columns as _, damaged},
};

/// The most domains that are kept. The oldest goes first, the one that is gone by never.
pub const DOMAINS_KEPT_MAX: u64 = 64;
/// The most bytes of domains that are kept, those of the one that is gone by aside: 64 MiB.
pub const DOMAINS_KEPT_BYTES_MAX: u64 = 64 << 20;

/// Why a domain does not take the place of the one that was gone by.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum DomainMarkError {
    /// A lower sequence number.
    #[error("its sequence number is {offered}, and {highest} was in force")]
    Older {
        /// The highest so far.
        highest: u64,
        /// The one offered.
        offered: u64,
    },
    /// Another signed domain of the same sequence number.
    #[error("another signed domain with the same sequence number, {0}, was in force")]
    Other(u64),
    /// It is not signed, and the one before was.
    #[error("it is not signed, and a signed domain, sequence {0}, was in force")]
    Unsigned(u64),
}

/// Whether the owner's identity key signed a domain. The caller has verified it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Seal {
    /// The file as it is.
    Plain,
    /// Signed.
    Signed,
}

/// The domain that a broker goes by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DomainMark {
    /// The digest of its compiled form.
    pub digest: Digest,
    /// Its sequence number.
    pub sequence: u64,
    /// Whether it is signed.
    pub seal: Seal,
}

/// Why a domain was not taken.
#[derive(Debug, Error)]
pub enum RaiseError<E> {
    /// The caller's check refused.
    #[error("the domain takes something back")]
    Check(#[source] E),
    /// The state refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Goes by this domain from now on, durably once this returns. `compiled` gives its bytes; `supersedes` is given those of the signed
    /// domain before, where both are signed and differ. The same again changes nothing.
    ///
    /// # Errors
    /// [`DomainMarkError`] as the head of this file has it; [`RaiseError::Check`] with what `supersedes` says.
    pub async fn raise_domain<E>(
        &self,
        mark: DomainMark,
        compiled: impl FnOnce() -> Vec<u8>,
        at: UnixTime,
        supersedes: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<(), RaiseError<E>> {
        if self.domain_mark().await? == Some(mark) {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        let before = read_mark(&mut tx).await.map_err(self.fail())?;
        if let Some(before) = before {
            before.allows(mark).map_err(StoreError::from)?;
            if (before.seal, mark.seal) == (Seal::Signed, Seal::Signed) && before.digest != mark.digest {
                let old = compiled_of(&mut tx, &before.digest).await.map_err(self.fail())?;
                let gone = || StoreError::Corrupt {
                    path: self.dir().join("state.db"),
                    detail: "the domain in force is not there".to_owned(),
                };
                supersedes(&old.ok_or_else(gone)?).map_err(RaiseError::Check)?;
            }
        }
        write(&mut tx, mark, &compiled(), at).await.map_err(self.fail())?;
        Ok(self.commit(tx).await?)
    }

    /// The domain that the broker went by last.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn domain_mark(&self) -> Result<Option<DomainMark>, StoreError> {
        let mut tx = self.read().await?;
        read_mark(&mut tx).await.map_err(self.fail())
    }

    /// The compiled domain of this digest, if the broker went by it and it is kept.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn compiled_domain(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let mut tx = self.read().await?;
        compiled_of(&mut tx, digest).await.map_err(self.fail())
    }
}

impl DomainMark {
    fn allows(&self, next: Self) -> Result<(), DomainMarkError> {
        match (self.seal, next.seal) {
            (Seal::Plain, Seal::Signed) => Ok(()),
            (Seal::Signed, Seal::Plain) => Err(DomainMarkError::Unsigned(self.sequence)),
            _ if next.sequence < self.sequence => {
                Err(DomainMarkError::Older { highest: self.sequence, offered: next.sequence })
            }
            (Seal::Signed, Seal::Signed) if next.sequence == self.sequence && next.digest != self.digest => {
                Err(DomainMarkError::Other(self.sequence))
            }
            _ => Ok(()),
        }
    }
}

async fn read_mark(tx: &mut SqliteConnection) -> Result<Option<DomainMark>, Failure> {
    let row = sqlx::query("SELECT * FROM domain_mark").fetch_optional(tx).await?;
    row.as_ref().map(mark_of).transpose()
}

fn mark_of(row: &SqliteRow) -> Result<DomainMark, Failure> {
    let seal = match row.number("signed")? {
        0 => Seal::Plain,
        1 => Seal::Signed,
        _ => return Err(damaged(row, "signed", "is neither 0 nor 1").into()),
    };
    Ok(DomainMark { digest: row.digest("digest")?, sequence: row.number("sequence")?, seal })
}

async fn compiled_of(tx: &mut SqliteConnection, digest: &Digest) -> Result<Option<Vec<u8>>, Failure> {
    let row = sqlx::query("SELECT compiled FROM domains WHERE digest = ?").bind(digest.as_bytes().as_slice());
    row.fetch_optional(tx).await?.map(|row| row.bytes("compiled")).transpose()
}

async fn write(tx: &mut SqliteConnection, mark: DomainMark, compiled: &[u8], at: UnixTime) -> Result<(), Failure> {
    let digest = mark.digest.as_bytes().as_slice();
    let domain = sqlx::query("INSERT OR IGNORE INTO domains (digest, compiled, first_seen) VALUES (?, ?, ?)");
    domain.bind(digest).bind(compiled).bind(at.0.cast_signed()).execute(&mut *tx).await?;
    let raise =
        sqlx::query("INSERT OR REPLACE INTO domain_mark (only_one, digest, sequence, signed) VALUES (1, ?, ?, ?)");
    let signed = i64::from(mark.seal == Seal::Signed);
    raise.bind(digest).bind(mark.sequence.cast_signed()).bind(signed).execute(&mut *tx).await?;
    let forget = sqlx::query(
        "DELETE FROM domains WHERE number IN (
             SELECT number FROM (
                 SELECT number, row_number() OVER newest AS place, sum(length(compiled)) OVER newest AS bytes
                 FROM domains WHERE digest <> ?1 WINDOW newest AS (ORDER BY number DESC))
             WHERE place >= ?2 OR bytes > ?3)",
    );
    let (most, bytes) = (DOMAINS_KEPT_MAX.cast_signed(), DOMAINS_KEPT_BYTES_MAX.cast_signed());
    forget.bind(digest).bind(most).bind(bytes).execute(tx).await?;
    Ok(())
}
