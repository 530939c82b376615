//! Reads the certificates that Casemate writes, and no others.
//!
//! 1. Every part is where it stands in such a certificate.
//! 2. Made again of what was read, it is the same, byte for byte: nothing is said twice, besides, or in another form.
//! 3. The authority's key signed these bytes.
//! 4. It names a keep in the authority's own trust domain, and it is not over, nor is the authority's certificate.

use casemate_cose::{Digest, UnixTime, VerifyingKey};
use casemate_evidence::rfc3339;

use super::{
    ResultError, SpiffeId, TrustDomain,
    admission::check_dns_name,
    at_most,
    der::{Reader, sequence, unsigned},
    x509::{Body, SUBJECT_ALT_NAME, VERDICT},
};

/// The longest certificate that is read: 16 KiB.
pub const CERTIFICATE_BYTES_MAX: usize = 16 << 10;

const OTHER: ResultError = ResultError::Form("not a certificate of that shape");

/// An authority, by its own certificate. That somebody believes in it is nothing that a certificate can say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Authority {
    /// In which trust domain it names keeps.
    pub trust_domain: TrustDomain,
    /// Its key.
    pub key: VerifyingKey,
    /// From when.
    pub from: UnixTime,
    /// The last second in which it counts.
    pub until: UnixTime,
}

/// What an X.509-SVID says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct X509Svid {
    /// The keep's name.
    pub id: SpiffeId,
    /// As which hosts it may serve.
    pub dns_names: Vec<String>,
    /// The attested key, as `SubjectPublicKeyInfo` in DER.
    pub spki: Vec<u8>,
    /// From when it counts.
    pub from: UnixTime,
    /// The last second in which it counts.
    pub until: UnixTime,
    /// The digest of the evidence that was accepted.
    pub evidence: Digest,
    /// The digest of the verdict.
    pub verdict: Digest,
    /// The digest of the domain that accepted it.
    pub domain: Digest,
}

impl Authority {
    /// Reads an authority's certificate in DER: steps 1 to 3, by its own key.
    ///
    /// # Errors
    /// [`ResultError::Form`], [`ResultError::Signature`].
    pub fn read(der: &[u8]) -> Result<Self, ResultError> {
        let parts = Parts::of(der).ok_or(OTHER)?;
        let key = VerifyingKey::from_spki(parts.spki).map_err(|_| OTHER)?;
        let names = parts.extension(SUBJECT_ALT_NAME.0).ok_or(OTHER)?;
        let id = Reader::only(names, 0x30).and_then(|inner| Reader::only(inner, 0x86)).and_then(text).ok_or(OTHER)?;
        let trust_domain: TrustDomain = id.strip_prefix("spiffe://").ok_or(OTHER)?.parse()?;
        let body = Body::of_authority(&trust_domain, &key, parts.from, parts.until);
        parts.check(body, &key)?;
        Ok(Self { trust_domain, key, from: parts.from, until: parts.until })
    }
}

impl X509Svid {
    /// What a certificate in DER claims to be: step 1. Nothing of it is to be believed.
    ///
    /// # Errors
    /// [`ResultError::Form`] for what is no such certificate.
    pub fn claimed(der: &[u8]) -> Result<Self, ResultError> {
        Parts::of(der).ok_or(OTHER)?.svid()
    }

    /// Reads a certificate in DER that this authority issued, at `at`.
    ///
    /// # Errors
    /// [`ResultError::Form`], [`ResultError::Signature`], [`ResultError::Invalid`] for a name in another trust domain,
    /// [`ResultError::Expired`], [`ResultError::NotYet`].
    pub fn read(der: &[u8], authority: &Authority, at: UnixTime) -> Result<Self, ResultError> {
        // 1
        at_most("bytes of a certificate", der.len(), CERTIFICATE_BYTES_MAX)?;
        let parts = Parts::of(der).ok_or(OTHER)?;
        let svid = parts.svid()?;
        // 2, 3
        let digests = [svid.evidence, svid.verdict, svid.domain];
        let window = (svid.from, svid.until);
        let body = Body::of_keep(&svid.id, &svid.dns_names, &svid.spki, digests, window, &authority.key);
        parts.check(body, &authority.key)?;
        // 4
        if svid.id.trust_domain() != &authority.trust_domain {
            let rule = "in the trust domain of the authority";
            return Err(ResultError::Invalid { what: "the SPIFFE ID", actual: svid.id.to_string(), rule });
        }
        for (from, until) in [(authority.from, authority.until), window] {
            if at < from {
                return Err(ResultError::NotYet { issued: from, at });
            }
            if at > until {
                return Err(ResultError::Expired { expires: until.plus_s(1), at });
            }
        }
        Ok(svid)
    }
}

