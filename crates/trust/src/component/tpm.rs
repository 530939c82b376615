//! TPMs, also virtual ones. [TCG TPM 2.0 library part 2; TCG PC Client platform firmware profile]

use casemate_evidence::{
    Hash, KeyKind,
    composite::Tie,
    tpm::{AttestationKey, Claims, KeySource, Log, Quote},
};

use super::{
    Component, Parts, gpu,
    registry::{
        Draft::{AtLeast, Exactly, IfSo, Nothing, Only},
        IdentityName, Property, RegisterName,
        Type::{Bool, Bytes, Number, Set, Text},
        U32, names,
    },
};
use crate::statement::{Allowance, Kind, Subject};

const ATTEST: &str = "TCG TPM 2.0 part 2 §10.12.8, TPMS_ATTEST";
const AK: &str = "docs/formats/evidence-tpm.md";
const LOG: &str = "TCG PC Client platform firmware profile §10";
const VM: &str = "docs/formats/evidence-azure.md";
const BOOT: &str = "boot the machine so";
const MACHINE: &str = "use another machine";
const NEW_VM: &str = "make the VM so";

/// On whose word a key is one.
const SOURCES: &[&str] = &[CERTIFICATE, GIVEN, RUNTIME_DATA];
const CERTIFICATE: &str = "certificate";
/// Nobody's but the verifier's own: always the host's TPM.
pub(super) const GIVEN: &str = "given";
const RUNTIME_DATA: &str = "runtime-data";

/// What quotes, logs and, of Azure's vTPMs, the paravisor say.
pub(super) const PROPERTIES: &[Property] = &[
    Property::new("ak.kind", Text, Exactly, "the attestation key's kind: `Rsa`, `P256`, …", AK, MACHINE)
        .names(names!(KeyKind::ALL, kind)),
    Property::new(
        "ak.attributes-checked",
        Bool,
        IfSo,
        "its TPMT_PUBLIC came along and is a restricted signing key's",
        AK,
        "send the key's TPMT_PUBLIC along",
    ),
    Property::new(
        "ak.source",
        Text,
        Exactly,
        "on whose word it is one: `certificate`, `given`, `runtime-data`",
        AK,
        MACHINE,
    )
    .names(SOURCES),
    Property::new("ak.root", Text, Nothing, "the name of its certificate's root", AK, MACHINE),
    Property::new(
        "ak.revocation-checked",
        Bool,
        IfSo,
        "a revocation list of each issuer was there",
        AK,
        "give the verifier the issuers' revocation lists",
    ),
    Property::new("qualified-signer", Bytes, Nothing, "the key's qualified name", ATTEST, MACHINE),
    Property::new("clock-ms", Number, Nothing, "milliseconds that the TPM has run for", ATTEST, MACHINE),
    Property::new("reset-count", Number, Nothing, "how often it was reset", ATTEST, MACHINE).most(U32),
    Property::new("restart-count", Number, Nothing, "how often it was restarted since", ATTEST, MACHINE).most(U32),
    Property::new(
        "clock-safe",
        Bool,
        Nothing,
        "the clock has never been higher",
        ATTEST,
        "shut the machine down orderly",
    ),
    Property::new(
        "firmware-version",
        Number,
        AtLeast,
        "the version of the TPM's firmware",
        ATTEST,
        "update the TPM's firmware",
    )
    .hex(),
    Property::new("quote-hash", Text, Exactly, "the hash of the quote", ATTEST, "have the quote made so")
        .names(names!(Hash::ALL, Hash::as_str)),
    Property::new(
        "event-log",
        Bool,
        Exactly,
        "a log came along that replays to the registers",
        LOG,
        "send the log along",
    ),
    Property::new("log.bank", Text, Exactly, "the bank from which the log is read", LOG, BOOT)
        .names(names!(Hash::ALL, Hash::as_str)),
    Property::new("log.pcrs", Set, Nothing, "the quoted registers that the log explains", LOG, BOOT),
    Property::new("log.pcrs-unlogged", Set, Only, "the quoted registers that it doesn't explain", LOG, BOOT),
    Property::new("log.secure-boot", Bool, Exactly, "UEFI Secure Boot was on", LOG, BOOT),
    Property::new("hcl-version", Number, AtLeast, "the version of Azure's HCL report", VM, NEW_VM).most(U32),
    Property::new("vm.unique-id", Text, Nothing, "the VM's name among all of Azure's", VM, "name the VM that is meant"),
    Property::new("vm.secure-boot", Bool, Exactly, "Secure Boot is on, by the paravisor's word", VM, NEW_VM),
    Property::new("vm.tpm-enabled", Bool, Exactly, "there is a vTPM, by the paravisor's word", VM, NEW_VM),
    Property::new(
        "vm.console-enabled",
        Bool,
        Exactly,
        "a serial console is attached, by the paravisor's word",
        VM,
        NEW_VM,
    ),
    Property::new(
        "vm.tpm-persisted",
        Bool,
        Exactly,
        "the vTPM's state outlives a boot, by the paravisor's word",
        VM,
        NEW_VM,
    ),
    Property::new(
        "vm.root-certificate-thumbprint",
        Text,
        Exactly,
        "the certificate by which the VM knows Azure's attestation service",
        VM,
        NEW_VM,
    ),
    gpu::TIE,
];

