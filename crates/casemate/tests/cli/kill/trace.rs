//! A process whose every step is seen from outside, and which is killed at one of them, or told there that it failed
//! [ptrace(2)].
//!
//! A step is a system call that changes what is on disk, or that sends bytes to another process. The kernel stops the
//! process at the entry of every call; a SIGKILL there ends it before the call has done anything, so that killing at each
//! step in turn shows every state in which a death can leave the files. Nothing of this is in the program itself.
//!
//! Threads make the order of steps vary, so a step is named by what it does and how often it was done before
//! (`fdatasync state/state.db-wal`, the third): that is the same in every run.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::{BufRead as _, BufReader, Read, Write as _},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, mpsc},
    thread::{self, JoinHandle},
};

use nix::{
    errno::Errno,
    sys::{
        ptrace::{self, Options},
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use super::calls;

/// One step of a process: what it does, and how often it did the same before.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Step {
    pub(crate) what: String,
    pub(crate) before: u32,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} before)", self.what, self.before)
    }
}

/// Whose steps count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Whose {
    /// The process that was started; those that it starts are left alone.
    Own,
    /// The processes that it starts: a runner's keep.
    Children,
    /// Those of all, each in their own order.
    Both,
}

impl Whose {
    /// Where the watch over these lies.
    const fn place(self) -> usize {
        match self {
            Self::Own | Self::Both => 0,
            Self::Children => 1,
        }
    }
}

/// What is done where a process has come to a certain step.
pub(crate) enum At {
    Kill,
    /// The call is not made: it fails with this.
    Fail(Failing),
    /// This is done while the process stands there; it goes on afterwards.
    Pause(Box<dyn FnOnce() + Send>),
}

/// How a call fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Failing {
    pub(crate) errno: Errno,
    /// Whether every later call that does the same fails too.
    pub(crate) lasts: bool,
}

/// What is done at one step.
pub(crate) struct Harm {
    pub(crate) step: Step,
    pub(crate) at: At,
}

/// A process under observation. It is killed when this value is dropped.
pub(crate) struct Traced {
    watches: Watches,
    whose: Whose,
    lines: Arc<Mutex<Vec<String>>>,
    pid: Pid,
    thread: Option<JoinHandle<Option<i32>>>,
}

/// Of the process that was started, and of those that it starts.
type Watches = [Arc<Mutex<Watch>>; 2];

/// What one role did, and what was done to it.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) steps: Vec<Step>,
    pub(crate) hits: Vec<Step>,
    counts: BTreeMap<String, u32>,
    harms: Vec<Harm>,
    lasting: BTreeMap<String, Failing>,
}

impl Watch {
    fn of(harms: Vec<Harm>) -> Self {
        Self { harms, ..Self::default() }
    }

    /// Notes a step. What is to be done there, if anything.
    fn reached(&mut self, what: String) -> Option<At> {
        let count = self.counts.entry(what.clone()).or_default();
        let step = Step { what, before: *count };
        *count += 1;
        self.steps.push(step.clone());
        let Some(place) = self.harms.iter().position(|harm| harm.step == step) else {
            return self.lasting.get(&step.what).copied().map(At::Fail);
        };
        let at = self.harms.swap_remove(place).at;
        if let At::Fail(failing @ Failing { lasts: true, .. }) = at {
            self.lasting.insert(step.what.clone(), failing);
        }
        self.hits.push(step);
        Some(at)
    }
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct End {
    /// Its exit code, if it was not killed.
    pub(crate) code: Option<i32>,
    /// The steps that it took, in their order.
    pub(crate) steps: Vec<Step>,
    /// Whether it, or its child, was killed at the step that was asked for.
    pub(crate) is_hit: bool,
    /// Standard output and standard error, by line.
    pub(crate) lines: Vec<String>,
}

/// Whether a process may be traced here; reports the skip of `test` otherwise.
pub(crate) fn can_trace(test: &str) -> bool {
    let end = calls::IS_SUPPORTED.then(|| Traced::start(Command::new("true"), Whose::Own, None).wait());
    let can = end.is_some_and(|end| end.code == Some(0));
    if !can {
        casemate_testkit::skip(
            test,
            "processes cannot be traced here, so they cannot be killed at a step",
            "run it on x86-64 where ptrace(2) is allowed (in a container: `--cap-add=SYS_PTRACE`)",
        );
    }
    can
}

impl Traced {
    /// Starts a program that is killed at `target`. Without one its steps are only noted.
    pub(crate) fn start(command: Command, whose: Whose, target: Option<Step>) -> Self {
        Self::one(command, whose, target.map(|step| Harm { step, at: At::Kill }))
    }

