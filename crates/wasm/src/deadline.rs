//! A run's time: the program has a thread of its own, and nobody waits for it longer than that.
//!
//! Nothing in a program's code looks at the time: asked at every turn of a loop, that would cost up to as much again as the
//! turn itself. So a program whose time is up is not stopped but left behind. It still reaches nothing but its own memory and
//! files, which nobody will read; its thread ends with the process, or with the program.

use std::{
    fs, io,
    panic::resume_unwind,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::STACK_BYTES;

/// What the thread needs beside the program's own stack: Wasmtime's part, and the host functions'.
const HOST_STACK_BYTES: usize = 1 << 20;

/// How often the memory of a process is looked at while it compiles.
const LOOK: Duration = Duration::from_millis(50);

/// What there was too little of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Spent {
    Memory,
    Time,
}

/// Gives what `work` gives; `None` where that takes longer than `time`.
pub(crate) fn within<T: Send + 'static>(
    time: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Option<T>> {
    let (thread, told) = begin(work)?;
    Ok(end(thread, told.recv_timeout(time)))
}

/// Gives what `work` gives, if it takes no longer than `time` and the process grows by no more than `bytes` meanwhile. A process
/// that can't see its own size, as a keep, has a limit for all of its memory.
pub(crate) fn within_memory<T: Send + 'static>(
    time: Duration,
    bytes: u64,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Result<T, Spent>> {
    let (started, before) = (Instant::now(), resident_bytes());
    let (thread, told) = begin(work)?;
    loop {
        let left = time.saturating_sub(started.elapsed());
        match told.recv_timeout(left.min(LOOK)) {
            Err(RecvTimeoutError::Timeout) if left.is_zero() => return Ok(Err(Spent::Time)),
            Err(RecvTimeoutError::Timeout) => {
                let grown = resident_bytes().zip(before).map(|(now, before)| now.saturating_sub(before));
                if grown.is_some_and(|grown| grown > bytes) {
                    return Ok(Err(Spent::Memory));
                }
            }
            gave => return Ok(end(thread, gave).ok_or(Spent::Time)),
        }
    }
}

fn begin<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<(JoinHandle<()>, Receiver<T>)> {
    let (tell, told) = mpsc::sync_channel(1);
    let builder = thread::Builder::new().name("program".to_owned()).stack_size(STACK_BYTES + HOST_STACK_BYTES);
    Ok((builder.spawn(move || drop(tell.send(work())))?, told))
}

fn end<T>(thread: JoinHandle<()>, gave: Result<T, RecvTimeoutError>) -> Option<T> {
    if matches!(gave, Err(RecvTimeoutError::Timeout)) {
        return None;
    }
    // Its stack and its memory are free when this returns.
    thread.join().unwrap_or_else(|panic| resume_unwind(panic));
    gave.ok()
}

/// `VmRSS` of `/proc/self/status` [proc(5)], which is in KiB whatever a page is.
fn resident_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let kib = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
    kib.parse::<u64>().ok()?.checked_mul(1024)
}
