//! SVIDs for keeps that a domain accepts. [X509-SVID, JWT-SVID, RFC 5280; docs/formats/svid.md]
//!
//! ```text
//! Certificate of a keep: v3, serial from what it says, empty subject, the attested key,
//!   basicConstraints critical CA:FALSE; keyUsage critical digitalSignature; extKeyUsage serverAuth, clientAuth;
//!   authorityKeyIdentifier; subjectAltName critical URI:spiffe://DOMAIN/keep/WORKLOAD [, DNS:…];
//!   2.25.80385266092439566646830549632263370806: SEQUENCE { OCTET STRING evidence, verdict, domain digest }
//! Certificate of the authority: self-signed, CA:TRUE pathlen 0, keyCertSign, subjectKeyIdentifier, URI:spiffe://DOMAIN
//! ```
//! Only [`Accepted<Bound>`](Accepted) leads here, and only for the key that its evidence was bound to; the name follows from what was
//! found to run, and the end is never later than the verdict's. An SVID is for others' software: nothing in Casemate
//! takes one for evidence.

use std::collections::BTreeMap;

use aws_lc_rs::rand::SecureRandom;
use casemate_cose::{Digest, Signer, UnixTime, VerifyingKey};
use casemate_evidence::Bound;

use super::{
    ResultError, SpiffeId, TrustDomain, Workload,
    der::{Oid, bits, octets, oid, sequence, set, tagged, time, unsigned},
    ear::check_window,
    jwt::{self, Typ},
    told::digest_of_accepted,
    tree::{Key, Tree},
};
use crate::Accepted;

/// The longest that an SVID counts, in seconds, whatever the verdict: an hour.
pub const LIFETIME_S_MAX: u64 = 3600;
/// The extension that names evidence, verdict and domain: of the arc of UUIDs, which need no registration. [X.667 §7]
pub const SVID_EXTENSION_OID: &str = "2.25.80385266092439566646830549632263370806";

const DNS_NAMES_MAX: usize = 16;
const AUDIENCE_BYTES_MAX: usize = 2048;
/// The first second after 9999-12-31, which certificates can't tell.
const ERA_ENDS: UnixTime = UnixTime(253_402_300_800);

const VERDICT: Oid = Oid(&[
    0x69, 0xf8, 0xf9, 0xd1, 0xe7, 0x8d, 0xaf, 0xb2, 0xa4, 0xfd, 0xb2, 0xfa, 0x91, 0xe4, 0xb0, 0xd3, 0xee, 0xf0, 0x36,
]);
const AUTHORITY_KEY_ID: Oid = Oid(&[0x55, 0x1d, 0x23]);
const BASIC_CONSTRAINTS: Oid = Oid(&[0x55, 0x1d, 0x13]);
const COMMON_NAME: Oid = Oid(&[0x55, 0x04, 0x03]);
const EXTENDED_KEY_USAGE: Oid = Oid(&[0x55, 0x1d, 0x25]);
const CLIENT_AUTH: Oid = Oid(&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02]);
const SERVER_AUTH: Oid = Oid(&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01]);
const KEY_USAGE: Oid = Oid(&[0x55, 0x1d, 0x0f]);
const SUBJECT_ALT_NAME: Oid = Oid(&[0x55, 0x1d, 0x11]);
const SUBJECT_KEY_ID: Oid = Oid(&[0x55, 0x1d, 0x0e]);
const ED25519: Oid = Oid(&[0x2b, 0x65, 0x70]);
const ECDSA_WITH_SHA256: Oid = Oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]);
const ECDSA_WITH_SHA384: Oid = Oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03]);
/// BIT STRING: digitalSignature; keyCertSign. [RFC 5280 §4.2.1.3]
const DIGITAL_SIGNATURE: [u8; 4] = [0x03, 0x02, 0x07, 0x80];
const KEY_CERT_SIGN: [u8; 4] = [0x03, 0x02, 0x02, 0x04];
const TRUE: [u8; 3] = [0x01, 0x01, 0xff];

/// How accepted keeps are called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admission {
    trust_domain: TrustDomain,
    names: BTreeMap<Digest, Named>,
    lifetime_s: u64,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Named {
    workload: Workload,
    dns_names: Vec<String>,
}

