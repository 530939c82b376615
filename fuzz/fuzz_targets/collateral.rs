//! See [`casemate_fuzz::collateral`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| casemate_fuzz::collateral(bytes));
