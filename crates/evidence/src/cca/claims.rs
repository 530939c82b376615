//! What Arm CCA tokens say.

use casemate_cose::{Digest, UnixTime};

use super::{Lifecycle, Profile, SoftwareComponent, platform::Platform, realm::Realm};
use crate::{Facts, Isolation, ReportData, arm::Component};

/// What a platform says about itself, and its realm manager about a realm.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// The platform's own claims.
    pub platform: PlatformClaims,
    /// The realm's.
    pub realm: RealmClaims,
}

/// A platform token's claims.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlatformClaims {
    /// The profile of both tokens.
    pub profile: Profile,
    /// Which implementation it is: the maker's choice.
    pub implementation_id: [u8; 32],
    /// Which platform it is: a UEID, by which its key is endorsed.
    pub instance_id: [u8; 33],
    /// SHA-256 of the `SubjectPublicKeyInfo` of the key that signed, as it was endorsed.
    pub attestation_key: Digest,
    /// The implementation's options, in the maker's encoding: memory protection and the like.
    pub config: Vec<u8>,
    /// The state of its life: [`Lifecycle::Secured`] or, in debug mode, [`Lifecycle::NonRotDebug`].
    pub lifecycle: Lifecycle,
    /// The same as claimed: the low byte is the implementation's own.
    pub lifecycle_value: u16,
    /// The default hash of the software components: `sha-256`, `sha-384` or `sha-512`.
    pub hash_algorithm: String,
    /// The firmware: boot loaders, monitor, realm manager.
    pub software: Vec<SoftwareComponent>,
    /// Where the maker would have it verified: a hint, not followed here.
    pub verification_service: Option<String>,
}

/// A realm token's claims; its challenge is the report data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RealmClaims {
    /// The personalisation value given when the realm was made: the manifest's digest and zeros.
    pub personalization: [u8; 64],
    /// The realm initial measurement (RIM): 32, 48 or 64 bytes.
    pub initial_measurement: Vec<u8>,
    /// The realm extensible measurements (REM) 0 to 3, as long.
    pub extensible_measurements: [Vec<u8>; 4],
    /// The measurements' hash: `sha-256`, `sha-384` or `sha-512`.
    pub hash_algorithm: String,
    /// The realm attestation key as encoded in the token.
    pub public_key: Vec<u8>,
    /// The hash by which the platform token names that key.
    pub public_key_hash_algorithm: String,
}

impl Claims {
    pub(crate) fn facts(&self, facts: &mut Facts) {
        let mut platform = Facts::default();
        self.platform.facts(&mut platform);
        facts.component("platform", &platform);
        let mut realm = Facts::default();
        self.realm.facts(&mut realm);
        facts.component("realm", &realm);
    }
}

impl PlatformClaims {
    fn facts(&self, facts: &mut Facts) {
        facts.add("profile", self.profile.as_str());
        facts.hex("implementation-id", &self.implementation_id);
        facts.hex("instance-id", &self.instance_id);
        facts.add("attestation-key", self.attestation_key);
        facts.hex("config", &self.config);
        facts.add("lifecycle", format_args!("{} (0x{:04x})", self.lifecycle, self.lifecycle_value));
        facts.add("hash-algorithm", &self.hash_algorithm);
        for (place, component) in self.software.iter().enumerate() {
            component.facts(place, facts);
        }
        if let Some(service) = &self.verification_service {
            facts.add("verification-service", service.escape_debug());
        }
    }
}

impl RealmClaims {
    fn facts(&self, facts: &mut Facts) {
        facts.hex("personalization-value", &self.personalization);
        facts.hex("rim", &self.initial_measurement);
        for (number, measurement) in self.extensible_measurements.iter().enumerate() {
            facts.hex(&format!("rem{number}"), measurement);
        }
        facts.add("hash-algorithm", &self.hash_algorithm);
        facts.hex("public-key", &self.public_key);
        facts.add("public-key-hash-algorithm", &self.public_key_hash_algorithm);
    }
}

/// The claims of verified tokens that `signer` signed, judged at `at`.
pub(super) fn claims(platform: &Platform<'_>, realm: &Realm<'_>, signer: Digest, at: UnixTime) -> crate::Claims {
    let (lifecycle, lifecycle_value) = platform.lifecycle;
    let (_, public_key_hash_algorithm) = realm.public_key_hash;
    crate::Claims {
        isolation: Some(Isolation::Cca),
        manifest: manifest(realm.personalization),
        report_data: ReportData::full(realm.challenge),
        at,
        debug: lifecycle != Lifecycle::Secured,
        platform: crate::Platform::Cca(Box::new(Claims {
            platform: PlatformClaims {
                profile: platform.profile,
                implementation_id: *platform.implementation_id,
                instance_id: *platform.instance_id,
                attestation_key: signer,
                config: platform.config.to_vec(),
                lifecycle,
                lifecycle_value,
                hash_algorithm: platform.hash_algorithm.to_owned(),
                software: platform.software.iter().copied().map(Component::to_owned).collect(),
                verification_service: platform.verification_service.map(str::to_owned),
            },
            realm: RealmClaims {
                personalization: *realm.personalization,
                initial_measurement: realm.initial_measurement.to_vec(),
                extensible_measurements: realm.extensible_measurements.map(<[u8]>::to_vec),
                hash_algorithm: realm.hash_algorithm.to_owned(),
                public_key: realm.public_key.to_vec(),
                public_key_hash_algorithm: public_key_hash_algorithm.to_owned(),
            },
        })),
    }
}

/// The digest at the start of a personalisation value whose rest is zero. [DESIGN.md §4]
fn manifest(personalization: &[u8; 64]) -> Option<Digest> {
    let (digest, rest) = personalization.split_first_chunk::<32>()?;
    let is_filled = digest.iter().any(|byte| *byte != 0) && rest.iter().all(|byte| *byte == 0);
    is_filled.then(|| Digest::from_bytes(*digest))
}
