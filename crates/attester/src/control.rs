//! The conversation between a launcher and the keep it started, on one Unix stream socket (the keep's descriptor 3).
//!
//! ```text
//! frame = u32 big-endian length ‖ deterministic CBOR of ToKeep or FromKeep
//! ```
//! Descriptors travel by `SCM_RIGHTS` with the four length bytes of [`ToKeep::Start`] and with no other frame. The order
//! is fixed: `Isolated`, `Harden`, `Hardened`, `Start`, then the keep's requests and the launcher's `Evidence`, and last
//! `Done` or `Refused`. docs/formats/control.md lists every field.
//!
//! Invariant: the launcher sees what it must and nothing more. No message of a keep carries free text of its own: steps
//! are an enumeration, refusals are [`Reason`]s that carry no values of sealed data, results are encrypted.

use std::{
    io::{IoSlice, IoSliceMut, Read as _, Write as _},
    os::{
        fd::{AsRawFd as _, BorrowedFd, OwnedFd, RawFd},
        unix::net::UnixStream,
    },
};

use casemate_cose::{CborError, decode, encode};
use casemate_evidence::Lack;
use casemate_trust::Reason;
use minicbor::{Decode, Encode};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use thiserror::Error;

mod descriptors;

use descriptors::{Accompanied, receive_accompanied};

/// The longest frame: 64 MiB. Results and contracts pass here, data does not.
pub const FRAME_BYTES_MAX: usize = 64 << 20;
/// The most descriptors with one `Start`: the kernel's `SCM_MAX_FD` is 253.
pub const DESCRIPTORS_MAX: usize = 128;
/// The keep's descriptor of this socket.
pub const CONTROL_FD: RawFd = 3;
/// How many seccomp filters a keep adds to those of its launcher before it says that it is hardened.
pub const SECCOMP_FILTERS: usize = 4;
/// The most threads of a keep: `RLIMIT_NPROC`, and the limit of its control group.
pub const THREADS_MAX: u64 = 1024;
/// The exit code of a keep that was ended for a system call which no honest keep makes.
pub const TRESPASSED: i32 = 71;
/// The exit code of a keep that was ended because it had used up the memory of its limit.
pub const EXHAUSTED: i32 = 72;
/// The exit code of a keep that signal N ended is this and N, as shells have it.
pub const SIGNALLED: i32 = 128;
/// The name by which a re-executed binary knows that it is to be a keep.
pub const KEEP_NAME: &str = "casemate-keep";

