//! A run's time: the program has a thread of its own, and nobody waits for it longer than that.
//!
//! Nothing in a program's code looks at the time: asked at every turn of a loop, that would cost up to as much again as the
//! turn itself. So a program whose time is up is not stopped but left behind. It still reaches nothing but its own memory and
//! files, which nobody will read; its thread ends with the process, or with the program.

use std::{
    io,
    panic::resume_unwind,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use crate::STACK_BYTES;

/// What the thread needs beside the program's own stack: Wasmtime's part, and the host functions'.
const HOST_STACK_BYTES: usize = 1 << 20;

/// Gives what `work` gives; `None` where that takes longer than `time`.
pub(crate) fn within<T: Send + 'static>(
    time: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Option<T>> {
    let (tell, told) = mpsc::sync_channel(1);
    let builder = thread::Builder::new().name("program".to_owned()).stack_size(STACK_BYTES + HOST_STACK_BYTES);
    let thread = builder.spawn(move || drop(tell.send(work())))?;
    match told.recv_timeout(time) {
        Err(RecvTimeoutError::Timeout) => Ok(None),
        gave => {
            // Its stack and its memory are free when this returns.
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
            Ok(gave.ok())
        }
    }
}
