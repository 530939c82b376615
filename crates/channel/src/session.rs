//! One TLS session: its two keys, its exporter value, and frames in both directions.
//!
//! 1. Handshake with [`crate::tls`]'s only parameters, within [`HANDSHAKE_S_MAX`], at the broker's end [`ACCEPT_S_MAX`].
//! 2. What was negotiated is looked at again: version, group, ALPN, a full handshake, one certificate.
//! 3. Exporter value [RFC 8446 §7.5]: label [`EXPORTER_LABEL`], no context, 32 bytes. It depends on the handshake up to the
//!    server's `Finished`, hence not on the client's certificate; the binding therefore names both keys besides.
//! 4. Frames, each within its time and length. Memory grows with what has come, not with what was announced.

use std::{io, sync::Arc, time::Duration};

use casemate_cose::{Digest, PublicKey, SigningKey, decode, encode};
use minicbor::{Decode, Encode};
use rustls::{CertificateError, CommonState, HandshakeKind, NamedGroup, ProtocolVersion, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use zeroize::Zeroizing;

use crate::{
    CertificateFault, ChannelError, certificate,
    message::MESSAGE_BYTES_MAX,
    protocol::Ends,
    tls::{self, Purpose, SERVER_NAME},
};

/// The label of the exporter value that evidence is bound to.
pub const EXPORTER_LABEL: &str = "EXPORTER-casemate-attestation/1";
/// How long a handshake may take at the keep's or a party's end, in seconds: a broker may have much to do.
pub const HANDSHAKE_S_MAX: u64 = 20;
/// How long a handshake may take at the broker's end, in seconds: anybody can begin one.
pub const ACCEPT_S_MAX: u64 = 5;
/// How long handing one message to the network may take, in seconds.
pub const SEND_S_MAX: u64 = 60;

/// An end of a session after the handshake. The states of the two sides wrap it; none gives it out.
#[derive(Debug)]
pub(crate) struct Session<S> {
    stream: TlsStream<S>,
    ends: Ends,
    purpose: Purpose,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// The client's handshake.
    pub(crate) async fn connect(
        stream: S,
        own: &SigningKey,
        expected_peer: Digest,
        purpose: Purpose,
    ) -> Result<Self, ChannelError> {
        let config = tls::client(own, expected_peer, purpose).map_err(ChannelError::Tls)?;
        let name = ServerName::try_from(SERVER_NAME)
            .map_err(|_| ChannelError::Tls(rustls::Error::General("the server's name".to_owned())))?;
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let stream = within("handshake", Duration::from_secs(HANDSHAKE_S_MAX), handshake).await?.map_err(broken)?;
        Self::established(TlsStream::Client(stream), own.public(), &[purpose])
    }

    /// The server's handshake.
    pub(crate) async fn accept(stream: S, own: &SigningKey) -> Result<Self, ChannelError> {
        let config = tls::server(own).map_err(ChannelError::Tls)?;
        let handshake = TlsAcceptor::from(Arc::new(config)).accept(stream);
        let stream = within("handshake", Duration::from_secs(ACCEPT_S_MAX), handshake).await?.map_err(broken)?;
        Self::established(TlsStream::Server(stream), own.public(), &[Purpose::Attest, Purpose::Mail])
    }

    fn established(stream: TlsStream<S>, own: PublicKey, purposes: &[Purpose]) -> Result<Self, ChannelError> {
        let (_, state) = stream.get_ref();
        let purpose = negotiated(state, purposes)?;
        let peer = match state.peer_certificates() {
            Some([only]) => certificate::read(only)?,
            _ => return Err(CertificateFault::Chain.into()),
        };
        let label = EXPORTER_LABEL.as_bytes();
        let exporter = match &stream {
            TlsStream::Client(stream) => stream.get_ref().1.export_keying_material([0; 32], label, None),
            TlsStream::Server(stream) => stream.get_ref().1.export_keying_material([0; 32], label, None),
        };
        let exporter = exporter.map_err(ChannelError::Tls)?;
        Ok(Self { stream, ends: Ends { exporter, own, peer }, purpose })
    }

    /// Sends one message of at most 16 MiB.
    pub(crate) async fn send<T: Encode<()>>(&mut self, what: &'static str, message: &T) -> Result<(), ChannelError> {
        let message = Zeroizing::new(encode(message));
        let too_long = || ChannelError::FrameTooLong { actual: message.len(), max: MESSAGE_BYTES_MAX };
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(too_long());
        }
        let length = u32::try_from(message.len()).map_err(|_| too_long())?;
        let frame = Zeroizing::new([length.to_be_bytes().as_slice(), &message].concat());
        let stream = &mut self.stream;
        let write = async {
            stream.write_all(&frame).await?;
            stream.flush().await
        };
        within(what, Duration::from_secs(SEND_S_MAX), write).await?.map_err(broken)
    }

    /// Receives one message of at most `bytes_max` bytes, whole within `time_max`. `expected` names it in errors.
    pub(crate) async fn receive<T>(
        &mut self,
        expected: &'static str,
        bytes_max: usize,
        time_max: Duration,
    ) -> Result<T, ChannelError>
    where
        T: for<'b> Decode<'b, ()> + Encode<()>,
    {
        let bytes = within(expected, time_max, self.frame(expected, bytes_max)).await??;
        Ok(decode(&bytes, bytes_max)?)
    }

    async fn frame(&mut self, expected: &'static str, bytes_max: usize) -> Result<Zeroizing<Vec<u8>>, ChannelError> {
        let mut length = [0; 4];
        let (first, rest) = length.split_at_mut(1);
        match self.stream.read(first).await {
            Ok(0) => return Err(ChannelError::Closed { expected }),
            Ok(_) => {}
            Err(error) => return Err(broken(error)),
        }
        self.stream.read_exact(rest).await.map_err(broken)?;
        let too_long = |actual| ChannelError::FrameTooLong { actual, max: bytes_max };
        let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| too_long(usize::MAX))?;
        if length > bytes_max {
            return Err(too_long(length));
        }
        let mut bytes = Zeroizing::new(Vec::new());
        let limit = u64::try_from(length).map_err(|_| too_long(length))?;
        (&mut self.stream).take(limit).read_to_end(&mut bytes).await.map_err(broken)?;
        if bytes.len() < length { Err(ChannelError::Truncated) } else { Ok(bytes) }
    }

    /// Tells the peer that nothing more comes. Best effort: the session's work is done by then.
    pub(crate) async fn close(mut self) {
        let _ = within("close", Duration::from_secs(1), self.stream.shutdown()).await;
    }
}

