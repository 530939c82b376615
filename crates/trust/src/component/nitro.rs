//! AWS Nitro enclaves. [AWS Nitro Enclaves documentation, attestation process]

use casemate_evidence::{Vendor, nitro::Claims};

use super::{
    Component, Parts,
    registry::{
        Draft::{IfSo, Nothing},
        Property, RegisterName, SHA2,
        Type::{Bool, Text},
    },
};
use crate::statement::{Allowance, Kind, Subject};

const DOCUMENT: &str = "AWS Nitro Enclaves, attestation document";

/// What documents say besides registers.
pub(super) const PROPERTIES: &[Property] = &[
    Property::new("root", Text, Nothing, "the name of the root", DOCUMENT, "run in an AWS partition with that root"),
    Property::new(
        "revocation-checked",
        Bool,
        IfSo,
        "a revocation list of each issuer was there; AWS publishes none",
        DOCUMENT,
        "give the verifier the issuers' revocation lists",
    ),
    Property::new(
        "module-id",
        Text,
        Nothing,
        "instance and enclave; another for each enclave",
        DOCUMENT,
        "name the enclave that is meant",
    ),
];

/// What runs, and where.
pub(super) const REGISTERS: &[RegisterName] = &[RegisterName::new(
    "pcrN",
    "0 the image, 1 kernel and boot RAM disk, 2 the application, 3 the instance's role, 4 the instance, 8 the image's signer",
    DOCUMENT,
).bytes(SHA2)];

/// The component of an enclave's document.
pub(super) fn component(name: &str, claims: &Claims, debug: bool) -> Component {
    let mut parts = Parts::new(name, Kind::Nitro, Subject::Vendor(Vendor::Aws), PROPERTIES.len());
    parts.text("root", &claims.root);
    parts.bool("revocation-checked", claims.revocation_checked);
    parts.text("module-id", &claims.module_id);
    for (number, value) in &claims.pcrs {
        parts.register(format!("pcr{number}"), value);
    }
    parts.danger(debug, Allowance::Debug);
    parts.finish()
}
