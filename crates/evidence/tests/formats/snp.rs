//! `snp` evidence.

#[path = "snp/crimes.rs"]
mod crimes;
#[path = "snp/honest.rs"]
mod honest;

use std::path::{Path, PathBuf};

use casemate_cose::UnixTime;
use casemate_evidence::{
    AllowDebug, Cache, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, Platform, Stated, authenticate,
    authenticate_cached,
    snp::{Claims, Product, VekKind},
};
use casemate_testkit::{skip, vectors};

use crate::{assert_refused, noise::Accepted, read, unbound};

/// 2026-06-01, 2024-01-01, 2025-06-01.
const JUNE_2026: UnixTime = UnixTime(1_780_272_000);
const JANUARY_2024: UnixTime = UnixTime(1_704_067_200);
const JUNE_2025: UnixTime = UnixTime(1_748_736_000);

struct Real {
    folder: &'static str,
    certificates: &'static [&'static str],
    at: UnixTime,
    /// The window of the signing key's certificate: first and last second.
    window: (UnixTime, UnixTime),
    product: Product,
    version: u32,
}

/// `2026-02-05T01:04:33Z` and seven years on, and so forth: what the certificates say.
const REAL: [Real; 4] = [
    Real {
        folder: "snp/ms-milan",
        certificates: &["snp/ms-milan/ask.pem", "snp/ms-milan/vcek.pem"],
        at: JUNE_2026,
        window: (UnixTime(1_770_253_473), UnixTime(1_991_178_273)),
        product: Product::Milan,
        version: 3,
    },
    Real {
        folder: "snp/ms-genoa",
        certificates: &["snp/ms-genoa/ask.pem", "snp/ms-genoa/vcek.pem"],
        at: JUNE_2026,
        window: (UnixTime(1_770_257_107), UnixTime(1_991_181_907)),
        product: Product::Genoa,
        version: 3,
    },
    Real {
        folder: "snp/ms-turin",
        certificates: &["snp/ms-turin/ask.pem", "snp/ms-turin/vcek.pem"],
        at: JUNE_2026,
        window: (UnixTime(1_770_253_473), UnixTime(1_991_178_273)),
        product: Product::Turin,
        version: 5,
    },
    Real {
        folder: "snp/milan-v2",
        certificates: &["snp/roots/ask_ark_milan.pem", "snp/milan-v2/vcek.der"],
        at: JANUARY_2024,
        window: (UnixTime(1_674_583_106), UnixTime(1_895_507_906)),
        product: Product::Milan,
        version: 2,
    },
];

/// The certificates in PEM or DER files.
fn endorsed(vectors: &Path, files: &[&str]) -> Endorsements {
    let certificates = files.iter().flat_map(|file| certificates(&read(vectors, file)));
    Endorsements::of_vendors().with_all(certificates.map(Endorsement::Certificate))
}

fn certificates(bytes: &[u8]) -> Vec<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(bytes) else { return vec![bytes.to_vec()] };
    let blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    blocks.map(|block| base64(block.split("-----END").next().unwrap())).collect()
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for digit in text.bytes().filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte)) {
        bits = (bits << 6) | u32::try_from(digit).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).unwrap());
        }
    }
    bytes
}

fn claims(platform: &Platform) -> &Claims {
    let Platform::Snp(claims) = platform else { panic!("the claims are of `snp`") };
    claims
}

