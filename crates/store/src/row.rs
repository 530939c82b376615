//! Reading columns into types. A value of the wrong length is damage, not a panic.

use casemate_cose::{Digest, PublicKey, UnixTime};
use sqlx::{ColumnIndex as _, Row as _, sqlite::SqliteRow};

use crate::error::Failure;

/// Columns by name.
pub(crate) trait Columns {
    fn bytes(&self, column: &str) -> Result<Vec<u8>, Failure>;
    fn digest(&self, column: &str) -> Result<Digest, Failure>;
    fn id(&self, column: &str) -> Result<[u8; 16], Failure>;
    fn key(&self, column: &str) -> Result<PublicKey, Failure>;
    fn maybe_bytes(&self, column: &str) -> Result<Option<Vec<u8>>, Failure>;
    fn maybe_digest(&self, column: &str) -> Result<Option<Digest>, Failure>;
    fn maybe_key(&self, column: &str) -> Result<Option<PublicKey>, Failure>;
    fn maybe_text(&self, column: &str) -> Result<Option<String>, Failure>;
    fn maybe_time(&self, column: &str) -> Result<Option<UnixTime>, Failure>;
    fn number(&self, column: &str) -> Result<u64, Failure>;
    fn text(&self, column: &str) -> Result<String, Failure>;
    fn time(&self, column: &str) -> Result<UnixTime, Failure>;
}

impl Columns for SqliteRow {
    fn bytes(&self, column: &str) -> Result<Vec<u8>, Failure> {
        Ok(self.try_get(column)?)
    }

    fn digest(&self, column: &str) -> Result<Digest, Failure> {
        fixed(self, column).map(Digest::from_bytes)
    }

    fn id(&self, column: &str) -> Result<[u8; 16], Failure> {
        fixed(self, column)
    }

    fn key(&self, column: &str) -> Result<PublicKey, Failure> {
        fixed(self, column).map(PublicKey::from_bytes)
    }

    fn maybe_bytes(&self, column: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.try_get(column)?)
    }

    fn maybe_digest(&self, column: &str) -> Result<Option<Digest>, Failure> {
        maybe_fixed(self, column).map(|bytes| bytes.map(Digest::from_bytes))
    }

    fn maybe_key(&self, column: &str) -> Result<Option<PublicKey>, Failure> {
        maybe_fixed(self, column).map(|bytes| bytes.map(PublicKey::from_bytes))
    }

    fn maybe_text(&self, column: &str) -> Result<Option<String>, Failure> {
        Ok(self.try_get(column)?)
    }

    fn maybe_time(&self, column: &str) -> Result<Option<UnixTime>, Failure> {
        Ok(self.try_get::<Option<i64>, _>(column)?.map(|seconds| UnixTime(seconds.cast_unsigned())))
    }

    fn number(&self, column: &str) -> Result<u64, Failure> {
        Ok(self.try_get::<i64, _>(column)?.cast_unsigned())
    }

    fn text(&self, column: &str) -> Result<String, Failure> {
        Ok(self.try_get(column)?)
    }

    fn time(&self, column: &str) -> Result<UnixTime, Failure> {
        self.number(column).map(UnixTime)
    }
}

fn fixed<const N: usize>(row: &SqliteRow, column: &str) -> Result<[u8; N], Failure> {
    let bytes: Vec<u8> = row.try_get(column)?;
    Ok(bytes.try_into().map_err(|_| damaged(row, column, "has the wrong length"))?)
}

fn maybe_fixed<const N: usize>(row: &SqliteRow, column: &str) -> Result<Option<[u8; N]>, Failure> {
    let bytes: Option<Vec<u8>> = row.try_get(column)?;
    let fixed = |bytes: Vec<u8>| bytes.try_into().map_err(|_| damaged(row, column, "has the wrong length").into());
    bytes.map(fixed).transpose()
}

/// The error for a value that the schema does not allow.
pub(crate) fn damaged(row: &SqliteRow, column: &str, what: &str) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: format!("{:?}", column.index(row).ok()),
        source: format!("`{column}` {what}").into(),
    }
}
