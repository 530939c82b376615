//! Why nothing can be predicted for a launch.

use thiserror::Error;

use crate::wire::WireError;

/// Why nothing can be predicted for a launch. Fault: of whoever built the image or chose the launch's settings.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum MeasureError {
    /// A part is not there without which the launch would fail or not be measured.
    #[error("there is no {part}; {remedy}")]
    Absent {
        /// Its name in its specification.
        part: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// An address, offset or size is no multiple of what it has to be.
    #[error("`{field}` is {actual:#x}, expected a multiple of {unit:#x}")]
    Alignment {
        /// The field's name.
        field: &'static str,
        /// What was found.
        actual: u64,
        /// What it has to be a multiple of, in bytes.
        unit: u64,
    },
    /// The image's checksum is not that of its bytes.
    #[error("the checksum is {actual:#010x}, that of the bytes is {expected:#010x}")]
    Checksum {
        /// That of the bytes.
        expected: u32,
        /// What the image says.
        actual: u32,
    },
    /// A part comes twice.
    #[error("`{part}` comes twice")]
    Duplicate {
        /// Its name.
        part: String,
    },
    /// The bytes are not the structure that they have to be.
    #[error("{error}")]
    Malformed {
        /// Where and how.
        error: WireError,
    },
    /// A part lies outside of what holds it.
    #[error("`{part}` takes {size:#x} bytes at {offset:#x}, outside of {available:#x} bytes")]
    Outside {
        /// Its name.
        part: &'static str,
        /// Where it begins.
        offset: u64,
        /// Its bytes.
        size: u64,
        /// The bytes of what holds it.
        available: u64,
    },
    /// Two parts share bytes or memory.
    #[error("`{part}` at {offset:#x} begins before the part ahead of it ends, at {end:#x}")]
    Overlap {
        /// The later part's name.
        part: &'static str,
        /// Where it begins.
        offset: u64,
        /// Where the earlier one ends.
        end: u64,
    },
    /// More than is measured here.
    #[error("`{part}` is {actual}, at most {max} is measured")]
    TooBig {
        /// Its name.
        part: &'static str,
        /// Its bytes, or how many there are.
        actual: u64,
        /// The bound.
        max: u64,
    },
    /// What is measured there is not known before the launch.
    #[error("{part} can't be predicted: {reason}")]
    Unpredictable {
        /// Its name.
        part: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// A field or setting has a value that is not allowed there.
    #[error("`{field}` is {actual}, expected {expected}")]
    Value {
        /// Its name.
        field: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was found.
        actual: String,
    },
}

impl From<WireError> for MeasureError {
    fn from(error: WireError) -> Self {
        Self::Malformed { error }
    }
}

impl MeasureError {
    pub(super) fn value(field: &'static str, expected: &'static str, actual: impl std::fmt::Display) -> Self {
        Self::Value { field, expected, actual: actual.to_string() }
    }

    /// Refuses more than `max`.
    pub(super) fn bound(part: &'static str, actual: usize, max: usize) -> Result<(), Self> {
        if actual <= max { Ok(()) } else { Err(Self::TooBig { part, actual: wide(actual), max: wide(max) }) }
    }

    /// Refuses what is no multiple of `unit`.
    pub(super) fn aligned(field: &'static str, actual: u64, unit: u64) -> Result<(), Self> {
        if actual.checked_rem(unit) == Some(0) { Ok(()) } else { Err(Self::Alignment { field, actual, unit }) }
    }
}

/// Sizes are at most 64 bits on every machine this builds for.
pub(super) fn wide(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// `size` bytes of `bytes` from `offset`.
pub(super) fn slice<'a>(bytes: &'a [u8], part: &'static str, offset: u64, size: u64) -> Result<&'a [u8], MeasureError> {
    let range = || {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        bytes.get(start..end)
    };
    range().ok_or(MeasureError::Outside { part, offset, size, available: wide(bytes.len()) })
}
