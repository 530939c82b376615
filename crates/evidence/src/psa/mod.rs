//! Arm PSA attestation tokens: what a device's root of trust says about its firmware and its caller.
//!
//! A token is a COSE_Sign1 (tag 18) by the device's initial attestation key (IAK), which is made known by instance id
//! ([`crate::KeyOwner::Psa`]). Three profiles are read: `tag:psacertified.org,2023:psa#tfm` (RFC 9783), its draft
//! `http://arm.com/psa/2.0.0`, and `PSA_IOT_PROFILE_1` with its keys from -75000 downwards. Sources: RFC 9783;
//! draft-tschofenig-rats-psa-token-07 and -08; RFC 9052, 9053, 9711. Sizes are bytes; tokens have no clock, so that their
//! time is the verifier's.
//!
//! - What the requester asked to have stated is the nonce: 32, 48 or 64 bytes, a binding only when it is 64.
//! - A device is no place to run a keep: there is no isolation and no manifest.
//! - A COSE_Mac0 is refused: whoever can verify it can make it.
//! - RFC 9783 §5.1 has receivers pass over claims that they don't know and accept numbers that are not in their shortest form;
//!   here both are refused, since what nobody understands may decide what the token means.
//!
//! ```
//! use casemate_cose::UnixTime;
//! use casemate_evidence::{DangerouslyUnbound, Endorsements, Evidence, Format, authenticate};
//!
//! let evidence = Evidence::new(Format::Psa, b"no token".to_vec());
//! let outcome = authenticate(&evidence, &Endorsements::default(), &DangerouslyUnbound, UnixTime(1_766_669_400));
//! assert_eq!(outcome.map(drop).map_err(|refusal| refusal.rule()), Err("psa-envelope"));
//! ```

mod abi;
mod claims;
mod endorsements;
mod flaw;
mod verify;

pub use crate::arm::{Lifecycle, SoftwareComponent};
pub use abi::{Profile, TOKEN_BYTES_MAX};
pub use claims::Claims;
pub use flaw::Flaw;
pub use verify::STEPS;

pub(crate) use verify::verify;
