//! The claims of a realm token, and the key that signs it. [RMM §A7.2.3.1]
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::{Flaw, Profile};
use crate::{
    Hash,
    arm::{exactly, hash, hash_named, key_name, text, value},
    crypto::{self, KeyKind},
    wire::{
        WireError,
        cbor::{Cbor, Key},
        cose::Algorithm,
    },
};

const PUBLIC_KEY_BYTES_MAX: usize = 512;
const POINT_BYTES_MAX: usize = 133;
const EXTENSIBLE_MEASUREMENTS: usize = 4;

/// A realm token's claims, where they lie.
#[derive(Debug)]
pub(super) struct Realm<'a> {
    pub(super) profile: Option<&'a str>,
    pub(super) challenge: &'a [u8; 64],
    pub(super) personalization: &'a [u8; 64],
    pub(super) initial_measurement: &'a [u8],
    pub(super) extensible_measurements: [&'a [u8]; EXTENSIBLE_MEASUREMENTS],
    pub(super) hash_algorithm: &'a str,
    pub(super) public_key: &'a [u8],
    pub(super) public_key_hash: (Hash, &'a str),
}

#[derive(Default)]
struct Fields<'a> {
    profile: Option<&'a str>,
    challenge: Option<&'a [u8; 64]>,
    personalization: Option<&'a [u8; 64]>,
    initial_measurement: Option<&'a [u8]>,
    extensible_measurements: Option<[&'a [u8]; EXTENSIBLE_MEASUREMENTS]>,
    hash_algorithm: Option<&'a str>,
    public_key: Option<&'a [u8]>,
    public_key_hash: Option<(Hash, &'a str)>,
}

impl<'a> Realm<'a> {
    /// Reads a realm token's payload: every mandatory claim, none that the profile doesn't have, each once.
    pub(super) fn parse(payload: &'a [u8]) -> Result<Self, Flaw> {
        let mut cbor = Cbor::new(payload);
        let mut fields = Fields::default();
        cbor.entries("cca-realm-claims", |key, cbor| fields.read(key, cbor))?;
        cbor.end("cca-realm-claims")?;
        let missing = |claim| Flaw::Missing { claim };
        let realm = Self {
            profile: fields.profile,
            challenge: fields.challenge.ok_or_else(|| missing("cca-realm-challenge"))?,
            personalization: fields.personalization.ok_or_else(|| missing("cca-realm-personalization-value"))?,
            initial_measurement: fields.initial_measurement.ok_or_else(|| missing("cca-realm-initial-measurement"))?,
            extensible_measurements: fields
                .extensible_measurements
                .ok_or_else(|| missing("cca-realm-extensible-measurements"))?,
            hash_algorithm: fields.hash_algorithm.ok_or_else(|| missing("cca-realm-hash-algo-id"))?,
            public_key: fields.public_key.ok_or_else(|| missing("cca-realm-public-key"))?,
            public_key_hash: fields.public_key_hash.ok_or_else(|| missing("cca-realm-public-key-hash-algo-id"))?,
        };
        realm.check_lengths()?;
        Ok(realm)
    }

    /// One hash makes all measurements of a realm.
    fn check_lengths(&self) -> Result<(), WireError> {
        let expected = self.initial_measurement.len();
        match self.extensible_measurements.iter().find(|measurement| measurement.len() != expected) {
            Some(other) => {
                let actual = format!("{} bytes for {expected}", other.len());
                Err(value("cca-realm-extensible-measurements", "as many bytes as the initial measurement", actual))
            }
            None => Ok(()),
        }
    }

    /// The key that signs this token: a raw P-384 point in the older profile, a COSE_Key in the newer one.
    pub(super) fn key(&self, profile: Profile, algorithm: Algorithm) -> Result<RealmKey, Flaw> {
        let key = match profile {
            Profile::Ssd1 => raw_key(self.public_key),
            Profile::Platform1 => cose_key(self.public_key, algorithm),
        };
        key.map_err(|error| Flaw::RealmKey { error })
    }
}

impl<'a> Fields<'a> {
    fn read(&mut self, key: &Key<'_>, cbor: &mut Cbor<'a>) -> Result<(), Flaw> {
        let Key::Number(number) = key else { return Err(Flaw::UnknownClaim { key: key_name(key) }) };
        match number {
            10 => self.challenge = Some(exactly(cbor, "cca-realm-challenge")?),
            265 => self.profile = Some(text(cbor, "cca-realm-profile")?),
            44_235 => self.personalization = Some(exactly(cbor, "cca-realm-personalization-value")?),
            44_236 => {
                let name = text(cbor, "cca-realm-hash-algo-id")?;
                hash_named("cca-realm-hash-algo-id", name)?;
                self.hash_algorithm = Some(name);
            }
            44_237 => self.public_key = Some(public_key(cbor)?),
            44_238 => self.initial_measurement = Some(hash(cbor, "cca-realm-initial-measurement")?),
            44_239 => self.extensible_measurements = Some(extensible_measurements(cbor)?),
            44_240 => {
                let name = text(cbor, "cca-realm-public-key-hash-algo-id")?;
                self.public_key_hash = Some((hash_named("cca-realm-public-key-hash-algo-id", name)?, name));
            }
            _ => return Err(Flaw::UnknownClaim { key: key_name(key) }),
        }
        Ok(())
    }
}

fn public_key<'a>(cbor: &mut Cbor<'a>) -> Result<&'a [u8], WireError> {
    let bytes = cbor.bytes("cca-realm-public-key")?;
    if bytes.len() > PUBLIC_KEY_BYTES_MAX {
        return Err(WireError::TooMany {
            field: "cca-realm-public-key",
            actual: bytes.len(),
            max: PUBLIC_KEY_BYTES_MAX,
        });
    }
    Ok(bytes)
}

