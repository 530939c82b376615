//! Nothing that evidence says makes a verifier allocate beyond a stated bound: 64 times its length, and 1 MiB.
#![expect(clippy::disallowed_methods, reason = "tests read recorded evidence from files")]
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests are as free as tests")]

use std::{collections::BTreeSet, fs, path::Path};

use casemate_cose::{Digest, SigningKey, UnixTime};
use casemate_evidence::{
    AllowDebug, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, Isolation, KeyOwner, Lack,
    authenticate, composite, dcap, gpu, loose, recognise,
    software::{self, Statement},
};
use casemate_testkit::{vectors, vendor::keystone::Report};

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
        damage(format, &honest, 3, &endorsements);
    }
}

/// The rest of the formats: recorded where there is a recording, and otherwise of a vendor of our own.
#[test]
fn truncated_and_mutated_others() {
    let Some(vectors) = vectors("allocations::truncated_and_mutated_others") else { return };
    let read = |file: &str| fs::read(vectors.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let recognised = |file: &str| {
        let found = recognise(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        (found.evidence[0].bytes().to_vec(), found.carried)
    };
    let (azure, azure_carried) = recognised("azure/az-snp-vtpm-v1.json");
    let (ratls, ratls_carried) = recognised("ratls/rats-tls-cert.pem");
    let (tpm, tpm_carried) = recognised("tpm/gce/gce-cos-85-nonce9009.pb");
    let hopper = hex::decode(String::from_utf8(read("gpu/hopperAttestationReport.txt")).unwrap().trim()).unwrap();
    let chain = read("gpu/hopperCertChain.txt");
    let snp = Evidence::new(Format::Snp, read("snp/ms-milan/report.bin"));
    let composite = composite::evidence(&snp, &[gpu::evidence(&hopper, &chain)]).bytes().to_vec();
    let dice: Vec<u8> = loose(&chain)
        .unwrap()
        .into_iter()
        .flat_map(|item| if let Endorsement::Certificate(der) = item { der } else { Vec::new() })
        .collect();
    let keystone = Report::honest();
    let device = Endorsement::Key { owner: KeyOwner::Keystone, id: Vec::new(), spki: keystone.device.spki() };
    let launcher = SigningKey::from_seed(&[9; 32]);
    let software = software::sign(&statement(), &launcher).bytes().to_vec();
    let endorsements = endorsements(&vectors)
        .with_all(azure_carried)
        .with_all(ratls_carried)
        .with_all(tpm_carried)
        .with(Endorsement::Launcher(launcher.public()))
        .with(device);
    // The longer it is, the wider apart are the places.
    for (format, honest, step) in [
        (Format::Azure, azure, 7),
        (Format::Composite, composite, 17),
        (Format::Dice, dice, 7),
        (Format::Keystone, keystone.sign(), 3),
        (Format::Ratls, ratls, 11),
        (Format::Software, software, 1),
        (Format::Tpm, tpm, 47),
    ] {
        damage(format, &honest, step, &endorsements);
    }
    let attestation = read("tpm/gce/gce-cos-85-nonce9009.pb");
    for place in (0..attestation.len()).step_by(31) {
        let mut bytes = attestation.clone();
        bytes.iter_mut().skip(place).take(4).for_each(|byte| *byte = 0xff);
        assert_bounded(&format!("go-tpm-tools from {place}"), bytes.len(), || drop(recognise(&bytes)));
    }
}

/// Cuts evidence short at every so many bytes, and writes what says that something is large over it at every `step`th.
fn damage(format: Format, honest: &[u8], step: usize, endorsements: &Endorsements) {
    for length in (0..honest.len()).step_by(23.max(step)) {
        assert_bounded(&format!("{format} cut to {length}"), length, || {
            judge(format, honest.iter().take(length).copied().collect(), endorsements);
        });
    }
    for place in (0..honest.len()).step_by(step) {
        for value in [0x7f, 0x9b, 0xff] {
            let mut bytes = honest.to_vec();
            bytes.iter_mut().skip(place).take(4).for_each(|byte| *byte = value);
            let case = format!("{format} with {value:#x} from {place}");
            assert_bounded(&case, bytes.len(), || judge(format, bytes, endorsements));
        }
    }
}

fn statement() -> Statement {
    Statement {
        isolation: Isolation::Process,
        runtime: Digest::from_bytes([1; 32]),
        libraries: Digest::from_bytes([10; 32]),
        program: Digest::from_bytes([2; 32]),
        manifest: Digest::from_bytes([3; 32]),
        report_data: [4; 64],
        lacks: BTreeSet::from([Lack::SecretKeys, Lack::Seccomp]),
        secret_bytes: 1 << 20,
        debug: false,
        at: AT,
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
