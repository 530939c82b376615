//! Memory, tables and instances of one run, counted together.

use wasmtime::ResourceLimiter;

/// Instances of modules in one run; also memories, also tables.
pub(crate) const INSTANCES_MAX: usize = 256;
/// What an element of a table takes.
const ELEMENT_BYTES: u64 = 16;

/// Grants memory until there is none left.
pub(crate) struct Meter {
    limit_bytes: u64,
    used_bytes: u64,
    /// What was granted last, to be taken back if the growth then fails.
    last_bytes: u64,
    /// Something was asked for and not given.
    pub(crate) has_refused: bool,
}

impl Meter {
    pub(crate) const fn new(limit_bytes: u64) -> Self {
        Self { limit_bytes, used_bytes: 0, last_bytes: 0, has_refused: false }
    }

    fn grant(&mut self, more_bytes: Option<u64>) -> bool {
        let used =
            more_bytes.and_then(|more| self.used_bytes.checked_add(more)).filter(|used| *used <= self.limit_bytes);
        self.last_bytes = used.map_or(0, |used| used - self.used_bytes);
        self.used_bytes = used.unwrap_or(self.used_bytes);
        self.has_refused |= used.is_none();
        used.is_some()
    }

    /// Whether it is within what the program itself declares, or 32 bits address.
    fn may_reach(&mut self, desired: usize, maximum: Option<usize>, bytes: u64) -> bool {
        let fits = maximum.is_none_or(|maximum| desired <= maximum);
        self.last_bytes = 0;
        self.has_refused |= !fits && bytes > self.limit_bytes;
        fits
    }

    fn take_back(&mut self) {
        self.used_bytes -= self.last_bytes;
        self.last_bytes = 0;
        self.has_refused = true;
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = desired.checked_sub(current).map(|more| more as u64);
        Ok(self.may_reach(desired, maximum, desired as u64) && self.grant(more))
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = desired.checked_sub(current).and_then(|more| (more as u64).checked_mul(ELEMENT_BYTES));
        Ok(self.may_reach(desired, maximum, (desired as u64).saturating_mul(ELEMENT_BYTES)) && self.grant(more))
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn memories(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        INSTANCES_MAX
    }
}
