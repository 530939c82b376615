//! From a re-executed binary to a workload in an isolated process.
//!
//! 1. The name `casemate-keep` and a socket as descriptor 3, or this is no keep.
//! 2. Silence: no panic message; an environment or an argument is refused, for they are not measured.
//! 3. Claim secret memory, while the launcher's permission for it lasts; then [`isolate`]: from here on this is process 1 of
//!    the keep.
//! 4. Tell the launcher what the kernel refused; wait until it has looked.
//! 5. [`harden`]: all memory from here on is secret, limits; then nothing can be read from outside, and the
//!    sandbox stands. Tell the launcher.
//! 6. Take contract, files and sockets, and run on a thread whose stack is secret: the first one's is not.

use std::{
    fs::File,
    os::{fd::OwnedFd, unix::net::UnixStream},
    panic::{AssertUnwindSafe, catch_unwind},
    process::exit,
    thread,
};

use casemate_attester::control::{FromKeep, Hardened, Isolated, KEEP_NAME, Received, Start, ToKeep, receive, send};

use crate::{
    Exit,
    harden::harden,
    isolate::{control_socket, isolate},
    secret::{Claim, SecretPool, warm},
};

/// The stack of the thread that a workload begins on: what a program's first thread usually has.
const STACK_BYTES: usize = 8 << 20;

/// What a workload has: its run, its files, its sockets, and memory for its keys.
#[derive(Debug)]
pub struct Inside {
    /// The bytes of the run.
    pub start: Start,
    /// The sealed files, by the names of [`Start::datasets`].
    pub datasets: Vec<(String, File)>,
    /// A socket to each broker, by the owners of [`Start::brokers`].
    pub brokers: Vec<(String, UnixStream)>,
    /// The launcher's socket.
    pub control: UnixStream,
    /// Memory that no one outside can read.
    pub secrets: SecretPool,
}

/// Becomes a keep that runs `workload` and never returns, if this process was started as one; else returns at once.
///
/// For tests and for keeps of other kinds; [`crate::main_if_keep`] is the product's.
pub fn main_if_keep_running(workload: impl FnOnce(Inside) -> Exit + Send + 'static) {
    if std::env::args_os().next().is_none_or(|name| name != KEEP_NAME) {
        return;
    }
    std::panic::set_hook(Box::new(|_| {}));
    let ended = catch_unwind(AssertUnwindSafe(|| enter(workload)));
    exit(ended.ok().flatten().unwrap_or(Exit::Broken).code())
}

/// Steps 2 to 6. `None` where the launcher or the kernel did not do its part.
fn enter(workload: impl FnOnce(Inside) -> Exit + Send + 'static) -> Option<Exit> {
    if std::env::vars_os().next().is_some() || std::env::args_os().count() != 1 {
        return None;
    }
    let control = control_socket()?;
    let claim = Claim::make();
    let lacks = isolate(&control)?;
    send(&control, &FromKeep::Isolated(Isolated { lacks: lacks.into_iter().collect() }), &[]).ok()?;
    let ToKeep::Harden(order) = receive(&control).ok()?.message else { return None };
    let (lacks, secrecy) = harden(order, claim)?;
    let hardened = Hardened { lacks: lacks.into_iter().collect(), secret_bytes: secrecy.bytes };
    send(&control, &FromKeep::Hardened(hardened), &[]).ok()?;
    let Received { message: ToKeep::Start(start), descriptors, .. } = receive(&control).ok()? else { return None };
    let inside = inside(start, descriptors, control, secrecy.pool)?;
    let working = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || workload(inside)).ok()?;
    warm();
    working.join().ok()
}

/// Gives every descriptor its name. As many as names, the brokers' all sockets, or it is refused.
fn inside(start: Start, descriptors: Vec<OwnedFd>, control: UnixStream, secrets: SecretPool) -> Option<Inside> {
    if descriptors.len() != start.datasets.len() + start.brokers.len() {
        return None;
    }
    let mut descriptors = descriptors.into_iter();
    let files = descriptors.by_ref().take(start.datasets.len()).map(File::from);
    let datasets = start.datasets.iter().cloned().zip(files).collect();
    let brokers = start.brokers.iter().cloned().zip(descriptors.map(UnixStream::from)).collect();
    Some(Inside { start, datasets, brokers, control, secrets })
}
