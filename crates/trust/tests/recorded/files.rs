//! The recorded files that are authentic, with what vouches for them and when they were. docs/tiers.md lists them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use casemate_cose::UnixTime;
use casemate_evidence::{
    AllowDebug, DangerouslyUnbound, Endorsement, Endorsements, KeyOwner, authenticate, loose, public_key, recognise,
    rfc3339,
};
use serde_json::{Value, json};

use super::Recorded;

const CCA_1: &str = "0107060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918";
const CCA_2: &str = "010202020202020202020202020202020202020202020202020202020202020202";
const PSA_2: &str = "01ceebae7b8927a3227e5303cf5e0f1f7b34bb542ad7250ac03fbcde36ec2f1508";

/// Evidence, files and folders of endorsements, and the time.
#[rustfmt::skip]
const FILES: &[(&str, &[&str], &str)] = &[
    ("snp/ms-milan/report.bin", &["snp/ms-milan"], "2026-06-01"),
    ("snp/ms-genoa/report.bin", &["snp/ms-genoa"], "2026-06-01"),
    ("snp/ms-turin/report.bin", &["snp/ms-turin"], "2026-06-01"),
    ("snp/milan-v2/report.bin", &["snp/milan-v2/vcek.der", "snp/roots/ask_ark_milan.pem"], "2024-01-01"),
    ("snp/aws-vlek/report.bin", &["snp/aws-vlek", "snp/roots"], "2025-06-01"),
    ("snp/debug-milan-v2/report.bin", &["snp/debug-milan-v2", "snp/roots"], "2024-01-01"),
    ("dcap/phala/tdx_quote", &["dcap/phala/tdx_quote_collateral.json"], "2025-06-20"),
    ("dcap/phala/sgx_quote", &["dcap/phala/sgx_quote_collateral.json"], "2025-06-20"),
    ("dcap/phala/tdx-quote.hex", &["dcap/phala/tdx_quote_collateral.json"], "2025-06-20"),
    ("dcap/phala/quote-from-tappd.hex", &["dcap/phala/tdx_quote_collateral.json"], "2025-06-20"),
    ("dcap/phala/tdx_quote_outdated", &["dcap/phala/tdx_quote_outdated_collateral.json"], "2026-03-01"),
    ("dcap/google/quote_v5_sample.dat", &["dcap/collateral-a"], "2026-03-20"),
    ("dcap/google/tdx_prod_quote_SPR_E4.dat", &["dcap/collateral-a"], "2026-03-20"),
    ("dcap/google/tdx_prod_quote_SPR_E4.dat", &["dcap/google", "dcap/openenclave/endorsements"], "2023-07-01"),
    ("dcap/misc/tdx-v5-below-lowest.quote", &["dcap/collateral-a"], "2026-03-20"),
    ("dcap/misc/tdx-v4-debug.quote", &["dcap/collateral-a"], "2026-03-20"),
    ("dcap/openenclave/evidence", &["dcap/openenclave/endorsements"], "2022-05-10"),
    ("azure/az-snp-vtpm-v1.json", &["snp/roots/ask_ark_milan.pem"], "2025-06-01"),
    ("nitro/attestation.bin", &[], "2025-12-25T13:30:00Z"),
    ("nitro/debug.bin", &[], "2025-12-25T08:30:00Z"),
    ("cca/cca-token-01.cbor", &[], "2026-01-01"),
    ("cca/cca-token-02.cbor", &[], "2026-01-01"),
    ("psa/psa-token.cbor", &[], "2026-01-01"),
    ("psa/psaintegtoken.cbor", &[], "2026-01-01"),
    ("psa/token-psa.good.cose", &[], "2026-01-01"),
    ("gpu/hopper_evidence.json", &["gpu/NV_GPU_DRIVER_GH100_550.144.03.xml"], "2026-11-22"),
    ("gpu/hopperAttestationReport.txt", &[], "2026-11-22"),
    ("tpm/gce/gce-cos-85-nonce9009.pb", &[], "2022-01-01"),
];

