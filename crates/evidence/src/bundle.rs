//! An endorsement bundle: everything that a verifier needs besides the evidence, in one signed file.
//!
//! With the bundle and a time, the same verdict can be computed again years later, with no network. Every item lies in it as
//! its maker published it and is addressed by its hash; what expires when is read from the items themselves.
//! docs/formats/endorsements.md
//!
//! A vendor's items speak for themselves: whoever packed them can leave some out but alter none. Roots, keys and launchers do
//! not, so that a bundle with any of them is opened only for a publisher that the caller knows.

use casemate_cose::{
    CborError, CoseError, Digest, Kind, PublicKey, SigningKey, UnixTime, claimed_signer, decode, encode,
};
use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::{
    Anchor, Endorsement, Endorsements, KeyOwner, Older, Vendor, Window, WireError,
    dated::{DatedItem, dated},
    lists_gone, older,
};

/// The longest bundle that is packed and read: 16 MiB.
pub const BUNDLE_BYTES_MAX: usize = 16 << 20;
/// The most items of a bundle.
pub const BUNDLE_ITEMS_MAX: usize = 4096;
/// The version that is written, and the only one that is read.
pub const BUNDLE_VERSION: u64 = 1;

/// Why a bundle was not opened.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum BundleError {
    /// The file is not a signed bundle.
    #[error("not an endorsement bundle: {0}")]
    Cose(#[from] CoseError),
    /// Its content is not deterministic CBOR of the known shape.
    #[error("the bundle's content is malformed: {0}")]
    Content(#[from] CborError),
    /// An item is not what its hash says.
    #[error("item {index} has digest `{actual}`, the bundle says `{expected}`")]
    Digest {
        /// Its place, from 0.
        index: usize,
        /// The digest in the bundle.
        expected: Digest,
        /// The digest of its bytes.
        actual: Digest,
    },
    /// An item can't be read as what it says it is.
    #[error("item {index} is no {kind}: {error}")]
    Item {
        /// Its place, from 0.
        index: usize,
        /// What it says it is.
        kind: String,
        /// What is wrong.
        error: WireError,
    },
    /// An item is older than one that was seen before about the same, or a list that was seen is not there.
    #[error("in the bundle for `{platform}`, {older}")]
    ItemRolledBack {
        /// The platform.
        platform: String,
        /// Which item.
        older: Box<Older>,
    },
    /// An item's kind is unknown.
    #[error("item {index} is of the unknown kind `{}`", kind.escape_default())]
    Kind {
        /// Its place, from 0.
        index: usize,
        /// Its kind.
        kind: String,
    },
    /// The publisher is not one that the caller knows.
    #[error("the bundle was packed by `{actual}`, whom nobody here knows")]
    Publisher {
        /// The key that signed it.
        actual: PublicKey,
    },
    /// A newer bundle for this platform was seen.
    #[error("the bundle for `{platform}` was packed at {actual}, one of {seen} was seen before")]
    RolledBack {
        /// The platform.
        platform: String,
        /// When this one was packed.
        actual: UnixTime,
        /// When the newest one was.
        seen: UnixTime,
    },
    /// The bundle would be longer than is read.
    #[error("{actual} bytes where a bundle has at most {BUNDLE_BYTES_MAX}")]
    TooLong {
        /// How long it would be.
        actual: usize,
    },
    /// There are more items than are read.
    #[error("{actual} items where at most {BUNDLE_ITEMS_MAX} are read")]
    TooMany {
        /// How many there are.
        actual: usize,
    },
    /// A bundle of an unknown publisher says whom to believe.
    #[error("item {index} is a {kind}, which only a known publisher may bring")]
    Unvouched {
        /// Its place, from 0.
        index: usize,
        /// What it is.
        kind: String,
    },
    /// Another version.
    #[error("the bundle has version {actual}, this Casemate reads version {BUNDLE_VERSION}")]
    Version {
        /// The version found.
        actual: u64,
    },
}

/// Whose bundles are opened.
#[derive(Clone, Copy, Debug)]
pub enum Publisher<'a> {
    /// Anybody's, as long as it holds nothing but what vendors signed.
    Anyone,
    /// Those of these keys.
    Known(&'a [PublicKey]),
}

/// An opened bundle.
#[derive(Clone, Debug)]
pub struct Bundle {
    publisher: PublicKey,
    platform: String,
    made: UnixTime,
    items: Vec<Endorsement>,
    digest: Digest,
}

#[derive(Clone, Decode, Encode)]
#[cbor(map)]
struct Content {
    #[n(0)]
    version: u64,
    #[n(1)]
    platform: String,
    #[n(2)]
    made: UnixTime,
    #[n(3)]
    items: Vec<Item>,
}

#[derive(Clone, Decode, Encode)]
struct Item {
    #[n(0)]
    kind: String,
    #[n(1)]
    digest: Digest,
    /// The device's id for keys; empty for all else.
    #[cbor(n(2), with = "minicbor::bytes")]
    id: Vec<u8>,
    #[cbor(n(3), with = "minicbor::bytes")]
    bytes: Vec<u8>,
}

impl Bundle {
    /// Packs `items` for `platform` (a name that its users choose, such as `amd-milan`), as of `made`.
    ///
    /// # Errors
    /// [`BundleError::Item`] for an item that can't be read as what it is, [`BundleError::TooMany`], [`BundleError::TooLong`].
    pub fn pack(
        platform: &str,
        made: UnixTime,
        items: &[Endorsement],
        key: &SigningKey,
    ) -> Result<Vec<u8>, BundleError> {
        if items.len() > BUNDLE_ITEMS_MAX {
            return Err(BundleError::TooMany { actual: items.len() });
        }
        check_items(items)?;
        let items = items.iter().map(wire).collect();
        let content = Content { version: BUNDLE_VERSION, platform: platform.to_owned(), made, items };
        let bytes = casemate_cose::sign(Kind::Endorsements, &encode(&content), key);
        if bytes.len() > BUNDLE_BYTES_MAX { Err(BundleError::TooLong { actual: bytes.len() }) } else { Ok(bytes) }
    }

    /// Opens a bundle: signature over the bytes as received, publisher, version, every item's hash and shape.
    ///
    /// # Errors
    /// [`BundleError`], for the first thing that is wrong.
    pub fn open(bytes: &[u8], publisher: Publisher<'_>) -> Result<Self, BundleError> {
        let signer = claimed_signer(bytes)?;
        if let Publisher::Known(known) = publisher
            && !known.contains(&signer)
        {
            return Err(BundleError::Publisher { actual: signer });
        }
        let verified = casemate_cose::verify(Kind::Endorsements, bytes, &signer)?;
        let content: Content = decode(verified.payload(), BUNDLE_BYTES_MAX)?;
        if content.version != BUNDLE_VERSION {
            return Err(BundleError::Version { actual: content.version });
        }
        if content.items.len() > BUNDLE_ITEMS_MAX {
            return Err(BundleError::TooMany { actual: content.items.len() });
        }
        let mut items = Vec::with_capacity(content.items.len());
        for (index, item) in content.items.into_iter().enumerate() {
            let is_vouched = matches!(publisher, Publisher::Known(_));
            items.push(unwire(index, item, is_vouched)?);
        }
        check_items(&items)?;
        let digest = Digest::of(bytes);
        Ok(Self { publisher: signer, platform: content.platform, made: content.made, items, digest })
    }

    /// Refuses this bundle if one for the same platform was seen that is newer.
    ///
    /// # Errors
    /// [`BundleError::RolledBack`].
    pub fn not_older_than(&self, seen: UnixTime) -> Result<(), BundleError> {
        if self.made < seen {
            return Err(BundleError::RolledBack { platform: self.platform.clone(), actual: self.made, seen });
        }
        Ok(())
    }

    /// Refuses this bundle if anything in it is older than in one seen before about the same (platform by FMSPC, issuer of a
    /// list, …) and, where both are for a platform of one name, if it was packed before or lacks a list that was there.
    ///
    /// # Errors
    /// [`BundleError::RolledBack`], [`BundleError::ItemRolledBack`].
    pub fn not_older_than_seen(&self, seen: &Self) -> Result<(), BundleError> {
        if self.digest == seen.digest {
            return Ok(());
        }
        let is_of_same_name = self.platform == seen.platform;
        if is_of_same_name {
            self.not_older_than(seen.made)?;
        }
        let gone = if is_of_same_name { lists_gone(&self.items, &seen.items) } else { Vec::new() };
        match older(&self.items, &seen.items).into_iter().chain(gone).next() {
            Some(older) => Err(BundleError::ItemRolledBack { platform: self.platform.clone(), older: Box::new(older) }),
            None => Ok(()),
        }
    }

    /// `roots` and what the bundle holds. Outcomes reached with these name the bundle.
    #[must_use]
    pub fn endorsements(&self, roots: Endorsements) -> Endorsements {
        roots.with_all(self.items.iter().cloned()).from_bundle(self.digest)
    }

    /// What the bundle holds, each with its name and when it holds.
    #[must_use]
    pub fn dated(&self) -> Vec<DatedItem> {
        self.items.iter().filter_map(|item| dated(item).ok()).collect()
    }

    /// When all of it holds.
    #[must_use]
    pub fn window(&self) -> Window {
        self.dated().iter().fold(Window::ALWAYS, |window, item| window.intersect(item.window))
    }

    /// SHA-256 of the file.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The items, as their makers published them.
    #[must_use]
    pub fn items(&self) -> &[Endorsement] {
        &self.items
    }

    /// When it was packed, by its publisher's clock.
    #[must_use]
    pub const fn made(&self) -> UnixTime {
        self.made
    }

    /// The platform that it is for.
    #[must_use]
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// Who packed it.
    #[must_use]
    pub const fn publisher(&self) -> PublicKey {
        self.publisher
    }
}

fn check_items(items: &[Endorsement]) -> Result<(), BundleError> {
    for (index, item) in items.iter().enumerate() {
        dated(item).map_err(|error| BundleError::Item { index, kind: item.kind().to_owned(), error })?;
    }
    Ok(())
}

fn wire(item: &Endorsement) -> Item {
    let (id, bytes) = match item {
        Endorsement::Anchor(anchor) => (anchor.vendor().as_str().as_bytes().to_vec(), anchor.to_bytes()),
        Endorsement::Certificate(bytes)
        | Endorsement::Crl(bytes)
        | Endorsement::Ocsp(bytes)
        | Endorsement::QeIdentity(bytes)
        | Endorsement::Rim(bytes)
        | Endorsement::TcbInfo(bytes) => (Vec::new(), bytes.clone()),
        Endorsement::Launcher(key) => (Vec::new(), key.as_bytes().to_vec()),
        Endorsement::Key { id, spki, .. } => (id.clone(), spki.clone()),
    };
    Item { kind: item.kind().to_owned(), digest: Digest::of(&bytes), id, bytes }
}

fn unwire(index: usize, item: Item, is_vouched: bool) -> Result<Endorsement, BundleError> {
    let actual = Digest::of(&item.bytes);
    if actual != item.digest {
        return Err(BundleError::Digest { index, expected: item.digest, actual });
    }
    let Item { kind, id, bytes, .. } = item;
    let malformed = |error| BundleError::Item { index, kind: kind.clone(), error };
    let read = match kind.as_str() {
        "certificate" => Endorsement::Certificate(bytes),
        "crl" => Endorsement::Crl(bytes),
        "ocsp" => Endorsement::Ocsp(bytes),
        "qe-identity" => Endorsement::QeIdentity(bytes),
        "rim" => Endorsement::Rim(bytes),
        "tcb-info" => Endorsement::TcbInfo(bytes),
        _ if !is_vouched => return Err(BundleError::Unvouched { index, kind }),
        "launcher" => {
            let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| {
                let actual = format!("{} bytes", bytes.len());
                malformed(WireError::Value { field: "launcher", expected: "32 bytes", actual })
            })?;
            Endorsement::Launcher(PublicKey::from_bytes(key))
        }
        "root" => {
            let vendor: Option<Vendor> = std::str::from_utf8(&id).ok().and_then(|name| name.parse().ok());
            let Some(vendor) = vendor else { return Err(BundleError::Kind { index, kind }) };
            Endorsement::Anchor(Anchor::from_bytes(vendor, &bytes).map_err(malformed)?)
        }
        _ => {
            let owner: Option<KeyOwner> = kind.strip_prefix("key-").and_then(|name| name.parse().ok());
            let Some(owner) = owner else { return Err(BundleError::Kind { index, kind }) };
            return Ok(Endorsement::Key { owner, id, spki: bytes });
        }
    };
    if !matches!(read, Endorsement::Anchor(_)) && !id.is_empty() {
        let actual = hex::encode(&id);
        return Err(malformed(WireError::Value { field: "id", expected: "none for this kind", actual }));
    }
    Ok(read)
}
