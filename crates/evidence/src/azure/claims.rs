//! What an Azure confidential VM says.

use crate::{Facts, tpm};

/// The claims of `azure` evidence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// What the CPU says of the VM and of the paravisor in it: the claims of `snp` or `dcap` evidence. Their report data is the
    /// digest of the runtime data, not the verifier's.
    pub hardware: Box<crate::Claims>,
    /// The version of the HCL report: 1 or 2.
    pub hcl_version: u32,
    /// What the paravisor says of the VM.
    pub vm: VmConfiguration,
    /// What the guest had the paravisor put into its runtime data: 64 bytes, zero if nothing.
    pub user_data: Vec<u8>,
    /// The vTPM's key.
    pub attestation_key: tpm::AttestationKey,
    /// The vTPM's quote.
    pub quote: tpm::Quote,
}

/// The paravisor's account of the VM, in its runtime data. What it doesn't say is `None`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VmConfiguration {
    /// Whether a serial console is attached.
    pub console_enabled: Option<bool>,
    /// The certificate that the VM trusts to address Azure's attestation service, base64url of SHA-256.
    pub root_certificate_thumbprint: Option<String>,
    /// Whether Secure Boot is on. PCR 7 says what it enforced.
    pub secure_boot: bool,
    /// Whether there is a vTPM.
    pub tpm_enabled: bool,
    /// Whether the vTPM's state outlives a boot.
    pub tpm_persisted: Option<bool>,
    /// The VM's name among all of Azure's.
    pub unique_id: String,
}

impl Claims {
    pub(crate) fn facts(&self, facts: &mut Facts) {
        facts.add("hcl-version", self.hcl_version);
        self.vm.facts(facts);
        facts.hex("user-data", &self.user_data);
        self.attestation_key.facts(facts);
        self.quote.facts(facts);
        facts.component("hardware", &self.hardware.facts());
    }
}

impl VmConfiguration {
    fn facts(&self, facts: &mut Facts) {
        facts.add("vm.unique-id", self.unique_id.escape_debug());
        facts.add("vm.secure-boot", self.secure_boot);
        facts.add("vm.tpm-enabled", self.tpm_enabled);
        let options = [("vm.console-enabled", self.console_enabled), ("vm.tpm-persisted", self.tpm_persisted)];
        for (name, value) in options {
            if let Some(value) = value {
                facts.add(name, value);
            }
        }
        if let Some(thumbprint) = &self.root_certificate_thumbprint {
            facts.add("vm.root-certificate-thumbprint", thumbprint.escape_debug());
        }
    }
}
