//! Verifies Arm CCA tokens. [RMM: Arm DEN0137 1.0-rel0]
//!
//! 1. Collection: tag 399, a platform token and a realm token, nothing else, at most 32 KiB. [RMM §A7.2.3]
//! 2. Envelopes: two COSE_Sign1 with tag 18, algorithms protected. [RMM §A7.2.3; RFC 9052 §4.2]
//! 3. Claims: of each token every mandatory one, none unknown or twice, sizes and types right. [RMM §A7.2.3.1, §A7.2.3.2]
//! 4. Profiles: known, and both tokens' the same. [RMM §A7.2.3.1.2, §A7.2.3.2.1]
//! 5. The platform's key is endorsed for its instance id, and is of the algorithm's kind. [RMM §A7.2.3.2.4]
//! 6. Platform signature, over the received protected header and payload. [RFC 9052 §4.4]
//! 7. Binding of the tokens: the platform challenge is the hash of the realm's key as encoded. [RMM §A7.2.3.2.2]
//! 8. Realm signature, by that key. [RMM §A7.2.3; RFC 9052 §4.4]
//! 9. Lifecycle: the platform's root of trust is intact. [RMM §A7.2.3.2.6; RFC 9783 §4.3.1]
//!
//! With a warm cache, step 5 is a comparison of hashes. Debug mode, manifest and binding: [`crate::authenticate`].

use super::{Flaw, abi::Collection, claims::claims, endorsements::platform_key, platform::Platform, realm::Realm};
use crate::{
    Step, Verified,
    cache::Context,
    wire::cose::{Form, Sign1},
};

/// The steps, in order.
pub const STEPS: &[Step] = &[
    Step {
        number: 1,
        text: "the collection holds a platform token and a realm token",
        source: "DEN0137 1.0-rel0 §A7.2.3",
    },
    Step {
        number: 2, text: "each token is a tagged COSE_Sign1 with its algorithm protected", source: "RFC 9052 §4.2"
    },
    Step {
        number: 3,
        text: "every mandatory claim is there, none is unknown, sizes are right",
        source: "DEN0137 1.0-rel0 §A7.2.3.1, §A7.2.3.2",
    },
    Step {
        number: 4,
        text: "both tokens are of one known profile",
        source: "DEN0137 1.0-rel0 §A7.2.3.1.2, §A7.2.3.2.1",
    },
    Step {
        number: 5,
        text: "the platform's key is endorsed for its instance id",
        source: "DEN0137 1.0-rel0 §A7.2.3.2.4",
    },
    Step {
        number: 6,
        text: "the platform token's signature verifies, over the bytes as received",
        source: "RFC 9052 §4.4",
    },
    Step {
        number: 7,
        text: "the platform token names the hash of the realm's key",
        source: "DEN0137 1.0-rel0 §A7.2.3.2.2",
    },
    Step { number: 8, text: "the realm token's signature by that key verifies", source: "RFC 9052 §4.4" },
    Step { number: 9, text: "the platform's root of trust is intact", source: "DEN0137 1.0-rel0 §A7.2.3.2.6" },
];

/// Verifies a token.
pub(crate) fn verify(bytes: &[u8], context: &Context<'_>) -> Result<Verified, Flaw> {
    // 1
    let collection = Collection::parse(bytes)?;
    // 2
    let platform_envelope = Sign1::parse(collection.platform, Form::Tagged)?;
    let realm_envelope = Sign1::parse(collection.realm, Form::Tagged)?;
    // 3
    let platform = Platform::parse(platform_envelope.payload)?;
    let realm = Realm::parse(realm_envelope.payload)?;
    // 4
    if realm.profile != platform.profile.realm() {
        let actual = realm.profile.unwrap_or("none").escape_debug().to_string();
        return Err(Flaw::Profile { platform: platform.profile.as_str(), actual });
    }
    // 5
    let key = platform_key(context, platform.instance_id, platform_envelope.algorithm)?;
    // 6
    let signer = key
        .verify(&platform_envelope)
        .map_err(|_| Flaw::PlatformSignature { instance: hex::encode(platform.instance_id) })?;
    // 7
    let (hash, _) = realm.public_key_hash;
    let digest = hash.of(&[realm.public_key]);
    if digest.as_ref() != platform.challenge {
        let (expected, actual) = (hex::encode(platform.challenge), hex::encode(digest.as_ref()));
        return Err(Flaw::RealmKeyBinding { expected, actual });
    }
    // 8
    let realm_key = realm.key(platform.profile, realm_envelope.algorithm)?;
    realm_envelope.verify(&realm_key.key()).map_err(|_| Flaw::RealmSignature {})?;
    // 9
    let (lifecycle, _) = platform.lifecycle;
    if !lifecycle.is_trustworthy() {
        return Err(Flaw::Lifecycle { actual: lifecycle });
    }
    Ok(Verified { claims: claims(&platform, &realm, signer, context.at), support: key.support.clone() })
}
