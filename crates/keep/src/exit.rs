//! How a keep ends, seen from outside.

/// The closed list of exit codes: they tell no more than the last message on the control socket does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// The launcher, the machine or this program failed.
    Broken,
    /// A result was handed over.
    Done,
    /// Nothing was handed over.
    Refused,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Broken => 70,
            Self::Done => 0,
            Self::Refused => 10,
        }
    }
}