impl Admission {
    /// Names keeps in `trust_domain` after what they run ([`what_runs`]), for `lifetime_s` seconds each, 1 to [`LIFETIME_S_MAX`].
    ///
    /// # Errors
    /// [`ResultError::Invalid`] for another lifetime.
    pub fn new(trust_domain: TrustDomain, lifetime_s: u64) -> Result<Self, ResultError> {
        if !(1..=LIFETIME_S_MAX).contains(&lifetime_s) {
            let rule = "1 to 3600 seconds";
            return Err(ResultError::Invalid { what: "the lifetime", actual: lifetime_s.to_string(), rule });
        }
        Ok(Self { trust_domain, names: BTreeMap::new(), lifetime_s })
    }

    /// Calls keeps that run `what` ([`what_runs`]) `workload`, and lets them serve under `dns_names`: clients such as curl look for the name
    /// of the host, and know nothing of SPIFFE.
    ///
    /// # Errors
    /// [`ResultError::Invalid`] for what is no lower-case DNS name without wildcard, [`ResultError::TooMany`] of them.
    pub fn named(mut self, what: Digest, workload: Workload, dns_names: Vec<String>) -> Result<Self, ResultError> {
        super::at_most("DNS names", dns_names.len(), DNS_NAMES_MAX)?;
        // Nobody bears the name that another program has by its digest.
        if workload.as_str().starts_with("sha256-") && workload != Workload::of(&what) {
            let rule = "a name that starts with `sha256-` is its own digest's";
            return Err(ResultError::Invalid { what: "the workload", actual: workload.as_str().to_owned(), rule });
        }
        dns_names.iter().try_for_each(|name| check_dns_name(name))?;
        self.names.insert(what, Named { workload, dns_names });
        Ok(self)
    }

    /// How a keep that runs `what` is called.
    #[must_use]
    pub fn id(&self, what: &Digest) -> SpiffeId {
        let named = self.names.get(what).map(|named| named.workload.clone());
        SpiffeId::new(self.trust_domain.clone(), named.unwrap_or_else(|| Workload::of(what)))
    }

    /// Until when, both included.
    fn until(&self, accepted: &Accepted<Bound>, at: UnixTime) -> Result<UnixTime, ResultError> {
        if at > accepted.expires() {
            return Err(ResultError::Expired { expires: accepted.expires().plus_s(1), at });
        }
        Ok(accepted.expires().min(at.plus_s(self.lifetime_s)))
    }
}

/// What an accepted keep runs: the digest of its program or, where evidence tells of no program, that of its manifest, which names
/// the program and everything else that decides what the keep does.
///
/// # Errors
/// [`ResultError::NoKeep`] for evidence of what is no place for a keep: a device alone, a token.
pub fn what_runs(accepted: &Accepted<Bound>) -> Result<Digest, ResultError> {
    let keep = accepted.keep().ok_or(ResultError::NoKeep)?;
    Ok(keep.program.unwrap_or_else(|| accepted.binding().binding().manifest))
}

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
    let public = key.public();
    let name = authority_name(&public);
    let extensions = [
        extension(BASIC_CONSTRAINTS, Some(TRUE), &sequence(&[TRUE.to_vec(), unsigned(&[0])])),
        extension(KEY_USAGE, Some(TRUE), &KEY_CERT_SIGN),
        extension(SUBJECT_KEY_ID, None, &octets(&key_id(&public))),
        extension(SUBJECT_ALT_NAME, None, &sequence(&[uri(&trust_domain.id())])),
    ];
    let body = Body { subject: name, spki: public.spki(), from, until, extensions: sequence(&extensions) };
    body.signed(key, random)
}