/// A certificate in its parts, in place.
struct Parts<'a> {
    body: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
    from: UnixTime,
    until: UnixTime,
    spki: &'a [u8],
    /// Name and value of each.
    extensions: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Parts<'a> {
    fn of(der: &'a [u8]) -> Option<Self> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return None;
        }
        let mut certificate = Reader::new(Reader::only(der, 0x30)?);
        let (body, content) = certificate.element(0x30)?;
        let (algorithm, _) = certificate.element(0x30)?;
        let (_, bits) = certificate.element(0x03)?;
        certificate.end()?;
        let mut fields = Reader::new(content);
        // Version, serial number, algorithm, issuer: what is made again says them too.
        for tag in [0xa0, 0x02, 0x30, 0x30] {
            fields.element(tag)?;
        }
        let mut validity = Reader::new(fields.element(0x30)?.1);
        let (from, until) = (moment(&mut validity)?, moment(&mut validity)?);
        validity.end()?;
        fields.element(0x30)?;
        let (spki, _) = fields.element(0x30)?;
        let mut rows = Reader::new(Reader::only(fields.element(0xa3)?.1, 0x30)?);
        fields.end()?;
        let mut extensions = Vec::new();
        while !rows.is_empty() {
            let mut row = Reader::new(rows.element(0x30)?.1);
            let (_, name) = row.element(0x06)?;
            if row.is_next(0x01) {
                row.element(0x01)?;
            }
            let (_, value) = row.element(0x04)?;
            row.end()?;
            extensions.push((name, value));
        }
        let signature = bits.strip_prefix(&[0])?;
        Some(Self { body, algorithm, signature, from, until, spki, extensions })
    }

    fn extension(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.extensions.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }

    fn svid(&self) -> Result<X509Svid, ResultError> {
        let mut names =
            Reader::new(self.extension(SUBJECT_ALT_NAME.0).and_then(|value| Reader::only(value, 0x30)).ok_or(OTHER)?);
        let id = names.element(0x86).and_then(|(_, name)| text(name)).ok_or(OTHER)?.parse()?;
        let mut dns_names = Vec::new();
        while !names.is_empty() {
            let name = names.element(0x82).and_then(|(_, name)| text(name)).ok_or(OTHER)?;
            check_dns_name(name)?;
            dns_names.push(name.to_owned());
        }
        let mut digests =
            Reader::new(self.extension(VERDICT.0).and_then(|value| Reader::only(value, 0x30)).ok_or(OTHER)?);
        let mut digest = || {
            let bytes: [u8; 32] = digests.element(0x04)?.1.try_into().ok()?;
            Some(Digest::from_bytes(bytes))
        };
        let (evidence, verdict, domain) = (digest().ok_or(OTHER)?, digest().ok_or(OTHER)?, digest().ok_or(OTHER)?);
        digests.end().ok_or(OTHER)?;
        let spki = self.spki.to_vec();
        Ok(X509Svid { id, dns_names, spki, from: self.from, until: self.until, evidence, verdict, domain })
    }

    /// Steps 2 and 3.
    fn check(&self, made_again: Body, issuer: &VerifyingKey) -> Result<(), ResultError> {
        let (body, algorithm) = made_again.signable(issuer);
        if (body.as_slice(), algorithm.as_slice()) != (self.body, self.algorithm) {
            return Err(ResultError::Form("of another authority, or it says something besides"));
        }
        let size = match issuer {
            VerifyingKey::Ed25519(_) => None,
            VerifyingKey::P256(_) => Some(32),
            VerifyingKey::P384(_) => Some(48),
        };
        let signature = match size {
            None => Some(self.signature.to_vec()),
            Some(size) => fixed(self.signature, size),
        };
        let signature = signature.ok_or(ResultError::Signature)?;
        issuer.verify(self.body, &signature).map_err(|_| ResultError::Signature)
    }
}

/// An ECDSA signature as `r ‖ s`, `size` bytes each. [RFC 3279 §2.2.3]
fn fixed(der: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut numbers = Reader::new(Reader::only(der, 0x30)?);
    let mut joined = Vec::new();
    let mut parts = Vec::new();
    for _ in 0..2 {
        let (raw, content) = numbers.element(0x02)?;
        let digits = content.strip_prefix(&[0]).unwrap_or(content);
        joined.resize(joined.len().checked_add(size.checked_sub(digits.len())?)?, 0);
        joined.extend_from_slice(digits);
        if unsigned(digits) != raw {
            return None;
        }
        parts.push(raw.to_vec());
    }
    (sequence(&parts) == der).then_some(joined)
}

/// UTCTime of this century, or GeneralizedTime. That it is in its one form shows when it is made again.
fn moment(reader: &mut Reader<'_>) -> Option<UnixTime> {
    let (century, tag) = if reader.is_next(0x17) { ("20", 0x17) } else { ("", 0x18) };
    let digits = text(reader.element(tag)?.1)?;
    let whole = format!("{century}{}", digits.strip_suffix('Z')?);
    let part = |range: std::ops::Range<usize>| whole.get(range);
    let (date, time) =
        ([part(0..4)?, part(4..6)?, part(6..8)?].join("-"), [part(8..10)?, part(10..12)?, part(12..14)?]);
    if whole.len() != 14 {
        return None;
    }
    rfc3339(&format!("{date}T{}Z", time.join(":")))
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
