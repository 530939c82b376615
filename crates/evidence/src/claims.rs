//! What authentic evidence says: what all formats share, and what each has of its own.

use casemate_cose::{Digest, UnixTime};

use crate::{
    Facts, Format, Isolation, ReportData, azure, cca, composite, dcap, dice, gpu, keystone, nitro, psa, ratls, snp,
    software, tpm,
};

/// The claims of one piece of evidence. Those inside [`crate::Authenticated`] are genuine; others are just words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// How the keep is isolated; `None` for what is no place to run a keep (a GPU, a device's token).
    pub isolation: Option<Isolation>,
    /// The digest of the manifest's bytes, where the format has a place for it that was filled (DESIGN: manifest digest).
    pub manifest: Option<Digest>,
    /// What the requester asked to have stated.
    pub report_data: ReportData,
    /// When it was stated, by the attester's clock; the time of authentication where a format has no clock.
    pub at: UnixTime,
    /// Whether the keep can be looked into by design.
    pub debug: bool,
    /// The claims of the format.
    pub platform: Platform,
}

/// Something that evidence states and that nothing was given to compare with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NotCompared {
    /// The step that would have, by its number at the head of the format's `verify.rs`.
    pub step: u8,
    /// What was not compared.
    pub what: String,
    /// Why not.
    pub why: String,
    /// Whether nothing else is left of the step.
    pub is_all: bool,
}

/// The claims of one format.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Platform {
    /// [`crate::azure`].
    Azure(Box<azure::Claims>),
    /// [`crate::cca`].
    Cca(Box<cca::Claims>),
    /// [`crate::composite`].
    Composite(Box<composite::Claims>),
    /// [`crate::dcap`].
    Dcap(Box<dcap::Claims>),
    /// [`crate::dice`].
    Dice(Box<dice::Claims>),
    /// [`crate::gpu`].
    Gpu(Box<gpu::Claims>),
    /// [`crate::keystone`].
    Keystone(Box<keystone::Claims>),
    /// [`crate::nitro`].
    Nitro(Box<nitro::Claims>),
    /// [`crate::psa`].
    Psa(Box<psa::Claims>),
    /// [`crate::ratls`].
    Ratls(Box<ratls::Claims>),
    /// [`crate::snp`].
    Snp(Box<snp::Claims>),
    /// [`crate::software`].
    Software(software::Claims),
    /// [`crate::tpm`].
    Tpm(Box<tpm::Claims>),
}

impl Claims {
    /// The format that these come from.
    #[must_use]
    pub const fn format(&self) -> Format {
        match self.platform {
            Platform::Azure(_) => Format::Azure,
            Platform::Cca(_) => Format::Cca,
            Platform::Composite(_) => Format::Composite,
            Platform::Dcap(_) => Format::Dcap,
            Platform::Dice(_) => Format::Dice,
            Platform::Gpu(_) => Format::Gpu,
            Platform::Keystone(_) => Format::Keystone,
            Platform::Nitro(_) => Format::Nitro,
            Platform::Psa(_) => Format::Psa,
            Platform::Ratls(_) => Format::Ratls,
            Platform::Snp(_) => Format::Snp,
            Platform::Software(_) => Format::Software,
            Platform::Tpm(_) => Format::Tpm,
        }
    }

    /// Whether the keep runs under the manifest of this digest: as the format states it or, in a Nitro enclave, as the
    /// register says into which it was extended.
    #[must_use]
    pub fn is_manifest(&self, manifest: &Digest) -> bool {
        match &self.platform {
            Platform::Nitro(claims) => claims.is_manifest(manifest),
            _ => self.manifest == Some(*manifest),
        }
    }

    /// All claims as rows.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        if let Some(isolation) = self.isolation {
            facts.add("isolation", isolation);
        }
        if let Some(manifest) = self.manifest {
            facts.add("manifest", manifest);
        }
        facts.hex("report-data", &self.report_data.bytes);
        facts.add("stated-at", self.at);
        facts.add("debug", self.debug);
        match &self.platform {
            Platform::Azure(claims) => claims.facts(&mut facts),
            Platform::Cca(claims) => claims.facts(&mut facts),
            Platform::Composite(claims) => claims.facts(&mut facts),
            Platform::Dcap(claims) => claims.facts(&mut facts),
            Platform::Dice(claims) => claims.facts(&mut facts),
            Platform::Gpu(claims) => claims.facts(&mut facts),
            Platform::Keystone(claims) => claims.facts(&mut facts),
            Platform::Nitro(claims) => claims.facts(&mut facts),
            Platform::Psa(claims) => claims.facts(&mut facts),
            Platform::Ratls(claims) => claims.facts(&mut facts),
            Platform::Snp(claims) => claims.facts(&mut facts),
            Platform::Software(claims) => claims.facts(&mut facts),
            Platform::Tpm(claims) => claims.facts(&mut facts),
        }
        facts
    }

    /// What a step of the format let pass since nothing was given to compare it with; of devices beside a CPU, that of
    /// each of them.
    #[must_use]
    pub fn not_compared(&self) -> Vec<NotCompared> {
        match &self.platform {
            Platform::Gpu(claims) => claims.not_compared().into_iter().collect(),
            Platform::Composite(claims) => claims.not_compared(),
            _ => Vec::new(),
        }
    }

    /// The launcher's claims, if it is a launcher that made them.
    #[must_use]
    pub const fn software(&self) -> Option<&software::Claims> {
        if let Platform::Software(claims) = &self.platform { Some(claims) } else { None }
    }
}