#[test]
fn real_reports_are_authentic_within_their_window_and_not_a_second_longer() {
    let Some(vectors) = vectors("snp::real_reports") else { return };
    for real in &REAL {
        let bytes = read(&vectors, &format!("{}/report.bin", real.folder));
        let endorsements = endorsed(&vectors, real.certificates);
        let judge = |at| unbound(Format::Snp, &bytes, &endorsements, at);
        let authentic = judge(real.at).unwrap_or_else(|refusal| panic!("{}: {refusal}", real.folder));
        let own = claims(&authentic.claims().platform);
        assert_eq!((own.product, own.version, own.vmpl), (real.product, real.version, 0), "{}", real.folder);
        assert_eq!((own.signed_by, own.csp_id.as_deref()), (VekKind::Vcek, None), "{}", real.folder);
        assert!(!own.revocation_checked && own.chip_id.is_some() && own.report_id_ma.is_none(), "{}", real.folder);
        assert_eq!(own.hwid.as_deref(), own.chip_id.as_ref().map(|id| &id[..own.hwid.as_ref().unwrap().len()]));
        assert!(!authentic.claims().debug && own.policy.smt() && !own.policy.migrate_ma());
        assert_eq!(authentic.support().window.not_after, real.window.1, "{}", real.folder);
        assert_eq!(authentic.claims().manifest.is_some(), real.version > 2, "{}", real.folder);

        let (first, last) = real.window;
        assert!(judge(first).is_ok() && judge(last).is_ok(), "{}", real.folder);
        for (at, says) in [(first.0 - 1, "is valid from"), (last.0 + 1, "expired after")] {
            let refusal = judge(UnixTime(at)).unwrap_err();
            assert_eq!(refusal.rule(), "snp-chain", "{}", real.folder);
            assert!(refusal.to_string().contains(says), "{}: {refusal}", real.folder);
        }
    }
}

