//! The keys of one party.

use casemate_cose::{PublicKey, Signer, SigningKey};
use casemate_seal::blob;
use minicbor::{Decode, Encode};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{KeyringError, decrypt_with, keyfile};

/// Bytes of entropy that a party's keys are made of: 32 for each of the five; an authority's key comes apart.
pub const ENTROPY_BYTES: usize = 160;

/// A P-256 key in PKCS #8 with its public half has some 140.
const AUTHORITY_BYTES_MAX: usize = 256;

/// The keys of one party. All secrets are wiped when it is dropped.
#[derive(Debug)]
pub struct PartyKeys {
    identity: SigningKey,
    broker: SigningKey,
    launcher: SigningKey,
    recipient: Secret,
    wrap: Secret,
    authority: Option<AuthoritySecret>,
}

impl PartyKeys {
    /// Makes all keys of `entropy`, which the caller drew from the operating system and wipes.
    #[must_use]
    pub fn generate(entropy: &[u8; ENTROPY_BYTES]) -> Self {
        let mut seeds = [Secret([0; 32]), Secret([0; 32]), Secret([0; 32]), Secret([0; 32]), Secret([0; 32])];
        for (seed, bytes) in seeds.iter_mut().zip(entropy.chunks_exact(32)) {
            seed.0.copy_from_slice(bytes);
        }
        let [identity, broker, launcher, recipient, wrap] = seeds;
        Self {
            identity: SigningKey::from_seed(&identity.0),
            broker: SigningKey::from_seed(&broker.0),
            launcher: SigningKey::from_seed(&launcher.0),
            recipient,
            wrap,
            authority: None,
        }
    }

    /// Signs contracts in the party's name.
    #[must_use]
    pub const fn identity(&self) -> &SigningKey {
        &self.identity
    }

    /// Signs challenges, decisions, permits and checkpoints, and is the key of the broker's TLS certificate.
    #[must_use]
    pub const fn broker(&self) -> &SigningKey {
        &self.broker
    }

    /// Signs the evidence of keeps that this party launches.
    #[must_use]
    pub const fn launcher(&self) -> &SigningKey {
        &self.launcher
    }

    /// Signs SVIDs; `None` for a party that admits nobody.
    ///
    /// # Errors
    /// None for a key that was taken by [`Self::with_authority`]; it could be refused again, so it is a result.
    pub fn authority(&self) -> Result<Option<Signer>, KeyringError> {
        let read = |secret: &AuthoritySecret| Signer::p256(&secret.0).map_err(|_| KeyringError::Authority);
        self.authority.as_ref().map(read).transpose()
    }

    /// The same party with this authority: a P-256 key in PKCS #8, which the caller drew and wipes. Whoever believed the one before
    /// has to be given the new one's certificate.
    ///
    /// # Errors
    /// [`KeyringError::Authority`] for another kind of key.
    pub fn with_authority(&self, pkcs8: &[u8]) -> Result<Self, KeyringError> {
        let secret = AuthoritySecret(pkcs8.to_vec());
        let keys = Self { authority: Some(secret), ..Self::from_secrets(&self.secrets()) };
        if pkcs8.len() > AUTHORITY_BYTES_MAX {
            return Err(KeyringError::Authority);
        }
        keys.authority().map(|_| keys)
    }

