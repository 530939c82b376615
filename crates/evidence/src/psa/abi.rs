//! The claims of a PSA token: one meaning, three sets of keys. [RFC 9783 §4, §4.6]
//!
//! ```text
//!                     PSA_IOT_PROFILE_1   http://arm.com/psa/2.0.0   tag:psacertified.org,2023:psa#tfm
//! profile             -75000              265                        265
//! client id           -75001              2394                       2394
//! lifecycle           -75002              2395                       2395
//! implementation id   -75003              2396                       2396
//! boot seed           -75004  32          2397  ? 32                 268  ? 8..32
//! certification       -75005  ? EAN-13    2398  ? EAN-13[+5]         2398 ? EAN-13+5
//! software components -75006 /            2399                       2399
//! no measurements     -75007
//! nonce               -75008              10                         10
//! instance id         -75009              256                        256
//! verification        -75010  ?           2400  ?                    2400 ?
//! ```
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::Flaw;
use crate::{
    arm::{Component, Lifecycle, exactly, hash, instance_id, key_name, lifecycle, text, value},
    wire::{
        WireError,
        cbor::{Cbor, Key},
    },
};

/// The longest token that is read: honest ones have about 600 bytes.
pub const TOKEN_BYTES_MAX: usize = 16 << 10;

/// Which document describes a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Profile {
    /// `PSA_IOT_PROFILE_1`: draft-tschofenig-rats-psa-token-07.
    Iot1,
    /// `http://arm.com/psa/2.0.0`: draft-tschofenig-rats-psa-token-08.
    Psa2,
    /// `tag:psacertified.org,2023:psa#tfm`: RFC 9783.
    Tfm,
}

impl Profile {
    /// Every one, the oldest first.
    pub const ALL: &'static [Self] = &[Self::Iot1, Self::Psa2, Self::Tfm];

    /// Its name in tokens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iot1 => "PSA_IOT_PROFILE_1",
            Self::Psa2 => "http://arm.com/psa/2.0.0",
            Self::Tfm => "tag:psacertified.org,2023:psa#tfm",
        }
    }
}

/// What a key of a profile means.
#[derive(Clone, Copy)]
enum Claim {
    BootSeed,
    CertificationReference,
    ClientId,
    ImplementationId,
    InstanceId,
    Lifecycle,
    NoMeasurements,
    Nonce,
    Profile,
    Software,
    VerificationService,
}

impl Claim {
    const fn of(profile: Profile, key: i64) -> Option<Self> {
        Some(match (profile, key) {
            (Profile::Iot1, -75_000) | (Profile::Psa2 | Profile::Tfm, 265) => Self::Profile,
            (Profile::Iot1, -75_001) | (Profile::Psa2 | Profile::Tfm, 2394) => Self::ClientId,
            (Profile::Iot1, -75_002) | (Profile::Psa2 | Profile::Tfm, 2395) => Self::Lifecycle,
            (Profile::Iot1, -75_003) | (Profile::Psa2 | Profile::Tfm, 2396) => Self::ImplementationId,
            (Profile::Iot1, -75_004) | (Profile::Psa2, 2397) | (Profile::Tfm, 268) => Self::BootSeed,
            (Profile::Iot1, -75_005) | (Profile::Psa2 | Profile::Tfm, 2398) => Self::CertificationReference,
            (Profile::Iot1, -75_006) | (Profile::Psa2 | Profile::Tfm, 2399) => Self::Software,
            (Profile::Iot1, -75_007) => Self::NoMeasurements,
            (Profile::Iot1, -75_008) | (Profile::Psa2 | Profile::Tfm, 10) => Self::Nonce,
            (Profile::Iot1, -75_009) | (Profile::Psa2 | Profile::Tfm, 256) => Self::InstanceId,
            (Profile::Iot1, -75_010) | (Profile::Psa2 | Profile::Tfm, 2400) => Self::VerificationService,
            _ => return None,
        })
    }
}

/// A token's claims, where they lie.
#[derive(Debug)]
pub(super) struct Token<'a> {
    pub(super) profile: Profile,
    pub(super) nonce: &'a [u8],
    pub(super) instance_id: &'a [u8; 33],
    pub(super) implementation_id: &'a [u8; 32],
    pub(super) client_id: i32,
    pub(super) lifecycle: (Lifecycle, u16),
    pub(super) boot_seed: Option<&'a [u8]>,
    pub(super) certification_reference: Option<&'a str>,
    /// Empty where the older profile says that nothing was measured.
    pub(super) software: Vec<Component<'a>>,
    pub(super) verification_service: Option<&'a str>,
}

#[derive(Default)]
struct Fields<'a> {
    nonce: Option<&'a [u8]>,
    instance_id: Option<&'a [u8; 33]>,
    implementation_id: Option<&'a [u8; 32]>,
    client_id: Option<i32>,
    lifecycle: Option<(Lifecycle, u16)>,
    boot_seed: Option<&'a [u8]>,
    certification_reference: Option<&'a str>,
    software: Option<Vec<Component<'a>>>,
    is_unmeasured: bool,
    verification_service: Option<&'a str>,
}

