//! Reading and writing open files.

use super::{
    descriptors::{Descriptor, OpenFile},
    guest::{Guest, offset, slice, slice_mut},
};
use crate::{errno::Errno, files::Node};

/// `fdflags::append`; the others say how a disk is to be written to.
pub(super) const APPEND: u32 = 1;
const FDFLAGS_ALL: u32 = 0b1_1111;

pub(super) fn fd_advise(guest: &mut Guest<'_>, fd: u32, _: u64, _: u64, advice: u32) -> Result<(), Errno> {
    guest.world.descriptors.file(fd)?;
    if advice <= 5 { Ok(()) } else { Err(Errno::Invalid) }
}

/// Room can't be had in advance.
pub(super) fn fd_allocate(guest: &mut Guest<'_>, fd: u32, _: u64, _: u64) -> Result<(), Errno> {
    guest.world.descriptors.file(fd)?;
    Err(Errno::Unsupported)
}

pub(super) fn fd_close(guest: &mut Guest<'_>, fd: u32) -> Result<(), Errno> {
    let closed = guest.world.descriptors.take(fd)?;
    close(guest, closed);
    Ok(())
}

/// There is no disk to write to.
pub(super) fn fd_sync(guest: &mut Guest<'_>, fd: u32) -> Result<(), Errno> {
    guest.world.descriptors.find(fd).map(|_| ())
}

pub(super) fn fd_fdstat_get(guest: &mut Guest<'_>, fd: u32, result: u32) -> Result<(), Errno> {
    let descriptor = guest.world.descriptors.find(fd)?;
    let appends = matches!(descriptor, Descriptor::File(OpenFile { appends: true, .. }));
    let mut stat = [0; 24];
    stat[0] = kind(descriptor.node());
    stat[2] = u8::from(appends);
    stat[8..].fill(0xFF);
    guest.put(result, &stat)
}

pub(super) fn fd_fdstat_set_flags(guest: &mut Guest<'_>, fd: u32, flags: u32) -> Result<(), Errno> {
    if flags & !FDFLAGS_ALL != 0 {
        return Err(Errno::Invalid);
    }
    guest.world.descriptors.file(fd)?.appends = flags & APPEND != 0;
    Ok(())
}

pub(super) fn fd_fdstat_set_rights(guest: &mut Guest<'_>, fd: u32, _: u64, _: u64) -> Result<(), Errno> {
    guest.world.descriptors.find(fd)?;
    Err(Errno::Unsupported)
}

pub(super) fn fd_filestat_get(guest: &mut Guest<'_>, fd: u32, result: u32) -> Result<(), Errno> {
    let node = guest.world.descriptors.find(fd)?.node();
    put_stat(guest, node, result)
}

pub(super) fn fd_filestat_set_size(guest: &mut Guest<'_>, fd: u32, size: u64) -> Result<(), Errno> {
    let open = *guest.world.descriptors.file(fd)?;
    if !open.writes {
        return Err(Errno::BadDescriptor);
    }
    guest.world.files.resize(open.file, size)
}

/// Files have no times of their own.
pub(super) fn fd_filestat_set_times(guest: &mut Guest<'_>, fd: u32, _: u64, _: u64, _: u32) -> Result<(), Errno> {
    guest.world.descriptors.find(fd)?;
    Err(Errno::Unsupported)
}

pub(super) fn fd_pread(
    guest: &mut Guest<'_>,
    fd: u32,
    list: u32,
    count: u32,
    from: u64,
    result: u32,
) -> Result<(), Errno> {
    let open = *guest.world.descriptors.file(fd)?;
    let read = read(guest, open, from, list, count)?;
    guest.put_u32(result, read)
}

pub(super) fn fd_pwrite(
    guest: &mut Guest<'_>,
    fd: u32,
    list: u32,
    count: u32,
    to: u64,
    result: u32,
) -> Result<(), Errno> {
    let open = *guest.world.descriptors.file(fd)?;
    let written = write(guest, open, to, list, count)?;
    guest.put_u32(result, written)
}

pub(super) fn fd_read(guest: &mut Guest<'_>, fd: u32, list: u32, count: u32, result: u32) -> Result<(), Errno> {
    let read = match guest.world.descriptors.find(fd)? {
        Descriptor::Directory { .. } => return Err(Errno::IsDirectory),
        Descriptor::File(open) => {
            let read = read(guest, open, open.position, list, count)?;
            guest.world.descriptors.file(fd)?.position = open.position.saturating_add(u64::from(read));
            read
        }
        Descriptor::Nowhere => return Err(Errno::BadDescriptor),
        Descriptor::Stdin => 0,
    };
    guest.put_u32(result, read)
}

pub(super) fn fd_renumber(guest: &mut Guest<'_>, from: u32, to: u32) -> Result<(), Errno> {
    if let Some(closed) = guest.world.descriptors.renumber(from, to)? {
        close(guest, closed);
    }
    Ok(())
}

