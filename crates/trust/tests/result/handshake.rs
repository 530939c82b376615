//! TLS 1.3 between two keeps by rustls, which verifies paths on its own: no process, no network, no clock.

use std::sync::Arc;

use casemate_cose::{Signer, SigningKey, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, Error, RootCertStore, ServerConfig, ServerConnection,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime as TlsTime},
    server::WebPkiClientVerifier,
    time_provider::TimeProvider,
    version::TLS13,
};

use crate::admitted::{AT, ed25519, p256, p384, root, svid};

#[derive(Debug)]
struct At(UnixTime);

impl TimeProvider for At {
    fn current_time(&self) -> Option<TlsTime> {
        Some(TlsTime::since_unix_epoch(std::time::Duration::from_secs(self.0.0)))
    }
}

/// A keep's certificate and its key.
struct Keep(Vec<u8>, SigningKey);

impl Keep {
    fn new(seed: u8, trust_domain: &str, authority: &Signer) -> Self {
        let key = SigningKey::from_seed(&[seed; 32]);
        Self(svid(&key, trust_domain, authority, AT), key)
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![CertificateDer::from(self.0.clone())]
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.1.pkcs8().to_vec()).into()
    }
}

fn roots(authority: &Signer) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(root("clinic", authority, AT).into()).unwrap();
    Arc::new(roots)
}

fn handshake(
    server: &Keep,
    client: Option<&Keep>,
    authority: &Signer,
    host: &'static str,
    at: UnixTime,
) -> Result<(), Error> {
    let provider = Arc::new(default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(authority), provider.clone()).build().unwrap();
    let server = ServerConfig::builder_with_details(provider.clone(), Arc::new(At(at)))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(server.chain(), server.key())?;
    let config = ClientConfig::builder_with_details(provider, Arc::new(At(at)))
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots(authority));
    let config = match client {
        Some(keep) => config.with_client_auth_cert(keep.chain(), keep.key())?,
        None => config.with_no_client_auth(),
    };
    let mut server = ServerConnection::new(Arc::new(server))?;
    let mut client = ClientConnection::new(Arc::new(config), host.try_into().unwrap())?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut bytes = Vec::new();
        server.write_tls(&mut bytes).unwrap();
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

#[test]
fn two_keeps_of_a_domain_trust_each_other_and_nobody_else() {
    const HOST: &str = "cohort.clinic.example";
    for authority in [ed25519(20), p256(), p384()] {
        let (server, client) = (Keep::new(1, "clinic", &authority), Keep::new(2, "clinic", &authority));
        handshake(&server, Some(&client), &authority, HOST, AT).unwrap();
        handshake(&server, Some(&client), &authority, HOST, AT.plus_s(300)).unwrap();
        handshake(&server, Some(&client), &authority, HOST, AT.plus_s(301)).unwrap_err();
        handshake(&server, None, &authority, HOST, AT).unwrap_err();
        handshake(&server, Some(&client), &authority, "other.clinic.example", AT).unwrap_err();
        let stranger = Keep::new(3, "bank", &ed25519(30));
        handshake(&server, Some(&stranger), &authority, HOST, AT).unwrap_err();
        handshake(&stranger, Some(&client), &authority, HOST, AT).unwrap_err();
        // Another's certificate with the own key.
        let thief = Keep(client.0.clone(), SigningKey::from_seed(&[4; 32]));
        assert!(handshake(&server, Some(&thief), &authority, HOST, AT).is_err());
    }
}
