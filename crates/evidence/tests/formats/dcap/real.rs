//! Real quotes and collateral, at dates inside and outside their windows.

use std::path::Path;

use casemate_cose::UnixTime;
use casemate_evidence::{
    AllowDebug, Authenticated, Cache, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, Isolation,
    Refusal, Stated, authenticate, authenticate_cached,
    dcap::{Component, TcbStatus, collateral},
};
use casemate_testkit::vectors;

use super::{
    super::{assert_refused, read, unbound},
    claims,
};

const DAY_S: u64 = 86_400;
/// 2022-05-10.
pub(super) const MAY_2022: UnixTime = UnixTime(1_652_140_800);
/// 2023-07-01.
const JULY_2023: UnixTime = UnixTime(1_688_169_600);
/// 2025-06-20.
pub(super) const JUNE_2025: UnixTime = UnixTime(1_750_377_600);
/// 2026-03-01.
pub(super) const MARCH_2026: UnixTime = UnixTime(1_772_323_200);
/// 2026-03-20.
pub(super) const LATER_2026: UnixTime = UnixTime(1_773_964_800);

pub(super) fn phala(vectors: &Path, name: &str) -> Endorsements {
    let text = String::from_utf8(read(vectors, &format!("dcap/phala/{name}_collateral.json"))).unwrap();
    Endorsements::of_vendors().with_all(collateral::of_json(&text).unwrap())
}

pub(super) fn certificates(vectors: &Path, file: &str) -> Vec<Endorsement> {
    let text = String::from_utf8(read(vectors, file)).unwrap();
    let inner = text.split("-----BEGIN CERTIFICATE-----").skip(1).map(|block| {
        let body = block.split("-----END").next().unwrap();
        Endorsement::Certificate(unbase64(body))
    });
    inner.collect()
}

fn unbase64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits: Vec<u32> = text
        .bytes()
        .filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte))
        .map(|digit| u32::try_from(digit).unwrap())
        .collect();
    let mut bytes = Vec::new();
    for group in digits.chunks(4) {
        let bits = group.iter().enumerate().fold(0, |bits, (place, digit)| bits | digit << (18 - 6 * place));
        bytes.extend(&bits.to_be_bytes()[1..group.len()]);
    }
    bytes
}

/// `collateral-a` with the TCB info of one FMSPC.
pub(super) fn collateral_a(vectors: &Path, fmspc: &str) -> Endorsements {
    let file = |name: &str| read(vectors, &format!("dcap/collateral-a/{name}"));
    Endorsements::of_vendors()
        .with_all(certificates(vectors, "dcap/collateral-a/tcb_signing_chain.pem"))
        .with_all(certificates(vectors, "dcap/collateral-a/qe_identity_signing_chain.pem"))
        .with(Endorsement::Crl(file("root_ca_crl.der")))
        .with(Endorsement::Crl(file("pck_crl_platform.der")))
        .with(Endorsement::TcbInfo(file(&format!("tcb_info_{fmspc}000000.json"))))
        .with(Endorsement::QeIdentity(file("td_qe_identity.json")))
}

fn judge(
    quote: &[u8],
    endorsements: &Endorsements,
    at: UnixTime,
) -> Result<Authenticated<DangerouslyUnbound>, Refusal> {
    unbound(Format::Dcap, quote, endorsements, at)
}

#[test]
fn tdx_version_4_is_up_to_date() {
    let Some(vectors) = vectors("tdx_version_4_is_up_to_date") else { return };
    let (quote, endorsements) = (read(&vectors, "dcap/phala/tdx_quote"), phala(&vectors, "tdx_quote"));
    let authentic = judge(&quote, &endorsements, JUNE_2025).unwrap();
    let claims = claims(&authentic);
    assert_eq!(authentic.claims().isolation, Some(Isolation::Tdx));
    assert_eq!(authentic.claims().manifest, None);
    assert_eq!((claims.header.version, claims.trailing_bytes), (4, 70));
    assert_eq!(hex::encode(claims.pck.fmspc), "b0c06f000000");
    assert_eq!(claims.tcb.status, TcbStatus::UpToDate);
    assert_eq!(claims.tcb.shortfalls, []);
    assert_eq!(claims.pck.configuration.smt_enabled, Some(true));
    assert!(claims.trust_domain().unwrap().attributes.has_sept_ve_disabled());
    // The TCB info is the first to be issued late and the first to end early is one of the lists or the identity.
    let window = authentic.support().window;
    assert!(window.contains(JUNE_2025));
    assert!(
        judge(&quote, &endorsements, window.not_before).is_ok()
            && judge(&quote, &endorsements, window.not_after).is_ok()
    );
    assert!(judge(&quote, &endorsements, UnixTime(window.not_before.0 - 1)).is_err());
    assert!(judge(&quote, &endorsements, UnixTime(window.not_after.0 + 1)).is_err());
    assert_refused("a month early", judge(&quote, &endorsements, UnixTime(JUNE_2025.0 - 30 * DAY_S)), "dcap-pck-chain");
    assert_refused(
        "two months late",
        judge(&quote, &endorsements, UnixTime(JUNE_2025.0 + 60 * DAY_S)),
        "dcap-pck-chain",
    );
}

