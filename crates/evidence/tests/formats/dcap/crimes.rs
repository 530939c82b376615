//! Crimes before signing: each one mutation of what is signed, refused by exactly one rule for one reason.

use casemate_cose::UnixTime;
use casemate_testkit::{
    NOW,
    vendor::intel::{Case, Intel, qe_identity, tcb_info},
};

use super::{super::assert_refused, claims, judge, judge_at, swap};

/// The crime, its mutation, the rule that refuses it.
type Before = (&'static str, fn(&mut Case), &'static str);

fn honest() -> [(&'static str, fn(&Intel) -> Case); 7] {
    [
        ("sgx 3", |intel| intel.sgx(3)),
        ("sgx 4", |intel| intel.sgx(4)),
        ("sgx 5", |intel| intel.sgx(5)),
        ("tdx 4", |intel| intel.tdx(4, 2)),
        ("tdx 5 with a body of TDX 1.0", |intel| intel.tdx(5, 2)),
        ("tdx 5 with a body of TDX 1.5", |intel| intel.tdx(5, 3)),
        ("tdx 5 with a body of TDX 1.5 extended", |intel| intel.tdx(5, 4)),
    ]
}

#[test]
fn honest_quotes_are_accepted() {
    let intel = Intel::default();
    for (name, case) in honest() {
        let authentic = judge(&intel.make(&case(&intel))).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert_eq!(authentic.claims().manifest.map(|digest| *digest.as_bytes()), Some([0xc5; 32]), "{name}");
        assert_eq!(authentic.claims().report_data.bytes, [0xda; 64], "{name}");
        assert!(!authentic.claims().debug, "{name}");
        assert_eq!(claims(&authentic).tcb.shortfalls, [], "{name}");
        assert_eq!(claims(&authentic).trailing_bytes, 0, "{name}");
    }
}

#[test]
fn a_quote_at_the_edges_of_time() {
    let intel = Intel::default();
    let made = intel.make(&intel.tdx(5, 3));
    let window = judge(&made).unwrap().support().window;
    // The lists are the last to begin and the first to end.
    assert_eq!((window.not_before.0, window.not_after.0), (NOW.0 - 3600, NOW.0 + 3600));
    assert!(judge_at(&made, window.not_before).is_ok() && judge_at(&made, window.not_after).is_ok());
}

/// One mutation of what is signed.
const BEFORE: &[Before] = &[
    // The quote.
    ("version_2", |case| case.header[0] = 2, "dcap-version"),
    ("version_6", |case| case.header[0] = 6, "dcap-version"),
    ("attestation_key_p384", |case| case.header[2] = 3, "dcap-attestation-key-type"),
    ("tee_type_unknown", |case| case.header[4] = 0x82, "dcap-tee-type"),
    ("tee_type_of_sgx", |case| case.header[4] = 0, "dcap-body-type"),
    ("qe_of_another_vendor", |case| case.header[12] ^= 1, "dcap-qe-vendor"),
    ("body_type_of_an_enclave", |case| case.body_header[0] = 1, "dcap-body-type"),
    ("body_type_unknown", |case| case.body_header[0] = 5, "dcap-body-type"),
    ("body_type_of_another_length", |case| case.body_header[0] = 2, "dcap-layout"),
    ("body_length_one_short", |case| case.body_header[2] -= 1, "dcap-layout"),
    (
        "body_one_byte_short",
        |case| {
            case.body.pop();
        },
        "dcap-layout",
    ),
    ("version_4_with_a_body_of_5", |case| case.header[0] = 4, "dcap-layout"),
    ("outer_certification_type_5", |case| case.outer_type = 5, "dcap-certification-type"),
    ("inner_certification_type_6", |case| case.certification = Some((6, vec![])), "dcap-certification-type"),
    ("inner_certification_type_7", |case| case.certification = Some((7, vec![])), "dcap-certification-type"),
    ("platform_id_too_short", |case| case.certification = Some((3, vec![0; 403])), "dcap-layout"),
    ("platform_id_too_long", |case| case.certification = Some((1, vec![0; 37])), "dcap-layout"),
    ("platform_id_without_endorsed_pck", |case| case.certification = Some((3, vec![0; 404])), "dcap-pck-missing"),
    ("no_certification_data", |case| case.certification = Some((5, vec![])), "dcap-pck-certificate"),
    (
        "certification_data_no_pem",
        |case| case.certification = Some((5, b"no certificate".to_vec())),
        "dcap-pck-certificate",
    ),
    ("auth_data_too_long", |case| case.auth_data = vec![0; 4097], "dcap-layout"),
    // The PCK certificate and its chain.
    ("pck_revoked", |case| case.pck_crl.revoked.push(30), "dcap-pck-chain"),
    ("pck_ca_revoked", |case| case.root_crl.revoked.push(20), "dcap-pck-chain"),
    ("pck_expired_a_second_ago", |case| case.pck.not_after = NOW.0 - 1, "dcap-pck-chain"),
    ("pck_valid_in_a_second", |case| case.pck.not_before = NOW.0 + 1, "dcap-pck-chain"),
    ("pck_ca_expired_a_second_ago", |case| case.pck_ca.not_after = NOW.0 - 1, "dcap-pck-chain"),
    ("pck_ca_valid_in_a_second", |case| case.pck_ca.not_before = NOW.0 + 1, "dcap-pck-chain"),
    ("pck_ca_is_no_ca", |case| case.pck_ca.ca = None, "dcap-pck-chain"),
    ("pck_crl_ended_a_second_ago", |case| case.pck_crl.next_update = NOW.0 - 1, "dcap-pck-chain"),
    ("pck_crl_begins_in_a_second", |case| case.pck_crl.this_update = NOW.0 + 1, "dcap-pck-chain"),
    ("root_crl_ended_a_second_ago", |case| case.root_crl.next_update = NOW.0 - 1, "dcap-pck-chain"),
    ("root_crl_begins_in_a_second", |case| case.root_crl.this_update = NOW.0 + 1, "dcap-pck-chain"),
    ("pck_of_another_name", |case| case.pck.subject = "Intel SGX TCB Signing".to_owned(), "dcap-pck-name"),
    (
        "pck_with_an_unknown_critical_extension",
        |case| {
            case.pck.extensions.push(("1.2.3.4".to_owned(), true, vec![5, 0]));
        },
        "dcap-pck-chain",
    ),
    // What it says.
    ("fmspc_of_another_platform", |case| case.sgx.fmspc[0] ^= 1, "dcap-fmspc"),
    ("pce_id_of_another_platform", |case| case.sgx.pce_id[0] ^= 1, "dcap-pce-id"),
    (
        "fmspc_too_short",
        |case| {
            case.sgx.fmspc.pop();
        },
        "dcap-pck-extension",
    ),
    ("ppid_too_long", |case| case.sgx.ppid.push(0), "dcap-pck-extension"),
    (
        "fifteen_components",
        |case| {
            case.sgx.components.pop();
        },
        "dcap-pck-extension",
    ),
    ("component_above_a_byte", |case| case.sgx.components[0] = 256, "dcap-pck-extension"),
    ("pce_svn_above_two_bytes", |case| case.sgx.pce_svn = 65_536, "dcap-pck-extension"),
    ("sgx_type_unknown", |case| case.sgx.sgx_type = 3, "dcap-pck-extension"),
    // The quoting enclave.
    ("qe_of_another_signer", |case| case.qe_report[128] ^= 1, "dcap-qe-signer"),
    ("qe_of_another_product", |case| case.qe_report[256] ^= 1, "dcap-qe-product"),
    ("qe_of_another_misc_select", |case| case.qe_report[16] ^= 1, "dcap-qe-misc-select"),
    ("qe_in_debug_mode", |case| case.qe_report[48] |= 2, "dcap-qe-attributes"),
    ("qe_without_provisioning_key", |case| case.qe_report[48] &= !0x10, "dcap-qe-attributes"),
    ("qe_reserved_byte_set", |case| case.qe_report[300] = 1, "dcap-layout"),
    ("qe_report_data_of_another_key", |case| case.qe_report[320] = 1, "dcap-qe-report-data"),
    (
        "qe_report_data_beyond_the_digest",
        |case| {
            let digest = casemate_cose::Digest::of(b"stands for a digest");
            case.qe_report[320..352].copy_from_slice(digest.as_bytes());
            case.qe_report[383] = 1;
        },
        "dcap-qe-report-data",
    ),
    // QE identity.
    ("qe_identity_of_sgx", |case| case.qe_identity = qe_identity("QE", 2), "dcap-qe-identity-id"),
    ("qe_identity_of_the_verifier", |case| case.qe_identity = qe_identity("QVE", 2), "dcap-qe-identity-id"),
    ("qe_identity_of_an_unknown_enclave", |case| case.qe_identity = qe_identity("XQE", 2), "dcap-qe-identity-json"),
    ("qe_identity_ended_a_second_ago", |case| end(&mut case.qe_identity, NOW.0 - 1), "dcap-qe-identity-window"),
    ("qe_identity_issued_in_a_second", |case| begin(&mut case.qe_identity, NOW.0 + 1), "dcap-qe-identity-window"),
    (
        "qe_identity_version_1",
        |case| swap(&mut case.qe_identity, "\"version\":2", "\"version\":1"),
        "dcap-qe-identity-json",
    ),
    (
        "qe_identity_without_levels",
        |case| {
            let start = case.qe_identity.find("\"tcbLevels\":[").unwrap();
            case.qe_identity.truncate(start);
            case.qe_identity.push_str("\"tcbLevels\":[]}");
        },
        "dcap-qe-identity-json",
    ),
    (
        "qe_identity_levels_out_of_order",
        |case| swap(&mut case.qe_identity, "\"isvsvn\":7", "\"isvsvn\":3"),
        "dcap-qe-identity-json",
    ),
    (
        "qe_identity_duplicate_key",
        |case| {
            swap(&mut case.qe_identity, "\"isvprodid\":2", "\"isvprodid\":2,\"isvprodid\":2");
        },
        "dcap-qe-identity-json",
    ),
    (
        "qe_identity_unknown_key",
        |case| {
            swap(&mut case.qe_identity, "\"isvprodid\":2", "\"isvprodid\":2,\"isvProdId\":3");
        },
        "dcap-qe-identity-json",
    ),
    ("qe_identity_mr_signer_short", |case| swap(&mut case.qe_identity, "dcdcdc", "dcdc"), "dcap-qe-identity-json"),
    (
        "qe_identity_mask_off",
        |case| swap(&mut case.qe_identity, "attributesMask\":\"FB", "attributesMask\":\"FF"),
        "dcap-qe-attributes",
    ),
    (
        "qe_identity_misc_select_off",
        |case| {
            swap(&mut case.qe_identity, "miscselect\":\"00000000", "miscselect\":\"00000001");
        },
        "dcap-qe-misc-select",
    ),
    // TCB info.
    ("tcb_info_of_sgx", |case| case.tcb_info = tcb_info("SGX"), "dcap-tcb-info-tee"),
    ("tcb_info_ended_a_second_ago", |case| end(&mut case.tcb_info, NOW.0 - 1), "dcap-tcb-info-window"),
    ("tcb_info_issued_in_a_second", |case| begin(&mut case.tcb_info, NOW.0 + 1), "dcap-tcb-info-window"),
    ("tcb_info_of_another_fmspc", |case| swap(&mut case.tcb_info, "b0c06f000000", "b0c06f000001"), "dcap-fmspc"),
    (
        "tcb_info_of_another_pce",
        |case| swap(&mut case.tcb_info, "\"pceId\":\"0000\"", "\"pceId\":\"0001\""),
        "dcap-pce-id",
    ),
    ("tcb_info_without_pce_id", |case| swap(&mut case.tcb_info, "\"pceId\":\"0000\",", ""), "dcap-tcb-info-json"),
    ("tcb_info_version_4", |case| swap(&mut case.tcb_info, "\"version\":3", "\"version\":4"), "dcap-tcb-info-json"),
    ("tcb_info_type_1", |case| swap(&mut case.tcb_info, "\"tcbType\":0", "\"tcbType\":1"), "dcap-tcb-info-json"),
    (
        "tcb_info_duplicate_key",
        |case| {
            swap(&mut case.tcb_info, "\"tcbType\":0", "\"tcbType\":0,\"tcbType\":0");
        },
        "dcap-tcb-info-json",
    ),
    (
        "tcb_info_unknown_key",
        |case| swap(&mut case.tcb_info, "\"tcbType\":0", "\"tcbType\":0,\"x\":0"),
        "dcap-tcb-info-json",
    ),
    (
        "tcb_info_duplicate_components",
        |case| {
            swap(&mut case.tcb_info, "\"pcesvn\":11", "\"pcesvn\":11,\"pcesvn\":5");
        },
        "dcap-tcb-info-json",
    ),
    ("tcb_components_short", |case| swap(&mut case.tcb_info, "{\"svn\":2},", ""), "dcap-tcb-info-json"),
    (
        "tcb_components_of_both_versions",
        |case| {
            swap(&mut case.tcb_info, "\"pcesvn\":11", "\"pcesvn\":11,\"sgxtcbcomp01svn\":0");
        },
        "dcap-tcb-info-json",
    ),
    (
        "tcb_component_above_a_byte",
        |case| swap(&mut case.tcb_info, "{\"svn\":2}", "{\"svn\":258}"),
        "dcap-tcb-info-json",
    ),
    ("tcb_component_negative", |case| swap(&mut case.tcb_info, "{\"svn\":2}", "{\"svn\":-1}"), "dcap-tcb-info-json"),
    ("tcb_status_unknown", |case| swap(&mut case.tcb_info, "UpToDate", "Uptodate"), "dcap-tcb-info-json"),
    ("tcb_status_that_no_level_has", |case| swap(&mut case.tcb_info, "UpToDate", "BelowLowest"), "dcap-tcb-info-json"),
    (
        "tcb_levels_swapped",
        |case| {
            let start = case.tcb_info.find("\"tcbLevels\":[{\"tcb\":{\"sgx").unwrap() + 13;
            let levels = case.tcb_info[start..case.tcb_info.len() - 2].to_owned();
            let mut levels: Vec<&str> = levels.split(",{\"tcb\":{\"sgx").collect();
            levels[0] = &levels[0]["{\"tcb\":{\"sgx".len()..];
            levels.reverse();
            let joined: Vec<String> = levels.iter().map(|level| format!("{{\"tcb\":{{\"sgx{level}")).collect();
            case.tcb_info = format!("{}{}]}}", &case.tcb_info[..start], joined.join(","));
        },
        "dcap-tcb-info-json",
    ),
    (
        "tdx_module_missing",
        |case| {
            let (start, end) =
                (case.tcb_info.find("\"tdxModule\"").unwrap(), case.tcb_info.find("\"tdxModuleIdentities\"").unwrap());
            case.tcb_info.replace_range(start..end, "");
        },
        "dcap-tcb-info-json",
    ),
    ("tdx_module_identity_nameless", |case| swap(&mut case.tcb_info, "TDX_01", "TDX_1"), "dcap-tcb-info-json"),
    (
        "tdx_module_levels_out_of_order",
        |case| {
            let start = case.tcb_info.find("TDX_01").unwrap();
            let at = start + case.tcb_info[start..].find("\"isvsvn\":4").unwrap();
            case.tcb_info.replace_range(at..at + 10, "\"isvsvn\":9");
        },
        "dcap-tcb-info-json",
    ),
    // The TCB signer.
    ("tcb_signer_revoked", |case| case.root_crl.revoked.push(21), "dcap-tcb-signer-chain"),
    ("tcb_signer_expired_a_second_ago", |case| case.tcb_signer.not_after = NOW.0 - 1, "dcap-tcb-signer-chain"),
    ("tcb_signer_valid_in_a_second", |case| case.tcb_signer.not_before = NOW.0 + 1, "dcap-tcb-signer-chain"),
    (
        "tcb_signer_of_another_name",
        |case| case.tcb_signer.subject = "Intel SGX TCB Signer".to_owned(),
        "dcap-tcb-signer-missing",
    ),
    (
        "tcb_signer_may_not_sign",
        |case| {
            // Key usage: certificates and lists only.
            case.tcb_signer.extensions.push(("2.5.29.15".to_owned(), true, vec![3, 2, 1, 6]));
        },
        "dcap-tcb-signer-chain",
    ),
    // The TDX module.
    ("module_of_another_signer", |case| case.body[64] = 1, "dcap-module-signer"),
    ("module_with_attributes", |case| case.body[112] = 1, "dcap-module-attributes"),
    ("module_unknown_at_launch", |case| case.body[1] = 9, "dcap-module-unknown"),
    ("module_unknown_now", |case| case.body[585] = 9, "dcap-module-unknown"),
    (
        "module_identity_of_another_signer",
        |case| {
            let start = case.tcb_info.find("TDX_01").unwrap();
            let at = start + case.tcb_info[start..].find("\"mrsigner\":\"00").unwrap();
            case.tcb_info.replace_range(at..at + 14, "\"mrsigner\":\"01");
        },
        "dcap-module-signer",
    ),
    // Debug.
    ("debug", |case| case.body[120] |= 1, "evidence-debug"),
    ("profiling", |case| case.body[120] |= 0x20, "evidence-debug"),
];

#[test]
fn crimes_before_signing() {
    let intel = Intel::default();
    for (crime, commit, rule) in BEFORE {
        let mut case = intel.tdx(5, 3);
        commit(&mut case);
        assert_refused(crime, judge(&intel.make(&case)), rule);
    }
}

pub(super) fn begin(text: &mut String, seconds: u64) {
    date(text, "\"issueDate\":\"", seconds);
}

pub(super) fn end(text: &mut String, seconds: u64) {
    date(text, "\"nextUpdate\":\"", seconds);
}

fn date(text: &mut String, name: &str, seconds: u64) {
    let start = text.find(name).unwrap() + name.len();
    text.replace_range(start..start + 20, &UnixTime(seconds).to_string());
}

/// The reasons inside a flaw that several crimes share.
#[test]
fn reasons_are_exact() {
    let intel = Intel::default();
    let cases: [(fn(&mut Case), &str); 9] = [
        (
            |case| case.pck_crl.revoked.push(30),
            "certificate `Intel SGX PCK Certificate` was revoked by `Intel SGX PCK Platform CA`",
        ),
        (
            |case| case.root_crl.revoked.push(20),
            "certificate `Intel SGX PCK Platform CA` was revoked by `Casemate Test SGX Root CA`",
        ),
        (
            |case| case.root_crl.revoked.push(21),
            "certificate `Intel SGX TCB Signing` was revoked by `Casemate Test SGX Root CA`",
        ),
        (|case| case.pck.not_after = NOW.0 - 1, "certificate `Intel SGX PCK Certificate` expired"),
        (|case| case.pck_ca.not_before = NOW.0 + 1, "certificate `Intel SGX PCK Platform CA` is valid from"),
        (|case| case.tcb_signer.not_after = NOW.0 - 1, "certificate `Intel SGX TCB Signing` expired"),
        (|case| case.pck_crl.next_update = NOW.0 - 1, "the revocation list of `Intel SGX PCK Platform CA` holds from"),
        (|case| case.root_crl.this_update = NOW.0 + 1, "the revocation list of `Casemate Test SGX Root CA` holds from"),
        (|case| swap(&mut case.tcb_info, "\"tcbType\":0", "\"tcbType\":0,\"tcbType\":0"), "duplicate field `tcbType`"),
    ];
    for (commit, reason) in cases {
        let mut case = intel.tdx(4, 2);
        commit(&mut case);
        let refusal = judge(&intel.make(&case)).unwrap_err();
        assert!(refusal.to_string().contains(reason), "{refusal} is not because {reason}");
    }
}

/// What only an SGX quote can do.
#[test]
fn crimes_of_enclaves() {
    let intel = Intel::default();
    let crimes: [Before; 8] = [
        ("tdx_in_version_3", |case| case.header[4] = 0x81, "dcap-tee-type"),
        ("tcb_info_of_tdx", |case| case.tcb_info = tcb_info("TDX"), "dcap-tcb-info-tee"),
        ("qe_identity_of_tdx", |case| case.qe_identity = qe_identity("TD_QE", 1), "dcap-qe-identity-id"),
        (
            "tdx_module_in_sgx",
            |case| {
                case.tcb_info = tcb_info("TDX");
                swap(&mut case.tcb_info, "\"id\":\"TDX\"", "\"id\":\"SGX\"");
            },
            "dcap-tcb-info-json",
        ),
        ("reserved_byte_set", |case| case.body[170] = 1, "dcap-layout"),
        ("debug", |case| case.body[48] |= 2, "evidence-debug"),
        (
            "tcb_info_version_2_with_id",
            |case| swap(&mut case.tcb_info, "\"version\":3", "\"version\":2"),
            "dcap-tcb-info-json",
        ),
        (
            "certification_type_6_in_version_3",
            |case| case.certification = Some((6, vec![0; 10])),
            "dcap-certification-type",
        ),
    ];
    for (crime, commit, rule) in crimes {
        let mut case = intel.sgx(3);
        commit(&mut case);
        assert_refused(crime, judge(&intel.make(&case)), rule);
    }
}
