//! `snp` evidence: AMD SEV-SNP attestation reports, versions 2 to 5, of Milan, Genoa (with Bergamo and Siena) and Turin.
//!
//! The bytes are the report (1184 bytes), optionally followed by the certificate table that the host hands out with it
//! (`SNP_GET_EXT_REPORT`, `auxblob` of configfs-tsm). Certificates that the table lacks come from the endorsements.
//!
//! ```text
//! report, 1184 bytes, little-endian: 672 signed, 512 signature
//! table:  { GUID [16], offset u32, length u32 }*, 24 zero bytes, then the certificates (DER), padded with zeros
//! ```
//!
//! A report is of the chip and the firmware versions (security patch levels, 0 to 255 each) that the certificate of its
//! signing key states: a VCEK is one chip's, a VLEK one cloud's. Reported as claims for appraisal to judge: VMPL, migration,
//! SMT, memory encryption, chip identity or that it is masked, launch and current TCB, mitigations.
//!
//! Sources: AMD 56860 (SEV-SNP firmware ABI, rev. 1.58), 57230 (VCEK and VLEK certificates, KDS), 56421 (GHCB).
//!
//! ```
//! use casemate_cose::UnixTime;
//! use casemate_evidence::{Endorsements, Evidence, Format, Platform, Stated, authenticate};
//!
//! // The ARKs are built in; ASK and VCEK come with the evidence or as `Endorsement::Certificate`.
//! fn vmpl(report: Vec<u8>, nonce: [u8; 64], at: UnixTime) -> Result<u32, casemate_evidence::Refusal> {
//!     let evidence = Evidence::new(Format::Snp, report);
//!     let authentic = authenticate(&evidence, &Endorsements::of_vendors(), &Stated::new(nonce.to_vec()), at)?;
//!     match &authentic.claims().platform {
//!         Platform::Snp(claims) => Ok(claims.vmpl),
//!         _ => unreachable!("the evidence is `snp`"),
//!     }
//! }
//!
//! let refusal = vmpl(vec![0; 1183], [7; 64], UnixTime(1_780_000_000)).unwrap_err();
//! assert_eq!(refusal.rule(), "snp-layout");
//! ```

mod abi;
mod claims;
mod endorsements;
mod flaw;
mod tcb;
mod verify;

pub use abi::{CARRIED_BYTES_MAX, Cpuid, Firmware, Mitigations, REPORT_BYTES};
pub use claims::{Claims, PlatformInfo, Policy};
pub use endorsements::{Product, VekKind};
pub use flaw::Flaw;
pub use tcb::{Component, Tcb};
pub use verify::STEPS;

pub(crate) use abi::Carried;
pub(crate) use verify::{verify, verify_report};
