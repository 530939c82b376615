//! Sealing needs little memory, whatever the table's length: what is allocated at once is counted by the allocator.

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

/// A CSV file of `bytes` or a little more that exists only while it is read: an id, a number, and text that does not repeat.
struct Generated {
    line: Vec<u8>,
    at: usize,
    row: u64,
    bytes_left: u64,
}

impl Generated {
    fn new(bytes: u64) -> Self {
        Self { line: b"id,amount,note\n".to_vec(), at: 0, row: 0, bytes_left: bytes }
    }
}

impl Read for Generated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.line.len() {
            if self.bytes_left == 0 {
                return Ok(0);
            }
            self.row += 1;
            let noise = self.row.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let tail = noise.wrapping_mul(noise | 1);
            self.line = format!(
                "{},{}.5,{noise:016x}{tail:016x}{:016x}\n",
                self.row,
                noise % 100_000,
                noise ^ tail.rotate_left(17)
            )
            .into_bytes();
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
fn a_table_four_times_as_long_takes_no_more_memory() {
    let (short, long) = (peak_of_sealing(64 << 20), peak_of_sealing(256 << 20));
    assert!(long < PEAK_MAX && long < short + short / 4, "{short} bytes for 64 MiB, {long} for 256 MiB");
}

#[test]
#[ignore = "takes minutes: part of `cargo xtask test --full`"]
fn a_table_of_two_gibibytes_takes_no_more_memory() {
    let peak = peak_of_sealing(2 << 30);
    assert!(peak < PEAK_MAX, "{peak} bytes");
}
