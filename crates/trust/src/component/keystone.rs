//! RISC-V Keystone enclaves. [Keystone documentation, Attestation]

use casemate_cose::PublicKey;
use casemate_evidence::keystone::Claims;

use super::{
    Component, Parts,
    registry::{Draft::Exactly, IdentityName, Property, RegisterName, Type::Bytes},
};
use crate::statement::{Kind, Subject};

const REPORT: &str = "Keystone `sdk/include/verifier/report.h`";

/// What reports say besides hashes.
pub(super) const PROPERTIES: &[Property] = &[Property::new(
    "sm-public-key",
    Bytes,
    Exactly,
    "the security monitor's key, of its hash and the device",
    REPORT,
    "run on another host",
)
.bytes(&[32])];

/// What runs, and below it.
pub(super) const REGISTERS: &[RegisterName] = &[
    RegisterName::new("enclave-hash", "SHA3-512 of the enclave: memory layout, runtime and program, as loaded", REPORT)
        .bytes(&[64]),
    RegisterName::new("sm-hash", "SHA3-512 of the security monitor, as the boot ROM measured it", REPORT).bytes(&[64]),
];

/// The device.
pub(super) const IDENTITY: IdentityName = IdentityName {
    names: &["device-public-key"],
    bytes: &[32],
    means: "the device's Ed25519 key, 32 bytes",
    source: REPORT,
};

/// The component of an enclave's report.
pub(super) fn component(name: &str, claims: &Claims) -> Component {
    let attester = Subject::Key(PublicKey::from_bytes(claims.device_key).spki_digest());
    let mut parts = Parts::new(name, Kind::Keystone, attester, PROPERTIES.len());
    parts.bytes("sm-public-key", &claims.monitor_key);
    parts.register("enclave-hash", &claims.enclave_hash);
    parts.register("sm-hash", &claims.monitor_hash);
    parts.identity = Some(claims.device_key.to_vec());
    parts.finish()
}
