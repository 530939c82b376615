//! `azure` evidence: recorded by others, and of an Azure of our own.

#[path = "azure/crimes.rs"]
mod crimes;

use std::path::Path;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use casemate_cose::UnixTime;
use casemate_evidence::{
    Anchor, Cache, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Field, Format, Hash, Isolation, Platform,
    Stated, Vendor, authenticate, authenticate_cached, azure,
    tpm::{KeySource, PcrValue},
};
use casemate_testkit::{vectors, vendor::tpm::PcrRow};
use serde_json::Value;

use crate::{assert_refused, read, unbound};

/// 2025-06-01.
const JUNE_2025: UnixTime = UnixTime(1_748_736_000);

/// A recorded file in parts, as `az-snp-vtpm` and `az-tdx-vtpm` write them.
struct Recorded {
    hcl: Vec<u8>,
    quote: Vec<u8>,
    signature: Vec<u8>,
    pcrs: Vec<PcrRow>,
    td_quote: Vec<u8>,
    certificates: Vec<Vec<u8>>,
}

impl Recorded {
    fn read(vectors: &Path, file: &str) -> Self {
        let json: Value = serde_json::from_slice(&read(vectors, &format!("azure/{file}.json"))).unwrap();
        let base64 = |name: &str| json[name].as_str().map_or_else(Vec::new, base64url);
        let quote = |name: &str| hex_of(&json["tpm_quote"][name]);
        let pcrs = json["tpm_quote"]["pcrs"].as_array().unwrap();
        let vcek = json["vcek"].as_str().map(base64url);
        Self {
            hcl: base64("hcl_report"),
            quote: quote("message"),
            signature: quote("signature"),
            pcrs: (0..).zip(pcrs).map(|(index, value)| (0x000b, index, hex_of(value))).collect(),
            td_quote: base64("td_quote"),
            certificates: vcek.into_iter().collect(),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let pcrs = self.pcrs.iter().map(|(_, index, value)| PcrValue { bank: Hash::Sha256, index: *index, value });
        let parts = azure::Parts {
            hcl: &self.hcl,
            quote: &self.quote,
            signature: &self.signature,
            pcrs: pcrs.collect(),
            td_quote: &self.td_quote,
            certificates: self.certificates.iter().map(Vec::as_slice).collect(),
            ..azure::Parts::default()
        };
        parts.evidence().bytes().to_vec()
    }
}

fn base64url(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).unwrap()
}

