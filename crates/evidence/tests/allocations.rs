//! Nothing that evidence says makes a verifier allocate beyond a stated bound: 64 times its length, and 1 MiB.
#![expect(clippy::disallowed_methods, reason = "tests read recorded evidence from files")]
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests are as free as tests")]

use std::{fs, path::Path};

use casemate_cose::UnixTime;
use casemate_evidence::{
    AllowDebug, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, authenticate, dcap, gpu, loose,
    recognise,
};
use casemate_testkit::vectors;

/// 2026-03-20.
const AT: UnixTime = UnixTime(1_773_964_800);
const FORMATS: [Format; 13] = [
    Format::Azure,
    Format::Cca,
    Format::Composite,
    Format::Dcap,
    Format::Dice,
    Format::Gpu,
    Format::Keystone,
    Format::Nitro,
    Format::Psa,
    Format::Ratls,
    Format::Snp,
    Format::Software,
    Format::Tpm,
];
/// Endorsements that any verifier may hold; reading them is paid for by their length, not the evidence's.
const ENDORSEMENTS: [&str; 8] = [
    "dcap/phala/tdx_quote_collateral.json",
    "dcap/phala/sgx_quote_collateral.json",
    "snp/ms-milan/ask.pem",
    "snp/ms-milan/vcek.pem",
    "snp/ms-turin/ask.pem",
    "snp/ms-turin/vcek.pem",
    "snp/roots/ask_ark_milan_vlek.pem",
    "gpu/NV_GPU_DRIVER_GH100_550.144.03.xml",
];

const fn bound(length: usize) -> u64 {
    64 * length as u64 + (1 << 20)
}

#[track_caller]
fn assert_bounded(case: &str, length: usize, work: impl FnOnce()) {
    let peak = allocation_counter::measure(work).bytes_max;
    assert!(peak <= bound(length), "`{case}`: {peak} bytes at once for {length}");
}

/// Every file under `folder` that could be evidence.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else {
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            found.push((path.display().to_string(), bytes));
        }
    }
}

fn judge(format: Format, bytes: Vec<u8>, endorsements: &Endorsements) {
    let expectation = AllowDebug::new(DangerouslyUnbound);
    drop(authenticate(&Evidence::new(format, bytes), endorsements, &expectation, AT));
}

/// Every recorded file as evidence of every format, and as what it is recognised to be.
#[test]
fn every_file_as_every_format() {
    let Some(vectors) = vectors("allocations::every_file_as_every_format") else { return };
    let endorsements = endorsements(&vectors);
    let mut found = Vec::new();
    files(&vectors, &mut found);
    for (name, bytes) in &found {
        for format in FORMATS {
            assert_bounded(&format!("{name} as {format}"), bytes.len(), || {
                judge(format, bytes.clone(), &endorsements);
            });
        }
        assert_bounded(&format!("{name}, recognised"), bytes.len(), || drop(recognise(bytes)));
        assert_bounded(&format!("{name}, as endorsements"), bytes.len(), || drop(loose(bytes)));
    }
    assert!(found.len() > 150, "{}", found.len());
}

/// Evidence of each kind, cut short at every so many bytes, and with bytes that say that something is large.
#[test]
fn truncated_and_mutated() {
    let Some(vectors) = vectors("allocations::truncated_and_mutated") else { return };
    let endorsements = endorsements(&vectors);
    let read = |file: &str| fs::read(vectors.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let hopper = hex::decode(String::from_utf8(read("gpu/hopperAttestationReport.txt")).unwrap().trim()).unwrap();
    let hopper = gpu::evidence(&hopper, &read("gpu/hopperCertChain.txt")).bytes().to_vec();
    for (format, honest) in [
        (Format::Cca, read("cca/cca-token-01.cbor")),
        (Format::Dcap, read("dcap/phala/tdx_quote")),
        (Format::Gpu, hopper),
        (Format::Nitro, read("nitro/attestation.bin").split_off(4)),
        (Format::Psa, read("psa/psa-token.cbor")),
        (Format::Snp, read("snp/ms-milan/report.bin")),
    ] {
        for length in (0..honest.len()).step_by(23) {
            assert_bounded(&format!("{format} cut to {length}"), length, || {
                judge(format, honest.iter().take(length).copied().collect(), &endorsements);
            });
        }
        for place in (0..honest.len()).step_by(3) {
            for value in [0x7f, 0x9b, 0xff] {
                let mut bytes = honest.clone();
                bytes.iter_mut().skip(place).take(4).for_each(|byte| *byte = value);
                let case = format!("{format} with {value:#x} from {place}");
                assert_bounded(&case, bytes.len(), || judge(format, bytes, &endorsements));
            }
        }
    }
}

/// Collateral that says that something is large, or goes deep.
#[test]
fn endorsements_too() {
    for (case, text) in [
        ("deep_json", "[".repeat(100_000)),
        ("deep_xml", "<a>".repeat(100_000)),
        ("many_blocks", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".repeat(2_000)),
    ] {
        assert_bounded(case, text.len(), || drop(loose(text.as_bytes())));
        assert_bounded(case, text.len(), || drop(dcap::TcbInfo::read(text.as_bytes())));
    }
}

fn endorsements(vectors: &Path) -> Endorsements {
    let items = ENDORSEMENTS.iter().flat_map(|file| loose(&fs::read(vectors.join(file)).unwrap()).unwrap());
    Endorsements::of_vendors().with_all(items.collect::<Vec<Endorsement>>())
}
