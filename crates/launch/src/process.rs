//! `process` isolation: the runtime re-executed in namespaces of its own.
//!
//! 1. Connect to every broker, so that a dead one is known before anything is started.
//! 2. Execute the sealed image with nothing but a control socket: no arguments, environment or other descriptors.
//! 3. The keep isolates itself and says so; the kernel tells which process spoke.
//! 4. Look at that process from outside ([`inspect`]): what the keep says alone is not believed. The libraries of the host that
//!    run within it are digested; any other file in its memory ends it.
//! 5. Put it into a control group where one can be made ([`group`]), and send limits; the keep closes the last doors; look
//!    again.
//! 6. Any lack that is not accepted ends it. Only then does the keep get its contract, files and sockets.
//!
//! The keep dies with the launcher, however that dies: the kernel signals the keep when the thread that started it ends
//! (that thread does nothing but wait), and the keep watches the control socket besides.

mod birth;
mod disguise;
pub(crate) mod group;
mod guardian;
pub(crate) mod inspect;
mod relay;
mod running;

pub use running::Running;

use casemate_evidence::Isolation as Kind;

use crate::{Isolation, LaunchError, Measured, Row};

/// The back end for `process` isolation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process;

impl Isolation for Process {
    fn name(&self) -> Kind {
        Kind::Process
    }

    fn probe(&self) -> Vec<Row> {
        crate::probe::process_rows()
    }

    async fn start(&self, measured: Measured) -> Result<Running, LaunchError> {
        Running::start(measured).await
    }
}
