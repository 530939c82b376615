//! See [`casemate_fuzz::trust::import_rvps`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _read = casemate_fuzz::trust::import_rvps(bytes);
});
