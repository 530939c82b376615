//! Why `dice` evidence was refused.

use crate::{ChainFlaw, flaw::flaws, wire::WireError};

flaws! {
    /// Why `dice` evidence was refused. Exhaustive, so that a new reason breaks every consumer at compile time.
    {
        /// The chain does not hold.
        /// Fault: whoever sent it, or the verifier's endorsements. Remedy: see the flaw.
        Chain { flaw: ChainFlaw } at 2, "dice-chain":
            "the chain of certificates does not hold: {flaw}", expected "certificates below an endorsed root, valid, not revoked",
            actual "{flaw}", remedy "endorse the device maker's root, or get the chain again";
        /// A certificate's key is for another purpose.
        /// Fault: the device. Remedy: none.
        KeyPurpose { certificate: String, expected: &'static str } at 3, "dice-key-purpose":
            "the key of certificate `{certificate}` is not for {expected}", expected "a key for {expected}",
            actual "a key for something else", remedy "get the chain of the device's attestation key";
        /// The bytes are not what the format says.
        /// Fault: whoever sent it. Remedy: get it again.
        Layout { error: WireError } at 1, "dice-layout":
            "the evidence is malformed: {error}",
            expected "a chain of certificates, or `[chain, report data, signature]`", actual "{error}",
            remedy "get the evidence again from where it was made";
        /// The leaf's key makes no signatures that are read here.
        /// Fault: the device. Remedy: none.
        LeafKey { certificate: String } at 5, "dice-leaf-key":
            "the key of certificate `{certificate}` may sign no report data",
            expected "a P-256, P-384 or Ed25519 key for digital signatures", actual "another",
            remedy "have the report data signed by the device's attestation key";
        /// No certificate measures anything.
        /// Fault: the device. Remedy: none.
        NoTcbInfo {} at 4, "dice-no-tcb-info":
            "no certificate carries TcbInfo", expected "TcbInfo or MultiTcbInfo in one certificate at least", actual "none",
            remedy "get the whole chain, from a device that measures its firmware";
        /// The leaf's signature over the report data does not verify.
        /// Fault: whoever sent it. Remedy: get it again.
        Signature {} at 5, "dice-signature":
            "the signature over the report data does not verify", expected "a signature by the leaf's key", actual "another",
            remedy "get the evidence again from where it was made";
        /// A measurement is malformed.
        /// Fault: the device. Remedy: none.
        TcbInfo { certificate: String, error: WireError } at 4, "dice-tcb-info":
            "the measurements in certificate `{certificate}` are malformed: {error}", expected "TcbInfo as the TCG has it",
            actual "{error}", remedy "update the device's firmware, or Casemate if the measurement is of a new kind";
        /// A certificate has both extensions for measurements.
        /// Fault: the device. Remedy: none.
        TcbInfoTwice { certificate: String } at 4, "dice-tcb-info-twice":
            "certificate `{certificate}` carries both TcbInfo and MultiTcbInfo", expected "one of them", actual "both",
            remedy "update the device's firmware";
        /// A device identifier is malformed.
        /// Fault: the device. Remedy: none.
        Ueid { certificate: String, error: WireError } at 4, "dice-ueid":
            "the UEID in certificate `{certificate}` is malformed: {error}", expected "an OCTET STRING of 1 to 64 bytes",
            actual "{error}", remedy "update the device's firmware";
    }
}

impl From<ChainFlaw> for Flaw {
    fn from(flaw: ChainFlaw) -> Self {
        Self::Chain { flaw }
    }
}
