//! Nobody but its check makes a `FullySigned`.

use casemate_contract::{FullySigned, SignedContract};

fn forge(signed: SignedContract) -> FullySigned {
    FullySigned { signed }
}

fn main() {}