impl<'a> Token<'a> {
    /// Reads a token's payload: every mandatory claim of its profile, none that the profile doesn't have, each once.
    pub(super) fn parse(payload: &'a [u8]) -> Result<Self, Flaw> {
        let profile = profile(payload)?;
        let mut cbor = Cbor::new(payload);
        let mut fields = Fields::default();
        cbor.entries("psa-token", |key, cbor| fields.read(profile, key, cbor))?;
        cbor.end("psa-token")?;
        let missing = |claim| Flaw::Missing { claim };
        if profile == Profile::Iot1 && fields.boot_seed.is_none() {
            return Err(missing("psa-boot-seed"));
        }
        let software = match (fields.software, fields.is_unmeasured) {
            (Some(software), false) => software,
            (None, true) => Vec::new(),
            (Some(_), true) => return Err(Flaw::Unmeasured {}),
            (None, false) => return Err(missing("psa-software-components")),
        };
        Ok(Self {
            profile,
            nonce: fields.nonce.ok_or_else(|| missing("psa-nonce"))?,
            instance_id: fields.instance_id.ok_or_else(|| missing("psa-instance-id"))?,
            implementation_id: fields.implementation_id.ok_or_else(|| missing("psa-implementation-id"))?,
            client_id: fields.client_id.ok_or_else(|| missing("psa-client-id"))?,
            lifecycle: fields.lifecycle.ok_or_else(|| missing("psa-security-lifecycle"))?,
            boot_seed: fields.boot_seed,
            certification_reference: fields.certification_reference,
            software,
            verification_service: fields.verification_service,
        })
    }
}

/// The profile that a payload names, under the key of that profile.
fn profile(payload: &[u8]) -> Result<Profile, Flaw> {
    let mut named = None;
    Cbor::new(payload).entries("psa-token", |key, cbor| {
        match key {
            Key::Number(number @ (265 | -75_000)) => {
                let name = text(cbor, "psa-profile")?;
                let profiles: &[Profile] =
                    if *number == 265 { &[Profile::Psa2, Profile::Tfm] } else { &[Profile::Iot1] };
                let known = profiles.iter().find(|profile| profile.as_str() == name);
                named = Some(*known.ok_or_else(|| Flaw::Profile { actual: name.escape_debug().to_string() })?);
            }
            _ => drop(cbor.skip("claim")?),
        }
        Ok::<_, Flaw>(())
    })?;
    named.ok_or(Flaw::Missing { claim: "psa-profile" })
}

impl<'a> Fields<'a> {
    fn read(&mut self, profile: Profile, key: &Key<'_>, cbor: &mut Cbor<'a>) -> Result<(), Flaw> {
        let claim = if let Key::Number(number) = key { Claim::of(profile, *number) } else { None };
        match claim.ok_or_else(|| Flaw::UnknownClaim { key: key_name(key) })? {
            Claim::BootSeed => self.boot_seed = Some(boot_seed(profile, cbor)?),
            Claim::CertificationReference => {
                self.certification_reference = Some(certification_reference(profile, cbor)?)
            }
            Claim::ClientId => self.client_id = Some(client_id(profile, cbor)?),
            Claim::ImplementationId => self.implementation_id = Some(exactly(cbor, "psa-implementation-id")?),
            Claim::InstanceId => self.instance_id = Some(instance_id(cbor, "psa-instance-id")?),
            Claim::Lifecycle => self.lifecycle = Some(lifecycle(cbor, "psa-security-lifecycle")?),
            Claim::NoMeasurements => self.is_unmeasured = no_measurements(cbor)?,
            Claim::Nonce => self.nonce = Some(hash(cbor, "psa-nonce")?),
            Claim::Profile => drop(cbor.text("psa-profile")?),
            Claim::Software => self.software = Some(Component::read_all(cbor)?),
            Claim::VerificationService => {
                self.verification_service = Some(text(cbor, "psa-verification-service-indicator")?);
            }
        }
        Ok(())
    }
}

fn boot_seed<'a>(profile: Profile, cbor: &mut Cbor<'a>) -> Result<&'a [u8], WireError> {
    let bytes = cbor.bytes("psa-boot-seed")?;
    match (profile, bytes.len()) {
        (Profile::Iot1 | Profile::Psa2, 32) | (Profile::Tfm, 8..=32) => Ok(bytes),
        (_, length) => Err(value("psa-boot-seed", "32 bytes (RFC 9783: 8 to 32)", format!("{length} bytes"))),
    }
}

/// The caller: a positive number in the secure world, a negative one outside. [RFC 9783 §4.1.2]
fn client_id(profile: Profile, cbor: &mut Cbor<'_>) -> Result<i32, WireError> {
    let number = cbor.number("psa-client-id")?;
    match i32::try_from(number) {
        Ok(id) if id != 0 || profile == Profile::Iot1 => Ok(id),
        _ => Err(value("psa-client-id", "a number of 31 bits that is not 0", number.to_string())),
    }
}

/// EAN-13, and in later profiles EAN-13+5. [RFC 9783 §4.2.3]
fn certification_reference<'a>(profile: Profile, cbor: &mut Cbor<'a>) -> Result<&'a str, WireError> {
    let reference = text(cbor, "psa-certification-reference")?;
    let is_digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_right = match reference.split_once('-') {
        None => profile != Profile::Tfm && is_digits(reference, 13),
        Some((product, version)) => profile != Profile::Iot1 && is_digits(product, 13) && is_digits(version, 5),
    };
    if is_right {
        return Ok(reference);
    }
    Err(value(
        "psa-certification-reference",
        "an EAN-13 (RFC 9783: and 5 digits)",
        reference.escape_debug().to_string(),
    ))
}

/// The older profile's way to say that nothing was measured.
fn no_measurements(cbor: &mut Cbor<'_>) -> Result<bool, WireError> {
    match cbor.unsigned("psa-no-sw-measurements")? {
        1 => Ok(true),
        other => Err(value("psa-no-sw-measurements", "1", other.to_string())),
    }
}
