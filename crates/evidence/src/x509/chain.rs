//! Verifies a chain of given order below a pinned root.
//!
//! 1. Length: 1 to [`CHAIN_MAX`]; the root's own certificate at the end is left out.
//! 2. The last certificate names an anchor as its issuer. [RFC 5280 §6.1.3 (a)(4)]
//! 3. From the root down, for each: its issuer's name, signature over the received bytes, validity, critical extensions;
//!    for each issuer: CA flag, path length, key usage. [RFC 5280 §6.1.3, §6.1.4]
//! 4. Revocation: each list of the issuers in the chain is signed by its issuer, current, and doesn't name the certificate.
//!    [RFC 5280 §6.3]

use std::collections::BTreeSet;

use casemate_cose::{Digest, UnixTime};
use thiserror::Error;

use super::{Anchor, Certificate, Crl, Lists, Spki, certificate::common_name, oid, scheme_of};
use crate::{
    crypto::{ParsedKey, Scheme},
    window::{Support, Window},
    wire::WireError,
};

/// The longest chain, without the root.
pub(crate) const CHAIN_MAX: usize = 8;

/// Why a chain of certificates was refused. Certificates are named by their common names.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ChainFlaw {
    /// No root of the vendor has the name of the last certificate's issuer.
    #[error("`{issuer}` is no pinned root")]
    Anchor {
        /// The issuer that the last certificate names.
        issuer: String,
    },
    /// A certificate carries a critical extension that means nothing here.
    #[error("certificate `{certificate}` has the unknown critical extension {oid}")]
    CriticalExtension {
        /// The certificate.
        certificate: String,
        /// The extension's name: hex of the DER content.
        oid: String,
    },
    /// A list that has to be there is not.
    #[error("no revocation list of `{issuer}`")]
    CrlMissing {
        /// Whose list it is.
        issuer: String,
    },
    /// A list is not of now.
    #[error("the revocation list of `{issuer}` holds from {} to {}, not at {at}", window.not_before, window.not_after)]
    CrlOutdated {
        /// Whose list it is.
        issuer: String,
        /// When it holds.
        window: Window,
        /// The verifier's time.
        at: UnixTime,
    },
    /// A list is not its issuer's.
    #[error("the revocation list of `{issuer}` is not signed by it")]
    CrlSignature {
        /// Whose list it says it is.
        issuer: String,
    },
    /// There is no certificate.
    #[error("there is no certificate")]
    Empty,
    /// A certificate has expired.
    #[error("certificate `{certificate}` expired after {not_after}, it is {at}")]
    Expired {
        /// The certificate.
        certificate: String,
        /// Its last second.
        not_after: UnixTime,
        /// The verifier's time.
        at: UnixTime,
    },
    /// A certificate or list could not be read.
    #[error("{0}")]
    Malformed(#[from] WireError),
    /// Two neighbours in the chain are not subject and issuer.
    #[error("certificate `{certificate}` names `{actual}` as its issuer, the next one is `{expected}`")]
    Name {
        /// The certificate.
        certificate: String,
        /// The name of the certificate above it.
        expected: String,
        /// The issuer that it names.
        actual: String,
    },
    /// A certificate that issued another is no CA, or its key may not sign certificates, or not so many below it.
    #[error("certificate `{certificate}` is no certification authority for what is below it")]
    NotCa {
        /// The certificate.
        certificate: String,
    },
    /// A certificate is not valid yet.
    #[error("certificate `{certificate}` is valid from {not_before}, it is {at}")]
    NotYetValid {
        /// The certificate.
        certificate: String,
        /// Its first second.
        not_before: UnixTime,
        /// The verifier's time.
        at: UnixTime,
    },
    /// A certificate is on its issuer's list.
    #[error("certificate `{certificate}` was revoked by `{issuer}`")]
    Revoked {
        /// The certificate.
        certificate: String,
        /// Who revoked it.
        issuer: String,
    },
    /// A signature does not verify.
    #[error("the signature of certificate `{certificate}` does not verify")]
    Signature {
        /// The certificate.
        certificate: String,
    },
    /// There are more certificates than any hierarchy has.
    #[error("{actual} certificates where at most {CHAIN_MAX} are read")]
    TooLong {
        /// How many there are.
        actual: usize,
    },
}

/// Which revocation lists there have to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CrlRule {
    /// Lists that are given are obeyed; the outcome says whether there were any.
    IfGiven,
    /// There has to be a list of each issuer.
    Required,
}

/// What a chain is verified against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain<'a> {
    /// Roots of the vendor.
    pub(crate) anchors: &'a [&'a Anchor],
    /// Those of other issuers are passed over.
    pub(crate) crls: &'a Lists<'a>,
    pub(crate) crl_rule: CrlRule,
    /// Critical extensions that the format itself looks at, besides basic constraints and key usage.
    pub(crate) critical: &'a [&'a [u8]],
    pub(crate) at: UnixTime,
}

