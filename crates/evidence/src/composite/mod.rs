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
//! ```no_run
//! use casemate_evidence::{Bound, Endorsements, Evidence, Format, Platform, authenticate};
//! # fn example(bytes: Vec<u8>, bound: Bound, at: casemate_cose::UnixTime) -> Result<(), casemate_evidence::Refusal> {
//! let authentic = authenticate(&Evidence::new(Format::Composite, bytes), &Endorsements::of_vendors(), &bound, at)?;
//! if let Platform::Composite(claims) = &authentic.claims().platform {
//!     println!("{} with {} devices", claims.cpu.format(), claims.devices.len());
//! }
//! # Ok(())
//! # }
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
