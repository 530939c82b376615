//! Nobody makes a `Manifest` of fields that no contract implied.

use casemate_contract::{Manifest, ManifestFields};
use casemate_cose::Digest;

fn forge(bytes: Vec<u8>, digest: Digest, fields: ManifestFields) -> Manifest {
    Manifest { bytes, digest, fields }
}

fn main() {}
