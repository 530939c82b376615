//! Azure confidential VMs: the CPU, and the vTPM that the paravisor runs inside.
//!
//! The CPU vouches for the vTPM's key: whose word the CPU's evidence is, theirs is the vTPM's.

use casemate_evidence::{azure::Claims, tpm::KeySource};

use super::{Component, VTPM, each, tpm};
use crate::statement::{Allowance, Subject};

/// The CPU and the vTPM.
pub(super) fn components(claims: &Claims) -> Vec<Component> {
    let mut components = each(&claims.hardware);
    let key = &claims.attestation_key;
    let vouched = components.first().filter(|_| key.source == KeySource::RuntimeData);
    let attester = vouched.map_or(Subject::Key(key.digest), |cpu| cpu.attester.clone());
    let is_hosts = matches!(attester, Subject::Key(_));
    let mut parts = tpm::parts(VTPM, attester, key, &claims.quote);
    parts.number("hcl-version", claims.hcl_version);
    let vm = &claims.vm;
    parts.text("vm.unique-id", &vm.unique_id);
    parts.bool("vm.secure-boot", vm.secure_boot);
    parts.bool("vm.tpm-enabled", vm.tpm_enabled);
    for (name, value) in [("vm.console-enabled", vm.console_enabled), ("vm.tpm-persisted", vm.tpm_persisted)] {
        if let Some(value) = value {
            parts.bool(name, value);
        }
    }
    if let Some(thumbprint) = &vm.root_certificate_thumbprint {
        parts.text("vm.root-certificate-thumbprint", thumbprint);
    }
    parts.danger(is_hosts, Allowance::HostOperatedTpm);
    components.push(parts.finish());
    components
}
