//! `dice` evidence: DICE certificate chains with the TCG's TcbInfo, as Caliptra makes them.
//!
//! The bytes are the chain, DER certificates one after another, the leaf first, below a root that the verifier endorses
//! ([`Vendor::Dice`](crate::Vendor)). The root's own certificate may end it. A chain alone proves nothing fresh, so it may come
//! with the leaf key's signature over what the requester asked to have stated: deterministic CBOR
//!
//! ```text
//! [ chain: bytes, report data: bytes (0 to 1024), signature: bytes ]
//! signature = ECDSA r ‖ s, or Ed25519, over "casemate/dice/1" ‖ report data
//! ```
//!
//! docs/formats/evidence-dice.md has the bytes. Each certificate measures the layer whose key it certifies. A layer that is not
//! configured, not secure, in recovery or in debug mode makes `claims.debug` true. No [`Isolation`](crate::Isolation) is
//! claimed: a device is no place for a keep.
//!
//! Sources: TCG DICE Attestation Architecture 1.1 §6.1 (TcbInfo, MultiTcbInfo, UEID), §7 (key purposes); Caliptra ROM and
//! runtime specifications, "DICE".
//!
//! ```
//! use casemate_cose::UnixTime;
//! use casemate_evidence::{Anchor, Endorsement, Endorsements, Evidence, Format, Stated, Vendor, authenticate};
//!
//! fn layers(root: &[u8], chain: Vec<u8>, nonce: Vec<u8>, at: UnixTime) -> Result<usize, Box<dyn std::error::Error>> {
//!     let root = Endorsement::Anchor(Anchor::of_certificate(Vendor::Dice, root)?);
//!     let evidence = Evidence::new(Format::Dice, chain);
//!     let authentic = authenticate(&evidence, &Endorsements::default().with(root), &Stated::new(nonce), at)?;
//!     match &authentic.claims().platform {
//!         casemate_evidence::Platform::Dice(claims) => Ok(claims.layers.len()),
//!         _ => unreachable!("the evidence is `dice`"),
//!     }
//! }
//! ```

mod abi;
mod claims;
mod endorsements;
mod flaw;
mod tcb;
mod verify;

pub use abi::{CHAIN_BYTES_MAX, REPORT_DATA_BYTES_MAX, TCB_INFOS_MAX};
pub use claims::{Claims, Layer};
pub use flaw::Flaw;
pub use tcb::{Flags, Fwid, IntegrityRegister, TcbInfo};
pub use verify::{SIGNATURE_LABEL, STEPS};

pub(crate) use verify::verify;
