//! The form in which every refusal travels: between processes, into receipts, onto screens.

use std::fmt;

use casemate_evidence::Refusal;
use minicbor::{Decode, Encode};

use crate::printable::printable;

/// Why something was refused: the rule, what it asks for, what was found, and what to do.
/// It may come from another party: [`fmt::Display`] shows no control characters of it.
#[derive(Clone, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cbor(map)]
pub struct Reason {
    /// The stable name of the rule, in kebab case.
    #[n(0)]
    pub rule: String,
    /// What would have been accepted.
    #[n(1)]
    pub expected: String,
    /// What was found. Carries no value of sealed data.
    #[n(2)]
    pub actual: String,
    /// Whose move it is, and what to do.
    #[n(3)]
    pub remedy: String,
}

impl Reason {
    /// A reason from its four parts.
    #[must_use]
    pub fn new(
        rule: impl Into<String>,
        expected: impl Into<String>,
        actual: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { rule: rule.into(), expected: expected.into(), actual: actual.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = format!("{}: expected {}, found {}; remedy: {}", self.rule, self.expected, self.actual, self.remedy);
        f.write_str(&printable(&line))
    }
}

impl From<&Refusal> for Reason {
    fn from(refusal: &Refusal) -> Self {
        Self::new(refusal.rule(), refusal.expected(), refusal.actual(), refusal.remedy())
    }
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        Self::from(&refusal)
    }
}
