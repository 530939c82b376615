//! Damaged quotes: no bit of what is signed can change, nothing panics.

use casemate_cose::UnixTime;
use casemate_evidence::{
    Cache, DangerouslyUnbound, Endorsements, Evidence, Format, authenticate_cached, dcap::collateral,
};
use casemate_testkit::{seed, vectors};

use super::super::read;

const JUNE_2025: UnixTime = UnixTime(1_750_377_600);

/// A real quote, its collateral, and where what is signed ends.
fn real(test: &str, name: &str) -> Option<(Vec<u8>, Endorsements, usize)> {
    let vectors = vectors(test)?;
    let text = String::from_utf8(read(&vectors, &format!("dcap/phala/{name}_collateral.json"))).unwrap();
    let endorsements = Endorsements::of_vendors().with_all(collateral::of_json(&text).unwrap());
    let signed = if name == "sgx_quote" { 432 } else { 632 };
    Some((read(&vectors, &format!("dcap/phala/{name}")), endorsements, signed))
}

fn is_authentic(quote: &[u8], endorsements: &Endorsements, cache: &Cache) -> bool {
    let evidence = Evidence::new(Format::Dcap, quote.to_vec());
    authenticate_cached(&evidence, endorsements, &DangerouslyUnbound, JUNE_2025, cache).is_ok()
}

fn flips(test: &str, name: &str, step: usize) {
    let Some((quote, endorsements, signed)) = real(test, name) else { return };
    let cache = Cache::default();
    assert!(is_authentic(&quote, &endorsements, &cache));
    // The signed region; signatures, attestation key, QE report and its signature, authentication data.
    let rest = signed + 4..signed + 4 + 128 + 6 + 384 + 64 + 2 + 32;
    for bit in (0..signed * 8).chain((rest.start * 8..rest.end * 8).step_by(step)) {
        let mut flipped = quote.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!is_authentic(&flipped, &endorsements, &cache), "bit {bit}");
    }
}

#[test]
fn no_bit_can_change() {
    flips("no_bit_can_change", "tdx_quote", 16);
}

#[test]
fn no_bit_of_an_enclave_s_quote_can_change() {
    flips("no_bit_of_an_enclave_s_quote_can_change", "sgx_quote", 16);
}

#[test]
#[ignore = "long: every bit"]
fn no_bit_of_what_certifies_can_change() {
    flips("no_bit_of_what_certifies_can_change", "tdx_quote", 1);
}

#[test]
fn no_truncation_is_authentic() {
    let Some((quote, endorsements, _)) = real("no_truncation_is_authentic", "tdx_quote") else { return };
    let cache = Cache::default();
    // 70 bytes that nobody signed follow the quote.
    let end = quote.len() - 70;
    assert!(is_authentic(&quote[..end], &endorsements, &cache));
    for length in 0..end {
        assert!(!is_authentic(&quote[..length], &endorsements, &cache), "{length}");
    }
}

#[test]
fn random_damage_does_not_panic() {
    let Some((quote, endorsements, _)) = real("random_damage_does_not_panic", "tdx_quote") else { return };
    let cache = Cache::default();
    let mut state = u64::from_le_bytes(*seed(81).first_chunk().unwrap());
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..2000 {
        let mut damaged = quote.clone();
        for _ in 0..=random(4) {
            let place = random(damaged.len());
            match random(4) {
                0 => damaged[place] = u8::try_from(random(256)).unwrap(),
                1 => drop(damaged.drain(place..(place + 1 + random(8)).min(damaged.len()))),
                2 => damaged.insert(place, u8::try_from(random(256)).unwrap()),
                _ => damaged[place..].fill(0xff),
            }
        }
        let _only_that_it_returns = is_authentic(&damaged, &endorsements, &cache);
    }
}
