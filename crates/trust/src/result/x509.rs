//! X.509-SVIDs for keeps that a domain accepts. [X509-SVID, RFC 5280; docs/formats/svid.md]
//!
//! ```text
//! Certificate of a keep: v3, serial from what it says, empty subject, the attested key,
//!   basicConstraints critical CA:FALSE; keyUsage critical digitalSignature; extKeyUsage serverAuth, clientAuth;
//!   authorityKeyIdentifier; subjectAltName critical URI:spiffe://DOMAIN/keep/WORKLOAD [, DNS:…];
//!   2.25.80385266092439566646830549632263370806: SEQUENCE { OCTET STRING evidence, verdict, domain digest }
//! Certificate of the authority: self-signed, CA:TRUE pathlen 0, keyCertSign, subjectKeyIdentifier, URI:spiffe://DOMAIN
//! ```
//! Only an acceptance of evidence that names a key leads here ([`Keyed`]), and only for that key; the name follows from what was
//! found to run, and the end is never later than the verdict's, or than that of anything that the evidence rests on. An SVID is for others' software: nothing in Casemate
//! takes one for evidence.

use aws_lc_rs::rand::SecureRandom;
use casemate_cose::{Digest, Signer, UnixTime, VerifyingKey};

use super::{
    Admission, Keyed, ResultError, SpiffeId, TrustDomain,
    der::{Oid, bits, octets, oid, sequence, set, tagged, time, unsigned},
    told::digest_of_accepted,
};
use crate::Accepted;

/// The extension that names evidence, verdict and domain: of the arc of UUIDs, which need no registration. [X.667 §7]
pub const SVID_EXTENSION_OID: &str = "2.25.80385266092439566646830549632263370806";

/// The first second after 9999-12-31, which certificates can't tell.
const ERA_ENDS: UnixTime = UnixTime(253_402_300_800);

pub(super) const VERDICT: Oid = Oid(&[
    0x69, 0xf8, 0xf9, 0xd1, 0xe7, 0x8d, 0xaf, 0xb2, 0xa4, 0xfd, 0xb2, 0xfa, 0x91, 0xe4, 0xb0, 0xd3, 0xee, 0xf0, 0x36,
]);
const AUTHORITY_KEY_ID: Oid = Oid(&[0x55, 0x1d, 0x23]);
const BASIC_CONSTRAINTS: Oid = Oid(&[0x55, 0x1d, 0x13]);
const COMMON_NAME: Oid = Oid(&[0x55, 0x04, 0x03]);
const EXTENDED_KEY_USAGE: Oid = Oid(&[0x55, 0x1d, 0x25]);
const CLIENT_AUTH: Oid = Oid(&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02]);
const SERVER_AUTH: Oid = Oid(&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01]);
const KEY_USAGE: Oid = Oid(&[0x55, 0x1d, 0x0f]);
pub(super) const SUBJECT_ALT_NAME: Oid = Oid(&[0x55, 0x1d, 0x11]);
const SUBJECT_KEY_ID: Oid = Oid(&[0x55, 0x1d, 0x0e]);
const ED25519: Oid = Oid(&[0x2b, 0x65, 0x70]);
const ECDSA_WITH_SHA256: Oid = Oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]);
const ECDSA_WITH_SHA384: Oid = Oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03]);
/// BIT STRING: digitalSignature; keyCertSign. [RFC 5280 §4.2.1.3]
const DIGITAL_SIGNATURE: [u8; 4] = [0x03, 0x02, 0x07, 0x80];
const KEY_CERT_SIGN: [u8; 4] = [0x03, 0x02, 0x02, 0x04];
const TRUE: [u8; 3] = [0x01, 0x01, 0xff];

/// The certificate of the authority of `trust_domain`, self-signed, DER. Whoever holds its key can name anything in it.
///
/// # Errors
/// [`ResultError::Invalid`] for times that are none, [`ResultError::Signer`].
pub fn authority(
    trust_domain: &TrustDomain,
    key: &Signer,
    random: &dyn SecureRandom,
    from: UnixTime,
    until: UnixTime,
) -> Result<Vec<u8>, ResultError> {
    Body::of_authority(trust_domain, &key.public(), from, until).signed(key, random)
}

/// A certificate for `key`, the `SubjectPublicKeyInfo` in DER that the accepted evidence names, DER, signed by the authority's key.
///
/// # Errors
/// [`ResultError::Key`] for any other key, [`ResultError::Invalid`] for one that is too weak; those of [`Admission::name`]; [`ResultError::Expired`]; [`ResultError::Signer`].
pub fn x509_svid<B: Keyed>(
    accepted: &Accepted<B>,
    key: &[u8],
    admission: &Admission,
    authority: &Signer,
    random: &dyn SecureRandom,
    at: UnixTime,
) -> Result<Vec<u8>, ResultError> {
    let (attested, actual) = (accepted.binding().attested_key(), Digest::of(key));
    if attested != actual {
        return Err(ResultError::Key { attested, actual });
    }
    if casemate_evidence::public_key(key).as_deref() != Ok(key) {
        return Err(ResultError::Form("the attested key is no SubjectPublicKeyInfo"));
    }
    casemate_evidence::check_named_key(key).map_err(|error| {
        let rule = "RSA of 2048 to 16384 bits with an odd exponent of at least 3, or a key on a curve";
        ResultError::Invalid { what: "the attested key", actual: error.to_string(), rule }
    })?;
    let until = admission.until(accepted, at)?;
    let (id, dns_names) = admission.name(accepted)?;
    let digests = [accepted.evidence_digest(), digest_of_accepted(accepted), accepted.domain_digest()];
    Body::of_keep(&id, dns_names, key, digests, (at, until), &authority.public()).signed(authority, random)
}

