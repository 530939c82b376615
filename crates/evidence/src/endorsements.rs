//! What a verifier brings along to tell genuine evidence from other evidence.

use casemate_cose::{Digest, PublicKey, UnixTime};

use crate::{
    Window, dated,
    named::named,
    x509::{Anchor, Vendor},
};

/// One thing that somebody vouches with. Bytes are as their maker published them.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Endorsement {
    /// A root to believe, besides or instead of the built-in ones.
    Anchor(Anchor),
    /// An X.509 certificate, DER: an intermediate, or an attestation key's.
    Certificate(Vec<u8>),
    /// A certificate revocation list, DER.
    Crl(Vec<u8>),
    /// The key of a launcher whose `software` evidence is looked at.
    Launcher(PublicKey),
    /// An OCSP answer, DER [RFC 6960].
    Ocsp(Vec<u8>),
    /// Intel's enclave identity, the JSON of its provisioning service: `{"enclaveIdentity":…,"signature":…}`.
    QeIdentity(Vec<u8>),
    /// A reference integrity manifest: SWID XML.
    Rim(Vec<u8>),
    /// Intel's TCB info, the JSON of its provisioning service: `{"tcbInfo":…,"signature":…}`.
    TcbInfo(Vec<u8>),
    /// A public key that was made known otherwise than by a certificate.
    Key {
        /// What it attests.
        owner: KeyOwner,
        /// Which device or instance it is of, as the evidence names it; empty where evidence names none.
        id: Vec<u8>,
        /// Its `SubjectPublicKeyInfo`, DER.
        spki: Vec<u8>,
    },
}

impl Endorsement {
    /// What it is: `certificate`, `crl`, `key-cca`, `launcher`, `ocsp`, `qe-identity`, `rim`, `root`, `tcb-info`, …
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Anchor(_) => "root",
            Self::Certificate(_) => "certificate",
            Self::Crl(_) => "crl",
            Self::Launcher(_) => "launcher",
            Self::Ocsp(_) => "ocsp",
            Self::QeIdentity(_) => "qe-identity",
            Self::Rim(_) => "rim",
            Self::TcbInfo(_) => "tcb-info",
            Self::Key { owner, .. } => match owner {
                KeyOwner::Cca => "key-cca",
                KeyOwner::Keystone => "key-keystone",
                KeyOwner::Psa => "key-psa",
                KeyOwner::Tpm => "key-tpm",
            },
        }
    }
}

/// Whose keys are made known one by one.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum KeyOwner {
    /// An Arm CCA platform: its attestation key (CPAK), by instance id.
    Cca,
    /// A Keystone device.
    Keystone,
    /// A PSA device: its initial attestation key (IAK), by instance id.
    Psa,
    /// A TPM's attestation key (AK).
    Tpm,
}

named!(KeyOwner, UnknownKeyOwner, "owner of keys", [
    Cca => "cca",
    Keystone => "keystone",
    Psa => "psa",
    Tpm => "tpm",
]);

/// Endorsements of every format, as data: nothing is fetched while evidence is authenticated.
/// The default endorses nobody, so that everything is refused.
#[derive(Clone, Debug)]
pub struct Endorsements {
    items: Vec<Endorsement>,
    bundle: Option<Digest>,
    digest: Digest,
}

impl Default for Endorsements {
    fn default() -> Self {
        Self { items: Vec::new(), bundle: None, digest: Digest::of(b"casemate/endorsements/1") }
    }
}

impl Endorsements {
    /// Endorses these launchers and nothing else.
    #[must_use]
    pub fn of_launchers(launchers: impl IntoIterator<Item = PublicKey>) -> Self {
        Self::default().with_all(launchers.into_iter().map(Endorsement::Launcher))
    }

    /// The roots of the vendors, as built in, and nothing else.
    #[must_use]
    pub fn of_vendors() -> Self {
        Self::default().with_all(crate::roots::built_in().into_iter().map(Endorsement::Anchor))
    }

