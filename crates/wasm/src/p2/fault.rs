//! Calls that fail: with an error that the program is told, or by ending the program.
#![expect(unreachable_pub, reason = "the bindings give these types out as if to everybody")]

use wasmtime::component::ResourceTableError;

use super::bindings::wasi::filesystem::types::ErrorCode;
use crate::{errno::Errno, world::Stop};

/// Of a call on files.
#[derive(Debug)]
pub enum FileFault {
    /// The program is told.
    Told(ErrorCode),
    /// The program ends.
    Ends(wasmtime::Error),
}

/// Of a call on streams.
#[derive(Debug)]
pub enum StreamFault {
    /// The program is told that there is no more.
    Closed,
    /// The program ends.
    Ends(wasmtime::Error),
    /// The program is told.
    Failed(ErrorCode),
}

impl From<Errno> for FileFault {
    fn from(errno: Errno) -> Self {
        Self::Told(errno.into())
    }
}

impl From<ResourceTableError> for FileFault {
    fn from(error: ResourceTableError) -> Self {
        match error {
            ResourceTableError::Full => Self::Told(ErrorCode::InsufficientMemory),
            _ => Self::Ends(Stop::Host.into()),
        }
    }
}

impl From<Errno> for StreamFault {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno.into())
    }
}

impl From<ResourceTableError> for StreamFault {
    fn from(_: ResourceTableError) -> Self {
        Self::Ends(Stop::Host.into())
    }
}
