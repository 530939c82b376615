//! Sealing needs little memory, whatever the table's length: what is allocated at once is counted by the allocator.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper that fails fails its test")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    io::{self, Read},
    sync::atomic::{AtomicUsize, Ordering},
};

use casemate_seal::table;

/// The system's allocator, with the bytes that are in use and the most that ever were.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "only an allocator can count what a whole program allocates")]
// SAFETY: every call goes to `System` with the arguments it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let in_use = IN_USE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(in_use, Ordering::Relaxed);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract, and `alloc` gave what `System` gave.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes of text that is no other row's: hex digits, which compress to half.
const NOTE_BYTES: usize = 240;

/// A CSV file of `bytes` or a little more that exists only while it is read: an id, a number, and noise that repeats so late
/// that no page has it twice.
struct Generated {
    noise: Vec<u8>,
    line: Vec<u8>,
    at: usize,
    row: usize,
    bytes_left: u64,
}

impl Generated {
    fn new(bytes: u64) -> Self {
        let mut state = 1_u64;
        let mut noise = Vec::new();
        while noise.len() < 8 << 20 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            noise.extend(format!("{:08x}", state >> 32).bytes());
        }
        Self { noise, line: b"id,amount,note\n".to_vec(), at: 0, row: 0, bytes_left: bytes }
    }
}

impl Read for Generated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.line.len() {
            if self.bytes_left == 0 {
                return Ok(0);
            }
            self.row += 1;
            self.line = format!("{},{}.5,", self.row, self.row * 7_919 % 100_000).into_bytes();
            let start = self.row * NOTE_BYTES % (self.noise.len() - NOTE_BYTES);
            self.line.extend_from_slice(&self.noise[start..start + NOTE_BYTES]);
            self.line.push(b'\n');
            self.at = 0;
            self.bytes_left = self.bytes_left.saturating_sub(u64::try_from(self.line.len()).unwrap());
        }
        let length = buffer.len().min(self.line.len() - self.at);
        buffer[..length].copy_from_slice(&self.line[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

/// Bytes allocated at most, beyond what was before, while a CSV of `bytes` is inferred and sealed.
fn peak_of_sealing(bytes: u64) -> usize {
    let before = IN_USE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let schema = table::infer_csv(Generated::new(bytes)).unwrap().schema;
    let sealed = table::seal_csv(Generated::new(bytes), io::sink(), &schema, &[1; 32], &[2; 32], |_| {}).unwrap();
    assert!(sealed.file.bytes > bytes / 4, "the text must not compress away: {}", sealed.file.bytes);
    PEAK.load(Ordering::Relaxed) - before
}

/// One row group and its buffers: well under what the longest of these tables takes.
const PEAK_MAX: usize = 160 << 20;

#[test]
fn a_table_three_times_as_long_takes_no_more_memory() {
    let (short, long) = (peak_of_sealing(64 << 20), peak_of_sealing(192 << 20));
    assert!(long < PEAK_MAX && long < short + short / 4, "{short} bytes for 64 MiB, {long} for 192 MiB");
}

#[test]
#[ignore = "long: some minutes"]
fn a_table_of_two_gibibytes_takes_no_more_memory() {
    let peak = peak_of_sealing(2 << 30);
    assert!(peak < PEAK_MAX, "{peak} bytes");
}
