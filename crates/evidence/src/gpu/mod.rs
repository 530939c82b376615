//! NVIDIA GPU evidence: SPDM measurements of a Hopper GPU in confidential-computing mode.
//!
//! A driver asks the GPU for `GET_MEASUREMENTS` with a 32-byte nonce; the GPU answers with up to 64 measurements of 48 bytes, a
//! list of facts about itself and its driver, and a P-384 signature over request and answer. The signing key's certificates
//! lead to NVIDIA's device root. Whether the measurements are those that NVIDIA published is told by reference integrity
//! manifests (RIMs) for driver and VBIOS, which are signed XML. [DMTF DSP0274 1.1; nvtrust attestation_sdk; DSP0231]
//!
//! Evidence is CBOR `[report, certificates]`: [`evidence`] makes it. docs/formats/evidence-gpu.md
//!
//! A GPU is no keep: its claims have no isolation. [`crate::composite`] binds it to a CPU.
//!
//! ```no_run
//! use casemate_cose::UnixTime;
//! use casemate_evidence::{DangerouslyUnbound, Endorsement, Endorsements, authenticate, gpu};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (report, chain) = (std::fs::read("report.bin")?, std::fs::read("chain.pem")?);
//! let evidence = gpu::evidence(&report, &chain);
//! let rim = Endorsement::Rim(std::fs::read("driver_rim.xml")?);
//! let authentic = authenticate(&evidence, &Endorsements::of_vendors().with(rim), &DangerouslyUnbound, UnixTime(1_795_312_496))?;
//! println!("{:?}", authentic.claims().facts());
//! # Ok(()) }
//! ```

mod abi;
mod claims;
mod endorsements;
mod flaw;
mod ocsp;
mod rim;
mod verify;

pub use abi::{GPU_EVIDENCE_BYTES_MAX, MEASUREMENTS_MAX, evidence};
pub use claims::{Claims, Comparison, Manifest};
pub use flaw::Flaw;
pub use ocsp::OcspFlaw;
pub use rim::RimFlaw;
pub use verify::STEPS;

pub(crate) use verify::verify;
