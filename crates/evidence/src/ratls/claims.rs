//! What an RA-TLS certificate says.

use casemate_cose::Digest;

use super::Scheme;
use crate::Facts;

/// What the account says about the binding, of every such certificate.
const BOUND_TO: &str = "the certificate's key, which can be relayed (CVE-2026-33697): not to a session";

/// The claims of `ratls` evidence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    /// How the quote was put into the certificate.
    pub scheme: Scheme,
    /// The older scheme whose extension is there besides, over the same enclave and the same key.
    pub older: Option<Scheme>,
    /// SHA-256 of the certificate's `SubjectPublicKeyInfo`: what the quote was made for.
    pub key: Digest,
    /// The subject's common name. Nobody vouches for it.
    pub subject: String,
    /// The issuer's common name. Nobody vouches for it.
    pub issuer: String,
    /// Whether the certificate is signed by its own key, and not by a certificate's that was given.
    pub is_self_signed: bool,
    /// The nonce among the claims that the quote covers, if there is one.
    pub nonce: Option<Vec<u8>>,
    /// What the quote says: the claims of `dcap` evidence. Their report data is a digest, not the verifier's.
    pub quote: Box<crate::Claims>,
}

impl Claims {
    pub(crate) fn facts(&self, facts: &mut Facts) {
        facts.add("bound-to", BOUND_TO);
        facts.add("scheme", self.scheme);
        if let Some(older) = self.older {
            facts.add("older-scheme", older);
        }
        facts.add("certificate-key", self.key);
        facts.add("subject", &self.subject);
        facts.add("issuer", &self.issuer);
        facts.add("self-signed", self.is_self_signed);
        if let Some(nonce) = &self.nonce {
            facts.hex("nonce", nonce);
        }
        facts.component("quote", &self.quote.facts());
    }
}
