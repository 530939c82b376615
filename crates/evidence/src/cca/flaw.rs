//! Why Arm CCA tokens are refused.

use super::Lifecycle;
use crate::{
    KeyKind,
    arm::ComponentFlaw,
    flaw::flaws,
    wire::{WireError, cose::CoseFlaw},
};

flaws! {
    /// Why `cca` evidence was refused. Exhaustive, so that a new reason breaks every consumer at compile time.
    {
        /// A token names no algorithm known here that it protects.
        /// Fault: whoever sent it. Remedy: get it again.
        Algorithm { actual: String } at 2, "cca-algorithm":
            "a token's algorithm is `{actual}`", expected "ES256, ES384, ES512 or EdDSA in the protected header", actual "algorithm `{actual}`",
            remedy "get the token again from the realm";
        /// A token's claims are not in its envelope.
        /// Fault: whoever sent it. Remedy: send the token as the realm manager gave it.
        Detached {} at 2, "cca-detached":
            "a token's envelope has no payload", expected "claims inside their envelope", actual "a detached payload",
            remedy "send the token as the realm manager gave it";
        /// A token has header parameters besides `alg` and `kid`.
        /// Fault: whoever sent it. Remedy: get it again.
        Header { actual: String } at 2, "cca-header":
            "a token has the header parameter `{actual}`", expected "`alg`, protected, and at most a `kid`", actual "header parameter `{actual}`",
            remedy "get the token again from the realm";
        /// The bytes are no collection of a platform token and a realm token.
        /// Fault: whoever sent it. Remedy: get it again.
        Collection { error: WireError } at 1, "cca-collection":
            "the collection is malformed: {error}", expected "a platform token and a realm token under tag 399", actual "{error}",
            remedy "get the token again from the realm";
        /// The envelope is no COSE_Sign1 as the specification has it.
        /// Fault: whoever sent it. Remedy: get it again.
        Envelope { error: WireError } at 2, "cca-envelope":
            "the envelope is malformed: {error}", expected "a COSE_Sign1", actual "{error}",
            remedy "get the token again from the realm";
        /// The token inside its envelope is not what the specification says.
        /// Fault: whoever sent it. Remedy: get it again.
        Layout { error: WireError } at 3, "cca-layout":
            "the token is malformed: {error}", expected "bytes as the specification has them", actual "{error}",
            remedy "get the token again from the realm";
        /// The platform's root of trust can be looked into, or isn't in service: what it signs is worth nothing.
        /// Fault: the platform's operator. Remedy: run on a platform in service.
        Lifecycle { actual: Lifecycle } at 9, "cca-lifecycle":
            "the platform's lifecycle state is `{actual}`", expected "`secured`", actual "`{actual}`",
            remedy "run on a platform that is in service and not being debugged";
        /// A token is authenticated by a shared secret.
        /// Fault: whoever sent it. Remedy: none; only signed tokens prove who made them.
        Mac0 {} at 2, "cca-mac0":
            "a token is a COSE_Mac0: whoever can verify it can make it", expected "a COSE_Sign1 (tag 18)", actual "a COSE_Mac0 (tag 17)",
            remedy "use a platform that signs its tokens";
        /// A mandatory claim is not there.
        /// Fault: whoever made the token. Remedy: get it again, or update the firmware.
        Missing { claim: &'static str } at 3, "cca-missing":
            "the token has no claim `{claim}`", expected "`{claim}`", actual "a token without it",
            remedy "get the token again from the realm; if it lacks that again, update the platform's firmware";
        /// What was endorsed as the platform's key is none.
        /// Fault: the endorsements. Remedy: correct them.
        PlatformKey { error: WireError } at 5, "cca-platform-key":
            "the endorsed key of the platform is malformed: {error}", expected "a SubjectPublicKeyInfo", actual "{error}",
            remedy "get the platform's key again from its maker";
        /// The platform's endorsed key is of another kind than its token's algorithm.
        /// Fault: whoever sent the token, or the endorsements. Remedy: compare them.
        PlatformKeyKind { expected: KeyKind, actual: KeyKind } at 5, "cca-platform-key-kind":
            "the platform token is signed by a {expected:?} key, the endorsed one is {actual:?}", expected "a {expected:?} key", actual "a {actual:?} key",
            remedy "get the platform's key again from its maker, and the token from the realm";
        /// The platform token's signature does not verify.
        /// Fault: whoever sent it. Remedy: get it again.
        PlatformSignature { instance: String } at 6, "cca-platform-signature":
            "the signature of platform `{instance}` does not verify", expected "a signature of that platform's key", actual "a signature that does not verify",
            remedy "get the token again from the realm";
        /// The tokens are of different profiles.
        /// Fault: whoever put them together, or a realm manager that doesn't fit its platform. Remedy: update the firmware.
        Profile { platform: &'static str, actual: String } at 4, "cca-profile":
            "the realm token's profile is `{actual}` beside a platform token of `{platform}`", expected "the profile that goes with `{platform}`",
            actual "`{actual}`", remedy "update the platform's firmware and realm manager together";
        /// The realm's key is not one of its profile's kind.
        /// Fault: the realm manager. Remedy: update it.
        RealmKey { error: WireError } at 8, "cca-realm-key":
            "the realm's key is malformed: {error}", expected "a key as the profile encodes it", actual "{error}",
            remedy "update the platform's realm manager";
        /// The platform vouches for another key than the one that signed the realm token.
        /// Fault: whoever put the two tokens together. Remedy: get them from one realm.
        RealmKeyBinding { expected: String, actual: String } at 7, "cca-realm-key-binding":
            "the platform vouches for another realm key", expected "a key whose hash is {expected}", actual "a key whose hash is {actual}",
            remedy "get both tokens from the same realm; if that is what was sent, something between puts tokens together";
        /// The realm token's signature does not verify.
        /// Fault: whoever sent it. Remedy: get it again.
        RealmSignature {} at 8, "cca-realm-signature":
            "the realm token's signature does not verify", expected "a signature of the realm's key", actual "a signature that does not verify",
            remedy "get the token again from the realm";
        /// There is a claim that the profile does not have.
        /// Fault: whoever made the token. Remedy: update Casemate, if the profile has it.
        UnknownClaim { key: String } at 3, "cca-unknown-claim":
            "the token has the unknown claim `{key}`", expected "the claims of its profile", actual "claim `{key}`",
            remedy "update Casemate, if a later document has that claim";
        /// Nobody endorsed a key of this platform.
        /// Fault: the platform is not one that the verifier believes. Remedy: endorse its key, or run elsewhere.
        UnknownPlatform { instance: String } at 5, "cca-unknown-platform":
            "no key of platform `{instance}` is endorsed", expected "an endorsed platform", actual "instance id `{instance}`",
            remedy "get the platform's key from its maker and give it as an endorsement, or run on a platform that is endorsed";
        /// The platform token names a profile that is not known here.
        /// Fault: nobody's. Remedy: update Casemate.
        UnknownProfile { actual: String } at 4, "cca-unknown-profile":
            "the platform token's profile is `{actual}`",
            expected "`http://arm.com/CCA-SSD/1.0.0` or `tag:arm.com,2023:cca_platform#1.0.0`", actual "`{actual}`",
            remedy "update Casemate, if it knows that profile by now";
    }
}

impl From<WireError> for Flaw {
    fn from(error: WireError) -> Self {
        Self::Layout { error }
    }
}

impl From<ComponentFlaw> for Flaw {
    fn from(flaw: ComponentFlaw) -> Self {
        match flaw {
            ComponentFlaw::Malformed(error) => Self::Layout { error },
            ComponentFlaw::Missing(claim) => Self::Missing { claim },
            ComponentFlaw::Unknown(key) => Self::UnknownClaim { key },
        }
    }
}

impl From<CoseFlaw> for Flaw {
    fn from(flaw: CoseFlaw) -> Self {
        match flaw {
            CoseFlaw::Algorithm { actual } => Self::Algorithm { actual },
            CoseFlaw::Detached => Self::Detached {},
            CoseFlaw::Header { actual } => Self::Header { actual },
            CoseFlaw::Mac0 => Self::Mac0 {},
            CoseFlaw::Malformed(error) => Self::Envelope { error },
        }
    }
}
