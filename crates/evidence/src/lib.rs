//! Parse and authenticate any isolation's evidence.
//!
//! Bytes, [`Endorsements`], an [`Expectation`] and a time go in; [`Authenticated`] claims or a [`Refusal`] come out.
//! This crate judges whether a statement is genuine, fresh and bound; whether what it says is good enough is
//! appraisal's business, one layer up.
//!
//! - [`authenticate`] is the only maker of [`Authenticated`], and checks every step that its file numbers.
//! - Each format has one folder of the same files: `abi` (bytes), `endorsements`, `verify` (the steps), `tcb`, `claims`, `flaw`.
//! - Unbound and debug evidence come out as other types ([`DangerouslyUnbound`], [`Stated`], [`BoundToKey`], [`AllowDebug`]) than [`Bound`].
//! - Below the formats: `wire` (bounded reading), `x509` (chains and revocation lists), `crypto` (signatures).
//! - What is read is bounded, and so is what it costs: judging evidence of `n` bytes, however it was made, holds at most `64 n` bytes and
//!   1 MiB of memory at once beside what the endorsements need, which is bounded so by their own length. `tests/allocations.rs`
//!   measures it over every format, recorded, cut short and changed.
#![forbid(unsafe_code)]

mod arm;
mod authenticate;
pub mod azure;
mod binding;
mod bound_to_key;
mod bundle;
mod cache;
pub mod cca;
mod claims;
pub mod composite;
mod crypto;
mod dated;
pub mod dcap;
mod device_key;
pub mod dice;
mod endorsements;
pub mod eventlog;
mod evidence;
mod expectation;
mod facts;
mod flaw;
mod format;
pub mod gpu;
mod isolation;
pub mod keystone;
mod lack;
mod loose;
pub mod measure;
mod named;
pub mod nitro;
mod pem;
pub mod psa;
mod public_key;
pub mod ratls;
mod recognise;
mod refusal;
mod report_data;
mod request;
mod rollback;
mod roots;
mod signatures;
pub mod snp;
pub mod software;
pub mod tpm;
mod window;
mod wire;
mod x509;
mod xml;

pub use authenticate::{Authenticated, authenticate, authenticate_cached};
pub use binding::{Binding, Role, UnknownRole};
pub use bound_to_key::{BoundToKey, RSA_BITS_MAX, RSA_BITS_MIN, Tie, check_named_key};
pub use bundle::{BUNDLE_BYTES_MAX, BUNDLE_ITEMS_MAX, BUNDLE_VERSION, Bundle, BundleError, Publisher};
pub use cache::{CACHE_ENTRIES_MAX, Cache};
pub use claims::{Claims, NotCompared, Platform};
pub use crypto::{Hash, KeyKind};
pub use dated::{DatedItem, dated};
pub use endorsements::{Endorsement, Endorsements, KeyOwner, UnknownKeyOwner};
pub use evidence::{EVIDENCE_BYTES_MAX, Evidence};
pub use expectation::{AllowDebug, Bound, DangerouslyUnbound, Expectation, Stated};
pub use facts::{Fact, Facts};
pub use flaw::Step;
pub use format::{Format, UnknownFormat};
pub use isolation::{Isolation, UnknownIsolation};
pub use lack::{Explanation, Lack, UnknownLack};
pub use loose::{LOOSE_BYTES_MAX, LooseError, loose};
pub use public_key::public_key;
pub use recognise::{RECOGNISE_BYTES_MAX, Recognised, Unrecognised, recognise};
pub use refusal::{Refusal, steps};
pub use report_data::{Field, ReportData};
pub use rollback::{Age, Older, lists_gone, older};
pub use signatures::{Signature, signatures};
pub use window::{Support, Used, Window};
pub use wire::WireError;
pub use x509::{Anchor, ChainFlaw, UnknownVendor, Vendor, rfc3339};
pub use xml::{SignatureFlaw, XmlFlaw};

pub(crate) use authenticate::Verified;