/// Why a frame could not be sent or received.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The frame is not the deterministic encoding of a message.
    #[error("a message on the control socket was not understood: {0}")]
    Cbor(#[from] CborError),
    /// The peer is gone.
    #[error("the other end of the control socket closed")]
    Closed,
    /// Descriptors came where none belong, too many came, or some were lost.
    #[error("`{actual}` descriptors came with a message that takes `{expected}`")]
    Descriptors {
        /// How many the message takes.
        expected: usize,
        /// How many came.
        actual: usize,
    },
    /// The kernel refused.
    #[error("the control socket failed: {0}")]
    Io(#[from] std::io::Error),
    /// A frame is longer than [`FRAME_BYTES_MAX`].
    #[error("a message of `{0}` bytes, longer than 64 MiB")]
    TooLong(u64),
}

impl From<nix::Error> for ControlError {
    fn from(error: nix::Error) -> Self {
        Self::Io(error.into())
    }
}

/// What a launcher says.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
pub enum ToKeep {
    /// Evidence for the keep's last request; empty when the launcher signs no more.
    #[n(0)]
    Evidence(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// The launcher has looked from outside: close what is still open, and take these limits.
    #[n(1)]
    Harden(#[n(0)] Harden),
    /// Everything a run needs. Descriptors: one for each dataset, then one for each broker, in the order of the lists.
    #[n(2)]
    Start(#[n(0)] Start),
}

/// What a keep says.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
pub enum FromKeep {
    /// The run is over and these files may leave.
    #[n(0)]
    Done(#[n(0)] Done),
    /// Asks for evidence over these 64 bytes.
    #[n(1)]
    EvidenceRequest(#[cbor(n(0), with = "minicbor::bytes")] [u8; 64]),
    /// Step two is done: limits are set, nothing more can be read from outside.
    #[n(2)]
    Hardened(#[n(0)] Hardened),
    /// Step one is done: namespaces, empty root, no privileges. Sent from inside, by process 1 of the keep.
    #[n(3)]
    Isolated(#[n(0)] Isolated),
    /// A step begins.
    #[n(4)]
    Progress(#[n(0)] Progress),
    /// The run is over and nothing leaves.
    #[n(5)]
    Refused(#[n(0)] Refused),
}

/// How a keep closes itself.
#[derive(Clone, Copy, Debug, Decode, Default, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Harden {
    /// What it may use.
    #[n(0)]
    pub limits: Limits,
    /// Whether it stays open to debuggers; its evidence then says so, and no broker gives it a key.
    #[n(1)]
    pub debug: bool,
    /// Whether the contract accepts the lack `secret-plaintext`: that what does not fit into secret memory lies elsewhere.
    #[n(2)]
    pub may_spill: bool,
}

/// What a keep may use. Zero means that the kernel's own limit stays.
#[derive(Clone, Copy, Debug, Decode, Default, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Limits {
    /// Processor seconds (`RLIMIT_CPU`).
    #[n(0)]
    pub cpu_s: u64,
    /// Bytes of private writable memory (`RLIMIT_DATA`).
    #[n(1)]
    pub memory_bytes: u64,
    /// Open descriptors (`RLIMIT_NOFILE`).
    #[n(2)]
    pub open_files: u64,
    /// Seconds until the launcher ends the keep.
    #[n(3)]
    pub wall_s: u64,
}

/// The bytes of one run. The keep believes none of them before it has checked them against the contract's signatures.
#[derive(Clone, Debug, Decode, Default, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Start {
    /// The signed contract file.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub contract: Vec<u8>,
    /// The manifest.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub manifest: Vec<u8>,
    /// The program: for SQL, its UTF-8 text; for Wasm, its bytes; empty where it is one of the sealed files.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub program: Vec<u8>,
    /// Names of the datasets whose sealed files come as the first descriptors.
    #[n(3)]
    pub datasets: Vec<String>,
    /// Owners whose brokers are at the other end of the sockets that come as the next descriptors.
    #[n(4)]
    pub brokers: Vec<String>,
    /// Code compiled ahead of time; empty where the contract pins none or the runner has it not.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub artifact: Vec<u8>,
}

/// What the keep could not do in step one. The launcher looks for itself and adds what it finds.
#[derive(Clone, Debug, Decode, Default, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Isolated {
    /// What the kernel refused.
    #[n(0)]
    pub lacks: Vec<Lack>,
}

/// What the keep could not do in step two.
#[derive(Clone, Debug, Decode, Default, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Hardened {
    /// What the kernel refused.
    #[n(0)]
    pub lacks: Vec<Lack>,
    /// Bytes of secret memory that the keep holds.
    #[n(1)]
    pub secret_bytes: u64,
}

/// A step of a run. The closed list of everything a keep tells about its course.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, Ord, PartialEq, PartialOrd)]
#[cbor(index_only)]
pub enum Step {
    /// Contract, manifest and program agree with each other.
    #[n(0)]
    Checked,
    /// Every sealed file is the one that the contract names.
    #[n(1)]
    DataChecked,
    /// A TLS session with this owner's broker stands.
    #[n(2)]
    Connected,
    /// Evidence for this owner's broker was sent.
    #[n(3)]
    Attested,
    /// This owner's broker decided to allow.
    #[n(4)]
    Decided,
    /// This owner's broker released its keys.
    #[n(5)]
    Released,
    /// The program ran and every gate passed.
    #[n(6)]
    Computed,
    /// This owner's broker permitted the result.
    #[n(7)]
    Permitted,
    /// The result is signed and encrypted to its recipients.
    #[n(8)]
    Delivered,
}

/// A step was done.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Progress {
    /// Which.
    #[n(0)]
    pub step: Step,
    /// With whose broker: an index into [`Start::brokers`].
    #[n(1)]
    pub broker: Option<u32>,
}

/// What leaves.
#[derive(Clone, Debug, Decode, Default, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Done {
    /// One encrypted file for each recipient.
    #[n(0)]
    pub results: Vec<PartyResult>,
    /// Everything that is needed to verify the run offline; no data.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub bundle: Vec<u8>,
    /// The most bytes of ordinary memory that the run used at once because secret memory was full; zero where all fitted.
    #[n(2)]
    pub ordinary_bytes: u64,
}

/// One recipient's result.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct PartyResult {
    /// The recipient.
    #[n(0)]
    pub party: String,
    /// An age file.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub file: Vec<u8>,
}

/// Why nothing leaves.
#[derive(Clone, Debug, Decode, Default, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Refused {
    /// Whose refusal it is: an index into [`Start::brokers`], or the keep's own.
    #[n(0)]
    pub broker: Option<u32>,
    /// All reasons.
    #[n(1)]
    pub reasons: Vec<Reason>,
}

/// Sends `message`, blocking, with `descriptors`.
///
/// # Errors
/// [`ControlError`].
pub fn send<T: Encode<()>>(
    socket: &UnixStream,
    message: &T,
    descriptors: &[BorrowedFd<'_>],
) -> Result<(), ControlError> {
    let (length, body) = frame(message)?;
    let raw: Vec<RawFd> = descriptors.iter().map(|descriptor| descriptor.as_raw_fd()).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &rights };
    let sent = sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(&length)], control, MsgFlags::MSG_NOSIGNAL, None)?;
    let mut writer = socket;
    writer.write_all(length.get(sent..).unwrap_or_default())?;
    writer.write_all(&body)?;
    Ok(())
}

