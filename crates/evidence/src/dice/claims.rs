//! What a genuine DICE chain says.

use casemate_cose::{Digest, UnixTime};

use super::{Fwid, TcbInfo, abi::Signed, endorsements::Endorsed};
use crate::{Facts, Field, Hash, Platform, ReportData};

/// What a DICE chain says: layer by layer, from the one that the root's issuer certified to the leaf.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// The layers.
    pub layers: Vec<Layer>,
    /// Whether the leaf's key signed the report data. Without it, the chain may be a replay.
    pub is_signed: bool,
    /// The root's name.
    pub root: String,
    /// SHA-256 of the root's `SubjectPublicKeyInfo`.
    pub root_key: Digest,
    /// Whether a current revocation list of each issuer was there.
    pub revocation_checked: bool,
}

/// A certificate of the chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Layer {
    /// The subject's common name.
    pub subject: String,
    /// The subject's key: its `SubjectPublicKeyInfo`, DER.
    pub spki: Vec<u8>,
    /// Universal Entity ID: which device, or which context of it.
    pub ueid: Option<Vec<u8>>,
    /// Measurements.
    pub tcb_infos: Vec<TcbInfo>,
}

impl Claims {
    pub(crate) fn facts(&self, facts: &mut Facts) {
        facts.add("root", &self.root);
        facts.add("root-key", self.root_key);
        facts.add("signed", self.is_signed);
        facts.add("revocation-checked", self.revocation_checked);
        for (number, layer) in self.layers.iter().enumerate() {
            let mut own = Facts::default();
            own.add("subject", &layer.subject);
            if let Some(ueid) = &layer.ueid {
                own.hex("ueid", ueid);
            }
            for (place, info) in layer.tcb_infos.iter().enumerate() {
                let mut rows = Facts::default();
                info.facts(&mut rows);
                own.component(&format!("tcb-{place}"), &rows);
            }
            facts.component(&format!("layer-{number}"), &own);
        }
    }
}

impl TcbInfo {
    fn facts(&self, facts: &mut Facts) {
        for (name, text) in [("vendor", &self.vendor), ("model", &self.model), ("version", &self.version)] {
            if let Some(text) = text {
                facts.add(name, text.escape_debug());
            }
        }
        for (name, number) in [("svn", self.svn), ("layer", self.layer), ("index", self.index)] {
            if let Some(number) = number {
                facts.add(name, number);
            }
        }
        self.fwids.iter().for_each(|fwid| digest("fwid", fwid, facts));
        for (name, flags) in [("flags", self.flags), ("flags-mask", self.flags_mask)] {
            if let Some(flags) = flags {
                facts.add(name, flags.names().collect::<Vec<_>>().join(", "));
            }
        }
        for (name, bytes) in [("vendor-info", &self.vendor_info), ("type", &self.tci_type)] {
            if let Some(bytes) = bytes {
                facts.hex(name, bytes);
            }
        }
        for register in &self.integrity_registers {
            let name = register.name.clone().or_else(|| register.number.map(|number| number.to_string()));
            let name = format!("register {}", name.unwrap_or_default().escape_debug());
            register.digests.iter().for_each(|fwid| digest(&name, fwid, facts));
        }
    }
}

fn digest(name: &str, fwid: &Fwid, facts: &mut Facts) {
    let hash = match fwid.hash {
        Hash::Sha1 => "sha1",
        Hash::Sha256 => "sha256",
        Hash::Sha384 => "sha384",
        Hash::Sha512 => "sha512",
    };
    facts.add(name, format!("{hash}:{}", hex::encode(&fwid.digest)));
}

/// The claims of a chain that holds.
pub(super) fn claims(endorsed: &Endorsed, signed: Option<Signed<'_>>, at: UnixTime) -> crate::Claims {
    let infos = endorsed.layers.iter().flat_map(|layer| &layer.tcb_infos);
    let report_data = signed.map(|signed| signed.report_data.to_vec()).unwrap_or_default();
    crate::Claims {
        isolation: None,
        manifest: None,
        report_data: ReportData { field: Field::Full, bytes: report_data },
        at,
        debug: infos.filter_map(|info| info.flags).any(super::Flags::is_debug),
        platform: Platform::Dice(Box::new(Claims {
            layers: endorsed.layers.clone(),
            is_signed: signed.is_some(),
            root: endorsed.root.clone(),
            root_key: endorsed.root_key,
            revocation_checked: endorsed.is_revocation_checked,
        })),
    }
}
