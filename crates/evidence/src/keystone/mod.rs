//! `keystone` evidence: reports of enclaves on RISC-V Keystone.
//!
//! The bytes are `struct report` as the security monitor copies it to the enclave, 1352 bytes, little-endian:
//!
//! ```text
//! enclave:  hash [64], data_len u64, data [1024], signature [64]      signed: hash ‖ data_len ‖ data, up to data_len
//! monitor:  hash [64], public key [32], signature [64]                signed: hash ‖ public key
//! device:   public key [32]
//! ```
//!
//! Hashes are SHA3-512. Signatures are Ed25519 **with SHA3-512 in place of SHA-512**: Keystone's own variant, which no other
//! Ed25519 accepts and which is the only one accepted here. What lies in `data` beyond `data_len` is nobody's: it is not
//! signed, not read and not reported. The device's key is made known as [`KeyOwner::Keystone`](crate::KeyOwner), its id empty or
//! the key's 32 bytes; there is neither date nor revocation, so endorse no longer than you believe.
//!
//! A report says nothing of debug mode, and no [`Isolation`](crate::Isolation) is claimed: no keep runs in it.
//!
//! Sources: Keystone `sm/src/attest.c`, `sm/src/enclave.c` (`attest_enclave`), `sdk/include/verifier/report.h`,
//! `sdk/src/verifier/Report.cpp`, `ed25519/verify.c`.
//!
//! ```
//! use casemate_cose::UnixTime;
//! use casemate_evidence::{Endorsement, Endorsements, Evidence, Format, KeyOwner, Stated, authenticate};
//!
//! # let spki = vec![];
//! let device = Endorsement::Key { owner: KeyOwner::Keystone, id: vec![], spki };
//! let evidence = Evidence::new(Format::Keystone, vec![0; 1352]);
//! let endorsements = Endorsements::default().with(device);
//! let refusal = authenticate(&evidence, &endorsements, &Stated::new(vec![]), UnixTime(1_800_000_000)).unwrap_err();
//! assert_eq!(refusal.rule(), "keystone-device");
//! ```

mod abi;
mod claims;
mod eddsa;
mod endorsements;
mod flaw;
mod verify;

pub use abi::{DATA_BYTES_MAX, REPORT_BYTES};
pub use claims::Claims;
pub use flaw::Flaw;
pub use verify::STEPS;

pub(crate) use verify::verify;