/// A message with what came along.
#[derive(Debug)]
pub struct Received<T> {
    /// The message.
    pub message: T,
    /// Its descriptors: close-on-exec, at most [`DESCRIPTORS_MAX`].
    pub descriptors: Vec<OwnedFd>,
    /// The process that sent it, as the kernel tells it, where the socket asks for it (`SO_PASSCRED`).
    pub sender: Option<i32>,
}

/// Receives one message, blocking.
///
/// # Errors
/// [`ControlError`].
pub fn receive<T>(socket: &UnixStream) -> Result<Received<T>, ControlError>
where
    T: for<'b> Decode<'b, ()> + Encode<()>,
{
    let mut length = [0; 4];
    let Accompanied { bytes, descriptors, sender } = receive_accompanied(socket, &mut [IoSliceMut::new(&mut length)])?;
    if bytes == 0 {
        return Err(ControlError::Closed);
    }
    let mut reader = socket;
    reader.read_exact(length.get_mut(bytes..).unwrap_or_default()).map_err(closed)?;
    let mut body = vec![0; body_bytes(length)?];
    reader.read_exact(&mut body).map_err(closed)?;
    Ok(Received { message: decode(&body, FRAME_BYTES_MAX)?, descriptors, sender })
}

/// The two parts of the frame of `message`.
pub(crate) fn frame<T: Encode<()>>(message: &T) -> Result<([u8; 4], Vec<u8>), ControlError> {
    let body = encode(message);
    match u32::try_from(body.len()) {
        Ok(length) if body.len() <= FRAME_BYTES_MAX => Ok((length.to_be_bytes(), body)),
        _ => Err(ControlError::TooLong(u64::try_from(body.len()).unwrap_or(u64::MAX))),
    }
}

/// How many bytes follow a frame's length.
pub(crate) fn body_bytes(length: [u8; 4]) -> Result<usize, ControlError> {
    let length = u32::from_be_bytes(length);
    match usize::try_from(length) {
        Ok(bytes) if bytes <= FRAME_BYTES_MAX => Ok(bytes),
        _ => Err(ControlError::TooLong(u64::from(length))),
    }
}

pub(crate) fn closed(error: std::io::Error) -> ControlError {
    if error.kind() == std::io::ErrorKind::UnexpectedEof { ControlError::Closed } else { ControlError::Io(error) }
}

#[cfg(test)]
mod tests;
