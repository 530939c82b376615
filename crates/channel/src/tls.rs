//! TLS 1.3 with nothing to choose. [RFC 8446, RFC 8410, draft-ietf-tls-ecdhe-mlkem]
//!
//! One version, one suite (AES-256-GCM with SHA-384), one key exchange (X25519MLKEM768), one signature scheme (Ed25519), a
//! certificate on both sides, no tickets, no resumption, no PSK, no early data. What could be negotiated could be
//! negotiated down.

use std::sync::Arc;

use casemate_cose::{Digest, PublicKey, SigningKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerIncompatible,
    ServerConfig, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    server::{
        NoServerSessionStorage,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    version::TLS13,
};

use crate::{CertificateFault, certificate};

/// What a connection is for, told by ALPN [RFC 7301], so that a session of one purpose never passes for the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// A keep proves itself to a broker.
    Attest,
    /// A party brings or fetches contracts.
    Mail,
}

impl Purpose {
    /// The protocol's name on the wire.
    pub(crate) const fn alpn(self) -> &'static str {
        match self {
            Self::Attest => "casemate/1",
            Self::Mail => "casemate-mail/1",
        }
    }
}

/// The name that a client asks for. It is not sent and not compared: keys are what counts.
pub(crate) const SERVER_NAME: &str = "broker.invalid";

/// The client's side, which accepts only the server key with the digest `expected_peer`.
pub(crate) fn client(own: &SigningKey, expected_peer: Digest, purpose: Purpose) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ThisKey(expected_peer)))
        .with_client_auth_cert(vec![issued(own)], PrivatePkcs8KeyDer::from(own.pkcs8().to_vec()).into())?;
    config.alpn_protocols = vec![purpose.alpn().into()];
    config.enable_early_data = false;
    config.enable_sni = false;
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The server's side, which asks every client for a key and accepts any: the key is what evidence must name later.
pub(crate) fn server(own: &SigningKey) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(AnyKey))
        .with_single_cert(vec![issued(own)], PrivatePkcs8KeyDer::from(own.pkcs8().to_vec()).into())?;
    config.alpn_protocols = vec![Purpose::Attest.alpn().into(), Purpose::Mail.alpn().into()];
    config.max_early_data_size = 0;
    config.max_tls13_tickets = 0;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384],
        kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768],
        ..aws_lc_rs::default_provider()
    })
}

fn issued(own: &SigningKey) -> CertificateDer<'static> {
    CertificateDer::from(certificate::issue(own))
}

/// Accepts the one server key whose SubjectPublicKeyInfo has this digest.
#[derive(Debug)]
struct ThisKey(Digest);

impl ServerCertVerifier for ThisKey {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let actual = only_key(end_entity, intermediates)?.spki_digest();
        if actual != self.0 {
            return Err(refused(CertificateFault::Key { expected: self.0, actual }));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        certificate_verify(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// Accepts every client that shows a key and proves that it holds it.
#[derive(Debug)]
struct AnyKey;

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        only_key(end_entity, intermediates)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        certificate_verify(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

fn only_key(end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Result<PublicKey, Error> {
    if !intermediates.is_empty() {
        return Err(refused(CertificateFault::Chain));
    }
    certificate::read(end_entity).map_err(refused)
}

/// `CertificateVerify` [RFC 8446 §4.4.3]: the peer holds the private key, in this handshake.
fn certificate_verify(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let key = certificate::read(certificate).map_err(refused)?;
    if signed.scheme != SignatureScheme::ED25519 {
        return Err(CertificateError::BadSignature.into());
    }
    key.verify(message, signed.signature()).map_err(|_| Error::from(CertificateError::BadSignature))?;
    Ok(HandshakeSignatureValid::assertion())
}

fn refused(fault: CertificateFault) -> Error {
    CertificateError::Other(OtherError(Arc::new(fault))).into()
}

#[cfg(test)]
mod tests;
