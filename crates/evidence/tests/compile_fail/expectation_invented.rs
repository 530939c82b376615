//! Nobody but this crate says what may be expected: an expectation that checks nothing can't be made elsewhere.

use casemate_evidence::Expectation;

#[derive(Clone)]
struct Whatever;

impl Expectation for Whatever {}

fn main() {}
