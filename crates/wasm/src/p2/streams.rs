//! Streams and waiting. Everything is in memory, so everything is ready, and only clocks are waited for.
#![expect(unreachable_pub, reason = "the bindings give these types out as if to everybody")]

use wasmtime::component::Resource;

use super::{
    bindings::wasi::{
        filesystem::types::ErrorCode,
        io::{
            error, poll,
            streams::{self, StreamError},
        },
    },
    fault::StreamFault,
};
use crate::{
    errno::Errno,
    files::{File, Node},
    world::{Stop, World},
};

/// Bytes of one reading.
pub(super) const READ_BYTES_MAX: u64 = 1 << 20;
/// Bytes that a stream says it takes at once.
const WRITE_BYTES: u64 = 64 * 1024;
/// Zeros of one call.
const ZEROS_MAX: u64 = 1 << 20;

type Answer<T> = Result<T, StreamFault>;

/// Why a stream failed.
pub struct Failure(pub(super) ErrorCode);

/// What is waited for.
pub enum Pollable {
    /// A moment of the monotonic clock.
    At {
        /// That moment.
        instant_ns: u64,
    },
    /// Nothing.
    Ready,
}

/// Where bytes come from.
pub enum Input {
    /// A file, from a position on.
    File(Position),
    /// Standard input.
    Nothing,
}

/// Where bytes go.
pub enum Output {
    /// The end of a file.
    End(Position),
    /// A file, from a position on.
    File(Position),
    /// Standard output and error.
    Nowhere,
}

/// A place in a file that the stream holds.
pub struct Position {
    pub(super) file: File,
    pub(super) offset: u64,
}

impl error::Host for World {}

impl error::HostError for World {
    fn to_debug_string(&mut self, failure: Resource<Failure>) -> wasmtime::Result<String> {
        Ok(format!("{:?}", self.resources.get(&failure)?.0))
    }

    fn drop(&mut self, failure: Resource<Failure>) -> wasmtime::Result<()> {
        self.resources.delete(failure)?;
        Ok(())
    }
}

impl poll::Host for World {
    /// Those that are ready; if none is, those that are first to be, which then are.
    fn poll(&mut self, pollables: Vec<Resource<Pollable>>) -> wasmtime::Result<Vec<u32>> {
        let mut moments = Vec::with_capacity(pollables.len());
        for pollable in &pollables {
            moments.push(match self.resources.get(pollable)? {
                Pollable::At { instant_ns } => *instant_ns,
                Pollable::Ready => 0,
            });
        }
        let first_ns = moments.iter().copied().min().ok_or(Stop::Host)?;
        self.sleep_until_ns(first_ns);
        let now_ns = self.instant_ns();
        let ready = (0_u32..).zip(moments).filter(|(_, instant_ns)| *instant_ns <= now_ns);
        Ok(ready.map(|(index, _)| index).collect())
    }
}

