//! Arguments, an empty environment, seeded numbers; and what is always refused.

use super::guest::{Guest, offset, slice_mut};
use crate::errno::Errno;

pub(super) fn args_sizes_get(guest: &mut Guest<'_>, count: u32, size: u32) -> Result<(), Errno> {
    let arguments = &guest.world.arguments;
    let length = u32::try_from(arguments.len()).map_err(|_| Errno::Fault)?;
    let bytes = arguments.iter().map(|argument| argument.len() + 1).sum::<usize>();
    guest.put_u32(count, length)?;
    guest.put_u32(size, u32::try_from(bytes).map_err(|_| Errno::Fault)?)
}

/// Pointers, and the arguments that they point to, each ended by a zero.
pub(super) fn args_get(guest: &mut Guest<'_>, pointers: u32, text: u32) -> Result<(), Errno> {
    let (mut pointer, mut at) = (pointers, text);
    for argument in guest.world.arguments.clone() {
        guest.put_u32(pointer, at)?;
        guest.put(at, argument.as_bytes())?;
        at = offset(at, u32::try_from(argument.len()).map_err(|_| Errno::Fault)?)?;
        guest.put(at, &[0])?;
        (pointer, at) = (offset(pointer, 4)?, offset(at, 1)?);
    }
    Ok(())
}

/// There is no environment.
pub(super) fn environ_sizes_get(guest: &mut Guest<'_>, count: u32, size: u32) -> Result<(), Errno> {
    guest.put_u32(count, 0)?;
    guest.put_u32(size, 0)
}

/// Of no variable, nothing.
pub(super) const fn environ_get(_: &mut Guest<'_>, _: u32, _: u32) -> Result<(), Errno> {
    Ok(())
}

pub(super) fn random_get(guest: &mut Guest<'_>, buffer: u32, length: u32) -> Result<(), Errno> {
    guest.world.fill_random(slice_mut(guest.memory, buffer, length)?);
    Ok(())
}

/// A call that need not do anything.
pub(super) const fn nothing(_: &mut Guest<'_>) -> Result<(), Errno> {
    Ok(())
}

/// There are no signals.
pub(super) const fn proc_raise(_: &mut Guest<'_>, _: u32) -> Result<(), Errno> {
    Err(Errno::Unsupported)
}

/// There are no sockets.
pub(super) const fn sock_accept(_: &mut Guest<'_>, _: u32, _: u32, _: u32) -> Result<(), Errno> {
    Err(Errno::NotSocket)
}

/// There are no sockets.
pub(super) const fn sock_recv(_: &mut Guest<'_>, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32) -> Result<(), Errno> {
    Err(Errno::NotSocket)
}

/// There are no sockets.
pub(super) const fn sock_send(_: &mut Guest<'_>, _: u32, _: u32, _: u32, _: u32, _: u32) -> Result<(), Errno> {
    Err(Errno::NotSocket)
}

/// There are no sockets.
pub(super) const fn sock_shutdown(_: &mut Guest<'_>, _: u32, _: u32) -> Result<(), Errno> {
    Err(Errno::NotSocket)
}
