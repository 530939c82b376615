//! What only tests need: skips that are reported, deterministic keys, a fixed time, folders that clean up,
//! authorities of our own that issue certificates and lists ([`pki`]), vendors that sign any evidence ([`vendor`]), a web server and its
//! client ([`web`]). Never in a release binary's dependency tree (`cargo xtask layers` checks it).

#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the kit runs in tests alone, and fails them by panicking"
)]

pub mod cbor;
pub mod cose;
pub mod der;
pub mod domain;
mod durable;
mod folder;
mod key;
pub mod pki;
mod skip;
pub mod vendor;
pub mod web;

use casemate_cose::UnixTime;
pub use durable::durable;
pub use folder::Folder;
pub use key::{key, seed};
pub use skip::{python, skip, tool, vectors};

/// The time at which tests take place: 2026-11-22T01:54:56Z.
pub const NOW: UnixTime = UnixTime(1_795_312_496);

/// One day, in seconds.
pub const DAY_S: u64 = 86_400;

/// Reports one figure of a bench to `cargo xtask bench`, which knows its target; the unit is in the name.
pub fn figure(name: &str, value: f64) {
    println!("casemate-figure {name} {value}");
}
