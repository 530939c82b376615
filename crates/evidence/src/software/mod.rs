//! `software` evidence: what a host's launcher, by its signature, says about a keep in `process` isolation.
//!
//! It is worth what the launcher's key holder is worth: that party can sign anything. docs/formats/evidence-software.md.
//!
//! ```
//! use std::collections::BTreeSet;
//!
//! use casemate_cose::{Digest, SigningKey, UnixTime};
//! use casemate_evidence::{
//!     Endorsements, Isolation, Lack, Stated, authenticate,
//!     software::{Statement, sign},
//! };
//!
//! let launcher = SigningKey::from_seed(&[7; 32]);
//! let statement = Statement {
//!     isolation: Isolation::Process,
//!     runtime: Digest::of(b"the runtime"),
//!     libraries: Digest::of(b"its libraries"),
//!     program: Digest::of(b"the program"),
//!     manifest: Digest::of(b"the manifest"),
//!     report_data: [5; 64],
//!     lacks: BTreeSet::from([Lack::SecretPlaintext]),
//!     secret_bytes: 4096,
//!     debug: false,
//!     at: UnixTime(1_800_000_000),
//! };
//! let evidence = sign(&statement, &launcher);
//!
//! let (asked, now) = (Stated::new(vec![5; 64]), UnixTime(1_800_000_009));
//! let endorsements = Endorsements::of_launchers([launcher.public()]);
//! let authentic = authenticate(&evidence, &endorsements, &asked, now)?;
//! assert_eq!(authentic.claims().manifest, Some(Digest::of(b"the manifest")));
//!
//! // Nobody else's launcher is believed.
//! let others = Endorsements::of_launchers([SigningKey::from_seed(&[8; 32]).public()]);
//! assert_eq!(authenticate(&evidence, &others, &asked, now).unwrap_err().rule(), "software-launcher");
//! # Ok::<(), casemate_evidence::Refusal>(())
//! ```

mod abi;
mod claims;
mod endorsements;
mod flaw;
mod verify;

pub use abi::{STATEMENT_VERSION, Statement, digest_of_libraries, sign};
pub use claims::Claims;
pub use flaw::Flaw;
pub use verify::{AT_DISTANCE_S_MAX, OBJECT_BYTES_MAX, STEPS};

pub(crate) use verify::verify;
