//! Why a call of the program's is refused: one list, told in the words of each WASI.

use crate::p2::bindings::wasi::filesystem::types::ErrorCode;

/// Why a call is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Errno {
    BadDescriptor,
    Busy,
    Exists,
    Fault,
    IllegalBytes,
    Invalid,
    Io,
    IsDirectory,
    NameTooLong,
    NoEntry,
    NoSpace,
    NotDirectory,
    NotPermitted,
    NotSocket,
    ReadOnly,
    Seek,
    TooManyOpen,
    Unsupported,
}

impl Errno {
    /// The number in preview 1. [wasi_snapshot_preview1, `errno`]
    pub(crate) const fn preview1(self) -> i32 {
        match self {
            Self::BadDescriptor => 8,
            Self::Busy => 10,
            Self::Exists => 20,
            Self::Fault => 21,
            Self::IllegalBytes => 25,
            Self::Invalid => 28,
            Self::Io => 29,
            Self::IsDirectory => 31,
            Self::TooManyOpen => 33,
            Self::NameTooLong => 37,
            Self::NoEntry => 44,
            Self::NoSpace => 51,
            Self::NotDirectory => 54,
            Self::NotSocket => 57,
            Self::Unsupported => 58,
            Self::NotPermitted => 63,
            Self::ReadOnly => 69,
            Self::Seek => 70,
        }
    }
}

impl From<Errno> for ErrorCode {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::BadDescriptor => Self::BadDescriptor,
            Errno::Busy => Self::Busy,
            Errno::Exists => Self::Exist,
            Errno::Fault | Errno::Invalid => Self::Invalid,
            Errno::IllegalBytes => Self::IllegalByteSequence,
            Errno::Io => Self::Io,
            Errno::IsDirectory => Self::IsDirectory,
            Errno::NameTooLong => Self::NameTooLong,
            Errno::NoEntry => Self::NoEntry,
            Errno::NoSpace => Self::InsufficientSpace,
            Errno::NotDirectory => Self::NotDirectory,
            Errno::NotPermitted => Self::NotPermitted,
            Errno::NotSocket | Errno::Unsupported => Self::Unsupported,
            Errno::ReadOnly => Self::ReadOnly,
            Errno::Seek => Self::InvalidSeek,
            Errno::TooManyOpen => Self::InsufficientMemory,
        }
    }
}
