//! Attestation keys of devices, made known one by one and found by the id that evidence names: Arm's CPAK and IAK.

use std::sync::Arc;

use casemate_cose::Digest;

use crate::{
    Endorsement, KeyKind, KeyOwner, Support, Window, WireError,
    cache::Context,
    crypto::{BadSignature, ParsedKey},
    wire::cose::{Algorithm, Sign1},
    x509::Spki,
};

/// What is known of one device's keys, ready for one algorithm.
#[derive(Debug)]
pub(crate) struct DeviceKey {
    /// Each with the SHA-256 of its `SubjectPublicKeyInfo`.
    keys: Vec<(Digest, ParsedKey)>,
    pub(crate) support: Support,
}

/// Why there is no key to look at a signature with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum DeviceKeyFlaw {
    /// The device has keys, but none that the algorithm is for.
    Kind { actual: KeyKind },
    /// What was made known as a key is none.
    Malformed(WireError),
    /// Nobody made a key of this device known.
    Unknown,
}

impl DeviceKey {
    /// The keys of device `id` for `algorithm`.
    pub(crate) fn find(
        context: &Context<'_>,
        owner: KeyOwner,
        id: &[u8],
        algorithm: Algorithm,
    ) -> Result<Arc<Self>, DeviceKeyFlaw> {
        context.cached(owner.as_str(), &[id, algorithm.name().as_bytes()], || {
            let mut found = Self { keys: Vec::new(), support: Support::default() };
            let mut other = None;
            for item in context.endorsements.items() {
                let Endorsement::Key { owner: its_owner, id: its_id, spki } = item else { continue };
                if *its_owner != owner || its_id != id {
                    continue;
                }
                let key = Spki::parse(spki).map_err(DeviceKeyFlaw::Malformed)?.key;
                if key.kind != algorithm.scheme().key_kind() {
                    other = Some(key.kind);
                    continue;
                }
                let parsed = key.parse(algorithm.scheme()).map_err(|_| not_a_key(spki))?;
                found.keys.push((Digest::of(spki), parsed));
                found.support.add(item.kind(), hex::encode(id), spki, Window::ALWAYS);
            }
            match other {
                _ if !found.keys.is_empty() => Ok((found, Window::ALWAYS)),
                Some(actual) => Err(DeviceKeyFlaw::Kind { actual }),
                None => Err(DeviceKeyFlaw::Unknown),
            }
        })
    }

    /// Verifies the envelope's signature by any of them (a device may have been given a new key), and says by which: the
    /// SHA-256 of its `SubjectPublicKeyInfo`.
    pub(crate) fn verify(&self, envelope: &Sign1<'_>) -> Result<Digest, BadSignature> {
        let signer = self.keys.iter().find(|(_, key)| envelope.verify_parsed(key).is_ok());
        signer.map(|(digest, _)| *digest).ok_or(BadSignature)
    }
}

fn not_a_key(spki: &[u8]) -> DeviceKeyFlaw {
    let actual = hex::encode(spki);
    DeviceKeyFlaw::Malformed(WireError::Value { field: "subjectPublicKey", expected: "a point on the curve", actual })
}