/// A chain that holds.
#[derive(Debug)]
pub(crate) struct VerifiedChain {
    pub(crate) support: Support,
    /// Whether each issuer's list was there.
    pub(crate) is_revocation_checked: bool,
    /// The name of the root.
    pub(crate) root: String,
    /// SHA-256 of the root's `SubjectPublicKeyInfo`.
    pub(crate) root_key: Digest,
}

impl Chain<'_> {
    /// Verifies `certificates`, the leaf first.
    pub(crate) fn verify(&self, certificates: &[Certificate<'_>]) -> Result<VerifiedChain, ChainFlaw> {
        self.verify_above(0, certificates)
    }

    /// Verifies the issuers of leaves, the leaves' own issuer first: what does not change from one leaf to the next.
    /// `scheme` is how the leaves are signed.
    pub(crate) fn verify_issuers(&self, issuers: &[Certificate<'_>], scheme: Scheme) -> Result<Issuers, ChainFlaw> {
        let VerifiedChain { mut support, is_revocation_checked, root, root_key: _ } = self.verify_above(1, issuers)?;
        let issuer = issuers.first().ok_or(ChainFlaw::Empty)?;
        let key = issuer.spki.key.parse(scheme).map_err(|_| WireError::Value {
            field: "subjectPublicKeyInfo",
            expected: "a key of the kind that signs leaves",
            actual: format!("{:?}", issuer.spki.key.kind),
        })?;
        let above = Above { name: issuer.subject, spki: issuer.spki, may_sign_crls: issuer.may_sign_crls()? };
        let mut revoked = None;
        for listed in self.crls.iter() {
            let (place, crl) = listed?;
            if crl.issuer == issuer.subject {
                self.crl(place, crl, above)?;
                support.add("crl", issuer.common_name(), crl.raw, crl.window());
                revoked.get_or_insert_with(BTreeSet::new).extend(crl.serials().flatten().map(<[u8]>::to_vec));
            }
        }
        let subject = issuer.subject.to_vec();
        Ok(Issuers { support, root, is_revocation_checked, subject, key, scheme, revoked })
    }

    /// Steps 1 to 4 for certificates with `below` others below them.
    fn verify_above(&self, below: usize, certificates: &[Certificate<'_>]) -> Result<VerifiedChain, ChainFlaw> {
        // 1
        let certificates = match certificates.split_last() {
            None => return Err(ChainFlaw::Empty),
            Some((last, rest)) if !rest.is_empty() && self.anchors.iter().any(|anchor| anchor.is(last)) => rest,
            Some(_) => certificates,
        };
        if certificates.len() > CHAIN_MAX {
            return Err(ChainFlaw::TooLong { actual: certificates.len() });
        }
        // 2
        let last = certificates.last().ok_or(ChainFlaw::Empty)?;
        let refuse = || ChainFlaw::Anchor { issuer: common_name(last.issuer) };
        let candidates: Vec<_> = self.anchors.iter().filter(|anchor| anchor.subject() == last.issuer).collect();
        let anchor = match candidates.as_slice() {
            [] => return Err(refuse()),
            [one] => one,
            // A vendor may have several roots of one name: the one whose key made the signature counts.
            several => several
                .iter()
                .find(|anchor| anchor.spki().and_then(|spki| is_signed(last, spki)).unwrap_or(false))
                .ok_or_else(|| ChainFlaw::Signature { certificate: last.common_name() })?,
        };
        let anchor_key = anchor.spki()?;
        // 3, 4
        let mut verified = VerifiedChain {
            support: Support::default(),
            is_revocation_checked: true,
            root: anchor.name(),
            root_key: anchor.key_digest(),
        };
        let mut above = Above { name: anchor.subject(), spki: anchor_key, may_sign_crls: true };
        for (place, certificate) in certificates.iter().enumerate().rev() {
            self.one(certificate, place.saturating_add(below), above, &mut verified)?;
            above = Above {
                name: certificate.subject,
                spki: certificate.spki,
                may_sign_crls: certificate.may_sign_crls()?,
            };
        }
        Ok(verified)
    }

    /// Steps 3 and 4 for the certificate that has `below` others below it.
    fn one(
        &self,
        certificate: &Certificate<'_>,
        below: usize,
        above: Above<'_>,
        verified: &mut VerifiedChain,
    ) -> Result<(), ChainFlaw> {
        let name = || certificate.common_name();
        if certificate.issuer != above.name {
            let (expected, actual) = (common_name(above.name), common_name(certificate.issuer));
            return Err(ChainFlaw::Name { certificate: name(), expected, actual });
        }
        if !is_signed(certificate, above.spki)? {
            return Err(ChainFlaw::Signature { certificate: name() });
        }
        let window = dates(certificate, self.at)?;
        critical_extensions(certificate, self.critical)?;
        if below > 0 {
            let cas_below = u64::try_from(below - 1).unwrap_or(u64::MAX);
            let is_ca = certificate.ca()?.is_some_and(|length| length >= cas_below);
            if !is_ca || !certificate.may_sign_certificates()? {
                return Err(ChainFlaw::NotCa { certificate: name() });
            }
        }
        verified.support.add("certificate", name(), certificate.raw, window);
        self.revocation(certificate, above, verified)
    }

    fn revocation(
        &self,
        certificate: &Certificate<'_>,
        above: Above<'_>,
        verified: &mut VerifiedChain,
    ) -> Result<(), ChainFlaw> {
        let issuer = || common_name(above.name);
        let mut is_found = false;
        for listed in self.crls.iter() {
            let (place, crl) = listed?;
            if crl.issuer != above.name {
                continue;
            }
            self.crl(place, crl, above)?;
            if crl.revokes(certificate.serial) {
                return Err(ChainFlaw::Revoked { certificate: certificate.common_name(), issuer: issuer() });
            }
            is_found = true;
            verified.support.add("crl", issuer(), crl.raw, crl.window());
        }
        if !is_found && self.crl_rule == CrlRule::Required {
            return Err(ChainFlaw::CrlMissing { issuer: issuer() });
        }
        verified.is_revocation_checked &= is_found;
        Ok(())
    }

    fn crl(&self, place: usize, crl: &Crl<'_>, above: Above<'_>) -> Result<(), ChainFlaw> {
        let issuer = || common_name(above.name);
        if !self.crls.is_signed(place, crl, above.spki)? || !above.may_sign_crls {
            return Err(ChainFlaw::CrlSignature { issuer: issuer() });
        }
        if !crl.window().contains(self.at) {
            return Err(ChainFlaw::CrlOutdated { issuer: issuer(), window: crl.window(), at: self.at });
        }
        Ok(())
    }
}

/// Issuers that hold, ready to check the leaves that the last of them signs.
#[derive(Debug)]
pub(crate) struct Issuers {
    /// The issuers and their lists; leaves are not among them.
    pub(crate) support: Support,
    /// The name of the root.
    pub(crate) root: String,
    is_revocation_checked: bool,
    subject: Vec<u8>,
    key: ParsedKey,
    scheme: Scheme,
    /// Serial numbers on the lists of the leaves' issuer; `None` without a list.
    revoked: Option<BTreeSet<Vec<u8>>>,
}

impl Issuers {
    /// Whether each issuer's list was there, the leaves' issuer's among them.
    pub(crate) const fn is_revocation_checked(&self) -> bool {
        self.is_revocation_checked && self.revoked.is_some()
    }

    /// Steps 3 and 4 for a leaf. The issuers were verified, for this time `at` too.
    pub(crate) fn verify(&self, leaf: &Certificate<'_>, at: UnixTime) -> Result<Window, ChainFlaw> {
        let name = || leaf.common_name();
        if leaf.issuer != self.subject {
            let (expected, actual) = (common_name(&self.subject), common_name(leaf.issuer));
            return Err(ChainFlaw::Name { certificate: name(), expected, actual });
        }
        let is_scheme = scheme_of(leaf.algorithm, self.scheme.key_kind())? == self.scheme;
        if !is_scheme || self.key.verify(leaf.tbs, leaf.signature).is_err() {
            return Err(ChainFlaw::Signature { certificate: name() });
        }
        let window = dates(leaf, at)?;
        critical_extensions(leaf, &[])?;
        if self.revoked.as_ref().is_some_and(|revoked| revoked.contains(leaf.serial)) {
            return Err(ChainFlaw::Revoked { certificate: name(), issuer: common_name(&self.subject) });
        }
        Ok(window)
    }
}

/// Validity at `at`.
pub(crate) fn dates(certificate: &Certificate<'_>, at: UnixTime) -> Result<Window, ChainFlaw> {
    let (not_before, not_after) = (certificate.not_before, certificate.not_after);
    if at < not_before {
        return Err(ChainFlaw::NotYetValid { certificate: certificate.common_name(), not_before, at });
    }
    if at > not_after {
        return Err(ChainFlaw::Expired { certificate: certificate.common_name(), not_after, at });
    }
    Ok(Window { not_before, not_after })
}

/// None but the known ones and those that the format itself looks at.
pub(crate) fn critical_extensions(certificate: &Certificate<'_>, critical: &[&[u8]]) -> Result<(), ChainFlaw> {
    for extension in certificate.extensions().filter(|extension| extension.is_critical) {
        let known = [oid::BASIC_CONSTRAINTS, oid::KEY_USAGE].contains(&extension.oid);
        if !known && !critical.contains(&extension.oid) {
            let oid = hex::encode(extension.oid);
            return Err(ChainFlaw::CriticalExtension { certificate: certificate.common_name(), oid });
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Above<'a> {
    name: &'a [u8],
    spki: Spki<'a>,
    may_sign_crls: bool,
}

/// Whether this key signed `certificate`.
pub(crate) fn is_signed(certificate: &Certificate<'_>, issuer: Spki<'_>) -> Result<bool, WireError> {
    let scheme = scheme_of(certificate.algorithm, issuer.key.kind)?;
    Ok(issuer.key.verify(scheme, certificate.tbs, certificate.signature).is_ok())
}
