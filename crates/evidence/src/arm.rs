//! Claims that Arm's tokens, CCA and PSA, have in common. Sources: RFC 9783 (PSA); DEN0137 1.0-rel0 §A7.2.3 (CCA).

use crate::{
    Facts, Hash,
    wire::{
        WireError,
        cbor::{Cbor, Key},
    },
};

/// The longest text claim that is read.
pub(crate) const TEXT_BYTES_MAX: usize = 256;
/// The most software components that are read.
pub(crate) const COMPONENTS_MAX: usize = 64;

/// In which state of its life a root of trust is. [RFC 9783 §4.3.1; DEN0137 §A7.2.3.2.6]
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Lifecycle {
    /// 0x0000 to 0x00ff: must not occur.
    Unknown,
    /// 0x1000 to 0x10ff: not provisioned yet.
    AssemblyAndTest,
    /// 0x2000 to 0x20ff: being provisioned.
    Provisioning,
    /// 0x3000 to 0x30ff: the one state in which its users' secrets are safe.
    Secured,
    /// 0x4000 to 0x40ff: the root of trust is intact, what it protects can be looked into.
    NonRotDebug,
    /// 0x5000 to 0x50ff: the root of trust can be looked into; what it signs is worth nothing.
    RecoverableRotDebug,
    /// 0x6000 to 0x60ff: out of service.
    Decommissioned,
}

impl Lifecycle {
    /// Every one, in the order of a life.
    pub const ALL: &'static [Self] = &[
        Self::Unknown,
        Self::AssemblyAndTest,
        Self::Provisioning,
        Self::Secured,
        Self::NonRotDebug,
        Self::RecoverableRotDebug,
        Self::Decommissioned,
    ];

    /// The state of a claim; its low byte is the implementation's own.
    pub(crate) const fn of(value: u16) -> Option<Self> {
        match value {
            0x0000..=0x00ff => Some(Self::Unknown),
            0x1000..=0x10ff => Some(Self::AssemblyAndTest),
            0x2000..=0x20ff => Some(Self::Provisioning),
            0x3000..=0x30ff => Some(Self::Secured),
            0x4000..=0x40ff => Some(Self::NonRotDebug),
            0x5000..=0x50ff => Some(Self::RecoverableRotDebug),
            0x6000..=0x60ff => Some(Self::Decommissioned),
            _ => None,
        }
    }

    /// Whether a token can be believed: only while the root of trust that signs it is intact. [RFC 9783 §4.3.1]
    #[must_use]
    pub const fn is_trustworthy(self) -> bool {
        matches!(self, Self::Secured | Self::NonRotDebug)
    }

    /// Its name in the specifications.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::AssemblyAndTest => "assembly-and-test",
            Self::Provisioning => "rot-provisioning",
            Self::Secured => "secured",
            Self::NonRotDebug => "non-rot-debug",
            Self::RecoverableRotDebug => "recoverable-rot-debug",
            Self::Decommissioned => "decommissioned",
        }
    }
}

impl std::fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// One measured software component. [RFC 9783 §4.4.1; DEN0137 §A7.2.3.2.7]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SoftwareComponent {
    /// Its role: `BL`, `PRoT`, …
    pub kind: Option<String>,
    /// Its hash when it was started: 32, 48 or 64 bytes.
    pub measurement: Vec<u8>,
    /// Its version, in its maker's words.
    pub version: Option<String>,
    /// The hash of its signer's public key: 32, 48 or 64 bytes.
    pub signer: Vec<u8>,
    /// How it was hashed: a hash's name where it is not the token's default.
    pub description: Option<String>,
}

/// A component's fields, where they lie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Component<'a> {
    kind: Option<&'a str>,
    measurement: &'a [u8],
    version: Option<&'a str>,
    signer: &'a [u8],
    description: Option<&'a str>,
}

/// Why a component could not be read.
#[derive(Debug)]
pub(crate) enum ComponentFlaw {
    Malformed(WireError),
    Missing(&'static str),
    Unknown(String),
}

impl From<WireError> for ComponentFlaw {
    fn from(error: WireError) -> Self {
        Self::Malformed(error)
    }
}

impl<'a> Component<'a> {
    /// Reads `[ + { ? 1: text, 2: hash, ? 4: text, 5: hash, ? 6: text } ]`.
    pub(crate) fn read_all(cbor: &mut Cbor<'a>) -> Result<Vec<Self>, ComponentFlaw> {
        const FIELD: &str = "software components";
        match cbor.array(FIELD)? {
            0 => Err(value(FIELD, "one at least", "none".to_owned()).into()),
            count if count > COMPONENTS_MAX => {
                Err(WireError::TooMany { field: FIELD, actual: count, max: COMPONENTS_MAX }.into())
            }
            count => (0..count).map(|_| Self::read(cbor)).collect(),
        }
    }

