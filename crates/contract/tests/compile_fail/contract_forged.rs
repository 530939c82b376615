//! Nobody gets a `Contract` or a `Manifest` past its check.

use casemate_contract::{Contract, Manifest, ManifestFields};
use casemate_cose::Digest;

fn unchecked(bytes: &[u8]) -> Contract {
    casemate_cose::decode(bytes, 1024).unwrap()
}

fn forge(bytes: Vec<u8>, digest: Digest, fields: ManifestFields) -> Manifest {
    Manifest { bytes, digest, fields }
}

fn main() {}
