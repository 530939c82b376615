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
//! ```
//! use casemate_evidence::{Endorsement, Endorsements, Evidence, Format, Hash, KeyOwner, Platform, Stated, authenticate};
//! # use casemate_testkit::{NOW, pki::Algorithm, vendor::{eventlog::{Log, SHA256}, tpm::{self, COMMAND_LINE, Quote, Tpm}}};
//! # let (tpm, log) = (Tpm::new(Algorithm::P256), Log::boot(&[SHA256], COMMAND_LINE));
//! # let quote = Quote { qualifying_data: b"a nonce".to_vec(), ..Quote::of(&log, SHA256, tpm.scheme().1) };
//! # let (bytes, spki) = (tpm::Evidence::of(&tpm, &quote, &log).encode(), tpm.ak.spki());
//! # let (nonce, at) = (b"a nonce".to_vec(), NOW);
//!
//! let ak = Endorsement::Key { owner: KeyOwner::Tpm, id: Vec::new(), spki };
//! let evidence = Evidence::new(Format::Tpm, bytes);
//! let authentic = authenticate(&evidence, &Endorsements::default().with(ak), &Stated::new(nonce), at)?;
//! let Platform::Tpm(claims) = &authentic.claims().platform else { unreachable!() };
//! for pcr in &claims.quote.pcrs {
//!     println!("{} {} {:02x?}", pcr.bank, pcr.index, pcr.value);
//!     assert_eq!(pcr.bank, Hash::Sha256);
//! }
//! # assert!(!claims.quote.pcrs.is_empty());
//! # Ok::<(), casemate_evidence::Refusal>(())
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
