//! Nobody gets a `Contract` past its check.

use casemate_contract::Contract;

fn unchecked(bytes: &[u8]) -> Contract {
    casemate_cose::decode(bytes, 1024).unwrap()
}

fn main() {}
