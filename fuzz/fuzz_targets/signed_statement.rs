//! See [`casemate_fuzz::trust::signed_statement`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _read = casemate_fuzz::trust::signed_statement(bytes);
});
