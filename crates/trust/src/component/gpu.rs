//! NVIDIA GPUs. [NVIDIA attestation SDK and open driver, SPDM measurements; RIM files]

use casemate_evidence::{
    Vendor,
    composite::Tie,
    gpu::{Claims, Comparison, Manifest},
};

use super::{
    Component, Parts,
    registry::{
        Draft::{Exactly, IfSo, Nothing},
        IdentityName, Property, RegisterName,
        Type::{Bool, Bytes, Text},
        names,
    },
};
use crate::statement::{Kind, Subject};

const REPORT: &str = "DMTF DSP0274 (SPDM), NVIDIA opaque data";
const RIM: &str = "NVIDIA reference integrity manifests";
const DRIVER: &str = "install that driver";
const VBIOS: &str = "have the GPU flashed with that VBIOS";
const GPU: &str = "use another GPU";
const MANIFEST: &str = "give the verifier the manifest of this version, or install the version of the manifest";

/// How a GPU's measurements stand to a reference manifest.
const MANIFESTS: &[&str] = &[MATCHED, MISMATCHED, NONE];
const MATCHED: &str = "matched";
const MISMATCHED: &str = "mismatched";
const NONE: &str = "none";

/// What reports and reference manifests say.
pub(super) const PROPERTIES: &[Property] = &[
    Property::new("name", Text, Exactly, "chip, stepping and firmware", REPORT, GPU),
    Property::new("driver-version", Text, Exactly, "the driver's version as the GPU knows it", REPORT, DRIVER),
    Property::new("vbios-version", Text, Exactly, "the VBIOS's version", REPORT, VBIOS),
    Property::new("firmware-id", Bytes, Exactly, "digest of the firmware that holds the signing key", REPORT, VBIOS)
        .bytes(&[48]),
    Property::new("board-id", Text, Exactly, "the board, as the GPU names it", REPORT, GPU),
    Property::new("chip-sku", Text, Exactly, "the chip, as the GPU names it", REPORT, GPU),
    Property::new("project", Text, Exactly, "the project, as the GPU names it", REPORT, GPU),
    Property::new("project-sku", Text, Exactly, "the project's variant, as the GPU names it", REPORT, GPU),
    Property::new("protected-pcie", Bool, Exactly, "protected PCIe is on", REPORT, "set the GPU's mode so"),
    Property::new(
        "driver-manifest",
        Text,
        Exactly,
        "the driver's reference manifest: `matched`, `mismatched`, `none`",
        RIM,
        MANIFEST,
    )
    .names(MANIFESTS),
    Property::new("driver-manifest.tag", Text, Exactly, "the tag of that manifest", RIM, MANIFEST),
    Property::new(
        "vbios-manifest",
        Text,
        Exactly,
        "the VBIOS's reference manifest: `matched`, `mismatched`, `none`",
        RIM,
        MANIFEST,
    )
    .names(MANIFESTS),
    Property::new("vbios-manifest.tag", Text, Exactly, "the tag of that manifest", RIM, MANIFEST),
    Property::new(
        "revocation-checked",
        Bool,
        IfSo,
        "revocation lists or OCSP answers of every issuer were there",
        "RFC 6960",
        "give the verifier OCSP answers",
    ),
    TIE,
];

/// How a device is tied to the CPU.
pub(super) const TIE: Property = Property::new(
    "tie",
    Text,
    Nothing,
    "how it is tied to the CPU: `nonce`, `same-nonce`; only in composite evidence",
    "docs/formats/evidence-composite.md",
    "present the device so",
)
.names(names!(Tie::ALL, Tie::as_str));

/// What it runs.
pub(super) const REGISTERS: &[RegisterName] =
    &[RegisterName::new("measurement-N", "a measurement, 48 bytes; reference manifests say which", REPORT)
        .bytes(&[48])];

/// The GPU.
pub(super) const IDENTITY: IdentityName = IdentityName {
    names: &["device"],
    bytes: &[32],
    means: "SHA-256 of the device's identity key, 32 bytes: one a chip",
    source: "NVIDIA device identity certificates",
};

/// The component of a GPU's report.
pub(super) fn component(name: &str, claims: &Claims, tie: Option<Tie>) -> Component {
    let mut parts = Parts::new(name, Kind::Gpu, Subject::Vendor(Vendor::NvidiaDevice), PROPERTIES.len());
    parts.text("name", &claims.name);
    parts.text("driver-version", &claims.driver_version);
    parts.text("vbios-version", &claims.vbios_version);
    if let Some(id) = &claims.firmware_id {
        parts.bytes("firmware-id", id);
    }
    for (name, value) in &claims.board {
        parts.text(name.clone(), value);
    }
    if let Some(is_on) = claims.protected_pcie {
        parts.bool("protected-pcie", is_on);
    }
    for (name, tag, manifest) in [
        ("driver-manifest", "driver-manifest.tag", &claims.driver_manifest),
        ("vbios-manifest", "vbios-manifest.tag", &claims.vbios_manifest),
    ] {
        parts.text(name, manifest.as_ref().map_or(NONE, comparison));
        if let Some(manifest) = manifest {
            parts.text(tag, &manifest.tag_id);
        }
    }
    parts.bool("revocation-checked", claims.revocation_checked);
    if let Some(tie) = tie {
        parts.text("tie", tie.as_str());
    }
    for (index, value) in &claims.measurements {
        parts.register(format!("measurement-{index}"), value);
    }
    parts.identity = Some(claims.device.as_bytes().to_vec());
    parts.finish()
}

const fn comparison(manifest: &Manifest) -> &'static str {
    match &manifest.comparison {
        Comparison::Matched => MATCHED,
        Comparison::Mismatched(_) => MISMATCHED,
    }
}
