//! Whom a party knows: the keys of others that it compared over another channel.

use casemate_cose::{PublicKey, UnixTime};
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use thiserror::Error;

use crate::{Store, StoreError, error::Failure, row::Columns as _};

/// Why a party was not remembered.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum PartyError {
    /// The name is known with another key.
    #[error("`{name}` is known with the key `{known}`, not `{offered}`")]
    Key {
        /// The party.
        name: String,
        /// The key that it is known by.
        known: PublicKey,
        /// The other one.
        offered: PublicKey,
    },
    /// The key is known under another name.
    #[error("the key `{key}` is known as that of `{known}`, not of `{offered}`")]
    Name {
        /// The key.
        key: PublicKey,
        /// Whose it is.
        known: String,
        /// The other name.
        offered: String,
    },
    /// There is no such party.
    #[error("no party `{0}` is known here")]
    Unknown(String),
}

/// Another party, as its card names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KnownParty {
    /// Its name.
    pub name: String,
    /// Its identity key.
    pub key: PublicKey,
    /// Its broker's key.
    pub broker: Option<PublicKey>,
    /// The key that its hosts' launcher signs evidence with.
    pub launcher: Option<PublicKey>,
    /// Where results for it are encrypted to.
    pub recipient: Option<String>,
    /// When it was last added.
    pub added_at: UnixTime,
}

impl Store {
    /// Remembers a party. A newer card of the same name and identity key replaces the older one.
    ///
    /// # Errors
    /// [`PartyError::Key`], [`PartyError::Name`]: neither a name nor an identity key ever changes its other half.
    pub async fn add_party(&self, party: &KnownParty) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        add(&mut tx, party).await.map_err(self.fail())?;
        self.commit(tx).await
    }

    /// Forgets a party.
    ///
    /// # Errors
    /// [`PartyError::Unknown`].
    pub async fn remove_party(&self, name: &str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let removed = sqlx::query("DELETE FROM parties WHERE name = ?").bind(name).execute(&mut *tx).await;
        let removed = removed.map_err(Failure::from).map_err(self.fail())?;
        if removed.rows_affected() == 0 {
            return Err(PartyError::Unknown(name.to_owned()).into());
        }
        self.commit(tx).await
    }

    /// Everybody known, ascending by name.
    ///
    /// # Errors
    /// [`StoreError`] where the file fails.
    pub async fn parties(&self) -> Result<Vec<KnownParty>, StoreError> {
        let mut tx = self.read().await?;
        all(&mut tx).await.map_err(self.fail())
    }
}

async fn add(tx: &mut SqliteConnection, party: &KnownParty) -> Result<(), Failure> {
    for known in all(tx).await? {
        let (same_name, same_key) = (known.name == party.name, known.key == party.key);
        if same_name && !same_key {
            return Err(PartyError::Key { name: known.name, known: known.key, offered: party.key }.into());
        }
        if same_key && !same_name {
            return Err(PartyError::Name { key: known.key, known: known.name, offered: party.name.clone() }.into());
        }
    }
    sqlx::query(
        "INSERT OR REPLACE INTO parties (name, key, broker, launcher, recipient, added_at) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(&party.name)
    .bind(party.key.as_bytes().as_slice())
    .bind(party.broker.as_ref().map(|key| key.as_bytes().as_slice()))
    .bind(party.launcher.as_ref().map(|key| key.as_bytes().as_slice()))
    .bind(&party.recipient)
    .bind(party.added_at.0.cast_signed())
    .execute(tx)
    .await?;
    Ok(())
}

async fn all(tx: &mut SqliteConnection) -> Result<Vec<KnownParty>, Failure> {
    let rows = sqlx::query("SELECT * FROM parties ORDER BY name").fetch_all(tx).await?;
    rows.iter().map(read).collect()
}

fn read(row: &SqliteRow) -> Result<KnownParty, Failure> {
    Ok(KnownParty {
        name: row.text("name")?,
        key: row.key("key")?,
        broker: row.maybe_key("broker")?,
        launcher: row.maybe_key("launcher")?,
        recipient: row.maybe_text("recipient")?,
        added_at: row.time("added_at")?,
    })
}