pub(super) fn fd_seek(guest: &mut Guest<'_>, fd: u32, by: i64, whence: u32, result: u32) -> Result<(), Errno> {
    let open = *guest.world.descriptors.file(fd)?;
    let base = match whence {
        0 => 0,
        1 => open.position,
        2 => guest.world.files.size(Node::File(open.file))?,
        _ => return Err(Errno::Invalid),
    };
    let position = base.checked_add_signed(by).filter(|at| i64::try_from(*at).is_ok()).ok_or(Errno::Invalid)?;
    guest.world.descriptors.file(fd)?.position = position;
    guest.put_u64(result, position)
}

pub(super) fn fd_tell(guest: &mut Guest<'_>, fd: u32, result: u32) -> Result<(), Errno> {
    let position = guest.world.descriptors.file(fd)?.position;
    guest.put_u64(result, position)
}

pub(super) fn fd_write(guest: &mut Guest<'_>, fd: u32, list: u32, count: u32, result: u32) -> Result<(), Errno> {
    let written = match guest.world.descriptors.find(fd)? {
        Descriptor::Directory { .. } => return Err(Errno::IsDirectory),
        Descriptor::File(open) => {
            let end = guest.world.files.size(Node::File(open.file))?;
            let from = if open.appends { end } else { open.position };
            let written = write(guest, open, from, list, count)?;
            guest.world.descriptors.file(fd)?.position = from.saturating_add(u64::from(written));
            written
        }
        Descriptor::Nowhere => say(guest, list, count)?,
        Descriptor::Stdin => return Err(Errno::BadDescriptor),
    };
    guest.put_u32(result, written)
}

/// A file's or directory's data: 64 bytes. It has no times but the clock's.
pub(super) fn put_stat(guest: &mut Guest<'_>, node: Option<Node>, at: u32) -> Result<(), Errno> {
    let size = node.map_or(Ok(0), |node| guest.world.files.size(node))?;
    let wall_ns = guest.world.wall_s().saturating_mul(1_000_000_000);
    guest.put(at, &[0; 64])?;
    guest.put_u64(offset(at, 8)?, node.map_or(0, Node::number))?;
    guest.put(offset(at, 16)?, &[kind(node)])?;
    for (place, value) in [(24, 1), (32, size), (40, wall_ns), (48, wall_ns), (56, wall_ns)] {
        guest.put_u64(offset(at, place)?, value)?;
    }
    Ok(())
}

/// `filetype`: unknown, directory, regular file.
pub(super) const fn kind(node: Option<Node>) -> u8 {
    match node {
        None => 0,
        Some(Node::Directory(_)) => 3,
        Some(Node::File(_)) => 4,
    }
}

fn close(guest: &mut Guest<'_>, descriptor: Descriptor) {
    if let Some(node) = descriptor.node() {
        guest.world.files.close(node);
    }
}

fn read(guest: &mut Guest<'_>, open: OpenFile, from: u64, list: u32, count: u32) -> Result<u32, Errno> {
    if !open.reads {
        return Err(Errno::BadDescriptor);
    }
    let mut total = 0_u32;
    for (at, length) in guest.buffers(list, count)? {
        let data = guest.world.files.read(open.file, from.saturating_add(u64::from(total)), u64::from(length))?;
        let read = u32::try_from(data.len()).map_err(|_| Errno::Fault)?;
        let sum = total.checked_add(read).ok_or(Errno::Invalid)?;
        slice_mut(guest.memory, at, read)?.copy_from_slice(data);
        total = sum;
        if read < length {
            break;
        }
    }
    Ok(total)
}

fn write(guest: &mut Guest<'_>, open: OpenFile, to: u64, list: u32, count: u32) -> Result<u32, Errno> {
    if !open.writes {
        return Err(Errno::BadDescriptor);
    }
    let mut total = 0_u32;
    for (at, length) in guest.buffers(list, count)? {
        let sum = total.checked_add(length).ok_or(Errno::Invalid)?;
        let data = slice(guest.memory, at, length)?;
        match guest.world.files.write(open.file, to.saturating_add(u64::from(total)), data) {
            Err(errno) if total == 0 => return Err(errno),
            Err(_) => break,
            Ok(()) => total = sum,
        }
    }
    Ok(total)
}

/// Counts what is said on standard output and error; it goes nowhere.
fn say(guest: &mut Guest<'_>, list: u32, count: u32) -> Result<u32, Errno> {
    let mut total = 0_u32;
    let mut goes_on = true;
    for (at, length) in guest.buffers(list, count)? {
        let words = guest.slice(at, length)?.to_vec();
        total = total.checked_add(length).ok_or(Errno::Invalid)?;
        goes_on &= guest.world.say(&words);
    }
    if goes_on { Ok(total) } else { Err(Errno::Io) }
}
