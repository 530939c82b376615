//! How a keep ends, seen from outside.

use casemate_attester::control::{EXHAUSTED, TRESPASSED};

/// The closed list of exit codes: they tell no more than the last message on the control socket does. One that a signal ended has
/// [`casemate_attester::control::SIGNALLED`] and the signal's number instead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// The launcher, the machine or this program failed.
    Broken,
    /// A result was handed over.
    Done,
    /// It needed more memory than its limit.
    Exhausted,
    /// Nothing was handed over.
    Refused,
    /// The kernel ended it for a system call that its sandbox does not admit.
    Trespassed,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Broken => 70,
            Self::Done => 0,
            Self::Exhausted => EXHAUSTED,
            Self::Refused => 10,
            Self::Trespassed => TRESPASSED,
        }
    }
}
