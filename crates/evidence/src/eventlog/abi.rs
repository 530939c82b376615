//! The bytes of an event log, all numbers little-endian. [PFP §10.2]
//!
//! ```text
//! legacy event:        pcrIndex u32 ‖ eventType u32 ‖ SHA-1 digest 20 ‖ eventDataSize u32 ‖ event
//! crypto-agile log:    a legacy event of type EV_NO_ACTION, its event a TCG_EfiSpecIdEvent:
//!                        "Spec ID Event03\0" ‖ platformClass u32 ‖ minor u8 ‖ major u8 (2) ‖ errata u8 ‖ uintnSize u8
//!                        ‖ numberOfAlgorithms u32 ‖ (algorithmId u16 ‖ digestSize u16)* ‖ vendorInfoSize u8 ‖ vendorInfo
//!   then events:       pcrIndex u32 ‖ eventType u32 ‖ count u32 ‖ (hashAlg u16 ‖ digest)* ‖ eventSize u32 ‖ event
//! ```
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::EventKind;
use crate::{
    Hash,
    wire::{Reader, WireError},
};

/// The longest log that is read, padding included: 1 MiB.
pub const LOG_BYTES_MAX: usize = 1 << 20;

/// The most events that are read.
pub const EVENTS_MAX: usize = 1 << 14;

/// The most banks that a log may have.
const BANKS_MAX: usize = 8;

const AGILE_SIGNATURE: &[u8] = b"Spec ID Event03\0";
const LEGACY_SIGNATURE: &[u8] = b"Spec ID Event02\0";
pub(super) const LOCALITY_SIGNATURE: &[u8] = b"StartupLocality\0";

/// Which registers a log speaks of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target {
    /// A TDX guest's: measurement register 1 is RTMR 0, 4 is RTMR 3.
    Ccel,
    /// A TPM's PCRs 0 to 31.
    Tpm,
}

/// The two layouts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Layout {
    /// One digest for each bank.
    CryptoAgile,
    /// SHA-1 alone.
    Legacy,
}

/// One bank of digests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bank {
    /// Its TPM_ALG_ID.
    pub algorithm: u16,
    /// Bytes of its digests.
    pub size_bytes: usize,
}

impl Bank {
    /// The hash function, if it is one that can be computed here.
    #[must_use]
    pub const fn hash(self) -> Option<Hash> {
        Hash::of_tpm_alg(self.algorithm)
    }
}

