//! Who signed the endorsements themselves: all that can be said of them without evidence and without a time.
//!
//! 1. A certificate or list names its issuer: a root that is believed, or a certificate among these, of a CA that may sign it.
//!    [RFC 5280 §6.1.3, §6.3.3]
//! 2. TCB info and QE identities are signed by a certificate named so, below Intel's root. [PCS API v4]
//! 3. An OCSP answer is signed by the issuer that it names by its hashes, or by whom that issuer named. [RFC 6960 §4.2.2.2]
//! 4. A manifest carries its signer's certificates, which lead to NVIDIA's root. [XML Signature 1.1 §4.5.4]
//!
//! Dates, path lengths, revocation and whether any of it fits some evidence are [`crate::authenticate`]'s to judge.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
};

use casemate_cose::Digest;

use crate::{
    Endorsement, Endorsements, Vendor,
    dcap::{self, TCB_SIGNER_NAME},
    gpu::{Answered, answered},
    x509::{CHAIN_MAX, Certificate, Crl, Spki, common_name, is_signed, scheme_of},
    xml,
};

/// The most signers of one name that are tried for one item.
const SIGNERS_MAX: usize = 16;

/// What is known of an endorsement's signature.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Signature {
    /// Its issuer signed it, as did the issuers above, up to a root that is believed.
    Right {
        /// Who signed it.
        signer: String,
    },
    /// The issuers that are here signed rightly, and end at a certificate signed by itself that no root is.
    Unanchored {
        /// That certificate.
        root: String,
    },
    /// The issuer, or one above it, is not here: nothing can be said.
    IssuerAbsent {
        /// Who is not here.
        issuer: String,
    },
    /// It is not what its issuer signed.
    Wrong {
        /// What is wrong.
        reason: String,
    },
    /// Nobody signs such an item: it is the word of whoever gives it.
    Unsigned,
}

impl Signature {
    /// Whether the item is a forgery, or broken.
    #[must_use]
    pub const fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong { .. })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right { signer } => write!(f, "signed by `{signer}`"),
            Self::Unanchored { root } => write!(f, "signed, but `{root}` is no root that is believed"),
            Self::IssuerAbsent { issuer } => write!(f, "issuer not here: `{issuer}`"),
            Self::Wrong { reason } => f.write_str(reason),
            Self::Unsigned => f.write_str("the word of whoever gives it"),
        }
    }
}

/// Looks at the signature of every endorsement, in the order of [`Endorsements::items`].
///
/// Costs at most 16 checks of signatures for each item.
///
/// ```
/// use casemate_evidence::{Endorsements, Signature, signatures};
///
/// // The built-in roots are nobody's to sign.
/// assert!(signatures(&Endorsements::of_vendors()).iter().all(|signature| *signature == Signature::Unsigned));
/// ```
#[must_use]
pub fn signatures(endorsements: &Endorsements) -> Vec<Signature> {
    let manifests: Vec<Option<Manifest>> = endorsements.items().iter().map(Manifest::of).collect();
    let pool = Pool::of(endorsements, &manifests);
    let items = endorsements.items().iter().zip(&manifests);
    items.map(|(item, manifest)| pool.judge(item, manifest.as_ref()).signature()).collect()
}

/// A manifest, read, and the certificates in it.
struct Manifest {
    root: Result<xml::Element, String>,
    certificates: Vec<Vec<u8>>,
}

impl Manifest {
    fn of(item: &Endorsement) -> Option<Self> {
        let Endorsement::Rim(bytes) = item else { return None };
        let read = || -> Result<(xml::Element, Vec<Vec<u8>>), String> {
            let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
            let root = xml::Element::parse(text).map_err(|error| error.to_string())?;
            let certificates = xml::signers(&root).map_err(|error| error.to_string())?;
            Ok((root, certificates))
        };
        Some(match read() {
            Ok((root, certificates)) => Self { root: Ok(root), certificates },
            Err(error) => Self { root: Err(error), certificates: Vec::new() },
        })
    }
}

/// How a signer stands, from the worst to the best: of several for one item, the best counts.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Standing {
    Wrong(String),
    Absent(String),
    Unanchored(String),
    /// With the name of who signed it, and whose root is above.
    Right(String, Vendor),
    Unsigned,
}

