//! What a genuine attestation report says.

use casemate_cose::{Digest, UnixTime};

use super::{Cpuid, Firmware, Flaw, Mitigations, Product, Tcb, VekKind, abi::Report, endorsements::Endorsed};
use crate::{Facts, Isolation, Platform, ReportData};

/// What an attestation report says, in the terms of AMD 56860 §7.3.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// Version of the report's layout: 2 to 5.
    pub version: u32,
    /// Security version of the guest, from its ID block.
    pub guest_svn: u32,
    /// What the guest's owner demands of the platform.
    pub policy: Policy,
    /// From the ID block; zero without one.
    pub family_id: [u8; 16],
    /// From the ID block; zero without one.
    pub image_id: [u8; 16],
    /// The privilege level that asked for the report: 0 (most privileged) to 3.
    pub vmpl: u32,
    /// How the platform is configured.
    pub platform: PlatformInfo,
    /// The kind of key that signed.
    pub signed_by: VekKind,
    /// The cloud that a VLEK is of, from its certificate.
    pub csp_id: Option<String>,
    /// The chip that a VCEK is of, from its certificate: 64 bytes, 8 for Turin. There also where `chip_id` is masked.
    pub hwid: Option<Vec<u8>>,
    /// Whether the platform may not sign with its VCEK.
    pub is_chip_key_masked: bool,
    /// Launch digest: what the guest started with.
    pub measurement: [u8; 48],
    /// What the host stated at launch: the manifest's digest.
    pub host_data: [u8; 32],
    /// SHA-384 of the key that signed the ID block; `None` without one.
    pub id_key_digest: Option<[u8; 48]>,
    /// SHA-384 of the key that certified the ID key; `None` without one.
    pub author_key_digest: Option<[u8; 48]>,
    /// Unlike for each guest, the same over its life.
    pub report_id: [u8; 32],
    /// The report id of the guest's migration agent; `None` without one.
    pub report_id_ma: Option<[u8; 32]>,
    /// The chip; `None` where the platform masks it.
    pub chip_id: Option<[u8; 64]>,
    /// The product line.
    pub product: Product,
    /// The processor; reports of version 2 don't say.
    pub cpuid: Option<Cpuid>,
    /// The TCB that runs.
    pub current_tcb: Tcb,
    /// The TCB below which the platform can't be rolled back.
    pub committed_tcb: Tcb,
    /// The TCB that the signing key is certified for: the one to judge by.
    pub reported_tcb: Tcb,
    /// The TCB that ran when the guest was launched or imported.
    pub launch_tcb: Tcb,
    /// The firmware that runs.
    pub current_firmware: Firmware,
    /// The firmware below which the platform can't be rolled back.
    pub committed_firmware: Firmware,
    /// Mitigations; reports before version 5 don't say.
    pub mitigations: Option<Mitigations>,
    /// Whether a current list of the ARK was there. AMD keeps none of single chips.
    pub revocation_checked: bool,
}

/// What the guest's owner demands of the platform [56860 §4.3]; the firmware keeps to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Policy(pub u64);

/// How the platform is configured [56860 §7.3, PLATFORM_INFO].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PlatformInfo(pub u64);

