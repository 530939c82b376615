//! How a keep's process ended.

use std::{fmt, os::unix::process::ExitStatusExt as _, process::ExitStatus};

use casemate_attester::control::{EXHAUSTED, TRESPASSED};
use nix::sys::signal::Signal;

use crate::LaunchError;

/// How a keep's process ended, from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this exit code.
    Exited(i32),
    /// By this signal, whoever sent it.
    Killed(Signal),
    /// By the kernel, for the memory of its control group.
    OutOfMemory,
    /// Killed when it had used up its limit of processor time, or nearly: by the kernel, as it seems.
    OutOfTime {
        /// The limit.
        cpu_s: u64,
        /// What it had used, in milliseconds.
        used_ms: u64,
    },
    /// Unseen; the text says why.
    Unknown(String),
}

impl Ending {
    /// As an error: two of the exit codes are known by name.
    pub(crate) fn into_error(self) -> LaunchError {
        match self {
            Self::Exited(EXHAUSTED) => LaunchError::Exhausted,
            Self::Exited(TRESPASSED) => LaunchError::Trespassed,
            ending => LaunchError::Died { ending },
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => ExitStatus::from_raw(code << 8).fmt(f),
            Self::Killed(signal) => write!(f, "signal {signal}"),
            Self::OutOfMemory => write!(f, "signal SIGKILL: it has used up the memory of its control group"),
            Self::OutOfTime { cpu_s, used_ms } => {
                let used_s = used_ms / 1000;
                write!(f, "signal SIGKILL after {used_s} s, of its limit of {cpu_s} s of processor time")
            }
            Self::Unknown(why) => f.write_str(why),
        }
    }
}
