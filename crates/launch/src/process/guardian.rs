//! The thread that starts a keep, prepares it, and then waits for its end.
//!
//! It must be one thread from birth to death: `PR_SET_PDEATHSIG` fires when the *thread* that started a child ends.

use std::{
    collections::BTreeSet,
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::{net::UnixStream, process::ExitStatusExt as _},
    },
    process::ExitStatus,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use casemate_attester::control::{ControlError, FromKeep, Harden, Limits, Received, Start, ToKeep, receive, send};
use casemate_evidence::Lack;
use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{Id, WaitPidFlag, waitid, waitpid},
    },
    unistd::Pid,
};
use tokio::sync::oneshot;

use super::{
    birth::{Born, control_pair, execute},
    inspect::{self, Subject},
};
use crate::LaunchError;

/// How long a keep may take for one step of its isolation.
const PREPARE_S_MAX: u64 = 20;

/// What a keep is started with.
pub(super) struct Order {
    pub(super) image: OwnedFd,
    pub(super) limits: Limits,
    pub(super) accept_lacks: Vec<Lack>,
    pub(super) debug: bool,
    pub(super) start: Start,
    pub(super) descriptors: Vec<OwnedFd>,
}

/// A keep that is isolated and has its contract, files and sockets.
pub(super) struct Prepared {
    pub(super) control: UnixStream,
    pub(super) lacks: BTreeSet<Lack>,
    pub(super) secret_bytes: u64,
}

/// Ends the keep when it is dropped.
#[derive(Debug)]
pub(super) struct Leash(Arc<Mutex<Option<Pid>>>);

impl Leash {
    fn end(&self) {
        let pid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pid) = *pid {
            // It is not reaped yet, so the number is still this child's. Gone already is as good.
            let _gone = kill(pid, Signal::SIGKILL);
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.end();
    }
}

/// The two answers of the thread: the keep is prepared (or not), and how it ended.
pub(super) type Prepares = oneshot::Receiver<Result<(Prepared, Leash), LaunchError>>;
pub(super) type Ends = oneshot::Receiver<String>;

/// Starts the thread.
pub(super) fn guard(order: Order) -> Result<(Prepares, Ends), LaunchError> {
    let (prepared, prepares) = oneshot::channel();
    let (ended, ends) = oneshot::channel();
    thread::Builder::new()
        .name("keep-guardian".into())
        .spawn(move || {
            let (launcher, keep) = match control_pair() {
                Ok(pair) => pair,
                Err(error) => return drop(prepared.send(Err(LaunchError::Spawn(error)))),
            };
            let born = match execute(order.image.as_fd(), &keep) {
                Ok(born) => born,
                Err(error) => return drop(prepared.send(Err(LaunchError::Spawn(error)))),
            };
            drop(keep);
            let pid = Pid::from_raw(born.child.id().cast_signed());
            let shared = Arc::new(Mutex::new(Some(pid)));
            let leash = Leash(Arc::clone(&shared));
            match prepare(&born, launcher, &order) {
                // A caller that has gone drops the leash here, and the keep with it.
                Ok(ready) => drop(prepared.send(Ok((ready, leash)))),
                Err(error) => {
                    drop(leash);
                    let status = reap(pid, &shared);
                    drop(prepared.send(Err(explain(error, &status))));
                    return;
                }
            }
            drop(order);
            drop(ended.send(reap(pid, &shared)));
        })
        .map_err(LaunchError::Spawn)?;
    Ok((prepares, ends))
}

/// A keep that closed its socket says nothing; how it ended says more.
fn explain(error: LaunchError, status: &str) -> LaunchError {
    match error {
        LaunchError::Control(ControlError::Closed) => LaunchError::Died { status: status.to_owned() },
        error => error,
    }
}

/// Waits for the end, and forgets the number before the kernel may give it to another process.
fn reap(pid: Pid, shared: &Mutex<Option<Pid>>) -> String {
    let _ended = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
    *shared.lock().unwrap_or_else(PoisonError::into_inner) = None;
    match waitpid(pid, None) {
        Ok(status) => describe(status),
        Err(error) => error.to_string(),
    }
}

fn describe(status: nix::sys::wait::WaitStatus) -> String {
    match status {
        nix::sys::wait::WaitStatus::Exited(_, code) => ExitStatus::from_raw(code << 8).to_string(),
        nix::sys::wait::WaitStatus::Signaled(_, signal, _) => format!("signal: {signal}"),
        other => format!("{other:?}"),
    }
}

/// Steps 3 to 6 of the back end.
fn prepare(born: &Born, control: UnixStream, order: &Order) -> Result<Prepared, LaunchError> {
    control.set_read_timeout(Some(Duration::from_secs(PREPARE_S_MAX))).map_err(ControlError::from)?;
    let Received { message, descriptors, sender } = receive::<FromKeep>(&control)?;
    let (FromKeep::Isolated(isolated), [], Some(pid)) = (message, descriptors.as_slice(), sender) else {
        return Err(LaunchError::OutOfTurn);
    };
    let subject = Subject { pid, user: born.user };
    let mut lacks = BTreeSet::from([Lack::SecretPlaintext]);
    lacks.extend(isolated.lacks);
    lacks.extend(inspect::isolated(subject, order.image.as_fd())?);
    send(&control, &ToKeep::Harden(Harden { limits: order.limits, debug: order.debug }), &[])?;
    let Received { message, descriptors, .. } = receive::<FromKeep>(&control)?;
    let (FromKeep::Hardened(hardened), []) = (message, descriptors.as_slice()) else {
        return Err(LaunchError::OutOfTurn);
    };
    lacks.extend(hardened.lacks);
    lacks.extend(inspect::hardened(subject, order.limits)?);
    let accepted = |lack: &Lack| order.accept_lacks.contains(lack) || (order.debug && *lack == Lack::Undumpable);
    let refused: Vec<Lack> = lacks.iter().copied().filter(|lack| !accepted(lack)).collect();
    if !refused.is_empty() {
        return Err(LaunchError::Lacks(refused));
    }
    let descriptors: Vec<BorrowedFd<'_>> = order.descriptors.iter().map(|descriptor| descriptor.as_fd()).collect();
    send(&control, &ToKeep::Start(order.start.clone()), &descriptors)?;
    control.set_read_timeout(None).map_err(ControlError::from)?;
    Ok(Prepared { control, lacks, secret_bytes: hardened.secret_bytes })
}