impl poll::HostPollable for World {
    fn ready(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<bool> {
        // Asking again and again is a way to wait: the question itself makes the clock go on.
        let now_ns = self.monotonic_ns();
        Ok(match self.resources.get(&pollable)? {
            Pollable::At { instant_ns } => *instant_ns <= now_ns,
            Pollable::Ready => true,
        })
    }

    fn block(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<()> {
        if let Pollable::At { instant_ns } = self.resources.get(&pollable)? {
            let instant_ns = *instant_ns;
            self.sleep_until_ns(instant_ns);
        }
        Ok(())
    }

    fn drop(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<()> {
        self.resources.delete(pollable)?;
        Ok(())
    }
}

impl streams::Host for World {
    fn convert_stream_error(&mut self, fault: StreamFault) -> wasmtime::Result<StreamError> {
        match fault {
            StreamFault::Closed => Ok(StreamError::Closed),
            StreamFault::Ends(error) => Err(error),
            StreamFault::Failed(code) => Ok(StreamError::LastOperationFailed(self.resources.push(Failure(code))?)),
        }
    }
}

impl streams::HostInputStream for World {
    fn read(&mut self, stream: Resource<Input>, length: u64) -> Answer<Vec<u8>> {
        match self.resources.get_mut(&stream)? {
            Input::File(position) => {
                let data = self.files.read(position.file, position.offset, length.min(READ_BYTES_MAX))?;
                if data.is_empty() && length > 0 {
                    return Err(StreamFault::Closed);
                }
                position.offset = position.offset.saturating_add(data.len() as u64);
                Ok(data.to_vec())
            }
            Input::Nothing => Err(StreamFault::Closed),
        }
    }

    fn blocking_read(&mut self, stream: Resource<Input>, length: u64) -> Answer<Vec<u8>> {
        self.read(stream, length)
    }

    fn skip(&mut self, stream: Resource<Input>, length: u64) -> Answer<u64> {
        self.read(stream, length).map(|data| data.len() as u64)
    }

    fn blocking_skip(&mut self, stream: Resource<Input>, length: u64) -> Answer<u64> {
        self.skip(stream, length)
    }

    fn subscribe(&mut self, stream: Resource<Input>) -> wasmtime::Result<Resource<Pollable>> {
        Ok(self.resources.push_child(Pollable::Ready, &stream)?)
    }

    fn drop(&mut self, stream: Resource<Input>) -> wasmtime::Result<()> {
        if let Input::File(position) = self.resources.delete(stream)? {
            self.files.close(Node::File(position.file));
        }
        Ok(())
    }
}

impl streams::HostOutputStream for World {
    fn check_write(&mut self, stream: Resource<Output>) -> Answer<u64> {
        self.resources.get(&stream)?;
        Ok(WRITE_BYTES)
    }

    fn write(&mut self, stream: Resource<Output>, data: Vec<u8>) -> Answer<()> {
        match self.resources.get_mut(&stream)? {
            Output::End(position) => {
                position.offset = self.files.size(Node::File(position.file))?;
                Ok(self.files.write(position.file, position.offset, &data)?)
            }
            Output::File(position) => {
                self.files.write(position.file, position.offset, &data)?;
                position.offset = position.offset.saturating_add(data.len() as u64);
                Ok(())
            }
            Output::Nowhere => self.say(&data).then_some(()).ok_or_else(|| Errno::Io.into()),
        }
    }

    fn blocking_write_and_flush(&mut self, stream: Resource<Output>, data: Vec<u8>) -> Answer<()> {
        self.write(stream, data)
    }

    fn flush(&mut self, stream: Resource<Output>) -> Answer<()> {
        self.resources.get(&stream)?;
        Ok(())
    }

    fn blocking_flush(&mut self, stream: Resource<Output>) -> Answer<()> {
        self.flush(stream)
    }

    fn subscribe(&mut self, stream: Resource<Output>) -> wasmtime::Result<Resource<Pollable>> {
        Ok(self.resources.push_child(Pollable::Ready, &stream)?)
    }

    fn write_zeroes(&mut self, stream: Resource<Output>, length: u64) -> Answer<()> {
        match usize::try_from(length) {
            Ok(zeros) if length <= ZEROS_MAX => self.write(stream, vec![0; zeros]),
            _ => Err(StreamFault::Ends(Stop::Host.into())),
        }
    }

    fn blocking_write_zeroes_and_flush(&mut self, stream: Resource<Output>, length: u64) -> Answer<()> {
        self.write_zeroes(stream, length)
    }

    fn splice(&mut self, stream: Resource<Output>, from: Resource<Input>, length: u64) -> Answer<u64> {
        let data = streams::HostInputStream::read(self, from, length.min(WRITE_BYTES))?;
        let moved = data.len() as u64;
        self.write(stream, data)?;
        Ok(moved)
    }

    fn blocking_splice(&mut self, stream: Resource<Output>, from: Resource<Input>, length: u64) -> Answer<u64> {
        self.splice(stream, from, length)
    }

    fn drop(&mut self, stream: Resource<Output>) -> wasmtime::Result<()> {
        match self.resources.delete(stream)? {
            Output::End(position) | Output::File(position) => self.files.close(Node::File(position.file)),
            Output::Nowhere => {}
        }
        Ok(())
    }
}
