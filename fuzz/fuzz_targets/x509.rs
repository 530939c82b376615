//! See [`casemate_fuzz::x509`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| casemate_fuzz::x509(bytes));
