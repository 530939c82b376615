//! Devices with PSA tokens. [RFC 9783]

use casemate_evidence::psa::{Claims, Profile};

use super::{
    Component, Parts, cca,
    registry::{
        Draft::{Exactly, Nothing},
        IdentityName, Property, RegisterName, SHA2,
        Type::{Bytes, Number, Text},
        U8, U16, names,
    },
};
use crate::statement::{Allowance, Kind, Subject};

const STATE: &str = "RFC 9783 §4.3";
const SOFTWARE: &str = "RFC 9783 §4.4.1";
const DEVICE: &str = "use another device";
const FIRMWARE: &str = "have the device run that firmware";

/// What tokens say.
pub(super) const PROPERTIES: &[Property] = &[
    Property::new("profile", Text, Exactly, "the token's profile", "RFC 9783 §4.5.2", DEVICE)
        .names(names!(Profile::ALL, Profile::as_str)),
    Property::new("implementation-id", Bytes, Exactly, "which implementation it is", "RFC 9783 §4.2.2", DEVICE)
        .bytes(&[32]),
    Property::new(
        "client-id",
        Text,
        Exactly,
        "who asked, a number: positive inside the secure world, negative outside",
        "RFC 9783 §4.1.2",
        "have the token asked for by that client",
    ),
    Property::new("lifecycle", Text, Exactly, "the state of its life: `secured`, `non-rot-debug`", STATE, DEVICE)
        .names(cca::LIFECYCLES),
    Property::new("lifecycle.value", Number, Nothing, "the same as claimed", STATE, DEVICE).most(U16).hex(),
    Property::new("boot-seed", Bytes, Nothing, "another for each boot", STATE, DEVICE),
    Property::new("certification-reference", Text, Exactly, "its entry in PSA's database", "RFC 9783 §4.2.3", DEVICE),
    Property::new("software-count", Number, Exactly, "how many components it measured", SOFTWARE, FIRMWARE).most(U8),
    Property::new("softwareN.type", Text, Exactly, "a component's role: `BL`, `PRoT`, …", SOFTWARE, FIRMWARE),
    Property::new("softwareN.version", Text, Exactly, "its version, in its maker's words", SOFTWARE, FIRMWARE),
    Property::new("softwareN.description", Text, Exactly, "how it was hashed", SOFTWARE, FIRMWARE),
    Property::new("softwareN.signer", Bytes, Exactly, "the hash of its signer's key", SOFTWARE, FIRMWARE).bytes(SHA2),
    Property::new(
        "verification-service",
        Text,
        Nothing,
        "where its maker would have it verified",
        "RFC 9783 §4.5.1",
        DEVICE,
    ),
];

/// What the device runs.
pub(super) const REGISTERS: &[RegisterName] =
    &[RegisterName::new("softwareN.measurement", "the hash of a component when it was started", SOFTWARE).bytes(SHA2)];

/// The device.
pub(super) const IDENTITY: IdentityName = IdentityName {
    names: &["instance-id"],
    bytes: &[33],
    means: "the device's UEID, 33 bytes, by which its key is endorsed",
    source: "RFC 9783 §4.2.1",
};

/// The component of a device's token.
pub(super) fn component(name: &str, claims: &Claims, debug: bool) -> Component {
    let rows = PROPERTIES.len().saturating_add(claims.software.len().saturating_mul(4));
    let mut parts = Parts::new(name, Kind::Psa, Subject::Key(claims.attestation_key), rows);
    parts.text("profile", claims.profile.as_str());
    parts.bytes("implementation-id", &claims.implementation_id);
    parts.text("client-id", claims.client_id.to_string());
    parts.text("lifecycle", claims.lifecycle.as_str());
    parts.number("lifecycle.value", claims.lifecycle_value);
    if let Some(seed) = &claims.boot_seed {
        parts.bytes("boot-seed", seed);
    }
    if let Some(reference) = &claims.certification_reference {
        parts.text("certification-reference", reference);
    }
    parts.number("software-count", u64::try_from(claims.software.len()).unwrap_or(u64::MAX));
    for (place, software) in claims.software.iter().enumerate() {
        let prefix = format!("software{place}");
        cca::words(&prefix, software, &mut parts);
        parts.register(format!("{prefix}.measurement"), &software.measurement);
    }
    if let Some(service) = &claims.verification_service {
        parts.text("verification-service", service);
    }
    parts.identity = Some(claims.instance_id.to_vec());
    parts.danger(debug, Allowance::Debug);
    parts.finish()
}