impl Hash {
    /// The hash function of a TPM_ALG_ID [TCG algorithm registry, table 3]. SM3 and SHA-3 are not computed here.
    #[must_use]
    pub const fn of_tpm_alg(algorithm: u16) -> Option<Self> {
        match algorithm {
            0x0004 => Some(Self::Sha1),
            0x000b => Some(Self::Sha256),
            0x000c => Some(Self::Sha384),
            0x000d => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Its TPM_ALG_ID.
    #[must_use]
    pub const fn tpm_alg(self) -> u16 {
        match self {
            Self::Sha1 => 0x0004,
            Self::Sha256 => 0x000b,
            Self::Sha384 => 0x000c,
            Self::Sha512 => 0x000d,
        }
    }

    /// Its name: `sha256`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A log, read in place: nothing is copied.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EventLog<'a> {
    target: Target,
    layout: Layout,
    banks: Vec<Bank>,
    /// Exactly the events.
    bytes: &'a [u8],
}

/// One event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Event<'a> {
    number: usize,
    register: u32,
    kind: EventKind,
    digests: Digests<'a>,
    data: &'a [u8],
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Digests<'a> {
    Agile(&'a [u8]),
    Legacy(&'a [u8]),
}

impl<'a> EventLog<'a> {
    /// Reads a TPM's log, as Linux gives it in `binary_bios_measurements`: nothing follows its last event.
    ///
    /// # Errors
    /// The bytes are no log of either layout; more than [`LOG_BYTES_MAX`] or [`EVENTS_MAX`]; a register above 31.
    pub fn of_tpm(bytes: &'a [u8]) -> Result<Self, WireError> {
        Self::read(bytes, Target::Tpm, bytes.len())
    }

    /// Reads the log area that a CCEL table names: what follows the last event is all `00` or all `ff`.
    ///
    /// # Errors
    /// As [`EventLog::of_tpm`]; a register above 4, or an event that is extended into register 0, which is MRTD.
    pub fn of_ccel(bytes: &'a [u8]) -> Result<Self, WireError> {
        Self::read(bytes, Target::Ccel, padding_starts(bytes))
    }

    fn read(bytes: &'a [u8], target: Target, padding: usize) -> Result<Self, WireError> {
        if bytes.len() > LOG_BYTES_MAX {
            return Err(WireError::TooMany { field: "event log", actual: bytes.len(), max: LOG_BYTES_MAX });
        }
        let mut reader = Reader::new(bytes);
        let (layout, banks) = header(&mut reader)?;
        let body = reader.rest();
        let mut log = Self { target, layout, banks, bytes: body };
        let mut events = 0_usize;
        while reader.left() > 0 {
            // Within the padding no event can begin: it would be all 00 or all ff.
            if bytes.len().saturating_sub(reader.left()) >= padding {
                break;
            }
            let event = log.event(&mut reader, events)?;
            log.check_register(&event)?;
            events = events.saturating_add(1);
            if events > EVENTS_MAX {
                return Err(WireError::TooMany { field: "events", actual: events, max: EVENTS_MAX });
            }
        }
        let used = body.len().saturating_sub(reader.left());
        log.bytes = body.get(..used).unwrap_or_default();
        Ok(log)
    }

    fn check_register(&self, event: &Event<'_>) -> Result<(), WireError> {
        let (field, expected, is_known) = match self.target {
            Target::Tpm => ("pcrIndex", "a PCR from 0 to 31", event.register <= 31),
            Target::Ccel => ("mrIndex", "a measurement register from 1 to 4", (1..=4).contains(&event.register)),
        };
        if is_known || event.kind == EventKind::EV_NO_ACTION {
            return Ok(());
        }
        Err(WireError::Value { field, expected, actual: event.register.to_string() })
    }

    fn event(&self, reader: &mut Reader<'a>, number: usize) -> Result<Event<'a>, WireError> {
        let register = reader.u32_le("pcrIndex")?;
        let kind = EventKind(reader.u32_le("eventType")?);
        let digests = match self.layout {
            Layout::Legacy => Digests::Legacy(reader.take("digest", 20)?),
            Layout::CryptoAgile => Digests::Agile(self.digests(reader)?),
        };
        let data = sized(reader, "eventSize")?;
        Ok(Event { number, register, kind, digests, data })
    }

    /// One digest for each bank that the header names. [PFP §10.2.2]
    fn digests(&self, reader: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
        let count = size(reader, "digests.count")?;
        if count != self.banks.len() {
            let actual = count.to_string();
            return Err(WireError::Value { field: "digests.count", expected: "one digest for each bank", actual });
        }
        let start = reader.rest();
        let mut seen = 0_u32;
        for _ in 0..count {
            let algorithm = reader.u16_le("hashAlg")?;
            let place = self.banks.iter().position(|bank| bank.algorithm == algorithm);
            let bit = place
                .and_then(|place| u32::try_from(place).ok())
                .and_then(|place| 1_u32.checked_shl(place))
                .unwrap_or(0);
            if bit == 0 || seen & bit != 0 {
                let actual = format!("0x{algorithm:04x}");
                return Err(WireError::Value { field: "hashAlg", expected: "each bank of the header once", actual });
            }
            seen |= bit;
            let length = self.banks.iter().find(|bank| bank.algorithm == algorithm).map_or(0, |bank| bank.size_bytes);
            reader.take("digest", length)?;
        }
        Ok(start.get(..start.len().saturating_sub(reader.left())).unwrap_or_default())
    }

    /// Which registers it speaks of.
    #[must_use]
    pub const fn target(&self) -> Target {
        self.target
    }

    /// Its layout.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// Its banks, in the order of the header.
    #[must_use]
    pub fn banks(&self) -> &[Bank] {
        &self.banks
    }

    /// Its events, in order; the header of a crypto-agile log is none of them.
    pub fn events(&self) -> impl Iterator<Item = Event<'a>> + use<'a, '_> {
        let mut reader = Reader::new(self.bytes);
        let mut number = 0_usize;
        // All were read once when the log was.
        std::iter::from_fn(move || {
            if reader.left() == 0 {
                return None;
            }
            let event = self.event(&mut reader, number).ok()?;
            number = number.saturating_add(1);
            Some(event)
        })
    }
}

impl<'a> Event<'a> {
    /// Its place in the log, from 0.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.number
    }

    /// The PCR, or the measurement register of a CCEL (1 is RTMR 0).
    #[must_use]
    pub const fn register(&self) -> u32 {
        self.register
    }

    /// Its type, as the log says.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        self.kind
    }

    /// Its data, as the log says.
    #[must_use]
    pub const fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Whether it was extended into its register: `EV_NO_ACTION` is not. [PFP §10.4.5.3]
    #[must_use]
    pub fn is_extended(&self) -> bool {
        self.kind != EventKind::EV_NO_ACTION
    }

    /// Its digest in the bank of `hash`, if the log has that bank.
    #[must_use]
    pub fn digest(&self, hash: Hash) -> Option<&'a [u8]> {
        self.digests().find(|(algorithm, _)| *algorithm == hash.tpm_alg()).map(|(_, digest)| digest)
    }

