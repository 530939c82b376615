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
    // Gone once a frame was left half written or half read: what followed would be taken for the rest of it.
    stream: Mutex<Option<UnixStream>>,
}

impl LauncherSocket {
    /// Takes the socket over for asynchronous use. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// [`ControlError::Io`].
    pub fn new(socket: BlockingStream) -> Result<Self, ControlError> {
        socket.set_nonblocking(true)?;
        Ok(Self { stream: Mutex::new(Some(UnixStream::from_std(socket)?)) })
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
    /// [`ControlError`]; [`ControlError::Closed`] for good once one message failed half-way.
    pub async fn send(&self, message: &FromKeep) -> Result<(), ControlError> {
        let mut held = self.stream.lock().await;
        let mut stream = held.take().ok_or(ControlError::Closed)?;
        write(&mut stream, message).await?;
        *held = Some(stream);
        Ok(())
    }
}

impl Attester for LauncherSocket {
    /// One request at a time: brokers are attested to concurrently, and the answers must not be mixed up.
    async fn evidence(&self, report_data: [u8; 64]) -> Result<Evidence, AttesterError> {
        let mut held = self.stream.lock().await;
        let mut stream = held.take().ok_or(ControlError::Closed)?;
        write(&mut stream, &FromKeep::EvidenceRequest(report_data)).await?;
        let answer = read(&mut stream).await?;
        *held = Some(stream);
        match answer {
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

#[cfg(test)]
mod tests {
    use casemate_cose::{Digest, SigningKey, UnixTime};
    use casemate_evidence::{
        Isolation,
        software::{Statement, sign},
    };

    use super::*;
    use crate::control::{Harden, Start};

    fn signed(report_data: [u8; 64]) -> Evidence {
        let digest = Digest::of(b"");
        let statement = Statement {
            isolation: Isolation::Process,
            runtime: digest,
            libraries: digest,
            program: digest,
            manifest: digest,
            report_data,
            lacks: std::collections::BTreeSet::new(),
            secret_bytes: 0,
            debug: false,
            at: UnixTime(0),
        };
        sign(&statement, &SigningKey::from_seed(&[1; 32]))
    }

    /// A launcher that gives `answer` to one request.
    async fn asked(answer: impl FnOnce([u8; 64]) -> ToKeep) -> Result<Evidence, AttesterError> {
        let (launcher, keep) = BlockingStream::pair().unwrap();
        launcher.set_nonblocking(true).unwrap();
        let mut launcher = UnixStream::from_std(launcher).unwrap();
        let socket = LauncherSocket::new(keep).unwrap();
        let serve = async {
            let FromKeep::EvidenceRequest(report_data) = read(&mut launcher).await.unwrap() else {
                panic!("no request")
            };
            write(&mut launcher, &answer(report_data)).await.unwrap();
        };
        tokio::join!(socket.evidence([5; 64]), serve).0
    }

    #[tokio::test]
    async fn evidence_comes_back_for_the_report_data_that_was_asked() {
        let evidence = asked(|report_data| ToKeep::Evidence(signed(report_data).to_bytes())).await.unwrap();
        assert_eq!(evidence, signed([5; 64]));
    }

    #[tokio::test]
    async fn anything_else_is_refused() {
        assert!(matches!(asked(|_| ToKeep::Evidence(Vec::new())).await, Err(AttesterError::Exhausted)));
        assert!(matches!(asked(|_| ToKeep::Evidence(vec![1])).await, Err(AttesterError::NotEvidence)));
        assert!(matches!(asked(|_| ToKeep::Harden(Harden::default())).await, Err(AttesterError::OutOfTurn)));
        assert!(matches!(asked(|_| ToKeep::Start(Start::default())).await, Err(AttesterError::OutOfTurn)));
    }

    #[tokio::test]
    async fn nothing_follows_half_a_message() {
        let (launcher, keep) = BlockingStream::pair().unwrap();
        launcher.set_nonblocking(true).unwrap();
        let mut launcher = UnixStream::from_std(launcher).unwrap();
        let socket = LauncherSocket::new(keep).unwrap();
        let large = FromKeep::EvidenceRequest([7; 64]);
        // Until it no longer fits; that one is given up half-way.
        loop {
            tokio::select! {
                biased;
                sent = socket.send(&large) => sent.unwrap(),
                () = std::future::ready(()) => break,
            }
        }
        // There is room again.
        launcher.readable().await.unwrap();
        while let Ok(1..) = launcher.try_read(&mut [0; 4096]) {}
        assert!(matches!(socket.send(&large).await, Err(ControlError::Closed)));
        assert!(matches!(socket.evidence([0; 64]).await, Err(AttesterError::Control(ControlError::Closed))));
        assert!(matches!(read::<FromKeep>(&mut launcher).await, Err(ControlError::Closed)));
    }

    #[tokio::test]
    async fn requests_made_at_once_get_each_its_own_answer() {
        let (launcher, keep) = BlockingStream::pair().unwrap();
        launcher.set_nonblocking(true).unwrap();
        let mut launcher = UnixStream::from_std(launcher).unwrap();
        let socket = LauncherSocket::new(keep).unwrap();
        let serve = async {
            for _ in 0..2 {
                let FromKeep::EvidenceRequest(data) = read(&mut launcher).await.unwrap() else { panic!("no request") };
                write(&mut launcher, &ToKeep::Evidence(signed(data).to_bytes())).await.unwrap();
            }
        };
        let (one, two, ()) = tokio::join!(socket.evidence([1; 64]), socket.evidence([2; 64]), serve);
        assert_eq!((one.unwrap(), two.unwrap()), (signed([1; 64]), signed([2; 64])));
    }
}
