//! What a check found wrong. Checks collect complaints and fail once, at their end.

use std::fmt;

use crate::failure::Failure;

/// One thing that is wrong: where, what, and what to do about it.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Complaint {
    /// A file, `file:line`, a crate.
    pub(crate) place: String,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

impl Complaint {
    pub(crate) fn new(place: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  help: {}", self.place, self.what, self.remedy)
    }
}

/// Prints the complaints, or what was `checked` if there are none.
///
/// # Errors
/// If there are any.
pub(crate) fn conclude(check: &str, checked: &str, mut complaints: Vec<Complaint>) -> Result<(), Failure> {
    complaints.sort();
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    match complaints.len() {
        0 => {
            println!("{check}: {checked}, nothing to complain about");
            Ok(())
        }
        1 => Err(Failure::new(format!("{check}: 1 complaint"))),
        count => Err(Failure::new(format!("{check}: {count} complaints"))),
    }
}
