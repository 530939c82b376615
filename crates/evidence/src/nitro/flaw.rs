//! Why AWS Nitro attestation documents are refused.

use casemate_cose::UnixTime;

use super::AHEAD_S_MAX;
use crate::{
    ChainFlaw,
    flaw::flaws,
    wire::{WireError, cose::CoseFlaw},
};

flaws! {
    /// Why `nitro` evidence was refused. Exhaustive, so that a new reason breaks every consumer at compile time.
    {
        /// The envelope names another algorithm than ES384, or none that it protects.
        /// Fault: whoever sent it. Remedy: get it again.
        Algorithm { actual: String } at 2, "nitro-algorithm":
            "the document's algorithm is `{actual}`", expected "ES384 (-35) in the protected header", actual "algorithm `{actual}`",
            remedy "get the document again from the enclave; AWS signs with ES384 only";
        /// The bundle is not the root and the intermediates below it.
        /// Fault: whoever sent it. Remedy: get it again.
        Bundle { actual: Vec<String> } at 5, "nitro-cabundle":
            "the bundle of certificates is not the root once and intermediates after it", expected "the root, then each issuer above the next",
            actual "{actual:?}", remedy "get the document again from the enclave";
        /// A certificate does not hold.
        /// Fault: by its reason: an old document, or another hierarchy. Remedy: a new document.
        Chain { error: ChainFlaw } at 5, "nitro-chain":
            "the bundle's certificates do not hold: {error}", expected "a chain to AWS's root, valid at the verifier's time",
            actual "{error}", remedy "ask the enclave for a new document";
        /// The payload is not in the envelope.
        /// Fault: whoever sent it. Remedy: send the document as the enclave's device gave it.
        Detached {} at 1, "nitro-detached":
            "the envelope has no payload", expected "the document inside its envelope", actual "a detached payload",
            remedy "send the document as the enclave's device gave it";
        /// The document is from the verifier's future.
        /// Fault: one of the two clocks. Remedy: set the verifier's by NTP.
        Future { at: UnixTime, actual: UnixTime } at 4, "nitro-future":
            "the document is dated `{actual}`, more than {AHEAD_S_MAX} s after `{at}`", expected "a time until {AHEAD_S_MAX} s after {at}",
            actual "{actual}", remedy "set the verifier's clock by NTP, or judge it at a later time";
        /// The envelope has header parameters besides `alg`.
        /// Fault: whoever sent it. Remedy: get it again.
        Header { actual: String } at 1, "nitro-header":
            "the envelope has the header parameter `{actual}`", expected "`alg`, protected, and nothing else", actual "header parameter `{actual}`",
            remedy "get the document again from the enclave";
        /// The envelope is no COSE_Sign1 as the specification has it.
        /// Fault: whoever sent it. Remedy: get it again.
        Envelope { error: WireError } at 1, "nitro-envelope":
            "the envelope is malformed: {error}", expected "a COSE_Sign1", actual "{error}",
            remedy "get the document again from the enclave";
        /// The document inside its envelope is not what the specification says.
        /// Fault: whoever sent it. Remedy: get it again.
        Layout { error: WireError } at 3, "nitro-layout":
            "the document is malformed: {error}", expected "bytes as the specification has them", actual "{error}",
            remedy "get the document again from the enclave";
        /// The certificate of the document's key does not hold.
        /// Fault: by its reason: an old document, or another hierarchy. Remedy: a new document.
        Leaf { error: ChainFlaw } at 6, "nitro-leaf":
            "the certificate of the document's key does not hold: {error}", expected "a certificate of the bundle's last issuer, valid at the verifier's time",
            actual "{error}", remedy "ask the enclave for a new document: its certificate lives three hours";
        /// A mandatory field is not there.
        /// Fault: whoever sent it. Remedy: get it again.
        Missing { field: &'static str } at 3, "nitro-missing":
            "the document has no `{field}`", expected "`{field}`", actual "a document without it", remedy "get the document again from the enclave";
        /// The bundle does not begin with a pinned root.
        /// Fault: whoever sent it; or the endorsements lack AWS's root. Remedy: endorse that root, if it is AWS's.
        Root { actual: String } at 5, "nitro-root":
            "the bundle of certificates begins with `{actual}`, which is no pinned root", expected "AWS's root first", actual "{actual}",
            remedy "if the enclave runs in another AWS partition, give that partition's root as an endorsement";
        /// The signature does not verify.
        /// Fault: whoever sent it. Remedy: get it again.
        Signature { certificate: String } at 8, "nitro-signature":
            "the document's signature by `{certificate}` does not verify", expected "a signature of `{certificate}`'s key",
            actual "a signature that does not verify", remedy "get the document again from the enclave";
        /// A certificate was not valid when the document was made.
        /// Fault: the hypervisor's clock, or whoever sent it. Remedy: a new document.
        Time { certificate: String, not_before: UnixTime, not_after: UnixTime, actual: UnixTime } at 7, "nitro-time":
            "the document is dated `{actual}`, when certificate `{certificate}` was not valid", expected "a time from {not_before} to {not_after}",
            actual "{actual}", remedy "ask the enclave for a new document";
        /// There is a field that the specification does not have.
        /// Fault: whoever sent it, or a later version of documents. Remedy: update Casemate.
        UnknownField { field: String } at 3, "nitro-unknown-field":
            "the document has the unknown field `{field}`", expected "the fields that AWS's specification lists", actual "field `{field}`",
            remedy "update Casemate, if AWS has added that field";
        /// The leaf's key is not for signing documents.
        /// Fault: whoever sent it. Remedy: get it again.
        Usage { certificate: String } at 6, "nitro-usage":
            "the key of certificate `{certificate}` is not for digital signatures alone", expected "a leaf with key usage digitalSignature",
            actual "`{certificate}`", remedy "get the document again from the enclave";
    }
}

impl From<WireError> for Flaw {
    fn from(error: WireError) -> Self {
        Self::Layout { error }
    }
}

impl From<CoseFlaw> for Flaw {
    fn from(flaw: CoseFlaw) -> Self {
        match flaw {
            CoseFlaw::Algorithm { actual } => Self::Algorithm { actual },
            CoseFlaw::Detached => Self::Detached {},
            CoseFlaw::Header { actual } => Self::Header { actual },
            CoseFlaw::Mac0 => {
                let actual = "tag 17 (COSE_Mac0)".to_owned();
                Self::Envelope { error: WireError::Value { field: "COSE_Sign1", expected: "tag 18", actual } }
            }
            CoseFlaw::Malformed(error) => Self::Envelope { error },
        }
    }
}