#[test]
fn real_claims_are_those_of_the_report() {
    let Some(vectors) = vectors("snp::real_claims") else { return };
    let facts = |folder: &str, at| {
        let real = REAL.iter().find(|real| real.folder == folder).unwrap();
        let bytes = read(&vectors, &format!("{folder}/report.bin"));
        let authentic = unbound(Format::Snp, &bytes, &endorsed(&vectors, real.certificates), at).unwrap();
        authentic.claims().facts()
    };
    let (milan, turin) = (facts("snp/ms-milan", JUNE_2026), facts("snp/ms-turin", JUNE_2026));
    for (facts, name, expected) in [
        (&milan, "isolation", "snp"),
        (&milan, "manifest", "sha256:4f4448c67f3c8dfc8de8a5e37125d807dadcc41f06cf23f615dbd52eec777d10"),
        (&milan, "reported-tcb", "BOOT_LOADER=4 TEE=0 SNP=24 MICROCODE=219"),
        (&milan, "current-firmware", "1.55.29"),
        (&milan, "policy.abi-min", "0.31"),
        (&milan, "policy.smt", "true"),
        (&milan, "platform-info.alias-check-complete", "true"),
        (&milan, "platform-info.tsme-en", "false"),
        (&milan, "family-id", "01000000000000000000000000000000"),
        (&milan, "author-key-digest", "none"),
        (&milan, "guest-svn", "2"),
        (&turin, "product", "Turin"),
        (&turin, "reported-tcb", "FMC=1 BOOT_LOADER=1 TEE=1 SNP=4 MICROCODE=81"),
        (&turin, "hwid", "59790fb1c39f35c1"),
        (&turin, "current-mit-vector", "0x3f"),
        (&turin, "cpuid", "family 0x1a, model 0x2, stepping 0x1"),
        (&turin, "platform-info", "0x65"),
    ] {
        let row = facts.rows().iter().find(|fact| fact.name == name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(row.value, expected, "{name}");
    }
}

#[test]
fn a_vlek_speaks_for_a_cloud_and_a_masked_chip() {
    let Some(vectors) = vectors("snp::aws_vlek") else { return };
    let bytes = read(&vectors, "snp/aws-vlek/report.bin");
    let endorsements = endorsed(&vectors, &["snp/roots/ask_ark_milan_vlek.pem", "snp/aws-vlek/vlek.der"]);
    let authentic = unbound(Format::Snp, &bytes, &endorsements, JUNE_2025).unwrap();
    let own = claims(&authentic.claims().platform);
    assert_eq!((own.signed_by, own.vmpl, own.chip_id, own.hwid.clone()), (VekKind::Vlek, 1, None, None));
    assert_eq!(own.csp_id.as_deref(), Some("CN=cc-us-east-2.amazonaws.com"));
    assert_eq!(own.reported_tcb.above(&own.committed_tcb), None);
    assert_ne!(own.committed_tcb, own.current_tcb);
    // 2025-12-10T22:14:21Z is its last second.
    let last = UnixTime(1_765_404_861);
    assert!(unbound(Format::Snp, &bytes, &endorsements, last).is_ok());
    let refusal = unbound(Format::Snp, &bytes, &endorsements, UnixTime(last.0 + 1)).unwrap_err();
    assert!(refusal.to_string().contains("`SEV-VLEK` expired after 2025-12-10T22:14:21Z"), "{refusal}");
    // The ASK of the same line did not issue it.
    let other = endorsed(&vectors, &["snp/roots/ask_ark_milan.pem", "snp/aws-vlek/vlek.der"]);
    assert_refused("only_the_ask", unbound(Format::Snp, &bytes, &other, JUNE_2025), "snp-ask-missing");
}

#[test]
fn a_vcek_of_another_chip_is_refused() {
    let Some(vectors) = vectors("snp::wrong_chip") else { return };
    let bytes = read(&vectors, "snp/milan-v2/report.bin");
    for file in ["snp/milan-v2/wrong-chip-legacy.vcek.der", "snp/milan-v2/wrong-chip-new.vcek.der"] {
        let endorsements = endorsed(&vectors, &["snp/roots/ask_ark_milan.pem", file]);
        let outcome = unbound(Format::Snp, &bytes, &endorsements, JANUARY_2024);
        // These two were signed by somebody other than AMD besides.
        assert_refused(file, outcome, "snp-chain");
        // Among several the right one is found.
        let both = endorsed(&vectors, &["snp/roots/ask_ark_milan.pem", file, "snp/milan-v2/vcek.der"]);
        assert!(unbound(Format::Snp, &bytes, &both, JANUARY_2024).is_ok(), "{file}");
    }
    // A genuine VCEK of another genuine chip.
    let endorsements = endorsed(&vectors, &["snp/roots/ask_ark_milan.pem", "snp/debug-milan-v2/vcek.der"]);
    assert_refused("another_chip", unbound(Format::Snp, &bytes, &endorsements, JANUARY_2024), "snp-hwid");
}

#[test]
fn a_debug_policy_is_refused_unless_allowed() {
    let Some(vectors) = vectors("snp::debug") else { return };
    let bytes = read(&vectors, "snp/debug-milan-v2/report.bin");
    let endorsements = endorsed(&vectors, &["snp/roots/ask_ark_milan.pem", "snp/debug-milan-v2/vcek.der"]);
    assert_refused("debug", unbound(Format::Snp, &bytes, &endorsements, JANUARY_2024), "evidence-debug");
    let evidence = Evidence::new(Format::Snp, bytes);
    let allowed = authenticate(&evidence, &endorsements, &AllowDebug::new(DangerouslyUnbound), JANUARY_2024).unwrap();
    assert!(allowed.claims().debug);
    let mut nonce = vec![0; 64];
    nonce[..5].copy_from_slice(&[1, 2, 3, 4, 5]);
    assert!(authenticate(&evidence, &endorsements, &AllowDebug::new(Stated::new(nonce.clone())), JANUARY_2024).is_ok());
    nonce[63] = 1;
    let outcome = authenticate(&evidence, &endorsements, &AllowDebug::new(Stated::new(nonce)), JANUARY_2024);
    assert_refused("nonce_one_byte_off", outcome, "evidence-binding");
}

#[test]
fn certificates_of_another_line_do_not_serve() {
    let Some(vectors) = vectors("snp::other_line") else { return };
    let bytes = read(&vectors, "snp/ms-milan/report.bin");
    let swaps: [(&str, &[&str], &str); 3] = [
        ("genoa_chain", &["snp/ms-genoa/ask.pem", "snp/ms-genoa/vcek.pem"], "snp-product"),
        ("genoa_ask", &["snp/ms-genoa/ask.pem", "snp/ms-milan/vcek.pem"], "snp-ask-missing"),
        ("no_vcek", &["snp/ms-milan/ask.pem"], "snp-vek-missing"),
    ];
    for (crime, files, rule) in swaps {
        assert_refused(crime, unbound(Format::Snp, &bytes, &endorsed(&vectors, files), JUNE_2026), rule);
    }
    let no_roots = certificates(&read(&vectors, "snp/roots/ask_ark_milan.pem")).into_iter();
    let no_roots = no_roots.chain(certificates(&read(&vectors, "snp/ms-milan/vcek.pem")));
    let endorsements = Endorsements::default().with_all(no_roots.map(Endorsement::Certificate));
    let refusal = unbound(Format::Snp, &bytes, &endorsements, JUNE_2026).unwrap_err();
    assert_eq!(refusal.to_string(), "the chain of certificates does not hold: `ARK-Milan` is no pinned root");
}

/// Judges mutations of real evidence with its endorsements verified before, as a broker does.
fn assert_none_passes(vectors: &Path, real: &Real, mutations: impl Iterator<Item = (String, Vec<u8>)>) {
    let endorsements = endorsed(vectors, real.certificates);
    let cache = Cache::default();
    for (name, bytes) in mutations {
        let evidence = Evidence::new(Format::Snp, bytes);
        let outcome = authenticate_cached(&evidence, &endorsements, &DangerouslyUnbound, real.at, &cache);
        assert!(outcome.is_err(), "{}: {name} was accepted", real.folder);
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let Some(vectors) = vectors("snp::every_flipped_bit") else { return };
    for real in &REAL {
        let honest = read(&vectors, &format!("{}/report.bin", real.folder));
        let flips = (0..honest.len() * 8).map(|bit| {
            let mut bytes = honest.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            (format!("bit {bit}"), bytes)
        });
        assert_none_passes(&vectors, real, flips);
    }
}

/// Those of a VLEK, and of a guest in debug mode.
#[test]
fn every_flipped_bit_of_a_vlek_s_and_of_a_debug_report_is_refused() {
    let Some(vectors) = vectors("snp::every_flipped_bit_of_others") else { return };
    for (folder, certificates, at) in [
        ("snp/aws-vlek", ["snp/roots/ask_ark_milan_vlek.pem", "snp/aws-vlek/vlek.der"], JUNE_2025),
        ("snp/debug-milan-v2", ["snp/roots/ask_ark_milan.pem", "snp/debug-milan-v2/vcek.der"], JANUARY_2024),
    ] {
        let bytes = read(&vectors, &format!("{folder}/report.bin"));
        let endorsements = endorsed(&vectors, &certificates);
        let accepted = Accepted { format: Format::Snp, bytes: &bytes, endorsements: &endorsements, at };
        accepted.flips_are_refused(1);
        accepted.truncations_are_refused();
        accepted.cache_changes_nothing();
    }
}

#[test]
fn no_truncation_or_random_mutation_passes_or_panics() {
    let Some(vectors) = vectors("snp::mutations") else { return };
    for real in &REAL {
        let honest = read(&vectors, &format!("{}/report.bin", real.folder));
        let cuts = (0..honest.len()).map(|length| (format!("cut to {length}"), honest[..length].to_vec()));
        assert_none_passes(&vectors, real, cuts);
        let mut random = crate::snp::honest::Random(0x5eed);
        let mutations = (0..2000).map(|n| {
            let mut bytes = honest.clone();
            for _ in 0..=random.below(4) {
                let place = random.below(bytes.len());
                bytes[place] ^= u8::try_from(1 + random.below(255)).unwrap();
            }
            (format!("mutation {n}"), bytes)
        });
        // Two mutations of one byte may undo each other.
        let mutations = mutations.filter(|(_, bytes)| *bytes != honest);
        assert_none_passes(&vectors, real, mutations);
    }
}

/// The samples of the package `sev`, where Cargo has unpacked it.
#[test]
fn the_samples_of_the_sev_package_are_authentic() {
    let Some(folder) = package("sev-") else {
        skip(
            "snp::sev_package",
            "the package `sev` is not in Cargo's registry",
            "`cargo fetch` a project that uses it",
        );
        return;
    };
    let folder = folder.join("tests/certs_data");
    let bytes = hex::decode(String::from_utf8(read(&folder, "report_milan.hex")).unwrap().trim()).unwrap();
    let endorsements = endorsed(&folder, &["cert_chain_milan", "vcek_milan.der"]);
    let authentic = unbound(Format::Snp, &bytes, &endorsements, JANUARY_2024).unwrap();
    assert_eq!(claims(&authentic.claims().platform).product, Product::Milan);
}

fn package(prefix: &str) -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))?;
    let registries = std::fs::read_dir(cargo.join("registry/src")).ok()?;
    let mut packages: Vec<_> = registries
        .flatten()
        .flat_map(|registry| std::fs::read_dir(registry.path()).into_iter().flatten().flatten())
        .filter(|package| {
            let name = package.file_name();
            let version = name.to_str().and_then(|name| name.strip_prefix(prefix));
            version.is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
        })
        .map(|package| package.path())
        .collect();
    packages.sort();
    packages.pop()
}
