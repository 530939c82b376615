//! What the figures were measured on, and when.

use std::{fs, process::Command, thread};

use crate::process;

/// Processor, cores, memory, kernel; never the host's name.
pub(super) fn name() -> String {
    let processor = first("/proc/cpuinfo", "model name").unwrap_or_else(|| "an unnamed processor".to_owned());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let memory_kib = first("/proc/meminfo", "MemTotal").and_then(|total| total.split(' ').next()?.parse::<u64>().ok());
    let memory_gib = memory_kib.unwrap_or_default() / (1 << 20);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{processor}, {cores} cores, {memory_gib} GiB, Linux {}", kernel.trim())
}

/// The date in UTC, for the record.
pub(super) fn today() -> String {
    let date = process::output(Command::new("date").args(["-u", "+%Y-%m-%d"]), "date").unwrap_or_default();
    format!("Measured on {}.\n", date.trim())
}

/// What stands behind `field` and a colon in a file of such lines.
fn first(file: &str, field: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(field))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}
