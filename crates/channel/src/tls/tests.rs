//! Handshakes with peers that want something else. Each adversary is a plain `rustls` end with its own parameters.

use rustls::{
    AlertDescription, HandshakeKind, SignatureAlgorithm,
    client::{ClientSessionMemoryCache, ResolvesClientCert},
    server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache},
    sign::{CertifiedKey, Signer, SigningKey as TlsSigningKey},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::{ChannelError, session::Session};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn broker_digest() -> Digest {
    key(1).public().spki_digest()
}

fn honest_client() -> ClientConfig {
    client(&key(2), broker_digest(), Purpose::Attest).unwrap()
}

/// What the broker makes of a client with `config`, and what the client makes of the broker.
async fn client_against_us(config: Arc<ClientConfig>) -> (Result<Session<DuplexStream>, ChannelError>, Seen) {
    let (near, far) = duplex(1 << 16);
    let broker_key = key(1);
    let name = ServerName::try_from(SERVER_NAME).unwrap();
    let adversary = async {
        let mut stream = TlsConnector::from(config).early_data(true).connect(name, near).await?;
        let _ = stream.write_all(b"early").await;
        stream.flush().await?;
        // Whatever the server has to say after its handshake, tickets included, is read here.
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), stream.read_to_end(&mut rest)).await;
        let (_, state) = stream.get_ref();
        Ok((state.handshake_kind(), state.is_early_data_accepted()))
    };
    let us = async {
        let session = Session::accept(far, &broker_key).await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        session
    };
    tokio::join!(us, adversary)
}

type Seen = std::io::Result<(Option<HandshakeKind>, bool)>;

/// What we make of a server with `config`, and the kind of handshake that it saw.
async fn us_against_server(config: Arc<ServerConfig>) -> (Result<(), ChannelError>, Option<HandshakeKind>) {
    let (near, far) = duplex(1 << 16);
    let keep_key = key(2);
    let adversary = async {
        let stream = TlsAcceptor::from(config).accept(far).await;
        let kind = stream.as_ref().ok().and_then(|stream| stream.get_ref().1.handshake_kind());
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        kind
    };
    let us = async {
        let mut session = Session::connect(near, &keep_key, broker_digest(), Purpose::Attest).await?;
        // A message that never comes: reading takes in the tickets that the server sends.
        let silence =
            session.receive::<crate::message::FromBroker>("challenge", 64, std::time::Duration::from_secs(1)).await;
        assert!(matches!(silence, Err(ChannelError::TimedOut { .. })), "{silence:?}");
        Ok(())
    };
    tokio::join!(us, adversary)
}

fn permissive_provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// A client that would resume and send early data wherever it is let.
fn eager_client() -> ClientConfig {
    let mut config = honest_client();
    config.enable_early_data = true;
    config.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(8)));
    config
}

/// A server that hands out tickets and takes early data.
fn generous_server() -> ServerConfig {
    let mut config = server(&key(1)).unwrap();
    config.max_early_data_size = 1 << 10;
    config.max_tls13_tickets = 4;
    config.send_tls13_tickets = 4;
    config.session_storage = ServerSessionMemoryCache::new(8);
    config
}

#[tokio::test(start_paused = true)]
async fn a_client_that_would_resume_never_can() {
    // The attack works against a server that is one line of configuration less strict.
    let (client, server) = (Arc::new(eager_client()), Arc::new(generous_server()));
    assert_eq!(plain(&client, &server).await, (HandshakeKind::Full, false));
    assert_eq!(plain(&client, &server).await, (HandshakeKind::Resumed, true));

    let client = Arc::new(eager_client());
    for _ in 0..3 {
        let (us, seen) = client_against_us(client.clone()).await;
        us.unwrap();
        assert_eq!(seen.unwrap(), (Some(HandshakeKind::Full), false));
    }
}

#[tokio::test(start_paused = true)]
async fn a_ticket_of_a_generous_server_of_the_same_key_is_worth_nothing() {
    let (client, server) = (Arc::new(eager_client()), Arc::new(generous_server()));
    plain(&client, &server).await;
    let (us, seen) = client_against_us(client).await;
    // The early data that the client sent along is skipped, not read.
    us.unwrap();
    assert_eq!(seen.unwrap(), (Some(HandshakeKind::Full), false));
}

#[tokio::test(start_paused = true)]
async fn we_never_use_a_ticket() {
    let server = Arc::new(generous_server());
    for _ in 0..2 {
        let (us, kind) = us_against_server(server.clone()).await;
        us.unwrap();
        assert_eq!(kind, Some(HandshakeKind::Full));
    }
}

/// One handshake between two ends of the test: its kind, and whether early data was taken.
async fn plain(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> (HandshakeKind, bool) {
    let (near, far) = duplex(1 << 16);
    let name = ServerName::try_from(SERVER_NAME).unwrap();
    let connect = async {
        let mut stream = TlsConnector::from(client.clone()).early_data(true).connect(name, near).await.unwrap();
        stream.write_all(b"early").await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).await.unwrap();
        (stream.get_ref().1.handshake_kind().unwrap(), stream.get_ref().1.is_early_data_accepted())
    };
    let accept = async {
        let mut stream = TlsAcceptor::from(server.clone()).accept(far).await.unwrap();
        stream.write_all(b"ok").await.unwrap();
        stream.flush().await.unwrap();
        stream
    };
    let (seen, _stream) = tokio::join!(connect, accept);
    seen
}

