//! See [`casemate_fuzz::rim`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| casemate_fuzz::rim(bytes));
