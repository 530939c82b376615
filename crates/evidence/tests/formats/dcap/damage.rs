//! Damaged quotes: no bit of what is signed can change, nothing panics.

use std::{ops::Range, path::Path};

use casemate_cose::UnixTime;
use casemate_evidence::{
    AllowDebug, Cache, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, authenticate_cached,
    dcap::collateral,
};
use casemate_testkit::{seed, vectors};

use super::{
    super::{read, unbound},
    real::{JUNE_2025, LATER_2026, MARCH_2026, MAY_2022, collateral_a, phala},
};

/// A recorded quote at a time when it is authentic.
struct Recorded {
    file: &'static str,
    quote: Vec<u8>,
    endorsements: Endorsements,
    at: UnixTime,
}

impl Recorded {
    fn of_phala(vectors: &Path, name: &str, at: UnixTime) -> Self {
        let file = match name {
            "sgx_quote" => "dcap/phala/sgx_quote",
            "tdx_quote" => "dcap/phala/tdx_quote",
            _ => "dcap/phala/tdx_quote_outdated",
        };
        Self { file, quote: read(vectors, file), endorsements: phala(vectors, name), at }
    }

    /// Every one whose collateral was recorded too, those in debug mode among them.
    fn all(vectors: &Path) -> Vec<Self> {
        let mut all = Vec::from(["sgx_quote", "tdx_quote"].map(|name| Self::of_phala(vectors, name, JUNE_2025)));
        all.push(Self::of_phala(vectors, "tdx_quote_outdated", MARCH_2026));
        for (file, fmspc) in [
            ("dcap/google/quote_v5_sample.dat", "90c06f"),
            ("dcap/google/tdx_prod_quote_SPR_E4.dat", "50806f"),
            ("dcap/misc/tdx-v4-debug.quote", "50806f"),
            ("dcap/misc/tdx-v5-below-lowest.quote", "90c06f"),
        ] {
            let (quote, endorsements) = (read(vectors, file), collateral_a(vectors, fmspc));
            all.push(Self { file, quote, endorsements, at: LATER_2026 });
        }
        let file = "dcap/phala/quote-from-tappd.hex";
        let text = String::from_utf8(read(vectors, file)).unwrap();
        let quote = hex::decode(text.trim().trim_start_matches("0x")).unwrap();
        all.push(Self { file, quote, endorsements: phala(vectors, "tdx_quote"), at: JUNE_2025 });
        let file = "dcap/openenclave/evidence";
        let items = collateral::of_open_enclave(&read(vectors, "dcap/openenclave/endorsements")).unwrap().unwrap();
        let endorsements = Endorsements::of_vendors().with_all(items);
        all.push(Self { file, quote: read(vectors, file), endorsements, at: MAY_2022 });
        all
    }

    fn is_authentic(&self, quote: &[u8], cache: &Cache) -> bool {
        let (evidence, expectation) =
            (Evidence::new(Format::Dcap, quote.to_vec()), AllowDebug::new(DangerouslyUnbound));
        authenticate_cached(&evidence, &self.endorsements, &expectation, self.at, cache).is_ok()
    }

    /// Header and body, which are signed; then signatures, attestation key, QE report with its signature, authentication data:
    /// without the length before them and the types around them, where certificates begin.
    fn signed(&self) -> (Range<usize>, Range<usize>) {
        // Open Enclave's sample has its licence before the quote: nobody signed it.
        let is_commented = self.quote.starts_with(b"#");
        let start = if is_commented { self.quote.windows(4).position(|it| it == [3, 0, 2, 0]).unwrap() } else { 0 };
        let quote = &self.quote[start..];
        let number = |place: usize| usize::from(u16::from_le_bytes([quote[place], quote[place + 1]]));
        let (version, is_enclave) = (number(0), quote[4] == 0);
        let end = match version {
            5 => 54 + number(50),
            _ if is_enclave => 432,
            _ => 632,
        };
        let outer = if version == 3 { 0 } else { 6 };
        let auth_data = end + 4 + 128 + outer + 384 + 64;
        let (end, rest) = (start + end, start + end + 4);
        (start..end, rest..start + auth_data + 2 + number(auth_data))
    }

    /// Flips every bit of the signed region, and every `step`th one of the rest.
    fn no_bit_can_change(&self, step: usize) {
        let cache = Cache::default();
        assert!(self.is_authentic(&self.quote, &cache), "{}", self.file);
        let (signed, rest) = self.signed();
        for bit in (signed.start * 8..signed.end * 8).chain((rest.start * 8..rest.end * 8).step_by(step)) {
            let mut flipped = self.quote.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!self.is_authentic(&flipped, &cache), "{}: bit {bit}", self.file);
        }
    }
}

