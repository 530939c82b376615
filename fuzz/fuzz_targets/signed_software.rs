//! See [`casemate_fuzz::signed::software`]. Keys are made before the first input, whose time is limited.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: {
        let _made = casemate_fuzz::signed::software(&[0]);
    },
    |bytes: &[u8]| {
        let _authentic = casemate_fuzz::signed::software(bytes);
    }
);
