//! Why GPU evidence is refused.

use super::{OcspFlaw, RimFlaw};
use crate::{ChainFlaw, flaw::flaws, wire::WireError};

flaws! {
    /// Why `gpu` evidence was refused. Exhaustive, so that a new reason breaks every consumer at compile time.
    {
        /// The bytes are not what the specification says.
        /// Fault: whoever sent it. Remedy: get it again.
        Layout { error: WireError } at 1, "gpu-layout":
            "the report is malformed: {error}", expected "an SPDM 1.1 request and its signed answer", actual "{error}",
            remedy "get the evidence again from the driver";

        /// The certificates are not NVIDIA's for a device.
        /// Fault: the device, or whoever sent it. Remedy: get its chain again; replace a revoked device.
        Chain { error: ChainFlaw } at 2, "gpu-chain":
            "the device's certificates do not hold: {error}", expected "a chain to NVIDIA's device root", actual "{error}",
            remedy "get the certificates again from the device; if it was revoked, use another";

        /// An OCSP answer says no, or is none.
        /// Fault: the device's, or whoever fetched the answer. Remedy: use another device, or fetch it again.
        Ocsp { certificate: String, error: OcspFlaw } at 3, "gpu-ocsp":
            "the status of certificate `{certificate}`: {error}", expected "a current answer `good`", actual "{error}",
            remedy "fetch the answer again; if the certificate was revoked or is on hold, use another device";

        /// The firmware that signed is not the one that the certificate names.
        /// Fault: the device. Remedy: update its firmware.
        FirmwareId { certificate: String, report: String } at 4, "gpu-firmware-id":
            "the report names firmware `{report}`, the certificate `{certificate}`", expected "firmware {certificate}",
            actual "firmware {report}", remedy "get report and certificates again from one device, together";

        /// The signature does not verify.
        /// Fault: whoever sent it. Remedy: get it again.
        Signature {} at 5, "gpu-signature":
            "the report's signature does not verify", expected "a P-384 signature of the device over request and answer",
            actual "another", remedy "get the evidence again from the driver";

        /// A reference manifest is not genuine.
        /// Fault: whoever fetched it. Remedy: fetch it again.
        Rim { name: String, error: RimFlaw } at 6, "gpu-rim":
            "the reference manifest `{name}` does not hold: {error}", expected "a manifest that NVIDIA signed",
            actual "{error}", remedy "fetch the manifest again from NVIDIA's service";
    }
}

impl From<WireError> for Flaw {
    fn from(error: WireError) -> Self {
        Self::Layout { error }
    }
}

impl From<ChainFlaw> for Flaw {
    fn from(error: ChainFlaw) -> Self {
        Self::Chain { error }
    }
}