#[test]
fn no_bit_can_change() {
    let Some(vectors) = vectors("no_bit_can_change") else { return };
    Recorded::of_phala(&vectors, "tdx_quote", JUNE_2025).no_bit_can_change(16);
}

#[test]
fn no_bit_of_an_enclave_s_quote_can_change() {
    let Some(vectors) = vectors("no_bit_of_an_enclave_s_quote_can_change") else { return };
    Recorded::of_phala(&vectors, "sgx_quote", JUNE_2025).no_bit_can_change(16);
}

#[test]
#[ignore = "long: every bit"]
fn no_bit_of_any_recorded_quote_can_change() {
    let Some(vectors) = vectors("no_bit_of_any_recorded_quote_can_change") else { return };
    Recorded::all(&vectors).iter().for_each(|recorded| recorded.no_bit_can_change(1));
}

/// What Intel signed among the endorsements, without the signatures, some of whose spellings are free: every `step`th bit.
fn no_bit_of_collateral_can_change(vectors: &Path, step: usize) {
    let recorded = Recorded::of_phala(vectors, "tdx_quote", JUNE_2025);
    let mut kinds = Vec::new();
    for (place, item) in recorded.endorsements.items().iter().enumerate() {
        let (bytes, region) = match item {
            Endorsement::TcbInfo(bytes) => (bytes, body(bytes, "tcbInfo")),
            Endorsement::QeIdentity(bytes) => (bytes, body(bytes, "enclaveIdentity")),
            // All of a list but the lengths around it is signed, or is the signature.
            Endorsement::Crl(bytes) => (bytes, 0..bytes.len()),
            _ => continue,
        };
        kinds.push(item.kind());
        for bit in (region.start * 8..region.end * 8).step_by(step) {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let flipped = match item {
                Endorsement::TcbInfo(_) => Endorsement::TcbInfo(flipped),
                Endorsement::QeIdentity(_) => Endorsement::QeIdentity(flipped),
                _ => Endorsement::Crl(flipped),
            };
            let mut items = recorded.endorsements.items().to_vec();
            items[place] = flipped;
            let endorsements = Endorsements::default().with_all(items);
            let outcome = unbound(Format::Dcap, &recorded.quote, &endorsements, recorded.at);
            assert!(outcome.is_err(), "{} {place}: bit {bit}", item.kind());
        }
    }
    kinds.sort_unstable();
    assert_eq!(kinds, ["crl", "crl", "qe-identity", "tcb-info"]);
}

/// Where the text lies that was signed: the value of this member, which is the first.
fn body(bytes: &[u8], name: &str) -> Range<usize> {
    let text = std::str::from_utf8(bytes).unwrap();
    let start = format!("{{\"{name}\":");
    assert!(text.starts_with(&start));
    start.len()..text.rfind(",\"signature\"").unwrap()
}

#[test]
fn no_16th_bit_of_recorded_collateral_can_change() {
    let Some(vectors) = vectors("no_16th_bit_of_recorded_collateral_can_change") else { return };
    no_bit_of_collateral_can_change(&vectors, 16);
}

#[test]
#[ignore = "long: every bit"]
fn no_bit_of_recorded_collateral_can_change() {
    let Some(vectors) = vectors("no_bit_of_recorded_collateral_can_change") else { return };
    no_bit_of_collateral_can_change(&vectors, 1);
}

#[test]
fn no_truncation_is_authentic() {
    let Some(vectors) = vectors("no_truncation_is_authentic") else { return };
    let recorded = Recorded::of_phala(&vectors, "tdx_quote", JUNE_2025);
    let (quote, cache) = (&recorded.quote, Cache::default());
    // 70 bytes that nobody signed follow the quote.
    let end = quote.len() - 70;
    assert!(recorded.is_authentic(&quote[..end], &cache));
    for length in 0..end {
        assert!(!recorded.is_authentic(&quote[..length], &cache), "{length}");
    }
}

#[test]
fn random_damage_does_not_panic() {
    let Some(vectors) = vectors("random_damage_does_not_panic") else { return };
    let recorded = Recorded::of_phala(&vectors, "tdx_quote", JUNE_2025);
    let cache = Cache::default();
    let mut state = u64::from_le_bytes(*seed(81).first_chunk().unwrap());
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..2000 {
        let mut damaged = recorded.quote.clone();
        for _ in 0..=random(4) {
            let place = random(damaged.len());
            match random(4) {
                0 => damaged[place] = u8::try_from(random(256)).unwrap(),
                1 => drop(damaged.drain(place..(place + 1 + random(8)).min(damaged.len()))),
                2 => damaged.insert(place, u8::try_from(random(256)).unwrap()),
                _ => damaged[place..].fill(0xff),
            }
        }
        let _only_that_it_returns = recorded.is_authentic(&damaged, &cache);
    }
}