/// What booted.
pub(super) const REGISTERS: &[RegisterName] = &[RegisterName::new(
    "pcr.HASH.N",
    "a platform configuration register in the bank of a hash",
    "TCG TPM 2.0 part 1 §17",
)];

/// The TPM.
pub(super) const IDENTITY: IdentityName = IdentityName {
    names: &["ak"],
    bytes: &[32],
    means: "SHA-256 of the attestation key's SubjectPublicKeyInfo, 32 bytes",
    source: AK,
};

/// The component of a TPM's quote.
pub(super) fn component(name: &str, claims: &Claims, tie: Option<Tie>) -> Component {
    // Who knows no more of a key than the key has nobody's word but the host's that it is in a TPM.
    let (attester, is_hosts) = match &claims.attestation_key.source {
        KeySource::Certificate { root_key, .. } => (Subject::Key(*root_key), false),
        KeySource::Given | KeySource::RuntimeData => (Subject::Key(claims.attestation_key.digest), true),
    };
    let mut parts = parts(name, attester, &claims.attestation_key, &claims.quote);
    if let Some(tie) = tie {
        parts.text("tie", tie.as_str());
    }
    parts.danger(is_hosts, Allowance::HostOperatedTpm);
    parts.finish()
}

/// A key and its quote, on `attester`'s word.
pub(super) fn parts(name: &str, attester: Subject, key: &AttestationKey, quote: &Quote) -> Parts {
    let mut parts = Parts::new(name, Kind::Tpm, attester, PROPERTIES.len());
    parts.text("ak.kind", kind(key.kind));
    parts.bool("ak.attributes-checked", key.attributes_checked);
    match &key.source {
        KeySource::Certificate { root, revocation_checked, .. } => {
            parts.text("ak.source", CERTIFICATE);
            parts.text("ak.root", root);
            parts.bool("ak.revocation-checked", *revocation_checked);
        }
        KeySource::Given => parts.text("ak.source", GIVEN),
        KeySource::RuntimeData => parts.text("ak.source", RUNTIME_DATA),
    }
    parts.identity = Some(key.digest.as_bytes().to_vec());
    parts.bytes("qualified-signer", &quote.qualified_signer);
    parts.number("clock-ms", quote.clock_ms);
    parts.number("reset-count", quote.reset_count);
    parts.number("restart-count", quote.restart_count);
    parts.bool("clock-safe", quote.is_clock_safe);
    parts.number("firmware-version", quote.firmware_version);
    parts.text("quote-hash", quote.hash.to_string());
    for pcr in &quote.pcrs {
        parts.register(format!("pcr.{}.{}", pcr.bank, pcr.index), &pcr.value);
    }
    parts.bool("event-log", quote.log.is_some());
    if let Some(own) = &quote.log {
        log(own, &mut parts);
    }
    parts
}

fn log(log: &Log, parts: &mut Parts) {
    parts.text("log.bank", log.bank.to_string());
    parts.set("log.pcrs", log.logged.iter().map(u32::to_string));
    parts.set("log.pcrs-unlogged", log.unlogged.iter().map(u32::to_string));
    if let Some(secure_boot) = log.boot.secure_boot {
        parts.bool("log.secure-boot", secure_boot);
    }
}

const fn kind(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Ed25519 => "Ed25519",
        KeyKind::P256 => "P256",
        KeyKind::P384 => "P384",
        KeyKind::P521 => "P521",
        KeyKind::Rsa => "Rsa",
        _ => "other",
    }
}
