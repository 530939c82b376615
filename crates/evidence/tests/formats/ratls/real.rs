//! Certificates recorded of Gramine, Intel's SGX SDK and RATS-TLS. Their platforms' collateral is not among the recordings, so that all
//! is judged but the quote.

use casemate_evidence::loose;
use casemate_testkit::vectors;

use super::*;

const FILES: [(&str, u64); 3] = [
    // 2026-11-22, 2026-11-22, 2023-12-01: within each certificate's dates.
    ("ratls/gramine-cert.pem", 1_795_305_600),
    ("ratls/intel-sgxsdk-cert.pem", 1_795_305_600),
    ("ratls/rats-tls-cert.pem", 1_701_388_800),
];

fn der(vectors: &std::path::Path, file: &str) -> Vec<u8> {
    let found = recognise(&crate::read(vectors, file)).unwrap();
    assert_eq!(found.what, "an RA-TLS certificate, in PEM", "{file}");
    found.evidence[0].bytes().to_vec()
}

/// The key's binding holds: what is refused is the quote, for want of lists of its time and of collateral of its platform.
#[test]
fn recorded_certificates_fail_for_collateral_alone() {
    let Some(vectors) = vectors("recorded RA-TLS certificates") else { return };
    let collateral = loose(&crate::read(&vectors, "dcap/phala/sgx_quote_collateral.json")).unwrap();
    let endorsements = Endorsements::of_vendors().with_all(collateral);
    // 2025-06-20: within the collateral's window, which is another platform's.
    let june = 1_750_377_600;
    for (file, at, rule) in [
        ("ratls/gramine-cert.pem", june, "dcap-pck-chain"),
        ("ratls/intel-sgxsdk-cert.pem", june, "dcap-fmspc"),
        ("ratls/rats-tls-cert.pem", 1_701_388_800, "dcap-pck-chain"),
        ("ratls/rats-tls-cert.pem", june, "ratls-certificate"),
    ] {
        let bytes = der(&vectors, file);
        assert_refused(file, unbound(Format::Ratls, &bytes, &endorsements, UnixTime(at)), rule);
    }
    for (file, at) in FILES {
        let outcome = unbound(Format::Ratls, &der(&vectors, file), &Endorsements::of_vendors(), UnixTime(at));
        assert_refused(file, outcome, "dcap-pck-chain");
    }
}

#[test]
fn a_recording_cut_short_is_no_certificate() {
    let Some(vectors) = vectors("recorded RA-TLS certificates, cut short") else { return };
    for (file, at) in FILES {
        let bytes = der(&vectors, file);
        for length in (0..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
            let outcome = unbound(Format::Ratls, &bytes[..length], &Endorsements::of_vendors(), UnixTime(at));
            assert_refused(&format!("{file} cut to {length}"), outcome, "ratls-layout");
        }
        // And as people have it: in PEM.
        let pem = crate::read(&vectors, file);
        for length in (0..pem.len() - 40).step_by(97) {
            assert!(recognise(&pem[..length]).is_err(), "{file}: {length} bytes of PEM");
        }
    }
}

#[test]
fn a_changed_recording_fails_for_what_was_changed() {
    let Some(vectors) = vectors("recorded RA-TLS certificates, changed") else { return };
    for (file, at) in FILES {
        let bytes = der(&vectors, file);
        let judge = |bytes: &[u8], at| unbound(Format::Ratls, bytes, &Endorsements::of_vendors(), UnixTime(at));
        assert_refused("before_its_time", judge(&bytes, 900_000_000), "ratls-certificate");
        assert_refused("after_its_time", judge(&bytes, 4_000_000_000), "ratls-certificate");
        // All of it is under its own signature, so every bit counts: every 160th here.
        for bit in (0..bytes.len() * 8).step_by(160) {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let refusal = judge(&bytes, at).unwrap_err();
            assert_ne!(refusal.step().map(|(format, _)| format), Some(Format::Dcap), "{file}: bit {bit}: {refusal}");
        }
    }
}