    /// These and one more.
    #[must_use]
    pub fn with(mut self, item: Endorsement) -> Self {
        let mut parts = vec![self.digest];
        match &item {
            Endorsement::Anchor(anchor) => anchor.digest_into(&mut parts),
            Endorsement::Certificate(bytes) => parts.extend([Digest::of(b"certificate"), Digest::of(bytes)]),
            Endorsement::Crl(bytes) => parts.extend([Digest::of(b"crl"), Digest::of(bytes)]),
            Endorsement::Launcher(key) => parts.extend([Digest::of(b"launcher"), key.spki_digest()]),
            Endorsement::Ocsp(bytes) => parts.extend([Digest::of(b"ocsp"), Digest::of(bytes)]),
            Endorsement::QeIdentity(bytes) => parts.extend([Digest::of(b"qe-identity"), Digest::of(bytes)]),
            Endorsement::Rim(bytes) => parts.extend([Digest::of(b"rim"), Digest::of(bytes)]),
            Endorsement::TcbInfo(bytes) => parts.extend([Digest::of(b"tcb-info"), Digest::of(bytes)]),
            Endorsement::Key { owner, id, spki } => {
                parts.extend([Digest::of(format!("key {owner:?}").as_bytes()), Digest::of(id), Digest::of(spki)]);
            }
        }
        let parts: Vec<&[u8]> = parts.iter().map(|digest| digest.as_bytes().as_slice()).collect();
        self.digest = Digest::of_parts(&parts);
        self.items.push(item);
        self
    }

    /// These and more.
    #[must_use]
    pub fn with_all(self, items: impl IntoIterator<Item = Endorsement>) -> Self {
        items.into_iter().fold(self, Self::with)
    }

    /// These, said to come from the bundle of this digest: outcomes repeat it.
    #[must_use]
    pub fn from_bundle(mut self, bundle: Digest) -> Self {
        self.bundle = Some(bundle);
        self
    }

    /// The bundle that these come from.
    #[must_use]
    pub const fn bundle(&self) -> Option<Digest> {
        self.bundle
    }

    /// The time around `at` in which no endorsement begins or ends to hold, by its own words.
    pub(crate) fn unchanged_around(&self, at: UnixTime) -> Window {
        let mut unchanged = Window::ALWAYS;
        for window in self.items.iter().filter_map(|item| dated(item).ok()).map(|item| item.window) {
            // The first second of holding, and the first one of not holding any more.
            for edge in [window.not_before, window.not_after.plus_s(1)] {
                let side = if edge <= at {
                    Window { not_before: edge, ..Window::ALWAYS }
                } else {
                    Window { not_after: UnixTime(edge.0.saturating_sub(1)), ..Window::ALWAYS }
                };
                unchanged = unchanged.intersect(side);
            }
        }
        unchanged
    }

    /// A digest of all of them, in their order.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// All of them, in their order.
    #[must_use]
    pub fn items(&self) -> &[Endorsement] {
        &self.items
    }

    /// The launchers' keys.
    pub fn launchers(&self) -> impl Iterator<Item = PublicKey> {
        self.items.iter().filter_map(|item| if let Endorsement::Launcher(key) = item { Some(*key) } else { None })
    }

    pub(crate) fn anchors(&self, vendor: Vendor) -> Vec<&Anchor> {
        self.pick(|item| if let Endorsement::Anchor(anchor) = item { Some(anchor) } else { None })
            .filter(|anchor| anchor.vendor() == vendor)
            .collect()
    }

    pub(crate) fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.pick(|item| if let Endorsement::Certificate(bytes) = item { Some(bytes.as_slice()) } else { None })
    }

    pub(crate) fn crls(&self) -> impl Iterator<Item = &[u8]> {
        self.pick(|item| if let Endorsement::Crl(bytes) = item { Some(bytes.as_slice()) } else { None })
    }

    pub(crate) fn keys(&self, wanted: KeyOwner) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.pick(move |item| match item {
            Endorsement::Key { owner, id, spki } if *owner == wanted => Some((id.as_slice(), spki.as_slice())),
            _ => None,
        })
    }

    pub(crate) fn ocsp_answers(&self) -> impl Iterator<Item = &[u8]> {
        self.pick(|item| if let Endorsement::Ocsp(bytes) = item { Some(bytes.as_slice()) } else { None })
    }

    pub(crate) fn qe_identities(&self) -> impl Iterator<Item = &[u8]> {
        self.pick(|item| if let Endorsement::QeIdentity(bytes) = item { Some(bytes.as_slice()) } else { None })
    }

    pub(crate) fn rims(&self) -> impl Iterator<Item = &[u8]> {
        self.pick(|item| if let Endorsement::Rim(bytes) = item { Some(bytes.as_slice()) } else { None })
    }

    pub(crate) fn tcb_infos(&self) -> impl Iterator<Item = &[u8]> {
        self.pick(|item| if let Endorsement::TcbInfo(bytes) = item { Some(bytes.as_slice()) } else { None })
    }

    fn pick<'a, T>(&'a self, pick: impl Fn(&'a Endorsement) -> Option<T>) -> impl Iterator<Item = T> {
        self.items.iter().filter_map(pick)
    }
}