    fn read(cbor: &mut Cbor<'a>) -> Result<Self, ComponentFlaw> {
        let (mut kind, mut measurement, mut version, mut signer, mut description) = (None, None, None, None, None);
        cbor.entries::<ComponentFlaw>("software component", |key, cbor| {
            match key {
                Key::Number(1) => kind = Some(text(cbor, "measurement type")?),
                Key::Number(2) => measurement = Some(hash(cbor, "measurement value")?),
                Key::Number(4) => version = Some(text(cbor, "version")?),
                Key::Number(5) => signer = Some(hash(cbor, "signer id")?),
                Key::Number(6) => description = Some(text(cbor, "measurement description")?),
                other => return Err(ComponentFlaw::Unknown(key_name(other))),
            }
            Ok(())
        })?;
        Ok(Self {
            kind,
            measurement: measurement.ok_or(ComponentFlaw::Missing("measurement value"))?,
            version,
            signer: signer.ok_or(ComponentFlaw::Missing("signer id"))?,
            description,
        })
    }

    pub(crate) fn to_owned(self) -> SoftwareComponent {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        SoftwareComponent {
            kind: owned(self.kind),
            measurement: self.measurement.to_vec(),
            version: owned(self.version),
            signer: self.signer.to_vec(),
            description: owned(self.description),
        }
    }
}

impl SoftwareComponent {
    pub(crate) fn facts(&self, place: usize, facts: &mut Facts) {
        let mut own = Facts::default();
        for (name, text) in [("type", &self.kind), ("version", &self.version), ("description", &self.description)] {
            if let Some(text) = text {
                own.add(name, text.escape_debug());
            }
        }
        own.hex("measurement", &self.measurement);
        own.hex("signer", &self.signer);
        facts.component(&format!("software{place}"), &own);
    }
}

/// A text of at most [`TEXT_BYTES_MAX`].
pub(crate) fn text<'a>(cbor: &mut Cbor<'a>, field: &'static str) -> Result<&'a str, WireError> {
    let text = cbor.text(field)?;
    if text.len() > TEXT_BYTES_MAX {
        return Err(WireError::TooMany { field, actual: text.len(), max: TEXT_BYTES_MAX });
    }
    Ok(text)
}

/// A hash: 32, 48 or 64 bytes.
pub(crate) fn hash<'a>(cbor: &mut Cbor<'a>, field: &'static str) -> Result<&'a [u8], WireError> {
    let bytes = cbor.bytes(field)?;
    match bytes.len() {
        32 | 48 | 64 => Ok(bytes),
        length => Err(value(field, "32, 48 or 64 bytes", format!("{length} bytes"))),
    }
}

/// Exactly `N` bytes.
pub(crate) fn exactly<'a, const N: usize>(cbor: &mut Cbor<'a>, field: &'static str) -> Result<&'a [u8; N], WireError> {
    let bytes = cbor.bytes(field)?;
    bytes.try_into().map_err(|_| {
        let expected = match N {
            32 => "32 bytes",
            33 => "33 bytes",
            64 => "64 bytes",
            _ => "another length",
        };
        value(field, expected, format!("{} bytes", bytes.len()))
    })
}

/// An instance id: a UEID of type RAND, 0x01 and 32 bytes. [RFC 9711 §4.2.1.1]
pub(crate) fn instance_id<'a>(cbor: &mut Cbor<'a>, field: &'static str) -> Result<&'a [u8; 33], WireError> {
    let id: &[u8; 33] = exactly(cbor, field)?;
    match id {
        [1, ..] => Ok(id),
        [first, ..] => Err(value(field, "a UEID of type 0x01", format!("type 0x{first:02x}"))),
    }
}

/// A lifecycle claim.
pub(crate) fn lifecycle(cbor: &mut Cbor<'_>, field: &'static str) -> Result<(Lifecycle, u16), WireError> {
    let number = cbor.unsigned(field)?;
    let known = u16::try_from(number).ok().and_then(|number| Some((Lifecycle::of(number)?, number)));
    known.ok_or_else(|| value(field, "a state from 0x0000 to 0x60ff", format!("0x{number:04x}")))
}

/// A hash by its IANA name, as Arm recommends to write it.
pub(crate) fn hash_named(field: &'static str, name: &str) -> Result<Hash, WireError> {
    match name {
        "sha-256" => Ok(Hash::Sha256),
        "sha-384" => Ok(Hash::Sha384),
        "sha-512" => Ok(Hash::Sha512),
        other => Err(value(field, "`sha-256`, `sha-384` or `sha-512`", format!("`{}`", other.escape_debug()))),
    }
}

/// A claim's key, for messages.
pub(crate) fn key_name(key: &Key<'_>) -> String {
    match key {
        Key::Number(number) => number.to_string(),
        Key::Text(text) => text.escape_debug().to_string(),
    }
}

pub(crate) const fn value(field: &'static str, expected: &'static str, actual: String) -> WireError {
    WireError::Value { field, expected, actual }
}
