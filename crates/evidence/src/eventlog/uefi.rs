//! What firmware writes into events' data. Nothing here is proved by itself: see [`Event::is_measured`].

use super::{Event, EventKind};
use crate::wire::{Reader, WireError};

/// The longest name of a variable that is read, in UTF-16 code units.
const NAME_UNITS_MAX: usize = 512;
const PARTITIONS_MAX: usize = 256;

/// UEFI_VARIABLE_DATA [PFP §10.2.6].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Variable<'a> {
    /// The vendor's GUID, as it lies in memory.
    pub vendor: [u8; 16],
    /// The name: `SecureBoot`, `db`, `Boot0000`.
    pub name: String,
    /// The value.
    pub value: &'a [u8],
}

/// An entry of a GUID partition table [UEFI 2.10 §5.3.3].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Partition {
    /// What kind it is, as it lies on disk.
    pub kind: [u8; 16],
    /// The partition's own GUID, as it lies on disk.
    pub unique: [u8; 16],
    /// First logical block.
    pub first_block: u64,
    /// Last logical block.
    pub last_block: u64,
    /// Its name.
    pub name: String,
}

/// EFI_LOAD_OPTION, the value of a `Boot####` variable [UEFI 2.10 §3.1.3].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoadOption<'a> {
    /// Bit 0: it is tried at boot.
    pub attributes: u32,
    /// What the boot menu shows.
    pub description: String,
    /// Device paths, undecoded.
    pub paths: &'a [u8],
    /// What is handed to the image: for Linux its command line in UTF-16.
    pub optional_data: &'a [u8],
}

impl<'a> Event<'a> {
    /// The variable, if the data is one and nothing else.
    #[must_use]
    pub fn variable(&self) -> Option<Variable<'a>> {
        let kinds = [
            EventKind::EV_EFI_VARIABLE_AUTHORITY,
            EventKind::EV_EFI_VARIABLE_BOOT,
            EventKind::EV_EFI_VARIABLE_BOOT2,
            EventKind::EV_EFI_VARIABLE_DRIVER_CONFIG,
        ];
        if kinds.contains(&self.kind()) { Variable::read(self.data()).ok() } else { None }
    }

    /// The text of an action, a boot loader's command, or a version: ASCII or UTF-16, without its terminating zeros.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let kinds = [
            EventKind::EV_ACTION,
            EventKind::EV_EFI_ACTION,
            EventKind::EV_IPL,
            EventKind::EV_PLATFORM_CONFIG_FLAGS,
            EventKind::EV_POST_CODE,
            EventKind::EV_S_CRTM_CONTENTS,
            EventKind::EV_S_CRTM_VERSION,
        ];
        kinds.contains(&self.kind()).then(|| text(self.data())).flatten()
    }

    /// The id and content of an `EV_EVENT_TAG` [PFP §10.4.2.1]: the Linux EFI stub's are `0x8f3b22ec` (initrd) and
    /// `0x8f3b22ed` (load options).
    #[must_use]
    pub fn tagged(&self) -> Option<(u32, &'a [u8])> {
        if self.kind() != EventKind::EV_EVENT_TAG {
            return None;
        }
        let mut reader = Reader::new(self.data());
        let id = reader.u32_le("taggedEventID").ok()?;
        let length = usize::try_from(reader.u32_le("taggedEventDataSize").ok()?).ok()?;
        let content = reader.take("taggedEventData", length).ok()?;
        reader.end("taggedEventData").ok()?;
        Some((id, content))
    }

    /// The partitions of an `EV_EFI_GPT_EVENT` [PFP §10.2.5]; those without a kind are left out.
    #[must_use]
    pub fn partitions(&self) -> Option<Vec<Partition>> {
        if ![EventKind::EV_EFI_GPT_EVENT, EventKind::EV_EFI_GPT_EVENT2].contains(&self.kind()) {
            return None;
        }
        partitions(self.data()).ok()
    }
}

