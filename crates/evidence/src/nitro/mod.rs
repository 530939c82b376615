//! AWS Nitro attestation documents: what the Nitro hypervisor says about an enclave.
//!
//! A document is a COSE_Sign1 (ES384) over a CBOR map; its signer's certificate and the certificates up to AWS's root lie in
//! it. Times are milliseconds since 1970 on the hypervisor's clock, registers (PCRs) are SHA-384. Sources: AWS, *Nitro
//! Enclaves Attestation Process* (`aws-nitro-enclaves-nsm-api/docs/attestation_process.md`), cited as [AWS]; RFC 9052.
//!
//! - What the requester asked to have stated is `user_data`; where a document has none, `nonce`. A binding goes into
//!   `user_data`. All three of the enclave's fields are in [`Claims`] besides.
//! - The manifest's digest is extended into PCR 16, which is locked, before any program runs: [`manifest_pcr`]. A digest can't
//!   be read back out of a register, so that the claims name no manifest; they say whether it is the expected one:
//!   [`Claims::is_manifest`].
//! - An enclave in debug mode has PCRs 0 to 2 of zeros: `debug` is true.
//! - AWS publishes no revocation lists for these certificates and says not to look for any [AWS §3.2.4]; lists that are given
//!   are obeyed, and [`Claims::revocation_checked`] says whether each issuer's was there.
//!
//! ```
//! use casemate_cose::UnixTime;
//! use casemate_evidence::{DangerouslyUnbound, Endorsements, Evidence, Format, authenticate};
//!
//! let evidence = Evidence::new(Format::Nitro, b"no document".to_vec());
//! let outcome = authenticate(&evidence, &Endorsements::of_vendors(), &DangerouslyUnbound, UnixTime(1_766_669_400));
//! assert_eq!(outcome.map(drop).map_err(|refusal| refusal.rule()), Err("nitro-envelope"));
//! ```

mod abi;
mod claims;
mod endorsements;
mod flaw;
mod verify;

pub use abi::{DOCUMENT_BYTES_MAX, MANIFEST_PCR, manifest_pcr};
pub use claims::Claims;
pub use flaw::Flaw;
pub use verify::{AHEAD_S_MAX, STEPS};

pub(crate) use verify::verify;
