//! TPM 2.0 quotes: a TPM's signature over its PCRs, with the log of what was measured into them.
//!
//! What it proves: a TPM that holds the attestation key (AK) had these PCR values when it was asked. Whose TPM that is, the AK's
//! endorsement says: a certificate below an [anchor](crate::Vendor::Tpm), or the key itself ([`crate::KeyOwner::Tpm`]). Where the host
//! runs the TPM (a vTPM), the quote is worth the host's word.
//!
//! Sources: TPM 2.0 Library, part 1 (architecture) and part 2 (structures), revision 1.59; TCG PC Client Platform Firmware
//! Profile 1.06. Bytes: docs/formats/evidence-tpm.md; clock in milliseconds; numbers of the TPM big-endian, of the log little-endian.
//! `tpm2-tools` and `go-tpm-tools` make the parts; [`go_tpm_tools`] reads the latter's files.
//!
//! ```no_run
//! use casemate_evidence::{Endorsement, Endorsements, Evidence, Format, KeyOwner, Platform, Stated, authenticate};
//! # fn example(bytes: Vec<u8>, spki: Vec<u8>, nonce: Vec<u8>, at: casemate_cose::UnixTime) -> Result<(), casemate_evidence::Refusal> {
//! let ak = Endorsement::Key { owner: KeyOwner::Tpm, id: Vec::new(), spki };
//! let evidence = Evidence::new(Format::Tpm, bytes);
//! let authentic = authenticate(&evidence, &Endorsements::default().with(ak), &Stated::new(nonce), at)?;
//! if let Platform::Tpm(claims) = &authentic.claims().platform {
//!     for pcr in &claims.quote.pcrs {
//!         println!("{} {} {:02x?}", pcr.bank, pcr.index, pcr.value);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod abi;
mod ak;
mod claims;
mod endorsements;
mod flaw;
pub mod go_tpm_tools;
mod pcrs;
mod verify;

pub use abi::{CERTIFICATES_MAX, COMMAND_LINE_BYTES_MAX, PCRS_MAX, Parts, PcrValue};
pub use claims::{AttestationKey, Claims, KeySource, Log, Pcr, Quote};
pub use flaw::Flaw;
pub use verify::STEPS;

pub(crate) use abi::{Attest, Signature, SignatureKind, bounded, elements, pcr_rows};
pub(crate) use ak::{PublicKey, rsa};
pub(crate) use pcrs::{check_log, check_pcrs};
pub(crate) use verify::{Signed, verify};