#[test]
fn sgx_version_3_needs_configuration_and_hardening() {
    let Some(vectors) = vectors("sgx_version_3_needs_configuration_and_hardening") else { return };
    let (quote, endorsements) = (read(&vectors, "dcap/phala/sgx_quote"), phala(&vectors, "sgx_quote"));
    let authentic = judge(&quote, &endorsements, JUNE_2025).unwrap();
    let claims = claims(&authentic);
    assert_eq!(authentic.claims().isolation, Some(Isolation::Sgx));
    assert_eq!(claims.header.version, 3);
    assert_eq!(claims.tcb.status, TcbStatus::ConfigurationAndSwHardeningNeeded);
    assert_eq!(claims.tcb.advisories, ["INTEL-SA-00289", "INTEL-SA-00615"]);
    assert!(judge(&quote, &endorsements, MARCH_2026).is_err());
}

#[test]
fn tdx_version_5_below_the_lowest_level() {
    let Some(vectors) = vectors("tdx_version_5_below_the_lowest_level") else { return };
    let (quote, endorsements) =
        (read(&vectors, "dcap/phala/tdx_quote_outdated"), phala(&vectors, "tdx_quote_outdated"));
    let authentic = judge(&quote, &endorsements, MARCH_2026).unwrap();
    let claims = claims(&authentic);
    assert_eq!(claims.header.version, 5);
    assert_eq!((claims.tcb.status, claims.tcb.date), (TcbStatus::BelowLowest, None));
    assert_eq!(claims.tcb.platform.level, None);
    assert!(!claims.tcb.shortfalls.is_empty());
    assert!(judge(&quote, &endorsements, JUNE_2025).is_err());
    assert_refused("another platform's", judge(&quote, &phala(&vectors, "tdx_quote"), JUNE_2025), "dcap-pck-chain");
}

#[test]
fn tdx_version_5_is_up_to_date() {
    let Some(vectors) = vectors("tdx_version_5_is_up_to_date") else { return };
    let (quote, endorsements) = (read(&vectors, "dcap/google/quote_v5_sample.dat"), collateral_a(&vectors, "90c06f"));
    let authentic = judge(&quote, &endorsements, LATER_2026).unwrap();
    let claims = claims(&authentic);
    assert_eq!(hex::encode(claims.pck.fmspc), "90c06f000000");
    assert_eq!(claims.tcb.status, TcbStatus::UpToDate);
    assert_eq!((claims.tcb.tcb_info_number, claims.tcb.qe_identity_number), (18, 18));
    let domain = claims.trust_domain().unwrap();
    assert_eq!((domain.tee_tcb_svn[0], domain.preserving.unwrap().tee_tcb_svn_2[0]), (0x0b, 0x0d));
    // Google's recording of a month before, of this platform too.
    let google = Endorsement::TcbInfo(read(&vectors, "dcap/google/sample_tcbinfo_response_v5"));
    let others = collateral_a(&vectors, "50806f").with(google.clone());
    assert_refused("of a month before", judge(&quote, &others, LATER_2026), "dcap-tcb-info-window");
    let rest = phala(&vectors, "tdx_quote_outdated");
    let rest = rest.items().iter().filter(|item| !matches!(item, Endorsement::TcbInfo(_))).cloned();
    let then = judge(&quote, &Endorsements::default().with_all(rest).with(google), MARCH_2026).unwrap();
    assert_eq!(super::claims(&then).tcb.status, TcbStatus::UpToDate);
    assert_refused("another FMSPC", judge(&quote, &collateral_a(&vectors, "50806f"), LATER_2026), "dcap-fmspc");
    let nonce = hex::decode("945eaacf5abc1f719d8666a942fda03d").unwrap();
    assert!(domain.report_data.starts_with(&nonce));
    let evidence = Evidence::new(Format::Dcap, quote.clone());
    assert!(authenticate(&evidence, &endorsements, &Stated::new(domain.report_data.to_vec()), LATER_2026).is_ok());
    let mut other = domain.report_data.to_vec();
    other[63] ^= 1;
    assert_refused(
        "nonce_one_byte_off",
        authenticate(&evidence, &endorsements, &Stated::new(other), LATER_2026),
        "evidence-binding",
    );
}

