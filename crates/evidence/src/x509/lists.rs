//! Revocation lists for one verification: each is read once, and its signature checked once, however many chains it serves.

use std::cell::RefCell;

use super::{Crl, Spki, scheme_of};
use crate::wire::WireError;

/// Lists of any issuers, in the order in which they were given.
#[derive(Debug)]
pub(crate) struct Lists<'a> {
    lists: Vec<Result<Crl<'a>, WireError>>,
    /// Places of lists, and the keys that were seen to have signed them: `SubjectPublicKeyInfo`.
    signed: RefCell<Vec<(usize, Vec<u8>)>>,
}

impl<'a> Lists<'a> {
    /// Reads them. One that can't be read is found out when it is looked at.
    pub(crate) fn of(ders: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self { lists: ders.into_iter().map(Crl::parse).collect(), signed: RefCell::default() }
    }

    /// Those that were read already.
    pub(crate) fn of_read(lists: impl IntoIterator<Item = Crl<'a>>) -> Self {
        Self { lists: lists.into_iter().map(Ok).collect(), signed: RefCell::default() }
    }

    /// Each with its place.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<(usize, &Crl<'a>), WireError>> {
        self.lists.iter().enumerate().map(|(place, list)| match list {
            Ok(list) => Ok((place, list)),
            Err(error) => Err(error.clone()),
        })
    }

    /// Whether `key` signed the list at `place`.
    pub(crate) fn is_signed(&self, place: usize, list: &Crl<'_>, key: Spki<'_>) -> Result<bool, WireError> {
        let scheme = scheme_of(list.algorithm, key.key.kind)?;
        if self.signed.borrow().iter().any(|(known, spki)| *known == place && *spki == key.raw) {
            return Ok(true);
        }
        let is_signed = key.key.verify(scheme, list.tbs, list.signature).is_ok();
        if is_signed {
            self.signed.borrow_mut().push((place, key.raw.to_vec()));
        }
        Ok(is_signed)
    }
}
