//! The runtime inside a keep: isolates itself, proves what it is, computes, and lets out what every owner permitted.
//!
//! A binary becomes a keep when its launcher executes it under the name `casemate-keep`: its `main` calls
//! [`main_if_keep`] before anything else, while the process has one thread.
//!
//! Invariant: nothing leaves a keep but the messages of [`casemate_attester::control`] and what it says to brokers.
//! Standard output and error lead nowhere, panics print nothing, and an exit code is one of [`Exit`].

mod entry;
mod exit;
mod harden;
mod isolate;
pub mod sandbox;
pub mod secret;
mod study;

pub use entry::{Inside, main_if_keep_running};
pub use exit::Exit;
pub use study::{RESULT_FILE_BYTES_MAX, ResultFile};

/// Becomes a keep that runs one study and never returns, if this process was started as one; else returns at once.
///
/// Call it first thing in `main`, before any thread is started.
pub fn main_if_keep() {
    main_if_keep_running(study::run);
}
