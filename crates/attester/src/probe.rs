//! What this machine can isolate and attest with, row by row. `casemate doctor` prints the rows.

/// Whether something is there.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Presence {
    /// Not there, and what it is for does not work.
    Absent,
    /// There.
    Present,
    /// This process may not look.
    Unknown,
}

/// One thing that was looked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Row {
    /// What.
    pub what: String,
    /// Is it there?
    pub presence: Presence,
    /// Its size, version or setting, or why it is absent.
    pub detail: String,
    /// Why it matters.
    pub why: String,
    /// How to get it; empty when it is there.
    pub remedy: String,
}