    /// The public half of [`Self::identity`].
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.identity.public()
    }

    /// The party's age recipient (`age1…`), to which results are encrypted.
    ///
    /// # Errors
    /// None for a 32-byte secret; the text form could be refused, so it is a result.
    pub fn recipient(&self) -> Result<String, KeyringError> {
        blob::recipient(&self.recipient.0).map_err(KeyringError::sealing)
    }

    /// The secret of [`Self::recipient`], for streaming through [`casemate_seal::blob::open`].
    #[must_use]
    pub const fn recipient_secret(&self) -> &[u8; 32] {
        &self.recipient.0
    }

    /// Opens what was encrypted to [`Self::recipient`].
    ///
    /// # Errors
    /// [`KeyringError::NotForThisKey`], [`KeyringError::Damaged`].
    pub fn decrypt(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        decrypt_with(&self.recipient.0, sealed)
    }

    pub(crate) const fn wrap_key(&self) -> &[u8; 32] {
        &self.wrap.0
    }

    /// The same party with another wrapping key.
    pub(crate) fn with_wrap_key(&self, wrap: &[u8; 32]) -> Self {
        Self { wrap: Secret(*wrap), ..Self::from_secrets(&self.secrets()) }
    }

    /// The same party with a launcher whose key is made of `seed`, which the caller drew from the operating system and wipes.
    /// Contracts and domains know the launcher by its key: each has to name the new one before a keep of it counts.
    #[must_use]
    pub fn with_launcher(&self, seed: &[u8; 32]) -> Self {
        Self { launcher: SigningKey::from_seed(seed), ..Self::from_secrets(&self.secrets()) }
    }

    /// Locks the keys under `passphrase`: an armoured age file. `work_factor` is the binary logarithm of scrypt's N
    /// ([`crate::WORK_FACTOR_DEFAULT`]).
    ///
    /// # Errors
    /// [`KeyringError::EmptyPassphrase`], [`KeyringError::WorkFactor`].
    pub fn lock(&self, passphrase: &str, work_factor: u8) -> Result<String, KeyringError> {
        keyfile::lock(&keyfile::Content::keys(self.secrets()), passphrase, work_factor)
    }

    /// Unlocks what [`Self::lock`] made.
    ///
    /// # Errors
    /// [`KeyringError`]: `WrongPassphrase`, `NewerFormat`, `WrongKind` for a backup, `WorkFactor` above
    /// [`crate::WORK_FACTOR_MAX`], `Damaged`.
    pub fn unlock(text: &str, passphrase: &str) -> Result<Self, KeyringError> {
        let content = keyfile::unlock(text, passphrase)?;
        content.expect(keyfile::Holds::Keys)?;
        Ok(Self::from_secrets(&content.secrets))
    }

    pub(crate) fn secrets(&self) -> Secrets {
        Secrets {
            identity: Secret(*self.identity.seed()),
            broker: Secret(*self.broker.seed()),
            launcher: Secret(*self.launcher.seed()),
            recipient: self.recipient.clone(),
            wrap: self.wrap.clone(),
            authority: self.authority.clone(),
        }
    }

    pub(crate) fn from_secrets(secrets: &Secrets) -> Self {
        Self {
            identity: SigningKey::from_seed(&secrets.identity.0),
            broker: SigningKey::from_seed(&secrets.broker.0),
            launcher: SigningKey::from_seed(&secrets.launcher.0),
            recipient: secrets.recipient.clone(),
            wrap: secrets.wrap.clone(),
            authority: secrets.authority.clone(),
        }
    }
}

/// 32 secret bytes, wiped when dropped and never printed.
#[derive(Clone, Decode, Encode, Eq, PartialEq, Zeroize, ZeroizeOnDrop)]
#[cbor(transparent)]
pub(crate) struct Secret(#[cbor(n(0), with = "minicbor::bytes")] pub(crate) [u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// What a key file holds of a party.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub(crate) struct Secrets {
    #[n(0)]
    pub(crate) identity: Secret,
    #[n(1)]
    pub(crate) broker: Secret,
    #[n(2)]
    pub(crate) launcher: Secret,
    #[n(3)]
    pub(crate) recipient: Secret,
    #[n(4)]
    pub(crate) wrap: Secret,
    #[n(5)]
    pub(crate) authority: Option<AuthoritySecret>,
}

/// A P-256 key in PKCS #8, wiped when dropped and never printed.
#[derive(Clone, Decode, Encode, Eq, PartialEq, Zeroize, ZeroizeOnDrop)]
#[cbor(transparent)]
pub(crate) struct AuthoritySecret(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>);

impl std::fmt::Debug for AuthoritySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthoritySecret")
    }
}