#[test]
fn others_below_the_lowest_level() {
    let Some(vectors) = vectors("others_below_the_lowest_level") else { return };
    let quote = read(&vectors, "dcap/misc/tdx-v5-below-lowest.quote");
    let authentic = judge(&quote, &collateral_a(&vectors, "90c06f"), LATER_2026).unwrap();
    assert_eq!(claims(&authentic).tcb.status, TcbStatus::BelowLowest);

    let quote = read(&vectors, "dcap/google/tdx_prod_quote_SPR_E4.dat");
    let authentic = judge(&quote, &collateral_a(&vectors, "50806f"), LATER_2026).unwrap();
    let claims = claims(&authentic);
    assert_eq!(hex::encode(claims.pck.fmspc), "50806f000000");
    assert_eq!(claims.tcb.status, TcbStatus::BelowLowest);
    assert!(claims.tcb.shortfalls.iter().any(|shortfall| shortfall.component == Component::Sgx(1)));
    // "\nextra bytes(only for testing purpose)\n": its recorder's, signed by nobody.
    assert_eq!(claims.trailing_bytes, 39);
}

#[test]
fn a_quote_with_its_own_old_collateral() {
    let Some(vectors) = vectors("a_quote_with_its_own_old_collateral") else { return };
    let file = |name: &str| read(&vectors, &format!("dcap/google/{name}"));
    let endorsements = Endorsements::of_vendors()
        .with_all(certificates(&vectors, "dcap/collateral-a/tcb_signing_chain.pem"))
        .with(Endorsement::Crl(file("rootcrl.der")))
        .with(Endorsement::Crl(file("pckcrl")))
        .with(Endorsement::TcbInfo(file("sample_tcbInfo_response")))
        .with(Endorsement::QeIdentity(file("sample_qeIdentity_response")));
    let quote = file("tdx_prod_quote_SPR_E4.dat");
    // The signer's certificate of 2018 is not in this folder; that of 2025, for the same key, is not valid in 2023.
    let outcome = judge(&quote, &endorsements, JULY_2023);
    assert_refused("a signer's certificate of 2025 in 2023", outcome, "dcap-tcb-signer-chain");
    // Open Enclave's endorsements have it.
    let old = collateral::of_open_enclave(&read(&vectors, "dcap/openenclave/endorsements")).unwrap().unwrap();
    let old = old.into_iter().filter(|item| matches!(item, Endorsement::Certificate(_)));
    let endorsements = endorsements.with_all(old);
    let authentic = judge(&quote, &endorsements, JULY_2023).unwrap();
    // TDX component 2 (late microcode) is 4, the lowest level's is 5.
    let tcb = &claims(&authentic).tcb;
    assert_eq!(tcb.status, TcbStatus::BelowLowest);
    assert!(tcb.shortfalls.iter().any(|shortfall| shortfall.component == Component::Tdx(2)));
    // From 2023-06-18T08:42:58Z to 2023-07-08T07:27:52Z, or a little less.
    let window = authentic.support().window;
    assert_eq!(window.not_before.to_string(), "2023-06-18T08:42:58Z");
    assert!(window.not_after.to_string().starts_with("2023-07-08T07:2"));
    assert!(judge(&quote, &endorsements, UnixTime(window.not_before.0 - 1)).is_err());
    assert!(judge(&quote, &endorsements, UnixTime(window.not_after.0 + 1)).is_err());
}

#[test]
fn debug_is_refused_unless_allowed() {
    let Some(vectors) = vectors("debug_is_refused_unless_allowed") else { return };
    let open_enclave = collateral::of_open_enclave(&read(&vectors, "dcap/openenclave/endorsements")).unwrap().unwrap();
    for (file, endorsements, at, isolation) in [
        ("dcap/misc/tdx-v4-debug.quote", collateral_a(&vectors, "50806f"), LATER_2026, Isolation::Tdx),
        ("dcap/openenclave/evidence", Endorsements::of_vendors().with_all(open_enclave), MAY_2022, Isolation::Sgx),
    ] {
        let evidence = Evidence::new(Format::Dcap, read(&vectors, file));
        assert_refused(file, authenticate(&evidence, &endorsements, &DangerouslyUnbound, at), "evidence-debug");
        let authentic = authenticate(&evidence, &endorsements, &AllowDebug::new(DangerouslyUnbound), at).unwrap();
        assert!(authentic.claims().debug);
        assert_eq!(authentic.claims().isolation, Some(isolation));
        let late =
            authenticate(&evidence, &endorsements, &AllowDebug::new(DangerouslyUnbound), UnixTime(at.0 + 60 * DAY_S));
        assert_refused(file, late, "dcap-pck-chain");
    }
}

