//! A keep without manners: its own TLS client, that checks nothing and sends any message at any time.

use std::sync::Arc;

use casemate_channel::{
    EXPORTER_LABEL,
    message::{Attest, FromBroker, MESSAGE_BYTES_MAX, ToBroker},
};
use casemate_contract::{ChallengeStatement, STATEMENT_BYTES_MAX};
use casemate_cose::{Digest, Kind, SigningKey, decode, encode, verify};
use casemate_evidence::{Binding, Role};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    version::TLS13,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{keep::Script, study::keys, world::Owner};

/// A session in which the broker has sent its challenge.
pub(crate) struct Raw {
    stream: TlsStream<TcpStream>,
    challenge: Vec<u8>,
}

impl Raw {
    /// Connects as a keep with `key` and takes the challenge.
    pub(crate) async fn connect(owner: &Owner, key: &SigningKey) -> Self {
        Self::over(TcpStream::connect(owner.address).await.unwrap(), key).await
    }

    /// The same over a connection that is there.
    pub(crate) async fn over(tcp: TcpStream, key: &SigningKey) -> Self {
        let chain = vec![CertificateDer::from(certificate(key))];
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_client_auth_cert(chain, PrivatePkcs8KeyDer::from(key.pkcs8().to_vec()).into())
            .unwrap();
        config.alpn_protocols = vec![b"casemate/1".to_vec()];
        config.enable_sni = false;
        let name = ServerName::try_from("broker.invalid").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
        let mut raw = Self { stream, challenge: Vec::new() };
        match raw.receive().await {
            Some(FromBroker::Challenge { statement }) => raw.challenge = statement,
            other => panic!("{other:?}"),
        }
        raw
    }

    /// What an honest keep would answer to the challenge.
    pub(crate) fn attest(&self, owner: &Owner, script: &Script) -> ToBroker {
        let broker = keys(owner.name).broker().public();
        let payload = verify(Kind::Challenge, &self.challenge, &broker).unwrap();
        let asked: ChallengeStatement = decode(payload.payload(), STATEMENT_BYTES_MAX).unwrap();
        let exporter =
            self.stream.get_ref().1.export_keying_material([0; 32], EXPORTER_LABEL.as_bytes(), None).unwrap();
        let evidence = script.evidence(Binding {
            role: Role::Keep,
            nonce: asked.nonce,
            manifest: Digest::of(&script.manifest),
            exporter,
            own_key: script.key.public().spki_digest(),
            peer_key: broker.spki_digest(),
        });
        ToBroker::Attest(Attest { evidence, manifest: script.manifest.clone(), contract: script.contract.clone() })
    }

    /// Sends a message, whether or not it is its turn.
    pub(crate) async fn send(&mut self, message: &ToBroker) {
        self.send_bytes(&encode(message)).await;
    }

    /// Sends a frame of any bytes.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        // The broker may have hung up already; what it says then is what counts.
        let _ = self.stream.write_all(&[length.as_slice(), bytes].concat()).await;
        let _ = self.stream.flush().await;
    }

    /// The broker's next message; none once it has hung up.
    pub(crate) async fn receive(&mut self) -> Option<FromBroker> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).await.ok()?;
        let mut bytes = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        self.stream.read_exact(&mut bytes).await.ok()?;
        Some(decode(&bytes, MESSAGE_BYTES_MAX).unwrap())
    }
}

/// The certificate of a key, as docs/formats/channel.md has it.
fn certificate(key: &SigningKey) -> Vec<u8> {
    let name = b"\x30\x13\x31\x11\x30\x0f\x06\x03\x55\x04\x03\x0c\x08casemate";
    let algorithm = b"\x30\x05\x06\x03\x2b\x65\x70";
    let validity = b"\x30\x20\x17\x0d700101000000Z\x18\x0f99991231235959Z";
    let tbs = [
        b"\x30\x81\x87\xa0\x03\x02\x01\x02\x02\x01\x01".as_slice(),
        algorithm,
        name,
        validity,
        name,
        &key.public().spki(),
    ]
    .concat();
    [b"\x30\x81\xd4".as_slice(), &tbs, algorithm, b"\x03\x41\x00", &key.sign(&tbs)].concat()
}

/// Takes anybody for the broker.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
