//! The evidence that a broker judged: as received, with all that is needed to judge it again. What the domain denied is counted apart
//! from what it accepted, so that no flood of the one drives out the other.

use casemate_cose::{Digest, UnixTime};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use crate::{Store, StoreError, error::Failure, row::Columns as _};

/// The most pieces of evidence that are kept of those that were accepted, and as many of those that were denied. The oldest goes first.
pub const JUDGED_MAX: u64 = 4096;
/// The most bytes of evidence and proofs that are kept of those that were accepted, and as many of those that were denied: 64 MiB.
pub const JUDGED_BYTES_MAX: u64 = 64 << 20;

/// Authentic evidence, and what it was judged with. Nothing in it is secret: the keep hands all of it out in the record of its run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judged {
    /// SHA-256 of the evidence.
    pub digest: Digest,
    /// The evidence as received, in its frame.
    pub evidence: Vec<u8>,
    /// The broker's nonce that it was made for.
    pub nonce: [u8; 32],
    /// The exporter value of its TLS session.
    pub exporter: [u8; 32],
    /// The digest of the keep's public key.
    pub keep_key: Digest,
    /// The digest of the broker's public key.
    pub own_key: Digest,
    /// The endorsement bundle by which it was authentic; none of isolation `process`, where the domain names the launcher.
    pub bundle: Option<Digest>,
    /// The domain under which it was judged.
    pub domain: Digest,
    /// The study.
    pub study: String,
    /// The contract's digest.
    pub contract: Digest,
    /// The manifest's digest.
    pub manifest: Digest,
    /// The run that it was for.
    pub run: [u8; 16],
    /// When it was judged.
    pub at: UnixTime,
    /// The proof that the domain accepts it; none where the domain denied it.
    pub proof: Option<Vec<u8>>,
}

impl Store {
    /// Keeps evidence that was judged; durable once this returns. What was kept already stays as it is.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn keep_judged(&self, judged: &Judged) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        insert(&mut tx, judged).await.map_err(self.fail())?;
        forget(&mut tx, judged).await.map_err(self.fail())?;
        self.commit(tx).await
    }

    /// All evidence that is kept, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn judged(&self) -> Result<Vec<Judged>, StoreError> {
        let mut tx = self.read().await?;
        let rows = sqlx::query("SELECT * FROM judged ORDER BY number DESC").fetch_all(&mut *tx).await;
        let rows = rows.map_err(Failure::from).map_err(self.fail())?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(self.fail())
    }

    /// The evidence that was judged for a run, the newest first: whoever names a run may have shown some.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn judged_of(&self, run: &[u8; 16]) -> Result<Vec<Judged>, StoreError> {
        let mut tx = self.read().await?;
        let rows = sqlx::query("SELECT * FROM judged WHERE run = ? ORDER BY number DESC").bind(run.as_slice());
        let rows = rows.fetch_all(&mut *tx).await.map_err(Failure::from).map_err(self.fail())?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(self.fail())
    }
}

async fn insert(tx: &mut SqliteConnection, judged: &Judged) -> Result<(), Failure> {
    sqlx::query(
        "INSERT OR IGNORE INTO judged (digest, evidence, nonce, exporter, keep_key, own_key, bundle, domain, study, contract,
             manifest, run, at, proof)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(judged.digest.as_bytes().as_slice())
    .bind(&judged.evidence)
    .bind(judged.nonce.as_slice())
    .bind(judged.exporter.as_slice())
    .bind(judged.keep_key.as_bytes().as_slice())
    .bind(judged.own_key.as_bytes().as_slice())
    .bind(judged.bundle.as_ref().map(|bundle| bundle.as_bytes().as_slice()))
    .bind(judged.domain.as_bytes().as_slice())
    .bind(&judged.study)
    .bind(judged.contract.as_bytes().as_slice())
    .bind(judged.manifest.as_bytes().as_slice())
    .bind(judged.run.as_slice())
    .bind(judged.at.0.cast_signed())
    .bind(&judged.proof)
    .execute(tx)
    .await?;
    Ok(())
}

/// Lets go of the oldest of those that were accepted, or of those that were denied, as `judged` was.
async fn forget(tx: &mut SqliteConnection, judged: &Judged) -> Result<(), Failure> {
    let forget = sqlx::query(
        "DELETE FROM judged WHERE number IN (
             SELECT number FROM (
                 SELECT number, row_number() OVER newest AS place,
                     sum(length(evidence) + ifnull(length(proof), 0)) OVER newest AS bytes
                 FROM judged WHERE (proof IS NOT NULL) = ?1 WINDOW newest AS (ORDER BY number DESC))
             WHERE place > ?2 OR bytes > ?3)",
    );
    let (most, bytes) = (JUDGED_MAX.cast_signed(), JUDGED_BYTES_MAX.cast_signed());
    forget.bind(i64::from(judged.proof.is_some())).bind(most).bind(bytes).execute(tx).await?;
    Ok(())
}

fn read(row: &SqliteRow) -> Result<Judged, Failure> {
    Ok(Judged {
        digest: row.digest("digest")?,
        evidence: row.bytes("evidence")?,
        nonce: *row.digest("nonce")?.as_bytes(),
        exporter: *row.digest("exporter")?.as_bytes(),
        keep_key: row.digest("keep_key")?,
        own_key: row.digest("own_key")?,
        bundle: row.maybe_digest("bundle")?,
        domain: row.digest("domain")?,
        study: row.text("study")?,
        contract: row.digest("contract")?,
        manifest: row.digest("manifest")?,
        run: row.id("run")?,
        at: row.time("at")?,
        proof: row.maybe_bytes("proof")?,
    })
}
