//! Lists whose length is looked at before any of it is read: an item in memory is many times as long as its shortest encoding.

use std::collections::BTreeSet;

use minicbor::{Decode, Decoder, decode::Error};

/// A list of at most `MAX`.
pub(crate) fn read<'b, C, T: Decode<'b, C>, const MAX: usize>(
    d: &mut Decoder<'b>,
    ctx: &mut C,
) -> Result<Vec<T>, Error> {
    let length = length(d, MAX)?;
    (0..length).map(|_| T::decode(d, ctx)).collect()
}

/// A set of at most `MAX`, ascending, each member once.
pub(crate) fn set<'b, C, T: Decode<'b, C> + Ord, const MAX: usize>(
    d: &mut Decoder<'b>,
    ctx: &mut C,
) -> Result<BTreeSet<T>, Error> {
    let length = length(d, MAX)?;
    (0..length).map(|_| T::decode(d, ctx)).collect()
}

fn length(d: &mut Decoder<'_>, max: usize) -> Result<usize, Error> {
    let position = d.position();
    let length = d.array()?.and_then(|length| usize::try_from(length).ok()).filter(|length| *length <= max);
    length.ok_or_else(|| Error::message("a list too long").at(position))
}
