//! Canonical signed bytes: deterministic CBOR and COSE_Sign1 objects whose kind is authenticated.
//!
//! Three rules hold for everything that Casemate signs, and this crate is where they are executed:
//!
//! 1. Received bytes are verified bytes: nothing is re-encoded before a signature or a digest is checked.
//! 2. Encodings are deterministic [RFC 8949 §4.2.1]: [`decode`] refuses any input that does not encode back to itself,
//!    which also refuses unknown fields, duplicate keys, indefinite lengths and trailing bytes.
//! 3. Every signature names the [`Kind`] of its object in `external_aad` [RFC 9052 §4.4], so that none passes for another.

#![forbid(unsafe_code)]

mod cbor;
mod digest;
mod key;
mod keyed;
mod kind;
mod sign1;
mod signer;
mod time;
mod verifying_key;

pub use cbor::{CborError, decode, encode};
pub use digest::{Digest, DigestParseError};
pub use key::{KeyError, PublicKey, SigningKey};
pub use keyed::{Keyed, sign_keyed, verify_keyed};
pub use kind::Kind;
pub use sign1::{CoseError, SIGN1_BYTES_MAX, Verified, claimed_signer, sign, verify};
pub use signer::{EcdsaSigner, Signer};
pub use time::UnixTime;
pub use verifying_key::{Point, VerifyingKey};
