//! What a quote says, and what its endorsements say about the platform it comes from.

use casemate_cose::Digest;

use super::{Pck, Tcb, Tee, abi::Quote};
use crate::{Facts, Isolation, Platform, ReportData};

/// What a genuine quote says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// The quote's header.
    pub header: Header,
    /// The enclave or the trust domain.
    pub body: Body,
    /// The quoting enclave: it signs for the platform, and its identity was compared with Intel's.
    pub qe: Enclave,
    /// The processor, by the certificate of its provisioning certification key.
    pub pck: Pck,
    /// How patched the platform is.
    pub tcb: Tcb,
    /// Bytes after the quote that nobody signed and that were not read.
    pub trailing_bytes: usize,
}

/// A quote's header, as far as it can differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// 3 to 5.
    pub version: u16,
    /// The security version that a version 3 quote repeats of the quoting enclave; otherwise reserved.
    pub qe_svn: u16,
    /// The same of the provisioning certification enclave.
    pub pce_svn: u16,
    /// Intel's quoting enclaves put a platform id into the first 16 bytes.
    pub user_data: [u8; 20],
}

/// What was quoted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Body {
    /// An SGX enclave's report.
    Enclave(Box<Enclave>),
    /// A TD report.
    TrustDomain(Box<TrustDomain>),
}

/// An enclave's report [Intel SDM vol. 3D, table 38-21]. Numbers are little-endian in the bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Enclave {
    /// Security version of the processor.
    pub cpu_svn: [u8; 16],
    /// Which fields of the state save area are used.
    pub misc_select: [u8; 4],
    /// Extended product id.
    pub isv_ext_prod_id: [u8; 16],
    /// Attributes.
    pub attributes: SgxAttributes,
    /// Measurement of code and data.
    pub mr_enclave: [u8; 32],
    /// SHA-256 of the signer's key.
    pub mr_signer: [u8; 32],
    /// Chosen by who launches it: the manifest's digest, and 32 zero bytes.
    pub config_id: [u8; 64],
    /// The signer's number for the product.
    pub isv_prod_id: u16,
    /// The signer's security version of the product.
    pub isv_svn: u16,
    /// Security version of the configuration.
    pub config_svn: u16,
    /// The signer's number for the family of products.
    pub isv_family_id: [u8; 16],
    /// What the enclave asked to have stated.
    pub report_data: [u8; 64],
}

/// An enclave's attributes: 8 bytes of flags, 8 bytes of XFRM (extended features that it may use).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SgxAttributes(pub [u8; 16]);

impl SgxAttributes {
    /// The flags.
    #[must_use]
    pub fn flags(self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// The extended features.
    #[must_use]
    pub fn xfrm(self) -> u64 {
        let [.., a, b, c, d, e, f, g, h] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// Bit 1: a debugger can read and write the enclave.
    #[must_use]
    pub fn is_debug(self) -> bool {
        self.flags() & 1 << 1 != 0
    }

    /// Bit 4: it can get provisioning keys, which identify the processor.
    #[must_use]
    pub fn has_provisioning_key(self) -> bool {
        self.flags() & 1 << 4 != 0
    }

    /// Bit 7: key separation and sharing, without which CONFIGID means nothing.
    #[must_use]
    pub fn has_key_separation(self) -> bool {
        self.flags() & 1 << 7 != 0
    }
}

/// A trust domain's report [TDX module ABI, `TDINFO_STRUCT`, `TEE_TCB_INFO_STRUCT`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrustDomain {
    /// Security versions of the TDX module under which the domain was launched: minor, major, late microcode, zeros.
    pub tee_tcb_svn: [u8; 16],
    /// Measurement of the TDX module.
    pub mr_seam: [u8; 48],
    /// Its signer: zeros for Intel.
    pub mr_signer_seam: [u8; 48],
    /// Its attributes: zeros for Intel's.
    pub seam_attributes: [u8; 8],
    /// Attributes of the domain.
    pub attributes: TdAttributes,
    /// Extended features that it may use.
    pub xfam: u64,
    /// Measurement of what it began with.
    pub mr_td: [u8; 48],
    /// Chosen by who launches it: the manifest's digest, and 16 zero bytes.
    pub mr_config_id: [u8; 48],
    /// Chosen by who launches it: its owner.
    pub mr_owner: [u8; 48],
    /// Chosen by who launches it: the owner's configuration.
    pub mr_owner_config: [u8; 48],
    /// Registers that it extends while it runs: firmware, boot loader, kernel, application.
    pub rtmr: [[u8; 48]; 4],
    /// What it asked to have stated.
    pub report_data: [u8; 64],
    /// From TDX 1.5.
    pub preserving: Option<Preserving>,
    /// From TDX 1.5 extended.
    pub extended: Option<Extended>,
}

/// What TDX 1.5 adds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Preserving {
    /// As TEE_TCB_SVN, of the TDX module that runs now: it can be updated under a running domain.
    pub tee_tcb_svn_2: [u8; 16],
    /// Measurement of the service domains bound to it (one that migrates it, say); zeros if there are none.
    pub mr_service_td: [u8; 48],
}