/// Quotes without collateral of their time: all that can be said is that it is missing.
#[test]
fn others_lack_their_collateral() {
    let Some(vectors) = vectors("others_lack_their_collateral") else { return };
    let unhex = |file: &str| {
        hex::decode(String::from_utf8(read(&vectors, file)).unwrap().trim().trim_start_matches("0x")).unwrap()
    };
    let tdx = phala(&vectors, "tdx_quote");
    // A platform of the same FMSPC as `tdx_quote`, a year older: SGX component 8 is 3, the lowest level's is 5.
    for file in ["dcap/phala/quote-from-tappd.hex", "dcap/phala/tdx-quote.hex"] {
        let authentic = judge(&unhex(file), &tdx, JUNE_2025).unwrap();
        assert_eq!(claims(&authentic).tcb.status, TcbStatus::BelowLowest, "{file}");
    }
    let cos = read(&vectors, "eventlog/google-tdx-ccel/cos-113-tdx-quote.dat");
    assert_refused("cos-113", judge(&cos, &tdx, JUNE_2025), "dcap-fmspc");
    // An Open Enclave enclave's quote in debug mode, of a platform of FMSPC 00906ea10000.
    let certifier = read(&vectors, "policies/certifier/certifier_service-attestation.bin");
    assert_refused("certifier", judge(&certifier, &phala(&vectors, "sgx_quote"), JUNE_2025), "dcap-fmspc");
    assert_refused("certifier", judge(&certifier, &tdx, JUNE_2025), "dcap-pck-chain");
    // A TDREPORT, which only a quoting enclave of the same host can check.
    assert_refused("report.dat", judge(&read(&vectors, "dcap/google/report.dat"), &tdx, JUNE_2025), "dcap-version");
}

#[test]
fn quotes_in_certificates() {
    let Some(vectors) = vectors("quotes_in_certificates") else { return };
    for file in ["gramine-cert.pem", "intel-sgxsdk-cert.pem", "rats-tls-cert.pem"] {
        let Some(Endorsement::Certificate(der)) = certificates(&vectors, &format!("ratls/{file}")).into_iter().next()
        else {
            panic!("{file}");
        };
        let start =
            der.windows(8).position(|bytes| bytes == [3, 0, 2, 0, 0, 0, 0, 0]).unwrap_or_else(|| panic!("{file}"));
        let outcome = judge(&der[start..], &phala(&vectors, "sgx_quote"), JUNE_2025);
        // Read to the end; the platforms' collateral is not there.
        let refusal = outcome.unwrap_err();
        assert!(["dcap-fmspc", "dcap-pck-chain"].contains(&refusal.rule()), "{file}: {refusal}");
    }
}

#[test]
fn a_cache_changes_nothing() {
    let Some(vectors) = vectors("a_cache_changes_nothing") else { return };
    let cache = Cache::default();
    for (file, endorsements, at) in [
        ("dcap/phala/tdx_quote", phala(&vectors, "tdx_quote"), JUNE_2025),
        ("dcap/phala/sgx_quote", phala(&vectors, "sgx_quote"), JUNE_2025),
        ("dcap/phala/tdx_quote_outdated", phala(&vectors, "tdx_quote_outdated"), MARCH_2026),
        ("dcap/google/quote_v5_sample.dat", collateral_a(&vectors, "90c06f"), LATER_2026),
        ("dcap/phala/sgx_quote", phala(&vectors, "tdx_quote"), JUNE_2025),
    ] {
        let evidence = Evidence::new(Format::Dcap, read(&vectors, file));
        let plain = authenticate(&evidence, &endorsements, &DangerouslyUnbound, at);
        for _ in 0..2 {
            let cached = authenticate_cached(&evidence, &endorsements, &DangerouslyUnbound, at, &cache);
            match (&plain, &cached) {
                (Ok(plain), Ok(cached)) => {
                    assert_eq!(cache.len(), 1, "{file}");
                    assert_eq!((plain.claims(), plain.support()), (cached.claims(), cached.support()));
                }
                (plain, cached) => assert_eq!(plain.as_ref().err(), cached.as_ref().err()),
            }
        }
    }
}
