//! Arm CCA realms and their platforms. [Arm DEN0137 1.0-rel0; draft-ffm-rats-cca-token]

use casemate_evidence::cca::{Claims, Lifecycle, Profile, SoftwareComponent};

use super::{
    Component, Parts,
    registry::{
        Draft::{Exactly, Nothing},
        IdentityName, Property, RegisterName, SHA2,
        Type::{Bytes, Number, Text},
        U8, U16, names,
    },
};
use crate::statement::{Allowance, Kind, Subject};

const PLATFORM: &str = "Arm DEN0137 §A7.2.3.2, platform token";
const REALM: &str = "Arm DEN0137 §A7.2.3.1, realm token";
const FIRMWARE: &str = "have the host run that firmware";
const HOST: &str = "run on another host";
const LAUNCH: &str = "launch the realm so";

/// The states in which a token is believed at all; any but the first is debug mode.
pub(super) const LIFECYCLES: &[&str] = &[SECURED, Lifecycle::NonRotDebug.as_str()];
/// The one state that is no debug mode.
pub(super) const SECURED: &str = Lifecycle::Secured.as_str();
/// Hashes by their IANA names.
const HASHES: &[&str] = &["sha-256", "sha-384", "sha-512"];

/// What tokens say of platform and realm.
pub(super) const PROPERTIES: &[Property] = &[
    Property::new("platform.profile", Text, Exactly, "the profile of both tokens", PLATFORM, HOST)
        .names(names!(Profile::ALL, Profile::as_str)),
    Property::new("platform.implementation-id", Bytes, Exactly, "which implementation it is", PLATFORM, HOST)
        .bytes(&[32]),
    Property::new("platform.config", Bytes, Exactly, "the implementation's options, in its encoding", PLATFORM, HOST),
    Property::new(
        "platform.lifecycle",
        Text,
        Exactly,
        "the state of its life: `secured`, `non-rot-debug`",
        PLATFORM,
        HOST,
    )
    .names(LIFECYCLES),
    Property::new("platform.lifecycle.value", Number, Nothing, "the same as claimed", PLATFORM, HOST).most(U16).hex(),
    Property::new("platform.hash-algorithm", Text, Exactly, "the hash of the firmware", PLATFORM, HOST).names(HASHES),
    Property::new(
        "platform.software-count",
        Number,
        Exactly,
        "how many pieces of firmware it measured",
        PLATFORM,
        FIRMWARE,
    )
    .most(U8),
    Property::new("platform.softwareN.type", Text, Exactly, "a firmware's role: `BL`, `RMM`, …", PLATFORM, FIRMWARE),
    Property::new("platform.softwareN.version", Text, Exactly, "its version, in its maker's words", PLATFORM, FIRMWARE),
    Property::new("platform.softwareN.description", Text, Exactly, "how it was hashed", PLATFORM, FIRMWARE),
    Property::new("platform.softwareN.measurement", Bytes, Exactly, "its hash", PLATFORM, FIRMWARE).bytes(SHA2),
    Property::new("platform.softwareN.signer", Bytes, Exactly, "the hash of its signer's key", PLATFORM, FIRMWARE)
        .bytes(SHA2),
    Property::new(
        "platform.verification-service",
        Text,
        Nothing,
        "where its maker would have it verified",
        PLATFORM,
        HOST,
    ),
    Property::new(
        "realm.personalization-value",
        Bytes,
        Nothing,
        "chosen at launch: the manifest's digest, which brokers compare",
        REALM,
        LAUNCH,
    )
    .bytes(&[64]),
    Property::new("realm.hash-algorithm", Text, Exactly, "the hash of the realm's measurements", REALM, LAUNCH)
        .names(HASHES),
    Property::new("realm.public-key", Bytes, Nothing, "another for each realm", REALM, LAUNCH),
    Property::new("realm.public-key-hash-algorithm", Text, Exactly, "by which hash the platform names it", REALM, HOST)
        .names(HASHES),
];

/// What the realm runs.
pub(super) const REGISTERS: &[RegisterName] = &[
    RegisterName::new("realm.rim", "realm initial measurement: what it began with", REALM).bytes(SHA2),
    RegisterName::new("realm.rem0", "realm extensible measurement 0", REALM).bytes(SHA2),
    RegisterName::new("realm.rem1", "realm extensible measurement 1", REALM).bytes(SHA2),
    RegisterName::new("realm.rem2", "realm extensible measurement 2", REALM).bytes(SHA2),
    RegisterName::new("realm.rem3", "realm extensible measurement 3", REALM).bytes(SHA2),
];

/// The platform.
pub(super) const IDENTITY: IdentityName = IdentityName {
    names: &["platform.instance-id"],
    bytes: &[33],
    means: "the platform's UEID, 33 bytes, by which its key is endorsed",
    source: "Arm DEN0137 §A7.2.3.2.4",
};

/// The component of a platform's and a realm's tokens.
pub(super) fn component(name: &str, claims: &Claims, debug: bool) -> Component {
    let (platform, realm) = (&claims.platform, &claims.realm);
    let rows = PROPERTIES.len().saturating_add(platform.software.len().saturating_mul(5));
    let mut parts = Parts::new(name, Kind::Cca, Subject::Key(platform.attestation_key), rows);
    parts.text("platform.profile", platform.profile.as_str());
    parts.bytes("platform.implementation-id", &platform.implementation_id);
    parts.bytes("platform.config", &platform.config);
    parts.text("platform.lifecycle", platform.lifecycle.as_str());
    parts.number("platform.lifecycle.value", platform.lifecycle_value);
    parts.text("platform.hash-algorithm", &platform.hash_algorithm);
    parts.number("platform.software-count", u64::try_from(platform.software.len()).unwrap_or(u64::MAX));
    for (place, software) in platform.software.iter().enumerate() {
        let prefix = format!("platform.software{place}");
        words(&prefix, software, &mut parts);
        parts.bytes(format!("{prefix}.measurement"), &software.measurement);
    }
    if let Some(service) = &platform.verification_service {
        parts.text("platform.verification-service", service);
    }
    parts.bytes("realm.personalization-value", &realm.personalization);
    parts.text("realm.hash-algorithm", &realm.hash_algorithm);
    parts.bytes("realm.public-key", &realm.public_key);
    parts.text("realm.public-key-hash-algorithm", &realm.public_key_hash_algorithm);
    parts.register("realm.rim", &realm.initial_measurement);
    for (name, value) in
        ["realm.rem0", "realm.rem1", "realm.rem2", "realm.rem3"].into_iter().zip(&realm.extensible_measurements)
    {
        parts.register(name, value);
    }
    parts.identity = Some(platform.instance_id.to_vec());
    parts.danger(debug, Allowance::Debug);
    parts.finish()
}

/// What a token says of a software component besides its measurement.
pub(super) fn words(prefix: &str, software: &SoftwareComponent, parts: &mut Parts) {
    for (name, text) in
        [("type", &software.kind), ("version", &software.version), ("description", &software.description)]
    {
        if let Some(text) = text {
            parts.text(format!("{prefix}.{name}"), text);
        }
    }
    parts.bytes(format!("{prefix}.signer"), &software.signer);
}
