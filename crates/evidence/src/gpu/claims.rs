//! What a GPU says.

use casemate_cose::Digest;

use super::{
    abi::{Report, row},
    verify::MANIFESTS_STEP,
};
use crate::{Facts, NotCompared};

/// The claims of one GPU.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// SHA-256 of the device's identity key (the `SubjectPublicKeyInfo` of its boot ROM's certificate): one a chip.
    pub device: Digest,
    /// The common name of the signing certificate: chip, stepping and firmware.
    pub name: String,
    /// The driver's version as the GPU knows it, such as `550.144.03`.
    pub driver_version: String,
    /// The VBIOS's version, such as `96.00.5E.00.01`.
    pub vbios_version: String,
    /// Digest of the firmware that holds the signing key, as report and certificate say alike; older firmware tells none.
    pub firmware_id: Option<[u8; 48]>,
    /// Board, chip and project, as the GPU names them.
    pub board: Vec<(String, String)>,
    /// Whether protected PCIe is on; older firmware tells nothing of it.
    pub protected_pcie: Option<bool>,
    /// Measurements by index, from 1: 48 bytes each.
    pub measurements: Vec<(u8, Vec<u8>)>,
    /// The driver's reference manifest compared with the measurements; `None` if none for this version was given.
    pub driver_manifest: Option<Manifest>,
    /// The VBIOS's.
    pub vbios_manifest: Option<Manifest>,
    /// Versions of genuine manifests that were given and are for another driver or VBIOS, so that nothing was compared with them.
    pub other_manifests: Vec<String>,
    /// Whether a revocation list of every issuer was there, or an OCSP answer for every certificate between the leaf, which the
    /// device itself issues, and the root.
    pub revocation_checked: bool,
}

/// A genuine reference manifest, and what it says about this GPU.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Manifest {
    /// Its `tagId`.
    pub tag_id: String,
    /// SHA-256 of the file.
    pub digest: Digest,
    /// How many measurements it tells.
    pub active: usize,
    /// How they compare.
    pub comparison: Comparison,
}

/// Measurements against reference values.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Comparison {
    /// Every one that the manifest tells is as it tells.
    Matched,
    /// These indices differ; counted from 0 as manifests do.
    Mismatched(Vec<u8>),
}

impl Claims {
    pub(super) fn of(report: &Report<'_>, device: Digest, name: String) -> Self {
        let named = [
            ("board-id", row::BOARD_ID),
            ("chip-sku", row::CHIP_SKU),
            ("project", row::PROJECT),
            ("project-sku", row::PROJECT_SKU),
        ];
        let board = named.into_iter().filter_map(|(name, kind)| {
            let data = report.row(kind)?;
            let value = if kind == row::BOARD_ID { hex::encode(data) } else { text(data) };
            Some((name.to_owned(), value))
        });
        Self {
            device,
            name,
            driver_version: report.row(row::DRIVER_VERSION).map(text).unwrap_or_default(),
            vbios_version: report.row(row::VBIOS_VERSION).map(vbios_version).unwrap_or_default(),
            firmware_id: report.row(row::FWID).and_then(|data| data.try_into().ok()),
            board: board.collect(),
            protected_pcie: report.row(row::PROTECTED_PCIE_STATUS).and_then(status),
            measurements: report.measurements.iter().map(|(index, value)| (*index, value.to_vec())).collect(),
            driver_manifest: None,
            vbios_manifest: None,
            other_manifests: Vec::new(),
            revocation_checked: false,
        }
    }

    /// Why there was nothing to compare the driver's or the VBIOS's measurements with: what was given instead.
    #[must_use]
    pub fn why_not_compared(&self) -> String {
        match self.other_manifests.as_slice() {
            [] => "none was given".to_owned(),
            [one] => format!("the one that was given is for `{}`", one.escape_debug()),
            several => {
                let names: Vec<_> = several.iter().map(|name| format!("`{}`", name.escape_debug())).collect();
                format!("those that were given are for {}", names.join(", "))
            }
        }
    }

    /// What of the measurements was compared with nothing, if anything was not.
    pub(crate) fn not_compared(&self) -> Option<NotCompared> {
        let what = match (&self.driver_manifest, &self.vbios_manifest) {
            (Some(_), Some(_)) => return None,
            (None, None) => "driver and VBIOS",
            (None, Some(_)) => "driver",
            (Some(_), None) => "VBIOS",
        };
        let is_all = self.driver_manifest.is_none() && self.vbios_manifest.is_none();
        Some(NotCompared { step: MANIFESTS_STEP, what: what.to_owned(), why: self.why_not_compared(), is_all })
    }

    pub(crate) fn facts(&self, facts: &mut Facts) {
        facts.add("device", self.device);
        facts.add("name", &self.name);
        facts.add("driver-version", &self.driver_version);
        facts.add("vbios-version", &self.vbios_version);
        if let Some(id) = &self.firmware_id {
            facts.hex("firmware-id", id);
        }
        for (name, value) in &self.board {
            facts.add(name, value);
        }
        if let Some(is_on) = self.protected_pcie {
            facts.add("protected-pcie", is_on);
        }
        for (name, manifest) in [("driver-manifest", &self.driver_manifest), ("vbios-manifest", &self.vbios_manifest)] {
            let not_compared = || format!("not compared: {}", self.why_not_compared());
            facts.add(name, manifest.as_ref().map_or_else(not_compared, ToString::to_string));
        }
        facts.add("revocation-checked", self.revocation_checked);
        for (index, value) in &self.measurements {
            facts.hex(&format!("measurement-{index}"), value);
        }
    }
}

impl std::fmt::Display for Manifest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.comparison {
            Comparison::Matched => write!(f, "all {} measurements as in `{}`", self.active, self.tag_id),
            Comparison::Mismatched(indices) => {
                write!(f, "measurements {indices:?} differ from `{}`", self.tag_id)
            }
        }
    }
}

/// Text up to the first zero byte.
fn text(data: &[u8]) -> String {
    let bytes = data.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

/// Five numbers: four of them backwards, then the fifth. `00 5e 00 96 01 …` is `96.00.5E.00.01`.
fn vbios_version(data: &[u8]) -> String {
    let parts = data.iter().take(4).rev().chain(data.iter().skip(4).take(1));
    parts.map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(".")
}

/// NVIDIA's words for on and off.
pub(super) fn status(data: &[u8]) -> Option<bool> {
    match data {
        [0xaa] => Some(true),
        [0x55] => Some(false),
        _ => None,
    }
}
