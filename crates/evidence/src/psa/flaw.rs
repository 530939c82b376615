//! Why Arm PSA tokens are refused.

use super::Lifecycle;
use crate::{
    KeyKind,
    arm::ComponentFlaw,
    flaw::flaws,
    wire::{WireError, cose::CoseFlaw},
};

flaws! {
    /// Why `psa` evidence was refused. Exhaustive, so that a new reason breaks every consumer at compile time.
    {
        /// The token names no algorithm of its profile that it protects.
        /// Fault: whoever sent it. Remedy: get it again.
        Algorithm { actual: String } at 3, "psa-algorithm":
            "the token's algorithm is `{actual}`", expected "ES256, ES384 or ES512 in the protected header", actual "algorithm `{actual}`",
            remedy "get the token again from the device";
        /// The claims are not in the envelope.
        /// Fault: whoever sent it. Remedy: send the token as the device gave it.
        Detached {} at 1, "psa-detached":
            "the envelope has no payload", expected "claims inside their envelope", actual "a detached payload",
            remedy "send the token as the device gave it";
        /// The envelope has header parameters besides `alg` and `kid`.
        /// Fault: whoever sent it. Remedy: get it again.
        Header { actual: String } at 1, "psa-header":
            "the token has the header parameter `{actual}`", expected "`alg`, protected, and at most a `kid`", actual "header parameter `{actual}`",
            remedy "get the token again from the device";
        /// What was endorsed as the device's key is none.
        /// Fault: the endorsements. Remedy: correct them.
        Key { error: WireError } at 4, "psa-key":
            "the endorsed key of the device is malformed: {error}", expected "a SubjectPublicKeyInfo", actual "{error}",
            remedy "get the device's key again from its maker";
        /// The device's endorsed key is of another kind than its token's algorithm.
        /// Fault: whoever sent the token, or the endorsements. Remedy: compare them.
        KeyKind { expected: KeyKind, actual: KeyKind } at 4, "psa-key-kind":
            "the token is signed by a {expected:?} key, the endorsed one is {actual:?}", expected "a {expected:?} key", actual "a {actual:?} key",
            remedy "get the device's key again from its maker, and the token from the device";
        /// The envelope is no COSE_Sign1 as the specification has it.
        /// Fault: whoever sent it. Remedy: get it again.
        Envelope { error: WireError } at 1, "psa-envelope":
            "the envelope is malformed: {error}", expected "a COSE_Sign1", actual "{error}",
            remedy "get the token again from the device";
        /// The token inside its envelope is not what the specification says.
        /// Fault: whoever sent it. Remedy: get it again.
        Layout { error: WireError } at 2, "psa-layout":
            "the token is malformed: {error}", expected "bytes as the specification has them", actual "{error}",
            remedy "get the token again from the device";
        /// The device's root of trust can be looked into, or isn't in service: what it signs is worth nothing.
        /// Fault: the device's owner. Remedy: use a device in service.
        Lifecycle { actual: Lifecycle } at 6, "psa-lifecycle":
            "the device's lifecycle state is `{actual}`", expected "`secured`", actual "`{actual}`",
            remedy "use a device that is in service and not being debugged";
        /// The token is authenticated by a shared secret.
        /// Fault: whoever sent it. Remedy: none; only signed tokens prove who made them.
        Mac0 {} at 1, "psa-mac0":
            "the token is a COSE_Mac0: whoever can verify it can make it", expected "a COSE_Sign1 (tag 18)", actual "a COSE_Mac0 (tag 17)",
            remedy "use a device that signs its tokens";
        /// A mandatory claim is not there.
        /// Fault: whoever made the token. Remedy: get it again, or update the firmware.
        Missing { claim: &'static str } at 2, "psa-missing":
            "the token has no claim `{claim}`", expected "`{claim}`", actual "a token without it",
            remedy "get the token again from the device; if it lacks that again, update its firmware";
        /// The token names a profile that is not known under its key.
        /// Fault: nobody's. Remedy: update Casemate.
        Profile { actual: String } at 2, "psa-profile":
            "the token's profile is `{actual}`",
            expected "`PSA_IOT_PROFILE_1` under -75000, `http://arm.com/psa/2.0.0` or `tag:psacertified.org,2023:psa#tfm` under 265",
            actual "`{actual}`", remedy "update Casemate, if it knows that profile by now";
        /// The signature does not verify.
        /// Fault: whoever sent it. Remedy: get it again.
        Signature { instance: String } at 5, "psa-signature":
            "the signature of device `{instance}` does not verify", expected "a signature of that device's key", actual "a signature that does not verify",
            remedy "get the token again from the device";
        /// There is a claim that the profile does not have.
        /// Fault: whoever made the token. Remedy: update Casemate, if the profile has it.
        UnknownClaim { key: String } at 2, "psa-unknown-claim":
            "the token has the unknown claim `{key}`", expected "the claims of its profile", actual "claim `{key}`",
            remedy "update Casemate, if a later document has that claim";
        /// Nobody endorsed a key of this device.
        /// Fault: the device is not one that the verifier believes. Remedy: endorse its key, or use another.
        UnknownDevice { instance: String } at 4, "psa-unknown-device":
            "no key of device `{instance}` is endorsed", expected "an endorsed device", actual "instance id `{instance}`",
            remedy "get the device's key from its maker and give it as an endorsement";
        /// The token has software components and says that nothing was measured.
        /// Fault: whoever made the token. Remedy: update the firmware.
        Unmeasured {} at 2, "psa-unmeasured":
            "the token has software components and says that nothing was measured", expected "one of the two", actual "both",
            remedy "update the device's firmware";
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