/// What TDX 1.5 adds for domains with service domains.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Extended {
    /// Which partition of the domain asked: 0 for the domain itself.
    pub vm_id: u8,
    /// The instance, kept when it migrates; zeros if the host did not enable it.
    pub td_id: [u8; 32],
    /// Hash of what devices it trusts.
    pub device_info: [u8; 48],
    /// Hash of the service domains that it was launched with.
    pub init_service_td_hash: [u8; 48],
    /// Attributes of that binding.
    pub init_service_td_attributes: u64,
    /// Security version of the processor on which it was launched.
    pub init_cpu_svn: [u8; 16],
    /// TEE_TCB_SVN where it was launched.
    pub init_tee_tcb_svn: [u8; 16],
    /// The processor's model there, in the TDX module's encoding.
    pub init_tee_model: [u8; 12],
    /// Hash of the service domains that are bound now.
    pub current_service_td_hash: [u8; 48],
    /// Attributes of that binding.
    pub current_service_td_attributes: u64,
}

/// A trust domain's attributes [TDX module base specification, `ATTRIBUTES`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TdAttributes(pub u64);

impl TdAttributes {
    /// Bits 0 to 7: the domain is open to the host. Bit 0 is debug mode, 4 to 6 are profiling; the rest has no meaning yet,
    /// and is of the group that Intel keeps for domains not to be trusted.
    #[must_use]
    pub const fn is_debug(self) -> bool {
        self.0 & 0xff != 0
    }

    /// Bit 17: its report has what TDX 1.5 extended adds.
    #[must_use]
    pub const fn has_service_td_extension(self) -> bool {
        self.0 & 1 << 17 != 0
    }

    /// Bit 28: pending pages don't raise `#VE`, with which a host could surprise the kernel.
    #[must_use]
    pub const fn has_sept_ve_disabled(self) -> bool {
        self.0 & 1 << 28 != 0
    }

    /// Bit 29: a service domain can move it to another host.
    #[must_use]
    pub const fn is_migratable(self) -> bool {
        self.0 & 1 << 29 != 0
    }

    /// Bit 30: supervisor protection keys.
    #[must_use]
    pub const fn has_pks(self) -> bool {
        self.0 & 1 << 30 != 0
    }

    /// Bit 31: key locker.
    #[must_use]
    pub const fn has_key_locker(self) -> bool {
        self.0 & 1 << 31 != 0
    }

    /// Bit 63: performance monitoring.
    #[must_use]
    pub const fn has_perfmon(self) -> bool {
        self.0 & 1 << 63 != 0
    }
}

impl Body {
    pub(crate) const fn report_data(&self) -> &[u8; 64] {
        match self {
            Self::Enclave(enclave) => &enclave.report_data,
            Self::TrustDomain(domain) => &domain.report_data,
        }
    }

    /// The TEE.
    #[must_use]
    pub const fn tee(&self) -> Tee {
        match self {
            Self::Enclave(_) => Tee::Sgx,
            Self::TrustDomain(_) => Tee::Tdx,
        }
    }
}

impl Claims {
    /// The enclave, if it is one.
    #[must_use]
    pub fn enclave(&self) -> Option<&Enclave> {
        if let Body::Enclave(enclave) = &self.body { Some(enclave) } else { None }
    }

    /// The trust domain, if it is one.
    #[must_use]
    pub fn trust_domain(&self) -> Option<&TrustDomain> {
        if let Body::TrustDomain(domain) = &self.body { Some(domain) } else { None }
    }

    pub(crate) fn facts(&self, facts: &mut Facts) {
        facts.add("tee", self.body.tee());
        facts.add("quote-version", self.header.version);
        facts.hex("qe-user-data", &self.header.user_data);
        match &self.body {
            Body::Enclave(enclave) => enclave.facts(facts),
            Body::TrustDomain(domain) => domain.facts(facts),
        }
        facts.hex("qe-mr-enclave", &self.qe.mr_enclave);
        facts.add("qe-isv-svn", self.qe.isv_svn);
        self.pck.facts(facts);
        self.tcb.facts(facts);
        if self.trailing_bytes > 0 {
            facts.add("unsigned-trailing-bytes", self.trailing_bytes);
        }
    }
}

