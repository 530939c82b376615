//! Receives descriptors: the one place where a raw number becomes an owned descriptor.
#![allow(unsafe_code, reason = "a received number becomes an owned descriptor, which only `unsafe` can say")]

use std::{
    io::IoSliceMut,
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
        unix::net::UnixStream,
    },
};

use nix::{
    cmsg_space,
    errno::Errno,
    sys::socket::{ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg},
};

use super::{ControlError, DESCRIPTORS_MAX};

/// What came with some bytes.
pub(super) struct Accompanied {
    /// How many bytes.
    pub(super) bytes: usize,
    /// The descriptors, closed on execution.
    pub(super) descriptors: Vec<OwnedFd>,
    /// The process that sent them, as the kernel tells it, where the socket asks for it (`SO_PASSCRED`).
    pub(super) sender: Option<i32>,
}

/// Reads into `buffer` and takes what came with its first byte.
///
/// # Errors
/// [`ControlError::Descriptors`] when the kernel had to drop some, else what the socket says.
pub(super) fn receive_accompanied(
    socket: &UnixStream,
    buffer: &mut [IoSliceMut<'_>],
) -> Result<Accompanied, ControlError> {
    let mut space = cmsg_space!([RawFd; DESCRIPTORS_MAX], UnixCredentials);
    // Where a time is set for it, the kernel does not go on with this call by itself after a signal, or after the process was
    // stopped [signal(7)].
    let message = loop {
        match recvmsg::<()>(socket.as_raw_fd(), buffer, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC) {
            Err(Errno::EINTR) => {}
            received => break received?,
        }
    };
    let (mut descriptors, mut sender) = (Vec::new(), None);
    for part in message.cmsgs()? {
        match part {
            ControlMessageOwned::ScmRights(numbers) => {
                // SAFETY: the kernel has just installed these descriptors in this process for this message; nothing
                // else knows their numbers, so each is owned here and closed exactly once.
                descriptors.extend(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }));
            }
            ControlMessageOwned::ScmCredentials(credentials) => sender = Some(credentials.pid()),
            _ => {}
        }
    }
    if message.flags.contains(MsgFlags::MSG_CTRUNC) {
        return Err(ControlError::Descriptors { expected: DESCRIPTORS_MAX, actual: descriptors.len() });
    }
    Ok(Accompanied { bytes: message.bytes, descriptors, sender })
}
