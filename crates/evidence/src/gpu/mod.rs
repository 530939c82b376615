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
//! ```
//! use casemate_evidence::{Anchor, Endorsement, Endorsements, Platform, Stated, Vendor, authenticate, gpu};
//! # use casemate_testkit::{NOW, vendor::nvidia::{Manifest, Nvidia, Report, pem}};
//! # let nvidia = Nvidia::default();
//! # let (report, chain) = (nvidia.sign(&Report::default()), pem(&nvidia.chain(&nvidia.device())));
//! # let rim = nvidia.manifest(&Manifest::default(), &nvidia.rim_certificate()).into_bytes();
//! # let root = |vendor, der: &[u8]| Endorsement::Anchor(Anchor::of_certificate(vendor, der).unwrap());
//! # let (device_root, rim_root) = (nvidia.root.root(), nvidia.rim_root.root());
//! # let (nonce, at) = (vec![5; 32], NOW);
//!
//! // Those of NVIDIA are built in (`Endorsements::of_vendors()`); these are of an NVIDIA of our own.
//! let endorsements = Endorsements::default()
//!     .with(root(Vendor::NvidiaDevice, &device_root))
//!     .with(root(Vendor::NvidiaRim, &rim_root))
//!     .with(Endorsement::Rim(rim));
//! let authentic = authenticate(&gpu::evidence(&report, &chain), &endorsements, &Stated::new(nonce), at)?;
//! let Platform::Gpu(claims) = &authentic.claims().platform else { unreachable!() };
//! let driver = claims.driver_manifest.as_ref().map(|manifest| &manifest.comparison);
//! assert_eq!(driver, Some(&gpu::Comparison::Matched));
//! assert_eq!(claims.why_not_compared(), "none was given"); // of its VBIOS
//! # Ok::<(), casemate_evidence::Refusal>(())
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

pub(crate) use ocsp::{Answered, answered, answers, responder_window};
pub(crate) use verify::verify;