    /// Starts a program that stands still before `target` until `meanwhile` is done.
    pub(crate) fn paused(command: Command, target: Step, meanwhile: impl FnOnce() + Send + 'static) -> Self {
        let harm = Harm { step: target, at: At::Pause(Box::new(meanwhile)) };
        Self::one(command, Whose::Own, Some(harm))
    }

    /// Starts a program to which, and to what it starts, all this is done.
    pub(crate) fn harmed(command: Command, own: Vec<Harm>, children: Vec<Harm>) -> Self {
        Self::with(command, Whose::Both, [own, children])
    }

    fn one(command: Command, whose: Whose, harm: Option<Harm>) -> Self {
        let mut harms = [Vec::new(), Vec::new()];
        harms[whose.place()].extend(harm);
        Self::with(command, whose, harms)
    }

    fn with(command: Command, whose: Whose, harms: [Vec<Harm>; 2]) -> Self {
        let watches = harms.map(|harms| Arc::new(Mutex::new(Watch::of(harms))));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (tell, told) = mpsc::channel();
        let (watched, written) = (watches.clone(), Arc::clone(&lines));
        // Only the thread that began to trace may go on with it.
        let thread = thread::spawn(move || {
            let (child, readers) = spawn(command, &written);
            let first = Pid::from_raw(child.id().cast_signed());
            let (processes, failing) = (BTreeMap::new(), BTreeMap::new());
            let code = Tracer { first, whose, watches: &watched, processes, failing }.run(child, &tell);
            for reader in readers {
                reader.join().unwrap();
            }
            code
        });
        let pid = told.recv().unwrap();
        Self { watches, whose, lines, pid, thread: Some(thread) }
    }

    /// Forgets the steps so far and begins anew, with another step to be killed at.
    pub(crate) fn watch(&self, target: Option<Step>) {
        self.harm(target.map(|step| Harm { step, at: At::Kill }).into_iter().collect());
    }

    /// Forgets the steps so far and begins anew, with this to be done.
    pub(crate) fn harm(&self, harms: Vec<Harm>) {
        *self.state() = Watch::of(harms);
    }

    /// What `whose` processes did so far, and what was done to them.
    pub(crate) fn watched(&self, whose: Whose) -> MutexGuard<'_, Watch> {
        self.watches[whose.place()].lock().unwrap()
    }

    /// The steps so far.
    pub(crate) fn steps(&self) -> Vec<Step> {
        self.state().steps.clone()
    }

    pub(crate) fn is_hit(&self) -> bool {
        !self.state().hits.is_empty()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// SIGKILL, at no step in particular.
    pub(crate) fn kill(&self) {
        if self.is_running() {
            let _ = kill(self.pid, Signal::SIGKILL);
        }
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> End {
        let code = self.thread.take().unwrap().join().unwrap();
        let (steps, is_hit) = (self.steps(), self.is_hit());
        End { code, steps, is_hit, lines: self.lines() }
    }

    fn state(&self) -> MutexGuard<'_, Watch> {
        self.watched(self.whose)
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            if !thread.is_finished() {
                let _ = kill(self.pid, Signal::SIGKILL);
            }
            let _ = thread.join();
        }
    }
}

/// Starts a shell that becomes the program once it is told to: by then it is traced.
fn spawn(command: Command, lines: &Arc<Mutex<Vec<String>>>) -> (Child, [JoinHandle<()>; 2]) {
    let mut shell = Command::new("sh");
    shell.args(["-c", "read -r go && exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let readers =
        [read(child.stdout.take().unwrap(), Arc::clone(lines)), read(child.stderr.take().unwrap(), Arc::clone(lines))];
    (child, readers)
}

fn read(from: impl Read + Send + 'static, into: Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            into.lock().unwrap().push(line);
        }
    })
}

/// What the kernel tells of the process and of those that it starts.
struct Tracer<'a> {
    first: Pid,
    whose: Whose,
    watches: &'a Watches,
    /// The process of each thread.
    processes: BTreeMap<Pid, Pid>,
    /// What the call fails with that a thread stands in.
    failing: BTreeMap<Pid, Errno>,
}

