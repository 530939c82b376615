//! See [`casemate_fuzz::loose`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| casemate_fuzz::loose(bytes));
