//! What Arm PSA tokens say.

use casemate_cose::{Digest, UnixTime};

use super::{Lifecycle, Profile, SoftwareComponent, abi::Token};
use crate::{Facts, Field, Platform, ReportData, arm::Component};

/// What a device's root of trust says about it, in its own words. The nonce is the report data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// The profile that the token names.
    pub profile: Profile,
    /// Which device it is: a UEID, by which its key is endorsed.
    pub instance_id: [u8; 33],
    /// SHA-256 of the `SubjectPublicKeyInfo` of the key that signed, as it was endorsed.
    pub attestation_key: Digest,
    /// Which implementation of the root of trust it is: the maker's choice.
    pub implementation_id: [u8; 32],
    /// Who asked for the token: a positive number inside the secure world, a negative one outside.
    pub client_id: i32,
    /// The state of its life: [`Lifecycle::Secured`] or, in debug mode, [`Lifecycle::NonRotDebug`].
    pub lifecycle: Lifecycle,
    /// The same as claimed: the low byte is the implementation's own.
    pub lifecycle_value: u16,
    /// A value of this boot: 32 bytes, in RFC 9783 8 to 32.
    pub boot_seed: Option<Vec<u8>>,
    /// The entry in PSA's certification database: EAN-13, in RFC 9783 EAN-13+5.
    pub certification_reference: Option<String>,
    /// The firmware; empty where the older profile says that nothing was measured.
    pub software: Vec<SoftwareComponent>,
    /// Where the maker would have it verified: a hint, not followed here.
    pub verification_service: Option<String>,
}

impl Claims {
    pub(crate) fn facts(&self, facts: &mut Facts) {
        facts.add("profile", self.profile.as_str());
        facts.hex("instance-id", &self.instance_id);
        facts.add("attestation-key", self.attestation_key);
        facts.hex("implementation-id", &self.implementation_id);
        facts.add("client-id", self.client_id);
        facts.add("lifecycle", format_args!("{} (0x{:04x})", self.lifecycle, self.lifecycle_value));
        if let Some(seed) = &self.boot_seed {
            facts.hex("boot-seed", seed);
        }
        if let Some(reference) = &self.certification_reference {
            facts.add("certification-reference", reference);
        }
        for (place, component) in self.software.iter().enumerate() {
            component.facts(place, facts);
        }
        if let Some(service) = &self.verification_service {
            facts.add("verification-service", service.escape_debug());
        }
    }
}

/// The claims of a verified token that `signer` signed, judged at `at`.
pub(super) fn claims(token: &Token<'_>, signer: Digest, at: UnixTime) -> crate::Claims {
    let (lifecycle, lifecycle_value) = token.lifecycle;
    crate::Claims {
        isolation: None,
        manifest: None,
        report_data: ReportData { field: Field::Full, bytes: token.nonce.to_vec() },
        at,
        debug: lifecycle != Lifecycle::Secured,
        platform: Platform::Psa(Box::new(Claims {
            profile: token.profile,
            instance_id: *token.instance_id,
            attestation_key: signer,
            implementation_id: *token.implementation_id,
            client_id: token.client_id,
            lifecycle,
            lifecycle_value,
            boot_seed: token.boot_seed.map(<[u8]>::to_vec),
            certification_reference: token.certification_reference.map(str::to_owned),
            software: token.software.iter().copied().map(Component::to_owned).collect(),
            verification_service: token.verification_service.map(str::to_owned),
        })),
    }
}