impl Tracer<'_> {
    /// Follows it to its end; its exit code, if it has one.
    fn run(mut self, mut child: Child, tell: &mpsc::Sender<Pid>) -> Option<i32> {
        let mut options = Options::PTRACE_O_EXITKILL
            | Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC;
        if self.whose != Whose::Own {
            options |= Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACEVFORK;
        }
        let seized = ptrace::seize(self.first, options);
        tell.send(self.first).unwrap();
        if seized.is_err() {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"go\n").unwrap();
        drop(stdin);
        self.follow()
    }

    fn follow(&mut self) -> Option<i32> {
        let mut code = None;
        // Until no process is left that this thread started or traces.
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD)) {
            match status {
                WaitStatus::Exited(pid, exit) if pid == self.first => code = Some(exit),
                WaitStatus::PtraceSyscall(thread) => self.at_call(thread),
                // The stop of a new thread or a new program; a stop for all threads is none for a traced one.
                WaitStatus::PtraceEvent(thread, ..) => go_on(thread, None),
                WaitStatus::Stopped(thread, signal) => go_on(thread, signal),
                _ => {}
            }
        }
        code
    }

    fn at_call(&mut self, thread: Pid) {
        if let Some(errno) = self.failing.remove(&thread) {
            calls::answer(thread, errno);
            return go_on(thread, None);
        }
        let process = *self.processes.entry(thread).or_insert_with(|| calls::process_of(thread));
        let of = if process == self.first { Whose::Own } else { Whose::Children };
        let counts = self.whose == of || self.whose == Whose::Both;
        let what = counts.then(|| calls::step(thread)).flatten();
        // Taken out first: what is done at a pause may look at the steps.
        let at = what.and_then(|what| self.watches[of.place()].lock().unwrap().reached(what));
        match at {
            None => {}
            Some(At::Kill) => {
                let _ = kill(process, Signal::SIGKILL);
                return;
            }
            // Where the thread is gone by now, nothing fails.
            Some(At::Fail(Failing { errno, .. })) if calls::skip(thread) => drop(self.failing.insert(thread, errno)),
            Some(At::Fail(_)) => {}
            Some(At::Pause(meanwhile)) => meanwhile(),
        }
        go_on(thread, None);
    }
}

/// A thread that is gone by now needs nothing more.
fn go_on(thread: Pid, signal: impl Into<Option<Signal>>) {
    let _ = ptrace::syscall(thread, signal);
}

/// The distinct kinds of steps.
pub(crate) fn kinds(steps: &[Step]) -> BTreeSet<&str> {
    steps.iter().map(|step| step.what.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What a shell says that writes a word into a file and tells how that went.
    fn write(folder: &casemate_testkit::Folder, harm: Option<(u32, Failing)>) -> (Vec<String>, Option<String>) {
        let file = folder.join("word");
        let _ = fs::remove_file(&file);
        let mut shell = Command::new("sh");
        shell.args(["-c", "for time in 1 2 3; do echo word >> \"$0\" && echo done || echo failed; done"]).arg(&file);
        let step = |before| Step { what: "write ".to_owned() + &short(&file), before };
        let harms = harm.map(|(before, failing)| Harm { step: step(before), at: At::Fail(failing) });
        let end = Traced::harmed(shell, harms.into_iter().collect(), Vec::new()).wait();
        let said = end.lines.into_iter().filter(|line| ["done", "failed"].contains(&line.as_str())).collect();
        (said, fs::read_to_string(file).ok())
    }

    fn short(path: &std::path::Path) -> String {
        let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        calls::short(&parts.join("/"))
    }

    #[test]
    fn a_call_that_fails_is_not_made() {
        if !can_trace("calls that fail") {
            return;
        }
        let folder = casemate_testkit::Folder::new("failing");
        let text = |lines: usize| Some("word\n".repeat(lines));
        let once = Failing { errno: Errno::ENOSPC, lasts: false };
        assert_eq!(write(&folder, None), (["done"; 3].map(String::from).to_vec(), text(3)));
        assert_eq!(write(&folder, Some((1, once))), (["done", "failed", "done"].map(String::from).to_vec(), text(2)));
        let lasting = Failing { lasts: true, ..once };
        assert_eq!(
            write(&folder, Some((1, lasting))),
            (["done", "failed", "failed"].map(String::from).to_vec(), text(1))
        );
    }
}
