//! A process whose every step is seen from outside, and which is killed at one of them [ptrace(2)].
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
}

/// What is done where a process has come to a certain step.
enum At {
    Kill,
    /// This is done while the process stands there; it goes on afterwards.
    Pause(Box<dyn FnOnce() + Send>),
}

/// A process under observation. It is killed when this value is dropped.
pub(crate) struct Traced {
    watch: Arc<Mutex<Watch>>,
    lines: Arc<Mutex<Vec<String>>>,
    pid: Pid,
    thread: Option<JoinHandle<Option<i32>>>,
}

#[derive(Default)]
struct Watch {
    steps: Vec<Step>,
    counts: BTreeMap<String, u32>,
    target: Option<Step>,
    is_hit: bool,
}

impl Watch {
    /// Whether the process is to die at this step.
    fn is_end(&mut self, what: String) -> bool {
        if self.is_hit {
            return false;
        }
        let count = self.counts.entry(what.clone()).or_default();
        let step = Step { what, before: *count };
        *count += 1;
        self.is_hit = self.target.as_ref() == Some(&step);
        self.steps.push(step);
        self.is_hit
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
        Self::until(command, whose, target, At::Kill)
    }

    /// Starts a program that stands still before `target` until `meanwhile` is done.
    pub(crate) fn paused(command: Command, target: Step, meanwhile: impl FnOnce() + Send + 'static) -> Self {
        Self::until(command, Whose::Own, Some(target), At::Pause(Box::new(meanwhile)))
    }

    fn until(command: Command, whose: Whose, target: Option<Step>, at: At) -> Self {
        let watch = Arc::new(Mutex::new(Watch { target, ..Watch::default() }));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (tell, told) = mpsc::channel();
        let (watched, written) = (Arc::clone(&watch), Arc::clone(&lines));
        // Only the thread that began to trace may go on with it.
        let thread = thread::spawn(move || {
            let (child, readers) = spawn(command, &written);
            let pid = Pid::from_raw(child.id().cast_signed());
            let code = Tracer { first: pid, whose, at, watch: &watched, processes: BTreeMap::new() }.run(child, &tell);
            for reader in readers {
                reader.join().unwrap();
            }
            code
        });
        let pid = told.recv().unwrap();
        Self { watch, lines, pid, thread: Some(thread) }
    }

    /// Forgets the steps so far and begins anew, with another step to be killed at.
    pub(crate) fn watch(&self, target: Option<Step>) {
        *self.state() = Watch { target, ..Watch::default() };
    }

    /// The steps so far.
    pub(crate) fn steps(&self) -> Vec<Step> {
        self.state().steps.clone()
    }

    pub(crate) fn is_hit(&self) -> bool {
        self.state().is_hit
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
        self.watch.lock().unwrap()
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
    at: At,
    watch: &'a Mutex<Watch>,
    /// The process of each thread.
    processes: BTreeMap<Pid, Pid>,
}

impl Tracer<'_> {
    /// Follows it to its end; its exit code, if it has one.
    fn run(mut self, mut child: Child, tell: &mpsc::Sender<Pid>) -> Option<i32> {
        let mut options = Options::PTRACE_O_EXITKILL
            | Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC;
        if self.whose == Whose::Children {
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
        let process = *self.processes.entry(thread).or_insert_with(|| calls::process_of(thread));
        let counts = match self.whose {
            Whose::Own => process == self.first,
            Whose::Children => process != self.first,
        };
        let what = counts.then(|| calls::step(thread)).flatten();
        if what.is_some_and(|what| self.watch.lock().unwrap().is_end(what)) {
            match std::mem::replace(&mut self.at, At::Kill) {
                At::Kill => {
                    let _ = kill(process, Signal::SIGKILL);
                    return;
                }
                At::Pause(meanwhile) => meanwhile(),
            }
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
