//! `keystone` evidence.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _authentic = casemate_fuzz::format(casemate_evidence::Format::Keystone, bytes);
});
