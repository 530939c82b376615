//! The thread that starts a keep, prepares it, and then waits for its end.
//!
//! It must be one thread from birth to death: `PR_SET_PDEATHSIG` fires when the *thread* that started a child ends.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::{fs::MetadataExt as _, net::UnixStream},
    },
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use casemate_attester::control::{
    ControlError, FromKeep, Harden, Limits, Received, SIGNALLED, Start, ToKeep, receive, send,
};
use casemate_evidence::Lack;
use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid},
    },
    unistd::Pid,
};
use tokio::sync::oneshot;

use super::{
    birth::{Born, control_pair, execute},
    group::Group,
    inspect::{self, Inode, Subject},
};
use crate::{Ending, LaunchError, Libraries};

/// How long a keep may take for one step of its isolation.
const PREPARE_S_MAX: u64 = 20;

/// The part of its limit, in quarters, that a killed keep has used at least if the limit was why: the kernel counts whole ticks for
/// the limit, and what was really used for its `stat`, which on a shared machine is less.
const CPU_QUARTERS: u64 = 3;

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
    pub(super) libraries: Libraries,
    pub(super) subject: Subject,
    pub(super) given: BTreeSet<Inode>,
}

/// Ends the keep when it is dropped, and waits until nothing of it is left: the guardian is done.
#[derive(Debug)]
pub(super) struct Leash {
    child: Arc<Mutex<Child>>,
    guardian: Option<JoinHandle<()>>,
}

/// The keep's process, as far as it may be signalled.
#[derive(Clone, Copy, Debug)]
enum Child {
    Unborn,
    /// Not reaped yet, so the number is still this child's.
    Lives(Pid),
    /// Reaped, or not wanted any more before it was born.
    Over,
}

impl Drop for Leash {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        match *child {
            Child::Lives(pid) => {
                // Gone already is as good.
                let _gone = kill(pid, Signal::SIGKILL);
            }
            Child::Unborn => *child = Child::Over,
            Child::Over => {}
        }
        drop(child);
        if let Some(guardian) = self.guardian.take() {
            drop(guardian.join());
        }
    }
}

/// The two answers of the thread: the keep is prepared (or not), and how it ended.
pub(super) type Prepares = oneshot::Receiver<Result<Prepared, LaunchError>>;
pub(super) type Ends = oneshot::Receiver<Ending>;

/// Starts the thread.
pub(super) fn guard(order: Order) -> Result<(Leash, Prepares, Ends), LaunchError> {
    let (prepared, prepares) = oneshot::channel();
    let (ended, ends) = oneshot::channel();
    let child = Arc::new(Mutex::new(Child::Unborn));
    let shared = Arc::clone(&child);
    let guardian = thread::Builder::new()
        .name("keep-guardian".into())
        .spawn(move || {
            let (born, launcher) = match bear(&order) {
                Ok(born) => born,
                Err(error) => return drop(prepared.send(Err(LaunchError::Spawn(error)))),
            };
            let pid = Pid::from_raw(born.child.id().cast_signed());
            if !lives(&shared, pid) {
                let _gone = kill(pid, Signal::SIGKILL);
            }
            let mut group = Group::make(order.limits);
            match prepare(&born, launcher, &order, &mut group) {
                // A caller that has gone has dropped the leash.
                Ok(ready) => drop(prepared.send(Ok(ready))),
                Err(error) => {
                    let _gone = kill(pid, Signal::SIGKILL);
                    let ending = reap(pid, &shared, &group, order.limits);
                    drop(group);
                    drop(prepared.send(Err(explain(error, ending))));
                    return;
                }
            }
            let limits = order.limits;
            drop(order);
            let ending = reap(pid, &shared, &group, limits);
            drop(group);
            drop(ended.send(ending));
        })
        .map_err(LaunchError::Spawn)?;
    Ok((Leash { child, guardian: Some(guardian) }, prepares, ends))
}

/// The child, and the launcher's end of its control socket.
fn bear(order: &Order) -> io::Result<(Born, UnixStream)> {
    let (launcher, keep) = control_pair()?;
    Ok((execute(order.image.as_fd(), &keep)?, launcher))
}

/// Lets the leash reach the child. `false` where the caller has gone already.
fn lives(shared: &Mutex<Child>, pid: Pid) -> bool {
    let mut child = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let is_wanted = matches!(*child, Child::Unborn);
    *child = Child::Lives(pid);
    is_wanted
}

/// A keep that closed its socket says nothing; how it ended says more.
fn explain(error: LaunchError, ending: Ending) -> LaunchError {
    match error {
        LaunchError::Control(ControlError::Closed) => ending.into_error(),
        error => error,
    }
}

