//! Starts keeps: one back end for each kind of isolation behind one trait.
//!
//! ```text
//! Spec ── measure ──> Measured ── start ──> Running ── run ──> Outcome
//!         runtime copied and sealed,        isolated, looked at from outside,
//!         manifest and program digested     lacks accepted or refused
//! ```
//! Each state is a type that only the step before makes: evidence can be signed of a [`Running`] keep alone. The launcher
//! never holds a dataset key; what it could fake with its own signing key is what DESIGN and the threat model say of
//! `process` isolation.

mod ending;
mod error;
mod libraries;
mod measure;
mod outcome;
mod probe;
mod process;
mod spec;

pub use casemate_attester::{
    Presence, Row,
    control::{Limits, Step},
};
pub use ending::Ending;
pub use error::LaunchError;
pub use libraries::{Libraries, Library, libraries};
pub use measure::Measured;
pub use outcome::{Event, Outcome, PartyResult, Report};
pub use probe::probe;
pub use process::{Process, Running};
pub use spec::{Broker, Dataset, Debug, Spec};

/// A way to isolate a keep.
pub trait Isolation {
    /// Its name in evidence and contracts.
    fn name(&self) -> casemate_evidence::Isolation;

    /// What this machine has for it.
    fn probe(&self) -> Vec<Row>;

    /// Starts the keep, looks at it from outside, and refuses it for any lack that the specification does not accept.
    ///
    /// # Errors
    /// [`LaunchError`]. Nothing of the keep remains.
    fn start(&self, measured: Measured) -> impl Future<Output = Result<Running, LaunchError>>;
}

/// Runs one study in a keep of `process` isolation, from measuring to the outcome. `on_event` is called for every step.
///
/// The future may be dropped at any point: the keep dies with it.
///
/// # Errors
/// [`LaunchError`]: the run could not be made. A refusal by the keep or a broker is an [`Outcome`].
pub async fn launch(spec: Spec, mut on_event: impl FnMut(Event)) -> Result<Outcome, LaunchError> {
    let measured = spec.measure()?;
    on_event(Event::Measured {
        runtime: measured.runtime(),
        program: measured.program(),
        manifest: measured.manifest(),
    });
    let running = Process.start(measured).await?;
    on_event(Event::Isolated { report: running.report().clone() });
    running.run(on_event).await
}
