//! Azure confidential VMs: a vTPM's quote by a key that the CPU vouches for.
//!
//! Azure's paravisor (HCL) runs inside the confidential VM, below the guest. At boot it makes the vTPM's attestation key (AK), puts
//! it into *runtime data*, and asks the CPU for a report whose report data is the SHA-256 of them. That report is old by the time
//! anybody asks; fresh is the vTPM's quote, over the verifier's nonce, by that AK. So the chain is: CPU's vendor → report → runtime
//! data → AK → quote → PCRs and nonce.
//!
//! The vTPM is inside the VM: unlike a host's vTPM it is not worth the host's word but the paravisor's, which the report measures.
//!
//! Sources: Microsoft's "Guest attestation for confidential VMs" (HCL report, runtime data), the OpenHCL source
//! (`openhcl_attestation_protocol`), and the formats [`crate::snp`], [`crate::dcap`] and [`crate::tpm`] for what is inside. Bytes:
//! docs/formats/evidence-azure.md.
//!
//! ```no_run
//! use casemate_evidence::{Endorsements, Evidence, Format, Platform, Stated, authenticate};
//! # fn example(bytes: Vec<u8>, nonce: Vec<u8>, at: casemate_cose::UnixTime) -> Result<(), casemate_evidence::Refusal> {
//! let authentic = authenticate(&Evidence::new(Format::Azure, bytes), &Endorsements::of_vendors(), &Stated::new(nonce), at)?;
//! if let Platform::Azure(claims) = &authentic.claims().platform {
//!     println!("VM {} on {:?}", claims.vm.unique_id, claims.hardware.isolation);
//! }
//! # Ok(())
//! # }
//! ```

mod abi;
mod claims;
mod endorsements;
mod flaw;
mod verify;

pub use abi::{HCL_REPORT_BYTES_MAX, Parts, RUNTIME_DATA_BYTES_MAX};
pub use claims::{Claims, VmConfiguration};
pub use flaw::Flaw;
pub use verify::STEPS;

pub(crate) use verify::verify;
