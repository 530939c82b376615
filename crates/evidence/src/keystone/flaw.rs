//! Why `keystone` evidence was refused.

use crate::{flaw::flaws, wire::WireError};

flaws! {
    /// Why `keystone` evidence was refused. Exhaustive, so that a new reason breaks every consumer at compile time.
    {
        /// The report's device key was not made known.
        /// Fault: the host is not one that the verifier believes. Remedy: endorse its key, or run elsewhere.
        Device { key: String } at 2, "keystone-device":
            "no endorsed Keystone device has key `{key}`", expected "an endorsed device's key", actual "`{key}`",
            remedy "endorse the device's key, from its maker, or run elsewhere";
        /// The device's key is no usable Ed25519 key.
        /// Fault: whoever endorsed it. Remedy: withdraw it.
        DeviceKey { key: String } at 2, "keystone-device-key":
            "the device key `{key}` is no point of large order", expected "an Ed25519 key", actual "`{key}`",
            remedy "withdraw this endorsement: anybody can sign for such a key";
        /// The security monitor's signature over the enclave's report does not verify.
        /// Fault: whoever sent it. Remedy: get it again.
        EnclaveSignature {} at 4, "keystone-enclave-signature":
            "the enclave report's signature does not verify", expected "a signature by the security monitor's key",
            actual "another", remedy "get the evidence again from where it was made";
        /// The bytes are not what the specification says.
        /// Fault: whoever sent it. Remedy: get it again.
        Layout { error: WireError } at 1, "keystone-layout":
            "the report is malformed: {error}", expected "a Keystone report of 1352 bytes", actual "{error}",
            remedy "get the evidence again from where it was made";
        /// The security monitor's key is no usable Ed25519 key.
        /// Fault: the device. Remedy: none.
        MonitorKey { key: String } at 3, "keystone-sm-key":
            "the security monitor's key `{key}` is no point of large order", expected "an Ed25519 key", actual "`{key}`",
            remedy "don't believe this device: anybody can sign for such a key";
        /// The device's signature over the security monitor does not verify.
        /// Fault: whoever sent it. Remedy: get it again.
        MonitorSignature {} at 3, "keystone-sm-signature":
            "the security monitor's signature does not verify", expected "a signature by the device's key", actual "another",
            remedy "get the evidence again from where it was made";
    }
}

impl From<WireError> for Flaw {
    fn from(error: WireError) -> Self {
        Self::Layout { error }
    }
}
