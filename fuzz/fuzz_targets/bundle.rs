//! See [`casemate_fuzz::bundle`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| casemate_fuzz::bundle(bytes));