fn extensible_measurements<'a>(cbor: &mut Cbor<'a>) -> Result<[&'a [u8]; EXTENSIBLE_MEASUREMENTS], WireError> {
    const FIELD: &str = "cca-realm-extensible-measurements";
    let count = cbor.array(FIELD)?;
    if count != EXTENSIBLE_MEASUREMENTS {
        return Err(value(FIELD, "4 measurements", count.to_string()));
    }
    let mut measurements: [&[u8]; EXTENSIBLE_MEASUREMENTS] = [&[]; EXTENSIBLE_MEASUREMENTS];
    for measurement in &mut measurements {
        *measurement = hash(cbor, FIELD)?;
    }
    Ok(measurements)
}

/// A realm manager's key as an uncompressed point.
#[derive(Debug)]
pub(super) struct RealmKey {
    kind: KeyKind,
    point: [u8; POINT_BYTES_MAX],
    length: usize,
}

impl RealmKey {
    fn new(kind: KeyKind, parts: &[&[u8]]) -> Self {
        let mut point = [0; POINT_BYTES_MAX];
        let mut length = 0_usize;
        for (place, byte) in point.iter_mut().zip(parts.iter().copied().flatten()) {
            *place = *byte;
            length = length.saturating_add(1);
        }
        Self { kind, point, length }
    }

    pub(super) fn key(&self) -> crypto::Key<'_> {
        crypto::Key { kind: self.kind, bytes: self.point.get(..self.length).unwrap_or_default() }
    }
}

fn raw_key(bytes: &[u8]) -> Result<RealmKey, WireError> {
    match bytes {
        [4, ..] if bytes.len() == 97 => Ok(RealmKey::new(KeyKind::P384, &[bytes])),
        _ => {
            let actual = format!("{} bytes", bytes.len());
            Err(value("cca-realm-public-key", "an uncompressed P-384 point of 97 bytes", actual))
        }
    }
}

/// `{ 1: 2 (EC2), ? 2: kid, ? 3: alg, -1: curve, -2: x, -3: y }`. [RFC 9053 §7.1.1]
fn cose_key(bytes: &[u8], algorithm: Algorithm) -> Result<RealmKey, WireError> {
    const FIELD: &str = "cca-realm-public-key";
    let (mut kty, mut curve, mut x, mut y): (_, _, Option<&[u8]>, Option<&[u8]>) = (None, None, None, None);
    let mut cbor = Cbor::new(bytes);
    cbor.entries::<WireError>(FIELD, |key, cbor| {
        match key {
            Key::Number(1) => kty = Some(cbor.number("kty")?),
            Key::Number(2) => drop(cbor.bytes("kid")?),
            Key::Number(3) => {
                let number = cbor.number("alg")?;
                if Algorithm::of(number) != Some(algorithm) {
                    return Err(value("alg", "the token's own algorithm", number.to_string()));
                }
            }
            Key::Number(-1) => curve = Some(cbor.number("crv")?),
            Key::Number(-2) => x = Some(cbor.bytes("x")?),
            Key::Number(-3) => y = Some(cbor.bytes("y")?),
            other => return Err(value(FIELD, "parameters of an EC2 key", key_name(other))),
        }
        Ok(())
    })?;
    cbor.end(FIELD)?;
    let (Some(2), Some(curve), Some(x), Some(y)) = (kty, curve, x, y) else {
        return Err(value(FIELD, "an EC2 key with curve, x and y", format!("kty {kty:?}, crv {curve:?}")));
    };
    let (kind, length) = match curve {
        1 => (KeyKind::P256, 32),
        2 => (KeyKind::P384, 48),
        3 => (KeyKind::P521, 66),
        other => return Err(value("crv", "P-256, P-384 or P-521", other.to_string())),
    };
    if x.len() != length || y.len() != length {
        return Err(value(FIELD, "coordinates as long as the curve's", format!("{} and {} bytes", x.len(), y.len())));
    }
    Ok(RealmKey::new(kind, &[&[4], x, y]))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read recorded claims from files")]
mod tests {
    use super::*;

    fn rule(vectors: &std::path::Path, file: &str) -> Result<(), String> {
        let bytes = std::fs::read(vectors.join("cca").join(file)).unwrap();
        Realm::parse(&bytes).map(drop).map_err(|flaw| flaw.to_string())
    }

    #[test]
    fn recorded_claims_get_their_answers() {
        let Some(vectors) = casemate_testkit::vectors("cca::realm::recorded_claims_get_their_answers") else { return };
        for (file, answer) in [
            ("realm-claims.cbor", Ok(())),
            ("realm-claims+spurious-numeric-key.cbor", Err("unknown claim `1234567`")),
            ("realm-claims+spurious-text-key.cbor", Err("unknown claim `unknown-key`")),
            ("realm-claims-missing-challenge.cbor", Err("no claim `cca-realm-challenge`")),
        ] {
            let found = rule(&vectors, file);
            match (answer, &found) {
                (Ok(()), Ok(())) => {}
                (Err(wanted), Err(message)) if message.contains(wanted) => {}
                _ => panic!("{file}: {found:?}"),
            }
        }
    }
}
