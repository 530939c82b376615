//! Nobody but its check makes a `FullySigned`.

use casemate_contract::{FullySigned, SignedContract};

fn forge(signed: SignedContract) -> FullySigned {
    FullySigned { signed }
}

fn pass(signed: SignedContract) {
    needs_all(signed);
}

fn needs_all(_: FullySigned) {}

fn main() {}
