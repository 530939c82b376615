//! A contract that some have signed does not pass for one that all have signed.

use casemate_contract::{FullySigned, SignedContract};

fn needs_all(_: FullySigned) {}

fn pass(signed: SignedContract) {
    needs_all(signed);
}

fn main() {}