    /// Its digests, each with its TPM_ALG_ID, in the order of the log.
    pub fn digests(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let (mut reader, mut legacy) = match self.digests {
            Digests::Agile(bytes) => (Reader::new(bytes), None),
            Digests::Legacy(digest) => (Reader::new(&[]), Some((Hash::Sha1.tpm_alg(), digest))),
        };
        std::iter::from_fn(move || {
            if let Some(digest) = legacy.take() {
                return Some(digest);
            }
            let algorithm = reader.u16_le("hashAlg").ok()?;
            let length = match Hash::of_tpm_alg(algorithm) {
                Some(hash) => hash.size_bytes(),
                None => 32.min(reader.left()),
            };
            Some((algorithm, reader.take("digest", length).ok()?))
        })
    }

    /// Whether its digest is that of all its data: then the data is as genuine as the digest.
    #[must_use]
    pub fn is_measured(&self, hash: Hash) -> bool {
        self.is_digest_of(hash, &[self.data])
    }

    pub(super) fn is_digest_of(&self, hash: Hash, parts: &[&[u8]]) -> bool {
        self.digest(hash).is_some_and(|digest| hash.of(parts).as_ref() == digest)
    }
}

/// The layout and the banks: by the first event, if it is the header of a crypto-agile log.
fn header(reader: &mut Reader<'_>) -> Result<(Layout, Vec<Bank>), WireError> {
    let mut ahead = *reader;
    ahead.u32_le("pcrIndex")?;
    let kind = EventKind(ahead.u32_le("eventType")?);
    ahead.take("digest", 20)?;
    let data = sized(&mut ahead, "eventSize")?;
    if kind != EventKind::EV_NO_ACTION || !data.starts_with(AGILE_SIGNATURE) {
        if kind == EventKind::EV_NO_ACTION && data.starts_with(LEGACY_SIGNATURE) {
            *reader = ahead;
        }
        return Ok((Layout::Legacy, vec![Bank { algorithm: Hash::Sha1.tpm_alg(), size_bytes: 20 }]));
    }
    *reader = ahead;
    Ok((Layout::CryptoAgile, spec_id(Reader::new(data))?))
}

/// TCG_EfiSpecIdEvent [PFP §10.4.5.1].
fn spec_id(mut reader: Reader<'_>) -> Result<Vec<Bank>, WireError> {
    reader.take("signature", AGILE_SIGNATURE.len())?;
    reader.u32_le("platformClass")?;
    reader.u8("specVersionMinor")?;
    let major = reader.u8("specVersionMajor")?;
    if major != 2 {
        return Err(WireError::Value { field: "specVersionMajor", expected: "2", actual: major.to_string() });
    }
    reader.u8("specErrata")?;
    reader.u8("uintnSize")?;
    let count = size(&mut reader, "numberOfAlgorithms")?;
    if count > BANKS_MAX {
        return Err(WireError::TooMany { field: "numberOfAlgorithms", actual: count, max: BANKS_MAX });
    }
    let mut banks: Vec<Bank> = Vec::with_capacity(count);
    for _ in 0..count {
        let bank =
            Bank { algorithm: reader.u16_le("algorithmId")?, size_bytes: usize::from(reader.u16_le("digestSize")?) };
        // Other hashes with digests of 32 bytes: SM3 and SHA3-256. Their banks are passed over, not computed.
        let expected = bank.hash().map_or(32, Hash::size_bytes);
        if bank.size_bytes != expected || banks.iter().any(|other| other.algorithm == bank.algorithm) {
            let actual = format!("0x{:04x} with {} bytes", bank.algorithm, bank.size_bytes);
            return Err(WireError::Value {
                field: "algorithmId",
                expected: "each bank once, with its digest's size",
                actual,
            });
        }
        banks.push(bank);
    }
    if banks.is_empty() {
        return Err(WireError::Value { field: "numberOfAlgorithms", expected: "a bank", actual: "0".to_owned() });
    }
    let vendor = usize::from(reader.u8("vendorInfoSize")?);
    reader.take("vendorInfo", vendor)?;
    reader.end("vendorInfo")?;
    Ok(banks)
}

fn size(reader: &mut Reader<'_>, field: &'static str) -> Result<usize, WireError> {
    let value = reader.u32_le(field)?;
    usize::try_from(value).map_err(|_| WireError::TooMany { field, actual: usize::MAX, max: LOG_BYTES_MAX })
}

fn sized<'a>(reader: &mut Reader<'a>, field: &'static str) -> Result<&'a [u8], WireError> {
    let length = size(reader, field)?;
    reader.bounded(field, length, LOG_BYTES_MAX)
}

/// Where the run of `00` or of `ff` begins that `bytes` end with; their length if they end otherwise.
fn padding_starts(bytes: &[u8]) -> usize {
    let Some(last) = bytes.last().filter(|last| [0, 0xff].contains(*last)) else { return bytes.len() };
    bytes.iter().rposition(|byte| byte != last).map_or(0, |place| place.saturating_add(1))
}