/// Every authentic file by its name, several times where it holds several quotes, and a maker of its evidence: a verdict uses it up.
pub(super) fn authentic(vectors: &Path) -> Vec<(String, Box<dyn Fn() -> Recorded>)> {
    let given = given(vectors);
    let mut authentic: Vec<(String, Box<dyn Fn() -> Recorded>)> = Vec::new();
    for (file, folders, at) in FILES {
        let bytes = fs::read(vectors.join(file)).unwrap();
        let bytes = if *file == "gpu/hopperAttestationReport.txt" { with_chain(vectors, &bytes) } else { bytes };
        let found = recognise(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
        let endorsed = folders.iter().flat_map(|path| endorsements(&vectors.join(path)));
        let endorsements =
            Endorsements::of_vendors().with_all(endorsed).with_all(given.clone()).with_all(found.carried);
        let at = if at.contains('T') { (*at).to_owned() } else { format!("{at}T00:00:00Z") };
        let at: UnixTime = rfc3339(&at).unwrap();
        for evidence in found.evidence {
            let endorsements = endorsements.clone();
            let judge = move || {
                authenticate(&evidence, &endorsements, &AllowDebug::new(DangerouslyUnbound), at)
                    .unwrap_or_else(|refusal| panic!("{file}: {refusal}"))
            };
            authentic.push(((*file).to_owned(), Box::new(judge)));
        }
    }
    authentic
}

/// What a file, or the files of a folder, vouch with; others are passed over.
fn endorsements(path: &Path) -> Vec<Endorsement> {
    let files: Vec<PathBuf> = if path.is_dir() {
        let mut files: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.into_iter().filter(|path| path.is_file()).collect()
    } else {
        vec![path.to_owned()]
    };
    files.iter().filter_map(|file| loose(&fs::read(file).unwrap()).ok()).flatten().collect()
}

/// Keys that are made known one by one, in other projects' JSON.
fn given(vectors: &Path) -> Vec<Endorsement> {
    let read = |file: &str| fs::read(vectors.join(file)).unwrap();
    let json = |file: &str| serde_json::from_slice::<Value>(&read(file)).unwrap();
    let key = |owner, id: &str, key: String| {
        let id = hex::decode(id).unwrap();
        Endorsement::Key { owner, id, spki: public_key(key.as_bytes()).unwrap() }
    };
    let cca = |name: &str| json(&format!("cca/{name}.json"))[0]["pkey"].to_string();
    let psa = |name: &str| json(&format!("psa/{name}.json"))["attributes"]["iak-pub"].as_str().unwrap().to_owned();
    // The key in the certificate at the attestation's end: an RSA key of 2048 bits.
    let attestation = read("tpm/gce/gce-cos-85-nonce9009.pb");
    let start = attestation.windows(6).rposition(|bytes| bytes == [0x30, 0x82, 0x01, 0x22, 0x30, 0x0d]).unwrap();
    vec![
        key(KeyOwner::Cca, CCA_1, cca("ta-tfa")),
        key(KeyOwner::Cca, CCA_2, cca("ta-02-ok")),
        key(KeyOwner::Psa, CCA_1, psa("ta-endorsements")),
        key(KeyOwner::Psa, PSA_2, psa("ta-integ-endorsements")),
        Endorsement::Key { owner: KeyOwner::Tpm, id: Vec::new(), spki: attestation[start..start + 294].to_vec() },
    ]
}

/// A GPU's report in hexadecimal, with its certificates, as NVIDIA's SDK puts both together.
fn with_chain(vectors: &Path, report: &[u8]) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let chain = fs::read(vectors.join("gpu/hopperCertChain.txt")).unwrap();
    let report = hex::decode(String::from_utf8(report.to_vec()).unwrap().trim()).unwrap();
    let device = json!({"evidence": STANDARD.encode(report), "certificate": STANDARD.encode(chain)});
    device.to_string().into_bytes()
}
