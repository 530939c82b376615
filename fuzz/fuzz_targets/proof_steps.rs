//! See [`casemate_fuzz::trust::proof_steps`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _read = casemate_fuzz::trust::proof_steps(bytes);
});
