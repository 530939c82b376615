//! What only tests need: skips that are reported, deterministic keys, a fixed time, folders that clean up. Never in a
//! release binary's dependency tree (`cargo xtask layers` checks it).

#![forbid(unsafe_code)]

mod folder;
mod key;
mod skip;

use casemate_cose::UnixTime;
pub use folder::Folder;
pub use key::{key, seed};
pub use skip::{python, skip, tool};

/// The time at which tests take place: 2026-11-22T01:54:56Z.
pub const NOW: UnixTime = UnixTime(1_795_312_496);

/// One day, in seconds.
pub const DAY_S: u64 = 86_400;
