//! RA-TLS certificates: a quote inside an X.509 certificate, made for the certificate's key. Read for interoperability.
//!
//! What it proves: an enclave or a trust domain once asked for a quote over this public key. What it doesn't: that whoever presents
//! the certificate now, in this TLS session, is that enclave. Evidence inside a certificate can be relayed, replayed and diverted
//! (CVE-2026-33697), and one extracted key serves for as long as the certificate lasts. It is therefore *never* [`crate::Bound`]: that
//! expectation refuses it by rule `evidence-key-bound`, whatever it states, and nothing releases a key for it. Who relies on it for
//! something less keeps a list of hardware identities (`quote.pck.*`), because one broken chip can make such a certificate for any key.
//!
//! Three ways of putting a quote into a certificate are read: the interoperable one ([`Scheme::Interoperable`]), and what Gramine and
//! Intel's SGX SDK wrote before it. Bytes: docs/formats/evidence-ratls.md.
//!
//! ```no_run
//! use casemate_evidence::{DangerouslyUnbound, Endorsements, Evidence, Format, Platform, authenticate};
//! # fn example(der: Vec<u8>, endorsements: &Endorsements, at: casemate_cose::UnixTime) -> Result<(), casemate_evidence::Refusal> {
//! let authentic = authenticate(&Evidence::new(Format::Ratls, der), endorsements, &DangerouslyUnbound, at)?;
//! if let Platform::Ratls(claims) = &authentic.claims().platform {
//!     println!("{} vouches for the key {}", claims.quote.format(), claims.key);
//! }
//! # Ok(())
//! # }
//! ```

mod abi;
mod claims;
mod flaw;
mod verify;

pub use abi::Scheme;
pub use claims::Claims;
pub use flaw::Flaw;
pub use verify::STEPS;

pub(crate) use abi::has_evidence;
pub(crate) use verify::verify;