macro_rules! bits {
    ($($(#[doc = $doc:literal])* $bit:literal $name:ident),+ $(,)?) => {
        $($(#[doc = $doc])* #[must_use] pub const fn $name(self) -> bool { self.0 & (1 << $bit) != 0 })+

        fn facts(self, prefix: &str, facts: &mut Facts) {
            facts.add(prefix, format!("0x{:x}", self.0));
            $(facts.add(&format!("{prefix}.{}", stringify!($name).replace('_', "-")), self.$name());)+
        }
    };
}

impl Policy {
    bits! {
        /// SMT may be on on the host.
        16 smt,
        /// A migration agent may be associated: it can move the guest elsewhere.
        18 migrate_ma,
        /// The host may decrypt the guest's memory.
        19 debug,
        /// The guest runs on one socket only.
        20 single_socket,
        /// CXL devices and memory may be there.
        21 cxl_allow,
        /// Memory encryption has to be AES-256-XTS.
        22 mem_aes_256_xts,
        /// RAPL has to be off.
        23 rapl_dis,
        /// Ciphertext hiding has to be on.
        24 ciphertext_hiding_dram,
        /// The guest's pages can't be moved or swapped.
        25 page_swap_disable,
    }

    /// The least version of the firmware's ABI: major, minor.
    #[must_use]
    pub const fn abi_min(self) -> (u8, u8) {
        let [minor, major, ..] = self.0.to_le_bytes();
        (major, minor)
    }
}

impl PlatformInfo {
    bits! {
        /// SMT is on.
        0 smt_en,
        /// Transparent SME is on.
        1 tsme_en,
        /// Memory has ECC.
        2 ecc_en,
        /// RAPL is off.
        3 rapl_dis,
        /// Ciphertext hiding is on.
        4 ciphertext_hiding_dram_en,
        /// No two addresses were found to be of one place in memory.
        5 alias_check_complete,
        /// SEV-TIO is on.
        7 tio_en,
    }
}

impl Claims {
    pub(crate) fn facts(&self, facts: &mut Facts) {
        facts.add("product", self.product);
        if let Some(Cpuid { family, model, stepping }) = self.cpuid {
            facts.add("cpuid", format!("family 0x{family:x}, model 0x{model:x}, stepping 0x{stepping:x}"));
        }
        facts.add("report-version", self.version);
        facts.add("vmpl", self.vmpl);
        facts.hex("measurement", &self.measurement);
        facts.hex("host-data", &self.host_data);
        self.keys_and_ids(facts);
        self.policy.facts("policy", facts);
        let (major, minor) = self.policy.abi_min();
        facts.add("policy.abi-min", format!("{major}.{minor}"));
        self.platform.facts("platform-info", facts);
        facts.add("reported-tcb", self.reported_tcb);
        facts.add("committed-tcb", self.committed_tcb);
        facts.add("current-tcb", self.current_tcb);
        facts.add("launch-tcb", self.launch_tcb);
        facts.add("current-firmware", self.current_firmware);
        facts.add("committed-firmware", self.committed_firmware);
        if let Some(Mitigations { launch, current }) = self.mitigations {
            facts.add("launch-mit-vector", format!("0x{launch:x}"));
            facts.add("current-mit-vector", format!("0x{current:x}"));
        }
        facts.add("signed-by", self.signed_by);
        facts.add("chip-key-masked", self.is_chip_key_masked);
        facts.add("revocation-checked", self.revocation_checked);
    }

    fn keys_and_ids(&self, facts: &mut Facts) {
        facts.add("guest-svn", self.guest_svn);
        facts.hex("family-id", &self.family_id);
        facts.hex("image-id", &self.image_id);
        let optional: [(&str, Option<&[u8]>); 5] = [
            ("id-key-digest", self.id_key_digest.as_ref().map(<[u8; 48]>::as_slice)),
            ("author-key-digest", self.author_key_digest.as_ref().map(<[u8; 48]>::as_slice)),
            ("report-id-ma", self.report_id_ma.as_ref().map(<[u8; 32]>::as_slice)),
            ("chip-id", self.chip_id.as_ref().map(<[u8; 64]>::as_slice)),
            ("hwid", self.hwid.as_deref()),
        ];
        facts.hex("report-id", &self.report_id);
        for (name, bytes) in optional {
            facts.add(name, bytes.map_or_else(|| "none".to_owned(), hex::encode));
        }
        if let Some(csp_id) = &self.csp_id {
            facts.add("csp-id", csp_id.escape_debug());
        }
    }
}

impl std::fmt::Display for Firmware {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.build)
    }
}

/// The four TCB versions of a report.
pub(super) struct Tcbs {
    pub(super) current: Tcb,
    pub(super) committed: Tcb,
    pub(super) reported: Tcb,
    pub(super) launch: Tcb,
}

impl Tcbs {
    pub(super) fn read(report: &Report<'_>, product: Product) -> Result<Self, Flaw> {
        Ok(Self {
            current: Tcb::read("CURRENT_TCB", report.current_tcb, product)?,
            committed: Tcb::read("COMMITTED_TCB", report.committed_tcb, product)?,
            reported: Tcb::read("REPORTED_TCB", report.reported_tcb, product)?,
            launch: Tcb::read("LAUNCH_TCB", report.launch_tcb, product)?,
        })
    }
}

/// The claims of a genuine report.
pub(super) fn claims(report: &Report<'_>, tcbs: &Tcbs, endorsed: &Endorsed, at: UnixTime) -> crate::Claims {
    let policy = Policy(report.policy);
    crate::Claims {
        isolation: Some(Isolation::Snp),
        manifest: unless_zero(report.host_data).map(Digest::from_bytes),
        report_data: ReportData::full(&report.report_data),
        at,
        debug: policy.debug(),
        platform: Platform::Snp(Box::new(Claims {
            version: report.version,
            guest_svn: report.guest_svn,
            policy,
            family_id: report.family_id,
            image_id: report.image_id,
            vmpl: report.vmpl,
            platform: PlatformInfo(report.platform_info),
            signed_by: endorsed.kind,
            csp_id: endorsed.csp_id.clone(),
            hwid: endorsed.hwid.clone(),
            is_chip_key_masked: report.flags & 2 != 0,
            measurement: report.measurement,
            host_data: report.host_data,
            id_key_digest: unless_zero(report.id_key_digest),
            author_key_digest: unless_zero(report.author_key_digest),
            report_id: report.report_id,
            report_id_ma: Some(report.report_id_ma).filter(|id| *id != [0xff; 32]),
            chip_id: unless_zero(report.chip_id),
            product: endorsed.product,
            cpuid: report.cpuid,
            current_tcb: tcbs.current,
            committed_tcb: tcbs.committed,
            reported_tcb: tcbs.reported,
            launch_tcb: tcbs.launch,
            current_firmware: report.current,
            committed_firmware: report.committed,
            mitigations: report.mitigations,
            revocation_checked: endorsed.is_revocation_checked,
        })),
    }
}

fn unless_zero<const N: usize>(bytes: [u8; N]) -> Option<[u8; N]> {
    Some(bytes).filter(|bytes| *bytes != [0; N])
}