impl Enclave {
    fn facts(&self, facts: &mut Facts) {
        facts.hex("mr-enclave", &self.mr_enclave);
        facts.hex("mr-signer", &self.mr_signer);
        facts.add("isv-prod-id", self.isv_prod_id);
        facts.add("isv-svn", self.isv_svn);
        facts.hex("isv-ext-prod-id", &self.isv_ext_prod_id);
        facts.hex("isv-family-id", &self.isv_family_id);
        facts.hex("config-id", &self.config_id);
        facts.add("config-svn", self.config_svn);
        facts.hex("attributes", &self.attributes.0);
        facts.add("provisioning-key", self.attributes.has_provisioning_key());
        facts.add("key-separation", self.attributes.has_key_separation());
        facts.hex("misc-select", &self.misc_select);
        facts.hex("cpu-svn", &self.cpu_svn);
    }
}

impl TrustDomain {
    fn facts(&self, facts: &mut Facts) {
        facts.hex("mr-td", &self.mr_td);
        for (number, register) in self.rtmr.iter().enumerate() {
            facts.hex(&format!("rtmr-{number}"), register);
        }
        facts.hex("mr-config-id", &self.mr_config_id);
        facts.hex("mr-owner", &self.mr_owner);
        facts.hex("mr-owner-config", &self.mr_owner_config);
        facts.add("td-attributes", format_args!("{:016x}", self.attributes.0));
        facts.add("sept-ve-disabled", self.attributes.has_sept_ve_disabled());
        facts.add("migratable", self.attributes.is_migratable());
        facts.add("pks", self.attributes.has_pks());
        facts.add("key-locker", self.attributes.has_key_locker());
        facts.add("perfmon", self.attributes.has_perfmon());
        facts.add("xfam", format_args!("{:016x}", self.xfam));
        facts.hex("tee-tcb-svn", &self.tee_tcb_svn);
        facts.hex("mr-seam", &self.mr_seam);
        facts.hex("mr-signer-seam", &self.mr_signer_seam);
        facts.hex("seam-attributes", &self.seam_attributes);
        if let Some(preserving) = &self.preserving {
            facts.hex("tee-tcb-svn-2", &preserving.tee_tcb_svn_2);
            facts.hex("mr-service-td", &preserving.mr_service_td);
        }
        if let Some(extended) = &self.extended {
            extended.facts(facts);
        }
    }
}

impl Extended {
    fn facts(&self, facts: &mut Facts) {
        facts.add("vm-id", self.vm_id);
        facts.hex("td-id", &self.td_id);
        facts.hex("device-info", &self.device_info);
        facts.hex("init-service-td-hash", &self.init_service_td_hash);
        facts.add("init-service-td-attributes", format_args!("{:016x}", self.init_service_td_attributes));
        facts.hex("init-cpu-svn", &self.init_cpu_svn);
        facts.hex("init-tee-tcb-svn", &self.init_tee_tcb_svn);
        facts.hex("init-tee-model", &self.init_tee_model);
        facts.hex("current-service-td-hash", &self.current_service_td_hash);
        facts.add("current-service-td-attributes", format_args!("{:016x}", self.current_service_td_attributes));
    }
}

/// The claims of a verified `quote`.
pub(super) fn claims(quote: Quote<'_>, pck: Pck, tcb: Tcb, at: casemate_cose::UnixTime) -> crate::Claims {
    let (isolation, manifest, debug) = match &quote.body {
        Body::Enclave(enclave) => (Isolation::Sgx, manifest(&enclave.config_id), enclave.attributes.is_debug()),
        Body::TrustDomain(domain) => (Isolation::Tdx, manifest(&domain.mr_config_id), domain.attributes.is_debug()),
    };
    crate::Claims {
        isolation: Some(isolation),
        manifest,
        report_data: ReportData::full(quote.body.report_data()),
        at,
        debug,
        platform: Platform::Dcap(Box::new(Claims {
            header: quote.header,
            body: quote.body,
            qe: quote.qe_report,
            pck,
            tcb,
            trailing_bytes: quote.trailing_bytes,
        })),
    }
}

/// A digest of 32 bytes and zeros to the field's end, if there is one.
fn manifest(field: &[u8]) -> Option<Digest> {
    let (digest, rest) = field.split_first_chunk::<32>()?;
    let is_digest = *digest != [0; 32] && rest.iter().all(|byte| *byte == 0);
    is_digest.then(|| Digest::from_bytes(*digest))
}