/// A certificate for `key`, the key that the accepted evidence was bound to, DER, signed by the authority's key.
///
/// # Errors
/// [`ResultError::Key`] for any other key; [`ResultError::NoKeep`]; [`ResultError::Expired`]; [`ResultError::Signer`].
pub fn x509_svid(
    accepted: &Accepted<Bound>,
    key: &VerifyingKey,
    admission: &Admission,
    authority: &Signer,
    random: &dyn SecureRandom,
    at: UnixTime,
) -> Result<Vec<u8>, ResultError> {
    let (attested, actual) = (accepted.binding().binding().own_key, key.spki_digest());
    if attested != actual {
        return Err(ResultError::Key { attested, actual });
    }
    let until = admission.until(accepted, at)?;
    let what = what_runs(accepted)?;
    let dns_names = admission.names.get(&what).map(|named| named.dns_names.as_slice()).unwrap_or_default();
    let mut names = vec![uri(&admission.id(&what).to_string())];
    names.extend(dns_names.iter().map(|name| tagged(0x82, name.as_bytes())));
    let digests = [accepted.evidence_digest(), digest_of_accepted(accepted), accepted.domain_digest()];
    let extensions = [
        extension(BASIC_CONSTRAINTS, Some(TRUE), &sequence(&[])),
        extension(KEY_USAGE, Some(TRUE), &DIGITAL_SIGNATURE),
        extension(EXTENDED_KEY_USAGE, None, &sequence(&[oid(SERVER_AUTH), oid(CLIENT_AUTH)])),
        extension(AUTHORITY_KEY_ID, None, &sequence(&[tagged(0x80, &key_id(&authority.public()))])),
        // Critical, as there is no subject. A common name would be none: clients take it for a host's where no DNS name stands.
        extension(SUBJECT_ALT_NAME, Some(TRUE), &sequence(&names)),
        extension(VERDICT, None, &sequence(&digests.map(|digest| octets(digest.as_bytes())))),
    ];
    let body = Body { subject: sequence(&[]), spki: key.spki(), from: at, until, extensions: sequence(&extensions) };
    body.signed(authority, random)
}

/// A JWT-SVID of the accepted keep for one audience. Whoever holds it is taken for the keep until it ends.
///
/// # Errors
/// [`ResultError::AlgorithmOfSvid`] for an Ed25519 key, which the standard leaves out; [`ResultError::Invalid`] for no audience;
/// [`ResultError::NoKeep`]; [`ResultError::Expired`]; [`ResultError::Signer`].
pub fn jwt_svid(
    accepted: &Accepted<Bound>,
    audience: &str,
    admission: &Admission,
    authority: &Signer,
    random: &dyn SecureRandom,
    at: UnixTime,
) -> Result<String, ResultError> {
    check_svid_key(&authority.public())?;
    if audience.is_empty() || audience.len() > AUDIENCE_BYTES_MAX {
        let (actual, rule) = (audience.chars().take(64).collect(), "1 to 2048 bytes");
        return Err(ResultError::Invalid { what: "the audience", actual, rule });
    }
    let claims = SvidClaims {
        subject: admission.id(&what_runs(accepted)?).to_string(),
        audience: audience.to_owned(),
        ends: admission.until(accepted, at)?.plus_s(1),
        issued: at,
        evidence: accepted.evidence_digest().to_string(),
        verdict: digest_of_accepted(accepted).to_string(),
    };
    jwt::sign(Typ::Svid, &claims.to_json()?, authority, random)
}

/// Reads a JWT-SVID that [`jwt_svid`] made, for `audience`, signed by `key`, the authority of `trust_domain`.
///
/// # Errors
/// [`ResultError`]: another key, algorithm, audience or trust domain, or a token that is over.
pub fn read_jwt_svid(
    token: &str,
    key: &VerifyingKey,
    trust_domain: &TrustDomain,
    audience: &str,
    at: UnixTime,
) -> Result<SpiffeId, ResultError> {
    check_svid_key(key)?;
    let bytes = jwt::verify(token, Typ::Svid, key)?;
    let claims = SvidClaims::from_json(&bytes)?;
    if claims.audience != audience {
        let actual = crate::printable::printable(&claims.audience);
        return Err(ResultError::Audience { expected: audience.to_owned(), actual });
    }
    check_window(claims.issued, claims.ends, at)?;
    let id: SpiffeId = claims.subject.parse()?;
    // An authority names what is in its own trust domain, and nothing else.
    if id.trust_domain() != trust_domain {
        let rule = "in the trust domain of the key";
        return Err(ResultError::Invalid { what: "the SPIFFE ID", actual: id.to_string(), rule });
    }
    Ok(id)
}

