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
//! ```
//! use casemate_evidence::{Endorsements, Evidence, Format, Platform, Stated, authenticate};
//! # use casemate_evidence::{Anchor, Endorsement, Vendor};
//! # use casemate_testkit::{NOW, vendor::{azure::Azure, eventlog::{Log, SHA256}, tpm::{COMMAND_LINE, Quote}}};
//! # let (azure, log, line) = (Azure::default(), Log::boot(&[SHA256], COMMAND_LINE), COMMAND_LINE);
//! # let quote = Quote { qualifying_data: b"a nonce".to_vec(), ..Quote::of(&log, SHA256, SHA256) };
//! # let bytes = azure.evidence(&quote, &log, line).encode();
//! # let root = Anchor::of_certificate(Vendor::Amd, &azure.amd.ark.root()).unwrap();
//! # let endorsements = Endorsements::default().with(Endorsement::Anchor(root));
//! # let (nonce, at) = (b"a nonce".to_vec(), NOW);
//!
//! let authentic = authenticate(&Evidence::new(Format::Azure, bytes), &endorsements, &Stated::new(nonce), at)?;
//! let Platform::Azure(claims) = &authentic.claims().platform else { unreachable!() };
//! println!("VM {} on {:?}", claims.vm.unique_id, claims.hardware.isolation);
//! # Ok::<(), casemate_evidence::Refusal>(())
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