#[tokio::test(start_paused = true)]
async fn a_server_with_another_key_is_refused() {
    let (us, _) = us_against_server(Arc::new(server(&key(3)).unwrap())).await;
    let (expected, actual) = (broker_digest(), key(3).public().spki_digest());
    let Err(ChannelError::Certificate(fault)) = us else { panic!("{us:?}") };
    assert_eq!(fault, CertificateFault::Key { expected, actual });
}

/// Shows `certificates` and signs with `key`, whatever the other side wants.
#[derive(Debug)]
struct Stubborn(Arc<CertifiedKey>);

/// Signs with its one scheme, whether the other side offered it or not.
#[derive(Debug)]
struct AnyScheme(Arc<dyn TlsSigningKey>, SignatureScheme);

impl TlsSigningKey for AnyScheme {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        self.0.choose_scheme(&[self.1])
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
}

impl ResolvesClientCert for Stubborn {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl ResolvesServerCert for Stubborn {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

fn stubborn(chain: Vec<CertificateDer<'static>>, pkcs8: Vec<u8>, scheme: SignatureScheme) -> Arc<Stubborn> {
    let key = aws_lc_rs::sign::any_supported_type(&PrivatePkcs8KeyDer::from(pkcs8).into()).unwrap();
    Arc::new(Stubborn(Arc::new(CertifiedKey::new(chain, Arc::new(AnyScheme(key, scheme))))))
}

/// A certificate as other software makes it.
fn foreign(algorithm: &'static rcgen::SignatureAlgorithm, scheme: SignatureScheme) -> Arc<Stubborn> {
    let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let certificate = rcgen::CertificateParams::new(vec![SERVER_NAME.to_owned()]).unwrap().self_signed(&pair).unwrap();
    stubborn(vec![certificate.der().clone()], pair.serialize_der(), scheme)
}

/// Every certificate that is not the one of an Ed25519 key.
fn wrong_certificates() -> [(&'static str, Arc<Stubborn>, CertificateFault); 6] {
    let ed25519 = SignatureScheme::ED25519;
    let mine = issued(&key(1));
    let mut unsigned = mine.to_vec();
    *unsigned.last_mut().unwrap() ^= 1;
    let seed = || key(1).pkcs8().to_vec();
    [
        ("rsa", foreign(&rcgen::PKCS_RSA_SHA256, SignatureScheme::RSA_PSS_SHA256), CertificateFault::Shape),
        (
            "p-256",
            foreign(&rcgen::PKCS_ECDSA_P256_SHA256, SignatureScheme::ECDSA_NISTP256_SHA256),
            CertificateFault::Shape,
        ),
        ("ed25519 in another X.509", foreign(&rcgen::PKCS_ED25519, ed25519), CertificateFault::Shape),
        ("chain of two", stubborn(vec![mine.clone(), mine], seed(), ed25519), CertificateFault::Chain),
        ("not signed by itself", stubborn(vec![unsigned.into()], seed(), ed25519), CertificateFault::Signature),
        ("not X.509", stubborn(vec![vec![0x30, 0].into()], seed(), ed25519), CertificateFault::Shape),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_client_with_a_wrong_certificate_is_refused() {
    for (crime, resolver, fault) in wrong_certificates() {
        let mut config = honest_client();
        config.client_auth_cert_resolver = resolver;
        let (us, _) = client_against_us(Arc::new(config)).await;
        assert!(matches!(&us, Err(ChannelError::Certificate(actual)) if *actual == fault), "{crime}: {us:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_with_a_wrong_certificate_is_refused() {
    for (crime, resolver, fault) in wrong_certificates() {
        let mut config = server(&key(1)).unwrap();
        config.cert_resolver = resolver;
        let (us, _) = us_against_server(Arc::new(config)).await;
        assert!(matches!(&us, Err(ChannelError::Certificate(actual)) if *actual == fault), "{crime}: {us:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_without_its_private_key_is_refused() {
    let stolen = stubborn(vec![issued(&key(1))], key(3).pkcs8().to_vec(), SignatureScheme::ED25519);
    let mut config = honest_client();
    config.client_auth_cert_resolver = stolen.clone();
    let (us, _) = client_against_us(Arc::new(config)).await;
    assert!(matches!(&us, Err(ChannelError::Tls(_))), "{us:?}");
    let mut config = server(&key(1)).unwrap();
    config.cert_resolver = stolen;
    let (us, _) = us_against_server(Arc::new(config)).await;
    assert!(matches!(&us, Err(ChannelError::Tls(_))), "{us:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_certificate_is_refused() {
    let mut config = ClientConfig::builder_with_provider(permissive_provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ThisKey(broker_digest())))
        .with_no_client_auth();
    config.alpn_protocols = vec![Purpose::Attest.alpn().into()];
    let (us, _) = client_against_us(Arc::new(config)).await;
    assert!(matches!(us, Err(ChannelError::Tls(Error::NoCertificatesPresented))), "{us:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_no_certificate_learns_no_key() {
    let mut config = ServerConfig::builder_with_provider(permissive_provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued(&key(1))], PrivatePkcs8KeyDer::from(key(1).pkcs8().to_vec()).into())
        .unwrap();
    config.alpn_protocols = vec![Purpose::Attest.alpn().into()];
    // The server reads an anonymous end there: evidence bound to the keep's key says nothing to it.
    let (near, far) = duplex(1 << 16);
    let keep_key = key(2);
    let (us, adversary) = tokio::join!(
        Session::connect(near, &keep_key, broker_digest(), Purpose::Attest),
        TlsAcceptor::from(Arc::new(config)).accept(far)
    );
    assert_eq!(us.unwrap().peer(), key(1).public());
    assert!(adversary.unwrap().get_ref().1.peer_certificates().is_none());
}

#[tokio::test(start_paused = true)]
async fn another_application_protocol_is_refused() {
    for (crime, offered) in
        [("none", vec![]), ("http/1.1", vec![b"http/1.1".to_vec()]), ("casemate/2", vec![b"casemate/2".to_vec()])]
    {
        let mut config = honest_client();
        config.alpn_protocols = offered.clone();
        let (us, _) = client_against_us(Arc::new(config)).await;
        assert!(us.is_err(), "client, {crime}");
        let mut config = server(&key(1)).unwrap();
        config.alpn_protocols = offered;
        let (us, _) = us_against_server(Arc::new(config)).await;
        assert!(us.is_err(), "server, {crime}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_offers_mail_only_gets_no_keep() {
    let mut config = server(&key(1)).unwrap();
    config.alpn_protocols = vec![Purpose::Mail.alpn().into()];
    let (us, _) = us_against_server(Arc::new(config)).await;
    assert!(us.is_err());
}

#[tokio::test(start_paused = true)]
async fn other_key_exchanges_and_suites_are_refused() {
    use super::aws_lc_rs::{cipher_suite, kx_group};
    let suites = vec![cipher_suite::TLS13_AES_256_GCM_SHA384];
    let other_group = CryptoProvider {
        cipher_suites: suites,
        kx_groups: vec![kx_group::X25519, kx_group::SECP256R1],
        ..aws_lc_rs::default_provider()
    };
    let other_suite = CryptoProvider {
        cipher_suites: vec![cipher_suite::TLS13_AES_128_GCM_SHA256, cipher_suite::TLS13_CHACHA20_POLY1305_SHA256],
        ..aws_lc_rs::default_provider()
    };
    for (crime, provider) in [("classical key exchange", other_group), ("smaller suite", other_suite)] {
        let provider = Arc::new(provider);
        let mut config = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(ThisKey(broker_digest())))
            .with_client_cert_resolver(honest_client().client_auth_cert_resolver.clone());
        config.alpn_protocols = vec![Purpose::Attest.alpn().into()];
        let (us, _) = client_against_us(Arc::new(config)).await;
        assert!(matches!(us, Err(ChannelError::Tls(_))), "client, {crime}: {us:?}");
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_client_cert_verifier(Arc::new(AnyKey))
            .with_cert_resolver(server(&key(1)).unwrap().cert_resolver.clone());
        config.alpn_protocols = vec![Purpose::Attest.alpn().into()];
        let (us, _) = us_against_server(Arc::new(config)).await;
        assert!(matches!(us, Err(ChannelError::Tls(_))), "server, {crime}: {us:?}");
    }
}

/// A TLS 1.2 ClientHello [RFC 5246 §7.4.1.2]: ECDHE-ECDSA with AES-256-GCM, X25519, Ed25519, and our ALPN.
const CLIENT_HELLO_1_2: &[u8] = b"\x16\x03\x01\x00\x50\
\x01\x00\x00\x4c\x03\x03\
RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRR\
\x00\
\x00\x02\xc0\x2c\
\x01\x00\
\x00\x21\
\x00\x0a\x00\x04\x00\x02\x00\x1d\
\x00\x0d\x00\x04\x00\x02\x08\x07\
\x00\x10\x00\x0d\x00\x0b\x0acasemate/1";

#[tokio::test(start_paused = true)]
async fn tls_1_2_is_refused() {
    let (mut near, far) = duplex(1 << 16);
    near.write_all(CLIENT_HELLO_1_2).await.unwrap();
    let refusal = Session::accept(far, &key(1)).await;
    assert!(matches!(refusal, Err(ChannelError::Tls(Error::PeerIncompatible(_)))), "{refusal:?}");
    let mut answer = Vec::new();
    near.read_to_end(&mut answer).await.unwrap();
    let protocol_version = u8::from(AlertDescription::ProtocolVersion);
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, protocol_version]);
}

#[tokio::test]
async fn what_is_not_tls_is_refused() {
    let (mut near, far) = duplex(1 << 16);
    near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let refusal = Session::accept(far, &key(1)).await;
    assert!(matches!(refusal, Err(ChannelError::Tls(_))), "{refusal:?}");
}
