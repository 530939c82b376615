//! See [`casemate_fuzz::trust::proof`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _read = casemate_fuzz::trust::proof(bytes);
});
