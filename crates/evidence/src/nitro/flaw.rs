//! Why AWS Nitro attestation documents are refused.

use crate::{flaw::flaws, wire::WireError};

flaws! {
    /// Why `nitro` evidence was refused. Exhaustive, so that a new reason breaks every consumer at compile time.
    {
        /// The bytes are not what the specification says.
        /// Fault: whoever sent it. Remedy: get it again.
        Layout { error: WireError } at 1, "nitro-layout":
            "the evidence is malformed: {error}", expected "bytes as the specification has them", actual "{error}",
            remedy "get the evidence again from where it was made";
    }
}

impl From<WireError> for Flaw {
    fn from(error: WireError) -> Self {
        Self::Layout { error }
    }
}
