//! Every recorded file: what the command says of it, inside its window and outside.
//!
//! A file that no row names fails the test, so that none is unaccounted for.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use casemate_testkit::{Folder, vectors};
use serde_json::{Value, json};

use super::{UNBOUND, casemate, claim};

/// Evidence, options, the time, and what comes of it.
struct Row(&'static str, &'static [&'static str], &'static str, Comes);

enum Comes {
    /// With these claims.
    Authentic(&'static [(&'static str, &'static str)]),
    /// By this rule.
    Refused(&'static str),
    /// With these words.
    NotUnderstood(&'static str),
}

use Comes::{Authentic, NotUnderstood, Refused};

const E: &str = "--endorsements";
const KEY: &str = "--trust-key";
const MILAN: &[&str] = &[E, "snp/ms-milan"];
const GENOA: &[&str] = &[E, "snp/ms-genoa"];
const TURIN: &[&str] = &[E, "snp/ms-turin"];
const MILAN_2: &[&str] = &[E, "snp/milan-v2/vcek.der", E, "snp/roots/ask_ark_milan.pem"];
const OTHER_CHIP: &[&str] = &[E, "snp/debug-milan-v2/vcek.der", E, "snp/roots/ask_ark_milan.pem"];
const WRONG_OLD: &[&str] = &[E, "snp/milan-v2/wrong-chip-legacy.vcek.der", E, "snp/roots/ask_ark_milan.pem"];
const WRONG_NEW: &[&str] = &[E, "snp/milan-v2/wrong-chip-new.vcek.der", E, "snp/roots/ask_ark_milan.pem"];
const AWS: &[&str] = &[E, "snp/aws-vlek", E, "snp/roots"];
const DEBUG: &[&str] = &[E, "snp/debug-milan-v2", E, "snp/roots"];
const DEBUG_ALLOWED: &[&str] = &[E, "snp/debug-milan-v2", E, "snp/roots", "--allow-debug"];
const PHALA_TDX: &[&str] = &[E, "dcap/phala/tdx_quote_collateral.json"];
const PHALA_SGX: &[&str] = &[E, "dcap/phala/sgx_quote_collateral.json"];
const PHALA_OLD: &[&str] = &[E, "dcap/phala/tdx_quote_outdated_collateral.json"];
const A: &[&str] = &[E, "dcap/collateral-a"];
const A_DEBUG: &[&str] = &[E, "dcap/collateral-a", "--allow-debug"];
const GOOGLE: &[&str] = &[E, "dcap/google", E, "dcap/openenclave/endorsements"];
const OPEN_ENCLAVE: &[&str] = &[E, "dcap/openenclave/endorsements"];
const OPEN_ENCLAVE_DEBUG: &[&str] = &[E, "dcap/openenclave/endorsements", "--allow-debug"];
const ASK_MILAN: &[&str] = &[E, "snp/roots/ask_ark_milan.pem"];
const DICE: &[&str] = &["--format", "dice"];
const DICE_ROOT: &[&str] = &["--format", "dice", "--trust-root", "dice={given}/nvidia-root.pem"];
const RIM: &[&str] = &[E, "gpu/NV_GPU_DRIVER_GH100_550.144.03.xml"];
const RIM_SIGNATURE: &[&str] = &[E, "gpu/incorrect_signature_driver_rim.xml"];
const RIM_SIGNER: &[&str] = &[E, "gpu/incorrect_cert_chain_driver_rim.xml"];
const CCA_1: &[&str] =
    &[KEY, "cca:0107060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918={given}/ta-tfa.jwk"];
const CCA_1_BARE: &[&str] =
    &[KEY, "cca:0107060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918=cca/cpak.json"];
const CCA_2: &[&str] =
    &[KEY, "cca:010202020202020202020202020202020202020202020202020202020202020202={given}/ta-02-ok.jwk"];
const CCA_2_HALF: &[&str] =
    &[KEY, "cca:010202020202020202020202020202020202020202020202020202020202020202={given}/ta-02-bad.jwk"];
const CCA_2_OTHER: &[&str] =
    &[KEY, "cca:010202020202020202020202020202020202020202020202020202020202020202=cca/pkey.json"];
const CCA_NOBODY: &[&str] = &[KEY, "cca=cca/cpak.json"];
const CCA_THIRD: &[&str] =
    &[KEY, "cca:01aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa={given}/ta.jwk"];
const PSA_1: &[&str] =
    &[KEY, "psa:0107060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918={given}/ta-endorsements.pem"];
const PSA_2: &[&str] =
    &[KEY, "psa:01ceebae7b8927a3227e5303cf5e0f1f7b34bb542ad7250ac03fbcde36ec2f1508={given}/ta-integ-endorsements.pem"];
const PSA_2_OTHER: &[&str] =
    &[KEY, "psa:01ceebae7b8927a3227e5303cf5e0f1f7b34bb542ad7250ac03fbcde36ec2f1508={given}/ta-endorsements.pem"];
const PSA_BAD: &[&str] = &[KEY, "psa:01={given}/ta-bad-key.pem"];
const PSA_BAD_HEADER: &[&str] = &[KEY, "psa:01={given}/ta-bad-key-header.pem"];
const PSA_BAD_PRIVATE: &[&str] = &[KEY, "psa:01={given}/ta-bad-key-private-key.pem"];
const PSA_PRIVATE: &[&str] = &[KEY, "psa:01=psa/token-ec.p256.jwk"];
const GCE: &[&str] = &[KEY, "tpm={given}/gce-ak.der"];

const UP_TO_DATE: Comes = Authentic(&[("tcb-status", "UpToDate"), ("debug", "false")]);
const BELOW: Comes = Authentic(&[("tcb-status", "BelowLowest")]);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row("snp/ms-milan/report.bin", MILAN, "2026-06-01", Authentic(&[("product", "Milan"), ("report-version", "3")])),
    Row("snp/ms-milan/report.bin", MILAN, "2026-02-04", Refused("snp-chain")),
    Row("snp/ms-milan/report.bin", MILAN, "2033-02-06", Refused("snp-chain")),
    Row("snp/ms-milan/report.bin", GENOA, "2026-06-01", Refused("snp-product")),
    Row("snp/ms-milan/report.bin", &[], "2026-06-01", Refused("snp-vek-missing")),
    Row("snp/ms-genoa/report.bin", GENOA, "2026-06-01", Authentic(&[("product", "Genoa"), ("report-version", "3")])),
    Row("snp/ms-genoa/report.bin", GENOA, "2026-01-01", Refused("snp-chain")),
    Row("snp/ms-genoa/report.bin", GENOA, "2034-01-01", Refused("snp-chain")),
    Row("snp/ms-turin/report.bin", TURIN, "2026-06-01", Authentic(&[("product", "Turin"), ("report-version", "5")])),
    Row("snp/ms-turin/report.bin", TURIN, "2026-01-01", Refused("snp-chain")),
    Row("snp/ms-turin/report.bin", TURIN, "2034-01-01", Refused("snp-chain")),
    Row("snp/milan-v2/report.bin", MILAN_2, "2024-01-01", Authentic(&[("product", "Milan"), ("report-version", "2")])),
    Row("snp/milan-v2/report.bin", MILAN_2, "2023-01-01", Refused("snp-chain")),
    Row("snp/milan-v2/report.bin", MILAN_2, "2031-01-01", Refused("snp-chain")),
    Row("snp/milan-v2/report.bin", WRONG_OLD, "2024-01-01", Refused("snp-chain")),
    Row("snp/milan-v2/report.bin", WRONG_NEW, "2024-01-01", Refused("snp-chain")),
    Row("snp/milan-v2/report.bin", OTHER_CHIP, "2024-01-01", Refused("snp-hwid")),
    Row("snp/aws-vlek/report.bin", AWS, "2025-06-01", Authentic(&[("signed-by", "VLEK"), ("vmpl", "1")])),
    Row("snp/aws-vlek/report.bin", AWS, "2024-12-09", Refused("snp-chain")),
    Row("snp/aws-vlek/report.bin", AWS, "2025-12-11", Refused("snp-chain")),
    Row("snp/debug-milan-v2/report.bin", DEBUG, "2024-01-01", Refused("evidence-debug")),
    Row("snp/debug-milan-v2/report.bin", DEBUG_ALLOWED, "2024-01-01", Authentic(&[("debug", "true")])),
    Row("snp/debug-milan-v2/report.bin", DEBUG_ALLOWED, "2031-01-01", Refused("snp-chain")),

    Row("dcap/phala/tdx_quote", PHALA_TDX, "2025-06-20", UP_TO_DATE),
    Row("dcap/phala/tdx_quote", PHALA_TDX, "2025-05-20", Refused("dcap-pck-chain")),
    Row("dcap/phala/tdx_quote", PHALA_TDX, "2025-08-20", Refused("dcap-pck-chain")),
    Row("dcap/phala/tdx_quote", &[], "2025-06-20", Refused("dcap-pck-chain")),
    Row("dcap/phala/sgx_quote", PHALA_SGX, "2025-06-20", Authentic(&[("tcb-status", "ConfigurationAndSWHardeningNeeded")])),
    Row("dcap/phala/sgx_quote", PHALA_SGX, "2025-05-20", Refused("dcap-pck-chain")),
    Row("dcap/phala/sgx_quote", PHALA_SGX, "2025-08-20", Refused("dcap-pck-chain")),
    Row("dcap/phala/tdx-quote.hex", PHALA_TDX, "2025-06-20", BELOW),
    Row("dcap/phala/tdx-quote.hex", PHALA_TDX, "2025-08-20", Refused("dcap-pck-chain")),
    Row("dcap/phala/quote-from-tappd.hex", PHALA_TDX, "2025-06-20", BELOW),
    Row("dcap/phala/quote-from-tappd.hex", PHALA_TDX, "2025-08-20", Refused("dcap-pck-chain")),
    Row("dcap/phala/tdx_quote_outdated", PHALA_OLD, "2026-03-01", BELOW),
    Row("dcap/phala/tdx_quote_outdated", PHALA_OLD, "2025-06-20", Refused("dcap-pck-chain")),
    Row("dcap/phala/tdx_quote_outdated", PHALA_OLD, "2026-05-01", Refused("dcap-pck-chain")),
    Row("dcap/google/quote_v5_sample.dat", A, "2026-03-20", UP_TO_DATE),
    Row("dcap/google/quote_v5_sample.dat", A, "2026-03-01", Refused("dcap-pck-chain")),
    Row("dcap/google/quote_v5_sample.dat", A, "2026-05-01", Refused("dcap-pck-chain")),
    Row("dcap/google/tdx_prod_quote_SPR_E4.dat", A, "2026-03-20", BELOW),
    Row("dcap/google/tdx_prod_quote_SPR_E4.dat", A, "2026-05-01", Refused("dcap-pck-chain")),
    Row("dcap/google/tdx_prod_quote_SPR_E4.dat", GOOGLE, "2023-07-01", BELOW),
    Row("dcap/google/tdx_prod_quote_SPR_E4.dat", GOOGLE, "2023-07-09", Refused("dcap-pck-chain")),
    Row("dcap/google/report.dat", &[], "2025-06-20", NotUnderstood("no evidence that is known here")),
    Row("dcap/misc/tdx-v5-below-lowest.quote", A, "2026-03-20", BELOW),
    Row("dcap/misc/tdx-v5-below-lowest.quote", A, "2026-05-01", Refused("dcap-pck-chain")),
    Row("dcap/misc/tdx-v4-debug.quote", A, "2026-03-20", Refused("evidence-debug")),
    Row("dcap/misc/tdx-v4-debug.quote", A_DEBUG, "2026-03-20", Authentic(&[("debug", "true"), ("tcb-status", "OutOfDate")])),
    Row("dcap/misc/tdx-v4-debug.quote", A_DEBUG, "2026-05-01", Refused("dcap-pck-chain")),
    Row("dcap/openenclave/evidence", OPEN_ENCLAVE, "2022-05-10", Refused("evidence-debug")),
    Row("dcap/openenclave/evidence", OPEN_ENCLAVE_DEBUG, "2022-05-10", Authentic(&[("debug", "true"), ("isolation", "sgx")])),
    Row("dcap/openenclave/evidence", OPEN_ENCLAVE_DEBUG, "2022-04-20", Refused("dcap-pck-chain")),
    Row("dcap/openenclave/evidence", OPEN_ENCLAVE_DEBUG, "2022-07-10", Refused("dcap-pck-chain")),
    // Without collateral of their platforms.
    Row("eventlog/google-tdx-ccel/cos-113-tdx-quote.dat", PHALA_TDX, "2025-06-20", Refused("dcap-fmspc")),
    Row("policies/certifier/certifier_service-attestation.bin", PHALA_SGX, "2025-06-20", Refused("dcap-fmspc")),
    Row("azure/az-tdx-vtpm-v1.json", PHALA_TDX, "2025-06-20", Refused("dcap-fmspc")),

    Row("azure/az-snp-vtpm-v1.json", ASK_MILAN, "2025-06-01", Authentic(&[("isolation", "snp"), ("hardware.product", "Milan")])),
    Row("azure/az-snp-vtpm-v1.json", ASK_MILAN, "2024-01-01", Refused("snp-chain")),
    Row("azure/az-snp-vtpm-v1.json", ASK_MILAN, "2033-01-01", Refused("snp-chain")),
    Row("azure/az-snp-vtpm-v1.json", &[], "2025-06-01", Refused("snp-ask-missing")),

    Row("nitro/attestation.bin", &[], "2025-12-25T13:30:00Z", Authentic(&[("isolation", "nitro"), ("debug", "false")])),
    Row("nitro/attestation.bin", &[], "2025-12-25T16:30:00Z", Refused("nitro-leaf")),
    Row("nitro/attestation.bin", &[], "2025-12-25T12:00:00Z", Refused("nitro-future")),
    Row("nitro/debug.bin", &[], "2025-12-25T08:30:00Z", Refused("evidence-debug")),
    Row("nitro/debug.bin", &["--allow-debug"], "2025-12-25T08:30:00Z", Authentic(&[("debug", "true")])),
    Row("nitro/debug.bin", &["--allow-debug"], "2025-12-25T13:30:00Z", Refused("nitro-leaf")),

    // Tokens have no clock, and given keys no dates.
    Row("cca/cca-token-01.cbor", CCA_1, "2026-01-01", Authentic(&[("isolation", "cca")])),
    Row("cca/cca-token-01.cbor", CCA_1_BARE, "2026-01-01", Authentic(&[("isolation", "cca")])),
    Row("cca/cca-token-01.cbor", &[], "2026-01-01", Refused("cca-unknown-platform")),
    Row("cca/cca-token-01.cbor", CCA_NOBODY, "2026-01-01", NotUnderstood("needs the id")),
    Row("cca/cca-token-01.cbor", CCA_THIRD, "2026-01-01", Refused("cca-unknown-platform")),
    Row("cca/cca-token-02.cbor", CCA_2, "2026-01-01", Authentic(&[("isolation", "cca")])),
    Row("cca/cca-token-02.cbor", CCA_2_HALF, "2026-01-01", Refused("cca-platform-key")),
    Row("cca/cca-token-02.cbor", CCA_2_OTHER, "2026-01-01", Refused("cca-platform-signature")),
    Row("psa/psa-token.cbor", PSA_1, "2026-01-01", Authentic(&[("debug", "false")])),
    Row("psa/psa-token.cbor", &[], "2026-01-01", Refused("psa-unknown-device")),
    Row("psa/psa-token.cbor", PSA_BAD, "2026-01-01", NotUnderstood("ta-bad-key.pem")),
    Row("psa/psa-token.cbor", PSA_BAD_HEADER, "2026-01-01", NotUnderstood("broken PEM")),
    Row("psa/psa-token.cbor", PSA_BAD_PRIVATE, "2026-01-01", NotUnderstood("PRIVATE KEY")),
    Row("psa/psa-token.cbor", PSA_PRIVATE, "2026-01-01", NotUnderstood("a private key")),
    Row("psa/psaintegtoken.cbor", PSA_2, "2026-01-01", Authentic(&[("profile", "http://arm.com/psa/2.0.0")])),
    Row("psa/psaintegtoken.cbor", PSA_2_OTHER, "2026-01-01", Refused("psa-signature")),
    Row("psa/token-psa.good.cose", PSA_2, "2026-01-01", Authentic(&[("profile", "http://arm.com/psa/2.0.0")])),
    Row("psa/token-psa.good.cose", PSA_2_OTHER, "2026-01-01", Refused("psa-signature")),

    Row("gpu/hopper_evidence.json", RIM, "2026-11-22", Authentic(&[("driver-version", "590.12"), ("driver-manifest", "not compared: the one that was given is for `550.144.03`")])),
    Row("gpu/hopper_evidence.json", RIM, "2027-01-01", Refused("gpu-rim")),
    Row("gpu/hopper_evidence.json", RIM_SIGNATURE, "2026-11-22", Refused("gpu-rim")),
    Row("gpu/hopper_evidence.json", RIM_SIGNER, "2026-11-22", Refused("gpu-rim")),
    Row("gpu/hopper_evidence.json", &[], "2020-01-01", Refused("gpu-chain")),
    Row("gpu/hopperAttestationReport.txt", &[], "2026-11-22", NotUnderstood("a GPU's report alone")),
    Row("gpu/hopperAttestationReportExpired.txt", &[], "2026-11-22", NotUnderstood("a GPU's report alone")),
    Row("gpu/hopperAttestationReportInvalidSignature.txt", &[], "2026-11-22", NotUnderstood("a GPU's report alone")),
    Row("{given}/hopperAttestationReport.json", &[], "2026-11-22", Authentic(&[("driver-version", "535.86.09")])),
    Row("{given}/hopperAttestationReportExpired.json", &[], "2026-11-22", Refused("gpu-signature")),
    Row("{given}/hopperAttestationReportInvalidSignature.json", &[], "2026-11-22", Refused("gpu-signature")),
    // A device's identity in DICE certificates: judged as such if it is said to be, below a root that is given.
    Row("gpu/hopperCertChain.txt", &[], "2026-11-22", NotUnderstood("an NVIDIA GPU's certificates, without its report")),
    Row("gpu/hopperCertChain.txt", DICE, "2026-11-22", Refused("dice-chain")),
    Row("gpu/hopperCertChain.txt", DICE_ROOT, "2026-11-22", Refused("dice-tcb-info")),

    // Quotes in certificates: the key's binding holds, and their platforms' collateral is not among the recordings.
    Row("ratls/gramine-cert.pem", PHALA_SGX, "2025-06-20", Refused("dcap-pck-chain")),
    Row("ratls/gramine-cert.pem", &[], "2025-06-20", Refused("dcap-pck-chain")),
    Row("ratls/gramine-cert.pem", PHALA_SGX, "2031-01-01", Refused("ratls-certificate")),
    Row("ratls/intel-sgxsdk-cert.pem", PHALA_SGX, "2025-06-20", Refused("dcap-fmspc")),
    Row("ratls/intel-sgxsdk-cert.pem", PHALA_SGX, "2021-03-31", Refused("ratls-certificate")),
    Row("ratls/rats-tls-cert.pem", &[], "2023-12-01", Refused("dcap-pck-chain")),
    Row("ratls/rats-tls-cert.pem", PHALA_SGX, "2025-06-20", Refused("ratls-certificate")),

    Row("tpm/gce/gce-cos-85-nonce9009.pb", GCE, "2022-01-01", Authentic(&[("isolation", "vm"), ("report-data", "9009")])),
    Row("tpm/gce/gce-cos-85-nonce9009.pb", &[], "2022-01-01", Refused("tpm-ak-chain")),
    Row("tpm/gce/gce-cos-85-no-nonce.pb", GCE, "2022-01-01", Refused("tpm-qualifying-data-empty")),
];

/// Files that are no evidence, by pattern, and what the command says of them.
enum Is {
    /// Vouches for evidence: `endorsements show` shows it, `verify` says where to give it.
    Endorsement(&'static str),
    /// Intel's collateral, broken in ways of which some only a verifier sees; `dcap`'s own tests judge each.
    Collateral,
    /// Nothing that either verb knows; `verify` says these words.
    Other(&'static str),
}

use Is::{Collateral, Endorsement, Other};

const NOTHING: Is = Other("no evidence that is known here");
const LOG: Is = Other("a TCG event log alone");

#[rustfmt::skip]
const NO_EVIDENCE: &[(&str, Is)] = &[
    ("README.md", NOTHING), ("manifest.json", NOTHING), ("dcap/google/README.md", NOTHING),
    ("snp/roots/*.pem", Endorsement("2 certificates")),
    ("snp/*/ask.pem", Endorsement("1 certificate")), ("snp/*/vcek.pem", Endorsement("1 certificate")),
    ("snp/*.der", Endorsement("1 certificate")),
    ("dcap/collateral-a/*_crl*.der", Endorsement("1 crl")),
    ("dcap/collateral-a/*_signing_chain.pem", Endorsement("2 certificates")),
    ("dcap/collateral-a/tcb_info_*.json", Endorsement("1 tcb-info")),
    ("dcap/collateral-a/td_qe_identity.json", Endorsement("1 qe-identity")),
    ("dcap/google/*crl", Endorsement("1 crl")), ("dcap/google/rootcrl.der", Endorsement("1 crl")),
    ("dcap/google/sample_tcb*", Endorsement("1 tcb-info")),
    ("dcap/google/sample_qeIdentity_response", Endorsement("1 qe-identity")),
    ("dcap/openenclave/endorsements", Endorsement("3 certificates, 2 crls, 1 tcb-info and 1 qe-identity")),
    ("dcap/openenclave/tcbinfo/*.json", Collateral), ("dcap/openenclave/qeidentity/*.json", Collateral),
    ("dcap/phala/*_collateral.json", Endorsement("3 certificates, 2 crls, 1 tcb-info and 1 qe-identity")),
    ("eventlog/ccel/*.json", NOTHING), ("eventlog/google-tdx-ccel/ccel_table.dat", NOTHING),
    ("eventlog/google-tdx-ccel/nonce.dat", NOTHING), ("eventlog/google-tdx-ccel/ccel_data.dat", LOG),
    // SHA-1 logs of before there were several banks begin with no name.
    ("eventlog/tpm/debian-10.bin", NOTHING),
    ("eventlog/tpm/*.bin", LOG), ("eventlog/ccel/*", LOG),
    ("cca/*.diag", NOTHING), ("cca/*.json", NOTHING), ("cca/*-id.bin", NOTHING), ("cca/*-claims*.cbor", NOTHING),
    ("corim/*.cbor", NOTHING),
    ("psa/corim-*", NOTHING), ("psa/*.json", NOTHING), ("psa/*.yaml", NOTHING), ("psa/*.jwk", NOTHING),
    ("gpu/*.xml", Endorsement("1 rim")), ("gpu/spdm_parsed_output.json", NOTHING),
    ("nitro/root.pem", Endorsement("1 certificate")),
    // Which of two fields of one name counts is for nobody to guess.
    ("policies/certifier/utilities-policy_schema.json", Other("two fields of the name `oneOf`")),
    ("policies/certifier/data-policy_cert_file.bin", Endorsement("1 certificate")),
    ("policies/certifier/*", NOTHING),
];

#[test]
fn evidence_is_judged() {
    let Some(vectors) = vectors("casemate verify on recorded evidence") else { return };
    let given = given(&vectors);
    let place = |text: &str| text.replace("{given}", &given.path().display().to_string());
    let mut wrong = Vec::new();
    for Row(file, options, at, comes) in ROWS {
        let at = if at.contains('T') { (*at).to_owned() } else { format!("{at}T00:00:00Z") };
        let options: Vec<String> = options.iter().map(|option| place(option)).collect();
        let file = place(file);
        let mut args = vec!["verify", &file, UNBOUND, "--at", &at];
        args.extend(options.iter().map(String::as_str));
        let answer = casemate(&vectors, &args);
        let is_right = match comes {
            Authentic(claims) => {
                answer.code == Some(0)
                    && answer.json["authentic"] == true
                    && claims.iter().all(|(name, value)| claim(&answer.json, name).as_deref() == Some(value))
            }
            Refused(rule) => answer.code == Some(1) && answer.json["authentic"] == false && answer.rules() == [*rule],
            NotUnderstood(words) => answer.code == Some(2) && answer.text("message").contains(words),
        };
        if !is_right {
            let claims = claims_of(&answer.json);
            wrong.push(format!("{args:?}: {:?} {:?} {} {claims}", answer.code, answer.rules(), answer.text("message")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn what_is_no_evidence_is_told_what_it_is() {
    let Some(vectors) = vectors("casemate verify on recorded endorsements") else { return };
    let named: BTreeSet<&str> = ROWS.iter().map(|Row(file, ..)| *file).collect();
    let mut wrong = Vec::new();
    for file in files(&vectors) {
        if named.contains(file.as_str()) {
            continue;
        }
        let Some((_, is)) = NO_EVIDENCE.iter().find(|(pattern, _)| matches(pattern, &file)) else {
            wrong.push(format!("{file}: no row names it"));
            continue;
        };
        let judged = casemate(&vectors, &["verify", &file, UNBOUND]);
        let shown = casemate(&vectors, &["endorsements", "show", &file]);
        let said = format!("{} {}", judged.text("message"), judged.text("help"));
        let is_right = match is {
            Endorsement(holds) => shown.code == Some(0) && said.contains(&format!("it holds {holds}, which vouch")),
            Collateral => matches!(shown.code, Some(0 | 2)),
            Other(words) => shown.code == Some(2) && said.contains(words),
        };
        if !is_right || judged.code != Some(2) {
            wrong.push(format!("{file}: {judged:?} {shown:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let present: BTreeSet<String> = files(&vectors).into_iter().collect();
    let gone: Vec<_> = named.iter().filter(|file| !file.starts_with('{') && !present.contains(**file)).collect();
    assert!(gone.is_empty(), "rows of files that are not there: {gone:?}");
}

/// A manifest for another driver was verified, and compared with nothing: that is not said to have passed.
#[test]
fn what_was_not_compared_has_not_passed() {
    let Some(vectors) = vectors("casemate verify on a GPU without its manifest") else { return };
    let gpu = ["verify", "gpu/hopper_evidence.json", UNBOUND, "--at", "2026-11-22"];
    let given = "not compared: driver and VBIOS: the one that was given is for `550.144.03`";
    for (more, why) in [(&[][..], "not compared: driver and VBIOS: none was given"), (RIM, given)] {
        let answer = casemate(&vectors, &[&gpu[..], more].concat());
        assert_eq!(answer.code, Some(0), "{answer:?}");
        let check = &answer.json["evidence"][0]["checks"][5];
        assert_eq!((&check["outcome"], &check["not_compared"][0]), (&json!("not compared"), &json!(why)), "{check}");
        let all = super::outcomes(&answer.json);
        assert_eq!(all.iter().filter(|outcome| **outcome != "passed").count(), 1, "{all:?}");
        let mut command = std::process::Command::new(crate::party::CASEMATE);
        let output = command.args(gpu).args(more).current_dir(&vectors).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("  not      6. ") && said.contains(why) && !said.contains("passed   6."), "{said}");
    }
}

/// All claims in one line, for the report of a test that fails.
fn claims_of(object: &Value) -> String {
    let claims = object["evidence"][0]["claims"].as_array().into_iter().flatten();
    let claims: Vec<String> = claims.take(24).map(|claim| format!("{}={}", claim["name"], claim["value"])).collect();
    claims.join(" ")
}

/// What the folder has in forms that the command does not take: keys and reports inside other projects' JSON.
fn given(vectors: &Path) -> Folder {
    let folder = Folder::new("verify-given");
    let read = |file: &str| fs::read(vectors.join(file)).unwrap();
    let json = |file: &str| serde_json::from_slice::<Value>(&read(file)).unwrap();
    for name in ["ta", "ta-02-bad", "ta-02-ok", "ta-tfa"] {
        folder.write(&format!("{name}.jwk"), json(&format!("cca/{name}.json"))[0]["pkey"].to_string()).unwrap();
    }
    for name in
        ["ta-bad-key", "ta-bad-key-header", "ta-bad-key-private-key", "ta-endorsements", "ta-integ-endorsements"]
    {
        let anchor = json(&format!("psa/{name}.json"));
        folder.write(&format!("{name}.pem"), anchor["attributes"]["iak-pub"].as_str().unwrap()).unwrap();
    }
    let chain = String::from_utf8(read("gpu/hopperCertChain.txt")).unwrap();
    let root = chain.rfind("-----BEGIN").unwrap();
    folder.write("nvidia-root.pem", &chain[root..]).unwrap();
    let chain = STANDARD.encode(chain);
    for name in ["hopperAttestationReport", "hopperAttestationReportExpired", "hopperAttestationReportInvalidSignature"]
    {
        let report = hex::decode(String::from_utf8(read(&format!("gpu/{name}.txt"))).unwrap().trim()).unwrap();
        let device = json!({"evidence": STANDARD.encode(report), "certificate": chain});
        folder.write(&format!("{name}.json"), device.to_string()).unwrap();
    }
    // The key in the certificate at the attestation's end: an RSA key of 2048 bits.
    let attestation = read("tpm/gce/gce-cos-85-nonce9009.pb");
    let start = attestation.windows(6).rposition(|bytes| bytes == [0x30, 0x82, 0x01, 0x22, 0x30, 0x0d]).unwrap();
    folder.write("gce-ak.der", &attestation[start..start + 294]).unwrap();
    folder
}

/// Every file, by its path within `folder`.
fn files(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(folder, &mut found);
    found.sort();
    found.iter().map(|path| path.strip_prefix(folder).unwrap().display().to_string()).collect()
}

/// Whether `file` is as `pattern` says, in which `*` stands for anything.
fn matches(pattern: &str, file: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == file,
        Some((head, tail)) => file
            .strip_prefix(head)
            .is_some_and(|rest| (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches(tail, &rest[at..]))),
    }
}
