//! What a genuine Keystone report says.

use casemate_cose::UnixTime;

use super::abi::Report;
use crate::{Facts, Field, Platform, ReportData};

/// What a Keystone report says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// SHA3-512 of the enclave: its memory layout, runtime and program, as loaded.
    pub enclave_hash: [u8; 64],
    /// SHA3-512 of the security monitor, as the boot ROM measured it.
    pub monitor_hash: [u8; 64],
    /// The security monitor's Ed25519 key, derived from the device's and its hash.
    pub monitor_key: [u8; 32],
    /// The device's Ed25519 key: which chip it is.
    pub device_key: [u8; 32],
}

impl Claims {
    pub(crate) fn facts(&self, facts: &mut Facts) {
        facts.hex("enclave-hash", &self.enclave_hash);
        facts.hex("sm-hash", &self.monitor_hash);
        facts.hex("sm-public-key", &self.monitor_key);
        facts.hex("device-public-key", &self.device_key);
    }
}

/// The claims of a genuine report.
pub(super) fn claims(report: &Report<'_>, at: UnixTime) -> crate::Claims {
    crate::Claims {
        isolation: None,
        manifest: None,
        report_data: ReportData { field: Field::Full, bytes: report.data.to_vec() },
        at,
        debug: false,
        platform: Platform::Keystone(Box::new(Claims {
            enclave_hash: report.enclave_hash,
            monitor_hash: report.monitor_hash,
            monitor_key: report.monitor_key,
            device_key: report.device_key,
        })),
    }
}