impl<S> Session<S> {
    /// What this end knows of the TLS session.
    pub(crate) const fn ends(&self) -> Ends {
        self.ends
    }

    /// The other end's key, whose private half took part in the handshake.
    pub(crate) const fn peer(&self) -> PublicKey {
        self.ends.peer
    }

    /// What the session is for, as both ends agreed.
    pub(crate) const fn purpose(&self) -> Purpose {
        self.purpose
    }
}

/// Waits for `work` at most `time_max`.
async fn within<T>(what: &'static str, time_max: Duration, work: impl Future<Output = T>) -> Result<T, ChannelError> {
    timeout(time_max, work).await.map_err(|_| ChannelError::TimedOut { what, seconds: time_max.as_secs() })
}

/// What the handshake must have ended with, whatever the library would have let pass.
fn negotiated(state: &CommonState, purposes: &[Purpose]) -> Result<Purpose, ChannelError> {
    let wrong = |what, expected, actual| ChannelError::Negotiated { what, expected, actual };
    if state.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return Err(wrong("version", "TLS 1.3", format!("{:?}", state.protocol_version())));
    }
    let group = state.negotiated_key_exchange_group().map(|group| group.name());
    if group != Some(NamedGroup::X25519MLKEM768) {
        return Err(wrong("key exchange", "X25519MLKEM768", format!("{group:?}")));
    }
    if !matches!(state.handshake_kind(), Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest)) {
        return Err(wrong("handshake", "full", format!("{:?}", state.handshake_kind())));
    }
    let alpn = state.alpn_protocol().unwrap_or_default();
    purposes.iter().find(|purpose| purpose.alpn().as_bytes() == alpn).copied().ok_or_else(|| {
        let expected = purposes.first().map_or("none", |purpose| purpose.alpn());
        wrong("ALPN", expected, String::from_utf8_lossy(alpn).into_owned())
    })
}

/// Sorts what the TLS stream reports through `io::Error`.
fn broken(error: io::Error) -> ChannelError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).cloned();
    match tls {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))) => {
            match other.0.downcast_ref::<CertificateFault>() {
                Some(fault) => ChannelError::Certificate(*fault),
                None => ChannelError::Tls(CertificateError::Other(other).into()),
            }
        }
        Some(tls) => ChannelError::Tls(tls),
        None if error.kind() == io::ErrorKind::UnexpectedEof => ChannelError::Truncated,
        None => ChannelError::Io(error),
    }
}

#[cfg(test)]
mod tests;
