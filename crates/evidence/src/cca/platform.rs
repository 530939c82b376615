//! The claims of a platform token. [RMM §A7.2.3.2]
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::Flaw;
use crate::{
    arm::{Component, Lifecycle, exactly, hash, hash_named, instance_id, key_name, lifecycle, text},
    wire::{
        WireError,
        cbor::{Cbor, Key},
    },
};

const CONFIG_BYTES_MAX: usize = 1024;

/// Which document describes a pair of tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Profile {
    /// `http://arm.com/CCA-SSD/1.0.0`: it describes the realm token too, which names no profile.
    Ssd1,
    /// `tag:arm.com,2023:cca_platform#1.0.0`, with realm tokens of `tag:arm.com,2023:realm#1.0.0`.
    Platform1,
}

impl Profile {
    /// Both, the older first.
    pub const ALL: &'static [Self] = &[Self::Ssd1, Self::Platform1];

    /// Its name in platform tokens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ssd1 => "http://arm.com/CCA-SSD/1.0.0",
            Self::Platform1 => "tag:arm.com,2023:cca_platform#1.0.0",
        }
    }

    /// Its name in realm tokens.
    pub(super) const fn realm(self) -> Option<&'static str> {
        match self {
            Self::Ssd1 => None,
            Self::Platform1 => Some("tag:arm.com,2023:realm#1.0.0"),
        }
    }
}

/// A platform token's claims, where they lie.
#[derive(Debug)]
pub(super) struct Platform<'a> {
    pub(super) profile: Profile,
    pub(super) challenge: &'a [u8],
    pub(super) implementation_id: &'a [u8; 32],
    pub(super) instance_id: &'a [u8; 33],
    pub(super) config: &'a [u8],
    pub(super) lifecycle: (Lifecycle, u16),
    pub(super) software: Vec<Component<'a>>,
    pub(super) verification_service: Option<&'a str>,
    pub(super) hash_algorithm: &'a str,
}

#[derive(Default)]
struct Fields<'a> {
    profile: Option<Profile>,
    challenge: Option<&'a [u8]>,
    implementation_id: Option<&'a [u8; 32]>,
    instance_id: Option<&'a [u8; 33]>,
    config: Option<&'a [u8]>,
    lifecycle: Option<(Lifecycle, u16)>,
    software: Option<Vec<Component<'a>>>,
    verification_service: Option<&'a str>,
    hash_algorithm: Option<&'a str>,
}

impl<'a> Platform<'a> {
    /// Reads a platform token's payload: every mandatory claim, none that the profile doesn't have, each once.
    pub(super) fn parse(payload: &'a [u8]) -> Result<Self, Flaw> {
        let mut cbor = Cbor::new(payload);
        let mut fields = Fields::default();
        cbor.entries("cca-platform-claims", |key, cbor| fields.read(key, cbor))?;
        cbor.end("cca-platform-claims")?;
        let missing = |claim| Flaw::Missing { claim };
        Ok(Self {
            profile: fields.profile.ok_or_else(|| missing("cca-platform-profile"))?,
            challenge: fields.challenge.ok_or_else(|| missing("cca-platform-challenge"))?,
            implementation_id: fields.implementation_id.ok_or_else(|| missing("cca-platform-implementation-id"))?,
            instance_id: fields.instance_id.ok_or_else(|| missing("cca-platform-instance-id"))?,
            config: fields.config.ok_or_else(|| missing("cca-platform-config"))?,
            lifecycle: fields.lifecycle.ok_or_else(|| missing("cca-platform-lifecycle"))?,
            software: fields.software.ok_or_else(|| missing("cca-platform-sw-components"))?,
            verification_service: fields.verification_service,
            hash_algorithm: fields.hash_algorithm.ok_or_else(|| missing("cca-platform-hash-algo-id"))?,
        })
    }
}

impl<'a> Fields<'a> {
    fn read(&mut self, key: &Key<'_>, cbor: &mut Cbor<'a>) -> Result<(), Flaw> {
        let Key::Number(number) = key else { return Err(Flaw::UnknownClaim { key: key_name(key) }) };
        match number {
            10 => self.challenge = Some(hash(cbor, "cca-platform-challenge")?),
            256 => self.instance_id = Some(instance_id(cbor, "cca-platform-instance-id")?),
            265 => self.profile = Some(profile(cbor)?),
            2395 => self.lifecycle = Some(lifecycle(cbor, "cca-platform-lifecycle")?),
            2396 => self.implementation_id = Some(exactly(cbor, "cca-platform-implementation-id")?),
            2399 => self.software = Some(Component::read_all(cbor)?),
            2400 => self.verification_service = Some(text(cbor, "cca-platform-verification-service")?),
            2401 => self.config = Some(config(cbor)?),
            2402 => {
                let name = text(cbor, "cca-platform-hash-algo-id")?;
                hash_named("cca-platform-hash-algo-id", name)?;
                self.hash_algorithm = Some(name);
            }
            _ => return Err(Flaw::UnknownClaim { key: key_name(key) }),
        }
        Ok(())
    }
}

fn profile(cbor: &mut Cbor<'_>) -> Result<Profile, Flaw> {
    let name = text(cbor, "cca-platform-profile")?;
    [Profile::Ssd1, Profile::Platform1]
        .into_iter()
        .find(|profile| profile.as_str() == name)
        .ok_or_else(|| Flaw::UnknownProfile { actual: name.escape_debug().to_string() })
}

fn config<'a>(cbor: &mut Cbor<'a>) -> Result<&'a [u8], WireError> {
    let bytes = cbor.bytes("cca-platform-config")?;
    if bytes.len() > CONFIG_BYTES_MAX {
        return Err(WireError::TooMany { field: "cca-platform-config", actual: bytes.len(), max: CONFIG_BYTES_MAX });
    }
    Ok(bytes)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read recorded claims from files")]
mod tests {
    use super::*;

    #[test]
    fn recorded_claims_are_read() {
        let Some(vectors) = casemate_testkit::vectors("cca::platform::recorded_claims_are_read") else { return };
        let bytes = std::fs::read(vectors.join("cca/platform-claims.cbor")).unwrap();
        let platform = Platform::parse(&bytes).unwrap();
        assert_eq!(platform.profile, Profile::Ssd1);
        assert_eq!(platform.challenge, [0xaa; 64]);
        assert_eq!(platform.implementation_id, &[0xaa; 32]);
        assert_eq!(platform.config, [0xcf; 4]);
        assert_eq!(platform.lifecycle, (Lifecycle::Secured, 0x3000));
        assert_eq!(platform.software.len(), 2);
        assert_eq!(platform.verification_service, Some("https://cca_verifier.org"));
        for length in 0..bytes.len() {
            assert!(Platform::parse(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn recorded_ids_are_of_their_sizes() {
        let Some(vectors) = casemate_testkit::vectors("cca::platform::recorded_ids_are_of_their_sizes") else { return };
        let read = |file: &str| std::fs::read(vectors.join("cca").join(file)).unwrap();
        let framed = |head: u8, bytes: &[u8]| [&[0x58, head], bytes].concat();
        let instance = framed(33, &read("inst-id.bin"));
        assert!(instance_id(&mut Cbor::new(&instance), "id").is_ok());
        let implementation = framed(32, &read("impl-id.bin"));
        assert!(exactly::<32>(&mut Cbor::new(&implementation), "id").is_ok());
    }
}