/// What differs from certificate to certificate.
pub(super) struct Body {
    subject: Vec<u8>,
    spki: Vec<u8>,
    from: UnixTime,
    until: UnixTime,
    extensions: Vec<u8>,
}

impl Body {
    /// What an authority's own certificate says.
    pub(super) fn of_authority(
        trust_domain: &TrustDomain,
        key: &VerifyingKey,
        from: UnixTime,
        until: UnixTime,
    ) -> Self {
        let extensions = [
            extension(BASIC_CONSTRAINTS, Some(TRUE), &sequence(&[TRUE.to_vec(), unsigned(&[0])])),
            extension(KEY_USAGE, Some(TRUE), &KEY_CERT_SIGN),
            extension(SUBJECT_KEY_ID, None, &octets(&key_id(key))),
            extension(SUBJECT_ALT_NAME, None, &sequence(&[uri(&trust_domain.id())])),
        ];
        Self { subject: authority_name(key), spki: key.spki(), from, until, extensions: sequence(&extensions) }
    }

    /// What a keep's certificate says: the digests of evidence, verdict and domain, and from when to when.
    pub(super) fn of_keep(
        id: &SpiffeId,
        dns_names: &[String],
        spki: &[u8],
        digests: [Digest; 3],
        (from, until): (UnixTime, UnixTime),
        authority: &VerifyingKey,
    ) -> Self {
        let mut names = vec![uri(&id.to_string())];
        names.extend(dns_names.iter().map(|name| tagged(0x82, name.as_bytes())));
        let extensions = [
            extension(BASIC_CONSTRAINTS, Some(TRUE), &sequence(&[])),
            extension(KEY_USAGE, Some(TRUE), &DIGITAL_SIGNATURE),
            extension(EXTENDED_KEY_USAGE, None, &sequence(&[oid(SERVER_AUTH), oid(CLIENT_AUTH)])),
            extension(AUTHORITY_KEY_ID, None, &sequence(&[tagged(0x80, &key_id(authority))])),
            // Critical, as there is no subject. A common name would be none: clients take it for a host's where no DNS name stands.
            extension(SUBJECT_ALT_NAME, Some(TRUE), &sequence(&names)),
            extension(VERDICT, None, &sequence(&digests.map(|digest| octets(digest.as_bytes())))),
        ];
        Self { subject: sequence(&[]), spki: spki.to_vec(), from, until, extensions: sequence(&extensions) }
    }

    /// The bytes that are signed, and the name of the algorithm by which.
    pub(super) fn signable(self, issuer: &VerifyingKey) -> (Vec<u8>, Vec<u8>) {
        let algorithm = sequence(&[oid(match issuer {
            VerifyingKey::Ed25519(_) => ED25519,
            VerifyingKey::P256(_) => ECDSA_WITH_SHA256,
            VerifyingKey::P384(_) => ECDSA_WITH_SHA384,
        })]);
        let rest = [
            algorithm.clone(),
            authority_name(issuer),
            sequence(&[time(self.from), time(self.until)]),
            self.subject,
            self.spki,
            tagged(0xa3, &self.extensions),
        ];
        (sequence(&[tagged(0xa0, &unsigned(&[2])), serial(&rest), rest.concat()]), algorithm)
    }

    fn signed(self, key: &Signer, random: &dyn SecureRandom) -> Result<Vec<u8>, ResultError> {
        if self.until >= ERA_ENDS || self.until < self.from {
            let rule = "it ends after it begins, and before the year 10000";
            return Err(ResultError::Invalid { what: "the end", actual: self.until.0.to_string(), rule });
        }
        let public = key.public();
        let (body, algorithm) = self.signable(&public);
        let signature = key.sign(&body, random).map_err(|_| ResultError::Signer)?;
        let signature = match public {
            VerifyingKey::Ed25519(_) => signature,
            // r ‖ s of equal lengths. [RFC 3279 §2.2.3]
            VerifyingKey::P256(_) | VerifyingKey::P384(_) => {
                let (r, s) = signature.split_at(signature.len() / 2);
                sequence(&[unsigned(r), unsigned(s)])
            }
        };
        Ok(sequence(&[body, algorithm, bits(&signature)]))
    }
}

/// 128 bits of the digest of everything else that the certificate says: two that differ in anything have two numbers, and no
/// chance is needed. A counter in front makes it positive and never zero.
fn serial(rest: &[Vec<u8>]) -> Vec<u8> {
    let digest = Digest::of(&rest.concat());
    let bits = digest.as_bytes().get(..16).unwrap_or_default();
    unsigned(&[&[0x01], bits].concat())
}

/// Every authority has a name of its own, by its key.
fn authority_name(key: &VerifyingKey) -> Vec<u8> {
    let name = format!("casemate authority {}", key.spki_digest().short());
    sequence(&[set(&sequence(&[oid(COMMON_NAME), tagged(0x0c, name.as_bytes())]))])
}

/// 160 bits of the digest of the key. [RFC 7093 §2]
fn key_id(key: &VerifyingKey) -> Vec<u8> {
    key.spki_digest().as_bytes().get(..20).unwrap_or_default().to_vec()
}

fn uri(text: &str) -> Vec<u8> {
    tagged(0x86, text.as_bytes())
}

fn extension(id: Oid, critical: Option<[u8; 3]>, value: &[u8]) -> Vec<u8> {
    sequence(&[oid(id), critical.map(Vec::from).unwrap_or_default(), octets(value)])
}