impl Standing {
    fn signature(self) -> Signature {
        match self {
            Self::Wrong(reason) => Signature::Wrong { reason },
            Self::Absent(issuer) => Signature::IssuerAbsent { issuer },
            Self::Unanchored(root) => Signature::Unanchored { root },
            Self::Right(signer, _) => Signature::Right { signer },
            Self::Unsigned => Signature::Unsigned,
        }
    }

    /// Of what `signer`, who stands so, signed.
    fn of_signed_by(&self, signer: &str) -> Self {
        match self {
            Self::Wrong(_) => Self::Wrong(format!("its signer `{signer}` is not genuine")),
            Self::Right(_, vendor) => Self::Right(signer.to_owned(), *vendor),
            other => other.clone(),
        }
    }

    /// The same, if the root above is this vendor's.
    fn below(self, expected: Vendor) -> Self {
        match self {
            Self::Right(signer, actual) if actual != expected => {
                Self::Wrong(format!("its signer `{signer}` is of `{actual}`, not of `{expected}`"))
            }
            other => other,
        }
    }
}

/// Whoever may have signed: roots that are believed, and certificates.
struct Pool<'a> {
    signers: Vec<Signer<'a>>,
    /// Places of signers by what they are called.
    by_name: HashMap<&'a [u8], Vec<usize>>,
    /// Places of certificates by their bytes.
    by_digest: HashMap<Digest, usize>,
}

struct Signer<'a> {
    name: &'a [u8],
    spki: Spki<'a>,
    /// `None` for a root.
    certificate: Option<Certificate<'a>>,
    standing: Option<Standing>,
}

impl Signer<'_> {
    fn label(&self) -> String {
        common_name(self.name)
    }

    fn may(&self, may: impl Fn(&Certificate<'_>) -> bool) -> bool {
        self.certificate.as_ref().is_none_or(may)
    }
}

impl<'a> Pool<'a> {
    fn of(endorsements: &'a Endorsements, manifests: &'a [Option<Manifest>]) -> Self {
        let mut pool = Self { signers: Vec::new(), by_name: HashMap::new(), by_digest: HashMap::new() };
        for item in endorsements.items() {
            let Endorsement::Anchor(anchor) = item else { continue };
            let Ok(spki) = anchor.spki() else { continue };
            let standing = Some(Standing::Right(anchor.name(), anchor.vendor()));
            pool.add(Signer { name: anchor.subject(), spki, certificate: None, standing });
        }
        let carried = manifests.iter().flatten().flat_map(|manifest| &manifest.certificates).map(Vec::as_slice);
        for der in endorsements.certificates().chain(carried) {
            let Ok(certificate) = Certificate::parse(der) else { continue };
            // Manifests carry the same ones again and again.
            if let Entry::Vacant(vacant) = pool.by_digest.entry(Digest::of(der)) {
                vacant.insert(pool.signers.len());
                let (name, spki) = (certificate.subject, certificate.spki);
                pool.add(Signer { name, spki, certificate: Some(certificate), standing: None });
            }
        }
        pool.judge_certificates();
        pool
    }

    fn add(&mut self, signer: Signer<'a>) {
        self.by_name.entry(signer.name).or_default().push(self.signers.len());
        self.signers.push(signer);
    }

    fn places(&self, name: &[u8]) -> impl Iterator<Item = usize> {
        self.by_name.get(name).into_iter().flatten().copied()
    }

    /// Finds who issued each certificate, then how each stands, from the roots down.
    fn judge_certificates(&mut self) {
        let issuers: Vec<Issued> = (0..self.signers.len()).map(|place| self.issued(place)).collect();
        for _ in 0..=CHAIN_MAX {
            let standings: Vec<Option<Standing>> = issuers
                .iter()
                .map(|issued| match issued {
                    Issued::Known(standing) => Some(standing.clone()),
                    Issued::By(places) => places
                        .iter()
                        .filter_map(|place| self.signers.get(*place))
                        .filter_map(|signer| Some(signer.standing.as_ref()?.of_signed_by(&signer.label())))
                        .max(),
                })
                .collect();
            for (signer, standing) in self.signers.iter_mut().zip(standings) {
                signer.standing = standing;
            }
        }
    }

