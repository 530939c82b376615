//! The program's memory, as the host reads and writes it: little-endian, checked, never past its end.

use crate::{errno::Errno, world::World};

/// Buffers of one call.
const BUFFERS_MAX: u32 = 1024;

/// What a call acts on.
pub(super) struct Guest<'a> {
    pub(super) memory: &'a mut [u8],
    pub(super) world: &'a mut World,
}

impl Guest<'_> {
    pub(super) fn slice(&self, at: u32, length: u32) -> Result<&[u8], Errno> {
        slice(self.memory, at, length)
    }

    /// A path or other text.
    pub(super) fn text(&self, at: u32, length: u32) -> Result<String, Errno> {
        if length > 65536 {
            return Err(Errno::NameTooLong);
        }
        let bytes = self.slice(at, length)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Errno::IllegalBytes)
    }

    pub(super) fn u32(&self, at: u32) -> Result<u32, Errno> {
        self.array(at).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&self, at: u32) -> Result<u64, Errno> {
        self.array(at).map(u64::from_le_bytes)
    }

    pub(super) fn byte(&self, at: u32) -> Result<u8, Errno> {
        self.array(at).map(u8::from_le_bytes)
    }

    pub(super) fn u16(&self, at: u32) -> Result<u16, Errno> {
        self.array(at).map(u16::from_le_bytes)
    }

    pub(super) fn put_u32(&mut self, at: u32, value: u32) -> Result<(), Errno> {
        self.put(at, &value.to_le_bytes())
    }

    pub(super) fn put_u64(&mut self, at: u32, value: u64) -> Result<(), Errno> {
        self.put(at, &value.to_le_bytes())
    }

    pub(super) fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), Errno> {
        let length = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        slice_mut(self.memory, at, length)?.copy_from_slice(bytes);
        Ok(())
    }

    /// The buffers that a list of (pointer, length) names.
    pub(super) fn buffers(&self, list: u32, count: u32) -> Result<Vec<(u32, u32)>, Errno> {
        if count > BUFFERS_MAX {
            return Err(Errno::Invalid);
        }
        (0..count)
            .map(|index| {
                let at = offset(list, index.saturating_mul(8))?;
                Ok((self.u32(at)?, self.u32(offset(at, 4)?)?))
            })
            .collect()
    }

    fn array<const N: usize>(&self, at: u32) -> Result<[u8; N], Errno> {
        let length = u32::try_from(N).map_err(|_| Errno::Fault)?;
        self.slice(at, length)?.try_into().map_err(|_| Errno::Fault)
    }
}

/// `at` and `more` after it.
pub(super) fn offset(at: u32, more: u32) -> Result<u32, Errno> {
    at.checked_add(more).ok_or(Errno::Fault)
}

pub(super) fn slice(memory: &[u8], at: u32, length: u32) -> Result<&[u8], Errno> {
    let (start, length) = (at as usize, length as usize);
    memory.get(start..start.saturating_add(length)).ok_or(Errno::Fault)
}

pub(super) fn slice_mut(memory: &mut [u8], at: u32, length: u32) -> Result<&mut [u8], Errno> {
    let (start, length) = (at as usize, length as usize);
    memory.get_mut(start..start.saturating_add(length)).ok_or(Errno::Fault)
}
