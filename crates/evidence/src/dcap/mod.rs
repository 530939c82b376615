//! `dcap` evidence: Intel SGX quotes, versions 3 to 5, and TDX quotes, versions 4 and 5, as Intel's DCAP makes them.
//!
//! The bytes are the quote, bare or inside Open Enclave's headers (see below). Everything else comes from
//! the endorsements: TCB info and QE identity (JSON as Intel's provisioning service signs it), the certificate of their
//! signer, the revocation lists of the root and of the PCK CA; and the PCK certificate's chain where the quote lacks it.
//! [`collateral`] reads them from what common tools store. All of them are needed: a missing one is a refusal.
//!
//! # Layout
//! ```text
//! header [48] · body [384 SGX; 584 TD 1.0] · u32 length · signature data        versions 3 and 4, little-endian
//! header [48] · u16 type · u32 length · body [384; 584; 648 TD 1.5; 885 TD 1.5 extended] · u32 length · signature data
//! signature data: signature [64] · attestation key [64] · certification data (u16 type · u32 length · data)
//!   version 3:    … · QE report [384] · its signature [64] · u16 length · QE authentication data · certification data
//! ```
//! What follows the signature data is not part of the quote: nobody signed it, it is counted
//! ([`Claims::trailing_bytes`]) and not read. In front of a quote may stand `oe_report_header_t` or
//! `oe_attestation_header_t`; with the latter, custom claims follow the quote, and its report data has their SHA-256.
//!
//! # What is judged, and what is reported
//! Refused is what is not genuine: signatures, chains, revocation, dates, another platform's collateral, a quoting enclave or
//! TDX module that is not Intel's. How patched the platform is comes out as a *status* ([`Tcb`]), `Revoked` and
//! `BelowLowest` too, with the components by which it falls short: whether that is good enough is appraisal's business.
//!
//! Sources: Intel *SGX ECDSA QuoteLibReference DCAP API* (rev. 1.23), *TDX DCAP Quoting Library API* (rev. 0.9),
//! *SGX PCK Certificate and CRL Profile* (rev. 1.5), *PCS API* (v3, v4), and the steps of *Quote Verification Library* §4.1.2.
//!
//! ```
//! use casemate_cose::UnixTime;
//! use casemate_evidence::{Endorsements, Evidence, Format, Platform, Stated, authenticate, dcap};
//!
//! // The root is built in; the rest is what Intel's service answered, here as `dcap-qvl` stores it.
//! fn mrtd(quote: Vec<u8>, collateral: &str, nonce: [u8; 64], at: UnixTime) -> Option<[u8; 48]> {
//!     let endorsements = Endorsements::of_vendors().with_all(dcap::collateral::of_json(collateral).ok()?);
//!     let evidence = Evidence::new(Format::Dcap, quote);
//!     let authentic = authenticate(&evidence, &endorsements, &Stated::new(nonce.to_vec()), at).ok()?;
//!     match &authentic.claims().platform {
//!         Platform::Dcap(claims) if claims.tcb.status == dcap::TcbStatus::UpToDate => {
//!             claims.trust_domain().map(|domain| domain.mr_td)
//!         }
//!         _ => None,
//!     }
//! }
//!
//! assert_eq!(mrtd(vec![4; 100], "{}", [0; 64], UnixTime(1_780_000_000)), None);
//! ```

mod abi;
mod claims;
pub mod collateral;
mod endorsements;
mod flaw;
mod identity;
mod json;
mod pck;
mod tcb;
mod tcb_info;
mod verify;

pub use abi::{QUOTE_BYTES_MAX, Tee};
pub use claims::{Body, Claims, Enclave, Extended, Header, Preserving, SgxAttributes, TdAttributes, TrustDomain};
pub use flaw::Flaw;
pub use identity::{EnclaveId, QeIdentity, QeLevel};
pub use json::COLLATERAL_BYTES_MAX;
pub use pck::{Pck, PlatformConfiguration, SgxType};
pub use tcb::{Component, Part, Shortfall, Tcb, TcbStatus};
pub use tcb_info::{ModuleIdentity, ModuleLevel, TcbComponent, TcbInfo, TcbLevel, TdxModule};
pub use verify::STEPS;

pub(crate) use abi::{spoken_of, without_comment};
pub(crate) use endorsements::TCB_SIGNER_NAME;
pub(crate) use json::{is_qe_identity_signed, is_tcb_info_signed};
pub(crate) use verify::verify;