impl<'a> Variable<'a> {
    pub(super) fn read(data: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(data);
        let vendor = reader.array("VariableName")?;
        let units = length(reader.u64_le("UnicodeNameLength")?);
        let size = length(reader.u64_le("VariableDataLength")?);
        let name = reader.bounded("UnicodeName", units.saturating_mul(2), NAME_UNITS_MAX * 2)?;
        let name = utf16(name).ok_or_else(|| WireError::Value {
            field: "UnicodeName",
            expected: "UTF-16",
            actual: hex::encode(name),
        })?;
        let value = reader.take("VariableData", size)?;
        reader.end("VariableData")?;
        Ok(Self { vendor, name, value })
    }

    /// The boot option, if this is a `Boot####` variable.
    #[must_use]
    pub fn load_option(&self) -> Option<LoadOption<'a>> {
        let number = self.name.strip_prefix("Boot")?;
        if number.len() != 4 || !number.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut reader = Reader::new(self.value);
        let attributes = reader.u32_le("Attributes").ok()?;
        let paths = usize::from(reader.u16_le("FilePathListLength").ok()?);
        let description = reader.rest().chunks_exact(2).position(|unit| unit == [0, 0])?.checked_mul(2)?;
        let description = utf16(reader.take("Description", description).ok()?)?;
        reader.take("Description", 2).ok()?;
        let paths = reader.take("FilePathList", paths).ok()?;
        Some(LoadOption { attributes, description, paths, optional_data: reader.rest() })
    }
}

fn partitions(data: &[u8]) -> Result<Vec<Partition>, WireError> {
    let mut reader = Reader::new(data);
    let header = reader.take("UEFIPartitionHeader", 92)?;
    if !header.starts_with(b"EFI PART") {
        let actual = hex::encode(header.get(..8).unwrap_or_default());
        return Err(WireError::Value { field: "UEFIPartitionHeader", expected: "`EFI PART`", actual });
    }
    let count = length(reader.u64_le("NumberOfPartitions")?);
    if count > PARTITIONS_MAX {
        return Err(WireError::TooMany { field: "NumberOfPartitions", actual: count, max: PARTITIONS_MAX });
    }
    let mut partitions = Vec::new();
    for _ in 0..count {
        let mut entry = Reader::new(reader.take("Partitions", 128)?);
        let kind = entry.array("PartitionTypeGUID")?;
        let unique = entry.array("UniquePartitionGUID")?;
        let (first_block, last_block) = (entry.u64_le("StartingLBA")?, entry.u64_le("EndingLBA")?);
        entry.u64_le("Attributes")?;
        let name = text_of_units(entry.rest()).unwrap_or_default();
        if kind != [0; 16] {
            partitions.push(Partition { kind, unique, first_block, last_block, name });
        }
    }
    reader.end("Partitions")?;
    Ok(partitions)
}

fn length(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// ASCII or UTF-8, or else UTF-16, up to the terminating zeros.
pub(super) fn text(data: &[u8]) -> Option<String> {
    let is_wide = matches!(data, [first, 0, ..] if *first != 0) && data.len().is_multiple_of(2);
    if is_wide {
        return text_of_units(data);
    }
    let end = data.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let text = std::str::from_utf8(data.get(..end)?).ok()?;
    text.chars().all(|char| !char.is_control() || char.is_whitespace()).then(|| text.to_owned())
}

fn text_of_units(data: &[u8]) -> Option<String> {
    let end = data.chunks_exact(2).position(|unit| unit == [0, 0]).map_or(data.len(), |units| units * 2);
    utf16(data.get(..end)?)
}

fn utf16(bytes: &[u8]) -> Option<String> {
    let units = bytes.chunks_exact(2).filter_map(|unit| unit.try_into().ok()).map(u16::from_le_bytes);
    char::decode_utf16(units).collect::<Result<String, _>>().ok()
}