    fn issued(&self, place: usize) -> Issued {
        let absent = || Issued::Known(Standing::Absent(String::new()));
        let Some(signer) = self.signers.get(place) else { return absent() };
        let Some(certificate) = signer.certificate else {
            return signer.standing.clone().map_or_else(absent, Issued::Known);
        };
        let is_ca = |ca: &Certificate<'_>| {
            ca.ca().is_ok_and(|length| length.is_some()) && ca.may_sign_certificates().unwrap_or(false)
        };
        let candidates: Vec<usize> = self.places(certificate.issuer).filter(|other| *other != place).collect();
        let signed = self.signed(&candidates, is_ca, |spki| is_signed(&certificate, spki).unwrap_or(false));
        let issuer = common_name(certificate.issuer);
        match signed {
            Some(places) if !places.is_empty() => Issued::By(places),
            Some(_) => Issued::Known(Standing::Wrong(format!("`{issuer}` did not sign it"))),
            None if certificate.issuer != certificate.subject => Issued::Known(Standing::Absent(issuer)),
            None if is_signed(&certificate, certificate.spki).unwrap_or(false) => {
                Issued::Known(Standing::Unanchored(issuer))
            }
            None => Issued::Known(Standing::Wrong("it names itself as its issuer, and did not sign it".to_owned())),
        }
    }

    /// Who of `candidates` signed, as far as they `may`: `None` if there are none of them.
    fn signed(
        &self,
        candidates: &[usize],
        may: impl Fn(&Certificate<'_>) -> bool,
        is_signed: impl Fn(Spki<'_>) -> bool,
    ) -> Option<Vec<usize>> {
        let able = candidates.iter().filter_map(|place| Some((*place, self.signers.get(*place)?)));
        let able: Vec<_> = able.filter(|(_, signer)| signer.may(&may)).take(SIGNERS_MAX).collect();
        if able.is_empty() {
            return None;
        }
        let mut right: Vec<(usize, Spki<'_>)> = Vec::new();
        for (place, signer) in able {
            // A certificate is renewed for the same key: what that key signed, both did.
            if right.iter().any(|(_, spki)| spki.raw == signer.spki.raw) || is_signed(signer.spki) {
                right.push((place, signer.spki));
            }
        }
        Some(right.into_iter().map(|(place, _)| place).collect())
    }

    /// The best standing that one of `candidates` gives to what it signed.
    fn best(
        &self,
        candidates: &[usize],
        issuer: &str,
        may: impl Fn(&Certificate<'_>) -> bool,
        is_signed: impl Fn(Spki<'_>) -> bool,
    ) -> Standing {
        let Some(places) = self.signed(candidates, may, is_signed) else {
            return Standing::Absent(issuer.to_owned());
        };
        let signers = places.iter().filter_map(|place| self.signers.get(*place));
        let standings = signers.map(|signer| match &signer.standing {
            Some(standing) => standing.of_signed_by(&signer.label()),
            None => Standing::Absent(signer.label()),
        });
        standings.max().unwrap_or_else(|| Standing::Wrong(format!("`{issuer}` did not sign it")))
    }

    fn of_certificate(&self, der: &[u8]) -> Standing {
        let signer = self.by_digest.get(&Digest::of(der)).and_then(|place| self.signers.get(*place));
        match signer {
            // Certificates that name each other as issuers, and nobody else.
            Some(Signer { standing: None, certificate: Some(certificate), .. }) => {
                Standing::Absent(common_name(certificate.issuer))
            }
            Some(Signer { standing: Some(standing), .. }) => standing.clone(),
            _ => Standing::Wrong("it can't be read".to_owned()),
        }
    }

    fn judge(&self, item: &Endorsement, manifest: Option<&Manifest>) -> Standing {
        match item {
            Endorsement::Anchor(_) | Endorsement::Key { .. } | Endorsement::Launcher(_) => Standing::Unsigned,
            Endorsement::Certificate(der) => self.of_certificate(der),
            Endorsement::Crl(der) => self.of_list(der),
            Endorsement::Ocsp(der) => self.of_answer(der),
            Endorsement::QeIdentity(bytes) => self.of_collateral(|spki| dcap::is_qe_identity_signed(bytes, spki.key)),
            Endorsement::TcbInfo(bytes) => self.of_collateral(|spki| dcap::is_tcb_info_signed(bytes, spki.key)),
            Endorsement::Rim(_) => manifest.map_or(Standing::Unsigned, |manifest| self.of_manifest(manifest)),
        }
    }

    fn of_list(&self, der: &[u8]) -> Standing {
        let list = match Crl::parse(der) {
            Ok(list) => list,
            Err(error) => return Standing::Wrong(error.to_string()),
        };
        let candidates: Vec<usize> = self.places(list.issuer).collect();
        let is_signed = |spki: Spki<'_>| {
            scheme_of(list.algorithm, spki.key.kind)
                .is_ok_and(|scheme| spki.key.verify(scheme, list.tbs, list.signature).is_ok())
        };
        let may = |ca: &Certificate<'_>| ca.may_sign_crls().unwrap_or(false);
        self.best(&candidates, &common_name(list.issuer), may, is_signed)
    }

    fn of_collateral(&self, is_signed: impl Fn(Spki<'_>) -> Result<bool, String>) -> Standing {
        let named = |signer: &Signer<'_>| signer.certificate.is_some() && signer.label() == TCB_SIGNER_NAME;
        let candidates: Vec<usize> =
            self.signers.iter().enumerate().filter(|(_, signer)| named(signer)).map(|(place, _)| place).collect();
        // What can't be read is so for every key.
        let first = candidates.first().and_then(|place| self.signers.get(*place));
        if let Some(Err(error)) = first.map(|signer| is_signed(signer.spki)) {
            return Standing::Wrong(error);
        }
        let may = |signer: &Certificate<'_>| signer.may_sign_data().unwrap_or(false);
        self.best(&candidates, TCB_SIGNER_NAME, may, |spki| is_signed(spki).unwrap_or(false)).below(Vendor::Intel)
    }

    fn of_answer(&self, der: &[u8]) -> Standing {
        let issuers = self.signers.iter().map(|signer| (signer.name, signer.spki));
        match answered(der, issuers) {
            Err(error) => Standing::Wrong(error.to_string()),
            Ok(Answered::Absent(issuer)) => Standing::Absent(issuer),
            Ok(Answered::By(places)) => {
                let signers = places.iter().filter_map(|place| self.signers.get(*place));
                let standings = signers.map(|signer| match &signer.standing {
                    Some(standing) => standing.of_signed_by(&signer.label()),
                    None => Standing::Absent(signer.label()),
                });
                standings.max().unwrap_or_else(|| Standing::Absent("its issuer".to_owned()))
            }
        }
    }

    fn of_manifest(&self, manifest: &Manifest) -> Standing {
        let root = match &manifest.root {
            Ok(root) => root,
            Err(error) => return Standing::Wrong(error.clone()),
        };
        if let Err(flaw) = xml::verify_enveloped(root, |_| Ok::<(), xml::SignatureFlaw>(())) {
            return Standing::Wrong(flaw.to_string());
        }
        let chain: Result<Vec<Certificate<'_>>, _> =
            manifest.certificates.iter().map(|der| Certificate::parse(der)).collect();
        let (Ok(chain), Some(der)) = (chain, manifest.certificates.first()) else {
            return Standing::Wrong("a certificate of its signer can't be read".to_owned());
        };
        // A manifest brings its issuers along: others that are here don't stand in for them.
        for (below, above) in chain.iter().zip(chain.iter().skip(1)) {
            if below.issuer != above.subject || !is_signed(below, above.spki).unwrap_or(false) {
                let (below, above) = (below.common_name(), above.common_name());
                return Standing::Wrong(format!("its certificates are no chain: `{above}` did not sign `{below}`"));
            }
        }
        let last = chain.last().filter(|last| {
            self.places(last.issuer).all(|place| self.signers.get(place).is_some_and(|it| it.certificate.is_some()))
        });
        let name = chain.first().map(Certificate::common_name).unwrap_or_default();
        match last {
            Some(last) if last.issuer == last.subject => Standing::Unanchored(common_name(last.issuer)),
            Some(last) => Standing::Absent(common_name(last.issuer)),
            None => self.of_certificate(der).of_signed_by(&name).below(Vendor::NvidiaRim),
        }
    }
}

/// Who issued a certificate.
enum Issued {
    /// These signed it.
    By(Vec<usize>),
    /// Nobody here has to be asked.
    Known(Standing),
}
