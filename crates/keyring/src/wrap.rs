//! A dataset version's key at rest: AES-256-GCM [NIST SP 800-38D] under the party's wrapping key.
//!
//! The associated data is dataset id ‖ version id, so that a wrapped key passes for no other dataset's or version's.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::{KeyringError, PartyKeys};

/// The key of one dataset version, wrapped.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct WrappedKey {
    /// The dataset's id.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub dataset_id: [u8; 16],
    /// The version's id.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub version: [u8; 16],
    /// The nonce, never used twice under one wrapping key.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub nonce: [u8; 12],
    /// The key's ciphertext ‖ tag.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub ciphertext: [u8; 48],
}

impl PartyKeys {
    /// Wraps the key of one dataset version. `nonce` is fresh and random: one wrapping key takes 2³² of them.
    ///
    /// # Errors
    /// None for these lengths; the cipher could refuse, so it is a result.
    pub fn wrap(
        &self,
        dataset_id: &[u8; 16],
        version: &[u8; 16],
        key: &[u8; 32],
        nonce: [u8; 12],
    ) -> Result<WrappedKey, KeyringError> {
        let mut ciphertext = [0; 48];
        let (body, tag) = ciphertext.split_at_mut(32);
        body.copy_from_slice(key);
        let sealed = cipher(self.wrap_key())?
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad(dataset_id, version), body)
            .map_err(|_| KeyringError::WrongWrap)?;
        tag.copy_from_slice(sealed.as_ref());
        Ok(WrappedKey { dataset_id: *dataset_id, version: *version, nonce, ciphertext })
    }

    /// Unwraps what [`Self::wrap`] made.
    ///
    /// # Errors
    /// [`KeyringError::WrongWrap`]: another party's, another dataset's, another version's, or altered.
    pub fn unwrap(&self, wrapped: &WrappedKey) -> Result<Zeroizing<[u8; 32]>, KeyringError> {
        let mut bytes = Zeroizing::new(wrapped.ciphertext);
        let opened = cipher(self.wrap_key())?
            .open_in_place(
                Nonce::assume_unique_for_key(wrapped.nonce),
                aad(&wrapped.dataset_id, &wrapped.version),
                bytes.as_mut_slice(),
            )
            .map_err(|_| KeyringError::WrongWrap)?;
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(opened);
        Ok(key)
    }

    /// The same party with the wrapping key `wrap`, and `wrapped` under it; all or nothing. `nonce` gives a fresh random
    /// nonce at each call. The signing and recipient keys stay: others know them by name.
    ///
    /// # Errors
    /// [`KeyringError::WrongWrap`] if any of `wrapped` does not unwrap.
    pub fn rotate(
        &self,
        wrap: &[u8; 32],
        wrapped: &[WrappedKey],
        mut nonce: impl FnMut() -> [u8; 12],
    ) -> Result<(Self, Vec<WrappedKey>), KeyringError> {
        let rotated = self.with_wrap_key(wrap);
        let rewrap = |old: &WrappedKey| {
            let key = self.unwrap(old)?;
            rotated.wrap(&old.dataset_id, &old.version, &key, nonce())
        };
        let wrapped = wrapped.iter().map(rewrap).collect::<Result<_, _>>()?;
        Ok((rotated, wrapped))
    }
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, KeyringError> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| KeyringError::WrongWrap)
}

fn aad(dataset_id: &[u8; 16], version: &[u8; 16]) -> Aad<[u8; 32]> {
    let mut bytes = [0; 32];
    let (left, right) = bytes.split_at_mut(16);
    left.copy_from_slice(dataset_id);
    right.copy_from_slice(version);
    Aad::from(bytes)
}
