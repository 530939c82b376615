//! Evidence of kind `software`: signed by this host's launcher, asked for over its socket.

use std::os::unix::net::UnixStream as BlockingStream;

use casemate_cose::decode;
use casemate_evidence::Evidence;
use minicbor::Encode;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    sync::Mutex,
};

use crate::{
    Attester, AttesterError,
    control::{ControlError, FRAME_BYTES_MAX, FromKeep, Progress, Step, ToKeep, body_bytes, closed, frame},
};

/// The keep's end of the control socket, once the run has begun.
#[derive(Debug)]
pub struct LauncherSocket {
    stream: Mutex<UnixStream>,
}

impl LauncherSocket {
    /// Takes the socket over for asynchronous use. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// [`ControlError::Io`].
    pub fn new(socket: BlockingStream) -> Result<Self, ControlError> {
        socket.set_nonblocking(true)?;
        Ok(Self { stream: Mutex::new(UnixStream::from_std(socket)?) })
    }

    /// Tells the launcher that `step` is done, with the broker of this index.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn progress(&self, step: Step, broker: Option<u32>) -> Result<(), ControlError> {
        self.send(&FromKeep::Progress(Progress { step, broker })).await
    }

    /// Sends any message.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn send(&self, message: &FromKeep) -> Result<(), ControlError> {
        write(&mut *self.stream.lock().await, message).await
    }
}

impl Attester for LauncherSocket {
    /// One request at a time: brokers are attested to concurrently, and the answers must not be mixed up.
    async fn evidence(&self, report_data: [u8; 64]) -> Result<Evidence, AttesterError> {
        let mut stream = self.stream.lock().await;
        write(&mut stream, &FromKeep::EvidenceRequest(report_data)).await?;
        match read(&mut stream).await? {
            ToKeep::Evidence(bytes) if bytes.is_empty() => Err(AttesterError::Exhausted),
            ToKeep::Evidence(bytes) => Evidence::from_bytes(&bytes).map_err(|_| AttesterError::NotEvidence),
            ToKeep::Harden(_) | ToKeep::Start(_) => Err(AttesterError::OutOfTurn),
        }
    }
}

/// Writes one frame. For the launcher's end as well.
///
/// # Errors
/// [`ControlError`].
pub async fn write<T: Encode<()>>(stream: &mut UnixStream, message: &T) -> Result<(), ControlError> {
    let (length, body) = frame(message)?;
    stream.write_all(&length).await?;
    stream.write_all(&body).await?;
    Ok(())
}

/// Reads one frame. For the launcher's end as well.
///
/// # Errors
/// [`ControlError`].
pub async fn read<T>(stream: &mut UnixStream) -> Result<T, ControlError>
where
    T: for<'b> minicbor::Decode<'b, ()> + Encode<()>,
{
    let mut length = [0; 4];
    stream.read_exact(&mut length).await.map_err(closed)?;
    let mut body = vec![0; body_bytes(length)?];
    stream.read_exact(&mut body).await.map_err(closed)?;
    Ok(decode(&body, FRAME_BYTES_MAX)?)
}
