//! What one end knows of its TLS session, and the binding that follows from it.

use casemate_cose::{Digest, PublicKey};
use casemate_evidence::{Binding, Role};

/// A TLS session as one end sees it, after the handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// The exporter value: the same at both ends, and in no other session.
    pub(crate) exporter: [u8; 32],
    /// This end's key.
    pub(crate) own: PublicKey,
    /// The other end's key, whose private half took part in the handshake.
    pub(crate) peer: PublicKey,
}

impl Ends {
    /// What evidence made at this end must be bound to.
    pub(crate) fn own_binding(&self, role: Role, nonce: [u8; 32], manifest: Digest) -> Binding {
        let (own_key, peer_key) = (self.own.spki_digest(), self.peer.spki_digest());
        Binding { role, nonce, manifest, exporter: self.exporter, own_key, peer_key }
    }

    /// What evidence made at the other end must be bound to: the same session, seen from there.
    pub(crate) fn peer_binding(&self, role: Role, nonce: [u8; 32], manifest: Digest) -> Binding {
        let (own_key, peer_key) = (self.peer.spki_digest(), self.own.spki_digest());
        Binding { role, nonce, manifest, exporter: self.exporter, own_key, peer_key }
    }
}
