//! See [`casemate_fuzz::recognise`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| casemate_fuzz::recognise(bytes));
