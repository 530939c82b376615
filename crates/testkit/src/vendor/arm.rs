//! An Arm of our own: CCA platforms with their realm managers, and PSA devices, that sign tokens.

use aws_lc_rs::digest;

use crate::{
    cbor::{self, Map},
    cose::Envelope,
    pki::{Algorithm, Key},
};

/// The instance id of its CCA platform and PSA device.
pub const INSTANCE_ID: [u8; 33] = {
    let mut id = [0x11; 33];
    id[0] = 1;
    id
};

/// The personalisation value of an honest realm: a manifest's digest, and zeros.
pub const MANIFEST: [u8; 32] = [0x3d; 32];

/// The challenge of an honest token.
pub const CHALLENGE: [u8; 64] = [0xc4; 64];

/// The keys of one device.
#[derive(Debug)]
pub struct Arm {
    /// Signs platform tokens (CPAK) and PSA tokens (IAK).
    pub key: Key,
    /// Signs realm tokens (RAK).
    pub realm_key: Key,
}

/// The profiles of CCA tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cca {
    /// `http://arm.com/CCA-SSD/1.0.0`.
    Ssd1,
    /// `tag:arm.com,2023:cca_platform#1.0.0` and `tag:arm.com,2023:realm#1.0.0`.
    Platform1,
}

/// The profiles of PSA tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Psa {
    /// `PSA_IOT_PROFILE_1`.
    Iot1,
    /// `http://arm.com/psa/2.0.0`.
    Psa2,
    /// `tag:psacertified.org,2023:psa#tfm`.
    Tfm,
}

/// One token in the making. Change its claims or envelope for a crime.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its claims.
    pub claims: Map,
    /// Its envelope.
    pub envelope: Envelope,
}

/// A CCA token in the making.
#[derive(Clone, Debug)]
pub struct CcaToken {
    /// The platform token.
    pub platform: Token,
    /// The realm token.
    pub realm: Token,
}

impl Default for Arm {
    fn default() -> Self {
        Self::new(Algorithm::P384)
    }
}

impl Arm {
    /// A device with new keys; its own of this kind, the realm manager's P-384.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self { key: Key::new(algorithm), realm_key: Key::new(Algorithm::P384) }
    }

    /// Honest tokens of a platform in service, its own signed as `algorithm` says.
    #[must_use]
    pub fn cca(&self, profile: Cca, algorithm: Algorithm) -> CcaToken {
        let realm_key = match profile {
            Cca::Ssd1 => self.realm_key.public(),
            Cca::Platform1 => cose_key(&self.realm_key, 2),
        };
        let name = match profile {
            Cca::Ssd1 => "http://arm.com/CCA-SSD/1.0.0",
            Cca::Platform1 => "tag:arm.com,2023:cca_platform#1.0.0",
        };
        let platform = Map::of_numbers(&[
            (265, cbor::text(name)),
            (10, cbor::bytes(&sha256(&realm_key))),
            (2396, cbor::bytes(&[0x22; 32])),
            (256, cbor::bytes(&INSTANCE_ID)),
            (2401, cbor::bytes(&[0xcf; 4])),
            (2395, cbor::number(0x3001)),
            (2402, cbor::text("sha-256")),
            (2399, cbor::array(&[component("BL1"), component("RMM")])),
            (2400, cbor::text("https://verifier.example")),
        ]);
        let mut realm = Map::of_numbers(&[
            (10, cbor::bytes(&CHALLENGE)),
            (44_235, cbor::bytes(&[MANIFEST, [0; 32]].concat())),
            (44_236, cbor::text("sha-256")),
            (44_237, cbor::bytes(&realm_key)),
            (44_238, cbor::bytes(&[0x51; 32])),
            (44_239, cbor::array(&[1, 2, 3, 4].map(|byte: u8| cbor::bytes(&[byte; 32])))),
            (44_240, cbor::text("sha-256")),
        ]);
        if profile == Cca::Platform1 {
            realm.push(&cbor::number(265), cbor::text("tag:arm.com,2023:realm#1.0.0"));
        }
        CcaToken {
            platform: Token { claims: platform, envelope: Envelope::of(algorithm) },
            realm: Token { claims: realm, envelope: Envelope::of(Algorithm::P384) },
        }
    }

    /// Signs both tokens and puts them together.
    #[must_use]
    pub fn sign_cca(&self, token: &CcaToken) -> Vec<u8> {
        collection(&token.platform.seal(&self.key), &token.realm.seal(&self.realm_key))
    }

    /// An honest token of a device in service.
    #[must_use]
    pub fn psa(&self, profile: Psa, algorithm: Algorithm) -> Token {
        let software = cbor::array(&[component("BL"), component("PRoT")]);
        let (instance_id, implementation_id) = (cbor::bytes(&INSTANCE_ID), cbor::bytes(&[0x22; 32]));
        let (client_id, lifecycle) = (cbor::number(-2), cbor::number(0x3000));
        let (nonce, seed) = (cbor::bytes(&[0x0e; 32]), cbor::bytes(&[0x5e; 32]));
        let service = cbor::text("https://verifier.example");
        let claims = match profile {
            Psa::Iot1 => Map::of_numbers(&[
                (-75_000, cbor::text("PSA_IOT_PROFILE_1")),
                (-75_001, client_id),
                (-75_002, lifecycle),
                (-75_003, implementation_id),
                (-75_004, seed),
                (-75_005, cbor::text("1234567890123")),
                (-75_006, software),
                (-75_008, nonce),
                (-75_009, instance_id),
                (-75_010, service),
            ]),
            Psa::Psa2 | Psa::Tfm => Map::of_numbers(&[
                (
                    265,
                    cbor::text(if profile == Psa::Tfm {
                        "tag:psacertified.org,2023:psa#tfm"
                    } else {
                        "http://arm.com/psa/2.0.0"
                    }),
                ),
                (2394, client_id),
                (2395, lifecycle),
                (2396, implementation_id),
                (if profile == Psa::Tfm { 268 } else { 2397 }, seed),
                (2398, cbor::text("1234567890123-12345")),
                (2399, software),
                (10, nonce),
                (256, instance_id),
                (2400, service),
            ]),
        };
        Token { claims, envelope: Envelope::of(algorithm) }
    }

    /// Signs a PSA token.
    #[must_use]
    pub fn sign_psa(&self, token: &Token) -> Vec<u8> {
        token.seal(&self.key)
    }
}

