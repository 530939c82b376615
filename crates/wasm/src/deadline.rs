//! Ends a run whose time is up: a thread sleeps until then, or until the run is over, whichever is first.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use wasmtime::Engine;

/// A run's time. Dropped, it stops counting.
pub(crate) struct Deadline {
    over: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Deadline {
    /// Counts from now on. At the end it sets `is_up`, then makes every store of `engine` look.
    pub(crate) fn start(engine: &Engine, time: Duration, is_up: Arc<AtomicBool>) -> io::Result<Self> {
        let (over, is_over) = mpsc::channel::<()>();
        let engine = engine.clone();
        let count = move || {
            if is_over.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
                is_up.store(true, Ordering::SeqCst);
                engine.increment_epoch();
            }
        };
        let thread = thread::Builder::new().name("program-time".to_owned()).stack_size(256 * 1024).spawn(count)?;
        Ok(Self { over: Some(over), thread: Some(thread) })
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.over = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
