//! The two directories, and the names in them.

use super::{
    descriptors::{Descriptor, OpenFile},
    files::{APPEND, kind, put_stat},
    guest::{Guest, offset},
};
use crate::{
    errno::Errno,
    files::{Node, Opening},
};

/// `rights::fd_read` and `rights::fd_write`.
const RIGHT_READ: u64 = 1 << 1;
const RIGHT_WRITE: u64 = 1 << 6;

/// `/in` is 3 and `/out` is 4; a bad descriptor ends the program's search for more.
pub(super) fn fd_prestat_get(guest: &mut Guest<'_>, fd: u32, result: u32) -> Result<(), Errno> {
    let path = given(guest, fd)?;
    guest.put_u32(result, 0)?;
    guest.put_u32(offset(result, 4)?, u32::try_from(path.len()).map_err(|_| Errno::Fault)?)
}

pub(super) fn fd_prestat_dir_name(guest: &mut Guest<'_>, fd: u32, path: u32, length: u32) -> Result<(), Errno> {
    let text = given(guest, fd)?;
    if text.len() > length as usize {
        return Err(Errno::NameTooLong);
    }
    guest.put(path, text.as_bytes())
}

/// As many entries from `cookie` on as there is room for; the last one may be cut.
pub(super) fn fd_readdir(
    guest: &mut Guest<'_>,
    fd: u32,
    buffer: u32,
    length: u32,
    cookie: u64,
    result: u32,
) -> Result<(), Errno> {
    let directory = guest.world.descriptors.directory(fd)?;
    let skip = usize::try_from(cookie).map_err(|_| Errno::Invalid)?;
    let mut listing = Vec::new();
    for (place, (name, node)) in guest.world.files.entries(directory).into_iter().enumerate().skip(skip) {
        listing.extend_from_slice(&(place as u64 + 1).to_le_bytes());
        listing.extend_from_slice(&node.number().to_le_bytes());
        listing.extend_from_slice(&u32::try_from(name.len()).map_err(|_| Errno::Fault)?.to_le_bytes());
        listing.extend_from_slice(&[kind(Some(node)), 0, 0, 0]);
        listing.extend_from_slice(name.as_bytes());
    }
    listing.truncate(length as usize);
    guest.put(buffer, &listing)?;
    guest.put_u32(result, u32::try_from(listing.len()).map_err(|_| Errno::Fault)?)
}

pub(super) fn path_filestat_get(
    guest: &mut Guest<'_>,
    fd: u32,
    _: u32,
    path: u32,
    length: u32,
    result: u32,
) -> Result<(), Errno> {
    let directory = guest.world.descriptors.directory(fd)?;
    let node = guest.world.files.find(directory, &guest.text(path, length)?)?;
    put_stat(guest, Some(node), result)
}

#[expect(clippy::too_many_arguments, reason = "the standard's function has them")]
pub(super) fn path_open(
    guest: &mut Guest<'_>,
    fd: u32,
    _: u32,
    path: u32,
    length: u32,
    how: u32,
    rights: u64,
    _: u64,
    flags: u32,
    result: u32,
) -> Result<(), Errno> {
    let directory = guest.world.descriptors.directory(fd)?;
    let path = guest.text(path, length)?;
    let how = Opening {
        create: how & 1 != 0,
        directory: how & 2 != 0,
        exclusive: how & 4 != 0,
        truncate: how & 8 != 0,
        write: rights & RIGHT_WRITE != 0,
    };
    if !guest.world.descriptors.has_room() {
        return Err(Errno::TooManyOpen);
    }
    let descriptor = match guest.world.files.open(directory, &path, how)? {
        Node::Directory(directory) => Descriptor::Directory { directory, is_given: false },
        Node::File(file) => Descriptor::File(OpenFile {
            file,
            position: 0,
            reads: rights & RIGHT_READ != 0,
            writes: how.write,
            appends: flags & APPEND != 0,
        }),
    };
    let fd = guest.world.descriptors.add(descriptor)?;
    guest.put_u32(result, fd)
}

pub(super) fn path_rename(
    guest: &mut Guest<'_>,
    from: u32,
    old: u32,
    old_length: u32,
    to: u32,
    new: u32,
    new_length: u32,
) -> Result<(), Errno> {
    let (from, to) = (guest.world.descriptors.directory(from)?, guest.world.descriptors.directory(to)?);
    let (old, new) = (guest.text(old, old_length)?, guest.text(new, new_length)?);
    guest.world.files.rename((from, &old), (to, &new))
}

pub(super) fn path_unlink_file(guest: &mut Guest<'_>, fd: u32, path: u32, length: u32) -> Result<(), Errno> {
    let directory = guest.world.descriptors.directory(fd)?;
    guest.world.files.unlink(directory, &guest.text(path, length)?)
}

/// There are the two directories, and no other.
pub(super) fn path_create_directory(guest: &mut Guest<'_>, fd: u32, _: u32, _: u32) -> Result<(), Errno> {
    guest.world.descriptors.directory(fd)?;
    Err(Errno::NotPermitted)
}

/// There are the two directories, and they stay.
pub(super) fn path_remove_directory(guest: &mut Guest<'_>, fd: u32, _: u32, _: u32) -> Result<(), Errno> {
    guest.world.descriptors.directory(fd)?;
    Err(Errno::NotPermitted)
}

/// Files have no times of their own.
#[expect(clippy::too_many_arguments, reason = "the standard's function has them")]
pub(super) fn path_filestat_set_times(
    guest: &mut Guest<'_>,
    fd: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u64,
    _: u64,
    _: u32,
) -> Result<(), Errno> {
    guest.world.descriptors.directory(fd)?;
    Err(Errno::Unsupported)
}

/// There are no links.
#[expect(clippy::too_many_arguments, reason = "the standard's function has them")]
pub(super) fn path_link(
    guest: &mut Guest<'_>,
    from: u32,
    _: u32,
    _: u32,
    _: u32,
    to: u32,
    _: u32,
    _: u32,
) -> Result<(), Errno> {
    guest.world.descriptors.directory(from)?;
    guest.world.descriptors.directory(to)?;
    Err(Errno::NotPermitted)
}

/// There are no links.
pub(super) fn path_symlink(guest: &mut Guest<'_>, _: u32, _: u32, fd: u32, _: u32, _: u32) -> Result<(), Errno> {
    guest.world.descriptors.directory(fd)?;
    Err(Errno::NotPermitted)
}

/// There are no links: what is there is none.
pub(super) fn path_readlink(
    guest: &mut Guest<'_>,
    fd: u32,
    path: u32,
    length: u32,
    _: u32,
    _: u32,
    _: u32,
) -> Result<(), Errno> {
    let directory = guest.world.descriptors.directory(fd)?;
    guest.world.files.find(directory, &guest.text(path, length)?)?;
    Err(Errno::Invalid)
}

fn given(guest: &Guest<'_>, fd: u32) -> Result<&'static str, Errno> {
    match guest.world.descriptors.find(fd)? {
        Descriptor::Directory { directory, is_given: true } => Ok(directory.path()),
        _ => Err(Errno::BadDescriptor),
    }
}
