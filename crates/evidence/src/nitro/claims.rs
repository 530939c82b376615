//! What AWS Nitro attestation documents say.

use std::collections::BTreeMap;

use casemate_cose::Digest;

use super::{
    MANIFEST_PCR,
    abi::{Document, manifest_pcr},
};
use crate::{Facts, Field, Isolation, Platform, ReportData, x509::Issuers};

/// What the hypervisor says about an enclave, in its own words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// The hypervisor module that made the document: instance and enclave.
    pub module_id: String,
    /// When it was made: milliseconds since 1970.
    pub timestamp_ms: u64,
    /// The locked registers by number, SHA-384 each: 0 the image, 1 kernel and boot RAM disk, 2 the application, 3 the
    /// instance's role, 4 the instance, 8 the image's signer; 16 and above are the enclave's own.
    pub pcrs: BTreeMap<u8, Vec<u8>>,
    /// A key that the enclave gave, DER by AWS's convention. Nobody has looked at it.
    pub public_key: Option<Vec<u8>>,
    /// What the enclave gave as user data.
    pub user_data: Option<Vec<u8>>,
    /// What the enclave gave as nonce.
    pub nonce: Option<Vec<u8>>,
    /// The name of the root that it chains to.
    pub root: String,
    /// Whether a revocation list of each issuer was given. AWS publishes none.
    pub revocation_checked: bool,
}

impl Claims {
    /// A locked register.
    #[must_use]
    pub fn pcr(&self, number: u8) -> Option<&[u8]> {
        self.pcrs.get(&number).map(Vec::as_slice)
    }

    /// Whether the manifest of this digest was extended into [`MANIFEST_PCR`], and nothing else.
    #[must_use]
    pub fn is_manifest(&self, manifest: &Digest) -> bool {
        self.pcr(MANIFEST_PCR) == Some(&manifest_pcr(manifest))
    }

    pub(crate) fn facts(&self, facts: &mut Facts) {
        facts.add("root", &self.root);
        facts.add("revocation-checked", self.revocation_checked);
        facts.add("module-id", self.module_id.escape_debug());
        facts.add("timestamp-ms", self.timestamp_ms);
        for (number, value) in &self.pcrs {
            facts.hex(&format!("pcr{number}"), value);
        }
        for (name, value) in [("public-key", &self.public_key), ("user-data", &self.user_data), ("nonce", &self.nonce)]
        {
            if let Some(value) = value {
                facts.hex(name, value);
            }
        }
    }
}

/// The claims of a verified document.
pub(super) fn claims(document: &Document<'_>, issuers: &Issuers) -> crate::Claims {
    let stated = document.user_data.or(document.nonce).unwrap_or_default();
    let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
    crate::Claims {
        isolation: Some(Isolation::Nitro),
        manifest: None,
        report_data: ReportData { field: Field::Full, bytes: stated.to_vec() },
        at: document.at(),
        debug: is_debug(document),
        platform: Platform::Nitro(Box::new(Claims {
            module_id: document.module_id.to_owned(),
            timestamp_ms: document.timestamp_ms,
            pcrs: (0..).zip(document.pcrs).filter_map(|(number, pcr)| Some((number, pcr?.to_vec()))).collect(),
            public_key: owned(document.public_key),
            user_data: owned(document.user_data),
            nonce: owned(document.nonce),
            root: issuers.root.clone(),
            revocation_checked: issuers.is_revocation_checked(),
        })),
    }
}

/// An enclave in debug mode has registers of zeros for image, kernel and application: one is enough to say so, since no
/// honest digest is zero.
fn is_debug(document: &Document<'_>) -> bool {
    document.pcrs.iter().take(3).flatten().any(|pcr| pcr.iter().all(|byte| *byte == 0))
}
