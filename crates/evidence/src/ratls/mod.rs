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
//! ```
//! use casemate_evidence::{DangerouslyUnbound, Endorsements, Evidence, Format, Platform, authenticate};
//! # use casemate_evidence::{Anchor, Endorsement, Vendor};
//! # use casemate_testkit::{NOW, vendor::ratls::RaTls};
//! # let maker = RaTls::default();
//! # let made = maker.intel.make(&maker.intel.sgx(3));
//! # let endorsements = Endorsements::default()
//! #     .with(Endorsement::Anchor(Anchor::of_certificate(Vendor::Intel, &made.root).unwrap()))
//! #     .with(Endorsement::Certificate(made.tcb_signer))
//! #     .with_all(made.crls.into_iter().map(Endorsement::Crl))
//! #     .with(Endorsement::TcbInfo(made.tcb_info.into_bytes()))
//! #     .with(Endorsement::QeIdentity(made.qe_identity.into_bytes()));
//! # let (der, at) = (maker.interoperable(&maker.claims()), NOW);
//!
//! let evidence = Evidence::new(Format::Ratls, der);
//! let authentic = authenticate(&evidence, &endorsements, &DangerouslyUnbound, at)?;
//! let Platform::Ratls(claims) = &authentic.claims().platform else { unreachable!() };
//! assert_eq!(claims.quote.format(), Format::Dcap);
//! println!("a quote vouches for the key {}", claims.key);
//! # Ok::<(), casemate_evidence::Refusal>(())
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
