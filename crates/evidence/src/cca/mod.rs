//! Arm CCA attestation tokens: what a platform says about itself and its realm manager about a realm.
//!
//! ```text
//! 399({ 44234: bstr(platform token), 44241: bstr(realm token) })          each token: 18(COSE_Sign1)
//! ```
//! The platform token is signed by the platform's key (CPAK, also called IAK), which is made known by instance id
//! ([`crate::KeyOwner::Cca`]); its challenge is the hash of the realm manager's key (RAK), which signs the realm token.
//! Two profiles are read: `http://arm.com/CCA-SSD/1.0.0`, where the realm token names none and the RAK is a raw P-384 point,
//! and `tag:arm.com,2023:cca_platform#1.0.0` with `tag:arm.com,2023:realm#1.0.0`, where it is a COSE_Key. The `#2.0.0`
//! profiles of later drafts are refused by name. Sources: Arm DEN0137 1.0-rel0 §A7.2 [RMM]; draft-ffm-rats-cca-token-00;
//! RFC 9052, 9053, 9711. Sizes are bytes; tokens have no clock, so that their time is the verifier's.
//!
//! - What the requester asked to have stated is the realm's challenge, 64 bytes.
//! - The manifest's digest is the realm personalisation value: 32 bytes, then 32 of zeros. Another value is no manifest.
//! - A platform whose realm world can be looked into (`non-rot-debug`) is in debug mode. In states in which its root of trust
//!   is not intact, what it signs is worth nothing, and is refused.
//! - Measurements have 32, 48 or 64 bytes; some makers give 64 where the named hash has 32, so that one doesn't imply the other.
//!
//! ```
//! use casemate_cose::UnixTime;
//! use casemate_evidence::{DangerouslyUnbound, Endorsements, Evidence, Format, authenticate};
//!
//! let evidence = Evidence::new(Format::Cca, b"no token".to_vec());
//! let outcome = authenticate(&evidence, &Endorsements::default(), &DangerouslyUnbound, UnixTime(1_766_669_400));
//! assert_eq!(outcome.map(drop).map_err(|refusal| refusal.rule()), Err("cca-collection"));
//! ```

mod abi;
mod claims;
mod endorsements;
mod flaw;
mod platform;
mod realm;
mod verify;

pub use crate::arm::{Lifecycle, SoftwareComponent};
pub use abi::TOKEN_BYTES_MAX;
pub use claims::{Claims, PlatformClaims, RealmClaims};
pub use flaw::Flaw;
pub use platform::Profile;
pub use verify::STEPS;

pub(crate) use verify::verify;
