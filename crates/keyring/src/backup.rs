//! Everything that reading one's own datasets takes, in one file.

use crate::{KeyringError, PartyKeys, WrappedKey, keyfile};

/// A party's keys and the wrapped keys of its datasets.
#[derive(Debug)]
pub struct Backup {
    /// The party's keys.
    pub keys: PartyKeys,
    /// The keys of its datasets' versions, wrapped under them.
    pub wrapped: Vec<WrappedKey>,
}

impl Backup {
    /// Locks the backup under `passphrase`, after checking that every wrapped key unwraps: a backup that does not restore
    /// is worse than none.
    ///
    /// # Errors
    /// [`KeyringError::WrongWrap`], and those of [`PartyKeys::lock`].
    pub fn lock(&self, passphrase: &str, work_factor: u8) -> Result<String, KeyringError> {
        self.check()?;
        let content = keyfile::Content::backup(self.keys.secrets(), self.wrapped.clone());
        keyfile::lock(&content, passphrase, work_factor)
    }

    /// Unlocks what [`Self::lock`] made, and checks that every wrapped key unwraps.
    ///
    /// # Errors
    /// Those of [`PartyKeys::unlock`], `WrongKind` for a key file, and [`KeyringError::WrongWrap`].
    pub fn unlock(text: &str, passphrase: &str) -> Result<Self, KeyringError> {
        let content = keyfile::unlock(text, passphrase)?;
        content.expect(keyfile::Holds::Backup)?;
        let keys = PartyKeys::from_secrets(&content.secrets);
        let backup = Self { keys, wrapped: content.wrapped.unwrap_or_default() };
        backup.check()?;
        Ok(backup)
    }

    fn check(&self) -> Result<(), KeyringError> {
        self.wrapped.iter().try_for_each(|wrapped| self.keys.unwrap(wrapped).map(drop))
    }
}
