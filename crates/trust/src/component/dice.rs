//! Devices with DICE chains. [TCG DICE Attestation Architecture 1.1]

use casemate_evidence::{
    Hash,
    dice::{Claims, Flags, Fwid, TcbInfo},
};

use super::{
    Component, Parts,
    registry::{
        Draft::{AtLeast, Exactly, IfSo, Nothing, Only},
        IdentityName, Property, RegisterName,
        Type::{Bool, Bytes, Number, Set, Text},
        names,
    },
};
use crate::statement::{Allowance, Kind, Subject};

const INFO: &str = "TCG DICE Attestation Architecture 1.1 §6.1.1, DiceTcbInfo";
const CHAIN: &str = "TCG DICE Attestation Architecture 1.1 §6";
const FIRMWARE: &str = "update the device's firmware";
const DEVICE: &str = "use another device";

const FLAGS: &[&str] = names!(Flags::NAMES, flag);

/// Whether a layer with the flag of this name is in debug mode, or may be.
pub(super) fn is_debug(name: &str) -> bool {
    Flags::NAMES.iter().any(|(bit, own)| *own == name && Flags(1 << bit).is_debug())
}

const fn flag(flag: (u32, &'static str)) -> &'static str {
    flag.1
}

/// What chains say, layer by layer.
pub(super) const PROPERTIES: &[Property] = &[
    Property::new("root", Text, Nothing, "the name of the root", CHAIN, DEVICE),
    Property::new(
        "signed",
        Bool,
        Exactly,
        "the leaf's key signed the report data; without it, the chain may be a replay",
        CHAIN,
        "have the device sign the report data",
    ),
    Property::new(
        "revocation-checked",
        Bool,
        IfSo,
        "a revocation list of each issuer was there",
        CHAIN,
        "give the verifier the issuers' revocation lists",
    ),
    Property::new("layer-count", Number, Exactly, "how many layers there are", CHAIN, DEVICE),
    Property::new("layer-N.tcb-count", Number, Exactly, "how much of the layer is measured", INFO, DEVICE),
    Property::new("layer-N.subject", Text, Nothing, "the name in the layer's certificate", CHAIN, DEVICE),
    Property::new(
        "layer-N.ueid",
        Bytes,
        Nothing,
        "which device, or which context of it",
        "TCG DICE Attestation Architecture 1.1 §6.1.3",
        DEVICE,
    ),
    Property::new("layer-N.tcb-N.vendor", Text, Exactly, "who made it", INFO, DEVICE),
    Property::new("layer-N.tcb-N.model", Text, Exactly, "what it is", INFO, DEVICE),
    Property::new(
        "layer-N.tcb-N.version",
        Text,
        Exactly,
        "which version of it",
        INFO,
        "have the device run that version",
    ),
    Property::new("layer-N.tcb-N.svn", Number, AtLeast, "its security version", INFO, FIRMWARE),
    Property::new("layer-N.tcb-N.layer", Number, Exactly, "its DICE layer", INFO, DEVICE),
    Property::new("layer-N.tcb-N.index", Number, Exactly, "which of several of one layer", INFO, DEVICE),
    Property::new(
        "layer-N.tcb-N.flags",
        Set,
        Only,
        "its operational flags: `not-secure`, `debug`, …",
        INFO,
        "set the device's mode so",
    )
    .names(FLAGS),
    Property::new("layer-N.tcb-N.flags-mask", Set, Nothing, "which of the flags mean anything", INFO, DEVICE)
        .names(FLAGS),
    Property::new("layer-N.tcb-N.vendor-info", Bytes, Exactly, "whatever its vendor wanted to say", INFO, DEVICE),
    Property::new("layer-N.tcb-N.type", Bytes, Exactly, "what kind of measurement this is", INFO, DEVICE),
];

/// What the device runs.
pub(super) const REGISTERS: &[RegisterName] = &[
    RegisterName::new("layer-N.tcb-N.fwid.HASH", "a digest of firmware and settings", INFO),
    RegisterName::new("layer-N.tcb-N.fwid.HASH.N", "the second and later digests of one hash", INFO),
    RegisterName::new(
        "layer-N.tcb-N.register NAME.HASH",
        "a register that is extended while the layer runs; dots in names are `-`",
        INFO,
    ),
    RegisterName::new("layer-N.tcb-N.register NAME.HASH.N", "the second and later registers of one name", INFO),
];

/// The device.
pub(super) const IDENTITY: IdentityName = IdentityName {
    names: &["layer-N.ueid"],
    bytes: &[],
    means: "the UEID of the layer next to the root that has one",
    source: "TCG DICE Attestation Architecture 1.1 §6.1.3",
};

/// The component of a device's chain.
pub(super) fn component(name: &str, claims: &Claims, debug: bool) -> Component {
    let infos: usize = claims.layers.iter().map(|layer| layer.tcb_infos.len()).sum();
    let mut parts =
        Parts::new(name, Kind::Dice, Subject::Key(claims.root_key), infos.saturating_mul(9).saturating_add(16));
    parts.text("root", &claims.root);
    parts.bool("signed", claims.is_signed);
    parts.bool("revocation-checked", claims.revocation_checked);
    parts.number("layer-count", u64::try_from(claims.layers.len()).unwrap_or(u64::MAX));
    for (number, layer) in claims.layers.iter().enumerate() {
        let count = u64::try_from(layer.tcb_infos.len()).unwrap_or(u64::MAX);
        parts.number(format!("layer-{number}.tcb-count"), count);
        parts.text(format!("layer-{number}.subject"), &layer.subject);
        if let Some(ueid) = &layer.ueid {
            parts.bytes(format!("layer-{number}.ueid"), ueid);
        }
        for (place, info) in layer.tcb_infos.iter().enumerate() {
            measured(&format!("layer-{number}.tcb-{place}"), info, &mut parts);
        }
    }
    parts.identity = claims.layers.iter().find_map(|layer| layer.ueid.clone());
    parts.danger(debug, Allowance::Debug);
    parts.finish()
}

fn measured(prefix: &str, info: &TcbInfo, parts: &mut Parts) {
    for (name, text) in [("vendor", &info.vendor), ("model", &info.model), ("version", &info.version)] {
        if let Some(text) = text {
            parts.text(format!("{prefix}.{name}"), text);
        }
    }
    for (name, number) in [("svn", info.svn), ("layer", info.layer), ("index", info.index)] {
        if let Some(number) = number {
            parts.number(format!("{prefix}.{name}"), number);
        }
    }
    for (name, flags) in [("flags", info.flags), ("flags-mask", info.flags_mask)] {
        if let Some(flags) = flags {
            parts.set(format!("{prefix}.{name}"), Flags::names(flags).map(str::to_owned));
        }
    }
    for (name, bytes) in [("vendor-info", &info.vendor_info), ("type", &info.tci_type)] {
        if let Some(bytes) = bytes {
            parts.bytes(format!("{prefix}.{name}"), bytes);
        }
    }
    for fwid in &info.fwids {
        digest(&format!("{prefix}.fwid"), fwid, parts);
    }
    for register in &info.integrity_registers {
        let name = register.name.clone().or_else(|| register.number.map(|number| number.to_string()));
        let name = name.unwrap_or_default().escape_debug().to_string().replace('.', "-");
        for fwid in &register.digests {
            digest(&format!("{prefix}.register {name}"), fwid, parts);
        }
    }
}

fn digest(name: &str, fwid: &Fwid, parts: &mut Parts) {
    let hash = match fwid.hash {
        Hash::Sha1 => "sha1",
        Hash::Sha256 => "sha256",
        Hash::Sha384 => "sha384",
        Hash::Sha512 => "sha512",
        _ => "hash",
    };
    parts.register(format!("{name}.{hash}"), &fwid.digest);
}