fn check_svid_key(key: &VerifyingKey) -> Result<(), ResultError> {
    match key {
        VerifyingKey::Ed25519(_) => Err(ResultError::AlgorithmOfSvid(jwt::algorithm(key))),
        VerifyingKey::P256(_) | VerifyingKey::P384(_) => Ok(()),
    }
}

/// Labels of 1 to 63 of `a-z`, `0-9` and `-`, not at their ends, 253 bytes together. [RFC 1035 §2.3.1, RFC 1123 §2.1]
fn check_dns_name(name: &str) -> Result<(), ResultError> {
    let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(is_good)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() <= 253 && name.split('.').all(is_label) {
        return Ok(());
    }
    let actual: String = name.chars().take(64).collect();
    let rule = "labels of `a-z`, `0-9` and `-`, no wildcard, 253 bytes";
    Err(ResultError::Invalid { what: "the DNS name", actual: crate::printable::printable(&actual), rule })
}

/// What differs from certificate to certificate.
struct Body {
    subject: Vec<u8>,
    spki: Vec<u8>,
    from: UnixTime,
    until: UnixTime,
    extensions: Vec<u8>,
}

impl Body {
    fn signed(self, key: &Signer, random: &dyn SecureRandom) -> Result<Vec<u8>, ResultError> {
        if self.until >= ERA_ENDS || self.until < self.from {
            let rule = "it ends after it begins, and before the year 10000";
            return Err(ResultError::Invalid { what: "the end", actual: self.until.0.to_string(), rule });
        }
        let public = key.public();
        let algorithm = sequence(&[oid(match public {
            VerifyingKey::Ed25519(_) => ED25519,
            VerifyingKey::P256(_) => ECDSA_WITH_SHA256,
            VerifyingKey::P384(_) => ECDSA_WITH_SHA384,
        })]);
        let rest = [
            algorithm.clone(),
            authority_name(&public),
            sequence(&[time(self.from), time(self.until)]),
            self.subject,
            self.spki,
            tagged(0xa3, &self.extensions),
        ];
        let body = sequence(&[tagged(0xa0, &unsigned(&[2])), serial(&rest), rest.concat()]);
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

/// The claims of a JWT-SVID.
struct SvidClaims {
    subject: String,
    audience: String,
    ends: UnixTime,
    issued: UnixTime,
    evidence: String,
    verdict: String,
}

impl SvidClaims {
    fn to_json(&self) -> Result<Vec<u8>, ResultError> {
        let member = |name: &str, value| (Key::Name(name.to_owned()), value);
        let seconds = |time: UnixTime| {
            i64::try_from(time.0).map(Tree::Integer).map_err(|_| ResultError::Form("a time beyond this era"))
        };
        Tree::Map(vec![
            member("sub", Tree::text(&self.subject)),
            member("aud", Tree::List(vec![Tree::text(&self.audience)])),
            member("exp", seconds(self.ends)?),
            member("iat", seconds(self.issued)?),
            member("casemate_evidence", Tree::text(&self.evidence)),
            member("casemate_verdict", Tree::text(&self.verdict)),
        ])
        .to_json()
    }

    fn from_json(bytes: &[u8]) -> Result<Self, ResultError> {
        const OTHER: ResultError = ResultError::Form("not the claims of an SVID");
        let Tree::Map(members) = Tree::from_json(bytes)? else { return Err(OTHER) };
        let values: Vec<&Tree> = members.iter().map(|(_, value)| value).collect();
        let [
            Tree::Text(subject),
            Tree::List(audience),
            Tree::Integer(ends),
            Tree::Integer(issued),
            Tree::Text(evidence),
            Tree::Text(verdict),
        ] = values.as_slice()
        else {
            return Err(OTHER);
        };
        let [Tree::Text(audience)] = audience.as_slice() else { return Err(OTHER) };
        let seconds = |number: &i64| u64::try_from(*number).map(UnixTime).map_err(|_| OTHER);
        let claims = Self {
            subject: subject.clone(),
            audience: audience.clone(),
            ends: seconds(ends)?,
            issued: seconds(issued)?,
            evidence: evidence.clone(),
            verdict: verdict.clone(),
        };
        // Names and order as well.
        if claims.to_json()? == bytes { Ok(claims) } else { Err(OTHER) }
    }
}
