//! Composite evidence: a CPU's, and that of devices bound to it, each by its own format and none folded into another.
//!
//! The CPU's evidence comes first; it alone says where the keep is, under which manifest, and for whom (report data). A device is
//! bound to it by its nonce: that is made from the CPU's report data, by [`crate::Field`]. Who asks for both therefore asks with one
//! binding, and a device's evidence made for another CPU's doesn't fit.
//!
//! What this does *not* prove: that a device sits in the same machine. A nonce can be relayed to a device elsewhere. How far a
//! device's key is tied to this CPU, its own endorsement says ([`Device::tie`]).
//!
//! Bytes: docs/formats/evidence-composite.md.
//!
//! ```
//! use casemate_evidence::{Endorsements, Evidence, Field, Format, Platform, Stated, authenticate, composite, gpu};
//! # use casemate_evidence::{Anchor, Endorsement, Vendor};
//! # use casemate_testkit::{NOW, vendor::{amd::{self, Amd, Line}, nvidia::{self, Nvidia, pem}}};
//! # let (amd, nvidia, at) = (Amd::new(Line::Milan), Nvidia::default(), NOW);
//! # let root = |vendor, der: Vec<u8>| Endorsement::Anchor(Anchor::of_certificate(vendor, &der).unwrap());
//! # let mut report = amd::Report::of(Line::Milan);
//! # let endorsements = Endorsements::default().with_all([
//! #     root(Vendor::Amd, amd.ark.root()),
//! #     root(Vendor::NvidiaDevice, nvidia.root.root()),
//! #     Endorsement::Certificate(amd.ark.issue(&amd.ask_certificate())),
//! #     Endorsement::Certificate(amd.vcek(&report).issue(&amd.ask)),
//! # ]);
//! # let mut snp_report = |report_data: &[u8; 64]| {
//! #     report.put(amd::at::REPORT_DATA, report_data);
//! #     report.sign(&amd.vcek)
//! # };
//! # let gpu_report = |nonce: Vec<u8>| {
//! #     nvidia.sign(&nvidia::Report { nonce: nonce.try_into().unwrap(), ..nvidia::Report::default() })
//! # };
//! # let chain = pem(&nvidia.chain(&nvidia.device()));
//!
//! // The CPU is asked with 64 bytes, the GPU with a nonce that is made from them.
//! let asked = [7; 64];
//! let cpu = Evidence::new(Format::Snp, snp_report(&asked));
//! let device = gpu::evidence(&gpu_report(Field::GpuNonce.of(&asked)), &chain);
//! let evidence = composite::evidence(&cpu, &[device]);
//!
//! let authentic = authenticate(&evidence, &endorsements, &Stated::new(asked.to_vec()), at)?;
//! let Platform::Composite(claims) = &authentic.claims().platform else { unreachable!() };
//! assert_eq!((claims.cpu.format(), claims.devices.len()), (Format::Snp, 1));
//! # Ok::<(), casemate_evidence::Refusal>(())
//! ```

mod abi;
mod claims;
mod flaw;
mod verify;

pub use abi::{PARTS_MAX, evidence, evidence_of_one_nonce};
pub use claims::{Claims, Device, Tie};
pub use flaw::Flaw;
pub use verify::STEPS;

pub(crate) use verify::verify;