/// Waits for the end, and forgets the number before the kernel may give it to another process.
fn reap(pid: Pid, shared: &Mutex<Child>, group: &Group, limits: Limits) -> Ending {
    let _ended = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
    let used_ms = cpu_ms(pid).unwrap_or(0);
    *shared.lock().unwrap_or_else(PoisonError::into_inner) = Child::Over;
    let signal = match waitpid(pid, None) {
        Ok(WaitStatus::Exited(_, code)) => match Signal::try_from(code.saturating_sub(SIGNALLED)) {
            Ok(signal) => signal,
            Err(_) => return Ending::Exited(code),
        },
        Ok(WaitStatus::Signaled(_, signal, _)) => signal,
        Ok(other) => return Ending::Unknown(format!("{other:?}")),
        Err(error) => return Ending::Unknown(error.to_string()),
    };
    // Whose signal it was the kernel does not say; what it had used up by then does.
    let is_out_of_time =
        limits.cpu_s > 0 && used_ms.saturating_mul(4) >= limits.cpu_s.saturating_mul(1000 * CPU_QUARTERS);
    match signal {
        Signal::SIGKILL if group.ran_out_of_memory() => Ending::OutOfMemory,
        Signal::SIGKILL if is_out_of_time => Ending::OutOfTime { cpu_s: limits.cpu_s, used_ms },
        signal => Ending::Killed(signal),
    }
}

/// Processor time of an ended process and of those that it has waited for, of fields 14 to 17 of `/proc/PID/stat` [proc(5)], in
/// milliseconds: a tick is a hundredth of a second on every machine that keeps run on.
fn cpu_ms(pid: Pid) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, field 2, may hold anything; what follows it begins with field 3.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks = fields.split(' ').skip(11).take(4).map(str::parse::<u64>).sum::<Result<u64, _>>().ok()?;
    Some(ticks.saturating_mul(10))
}

/// Steps 3 to 6 of the back end.
fn prepare(born: &Born, control: UnixStream, order: &Order, group: &mut Group) -> Result<Prepared, LaunchError> {
    control.set_read_timeout(Some(Duration::from_secs(PREPARE_S_MAX))).map_err(ControlError::from)?;
    let Received { message, descriptors, sender } = receive::<FromKeep>(&control)?;
    let (FromKeep::Isolated(isolated), [], Some(pid)) = (message, descriptors.as_slice(), sender) else {
        return Err(LaunchError::OutOfTurn);
    };
    let subject = Subject { pid, user: born.user };
    let mut lacks: BTreeSet<Lack> = isolated.lacks.into_iter().collect();
    let inspect::Isolated { lacks: seen, secret_bytes, code } = inspect::isolated(subject, order.image.as_fd())?;
    lacks.extend(seen);
    group.admit(subject.pid);
    let may_spill = order.accept_lacks.contains(&Lack::SecretPlaintext);
    let harden = Harden { limits: order.limits, debug: order.debug, may_spill };
    send(&control, &ToKeep::Harden(harden), &[])?;
    let Received { message, descriptors, .. } = receive::<FromKeep>(&control)?;
    let (FromKeep::Hardened(hardened), []) = (message, descriptors.as_slice()) else {
        return Err(LaunchError::OutOfTurn);
    };
    // Whatever it says, no more than was seen.
    let secret_bytes = hardened.secret_bytes.min(secret_bytes);
    if secret_bytes == 0 {
        lacks.insert(Lack::SecretKeys);
    }
    if secret_bytes == 0 || may_spill && secret_bytes < order.limits.memory_bytes {
        lacks.insert(Lack::SecretPlaintext);
    }
    lacks.extend(hardened.lacks);
    lacks.extend(inspect::hardened(subject, order.limits, &code)?);
    let accepted = |lack: &Lack| order.accept_lacks.contains(lack) || (order.debug && *lack == Lack::Undumpable);
    let refused: Vec<Lack> = lacks.iter().copied().filter(|lack| !accepted(lack)).collect();
    if !refused.is_empty() {
        return Err(LaunchError::Lacks(refused));
    }
    let given = order.descriptors.iter().map(inode).collect::<io::Result<_>>().map_err(LaunchError::Spawn)?;
    let descriptors: Vec<BorrowedFd<'_>> = order.descriptors.iter().map(|descriptor| descriptor.as_fd()).collect();
    send(&control, &ToKeep::Start(order.start.clone()), &descriptors)?;
    control.set_read_timeout(None).map_err(ControlError::from)?;
    Ok(Prepared { control, lacks, secret_bytes, libraries: code.libraries, subject, given })
}

fn inode(descriptor: &OwnedFd) -> io::Result<Inode> {
    let file = File::from(descriptor.try_clone()?).metadata()?;
    Ok((file.dev(), file.ino()))
}