fn hex_of(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

/// The vendors' roots, and the ASK that the recorded files lack.
fn milan(vectors: &Path) -> Endorsements {
    let pem = String::from_utf8(read(vectors, "snp/roots/ask_ark_milan.pem")).unwrap();
    let certificates = pem.split("-----BEGIN CERTIFICATE-----").skip(1).map(|block| {
        let digits: String = block.split("-----END").next().unwrap().split_ascii_whitespace().collect();
        Endorsement::Certificate(STANDARD.decode(digits).unwrap())
    });
    Endorsements::of_vendors().with_all(certificates)
}

#[test]
fn a_recorded_snp_vm_is_authentic() {
    let Some(vectors) = vectors("a_recorded_snp_vm_is_authentic") else { return };
    let recorded = Recorded::read(&vectors, "az-snp-vtpm-v1");
    let (bytes, endorsements) = (recorded.encode(), milan(&vectors));
    let judge = |nonce: &[u8], at| {
        let evidence = Evidence::new(Format::Azure, bytes.clone());
        authenticate(&evidence, &endorsements, &Stated::new(nonce.to_vec()), at)
    };
    let authentic = judge(b"challenge", JUNE_2025).unwrap();
    let claims = authentic.claims();
    assert_eq!((claims.isolation, claims.manifest, claims.debug), (Some(Isolation::Snp), None, false));
    assert_eq!(
        (claims.report_data.field, claims.report_data.bytes.as_slice()),
        (Field::TpmQualifyingData, &b"challenge"[..])
    );
    let Platform::Azure(azure) = &claims.platform else { panic!() };
    assert_eq!((azure.hcl_version, azure.vm.secure_boot, azure.vm.tpm_enabled), (1, true, true));
    assert_eq!(azure.vm.unique_id, "26F8BC30-774E-4290-8E7A-535F3B672AEE");
    assert_eq!((azure.attestation_key.source.clone(), azure.user_data.len()), (KeySource::RuntimeData, 64));
    assert_eq!((azure.quote.pcrs.len(), azure.quote.reset_count), (24, 2));
    assert!(hex::encode(azure.quote.pcr(Hash::Sha256, 4).unwrap()).starts_with("eee70c86"));
    assert_eq!(azure.hardware.format(), Format::Snp);
    assert!(claims.facts().rows().iter().any(|fact| fact.name == "hardware.vmpl" && fact.value == "0"));
    assert_refused("nonce_off_by_one", judge(b"challengd", JUNE_2025), "evidence-binding");
    // The window is the VCEK's: what the outcome rests on says until when.
    let window = authentic.support().window;
    assert!(judge(b"challenge", window.not_before).is_ok() && judge(b"challenge", window.not_after).is_ok());
    assert_refused("a_second_early", judge(b"challenge", UnixTime(window.not_before.0 - 1)), "snp-chain");
    assert_refused("a_second_late", judge(b"challenge", UnixTime(window.not_after.0 + 1)), "snp-chain");
    let without = unbound(Format::Azure, &bytes, &Endorsements::of_vendors(), JUNE_2025);
    assert!(without.unwrap_err().rule().starts_with("snp-"), "without the ASK nobody vouches for the VCEK");
}

/// Its collateral is not among the recordings: what is inside is judged apart, in `azure/verify.rs`.
#[test]
fn a_recorded_tdx_vm_lacks_its_collateral() {
    let Some(vectors) = vectors("a_recorded_tdx_vm_lacks_its_collateral") else { return };
    let bytes = Recorded::read(&vectors, "az-tdx-vtpm-v1").encode();
    let refusal = unbound(Format::Azure, &bytes, &Endorsements::of_vendors(), JUNE_2025).unwrap_err();
    assert!(refusal.rule().starts_with("dcap-"), "{refusal}");
    assert_eq!(refusal.step().unwrap().0, Format::Dcap);
}

/// Everything that somebody signs: the report's and the runtime data's bits, and the quote's.
/// Of the runtime data every `step`th one.
fn every_bit_counts(vectors: &Path, step: usize) {
    let (recorded, endorsements, cache) = (Recorded::read(vectors, "az-snp-vtpm-v1"), milan(vectors), Cache::default());
    let bytes = recorded.encode();
    let find = |part: &[u8]| bytes.windows(part.len()).position(|window| window == part).unwrap();
    let (report, quote) = (find(&recorded.hcl) + 32, find(&recorded.quote));
    // 672 signed bytes, then the header of the runtime data and these themselves.
    let regions = [(report, 672, 1), (report + 1184, 20 + 1110 + 254, step), (quote, recorded.quote.len(), 1)];
    for (start, length, step) in regions {
        for bit in (0..length * 8).step_by(step) {
            let mut flipped = bytes.clone();
            flipped[start + bit / 8] ^= 1 << (bit % 8);
            let evidence = Evidence::new(Format::Azure, flipped);
            let outcome = authenticate_cached(&evidence, &endorsements, &DangerouslyUnbound, JUNE_2025, &cache);
            assert!(outcome.is_err(), "bit {bit} after {start}");
        }
    }
}

#[test]
fn every_bit_of_the_recorded_vm_counts() {
    let Some(vectors) = vectors("every_bit_of_the_recorded_vm_counts") else { return };
    every_bit_counts(&vectors, 16);
    let (bytes, endorsements) = (Recorded::read(&vectors, "az-snp-vtpm-v1").encode(), milan(&vectors));
    for length in 0..bytes.len() {
        assert!(unbound(Format::Azure, &bytes[..length], &endorsements, JUNE_2025).is_err(), "{length}");
    }
}

#[test]
#[ignore = "long: every bit"]
fn every_bit_of_the_recorded_runtime_data_counts() {
    let Some(vectors) = vectors("every_bit_of_the_recorded_runtime_data_counts") else { return };
    every_bit_counts(&vectors, 1);
}

#[test]
fn nothing_makes_it_panic() {
    let Some(vectors) = vectors("nothing_makes_it_panic (azure)") else { return };
    for file in ["az-snp-vtpm-v1", "az-tdx-vtpm-v1"] {
        let (bytes, endorsements, cache) = (Recorded::read(&vectors, file).encode(), milan(&vectors), Cache::default());
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random >> 16).unwrap()
        };
        for _ in 0..2000 {
            let mut mutated = bytes.clone();
            for _ in 0..=next() % 4 {
                let place = next() % mutated.len();
                mutated[place] = u8::try_from(next() % 256).unwrap();
            }
            let evidence = Evidence::new(Format::Azure, mutated);
            let _never_panics = authenticate_cached(&evidence, &endorsements, &DangerouslyUnbound, JUNE_2025, &cache);
        }
    }
}

#[test]
fn cached_and_uncached_outcomes_are_equal() {
    let Some(vectors) = vectors("cached_and_uncached_outcomes_are_equal (azure)") else { return };
    let (bytes, endorsements, cache) =
        (Recorded::read(&vectors, "az-snp-vtpm-v1").encode(), milan(&vectors), Cache::default());
    let plain = unbound(Format::Azure, &bytes, &endorsements, JUNE_2025).unwrap();
    let evidence = Evidence::new(Format::Azure, bytes);
    for _ in 0..2 {
        let cached = authenticate_cached(&evidence, &endorsements, &DangerouslyUnbound, JUNE_2025, &cache).unwrap();
        assert_eq!((cached.claims(), cached.support()), (plain.claims(), plain.support()));
    }
}

fn anchored(root: &[u8]) -> Endorsements {
    Endorsements::default().with(Endorsement::Anchor(Anchor::of_certificate(Vendor::Amd, root).unwrap()))
}