impl Token {
    /// Changes a claim, or adds it.
    pub fn set(&mut self, claim: i64, value: Vec<u8>) {
        self.claims.set(&cbor::number(claim), value);
    }

    /// Takes out a claim.
    pub fn remove(&mut self, claim: i64) {
        self.claims.remove(&cbor::number(claim));
    }

    /// Signs it by any key.
    #[must_use]
    pub fn seal(&self, key: &Key) -> Vec<u8> {
        self.envelope.seal(&self.claims.encode(), key)
    }
}

impl CcaToken {
    /// Puts another key into the realm token and makes the platform vouch for it.
    pub fn set_realm_key(&mut self, encoded: &[u8]) {
        self.realm.set(44_237, cbor::bytes(encoded));
        self.platform.set(10, cbor::bytes(&sha256(encoded)));
    }
}

/// A software component of an honest token.
#[must_use]
pub fn component(kind: &str) -> Vec<u8> {
    component_map(kind).encode()
}

/// The same, in the making.
#[must_use]
pub fn component_map(kind: &str) -> Map {
    Map::of_numbers(&[
        (1, cbor::text(kind)),
        (2, cbor::bytes(&[0x33; 32])),
        (4, cbor::text("1.2.3")),
        (5, cbor::bytes(&[0x44; 32])),
        (6, cbor::text("sha-256")),
    ])
}

/// A collection of two tokens.
#[must_use]
pub fn collection(platform: &[u8], realm: &[u8]) -> Vec<u8> {
    let map = Map::of_numbers(&[(44_234, cbor::bytes(platform)), (44_241, cbor::bytes(realm))]);
    cbor::tag(399, &map.encode())
}

/// A COSE_Key of an EC key on COSE's curve of this number [RFC 9053 §7.1.1].
#[must_use]
pub fn cose_key(key: &Key, curve: i64) -> Vec<u8> {
    cose_key_map(key, curve).encode()
}

/// The same, in the making.
#[must_use]
pub fn cose_key_map(key: &Key, curve: i64) -> Map {
    let point = key.public();
    let coordinates = point.get(1..).unwrap_or_default();
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    Map::of_numbers(&[(1, cbor::number(2)), (-1, cbor::number(curve)), (-2, cbor::bytes(x)), (-3, cbor::bytes(y))])
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}
